//! An answer as an OpenAI client reads it: whole, or as chunks.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderName, HeaderValue, header};
use neipix_mesh::shutdown::Shutdown;
use neipix_proto::{
    assistants::v1::Citation,
    chats::v1::{AskTurn, ChatCompletionEvent, TurnState, chat_completion_event::Event},
};
use serde_json::{Value, json};
use tonic::{Status, Streaming};

use super::{Refusal, request::Read};

/// How often a waiting client hears from us.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A whole answer.
///
/// # Errors
/// In OpenAI's shape.
pub async fn whole(mut events: Streaming<ChatCompletionEvent>, read: &Read) -> Result<Response, Refusal> {
    while let Some(event) = events.message().await? {
        if let Some(Event::Finished(turn)) = event.event {
            refuse_silently_unpaid(&turn)?;
            return Ok(axum::Json(completion(&turn, read)).into_response());
        }
    }
    Err(Refusal::from(Status::unavailable("the answer broke off")))
}

/// An answer by chunks. What fails before the first of them is an ordinary refusal.
///
/// # Errors
/// In OpenAI's shape.
pub async fn stream(
    mut events: Streaming<ChatCompletionEvent>,
    read: &Read,
    shutdown: Shutdown,
) -> Result<Response, Refusal> {
    let mut turn_id = String::new();
    let first = loop {
        match events.message().await?.and_then(|e| e.event) {
            Some(Event::Accepted(accepted)) => turn_id = accepted.turn_id,
            Some(other) => break other,
            None => return Err(Refusal::from(Status::unavailable("the answer broke off"))),
        }
    };
    if let Event::Finished(turn) = &first {
        refuse_silently_unpaid(turn)?;
    }
    let head = Head { id: format!("chatcmpl-{turn_id}"), model: read.request.model.clone(), created: now() };
    let include_usage = read.include_usage;
    let role = chunk(&head, &json!({"role": "assistant", "content": ""}), Value::Null, include_usage);
    let rest = stream::iter([Ok(ChatCompletionEvent { event: Some(first) })]).chain(events);
    let chunks = stream::iter([data(&role)]).chain(chunks(rest, head, include_usage));
    let body = Body::from_stream(with_pings(chunks, shutdown).map(Ok::<Bytes, Infallible>));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

#[derive(Clone)]
struct Head {
    id: String,
    model: String,
    created: i64,
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// No pix is an error to such a client: it could not tell silence from an answer.
fn refuse_silently_unpaid(turn: &AskTurn) -> Result<(), Refusal> {
    match (turn.state(), turn.reason.as_str()) {
        (TurnState::Skipped, "no_funds") => Err(Refusal::no_quota()),
        (TurnState::Failed, _) => Err(Refusal::from(Status::unavailable("the answer failed"))),
        _ => Ok(()),
    }
}

fn chunks(
    events: impl Stream<Item = Result<ChatCompletionEvent, Status>> + Send + 'static,
    head: Head,
    include_usage: bool,
) -> impl Stream<Item = Bytes> + Send {
    events
        .take_while({
            let mut over = false;
            move |item| {
                let go_on = !over;
                over = item.as_ref().map_or(true, |e| matches!(e.event, Some(Event::Finished(_))));
                std::future::ready(go_on)
            }
        })
        .flat_map(move |item| {
            let out = match item.map(|e| e.event) {
                Ok(Some(Event::Delta(delta))) => {
                    vec![data(&chunk(&head, &json!({"content": delta.text}), Value::Null, include_usage))]
                }
                Ok(Some(Event::Finished(turn))) => finish(&head, &turn, include_usage),
                Ok(_) => vec![],
                // An error event, then the end without [DONE]: a clean end would pass for success.
                Err(status) => {
                    vec![data(&Refusal::from(status).body())]
                }
            };
            stream::iter(out)
        })
}

fn finish(head: &Head, turn: &AskTurn, include_usage: bool) -> Vec<Bytes> {
    let broken = matches!(turn.state(), TurnState::Failed | TurnState::Cancelled);
    if broken {
        return vec![data(&Refusal::from(Status::unavailable("the answer broke off")).body())];
    }
    let mut last = chunk(head, &json!({}), json!("stop"), include_usage);
    last["neipix"] = about(turn);
    let mut out = vec![];
    // A fixed reply or an away message comes whole: it was never streamed.
    if turn.state() == TurnState::Skipped && !turn.answer.is_empty() {
        out.push(data(&chunk(head, &json!({"content": turn.answer}), Value::Null, include_usage)));
    }
    out.push(data(&last));
    if include_usage {
        let mut usage = chunk(head, &json!({}), Value::Null, true);
        usage["choices"] = json!([]);
        usage["usage"] = tokens(turn);
        out.push(data(&usage));
    }
    out.push(Bytes::from_static(b"data: [DONE]\n\n"));
    out
}

fn chunk(head: &Head, delta: &Value, finish_reason: Value, include_usage: bool) -> Value {
    let mut chunk = json!({
        "id": head.id, "object": "chat.completion.chunk", "created": head.created, "model": head.model,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
    });
    if include_usage {
        chunk["usage"] = Value::Null;
    }
    chunk
}

fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn completion(turn: &AskTurn, read: &Read) -> Value {
    json!({
        "id": format!("chatcmpl-{}", turn.id), "object": "chat.completion", "created": now(), "model": read.request.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": turn.answer, "refusal": null, "annotations": []},
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": tokens(turn),
        "neipix": about(turn),
    })
}

fn tokens(turn: &AskTurn) -> Value {
    let usage = turn.usage.unwrap_or_default();
    let input = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens;
    json!({
        "prompt_tokens": input, "completion_tokens": usage.output_tokens, "total_tokens": input + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
    })
}

fn about(turn: &AskTurn) -> Value {
    let mut about = json!({
        "turn_id": turn.id,
        "answered_by": turn.answered_by,
        "cost_micro_pix": turn.cost_micro_pix.to_string(),
        "citations": turn.citations.iter().map(citation).collect::<Vec<_>>(),
    });
    if turn.state() == TurnState::Skipped || turn.id.is_empty() {
        about["skipped"] = json!(turn.reason);
    }
    about
}

fn citation(c: &Citation) -> Value {
    json!({"n": c.n, "file_id": c.file_id, "title": c.title, "page": c.page, "start": c.start, "end": c.end, "quote": c.quote})
}

/// `: ping` where nothing came for 15 s; the end where this edge drains.
fn with_pings(
    chunks: impl Stream<Item = Bytes> + Send + 'static,
    shutdown: Shutdown,
) -> impl Stream<Item = Bytes> + Send {
    let chunks: futures::stream::BoxStream<'static, Bytes> = chunks.boxed();
    stream::unfold((chunks, shutdown), |(mut chunks, shutdown)| async move {
        let next = tokio::select! {
            next = tokio::time::timeout(PING_EVERY, chunks.next()) => next,
            () = shutdown.wait() => {
                let body = Refusal::from(Status::unavailable("draining")).body();
                return Some((data(&body), (stream::empty().boxed(), shutdown)));
            }
        };
        match next {
            Ok(Some(bytes)) => Some((bytes, (chunks, shutdown))),
            Ok(None) => None,
            Err(_) => Some((Bytes::from_static(b": ping\n\n"), (chunks, shutdown))),
        }
    })
}
