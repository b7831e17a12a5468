//! Plays a behaviour to one request.

use std::{io, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    behaviour::{Answer, Behaviour, End, Raw, Usage},
    echo::{self, tokens},
    exchange::{Ended, Exchange, Watch},
    refusal::Refusal,
    shapes,
};
use crate::server::{hang_up, json as json_answer};

pub(super) async fn play(behaviour: Behaviour, exchange: Exchange) -> Response {
    let watch = Watch(exchange);
    match behaviour {
        Behaviour::Answer(answer) if watch.0.is_stream() => stream(answer, watch),
        Behaviour::Answer(answer) => whole(answer, watch).await,
        Behaviour::Refuse(refusal) => refuse(&refusal, &watch.0),
        Behaviour::Raw(raw) => play_raw(raw, watch),
        Behaviour::Hang => std::future::pending().await,
        Behaviour::HangUp => broken(&watch.0),
    }
}

fn broken(exchange: &Exchange) -> Response {
    exchange.end(Ended::Broken);
    hang_up()
}

fn refuse(refusal: &Refusal, exchange: &Exchange) -> Response {
    exchange.end(Ended::Completed);
    let status = http::StatusCode::from_u16(refusal.status).expect("a status given by a test");
    let body = refusal.body.replace("{key}", exchange.key());
    let mut response = (status, body).into_response();
    response.headers_mut().clear();
    for (name, value) in &refusal.headers {
        let value = value.parse().expect("a header value given by a test");
        response.headers_mut().insert(*name, value);
    }
    response
}

/// The figures of a usage and, for the record, prompt and completion tokens.
fn usage_json(usage: Usage, exchange: &Exchange, completion: usize) -> Option<Value> {
    let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (prompt, cached, completion) = match usage {
        Usage::Counted => (signed(echo::prompt_tokens(&exchange.json)), 0, signed(completion)),
        Usage::Absent => return None,
        Usage::Negative => (-5, 0, -7),
        Usage::Absurd => (2_000_000_000, 0, 2_000_000_000),
        Usage::Exactly { prompt, cached, completion } => (prompt, cached, completion),
    };
    exchange.usage_sent(prompt, completion);
    Some(json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }))
}

fn text_of(answer: &Answer, exchange: &Exchange) -> String {
    answer.text.clone().unwrap_or_else(|| echo::answer(&exchange.json))
}

fn id_of(exchange: &Exchange) -> String {
    format!("chatcmpl-{:016x}", exchange.at.elapsed().as_nanos())
}

async fn whole(answer: Answer, watch: Watch) -> Response {
    let exchange = &watch.0;
    let text = text_of(&answer, exchange);
    let count = tokens(&text).len();
    if let Some(gate) = &answer.gate {
        gate.pass().await;
    }
    let further = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
    pause(answer.first_after + answer.each_after.saturating_mul(further)).await;
    match answer.end {
        End::Cut { .. } => return broken(exchange),
        End::ErrorEvent { .. } => return refuse(&Refusal::server_error(), exchange),
        End::Endless => std::future::pending().await,
        End::Done | End::WithoutDone | End::WithoutFinish => {}
    }
    let usage = usage_json(answer.usage, exchange, count);
    let finish = answer.finish_reason.as_deref().unwrap_or("stop");
    (0..count).for_each(|_| exchange.token_sent());
    exchange.end(Ended::Completed);
    json_answer(200, &shapes::whole(&id_of(exchange), exchange.model(), &text, finish, usage))
}

/// Long enough for what was sent to be written.
const FLUSH: Duration = Duration::from_millis(50);

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn event_stream(body: Body) -> Response {
    ([("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")], body).into_response()
}

type Frames = mpsc::Sender<io::Result<Bytes>>;

/// The client has left.
struct Left;

async fn send(frames: &Frames, bytes: Bytes) -> Result<(), Left> {
    frames.send(Ok(bytes)).await.map_err(|_| Left)
}

/// Runs `play` beside the response; whatever it waits for, a lost client ends it.
fn body<F>(watch: Watch, play: impl FnOnce(Frames, Exchange) -> F) -> Body
where
    F: Future<Output = Result<Ended, Left>> + Send + 'static,
{
    let (frames, received) = mpsc::channel(1);
    let playing = play(frames.clone(), watch.0.clone());
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = playing => ended,
            () = frames.closed() => Err(Left),
        };
        match ended {
            Ok(Ended::Broken) => {
                watch.0.end(Ended::Broken);
                let _ = frames.send(Err(io::Error::other("cut on purpose"))).await;
            }
            Ok(ended) => watch.0.end(ended),
            Err(Left) => {}
        }
    });
    Body::from_stream(ReceiverStream::new(received))
}

fn play_raw(raw: Raw, watch: Watch) -> Response {
    event_stream(body(watch, |frames, _| async move {
        for chunk in raw.chunks {
            send(&frames, chunk).await?;
        }
        Ok(if raw.cut { Ended::Broken } else { Ended::Completed })
    }))
}

fn stream(answer: Answer, watch: Watch) -> Response {
    event_stream(body(watch, |frames, exchange| async move {
        let streaming = Streaming {
            id: id_of(&exchange),
            model: exchange.model().to_owned(),
            with_usage: exchange.json["stream_options"]["include_usage"] == true,
            frames,
            exchange,
        };
        streaming.run(answer).await
    }))
}

struct Streaming {
    id: String,
    model: String,
    with_usage: bool,
    frames: Frames,
    exchange: Exchange,
}

impl Streaming {
    async fn chunk(&self, delta: &Value, finish: Option<&str>) -> Result<(), Left> {
        let chunk = shapes::chunk(&self.id, &self.model, delta, finish, self.with_usage);
        send(&self.frames, chunk).await
    }

    /// The role, the tokens with their pauses, and the end that was scripted.
    async fn run(self, answer: Answer) -> Result<Ended, Left> {
        let text = text_of(&answer, &self.exchange);
        let tokens = tokens(&text);
        self.chunk(&json!({"role": "assistant", "content": ""}), None).await?;
        let mut sent = 0;
        loop {
            if let Some(gate) = answer.gate.as_ref().filter(|g| g.stands_after(sent)) {
                gate.pass().await;
            }
            match answer.end {
                End::Cut { after_tokens } if sent >= after_tokens => {
                    // A body that breaks takes along what hyper has not written yet.
                    pause(FLUSH).await;
                    return Ok(Ended::Broken);
                }
                End::ErrorEvent { after_tokens } if sent >= after_tokens => {
                    send(&self.frames, shapes::error_event()).await?;
                    return Ok(Ended::Completed);
                }
                End::Endless if !tokens.is_empty() => {}
                _ if sent >= tokens.len() => break,
                _ => {}
            }
            pause(if sent == 0 { answer.first_after } else { answer.each_after }).await;
            self.chunk(&json!({"content": tokens[sent % tokens.len()]}), None).await?;
            self.exchange.token_sent();
            sent += 1;
        }
        // A gate behind the last token stands before the end of the stream.
        if let Some(gate) = answer.gate.as_ref().filter(|g| g.tokens() > sent) {
            gate.pass().await;
        }
        self.finish(&answer, sent).await
    }

    async fn finish(&self, answer: &Answer, sent: usize) -> Result<Ended, Left> {
        if answer.end == End::WithoutFinish {
            return Ok(Ended::Completed);
        }
        let finish = answer.finish_reason.as_deref().unwrap_or("stop");
        self.chunk(&json!({}), Some(finish)).await?;
        if self.with_usage
            && let Some(usage) = usage_json(answer.usage, &self.exchange, sent)
        {
            send(&self.frames, shapes::usage_chunk(&self.id, &self.model, &usage)).await?;
        }
        if answer.end != End::WithoutDone {
            send(&self.frames, Bytes::from_static(shapes::DONE)).await?;
        }
        Ok(Ended::Completed)
    }
}
