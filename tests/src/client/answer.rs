//! Whole answers and the problems in them.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    what: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A problem+json that has been checked.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The whole document.
    pub json: Value,
}

/// Words that tell of our insides: none may stand in an answer that refuses.
const LEAKS: [&str; 14] = [
    "select ",
    "insert into",
    "update \"",
    "diesel",
    "postgres",
    "sqlstate",
    "redis",
    "panicked",
    "stack backtrace",
    "/home/",
    "/root/",
    // The checkout, wherever it lies.
    env!("CARGO_MANIFEST_DIR"),
    ".rs:",
    "transport error",
];

impl Answer {
    pub(super) async fn read(what: String, response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { what, status, headers, body: response.bytes().await? })
    }

    /// A header as text; empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of a success.
    ///
    /// # Panics
    /// When it is no success or no JSON.
    #[must_use]
    pub fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{self}");
        self.json()
    }

    /// The body, whatever the status.
    ///
    /// # Panics
    /// When it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {self}"))
    }

    /// Checks a refusal in full: status, reason, media type, the members of RFC 9457 and ours, and that nothing of
    /// our insides shows.
    ///
    /// # Panics
    /// When any of it is wrong.
    pub fn problem(&self, status: u16, reason: &str) -> Problem {
        assert_eq!(self.status, status, "{self}");
        assert!(self.header("content-type").starts_with("application/problem+json"), "media type: {self}");
        let json = self.json();
        assert_eq!(json["status"], status, "the member `status`: {self}");
        assert_eq!(json["reason"], reason, "the member `reason`: {self}");
        for member in ["type", "title", "trace_id"] {
            assert!(json[member].as_str().is_some_and(|text| !text.is_empty()), "no `{member}`: {self}");
        }
        assert!(json["type"].as_str().is_some_and(|t| t.ends_with(&format!("/errors/{reason}"))), "type: {self}");
        if status == 429 || status == 503 {
            assert!(!self.header("retry-after").is_empty(), "no retry-after: {self}");
        }
        self.leaks_nothing();
        Problem { json }
    }

    /// Nothing of our insides shows in the body.
    ///
    /// # Panics
    /// When a word of it does.
    pub fn leaks_nothing(&self) {
        let body = self.text().to_lowercase();
        let leak = LEAKS.iter().find(|word| body.contains(&word.to_lowercase()));
        assert!(leak.is_none(), "leaks «{}»: {self}", leak.unwrap_or(&""));
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.text().chars().take(2000).collect();
        write!(out, "{} → {} {} {body}", self.what, self.status, self.header("content-type"))
    }
}

impl Problem {
    /// The names in `errors[].field`.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        self.json["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).collect()
    }

    /// The field is named, and with a message.
    ///
    /// # Panics
    /// When it is not.
    pub fn names(&self, field: &str) -> &Self {
        let named = |e: &Value| e["field"] == field && e["message"].as_str().is_some_and(|m| !m.is_empty());
        let found = self.json["errors"].as_array().is_some_and(|errors| errors.iter().any(named));
        assert!(found, "`{field}` is not named: {}", self.json);
        self
    }

    /// The document without what differs between two calls, for «identical, bar trace_id».
    #[must_use]
    pub fn without_trace(&self) -> Value {
        let mut json = self.json.clone();
        if let Some(members) = json.as_object_mut() {
            members.remove("trace_id");
        }
        json
    }
}
