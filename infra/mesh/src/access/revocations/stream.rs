//! Revocations from svc-auth's stream.

use std::time::Duration;

use neipix_proto::auth::v1::{WatchRevocationsRequest, auth_service_client::AuthServiceClient};
use tonic::Status;

use super::Revocations;
use crate::{client::Mesh, shutdown::Shutdown};

/// A stream that is silent longer than three heartbeats is dead.
const SILENCE: Duration = Duration::from_millis(1_500);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Holds `WatchRevocations` open until shutdown. Each new stream begins with the last 15 minutes, so nothing is missed.
pub async fn watch(mesh: Mesh, revocations: Revocations, shutdown: Shutdown) {
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    while !shutdown.begun() {
        let ended = tokio::select! {
            () = shutdown.wait() => return,
            ended = follow(&mesh, &revocations, &mut pause) => ended,
        };
        if !told {
            tracing::info!(error = &ended as &dyn std::error::Error, "svc-auth's revocations are not heard; trying on");
        }
        told = pause > FIRST_PAUSE;
        if !shutdown.sleep(pause).await {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn follow(mesh: &Mesh, revocations: &Revocations, pause: &mut Duration) -> Status {
    let mut client = AuthServiceClient::new(mesh.background("svc-auth"));
    let request = WatchRevocationsRequest { workspace_id: String::new() };
    let mut stream = match client.watch_revocations(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status,
    };
    loop {
        match tokio::time::timeout(SILENCE, stream.message()).await {
            Ok(Ok(Some(revocation))) => {
                *pause = FIRST_PAUSE;
                revocations.hear(&revocation);
            }
            Ok(Ok(None)) => return Status::unavailable("the stream ended"),
            Ok(Err(status)) => return status,
            Err(_) => return Status::unavailable("the stream is silent"),
        }
    }
}
