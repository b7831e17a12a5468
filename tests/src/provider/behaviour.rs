//! What the provider does with one request.

use std::time::Duration;

use bytes::Bytes;

use super::{gate::Gate, refusal::Refusal};

/// The reaction to one chat request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// A well-formed answer, whole or streamed as the request asks, perhaps with a fault on the way.
    Answer(Answer),
    /// A status and a body, streamed or not.
    Refuse(Refusal),
    /// Bytes as given, under `200 text/event-stream`, whatever was asked.
    Raw(Raw),
    /// The request is read, and no header ever comes.
    Hang,
    /// The request is read and the connection closed before the first byte.
    HangUp,
}

/// A generation.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub(super) text: Option<String>,
    pub(super) first_after: Duration,
    pub(super) each_after: Duration,
    pub(super) gate: Option<Gate>,
    pub(super) usage: Usage,
    pub(super) end: End,
    pub(super) finish_reason: Option<String>,
}

/// The figures the provider reports at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Counted by [`super::tokens`] from the prompt and from what was sent.
    #[default]
    Counted,
    /// None, though asked for.
    Absent,
    /// Below zero.
    Negative,
    /// Two thousand million tokens.
    Absurd,
    /// These.
    Exactly { prompt: i64, cached: i64, completion: i64 },
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Finish reason, usage where asked, `[DONE]`.
    #[default]
    Done,
    /// Finish reason and a clean end of the body, without `[DONE]`.
    WithoutDone,
    /// A clean end of the body with neither finish reason nor `[DONE]`.
    WithoutFinish,
    /// The connection breaks after so many tokens; O5.
    Cut { after_tokens: usize },
    /// An error event after so many tokens, then a clean end; O4.
    ErrorEvent { after_tokens: usize },
    /// The text again and again until the client leaves.
    Endless,
}

/// Bytes sent as they are.
#[derive(Clone, Debug)]
pub struct Raw {
    /// One write each: the borders between TCP chunks.
    pub chunks: Vec<Bytes>,
    /// Break the connection instead of ending the body.
    pub cut: bool,
}

impl Behaviour {
    /// An answer that repeats the first marked passage of the prompt with its mark, or the question.
    #[must_use]
    pub fn ok() -> Self {
        Self::Answer(Answer::default())
    }

    /// An answer of exactly this text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Answer(Answer { text: Some(text.to_owned()), ..Answer::default() })
    }

    fn answer(self, change: impl FnOnce(&mut Answer)) -> Self {
        let Self::Answer(mut answer) = self else {
            panic!("{self:?} is no answer: begin with ok() or text()");
        };
        change(&mut answer);
        Self::Answer(answer)
    }

    /// The pause between the headers and the first token.
    ///
    /// # Panics
    /// Like all that follow: when the behaviour is no answer.
    #[must_use]
    pub fn first_token_after(self, pause: Duration) -> Self {
        self.answer(|a| a.first_after = pause)
    }

    /// The pause before each further token.
    #[must_use]
    pub fn each_token_after(self, pause: Duration) -> Self {
        self.answer(|a| a.each_after = pause)
    }

    /// Stops at the gate. A whole answer stops before its headers.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.answer(|a| a.gate = Some(gate.clone()))
    }

    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.answer(|a| a.usage = usage)
    }

    #[must_use]
    pub fn end(self, end: End) -> Self {
        self.answer(|a| a.end = end)
    }

    /// `stop` unless set: `length`, `content_filter` …
    #[must_use]
    pub fn finish_reason(self, reason: &str) -> Self {
        self.answer(|a| a.finish_reason = Some(reason.to_owned()))
    }
}

impl From<Refusal> for Behaviour {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Raw> for Behaviour {
    fn from(raw: Raw) -> Self {
        Self::Raw(raw)
    }
}

/// Behaviours that a model's name alone chooses, for processes that no test can reach.
pub const NAMED_MODELS: [&str; 12] = [
    "test",
    "test-429",
    "test-quota",
    "test-401",
    "test-404",
    "test-500",
    "test-502",
    "test-empty",
    "test-slow",
    "test-trickle",
    "test-cut",
    "test-error-event",
];

/// The behaviour of a name of [`NAMED_MODELS`]; `ok` for any other.
#[must_use]
pub fn named(model: &str) -> Behaviour {
    match model {
        "test-429" => Refusal::rate_limited("1").into(),
        "test-quota" => Refusal::insufficient_quota().into(),
        "test-401" => Refusal::invalid_api_key().into(),
        "test-404" => Refusal::model_not_found(model).into(),
        "test-500" => Refusal::server_error().into(),
        "test-502" => Refusal::bad_gateway_html().into(),
        "test-empty" => Refusal::empty_ok().into(),
        "test-slow" => Behaviour::ok().first_token_after(Duration::from_secs(30)),
        "test-trickle" => Behaviour::ok().each_token_after(Duration::from_secs(30)),
        "test-cut" => Behaviour::ok().end(End::Cut { after_tokens: 2 }),
        "test-error-event" => Behaviour::ok().end(End::ErrorEvent { after_tokens: 2 }),
        _ => Behaviour::ok(),
    }
}
