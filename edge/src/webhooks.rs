//! Webhooks of messaging services: the raw update goes to svc-chats; answered only after it is stored.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Request, StatusCode};
use neipix_mesh::{Failure, client::Passing, failure::read_status};
use neipix_proto::{
    access::v1::ErrorReason,
    chats::v1::{IngestRequest, ingest_service_client::IngestServiceClient},
};

use crate::{
    incoming::{BODY_MOST, Incoming, json_body},
    problem::{self, Frame},
    state::Edge,
};

/// `POST /webhooks/telegram/{hook_id}`.
pub async fn telegram(State(edge): State<Edge>, Path(hook_id): Path<String>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::read(&parts, &edge);
    let frame = Frame { api_origin: &edge.origins.api, trace_id: incoming.trace_id() };
    match take(&edge, hook_id, &parts.headers, body, &incoming).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failure) => problem::of_failure(failure, &frame),
    }
}

async fn take(
    edge: &Edge,
    hook_id: String,
    headers: &HeaderMap,
    body: Body,
    incoming: &Incoming,
) -> Result<(), Failure> {
    let secret = headers.get("x-telegram-bot-api-secret-token").and_then(|v| v.to_str().ok());
    // Without a secret there is nothing to look up: strangers do not reach the database.
    let secret = secret.ok_or_else(|| {
        Failure::new(ErrorReason::TokenInvalid, "the header X-Telegram-Bot-Api-Secret-Token is missing")
    })?;
    let update = json_body(headers, body, BODY_MOST).await?;
    let request =
        IngestRequest { workspace_id: String::new(), hook_id, secret: secret.to_owned(), update: update.to_vec() };
    let passing = Passing {
        authorization: None,
        idempotency_key: None,
        traceparent: incoming.traceparent.clone(),
        request_id: incoming.request_id.clone(),
        deadline: Instant::now() + std::time::Duration::from_secs(5),
        address: None,
        origin: None,
    };
    let mut chats = IngestServiceClient::new(edge.mesh.passing("svc-chats", passing));
    chats.ingest(request).await.map(|_| ()).map_err(|status| {
        let reading = read_status(&status);
        // Anything that a repeat cannot mend must not be repeated for a day: 2xx is for what was stored, 401 for strangers.
        Failure::of(reading.reason_or_standard(), reading.message.clone()).with_source(status)
    })
}
