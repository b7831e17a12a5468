//! svc-admin as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    neipix_mesh::run::run(svc_admin::NAME, |boot| {
        neipix_mesh::service::process(
            boot,
            svc_admin::NAME,
            svc_admin::SERVICES,
            svc_admin::MIGRATIONS,
            svc_admin::serve,
        )
    })
}
