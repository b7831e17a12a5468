//! Native gRPC and gRPC-Web, passed on as bytes to the service that owns the rpc.

use std::time::Instant;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request, header};
use neipix_mesh::{Failure, client::Passing};
use neipix_proto::{Method, access::v1::ErrorReason, methods};
use tonic::{Status, body::Body};
use tower::{Layer as _, ServiceExt as _};

use crate::{
    cookies,
    incoming::Incoming,
    rest::admit,
    state::{Edge, owner},
};

/// Whether a request speaks gRPC, native or for browsers.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// Answers it. gRPC-Web is turned into gRPC here, so that services see one kind of call.
pub async fn handle(edge: Edge, request: Request<axum::body::Body>) -> Response {
    let web = kind(request.headers()).is_some_and(|k| k.starts_with("application/grpc-web"));
    let request = request.map(Body::new);
    let pass = tower::service_fn(move |request: Request<Body>| {
        let edge = edge.clone();
        async move { Ok::<_, std::convert::Infallible>(pass(&edge, request, web).await) }
    });
    let answer = tonic_web::GrpcWebLayer::new().layer(pass).oneshot(request).await;
    match answer {
        Ok(response) => response.map(axum::body::Body::new),
        Err(never) => match never {},
    }
}

fn kind(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

async fn pass(edge: &Edge, request: Request<Body>, web: bool) -> http::Response<Body> {
    match try_pass(edge, request, web).await {
        Ok(response) => response,
        Err(status) => status.into_http(),
    }
}

async fn try_pass(edge: &Edge, request: Request<Body>, web: bool) -> Result<http::Response<Body>, Status> {
    let (mut parts, body) = request.into_parts();
    let incoming = Incoming::read(&parts, edge);
    let method = methods().get(parts.uri.path()).filter(|m| passable(m, web)).ok_or_else(unknown)?;
    let site = incoming.site.filter(|site| site.serves(method)).ok_or_else(unknown)?;
    let authorization = admit(edge, method, &parts.headers, site, &incoming).await.map_err(Failure::into_status)?;
    let asked = parts.headers.get("grpc-timeout").and_then(|v| v.to_str().ok()).and_then(timeout);
    let passing = Passing {
        authorization,
        idempotency_key: parts
            .headers
            .get("idempotency-key")
            .filter(|_| method.takes_idempotency_key())
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned),
        traceparent: incoming.traceparent.clone(),
        request_id: incoming.request_id.clone(),
        deadline: Instant::now() + asked.map_or(method.timeout, |t| t.min(method.timeout)),
        address: Some(incoming.address),
        origin: parts.headers.get(header::ORIGIN).cloned(),
    };
    keep_protocol_headers(&mut parts.headers);
    let outgoing = edge.mesh.passing(owner(method), passing);
    outgoing.oneshot(Request::from_parts(parts, body)).await
}

/// Internal rpcs do not exist here; those that set cookies are not served to browsers' gRPC-Web.
fn passable(method: &Method, web: bool) -> bool {
    let cookies = || {
        !cookies::fields_of(&method.descriptor.input()).is_empty()
            || !cookies::fields_of(&method.descriptor.output()).is_empty()
    };
    !method.is_internal() && method.face.is_empty() && !(web && cookies())
}

fn unknown() -> Status {
    let reason = neipix_proto::Reason::info(ErrorReason::NotFound);
    Status::unimplemented(reason.title)
}

/// Everything that the sender may have made up is dropped; what may travel on is set by the client side.
fn keep_protocol_headers(headers: &mut HeaderMap) {
    let kept: Vec<(http::HeaderName, HeaderValue)> = ["content-type", "te", "grpc-encoding", "grpc-accept-encoding"]
        .into_iter()
        .filter_map(|name| headers.get(name).map(|v| (http::HeaderName::from_static(name), v.clone())))
        .collect();
    headers.clear();
    headers.extend(kept);
}

/// `grpc-timeout` holds at most 8 digits and a unit.
fn timeout(text: &str) -> Option<std::time::Duration> {
    use std::time::Duration;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3_600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}
