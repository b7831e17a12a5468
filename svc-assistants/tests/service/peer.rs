//! A small OpenAI-compatible server that does as it is told and remembers what it was sent.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, header},
    routing::post,
};
use futures::StreamExt as _;
use serde_json::{Value, json};

/// What the next call gets.
#[derive(Debug, Clone)]
pub enum Act {
    /// A whole answer in pieces, with usage.
    Say(&'static str),
    /// The same with numbers that cannot be true.
    Lie(&'static str),
    /// A status, its body and a header.
    Refuse(u16, &'static str, Option<(&'static str, &'static str)>),
    /// Some text and then a cut connection.
    Cut(&'static str),
    /// An error object in the stream after some text.
    Break(&'static str),
    /// A finish reason `content_filter`.
    Filter,
    /// Pings and no token.
    Silence,
    /// 200 with a web page.
    Page,
}

#[derive(Default)]
struct Inner {
    acts: VecDeque<Act>,
    bodies: Vec<Value>,
    keys: Vec<String>,
}

/// The server.
#[derive(Clone, Default)]
pub struct Peer(Arc<Mutex<Inner>>);

impl Peer {
    /// Starts it; answers it and its `host:port`.
    pub async fn start(acts: &[Act]) -> (Self, String) {
        let peer = Self::default();
        peer.0.lock().unwrap().acts = acts.iter().cloned().collect();
        let app = Router::new().route("/v1/chat/completions", post(answer)).with_state(peer.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio_util::task::TaskTracker::new().spawn(async move { axum::serve(listener, app).await });
        (peer, address)
    }

    /// Bodies that it was sent.
    pub fn bodies(&self) -> Vec<Value> {
        self.0.lock().unwrap().bodies.clone()
    }

    /// Keys that it was sent.
    pub fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().keys.clone()
    }
}

fn chunk(delta: Value, finish: Option<&str>) -> String {
    let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}\n\n")
}

fn text_chunks(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(|piece| chunk(json!({"content": piece}), None)).collect()
}

async fn answer(State(peer): State<Peer>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let act = {
        let mut inner = peer.0.lock().unwrap();
        inner.bodies.push(serde_json::from_slice(&body).unwrap());
        let key = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        inner.keys.push(key.to_owned());
        inner.acts.pop_front().unwrap_or(Act::Refuse(500, "{}", None))
    };
    let usage = |prompt: i64, completion: i64| {
        let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": {"cached_tokens": 10}});
        format!("data: {}\n\ndata: [DONE]\n\n", json!({"choices": [], "usage": usage}))
    };
    match act {
        Act::Say(text) => {
            let mut parts = text_chunks(text);
            parts.extend([chunk(json!({}), Some("stop")), usage(400, 20)]);
            stream(parts, false)
        }
        Act::Lie(text) => {
            let mut parts = text_chunks(text);
            parts.extend([chunk(json!({}), Some("stop")), usage(9_000_000, -4)]);
            stream(parts, false)
        }
        Act::Refuse(status, body, extra) => {
            let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
            let response = extra.into_iter().fold(response, |r, (name, value)| r.header(name, value));
            response.body(Body::from(body)).unwrap()
        }
        Act::Cut(text) => stream(text_chunks(text), true),
        Act::Break(text) => {
            let mut parts = text_chunks(text);
            parts.push("data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n".to_owned());
            stream(parts, false)
        }
        Act::Filter => stream(vec![chunk(json!({}), Some("content_filter")), "data: [DONE]\n\n".to_owned()], false),
        Act::Silence => {
            let pings = futures::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Ok::<_, std::io::Error>(": ping\n\n".to_owned()), ()))
            });
            sse(Body::from_stream(pings))
        }
        Act::Page => Response::builder()
            .header(header::CONTENT_TYPE, "text/html")
            .body(Body::from("<html>log in</html>"))
            .unwrap(),
    }
}

fn stream(parts: Vec<String>, cut: bool) -> Response<Body> {
    let end = cut.then(|| Err(std::io::Error::other("cut")));
    let parts = futures::stream::iter(parts.into_iter().map(Ok).chain(end)).then(|part| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        part
    });
    sse(Body::from_stream(parts))
}

fn sse(body: Body) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body).unwrap()
}
