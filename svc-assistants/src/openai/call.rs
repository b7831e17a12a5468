//! One call of a provider: from the request to the terminal event.

use std::{collections::VecDeque, time::Duration};

use neipix_mesh::{
    egress::{Answer, Egress, Limits},
    secret::Secret,
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{CallError, ErrorKind, Event, Question, Quirks, chunk::Reader, errors, sse::Parser};

/// Silence between two pieces of a stream.
const IDLE: Duration = Duration::from_secs(20);
/// From the first connect to the last byte.
const WHOLE: Duration = Duration::from_secs(120);
/// Most bytes of a stream: with one token per chunk a long answer takes some 300 bytes a token.
const STREAM_BYTES_MAX: u64 = 16 << 20;
/// Words are put together up to here.
const PIECE_BYTES_MAX: usize = 256;
/// Most bytes of an error's body that are looked at.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Whom to call.
#[derive(Clone)]
pub struct Target {
    /// Base address without a slash at its end.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The key; none is sent where there is none.
    pub key: Option<Secret<String>>,
}

/// A call under way. Dropping it ends the connection.
pub struct Call {
    answer: Option<Answer>,
    parser: Parser,
    reader: Reader,
    ready: VecDeque<Event>,
    first_by: Option<Instant>,
    idle: Instant,
}

impl Call {
    /// Sends the question; the first event must come within `first_token`.
    ///
    /// # Errors
    /// Everything that goes wrong before the stream begins.
    pub async fn start(
        egress: &Egress,
        target: &Target,
        question: &Question,
        quirks: Quirks,
        first_token: Duration,
    ) -> Result<Self, CallError> {
        let first_by = Instant::now() + first_token;
        let limits = Limits {
            total: WHOLE,
            first_byte: first_token.min(WHOLE),
            idle: IDLE,
            bytes: STREAM_BYTES_MAX,
            ..Limits::PROVIDER
        };
        let url = format!("{}/chat/completions", target.base_url);
        let mut request = egress.post(&url).map_err(|e| errors::of_egress(&e))?.limits(limits).kept();
        if let Some(key) = &target.key {
            request = request.bearer(key);
        }
        let request = request.json(&body(target, question, quirks)).header("accept", "text/event-stream");
        let answer = match timeout_at(first_by, request.send()).await {
            Err(_) => return Err(CallError::new(ErrorKind::Timeout, "no answer before the first token was due")),
            Ok(Err(error)) => return Err(errors::of_egress(&error)),
            Ok(Ok(answer)) => answer,
        };
        let key = target.key.as_ref().map(|k| k.expose().as_str());
        let answer = refuse_non_stream(answer, first_by, key).await?;
        let mut call = Self {
            answer: None,
            parser: Parser::default(),
            reader: Reader::of(target.key.clone()),
            ready: VecDeque::new(),
            first_by: Some(first_by),
            idle: Instant::now(),
        };
        match answer {
            Body::Stream(answer) => call.answer = Some(*answer),
            // A server that ignores `stream` answers whole: one chunk and its end.
            Body::Whole(text) => {
                call.ready.extend(call.reader.take(&text));
                call.ready.extend(call.reader.end());
            }
        }
        Ok(call)
    }

    /// The next event; none after the terminal one.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if matches!(event, Event::Delta(_)) {
                    self.first_by = None;
                    self.idle = Instant::now() + IDLE;
                }
                return Some(event);
            }
            if self.reader.is_ended() {
                return None;
            }
            let Some(answer) = self.answer.as_mut() else {
                self.ready.extend(self.reader.end());
                continue;
            };
            // Comments and pings keep the connection alive, but they are no token: the wait goes by tokens.
            let until = self.first_by.unwrap_or(self.idle);
            let events = match timeout_at(until, answer.chunk()).await {
                Err(_) => self.reader.fail(CallError::new(ErrorKind::Timeout, "no token in time")),
                Ok(Err(error)) => self.reader.fail(errors::of_egress(&error)),
                Ok(Ok(Some(bytes))) => match self.parser.feed(&bytes) {
                    Ok(list) => list.iter().flat_map(|data| self.reader.take(data)).collect(),
                    Err(_) => self.reader.fail(CallError::new(ErrorKind::Server, "a malformed stream")),
                },
                Ok(Ok(None)) => self.finish(),
            };
            for event in events {
                self.push(event);
            }
            if self.reader.is_ended() {
                self.answer = None;
            }
        }
    }

    /// Words that came in one piece go on in one piece: each costs its way through every process up to the reader.
    fn push(&mut self, event: Event) {
        match (self.ready.back_mut(), event) {
            (Some(Event::Delta(before)), Event::Delta(more)) if before.len() < PIECE_BYTES_MAX => {
                before.push_str(&more)
            }
            (_, event) => self.ready.push_back(event),
        }
    }

    fn finish(&mut self) -> Vec<Event> {
        match self.parser.finish() {
            Ok(Some(data)) => {
                let mut events = self.reader.take(&data);
                events.extend(self.reader.end());
                events
            }
            Ok(None) => self.reader.end(),
            Err(_) => self.reader.fail(CallError::new(ErrorKind::Server, "a malformed stream")),
        }
    }
}

enum Body {
    Stream(Box<Answer>),
    Whole(String),
}

/// 200 with a stream or a whole answer is good; everything else, a log-in page among it, is an error.
async fn refuse_non_stream(answer: Answer, by: Instant, key: Option<&str>) -> Result<Body, CallError> {
    let media = answer.headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (status, media) = (answer.status.as_u16(), media.to_ascii_lowercase());
    if status == 200 && (media.starts_with("text/event-stream") || media.is_empty()) {
        return Ok(Body::Stream(Box::new(answer)));
    }
    let headers = answer.headers.clone();
    let read = async { if status == 200 { answer.bytes().await } else { beginning(answer).await } };
    let bytes = match timeout_at(by, read).await {
        Err(_) => return Err(CallError::new(ErrorKind::Timeout, "the answer's body did not come in time")),
        Ok(read) => read.map_err(|e| errors::of_egress(&e))?,
    };
    if status != 200 {
        return Err(errors::of_answer(status, &headers, &bytes, key));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if media.starts_with("application/json") && text.contains("\"choices\"") {
        return Ok(Body::Whole(text));
    }
    // 200 with an error object, a web page or nothing.
    let error = errors::of_answer(500, &headers, &bytes, key);
    Err(error)
}

async fn beginning(mut answer: Answer) -> Result<bytes::Bytes, neipix_mesh::egress::EgressError> {
    let mut all = bytes::BytesMut::new();
    while all.len() < ERROR_BYTES_MAX
        && let Some(piece) = answer.chunk().await?
    {
        all.extend_from_slice(&piece);
    }
    all.truncate(ERROR_BYTES_MAX);
    Ok(all.freeze())
}

/// Nothing of a caller's own goes in but texts and checked numbers: no address, no key, no unknown parameter.
fn body(target: &Target, question: &Question, quirks: Quirks) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), json!(target.model));
    body.insert("messages".into(), json!(question.messages));
    body.insert("stream".into(), json!(true));
    if !quirks.no_stream_options {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if !quirks.no_temperature {
        body.insert("temperature".into(), json!(question.temperature));
    }
    if let Some(top_p) = question.top_p.filter(|_| !quirks.no_top_p) {
        body.insert("top_p".into(), json!(top_p));
    }
    if !question.stop.is_empty() && !quirks.no_stop {
        body.insert("stop".into(), json!(question.stop));
    }
    let limit = if quirks.old_max_tokens { "max_tokens" } else { "max_completion_tokens" };
    body.insert(limit.into(), json!(question.output_tokens_max));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_parameters_are_left_out_the_next_time() {
        let target = Target { base_url: String::new(), model: "m".into(), key: None };
        let question = Question {
            messages: vec![],
            temperature: 0.3,
            top_p: Some(0.5),
            stop: vec!["x".into()],
            output_tokens_max: 9,
        };
        let mut quirks = Quirks::default();
        assert_eq!(body(&target, &question, quirks)["max_completion_tokens"], 9);
        for name in ["temperature", "top_p", "stop", "max_completion_tokens", "stream_options"] {
            assert!(quirks.note(name), "{name}");
            assert!(!quirks.note(name), "{name} is refused once only");
        }
        assert!(!quirks.note("messages"));
        let expected = json!({"model": "m", "messages": [], "stream": true, "max_tokens": 9});
        assert_eq!(body(&target, &question, quirks), expected);
    }
}
