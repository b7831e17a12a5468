//! svc-chats as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    neipix_mesh::run::run(svc_chats::NAME, |boot| {
        neipix_mesh::service::process(
            boot,
            svc_chats::NAME,
            svc_chats::SERVICES,
            svc_chats::MIGRATIONS,
            svc_chats::serve,
        )
    })
}
