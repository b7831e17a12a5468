//! The way of an answer: providers in their order, at most one retry each, fall-through until the customer has seen the
//! first character, and one honest end.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use neipix_mesh::{AttemptId, TurnId};
use neipix_proto::assistants::v1::{
    AttemptEnded, Citation, Delta, DropRule, DroppedPassage, FinishKind, Finished, Handoff, ReplyEvent, Started, Usage,
    reply_event::Event,
};
use tokio::sync::mpsc;

use super::{
    attempt::{self, Ended, Ready, Setup, Times},
    attempts::Attempt,
    built_in, citations,
    prompt::{self, Prompt},
};
use crate::{
    Assistants,
    openai::{CallError, ErrorKind, Question, mask},
    providers::{HealthKey, breaker::Outcome},
    search::store::PassageRow,
};

/// Calls of providers in one turn, retries included.
const CALLS_MAX: usize = 4;
/// Time to the first token, shared by all attempts.
const FIRST_TOKEN: Duration = Duration::from_secs(60);
/// A provider that wants to be asked again sooner is asked again.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Pause before a second try.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a provider without money or with a bad key is left alone.
const NO_CREDIT_PAUSE: Duration = Duration::from_secs(600);
const REFUSED_PAUSE: Duration = Duration::from_secs(300);
/// How long a rate limit without a time is obeyed.
const RATE_PAUSE: Duration = Duration::from_secs(5);

/// Nobody listens any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Where events go out.
pub struct Outlet {
    sender: mpsc::Sender<ReplyEvent>,
    offset: i64,
}

impl Outlet {
    /// Into a channel.
    pub fn new(sender: mpsc::Sender<ReplyEvent>) -> Self {
        Self { sender, offset: 0 }
    }

    async fn send(&mut self, event: Event) -> Result<(), Gone> {
        self.sender.send(ReplyEvent { event: Some(event) }).await.map_err(|_| Gone)
    }

    /// Text for the customer.
    pub async fn delta(&mut self, text: &str) -> Result<(), Gone> {
        let offset = self.offset;
        self.offset += i64::try_from(text.len()).unwrap_or(0);
        self.send(Event::Delta(Delta { offset, text: text.to_owned() })).await
    }

    /// Returns when nobody listens any more.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// Everything that an answer needs.
pub struct Run {
    pub state: Assistants,
    pub outlet: Outlet,
    pub turn: TurnId,
    pub epoch: i64,
    /// In their order.
    pub candidates: Vec<Ready>,
    pub prompt: Prompt,
    /// The same prompt within a smaller bound, for a model whose window is small.
    pub shorter: Prompt,
    pub question: Question,
    /// The customer's words, for the built-in answerer.
    pub asked: String,
    /// In the order of their marks.
    pub passages: Vec<PassageRow>,
    /// Ids of passages that were found, and may not be answered from any more.
    pub switched_off: Vec<String>,
    pub streamed: bool,
}

/// What to do after an attempt.
enum Next {
    /// The same provider again, after a pause.
    Again(Duration),
    /// The next provider.
    Move,
}

impl Run {
    /// Answers. Ends silently where nobody listens any more.
    pub async fn run(mut self) {
        let turn = self.turn;
        if self.answer().await == Err(Gone) {
            tracing::info!(turn.id = %turn, "the caller of the answer of turn {turn} went away");
        }
    }

    async fn answer(&mut self) -> Result<(), Gone> {
        let by = Instant::now() + FIRST_TOKEN;
        let mut calls = 0;
        for ready in std::mem::take(&mut self.candidates) {
            if ready.target.is_none() {
                return self.built_in(&ready).await;
            }
            if self.try_provider(&ready, &mut calls, by).await? {
                return Ok(());
            }
        }
        self.outlet.send(Event::Handoff(Handoff { reason: "providers_failed".to_owned() })).await?;
        self.finish(FinishKind::Interrupted, vec![], vec![]).await
    }

    /// True where the answer ended here.
    async fn try_provider(&mut self, ready: &Ready, calls: &mut usize, by: Instant) -> Result<bool, Gone> {
        let key = HealthKey { provider: ready.id.0, etag: ready.etag };
        let (mut retried, mut trimmed) = (false, false);
        loop {
            let left = by.saturating_duration_since(Instant::now());
            if *calls >= CALLS_MAX || left.is_zero() {
                return Ok(false);
            }
            if !self.state.health.of(&key, |known| known.breaker.admits(Instant::now())) {
                let error = CallError { detail: String::new(), ..CallError::new(ErrorKind::Server, "") };
                self.log(ready, attempt::new_id(), &Times::start(), Some(("breaker_open", &error)), None);
                return Ok(false);
            }
            *calls += 1;
            let error = match self.attempt(ready, &key, left, trimmed).await? {
                None => return Ok(true),
                Some(error) => error,
            };
            match self.after(ready, &key, &error, &mut retried, &mut trimmed) {
                Next::Move => return Ok(false),
                Next::Again(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// One attempt; none where the answer ended with it.
    async fn attempt(
        &mut self,
        ready: &Ready,
        key: &HealthKey,
        left: Duration,
        trimmed: bool,
    ) -> Result<Option<CallError>, Gone> {
        let Some(target) = &ready.target else { return Ok(None) };
        let id = attempt::new_id();
        let mut times = Times::start();
        self.started(ready, id, &target.model).await?;
        let prompt = if trimmed { self.shorter.clone() } else { self.prompt.clone() };
        let question = Question { messages: prompt.messages.clone(), ..self.question.clone() };
        let egress = self.state.egress.clone();
        let setup = Setup {
            egress: &egress,
            target,
            question: &question,
            prompt: &prompt,
            quirks: self.state.health.of(key, |known| known.quirks),
            first_token: ready.first_token.min(left),
            streamed: self.streamed,
        };
        let ended = match attempt::run(&setup, &mut self.outlet, &mut times).await {
            Ok(ended) => ended,
            Err(Gone) => {
                let error = CallError::new(ErrorKind::Network, "");
                self.log(ready, id, &times, Some(("abandoned", &error)), None);
                return Err(Gone);
            }
        };
        match ended {
            Ended::Good { text, is_cut, usage } => {
                self.report(key, Outcome::Good);
                if trimmed {
                    self.prompt = prompt;
                }
                self.good(ready, id, &times, text, is_cut, usage).await?;
                Ok(None)
            }
            Ended::Bad { error, shown, usage } => {
                self.log(ready, id, &times, Some((error.kind.as_str(), &error)), usage.as_ref());
                self.ended(id, &times, usage, error.kind.as_str()).await?;
                self.bad(key, error, shown).await
            }
        }
    }

    async fn good(
        &mut self,
        ready: &Ready,
        id: AttemptId,
        times: &Times,
        text: String,
        is_cut: bool,
        usage: Usage,
    ) -> Result<(), Gone> {
        self.log(ready, id, times, None, Some(&usage));
        if !self.streamed {
            // Held back until it was whole: the customer's channel gets all of it or nothing.
            self.outlet.delta(&text).await?;
        }
        self.ended(id, times, Some(usage), "").await?;
        let used = self.passages.get(..self.prompt.materials).unwrap_or(&self.passages);
        let cited = citations::of_text(&text, used);
        let kind = if is_cut { FinishKind::Length } else { FinishKind::Complete };
        self.finish(kind, vec![id.to_string()], cited).await
    }

    /// Ends the answer where it can only end; else the error goes on to the decision about the next attempt.
    async fn bad(&mut self, key: &HealthKey, error: CallError, shown: bool) -> Result<Option<CallError>, Gone> {
        if error.kind == ErrorKind::Filtered {
            self.report(key, Outcome::Good);
            self.outlet.send(Event::Handoff(Handoff { reason: "filtered".to_owned() })).await?;
            self.finish(FinishKind::Filtered, vec![], vec![]).await?;
            return Ok(None);
        }
        if shown {
            // The reader has seen half an answer: no other model will go on with it. It is free.
            self.report(key, outcome(&error));
            self.finish(FinishKind::Interrupted, vec![], vec![]).await?;
            return Ok(None);
        }
        Ok(Some(error))
    }

    /// Whether the same provider is asked again. At most once, but for parameters it names and a prompt that can be cut.
    fn after(&self, ready: &Ready, key: &HealthKey, error: &CallError, retried: &mut bool, trimmed: &mut bool) -> Next {
        alert(ready, error);
        match error.kind {
            ErrorKind::BadRequest => {
                self.report(key, Outcome::Good);
                let parameter = error.parameter.clone().unwrap_or_default();
                let noted = self.state.health.of(key, |known| known.quirks.note(&parameter));
                return if noted { Next::Again(Duration::ZERO) } else { Next::Move };
            }
            ErrorKind::TooLong => {
                self.report(key, Outcome::Good);
                return if std::mem::replace(trimmed, true) { Next::Move } else { Next::Again(Duration::ZERO) };
            }
            _ => {}
        }
        let pause = match error.kind {
            ErrorKind::RateLimited => error.retry_after.filter(|wait| *wait <= WAIT_MAX),
            ErrorKind::Network | ErrorKind::Server | ErrorKind::Conflict => {
                Some(error.retry_after.unwrap_or_else(jittered).min(WAIT_MAX))
            }
            _ => None,
        };
        match pause {
            Some(pause) if !std::mem::replace(retried, true) => {
                // A rate limit that is waited for right here closes nothing.
                if error.kind != ErrorKind::RateLimited {
                    self.report(key, outcome(error));
                }
                Next::Again(pause)
            }
            _ => {
                self.report(key, outcome(error));
                Next::Move
            }
        }
    }

    async fn built_in(&mut self, ready: &Ready) -> Result<(), Gone> {
        let id = attempt::new_id();
        let times = Times::start();
        self.started(ready, id, "").await?;
        let answer = built_in::answer(&self.asked, &self.passages, self.question.output_tokens_max);
        for piece in built_in::pieces(&answer.text) {
            self.outlet.delta(piece).await?;
        }
        self.log(ready, id, &times, None, Some(&Usage::default()));
        self.ended(id, &times, Some(Usage::default()), "").await?;
        if !answer.is_sure {
            self.outlet.send(Event::Handoff(Handoff { reason: "low_confidence".to_owned() })).await?;
        }
        self.finish_seen(FinishKind::Complete, vec![id.to_string()], answer.citations, self.passages.len()).await
    }

    async fn started(&mut self, ready: &Ready, id: AttemptId, model: &str) -> Result<(), Gone> {
        self.outlet
            .send(Event::Started(Started {
                attempt_id: id.to_string(),
                provider_id: ready.id.to_string(),
                provider: ready.name.clone(),
                model: model.to_owned(),
            }))
            .await
    }

    async fn ended(&mut self, id: AttemptId, times: &Times, usage: Option<Usage>, error: &str) -> Result<(), Gone> {
        self.outlet
            .send(Event::AttemptEnded(AttemptEnded {
                attempt_id: id.to_string(),
                usage,
                error: error.to_owned(),
                first_token_ms: times.first_token_ms(),
                total_ms: times.total_ms(),
            }))
            .await
    }

    async fn finish(&mut self, kind: FinishKind, charged: Vec<String>, cited: Vec<Citation>) -> Result<(), Gone> {
        self.finish_seen(kind, charged, cited, self.prompt.materials).await
    }

    /// The end of an answer that saw the first so many passages.
    async fn finish_seen(
        &mut self,
        kind: FinishKind,
        charged: Vec<String>,
        cited: Vec<Citation>,
        seen: usize,
    ) -> Result<(), Gone> {
        let dropped = |passage_id: String, rule: DropRule| DroppedPassage { passage_id, rule: rule.into() };
        let too_long = self.passages.iter().skip(seen).map(|row| dropped(row.id.to_string(), DropRule::Tokens));
        let gone = self.switched_off.iter().map(|id| dropped(id.clone(), DropRule::SwitchedOff));
        let finished = Finished {
            kind: kind.into(),
            charged_attempt_ids: charged,
            prompt_hash: self.prompt.hash(),
            citations: cited,
            dropped: too_long.chain(gone).collect(),
        };
        self.outlet.send(Event::Finished(finished)).await
    }

    fn report(&self, key: &HealthKey, outcome: Outcome) {
        self.state.health.of(key, |known| known.breaker.report(outcome, Instant::now()));
    }

    fn log(
        &self,
        ready: &Ready,
        id: AttemptId,
        times: &Times,
        error: Option<(&str, &CallError)>,
        usage: Option<&Usage>,
    ) {
        let key = ready.target.as_ref().and_then(|t| t.key.as_ref()).map(|k| k.expose().as_str());
        let row = Attempt {
            id,
            turn_id: self.turn,
            epoch: self.epoch,
            provider_id: ready.id,
            model: ready.target.as_ref().map(|t| t.model.clone()).unwrap_or_default(),
            error: error.map(|(name, _)| name.to_owned()).unwrap_or_default(),
            detail: error.map(|(_, e)| mask(&e.detail, key)).unwrap_or_default(),
            first_token_ms: times.first_token_ms(),
            total_ms: times.total_ms(),
            input_tokens: 0,
            cached_input_tokens: 0,
            cache_write_tokens: 0,
            output_tokens: 0,
            estimated: false,
        };
        self.state.attempts.tell(usage.map_or(row.clone(), |u| row.with_usage(u)));
    }
}

fn jittered() -> Duration {
    PAUSE.mul_f64(1.0 - f64::from(rand::random::<u8>()) / 1_024.0)
}

/// What the breaker makes of an error.
fn outcome(error: &CallError) -> Outcome {
    match error.kind {
        ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Server => Outcome::Bad,
        ErrorKind::RateLimited => Outcome::StayAway(error.retry_after.unwrap_or(RATE_PAUSE)),
        ErrorKind::NoCredit => Outcome::StayAway(NO_CREDIT_PAUSE),
        ErrorKind::Auth | ErrorKind::NoModel => Outcome::StayAway(REFUSED_PAUSE),
        ErrorKind::Conflict | ErrorKind::TooLong | ErrorKind::BadRequest | ErrorKind::Filtered => Outcome::Good,
    }
}

/// Failures that no time heals are for staff. The provider's words stay in the log of attempts.
fn alert(ready: &Ready, error: &CallError) {
    let kind = error.kind.as_str();
    match error.kind {
        ErrorKind::NoCredit | ErrorKind::Auth | ErrorKind::NoModel | ErrorKind::BadRequest => {
            tracing::error!(provider.id = %ready.id, kind, "provider {} refuses us: {kind}", ready.name);
        }
        _ => tracing::warn!(provider.id = %ready.id, kind, "provider {} failed: {kind}", ready.name),
    }
}

/// The candidates of a request in its order, each once, as far as they may run now; the built-in answerer last.
pub fn order(asked: &[String], known: HashMap<String, Ready>) -> Vec<Ready> {
    let mut known = known;
    let mut ordered: Vec<Ready> = asked.iter().filter_map(|id| known.remove(id)).collect();
    ordered.sort_by_key(|ready| ready.target.is_none());
    ordered
}

/// Tokens of the shorter prompt.
pub fn shorter(tokens_max: i64) -> i64 {
    (tokens_max * 6 / 10).max(prompt::tokens_of(2_000))
}
