//! Reading an answer from svc-assistants: its text as it grows, its attempts, its end.

use std::time::{Duration, Instant};

use neipix_mesh::db::Tx;
use neipix_proto::assistants::v1::{
    AttemptEnded, Candidate, Citation, DialogueMessage, DialogueRole, FinishKind, Finished, ReplyEvent, ReplyRequest,
    Usage, assistant_service_client::AssistantServiceClient, reply_event::Event,
};
use tonic::{Status, Streaming};

use super::Run;
use crate::{
    channels,
    gate::look,
    openai::Overrides,
    plan::Plan,
    retrieval::{self, Found},
    turn::{
        Reason,
        store::{
            read::{self, Context},
            stored::Attempt,
        },
    },
};

/// An answer takes no longer.
const ANSWER_MOST: Duration = Duration::from_secs(120);
/// How often a stream that broke before anything was shown is begun anew.
const TRIES: u32 = 3;
/// How often a hold is renewed.
const RENEW: Duration = Duration::from_secs(300);
/// How often a shown answer looks whether somebody took over.
const LOOK: Duration = Duration::from_millis(700);
/// `typing` lasts five seconds in Telegram.
const TYPING: Duration = Duration::from_millis(4_500);
/// Longest answer in bytes: a broken provider must not fill the memory.
const TEXT_MOST: usize = 256 << 10;

type Opened = Result<Streaming<ReplyEvent>, Status>;

/// An answer that came to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub text: String,
    pub citations: Vec<Citation>,
    pub attempts: Vec<Attempt>,
    /// A person should take over.
    pub handoff: bool,
}

/// How reading ended.
#[derive(Debug)]
pub(super) enum Replied {
    Answered(Answer),
    Cut { cut: Cut, attempts: Vec<Attempt> },
}

/// Why it broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Somebody else decides about the turn now.
    Gone,
    Reason(Reason),
}

impl From<Cut> for Replied {
    fn from(cut: Cut) -> Self {
        Self::Cut { cut, attempts: vec![] }
    }
}

/// Sums up tokens.
pub(super) fn usage_of(attempts: &[Attempt]) -> Usage {
    let sum = |n: usize| attempts.iter().map(|a| a.tokens[n]).sum();
    Usage {
        input_tokens: sum(0),
        cached_input_tokens: sum(1),
        cache_write_tokens: sum(2),
        output_tokens: sum(3),
        estimated: attempts.iter().any(|a| a.estimated),
    }
}

/// What is known of an answer while it is read.
#[derive(Default)]
struct Reading {
    attempts: Vec<Attempt>,
    handoff: bool,
    finished: Option<Finished>,
    length: usize,
}

impl Reading {
    fn ended(&mut self, ended: &AttemptEnded) {
        let Some(attempt) = self.attempts.iter_mut().find(|a| a.id.to_string() == ended.attempt_id) else { return };
        if let Some(usage) = ended.usage {
            let count = |n: i64| n.max(0);
            attempt.tokens = [
                count(usage.input_tokens),
                count(usage.cached_input_tokens),
                count(usage.cache_write_tokens),
                count(usage.output_tokens),
            ];
            attempt.estimated = usage.estimated;
        }
        attempt.error.clone_from(&ended.error);
        attempt.first_token_ms = ended.first_token_ms;
        attempt.total_ms = ended.total_ms;
    }
}

impl Run {
    pub(super) fn overrides(&self) -> Overrides {
        self.request.clone().and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default()
    }

    /// Characters of this turn's words and what the caller adds below the instruction.
    pub(super) fn characters(&self, texts: &[String]) -> usize {
        let instruction = self.overrides().instruction;
        texts.iter().map(|t| t.chars().count()).sum::<usize>() + instruction.chars().count()
    }

    /// The version's bound, or the caller's where it is lower.
    pub(super) fn output_tokens_max(&self, plan: &Plan) -> i32 {
        let most = plan.output_tokens_max();
        self.overrides().max_output_tokens.map_or(most, |asked| asked.clamp(1, most))
    }

    /// Passages for the turn's words.
    pub(super) async fn passages(&self, texts: &[String]) -> Found {
        if let Some(sought) = &self.sought
            && let Ok(found) = sought.clone().await
        {
            return found;
        }
        retrieval::passages(&self.chats, self.ws, self.assistant, texts).await
    }

    pub(super) fn reply_request(
        &self,
        plan: &Plan,
        context: &Context,
        passage_ids: Vec<String>,
        candidates: Vec<Candidate>,
        streamed: bool,
    ) -> ReplyRequest {
        let overrides = self.overrides();
        let history = if overrides.before.is_empty() { history_of(&context.history) } else { overrides.history() };
        let inputs: Vec<String> = context.inputs.iter().rev().take(100).rev().cloned().collect();
        ReplyRequest {
            workspace_id: self.ws.to_string(),
            assistant_id: self.assistant.to_string(),
            version: plan.answer.version,
            turn_id: self.turn.to_string(),
            epoch: self.epoch,
            history,
            input_tokens_max: plan.input_tokens_max(self.characters(&context.inputs)),
            output_tokens_max: self.output_tokens_max(plan),
            inputs,
            passage_ids,
            candidates,
            streamed,
            contact_name: context.contact_name.chars().take(200).collect(),
            temperature: overrides.temperature,
            top_p: overrides.top_p,
            stop: overrides.stop,
            caller_instruction: overrides.instruction,
        }
    }

    pub(super) async fn open_reply(&self, request: &ReplyRequest) -> Opened {
        let mut client = AssistantServiceClient::new(self.chats.mesh.background("svc-assistants"));
        client.reply(request.clone()).await.map(tonic::Response::into_inner)
    }

    /// Reads the answer to its end, telling who watches; begins anew where the stream broke before anything was shown.
    pub(super) async fn read_reply(&self, first: Opened, request: &ReplyRequest, shown: bool) -> Replied {
        let deadline = Instant::now() + ANSWER_MOST;
        let mut opened = first;
        let mut reading = Reading::default();
        for attempt in 1..=TRIES {
            let cut = match opened {
                Ok(stream) => self.read_stream(stream, &mut reading, request, shown, deadline).await,
                Err(status) => Err(self.broken(&status)),
            };
            let broken = match cut {
                Ok(()) => return self.answered(reading, shown),
                Err(Some(cut)) => return Replied::Cut { cut, attempts: reading.attempts },
                Err(None) => shown && reading.length > 0,
            };
            if broken {
                return Replied::Cut { cut: Cut::Reason(Reason::Interrupted), attempts: reading.attempts };
            }
            if attempt == TRIES || Instant::now() > deadline {
                break;
            }
            if reading.length > 0 {
                self.chats.live.rewind(&self.live, 0);
                reading.length = 0;
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
            opened = self.open_reply(request).await;
        }
        Replied::Cut { cut: Cut::Reason(Reason::Internal), attempts: reading.attempts }
    }

    fn broken(&self, status: &Status) -> Option<Cut> {
        tracing::warn!(turn.id = %self.turn, code = ?status.code(), error = status.message(), "the answer broke off");
        // What was refused for good is not asked again.
        let final_ = matches!(
            status.code(),
            tonic::Code::InvalidArgument | tonic::Code::FailedPrecondition | tonic::Code::NotFound
        );
        final_.then_some(Cut::Reason(Reason::Internal))
    }

    /// `Err(None)`: the stream broke.
    async fn read_stream(
        &self,
        mut stream: Streaming<ReplyEvent>,
        reading: &mut Reading,
        request: &ReplyRequest,
        shown: bool,
        deadline: Instant,
    ) -> Result<(), Option<Cut>> {
        let mut ear = self.live.ear();
        let mut look = tokio::time::interval(LOOK);
        look.tick().await;
        let mut renew = tokio::time::interval(RENEW);
        renew.tick().await;
        loop {
            tokio::select! {
                biased;
                message = stream.message() => match message {
                    Ok(Some(event)) => {
                        if self.take_event(event, reading, shown).await? {
                            return Ok(());
                        }
                    }
                    // An end without `Finished` is a break.
                    Ok(None) => return Err(None),
                    Err(status) => return Err(self.broken(&status)),
                },
                _ = ear.changed(), if !self.live.is_cancelled() => {
                    if self.live.is_cancelled() {
                        self.may_go_on(shown).await.map_err(Some)?;
                    }
                }
                _ = look.tick() => if shown || self.live.is_cancelled() {
                    self.may_go_on(shown).await.map_err(Some)?;
                },
                _ = renew.tick() => {
                    let models = request.candidates.iter().map(|c| c.model.clone()).filter(|m| !m.is_empty()).collect::<Vec<_>>();
                    if !models.is_empty() {
                        self.renew(&self.renewal(models, request.input_tokens_max, request.output_tokens_max)).await;
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => return Err(Some(Cut::Reason(Reason::Timeout))),
            }
        }
    }

    /// True at the answer's end.
    async fn take_event(&self, event: ReplyEvent, reading: &mut Reading, shown: bool) -> Result<bool, Option<Cut>> {
        match event.event {
            Some(Event::Started(started)) => {
                let id = started.attempt_id.parse().map_err(|_| Some(Cut::Reason(Reason::Internal)))?;
                reading.attempts.push(Attempt {
                    id,
                    provider: started.provider,
                    model: started.model,
                    ..Attempt::default()
                });
            }
            Some(Event::Delta(delta)) => {
                let offset = usize::try_from(delta.offset).unwrap_or(usize::MAX);
                if offset > reading.length || offset + delta.text.len() > TEXT_MOST {
                    tracing::error!(turn.id = %self.turn, offset, "an answer's text has a hole or no end");
                    return Err(Some(Cut::Reason(if shown { Reason::Interrupted } else { Reason::Internal })));
                }
                if shown && !self.is_mine().await {
                    return Err(Some(Cut::Gone));
                }
                if offset < reading.length {
                    self.chats.live.rewind(&self.live, offset);
                }
                self.chats.live.append(&self.live, &delta.text);
                reading.length = offset + delta.text.len();
                neipix_mesh::crashpoint!("turn.mid_stream");
            }
            Some(Event::AttemptEnded(ended)) => reading.ended(&ended),
            Some(Event::Handoff(handoff)) => {
                self.notes.handoff(&handoff.reason);
                reading.handoff = true;
            }
            Some(Event::Finished(finished)) => {
                self.notes.finished(&finished);
                reading.finished = Some(finished);
                return Ok(true);
            }
            None => {}
        }
        Ok(false)
    }

    fn answered(&self, reading: Reading, shown: bool) -> Replied {
        let Reading { mut attempts, handoff, finished, .. } = reading;
        let finished = finished.unwrap_or_default();
        if finished.kind() == FinishKind::Interrupted {
            let reason = if shown { Reason::Interrupted } else { Reason::Internal };
            return Replied::Cut { cut: Cut::Reason(reason), attempts };
        }
        for attempt in &mut attempts {
            attempt.charged = finished.charged_attempt_ids.contains(&attempt.id.to_string());
        }
        let handoff = handoff || finished.kind() == FinishKind::Filtered;
        Replied::Answered(Answer { text: self.live.text(), citations: finished.citations, attempts, handoff })
    }

    /// Looks whether the turn may go on: it is this worker's, and nobody took over what is being shown.
    async fn may_go_on(&self, shown: bool) -> Result<(), Cut> {
        let watch = self
            .chats
            .db
            .in_workspace_id(self.ws, "chats.watch_turn", async |tx: &mut Tx| read::watch(tx, self.ws, self.turn).await)
            .await;
        match watch {
            // The database cannot be asked: the lease decides.
            Err(_) => Ok(()),
            Ok(watch) if watch.ended || watch.lease_epoch != self.epoch => Err(Cut::Gone),
            Ok(watch) if watch.closed && shown => Err(Cut::Reason(Reason::Closed)),
            Ok(watch) if watch.handler_epoch != self.handler_epoch => {
                if shown {
                    self.notes.decided([look::silenced_by_person(watch.handler_epoch)]);
                    Err(Cut::Reason(Reason::TakeOver))
                } else {
                    Err(Cut::Gone)
                }
            }
            Ok(_) => Ok(()),
        }
    }

    /// Shows that somebody types, where the channel can; never returns.
    pub(super) async fn typing(&self, context: &Context) {
        if context.channel_kind != "telegram" {
            return std::future::pending().await;
        }
        let token = channels::token_of(&self.chats, self.ws, context.channel).await;
        loop {
            if let Ok(Some(token)) = &token {
                self.chats.telegram.typing(token, &context.address).await;
            }
            tokio::time::sleep(TYPING).await;
        }
    }
}

fn history_of(said: &[(String, String)]) -> Vec<DialogueMessage> {
    let role = |author: &str| match author {
        "contact" => Some(DialogueRole::Customer),
        "operator" => Some(DialogueRole::Operator),
        // What the product said in the assistant's place is part of the dialogue that the customer saw.
        "assistant" | "system" => Some(DialogueRole::Assistant),
        _ => None,
    };
    said.iter()
        .filter_map(|(author, text)| Some(DialogueMessage { role: role(author)?.into(), text: text.clone() }))
        .collect()
}
