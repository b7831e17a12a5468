//! Everything the edge answers, in one router.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use http::{StatusCode, header};

use crate::{
    docs, headers,
    hosts::Origins,
    openai, openapi,
    passthrough::{self, is_grpc},
    rest, socket,
    state::Edge,
    web, webhooks, widget,
};

/// The public router. Readiness and metrics live on the ops listener; `/healthz` and `/readyz` are here too, for probes
/// that reach nothing else.
pub fn router(edge: Edge) -> Router {
    let Origins { api, admin, widget, .. } = &edge.origins;
    let document = openapi::document(openapi::Servers { api, admin, widget });
    let document: &'static str = Box::leak(document.to_string().into_boxed_str());
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route(
            "/api/v1/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) }),
        )
        .route("/docs", get(docs::reference))
        .route("/errors/{reason}", get(docs::error))
        .route("/api/v1/events", any(events))
        .route("/api/v1/openai/chat/completions", post(openai::completions))
        .route("/api/v1/openai/models", get(openai::models))
        .route("/api/v1/openai/models/{id}", get(openai::model))
        .route("/webhooks/telegram/{hook_id}", post(webhooks::telegram))
        .route(web::REPORTS_PATH, post(web::take_reports))
        .fallback(other)
        .layer(middleware::from_fn_with_state(edge.clone(), headers::secure))
        .with_state(edge)
}

async fn ready(State(edge): State<Edge>) -> Response {
    if edge.shutdown.begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining").into_response();
    }
    "ready".into_response()
}

/// The same path is the socket with `Upgrade`, and Server-Sent Events without.
async fn events(State(edge): State<Edge>, request: Request<Body>) -> Response {
    if request.headers().contains_key(header::UPGRADE) {
        return socket::open(edge, request).await;
    }
    rest::handle(edge, request).await
}

async fn other(State(edge): State<Edge>, request: Request<Body>) -> Response {
    if is_grpc(request.headers()) {
        return passthrough::handle(edge, request).await;
    }
    let (parts, body) = request.into_parts();
    if let Some(answer) = widget::answer(&edge, &parts).await {
        return answer;
    }
    let request = Request::from_parts(parts, body);
    if let Some(answer) = web::answer(&edge.web, &edge.origins, &request) {
        return answer;
    }
    rest::handle(edge, request).await
}
