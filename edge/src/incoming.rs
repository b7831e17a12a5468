//! What is read of every request before anything is done: ids, host, address, body.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use neipix_mesh::{Failure, telemetry::new_traceparent};
use neipix_proto::access::v1::ErrorReason;
use uuid::Uuid;

use crate::{
    address,
    hosts::{Site, host_of},
    state::Edge,
    wire::WHOLE,
};

/// Largest JSON body, in bytes.
pub const BODY_MOST: usize = 1024 * 1024;
/// Longest URL, in bytes.
pub const URL_MOST: usize = 8 * 1024;

/// A request's frame.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// W3C trace context, the caller's where it is well formed.
    pub traceparent: String,
    /// The caller's id where it is well formed, else ours.
    pub request_id: String,
    /// Which of our hosts.
    pub site: Option<Site>,
    /// Where it came from.
    pub address: IpAddr,
}

impl Incoming {
    /// Reads it.
    #[must_use]
    pub fn read(parts: &Parts, edge: &Edge) -> Self {
        let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let peer = parts
            .extensions
            .get::<axum::extract::ConnectInfo<SocketAddr>>()
            .map_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)), |info| info.0);
        Self {
            traceparent: text("traceparent")
                .filter(|t| well_formed_trace(t))
                .map_or_else(new_traceparent, str::to_owned),
            request_id: text("x-request-id")
                .filter(|id| well_formed_id(id))
                .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
            site: edge.origins.site(host_of(&parts.uri, &parts.headers)),
            address: address::client(peer, &parts.headers, &edge.proxies),
        }
    }

    /// The 32 hex digits by which on-call finds the request.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }
}

fn well_formed_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn well_formed_trace(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |s: &str, n: usize| s.len() == n && s.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase());
    let nonzero = |s: &str| s.chars().any(|c| c != '0');
    matches!(parts.as_slice(), [v, trace, span, flags]
        if *v == "00" && hex(trace, 32) && nonzero(trace) && hex(span, 16) && nonzero(span) && hex(flags, 2))
}

/// Reads a JSON body whole; nothing beyond the limit is kept.
///
/// # Errors
/// MEDIA_TYPE, BODY_TOO_LARGE, BODY_MALFORMED.
pub async fn json_body(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Failure> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|e| e.as_bytes() != b"identity") {
        return Err(Failure::new(ErrorReason::MediaType, "send the body without Content-Encoding"));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|l| l > most as u64) {
        return Err(too_large(most));
    }
    let collected = tokio::time::timeout(WHOLE, Limited::new(body, most).collect()).await;
    let collected =
        collected.map_err(|_| Failure::new(ErrorReason::BodyMalformed, "the body did not arrive whole in time"))?;
    let bytes = collected.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            too_large(most)
        } else {
            Failure::new(ErrorReason::BodyMalformed, "the body broke off").with_source(error)
        }
    })?;
    let bytes = bytes.to_bytes();
    if !bytes.is_empty() && !is_json(headers) {
        return Err(Failure::new(ErrorReason::MediaType, "send the body as Content-Type: application/json"));
    }
    Ok(bytes)
}

fn too_large(most: usize) -> Failure {
    Failure::new(ErrorReason::BodyTooLarge, format!("the body is larger than {most} bytes"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}
