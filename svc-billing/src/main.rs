//! svc-billing as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    neipix_mesh::run::run(svc_billing::NAME, |boot| {
        neipix_mesh::service::process(
            boot,
            svc_billing::NAME,
            svc_billing::SERVICES,
            svc_billing::MIGRATIONS,
            svc_billing::serve,
        )
    })
}
