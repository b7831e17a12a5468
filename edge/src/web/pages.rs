//! Pages of the edge itself, for a person who opens a host that has no app to show.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::{docs, hosts::Site};

/// The API's host in a browser.
#[must_use]
pub fn api() -> Response {
    docs::page(
        "Neipix API",
        "<h1>Neipix API</h1><p>This host is for programs: REST below <code>/api/v1</code>, Server-Sent Events, \
         WebSocket, gRPC and gRPC-Web.</p><p><a href=\"/docs\">API reference</a> · \
         <a href=\"/api/v1/openapi.json\">openapi.json</a></p>",
    )
}

/// The host of an app that was not built.
#[must_use]
pub fn not_built(site: Site) -> Response {
    let name = if site == Site::Admin { "The staff's app" } else { "The app" };
    let body = format!(
        "<h1>{name} is not built</h1><p>The API works; the pages are missing. In the checkout, <code>make web</code> \
         builds them into <code>web/dist</code>, and <code>make up</code> builds and serves them. An edge that runs by \
         itself is told by the setting <code>WEB_DIR</code> where they lie, and reads them at its start.</p>"
    );
    let mut response = docs::page("Neipix", &body);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}
