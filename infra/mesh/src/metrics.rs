//! Prometheus metrics, and the ops listener that shows them.

use std::{sync::OnceLock, time::Duration};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::StatusCode;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::{health::Readiness, shutdown::Shutdown};

/// Seconds; from a cache hit to a slow provider.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The recorder of this process, installed on first use.
pub fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let builder = match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS) {
                Ok(builder) => builder,
                Err(_) => PrometheusBuilder::new(),
            };
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Another recorder of the same process (a test's) stays.
            let _ = ::metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

/// All metrics as Prometheus reads them.
#[must_use]
pub fn render() -> String {
    install().render()
}

/// `/metrics`, `/healthz` (the process lives) and `/readyz` (it can work: JSON of what is down).
pub fn ops(readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(|| async { render() }))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let state = readiness.state();
    let status = if state.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(state))
}

/// Folds what histograms have collected, until shutdown: without it they grow while nobody reads `/metrics`.
pub async fn upkeep(shutdown: Shutdown) {
    let handle = install();
    while shutdown.sleep(Duration::from_secs(5)).await {
        handle.run_upkeep();
    }
}

/// Serves the ops listener until shutdown.
pub async fn serve_ops(listener: TcpListener, readiness: Readiness, shutdown: Shutdown) {
    let served = axum::serve(listener, ops(readiness)).with_graceful_shutdown(async move { shutdown.wait().await });
    if let Err(error) = served.await {
        tracing::error!(error = &error as &dyn std::error::Error, "the ops listener ended");
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    async fn get(path: &str) -> (u16, String) {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let answer = ops(Readiness::new()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_ops_listener_shows_metrics_and_readiness() {
        install();
        ::metrics::histogram!("neipix_test_seconds", "rpc" => "a").record(0.02);
        let (status, text) = get("/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("neipix_test_seconds_bucket{rpc=\"a\",le=\"0.025\"} 1"), "{text}");
        assert_eq!(get("/healthz").await, (200, "ok".to_owned()));
        assert_eq!(get("/readyz").await, (503, r#"{"ready":false,"down":[],"broken":[]}"#.to_owned()));
        assert_eq!(get("/else").await.0, 404);
    }
}
