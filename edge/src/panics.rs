//! A handler of the edge that panics costs its caller the answer, and nobody else anything.

use std::panic::AssertUnwindSafe;

use axum::response::Response;
use futures::FutureExt as _;
use neipix_mesh::{Failure, telemetry::new_traceparent};

use crate::problem::{self, Frame};

/// The handler's answer, or INTERNAL with a trace id that our log names too.
pub async fn caught(handling: impl Future<Output = Response>, api_origin: &str) -> Response {
    if let Ok(response) = AssertUnwindSafe(handling).catch_unwind().await {
        return response;
    }
    let traceparent = new_traceparent();
    let trace_id = traceparent.get(3..35).unwrap_or_default();
    tracing::error!(trace_id, "a handler of the edge panicked");
    problem::of_failure(Failure::internal("a handler of the edge panicked"), &Frame { api_origin, trace_id })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    use super::*;

    async fn breaks() -> Response {
        panic!("hunter2")
    }

    #[tokio::test]
    async fn o_5_a_panic_is_internal_with_a_trace_id_only() {
        // trust: O-5
        let response = caught(breaks(), "https://api.example.com").await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut problem: Value = serde_json::from_slice(&body).unwrap();
        let trace = problem["trace_id"].take();
        assert!(
            trace.as_str().is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())),
            "{trace}"
        );
        assert_eq!(
            problem,
            json!({"type": "https://api.example.com/errors/INTERNAL", "title": problem["title"], "status": 500,
                   "detail": "internal error; the trace id finds it", "reason": "INTERNAL", "trace_id": null})
        );
    }
}
