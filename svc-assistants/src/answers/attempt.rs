//! One attempt at one provider: text on its way, or held until it is whole.

use std::time::{Duration, Instant};

use neipix_mesh::{AttemptId, ProviderId};
use neipix_proto::assistants::v1::Usage;

use super::{
    prompt::Prompt,
    run::{Gone, Outlet},
    usage::{Judged, judge},
};
use crate::openai::{Call, CallError, ErrorKind, Event, Question, Quirks, Stop, Target};

/// Characters per allowed token after which a model that ignores its limit is cut.
const CHARACTERS_PER_TOKEN_MAX: usize = 8;
/// After its first piece a text goes out no more often: no reader sees the difference, and each piece costs its way through
/// every process up to the screen.
const SHOW_EVERY: Duration = Duration::from_millis(20);

/// A provider made ready to be called.
#[derive(Clone)]
pub struct Ready {
    /// The row.
    pub id: ProviderId,
    /// Its version.
    pub etag: i64,
    /// For staff.
    pub name: String,
    /// Whom to call; none for the built-in answerer.
    pub target: Option<Target>,
    /// Longest wait for the first token.
    pub first_token: Duration,
}

/// How an attempt ended.
pub enum Ended {
    /// With an answer.
    Good {
        /// Its text, as far as it was not sent yet or all of it.
        text: String,
        /// Whether it was cut at the limit.
        is_cut: bool,
        /// What it used.
        usage: Usage,
    },
    /// Without one, or with a piece of one.
    Bad {
        /// What went wrong.
        error: CallError,
        /// Whether the customer saw a part.
        shown: bool,
        /// What it used, where it told.
        usage: Option<Usage>,
    },
}

/// Times of an attempt.
pub struct Times {
    started: Instant,
    first_token: Option<Instant>,
}

impl Times {
    pub fn start() -> Self {
        Self { started: Instant::now(), first_token: None }
    }

    fn token(&mut self) {
        self.first_token.get_or_insert_with(Instant::now);
    }

    /// Milliseconds to the first token; 0 = none came.
    pub fn first_token_ms(&self) -> i32 {
        // A first token within the same millisecond is still one that came.
        self.first_token.map_or(0, |at| millis(at - self.started).max(1))
    }

    /// Milliseconds in all.
    pub fn total_ms(&self) -> i32 {
        millis(self.started.elapsed())
    }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// What an attempt is made with.
pub struct Setup<'a> {
    pub egress: &'a neipix_mesh::egress::Egress,
    pub target: &'a Target,
    pub question: &'a Question,
    pub prompt: &'a Prompt,
    pub quirks: Quirks,
    pub first_token: Duration,
    /// Whether deltas go out as they come.
    pub streamed: bool,
}

/// Runs an attempt to its end.
///
/// # Errors
/// `Gone` where nobody listens any more: the call is dropped with the connection.
pub async fn run(setup: &Setup<'_>, outlet: &mut Outlet, times: &mut Times) -> Result<Ended, Gone> {
    let started = Call::start(setup.egress, setup.target, setup.question, setup.quirks, setup.first_token);
    let mut call = tokio::select! {
        started = started => match started {
            Ok(call) => call,
            Err(error) => return Ok(Ended::Bad { error, shown: false, usage: None }),
        },
        () = outlet.closed() => return Err(Gone),
    };
    let characters_max =
        usize::try_from(setup.question.output_tokens_max).unwrap_or(0).saturating_mul(CHARACTERS_PER_TOKEN_MAX);
    let (mut text, mut characters, mut reported) = (String::new(), 0, None);
    // How much of the text went out, and when the rest of it may.
    let (mut sent, mut next) = (0, tokio::time::Instant::now());
    loop {
        // A timer is late by up to a millisecond: what is due goes out without one.
        if setup.streamed && sent < text.len() && next <= tokio::time::Instant::now() {
            outlet.delta(&text[sent..]).await?;
            (sent, next) = (text.len(), tokio::time::Instant::now() + SHOW_EVERY);
        }
        let event = tokio::select! {
            event = call.next() => event,
            () = tokio::time::sleep_until(next), if setup.streamed && sent < text.len() => continue,
            () = outlet.closed() => return Err(Gone),
        };
        let ended = match event {
            Some(Event::Delta(delta)) => {
                times.token();
                characters += delta.chars().count();
                text.push_str(&delta);
                (characters > characters_max).then_some(Ok(Stop::Length))
            }
            Some(Event::Usage(usage)) => {
                reported = Some(usage);
                None
            }
            // Nobody declared a tool: a call of one is no answer and is not obeyed.
            Some(Event::ToolCall { .. }) => None,
            Some(Event::Finished(stop)) => Some(Ok(stop)),
            Some(Event::Failed(error)) => Some(Err(error)),
            None => Some(Err(CallError::new(ErrorKind::Network, "the stream ended"))),
        };
        let Some(ended) = ended else { continue };
        if setup.streamed && sent < text.len() {
            outlet.delta(&text[sent..]).await?;
        }
        let judged = judge(reported, setup.prompt.characters, characters, setup.question.output_tokens_max);
        let shown = setup.streamed && !text.is_empty();
        return Ok(conclude(ended, text, judged, reported.is_some(), shown, setup));
    }
}

fn conclude(
    ended: Result<Stop, CallError>,
    text: String,
    judged: Judged,
    reported: bool,
    shown: bool,
    setup: &Setup<'_>,
) -> Ended {
    let usage = reported.then_some(judged.usage);
    match ended {
        Err(error) => Ended::Bad { error, shown, usage },
        Ok(Stop::Filtered) => Ended::Bad {
            error: CallError::new(ErrorKind::Filtered, "the provider filtered or refused it"),
            shown,
            usage,
        },
        Ok(_) if text.trim().is_empty() => {
            Ended::Bad { error: CallError::new(ErrorKind::Server, "an answer without text"), shown, usage }
        }
        Ok(stop) => {
            if let Some(doubt) = judged.doubt {
                tracing::error!(
                    provider.model = setup.target.model,
                    doubt,
                    "usage of {} cannot be true ({doubt}); counted tokens are charged",
                    setup.target.model
                );
                metrics::counter!("neipix_usage_doubted_total").increment(1);
            }
            Ended::Good { text, is_cut: stop == Stop::Length, usage: judged.usage }
        }
    }
}

/// A fresh attempt's id.
pub fn new_id() -> AttemptId {
    AttemptId::new(chrono::Utc::now())
}
