//! What was received, and what became of it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// How an exchange ended for the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that was to be sent is sent.
    Completed,
    /// Broken by the provider, as scripted.
    Broken,
    /// The client left before the end.
    ClientLeft,
}

/// One request that reached the provider.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it was read.
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    /// The bytes of the body as they came.
    pub body: Bytes,
    /// The body as JSON; null where it is none.
    pub json: Value,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    tokens_sent: usize,
    usage: Option<(i64, i64)>,
    ended: Option<Ended>,
}

impl Exchange {
    pub(super) fn new(method: &str, path: &str, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            at: Instant::now(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
            progress: Arc::default(),
        }
    }

    /// The model that was asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        self.json["model"].as_str().unwrap_or_default()
    }

    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.json["stream"] == true
    }

    /// A header as text; empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The bearer key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.header("authorization").strip_prefix("Bearer ").unwrap_or_default()
    }

    /// The texts of all messages of a role, in order.
    #[must_use]
    pub fn texts(&self, role: &str) -> Vec<String> {
        super::echo::messages(&self.json).filter(|(r, _)| *r == role).map(|(_, text)| text).collect()
    }

    /// The whole prompt as one text, for «is this sentence in it at all».
    #[must_use]
    pub fn prompt(&self) -> String {
        super::echo::messages(&self.json).map(|(_, text)| text).collect::<Vec<_>>().join("\n")
    }

    /// Tokens handed to the network so far; one of them may still be under way.
    #[must_use]
    pub fn tokens_sent(&self) -> usize {
        self.progress().tokens_sent
    }

    /// Prompt and completion tokens that were reported, if any were.
    #[must_use]
    pub fn reported_usage(&self) -> Option<(i64, i64)> {
        self.progress().usage
    }

    /// None while it runs.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.progress().ended
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn token_sent(&self) {
        self.progress().tokens_sent += 1;
    }

    pub(super) fn usage_sent(&self, prompt: i64, completion: i64) {
        self.progress().usage = Some((prompt, completion));
    }

    pub(super) fn end(&self, ended: Ended) {
        self.progress().ended.get_or_insert(ended);
    }
}

/// Notes «the client left» unless another end was noted before: hyper drops what serves a lost client.
#[derive(Debug)]
pub(super) struct Watch(pub Exchange);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.end(Ended::ClientLeft);
    }
}
