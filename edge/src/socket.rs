//! The WebSocket at `/api/v1/events`: opened by a ticket, every frame checked, resumable, closed on revocation.
//!
//! Close codes: 4001 session revoked or token no longer good, 4003 right lost, 4008 reads too slowly (resume with the
//! last number), 1001 this edge drains (resume elsewhere).

mod frames;
mod session;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, Request, ws::WebSocketUpgrade},
    response::Response,
};
use http::{HeaderValue, header};
use neipix_mesh::Failure;
use neipix_proto::{
    access::v1::ErrorReason,
    auth::v1::{ErrorReason as AuthReason, RedeemSocketTicketRequest, auth_service_client::AuthServiceClient},
    methods,
};

use crate::{
    hosts::Site,
    incoming::Incoming,
    problem::{self, Frame},
    state::Edge,
};

/// The sub-protocol that carries the ticket: a header, never the URL, which ends up in logs.
const TICKET: &str = "ticket.";
/// What the server agrees to.
const PROTOCOL: &str = "neipix.v1";
/// Largest frame from a client, in bytes.
const FRAME_MOST: usize = 64 * 1024;

/// Opens a socket.
pub async fn open(edge: Edge, request: Request<Body>) -> Response {
    let (mut parts, _) = request.into_parts();
    let incoming = Incoming::read(&parts, &edge);
    let frame = Frame { api_origin: &edge.origins.api, trace_id: incoming.trace_id() };
    let admitted = admit(&edge, &parts.headers, parts.uri.query(), &incoming).await;
    let authorization = match admitted {
        Ok(authorization) => authorization,
        Err(failure) => return problem::of_failure(failure, &frame),
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(_) => {
            let failure = Failure::new(ErrorReason::BodyMalformed, "this is not a WebSocket handshake");
            return problem::of_failure(failure, &frame);
        }
    };
    let traceparent = incoming.traceparent.clone();
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(FRAME_MOST)
        .max_frame_size(FRAME_MOST)
        // Clients say little; the usual 128 KB would be most of what an open socket costs.
        .read_buffer_size(4 * 1024)
        // Beyond this the writer waits, and the session notices that its reader is too slow.
        .max_write_buffer_size(256 * 1024)
        // Small pieces go together up to this much; a reader that stops has it kept for nothing.
        .write_buffer_size(4 * 1024)
        .on_upgrade(move |socket| session::run(edge, socket, authorization, traceparent))
}

/// The handshake: our own page (or a program, which sends no Origin), a ticket that was not spent, the right to watch.
async fn admit(
    edge: &Edge,
    headers: &http::HeaderMap,
    query: Option<&str>,
    incoming: &Incoming,
) -> Result<HeaderValue, Failure> {
    let site = incoming.site.filter(|s| matches!(s, Site::App | Site::Api));
    let site = site.ok_or_else(|| Failure::new(ErrorReason::NotFound, "there is no socket on this host"))?;
    if let Some(origin) = headers.get(header::ORIGIN) {
        let own = edge.origins.of(site);
        if origin.as_bytes() != own.as_bytes() && origin.as_bytes() != edge.origins.app.as_bytes() {
            return Err(Failure::new(ErrorReason::CsrfRefused, "this page may not open a socket"));
        }
    }
    if query.is_some_and(|q| q.contains("token") || q.contains("ticket")) {
        return Err(Failure::new(ErrorReason::TokenInvalid, "a ticket travels as a sub-protocol, never in the URL"));
    }
    let ticket = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .find_map(|p| p.trim().strip_prefix(TICKET));
    let ticket = ticket.ok_or_else(|| {
        Failure::new(ErrorReason::TokenInvalid, "open the socket with the sub-protocols neipix.v1 and ticket.<ticket>")
    })?;
    let mut auth = AuthServiceClient::new(edge.mesh.background("svc-auth"));
    let request = RedeemSocketTicketRequest { workspace_id: String::new(), ticket: ticket.to_owned() };
    let token = auth.redeem_socket_ticket(request).await.map_err(|status| {
        if neipix_mesh::failure::read_status(&status).is(AuthReason::TicketInvalid) {
            return Failure::new(ErrorReason::TokenInvalid, "the ticket was spent, has expired or never was");
        }
        Failure::from(status)
    })?;
    let token = token.into_inner().access_token;
    let authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(Failure::internal)?;
    let watch = methods().get("/neipix.chats.v1.ConversationService/Watch").ok_or_else(Failure::not_found)?;
    edge.guard.admit_token(watch, &token).await?;
    Ok(authorization)
}
