//! Security headers, and CORS by host.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    hosts::{Site, host_of},
    panics::caught,
    state::Edge,
    widget,
};

/// What scripts of our other pages may send.
const ALLOWED_HEADERS: &str = "authorization, content-type, idempotency-key, last-event-id, traceparent, x-request-id, \
     x-grpc-web, x-user-agent, grpc-timeout";
/// What they may read.
const EXPOSED_HEADERS: &str = "etag, retry-after, traceparent, x-request-id, x-neipix-ignored, grpc-status, grpc-message, grpc-status-details-bin";

/// Puts the headers on every response and answers preflights.
pub async fn secure(State(edge): State<Edge>, request: Request<Body>, next: Next) -> Response {
    let site = edge.origins.site(host_of(request.uri(), request.headers()));
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let upgrade = request.headers().contains_key(header::UPGRADE);
    let https = edge.origins.app.starts_with("https://");
    let path = request.uri().path().to_owned();
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        caught(next.run(request), &edge.origins.api).await
    };
    let status = response.status();
    let headers = response.headers_mut();
    if site == Some(Site::Widget) && widget::key_of(&path).is_some() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.as_ref()
            && widget::may_read(&edge, &path, origin).await
        {
            widget::allow(headers, origin, preflight);
        }
    } else if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        cross_origin(headers, &edge, site, origin.as_ref(), preflight);
    }
    if upgrade && status != StatusCode::SWITCHING_PROTOCOLS {
        // Behind a request to upgrade nobody follows the framing.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    // What is an answer to one person is kept by no cache, whichever face gave it.
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(self)");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if site != Some(Site::Widget) {
        set(header::X_FRAME_OPTIONS, "DENY");
    }
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    response
}

/// The API host answers scripts of our own pages, without cookies; every other host answers its own pages only, which
/// needs no header. A foreign origin gets none.
fn cross_origin(
    headers: &mut HeaderMap,
    edge: &Edge,
    site: Option<Site>,
    origin: Option<&HeaderValue>,
    preflight: bool,
) {
    if !matches!(site, Some(Site::Api | Site::Widget)) {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin.filter(|o| o.to_str().is_ok_and(|o| edge.origins.ours(o))) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, PATCH, DELETE, OPTIONS"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}
