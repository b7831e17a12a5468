//! The process that reads one file and ends.
//!
//! It is this very binary with a hidden first argument. Every `main` from which extraction may be started
//! calls [`run_if_asked`] before anything else, while there is one thread and no open socket.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::panic;
use std::process::ExitCode;

use super::sandbox::{self, Fence};
use super::{ExtractionFailure, FILE_BYTES_MAX, FailureReason, FileType, extract, frame};

/// The hidden first argument.
pub(super) const ARGUMENT: &str = "extract-child";

/// When the process was started as an extraction child: does its work and ends the process. Else returns.
pub fn run_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ARGUMENT) {
        let arguments: Vec<OsString> = arguments.collect();
        std::process::exit(i32::from(run(&arguments) != ExitCode::SUCCESS));
    }
}

fn run(arguments: &[OsString]) -> ExitCode {
    let Some((declared, fence)) = parse(arguments) else {
        return ExitCode::FAILURE;
    };
    // Nothing of the parent's environment is of use to a parser, and its panics are not for a terminal.
    panic::set_hook(Box::new(|_| {}));
    if let Err(error) = sandbox::enter(fence) {
        let _ = writeln!(io::stderr(), "sandbox: {error}");
        return ExitCode::FAILURE;
    }
    let outcome = read_input().and_then(|bytes| {
        panic::catch_unwind(|| extract(declared, &bytes))
            .unwrap_or_else(|_| Err(ExtractionFailure::new(FailureReason::ExtractionCrashed, "the parser panicked")))
    });
    let mut out = io::BufWriter::new(io::stdout().lock());
    match frame::write(&mut out, &outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// `<type> <parent pid> <memory bytes> <cpu seconds>`, as `runner` gives them.
fn parse(arguments: &[OsString]) -> Option<(FileType, Fence)> {
    let [declared, parent_pid, memory_bytes, cpu_seconds] = arguments else {
        return None;
    };
    Some((
        FileType::parse(declared.to_str()?)?,
        Fence {
            parent_pid: parent_pid.to_str()?.parse().ok()?,
            memory_bytes: memory_bytes.to_str()?.parse().ok()?,
            cpu_seconds: cpu_seconds.to_str()?.parse().ok()?,
        },
    ))
}

/// Eight bytes of length, then the file: a pipe that ended early must not pass for a short file.
fn read_input() -> Result<Vec<u8>, ExtractionFailure> {
    let crashed = |error: io::Error| {
        ExtractionFailure::new(FailureReason::ExtractionCrashed, format!("the file did not arrive whole: {error}"))
    };
    let mut input = io::stdin().lock();
    let mut head = [0u8; 8];
    input.read_exact(&mut head).map_err(crashed)?;
    let length = u64::from_be_bytes(head);
    if length > FILE_BYTES_MAX {
        return Err(ExtractionFailure::new(
            FailureReason::LimitExceeded,
            format!("{length} bytes, at most {FILE_BYTES_MAX} are read"),
        ));
    }
    let mut bytes = vec![0u8; usize::try_from(length).unwrap_or(usize::MAX)];
    input.read_exact(&mut bytes).map_err(crashed)?;
    Ok(bytes)
}
