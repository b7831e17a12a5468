//! What went wrong at a provider, in kinds that say what to do next.

use std::time::Duration;

use http::HeaderMap;
use neipix_mesh::egress::EgressError;
use serde_json::Value;

/// Most characters of a provider's words that are kept.
const DETAIL_CHARS_MAX: usize = 2_000;
/// A longer wish to be left alone is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection, or it broke.
    Network,
    /// Too slow.
    Timeout,
    /// Too many calls.
    RateLimited,
    /// The account has no money.
    NoCredit,
    /// The key is not accepted.
    Auth,
    /// No such model.
    NoModel,
    /// Overloaded or broken.
    Server,
    /// Another call stands in the way.
    Conflict,
    /// The prompt is longer than the model's window.
    TooLong,
    /// Our own mistake.
    BadRequest,
    /// Filtered or refused.
    Filtered,
}

impl ErrorKind {
    /// The name in events, rows and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::NoCredit => "no_credit",
            Self::Auth => "auth",
            Self::NoModel => "no_model",
            Self::Server => "server",
            Self::Conflict => "conflict",
            Self::TooLong => "too_long",
            Self::BadRequest => "bad_request",
            Self::Filtered => "filtered",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// What kind.
    pub kind: ErrorKind,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
    /// Whether text came before.
    pub after_first_token: bool,
    /// The parameter that a 400 names.
    pub parameter: Option<String>,
    /// The provider's own words, masked and cut; for staff only.
    pub detail: String,
}

impl CallError {
    /// Of a kind, with words of ours.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: &str) -> Self {
        Self { kind, retry_after: None, after_first_token: false, parameter: None, detail: mask(detail, None) }
    }

    pub(super) fn network(after_first_token: bool, detail: &str) -> Self {
        Self { after_first_token, ..Self::new(ErrorKind::Network, detail) }
    }

    pub(super) fn after(mut self, began: bool) -> Self {
        self.after_first_token |= began;
        self
    }
}

/// A failure below HTTP.
pub(super) fn of_egress(error: &EgressError) -> CallError {
    let kind = match error {
        EgressError::Timeout { .. } => ErrorKind::Timeout,
        EgressError::Unreachable { .. } | EgressError::Broken { .. } => ErrorKind::Network,
        EgressError::Redirects { .. } | EgressError::TooLarge { .. } | EgressError::NotJson { .. } => ErrorKind::Server,
        EgressError::Forbidden { .. } | EgressError::Invalid { .. } => ErrorKind::BadRequest,
    };
    CallError::new(kind, &error.to_string())
}

/// An HTTP answer that is no answer.
pub(super) fn of_answer(status: u16, headers: &HeaderMap, body: &[u8], key: Option<&str>) -> CallError {
    let text = String::from_utf8_lossy(body);
    let parsed: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    // Some proxies wrap the object into a list.
    let parsed = parsed.get(0).cloned().unwrap_or(parsed);
    let error = parsed.get("error").cloned().unwrap_or(parsed);
    let kind = classify(status, &error, &text);
    CallError {
        kind,
        retry_after: retry_after(headers),
        after_first_token: false,
        parameter: (kind == ErrorKind::BadRequest).then(|| parameter(&error)).flatten(),
        detail: mask(&format!("HTTP {status}: {text}"), key),
    }
}

/// An error object in the middle of a stream.
pub(super) fn in_stream(error: &Value, began: bool, key: Option<&str>) -> CallError {
    let text = error.to_string();
    let status = error.get("code").and_then(Value::as_u64).and_then(|c| u16::try_from(c).ok()).unwrap_or(500);
    let detail = mask(&text, key);
    CallError { after_first_token: began, detail, ..CallError::new(classify(status, error, &text), "") }
}

fn classify(status: u16, error: &Value, text: &str) -> ErrorKind {
    let named = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let (code, kind) = (named("code"), named("type"));
    let is = |wanted: &[&str]| wanted.iter().any(|w| code == *w || kind == *w);
    let lower = text.to_lowercase();
    if is(&["insufficient_quota", "credit_balance_exhausted", "billing_error"]) || status == 402 {
        return ErrorKind::NoCredit;
    }
    if is(&["context_length_exceeded", "request_too_large"]) || status == 413 || says_too_long(status, &lower) {
        return ErrorKind::TooLong;
    }
    if is(&["model_not_found"]) {
        return ErrorKind::NoModel;
    }
    if is(&["content_filter", "content_policy_violation"]) {
        return ErrorKind::Filtered;
    }
    if is(&["rate_limit_exceeded", "rate_limit_error"]) {
        return ErrorKind::RateLimited;
    }
    match status {
        401 | 403 => ErrorKind::Auth,
        404 => ErrorKind::NoModel,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        400 | 422 => ErrorKind::BadRequest,
        _ => ErrorKind::Server,
    }
}

/// The shapes in which servers say that a prompt is too long. Only of answers that blame the request.
fn says_too_long(status: u16, lower: &str) -> bool {
    const SHAPES: [&str; 6] = [
        "maximum context length",
        "prompt is too long",
        "exceeds the maximum number of tokens",
        "exceed context limit",
        "exceeds the available context size",
        "is longer than the model's context length",
    ];
    matches!(status, 400 | 422) && SHAPES.iter().any(|shape| lower.contains(shape))
}

/// The parameter that a 400 blames.
fn parameter(error: &Value) -> Option<String> {
    if let Some(named) = error.get("param").and_then(Value::as_str).filter(|p| !p.is_empty()) {
        return Some(named.to_owned());
    }
    let message = error.get("message").and_then(Value::as_str).or(error.as_str())?;
    let known = ["max_completion_tokens", "stream_options", "temperature", "top_p", "stop"];
    known.into_iter().find(|name| message.contains(name)).map(str::to_owned)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let seconds = |s: f64| Duration::try_from_secs_f64(s).ok();
    let found = text("retry-after-ms")
        .and_then(|v| v.parse::<f64>().ok())
        .and_then(|ms| seconds(ms / 1_000.0))
        .or_else(|| text("retry-after").and_then(|v| v.parse().ok()).and_then(seconds))
        .or_else(|| text("x-ratelimit-reset-requests").and_then(spelled))
        .or_else(|| text("x-ratelimit-reset-tokens").and_then(spelled))?;
    (found <= RETRY_AFTER_MAX).then_some(found)
}

/// `6m0s`, `1.5s`, `120ms`.
fn spelled(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match rest.get(..unit)? {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = rest.get(unit..)?;
    }
    Duration::try_from_secs_f64(total).ok()
}

/// A provider's words without anything that looks like a key, cut. They may echo prompts too: staff only.
#[must_use]
pub fn mask(text: &str, key: Option<&str>) -> String {
    let without_key = match key.filter(|k| !k.is_empty()) {
        // As it is, and as JSON writes it.
        Some(key) => text.replace(key, "***").replace(Value::from(key).to_string().trim_matches('"'), "***"),
        None => text.to_owned(),
    };
    let mut masked = String::with_capacity(without_key.len().min(DETAIL_CHARS_MAX * 4));
    let mut word = String::new();
    for symbol in without_key.chars().take(DETAIL_CHARS_MAX * 2).chain([' ']) {
        if symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_' | '.' | '*') {
            word.push(symbol);
            continue;
        }
        masked.push_str(if looks_secret(&word) { "***" } else { &word });
        word.clear();
        masked.push(symbol);
    }
    masked.trim_end().chars().take(DETAIL_CHARS_MAX).collect()
}

fn looks_secret(word: &str) -> bool {
    let prefixed = ["sk-", "sk_", "npk_", "pk-", "AQVN", "AIza"].iter().any(|p| word.starts_with(p)) && word.len() > 8;
    // Keys that vendors half-mask themselves are masked whole.
    let half_masked = word.contains("**") && word.len() > 8;
    let random =
        word.len() >= 32 && word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(|c| c.is_ascii_alphabetic());
    prefixed || half_masked || random
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn kind(status: u16, body: &str) -> ErrorKind {
        of_answer(status, &HeaderMap::new(), body.as_bytes(), None).kind
    }

    #[test]
    fn kinds_follow_codes_before_statuses() {
        let too_long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens…","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
        let cases = [
            (400, too_long, ErrorKind::TooLong),
            (401, r#"{"error":{"code":"invalid_api_key"}}"#, ErrorKind::Auth),
            (404, r#"{"error":{"code":"model_not_found"}}"#, ErrorKind::NoModel),
            (429, r#"{"error":{"type":"requests","code":"rate_limit_exceeded"}}"#, ErrorKind::RateLimited),
            (429, r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#, ErrorKind::NoCredit),
            (402, "", ErrorKind::NoCredit),
            (500, "{}", ErrorKind::Server),
            (502, "<html>Bad gateway 429</html>", ErrorKind::Server),
            (504, "", ErrorKind::Timeout),
            (400, r#"{"error":{"message":"string too long","param":"user"}}"#, ErrorKind::BadRequest),
            (400, r#"{"error":{"message":"the prompt is too long: 9 > 8"}}"#, ErrorKind::TooLong),
            (409, "{}", ErrorKind::Conflict),
            (307, "", ErrorKind::Server),
        ];
        for (status, body, expected) in cases {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_blamed_parameter_is_named() {
        let body = r#"{"error":{"message":"Unsupported parameter: 'temperature'","type":"invalid_request_error","param":"temperature"}}"#;
        let error = of_answer(400, &HeaderMap::new(), body.as_bytes(), None);
        assert_eq!(error.parameter.as_deref(), Some("temperature"));
        let old = of_answer(400, &HeaderMap::new(), br#"{"error":"unknown field max_completion_tokens"}"#, None);
        assert_eq!(old.parameter.as_deref(), Some("max_completion_tokens"));
    }

    #[test]
    fn retry_after_is_read_in_every_spelling_and_not_believed_above_two_minutes() {
        let read = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            retry_after(&headers).map(|d| d.as_millis())
        };
        assert_eq!(read("retry-after-ms", "1500"), Some(1_500));
        assert_eq!(read("retry-after", "0.5"), Some(500));
        assert_eq!(read("x-ratelimit-reset-requests", "1m3s"), Some(63_000));
        assert_eq!(read("x-ratelimit-reset-tokens", "120ms"), Some(120));
        assert_eq!(read("retry-after", "3600"), None);
        assert_eq!(read("retry-after", "-1"), None);
        assert_eq!(read("x-ratelimit-reset-requests", "soon"), None);
    }

    #[test]
    fn l_9_our_key_in_an_error_is_masked() {
        let key = "canary-key-123456";
        let body = format!("Incorrect API key provided: {key}. Also sk-abcdef1234567890, sk-proj-********wxyz");
        let error = of_answer(401, &HeaderMap::new(), body.as_bytes(), Some(key));
        for secret in ["canary", "abcdef", "wxyz"] {
            assert!(!error.detail.contains(secret), "{}", error.detail);
        }
        assert!(error.detail.starts_with("HTTP 401: Incorrect API key provided: ***."), "{}", error.detail);
        let error = json!({"message": "Incorrect API key provided: canary\\key"});
        let told = in_stream(&error, true, Some("canary\\key"));
        assert_eq!(told.detail, r#"{"message":"Incorrect API key provided: ***"}"#);
        assert!(mask(&"я".repeat(10_000), None).chars().count() <= DETAIL_CHARS_MAX);
    }
}
