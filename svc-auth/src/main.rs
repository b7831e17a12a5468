//! svc-auth as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    neipix_mesh::run::run(svc_auth::NAME, |boot| {
        neipix_mesh::service::process(boot, svc_auth::NAME, svc_auth::SERVICES, svc_auth::MIGRATIONS, svc_auth::serve)
    })
}
