//! svc-assistants as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the service starts itself again to read files behind a fence.
    svc_assistants::extraction::child::run_if_asked();
    neipix_mesh::run::run(svc_assistants::NAME, |boot| {
        neipix_mesh::service::process(
            boot,
            svc_assistants::NAME,
            svc_assistants::SERVICES,
            svc_assistants::MIGRATIONS,
            svc_assistants::serve,
        )
    })
}
