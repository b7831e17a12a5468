//! What browsers say that our policies refused: a slip of ours, or an attack that failed.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use crate::{hosts::host_of, state::Edge};

/// Where they are sent to.
pub const PATH: &str = "/csp-reports";
/// Most bytes of one batch.
const BATCH_MOST: usize = 64 * 1024;
/// Most reports that are read of a batch.
const REPORTS_MOST: usize = 20;
/// Anybody can send reports: at most one line of the log in this time.
const QUIET: Duration = Duration::from_secs(1);
/// A batch that has not come by then is dropped.
const WHOLE: Duration = Duration::from_secs(10);
/// Most characters of a field in the log.
const FIELD_MOST: usize = 120;

/// Remembers when the log was last written to.
#[derive(Debug, Default)]
pub struct Reports(Mutex<Option<Instant>>);

impl Reports {
    /// Whether a line may be written now.
    fn may_tell(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = last.is_none_or(|last| now.duration_since(last) >= QUIET);
        if free {
            *last = Some(now);
        }
        free
    }
}

/// The value of `Reporting-Endpoints`: the name that policies use, at the page's own host.
pub(super) fn endpoints() -> HeaderValue {
    HeaderValue::from_static("csp=\"/csp-reports\"")
}

/// `POST /csp-reports`: counted, and told in the log.
pub async fn take(State(edge): State<Edge>, request: Request<Body>) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/reports+json") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let site = edge.origins.site(host_of(request.uri(), request.headers()));
    let collected = tokio::time::timeout(WHOLE, Limited::new(request.into_body(), BATCH_MOST).collect()).await;
    let Ok(Ok(body)) = collected else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let Some(refused) = read(&body.to_bytes()) else { return StatusCode::BAD_REQUEST.into_response() };
    metrics::counter!("neipix_csp_reports_total").increment(refused.len() as u64);
    if let Some(first) = refused.first()
        && edge.web.reports.may_tell(Instant::now())
    {
        tracing::warn!(
            ?site,
            directive = first.directive,
            blocked = first.blocked,
            page = first.page,
            count = refused.len(),
            "a browser refused something by our content policy"
        );
    }
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Debug, PartialEq, Eq)]
struct Refused {
    directive: String,
    blocked: String,
    page: String,
}

/// The violations of a batch; nothing where it is no batch.
fn read(body: &[u8]) -> Option<Vec<Refused>> {
    let Value::Array(reports) = serde_json::from_slice(body).ok()? else { return None };
    let of = |report: &Value| {
        let text = |name: &str| field(report["body"][name].as_str().unwrap_or_default());
        (report["type"] == "csp-violation").then(|| Refused {
            directive: text("effectiveDirective"),
            blocked: text("blockedURL"),
            page: text("documentURL"),
        })
    };
    Some(reports.iter().take(REPORTS_MOST).filter_map(of).collect())
}

/// What may stand in the log: queries and fragments of addresses can hold secrets.
fn field(text: &str) -> String {
    let bare = text.split(['?', '#']).next().unwrap_or_default();
    bare.chars().filter(|c| !c.is_control()).take(FIELD_MOST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reports_are_read_without_what_addresses_hide() {
        let batch = json!([
            {"type": "csp-violation", "body": {"effectiveDirective": "img-src",
             "blockedURL": "https://evil.example/x.png?q=secret#s", "documentURL": "https://app.example/chats\n"}},
            {"type": "deprecation", "body": {}}
        ]);
        let found = read(batch.to_string().as_bytes()).unwrap();
        let expected = Refused {
            directive: "img-src".into(),
            blocked: "https://evil.example/x.png".into(),
            page: "https://app.example/chats".into(),
        };
        assert_eq!(found, [expected]);
        assert_eq!((read(b"{}"), read(b"nonsense")), (None, None));
    }

    #[test]
    fn a_crowd_of_reports_writes_one_line_a_second() {
        let (reports, start) = (Reports::default(), Instant::now());
        assert!(reports.may_tell(start));
        assert!(!reports.may_tell(start + QUIET / 2));
        assert!(reports.may_tell(start + QUIET));
    }
}
