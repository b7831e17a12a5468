//! A mock LLM provider that speaks the OpenAI protocol, made so that it is never the bottleneck.
//!
//! Every SSE chunk is rendered once at start; a stream without delays leaves in one write.
//!
//! Environment (defaults in brackets): `UPSTREAM_ADDR` [127.0.0.1:18080], `UPSTREAM_TOKENS` [64],
//! `UPSTREAM_FIRST_MS` [0], `UPSTREAM_INTER_MS` [0].
//! A request may override them with the headers `x-mock-tokens`, `x-mock-first-ms`, `x-mock-inter-ms`
//! or in the model's name: `mock-t64-f250-i10` (tokens, first-token ms, inter-token ms). The name
//! works through every proxy, headers often do not.
//! Faults by model name: `mock-429`, `mock-500`, `mock-slow` (30 s to the first token),
//! `mock-cut` (the connection breaks after half of the tokens).

use std::{convert::Infallible, env, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONTENT_TYPE, HeaderMap},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

#[derive(Clone, Copy)]
struct Plan {
    tokens: usize,
    first: Duration,
    inter: Duration,
    cut: bool,
}

#[derive(Deserialize)]
struct ChatRequest {
    #[serde(default)]
    model: String,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct EmbeddingRequest {
    #[serde(default)]
    model: String,
    input: Value,
    #[serde(default)]
    dimensions: Option<usize>,
}

struct Config {
    plan: Plan,
    /// The whole stream of the default plan up to the usage chunk, ready to send.
    ready: Bytes,
}

const WORDS: [&str; 8] = ["The ", "return ", "period ", "is ", "fourteen ", "days ", "from ", "delivery "];

fn chunk(index: usize) -> Bytes {
    let word = WORDS[index % WORDS.len()];
    let role = if index == 0 { r#""role":"assistant","# } else { "" };
    Bytes::from(format!(
        "data: {{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{{{role}\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n"
    ))
}

fn tail(tokens: usize, prompt: usize, usage: bool) -> Bytes {
    let stop = "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let used = if usage {
        format!(
            "data: {{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{tokens},\"total_tokens\":{}}}}}\n\n",
            prompt + tokens
        )
    } else {
        String::new()
    };
    Bytes::from(format!("{stop}{used}data: [DONE]\n\n"))
}

fn full_text(tokens: usize) -> String {
    (0..tokens).map(|i| WORDS[i % WORDS.len()]).collect()
}

/// Reads `x-mock-*` headers and the `-t64-f250-i10` parts of the model's name over the defaults.
fn plan_for(default: Plan, headers: &HeaderMap, model: &str) -> Plan {
    let header = |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.parse().ok() };
    let mut plan = default;
    for part in model.split('-').skip(1) {
        if let Some(n) = part.strip_prefix('t').and_then(|n| n.parse().ok()) {
            plan.tokens = n;
        } else if let Some(n) = part.strip_prefix('f').and_then(|n| n.parse().ok()) {
            plan.first = Duration::from_millis(n);
        } else if let Some(n) = part.strip_prefix('i').and_then(|n| n.parse().ok()) {
            plan.inter = Duration::from_millis(n);
        }
    }
    if let Some(n) = header("x-mock-tokens") {
        plan.tokens = n as usize;
    }
    if let Some(n) = header("x-mock-first-ms") {
        plan.first = Duration::from_millis(n);
    }
    if let Some(n) = header("x-mock-inter-ms") {
        plan.inter = Duration::from_millis(n);
    }
    if model.ends_with("mock-slow") {
        plan.first = Duration::from_secs(30);
    }
    plan.cut = model.ends_with("mock-cut");
    plan
}

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a constant"));
    response
}

fn error(status: StatusCode, kind: &str) -> Response<Body> {
    let body =
        json!({"error": {"message": format!("mock upstream: {kind}"), "type": kind, "param": null, "code": kind}});
    let mut response = whole(status, body.to_string());
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert("retry-after", "1".parse().expect("a constant"));
    }
    response
}

fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, "text/event-stream".parse().expect("a constant"));
    response
}

async fn chat(config: &Config, request: Request<Incoming>) -> Response<Body> {
    let headers = request.headers().clone();
    let Ok(body) = request.into_body().collect().await else {
        return error(StatusCode::BAD_REQUEST, "bad_body");
    };
    let body = body.to_bytes();
    let Ok(asked) = serde_json::from_slice::<ChatRequest>(&body) else {
        return error(StatusCode::BAD_REQUEST, "bad_json");
    };
    // Four Cyrillic letters a token: a count that a careful caller can believe.
    let prompt = body.len() / 8;
    match asked.model.as_str() {
        name if name.ends_with("mock-429") => return error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
        name if name.ends_with("mock-500") => return error(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        _ => {}
    }
    let plan = plan_for(config.plan, &headers, &asked.model);
    if !asked.stream {
        let wait = plan.first + plan.inter * plan.tokens.saturating_sub(1) as u32;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let answer = json!({
            "id": "chatcmpl-mock", "object": "chat.completion", "created": 1_700_000_000, "model": "mock",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": full_text(plan.tokens)}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": plan.tokens, "total_tokens": prompt + plan.tokens},
        });
        return whole(StatusCode::OK, answer.to_string());
    }

    let usage = asked.stream_options.is_some_and(|o| o.include_usage);
    let end = tail(plan.tokens, prompt, usage);
    if plan.inter.is_zero() && !plan.cut {
        let text = if plan.tokens == config.plan.tokens { config.ready.clone() } else { render(plan.tokens) };
        let parts = stream::once(async move {
            if !plan.first.is_zero() {
                sleep(plan.first).await;
            }
            Ok(Frame::data(text))
        })
        .chain(stream::once(async move { Ok(Frame::data(end)) }));
        return event_stream(StreamBody::new(parts).boxed_unsync());
    }
    let stop_at = if plan.cut { plan.tokens / 2 } else { plan.tokens };
    let chunks = stream::iter(0..stop_at).then(move |i| async move {
        let wait = if i == 0 { plan.first } else { plan.inter };
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(Frame::data(chunk(i)))
    });
    let last =
        stream::once(
            async move { if plan.cut { Err(std::io::Error::other("mock-cut")) } else { Ok(Frame::data(end)) } },
        );
    event_stream(StreamBody::new(chunks.chain(last)).boxed_unsync())
}

fn render(tokens: usize) -> Bytes {
    let mut all = BytesMut::new();
    (0..tokens).for_each(|i| all.extend_from_slice(&chunk(i)));
    all.freeze()
}

/// Deterministic unit vectors: an FNV-1a hash of the text seeds a xorshift.
fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut state =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)) | 1;
    let mut vector: Vec<f32> = (0..dimensions)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect();
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::EPSILON);
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

async fn embeddings(request: Request<Incoming>) -> Response<Body> {
    let Ok(body) = request.into_body().collect().await else {
        return error(StatusCode::BAD_REQUEST, "bad_body");
    };
    let Ok(asked) = serde_json::from_slice::<EmbeddingRequest>(&body.to_bytes()) else {
        return error(StatusCode::BAD_REQUEST, "bad_json");
    };
    let texts: Vec<String> = match &asked.input {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect(),
        _ => return error(StatusCode::BAD_REQUEST, "bad_input"),
    };
    let dimensions = asked.dimensions.unwrap_or(384);
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": embed(text, dimensions)}))
        .collect();
    let used: usize = texts.iter().map(|t| t.len() / 4 + 1).sum();
    let answer = json!({"object": "list", "model": asked.model, "data": data, "usage": {"prompt_tokens": used, "total_tokens": used}});
    whole(StatusCode::OK, answer.to_string())
}

async fn route(config: Arc<Config>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    Ok(match (request.method(), path.as_str()) {
        (&Method::POST, "/v1/chat/completions" | "/chat/completions") => chat(&config, request).await,
        (&Method::POST, "/v1/embeddings" | "/embeddings") => embeddings(request).await,
        (&Method::GET, "/v1/models" | "/models") => {
            let names = ["mock", "mock-429", "mock-500", "mock-slow", "mock-cut"];
            let data: Vec<Value> = names
                .iter()
                .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "mock"}))
                .collect();
            whole(StatusCode::OK, json!({"object": "list", "data": data}).to_string())
        }
        (&Method::GET, "/health" | "") => whole(StatusCode::OK, "{\"status\":\"ok\"}"),
        _ => error(StatusCode::NOT_FOUND, "not_found"),
    })
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = env::var("UPSTREAM_ADDR").unwrap_or_else(|_| "127.0.0.1:18080".into());
    let plan = Plan {
        tokens: number("UPSTREAM_TOKENS", 64) as usize,
        first: Duration::from_millis(number("UPSTREAM_FIRST_MS", 0)),
        inter: Duration::from_millis(number("UPSTREAM_INTER_MS", 0)),
        cut: false,
    };
    let config = Arc::new(Config { plan, ready: render(plan.tokens) });
    let listener = TcpListener::bind(&addr).await?;
    println!("upstream on http://{addr}");
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (config, server) = (config.clone(), server.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| route(config.clone(), request));
            // A client that goes away is its own business.
            let _ = server.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
