//! A stand-in for an OpenAI-compatible provider: real answers, real figures, every fault of the wire on demand.
//!
//! `POST /v1/chat/completions` (streamed or whole) and `GET /v1/models` on a free port of 127.0.0.1. What a
//! request gets is decided in this order: the queue of the next requests ([`Provider::next`]), the script of its
//! model ([`Provider::on_model`]), the model's name ([`named`]). Everything received is kept as an [`Exchange`].

mod behaviour;
mod echo;
mod exchange;
mod gate;
mod play;
mod refusal;
mod shapes;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use serde_json::json;

pub use self::{
    behaviour::{Answer, Behaviour, End, NAMED_MODELS, Raw, Usage, named},
    echo::{prompt_tokens, tokens},
    exchange::{Ended, Exchange},
    gate::Gate,
    refusal::Refusal,
};
use crate::{
    poll::{DEADLINE, eventually_within},
    server::{Server, json as json_answer, whole_body},
};

/// The running stand-in. Dropping it closes the port.
#[derive(Debug)]
pub struct Provider {
    server: Server,
    state: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    key: Option<String>,
    queue: VecDeque<Behaviour>,
    models: BTreeMap<String, Behaviour>,
    exchanges: Vec<Exchange>,
}

type Shared = Arc<Mutex<Script>>;

fn locked(state: &Shared) -> MutexGuard<'_, Script> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider {
    /// Takes any key.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let state = Shared::default();
        let router = Router::new().fallback(serve).with_state(state.clone());
        Ok(Self { server: Server::start(router).await?, state })
    }

    /// From now on, any other bearer key gets 401 `invalid_api_key`.
    pub fn require_key(&self, key: &str) {
        locked(&self.state).key = Some(key.to_owned());
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// What a provider row takes as its base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr())
    }

    /// The next chat request that comes gets this, whatever its model; several queue up.
    pub fn next(&self, behaviour: impl Into<Behaviour>) {
        locked(&self.state).queue.push_back(behaviour.into());
    }

    /// Every chat request for the model gets this, until it is set anew.
    pub fn on_model(&self, model: &str, behaviour: impl Into<Behaviour>) {
        locked(&self.state).models.insert(model.to_owned(), behaviour.into());
    }

    /// Everything received so far, in order, model lists included.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        locked(&self.state).exchanges.clone()
    }

    /// The chat requests among them.
    #[must_use]
    pub fn chats(&self) -> Vec<Exchange> {
        let mut chats = self.exchanges();
        chats.retain(|e| e.path.ends_with("/chat/completions"));
        chats
    }

    /// Waits until so many chat requests have come and gives them.
    ///
    /// # Panics
    /// When they do not come within five seconds.
    pub async fn wait_for_chats(&self, count: usize) -> Vec<Exchange> {
        self.wait_for_chats_within(DEADLINE, count).await
    }

    /// The same with another deadline.
    ///
    /// # Panics
    /// When they do not come within it.
    pub async fn wait_for_chats_within(&self, deadline: Duration, count: usize) -> Vec<Exchange> {
        let what = format!("{count} requests at the provider");
        eventually_within(deadline, &what, async || Some(self.chats()).filter(|chats| chats.len() >= count)).await
    }
}

async fn serve(State(state): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let exchange = Exchange::new(head.method.as_str(), &path, head.headers, whole_body(body).await);
    locked(&state).exchanges.push(exchange.clone());
    let wanted = locked(&state).key.clone();
    let behaviour = match (exchange.method.as_str(), path.as_str()) {
        _ if wanted.is_some_and(|key| key != exchange.key()) => Refusal::invalid_api_key().into(),
        ("GET", "/v1/models") => {
            exchange.end(Ended::Completed);
            return list_models(&state);
        }
        ("POST", "/v1/chat/completions") => choose(&state, &exchange),
        _ => unknown_url(&exchange),
    };
    play::play(behaviour, exchange).await
}

fn list_models(state: &Shared) -> Response {
    let script = locked(state);
    let scripted = script.models.keys().map(String::as_str);
    let scripted = scripted.filter(|model| !NAMED_MODELS.contains(model));
    json_answer(200, &shapes::models(NAMED_MODELS.into_iter().chain(scripted)))
}

fn choose(state: &Shared, exchange: &Exchange) -> Behaviour {
    if let Some(refusal) = invalid(exchange) {
        return refusal.into();
    }
    let mut script = locked(state);
    if let Some(next) = script.queue.pop_front() {
        return next;
    }
    let model = exchange.model();
    script.models.get(model).cloned().unwrap_or_else(|| named(model))
}

const ROLES: [&str; 5] = ["developer", "system", "user", "assistant", "tool"];

/// What a real server refuses before it generates: a test must not pass with a body that it would not take.
fn invalid(exchange: &Exchange) -> Option<Refusal> {
    let bad = |message: &str, param: Option<&str>| {
        let body =
            json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": null}});
        Some(Refusal::new(400, "application/json", &body.to_string()))
    };
    let body = &exchange.json;
    if !body.is_object() {
        return bad("We could not parse the JSON body of your request.", None);
    }
    if !exchange.header("content-type").starts_with("application/json") {
        return bad("Content-Type must be application/json.", None);
    }
    if exchange.model().is_empty() {
        return bad("you must provide a model parameter", Some("model"));
    }
    let Some(messages) = body["messages"].as_array().filter(|m| !m.is_empty()) else {
        return bad("'messages' must be a non-empty array.", Some("messages"));
    };
    let known = |m: &serde_json::Value| m["role"].as_str().is_some_and(|r| ROLES.contains(&r));
    if !messages.iter().all(known) {
        return bad("Invalid value: 'role' of a message.", Some("messages"));
    }
    if body["stop"].as_array().is_some_and(|stop| stop.len() > 4) {
        return bad("'stop' may hold at most 4 sequences.", Some("stop"));
    }
    if body.get("stream_options").is_some_and(|o| !o.is_null()) && !exchange.is_stream() {
        return bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", Some("stream_options"));
    }
    None
}

fn unknown_url(exchange: &Exchange) -> Behaviour {
    let message = format!("Invalid URL ({} {})", exchange.method, exchange.path);
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    Refusal::new(404, "application/json", &body.to_string()).into()
}
