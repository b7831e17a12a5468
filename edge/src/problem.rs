//! Refusals as RFC 9457 `application/problem+json`.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use neipix_mesh::{
    Failure,
    failure::{Reading, read_status},
};
use serde_json::{Value, json};
use tonic::Status;

use crate::names::json_path;

/// What a problem says beside the refusal itself.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// `https://api.example.com`: problem types live below it.
    pub api_origin: &'a str,
    /// The trace id, 32 hex digits.
    pub trace_id: &'a str,
}

/// Status and body of a refusal.
#[must_use]
pub fn body(reading: &Reading, frame: &Frame<'_>) -> (StatusCode, Value) {
    let info = reading.reason_or_standard();
    // The words of a failure inside never leave; where no process of ours made the status they could be anything.
    let detail = match (reading.reason, info.name) {
        (Some(_), name) if name != "INTERNAL" => reading.message.as_str(),
        (_, "UNAVAILABLE") => "temporarily not reachable; try again",
        (_, "DEADLINE") => "the answer did not come in time",
        (_, "INTERNAL") => "internal error; the trace id finds it",
        _ => info.title,
    };
    let mut problem = json!({
        "type": format!("{}/errors/{}", frame.api_origin, info.name),
        "title": info.title,
        "status": info.status(),
        "detail": detail,
        "reason": info.name,
        "trace_id": frame.trace_id,
    });
    if !reading.fields.is_empty() {
        let fields = reading.fields.iter().map(|f| json!({"field": json_path(&f.field), "message": f.message}));
        problem["errors"] = fields.collect();
    }
    if let Some(object) = &reading.object {
        problem["object"] = json!(object);
    }
    if let Some(challenge) = &reading.challenge {
        problem["challenge"] = json!(challenge);
    }
    (StatusCode::from_u16(info.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem)
}

/// A refusal that another process made.
#[must_use]
pub fn of_status(status: &Status, frame: &Frame<'_>) -> Response {
    of_reading(&read_status(status), frame)
}

/// A refusal of our own.
#[must_use]
pub fn of_failure(failure: Failure, frame: &Frame<'_>) -> Response {
    of_status(&failure.into_status(), frame)
}

/// The response of a refusal, `Retry-After` included.
#[must_use]
pub fn of_reading(reading: &Reading, frame: &Frame<'_>) -> Response {
    let (status, problem) = body(reading, frame);
    let mut response = (status, Body::from(problem.to_string())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let wait = reading.retry_after.map(|d| d.as_secs().max(1));
    let wait = wait.or_else(|| matches!(status.as_u16(), 429 | 503).then_some(1));
    if let Some(Ok(value)) = wait.map(|s| HeaderValue::from_str(&s.to_string())) {
        headers.insert(header::RETRY_AFTER, value);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
