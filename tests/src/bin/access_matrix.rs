//! Makes `docs/access-matrix.md` from the rpcs' options; `--check` only compares and fails on drift.

use std::{io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wrong = match neipix_tests::permissions::write_access_matrix(&root, check) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(wrong)) => wrong,
        Err(error) => format!("the document cannot be read or written: {error}"),
    };
    // A closed pipe must not hide the exit code.
    let _ = writeln!(std::io::stderr(), "{wrong}");
    ExitCode::FAILURE
}
