//! The edge as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    neipix_mesh::run::run(neipix_edge::serve::NAME, neipix_edge::serve::process)
}
