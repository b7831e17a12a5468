//! Makes `docs/trust.md` from the ids that tests name; `--check` only compares and fails on drift.

use std::{io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wrong = match neipix_tests::trust::write(&root, check) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(wrong)) => wrong,
        Err(error) => vec![format!("the sources cannot be read: {error}")],
    };
    for line in wrong {
        // A closed pipe must not hide the exit code.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    ExitCode::FAILURE
}
