//! The way of a turn, step by step.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use neipix_mesh::{Failure, MessageId, crash, db::Tx};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    assistants::v1::{Candidate, GateOutcome, GateRule},
    chats::v1::AskTurn,
};

use super::{
    GIVE_UP, Run, Worked,
    billing::{Held, Refusal},
    reply::{Answer, Cut, Replied},
};
use crate::{
    conversations::store as dialogue,
    delivery,
    gate::{self, Question, Verdict, look},
    plan::Plan,
    turn::{
        Reason, State,
        store::{
            self, Answering,
            notes::{self, Note, Settled},
            read::{self, Context},
            stored::{Attempt, Stored},
        },
    },
};

/// How long the assistant's plan is waited for.
const PLAN_WAIT: Duration = Duration::from_secs(30);

impl Run {
    pub(super) async fn steps(&self) -> Result<Worked, Failure> {
        if self.state == State::Stored {
            return self.settle(None).await;
        }
        if self.began.elapsed() > GIVE_UP {
            return self.fail(Reason::Internal, &[]).await;
        }
        let plan = match self.plan().await {
            Ok(plan) => plan,
            Err(error) if error.is(MeshReason::NotFound) => {
                self.notes.decided([look::decision(GateRule::Assistant, GateOutcome::Silenced, None)]);
                return self.skip(Reason::Paused, None, None, false, true).await;
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "turn {} has no plan", self.turn);
                return self.fail(Reason::Internal, &[]).await;
            }
        };
        let context = match (&self.context, &self.inputs) {
            (Some(context), _) => Some(context.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(self.read_context().await?),
        };
        let texts = match (&context, &self.inputs) {
            (Some(context), _) => context.inputs.clone(),
            (None, Some(inputs)) => inputs.clone(),
            (None, None) => vec![],
        };
        if let Some(worked) = self.gate(&plan, &texts).await? {
            return Ok(worked);
        }
        self.answer(plan, context, texts).await
    }

    /// The plan, waited for through a short outage.
    async fn plan(&self) -> Result<Arc<Plan>, Failure> {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.chats.plans.get(self.ws, self.assistant).await {
                Err(error) if !error.is(MeshReason::NotFound) && self.began.elapsed() < PLAN_WAIT => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                other => return other,
            }
        }
    }

    pub(super) async fn read_context(&self) -> Result<Context, Failure> {
        self.chats
            .db
            .in_workspace_id(self.ws, "chats.turn_context", async |tx: &mut Tx| {
                read::context(tx, self.ws, self.turn).await
            })
            .await
    }

    /// Asked once. A worker that comes later only looks who answers: a hold may exist, which a skipped turn has not.
    async fn gate(&self, plan: &Plan, texts: &[String]) -> Result<Option<Worked>, Failure> {
        let question = Question {
            answers: plan.answers(),
            handler: self.handler,
            schedule: plan.schedule.as_ref(),
            stop_words: &plan.stop_words,
            texts,
            away_since: self.away_since,
            now: self.now,
        };
        let verdict = gate::decide(&question);
        self.notes.decided(look::decisions(&question, self.handler_epoch, plan, &verdict));
        let Verdict::Skip { reason, reply, away_since, to_person, pending, .. } = verdict else { return Ok(None) };
        if self.again {
            return match reason {
                Reason::Operator => self.cancel(Reason::TakeOver, None, &[]).await.map(Some),
                Reason::StopWord => self.cancel(Reason::StopWord, None, &[]).await.map(Some),
                Reason::Paused => self.cancel(Reason::Handoff, None, &[]).await.map(Some),
                _ => Ok(None),
            };
        }
        self.skip(reason, reply, away_since, to_person, pending).await.map(Some)
    }

    async fn answer(&self, plan: Arc<Plan>, context: Option<Context>, texts: Vec<String>) -> Result<Worked, Failure> {
        let context = async {
            match context {
                Some(context) => Ok(context),
                None => self.read_context().await,
            }
        };
        let (held, passages, context) =
            futures::future::join3(self.hold(&plan, &texts), self.passages(&texts), context).await;
        let context = context?;
        self.notes.found(&passages);
        let bounds = (plan.input_tokens_max(self.characters(&texts)), self.output_tokens_max(&plan));
        self.notes.held(plan.answer.version, held.as_ref().map_or(0, |held| held.amount), bounds.0, bounds.1);
        let held = match held {
            Ok(held) => held,
            Err(Refusal::Skip(reason, look)) => {
                self.notes.decided([look::balance(GateOutcome::Silenced, look)]);
                return self.skip(reason, None, None, reason.needs_person(), true).await;
            }
            Err(Refusal::Unreachable) => return self.fail(Reason::BillingUnavailable, &[]).await,
            Err(Refusal::Closed) => return self.fail(Reason::Internal, &[]).await,
        };
        self.notes.decided([held.look(&plan.answer.candidates)]);
        crash::point("turn.after_hold").await?;
        let candidates = held.allowed(&plan.answer.candidates);
        if candidates.is_empty() {
            return self.fail(Reason::Internal, &[]).await;
        }
        let ids = passages.passages.iter().map(|p| p.passage_id.clone()).collect();
        self.reply_and_store(&plan, &context, &held, ids, candidates).await
    }

    async fn reply_and_store(
        &self,
        plan: &Plan,
        context: &Context,
        held: &Held,
        passages: Vec<String>,
        candidates: Vec<Candidate>,
    ) -> Result<Worked, Failure> {
        let shown = self.streamed && !plan.stop_words.check_answers();
        let request = self.reply_request(plan, context, passages, candidates, shown);
        let (begun, stream) =
            futures::future::join(self.begin_answer(plan, held, shown), self.open_reply(&request)).await;
        if !begun? {
            return self.lost_claim().await;
        }
        if shown {
            self.live.show();
        }
        let typing = self.typing(context);
        let replied = tokio::select! {
            replied = self.read_reply(stream, &request, shown) => replied,
            () = typing => Cut::Gone.into(),
        };
        crash::point("turn.replied").await?;
        match replied {
            Replied::Answered(answer) => self.keep(plan, context, held, answer, shown).await,
            Replied::Cut { cut: Cut::Gone, .. } => self.lost_claim().await,
            Replied::Cut { cut: Cut::Reason(reason), attempts } => {
                if shown {
                    self.cut(context, reason, &attempts).await
                } else {
                    self.fail(reason, &attempts).await
                }
            }
        }
    }

    async fn begin_answer(&self, plan: &Plan, held: &Held, shown: bool) -> Result<bool, Failure> {
        let what = Answering {
            workspace: self.ws,
            conversation: self.conversation,
            turn: self.turn,
            epoch: self.epoch,
            held: held.is_some(),
            version: plan.answer.version,
            claim: shown.then_some(self.handler_epoch),
        };
        self.chats.together.begin.submit(what).await
    }

    /// An answer that came whole: checked, claimed, stored, paid.
    async fn keep(
        &self,
        plan: &Plan,
        context: &Context,
        held: &Held,
        answer: Answer,
        shown: bool,
    ) -> Result<Worked, Failure> {
        let mut attempts = answer.attempts;
        for attempt in &mut attempts {
            attempt.price = held.price_of(&attempt.model);
        }
        if !shown {
            let met = plan.stop_words.find_in_answer(&answer.text);
            let place = met.map(|met| met.place);
            self.notes.decided([look::stop_words(plan.answer.spec.as_ref(), GateRule::AnswerStopWords, place)]);
            if let Some(met) = met {
                return self.cancel(Reason::StopWord, Some(met.action), &attempts).await;
            }
            if answer.handoff {
                return self.cancel(Reason::Handoff, None, &attempts).await;
            }
        }
        if answer.text.trim().is_empty() {
            return self.fail(Reason::Internal, &attempts).await;
        }
        let message = MessageId::new(Utc::now());
        let parts = delivery::parts(&context.channel_kind, &context.address, &answer.text);
        let delivers = !parts.is_empty();
        let what = Stored {
            workspace: self.ws,
            conversation: self.conversation,
            channel: context.channel,
            turn: self.turn,
            epoch: self.epoch,
            handler_epoch: self.handler_epoch,
            message,
            text: answer.text.clone(),
            citations: read::keep_citations(&answer.citations),
            attempts: attempts.clone(),
            parts,
            record: self.notes.encoded(),
        };
        let stored = self.chats.together.store.submit(what).await?;
        if !stored {
            return self.lost_claim().await;
        }
        crash::point("turn.stored").await?;
        if answer.handoff {
            self.hand_over().await?;
        }
        let charged = attempts.into_iter().filter(|a| a.charged).collect::<Vec<_>>();
        let end = AskTurn {
            id: self.turn.to_string(),
            answer: answer.text,
            citations: answer.citations,
            usage: Some(super::reply::usage_of(&charged)),
            answered_by: "assistant".to_owned(),
            ..AskTurn::default()
        };
        self.settle(Some((end, charged, held.is_some(), delivers))).await
    }

    /// A shown answer asked for a person: the dialogue goes to one after it.
    async fn hand_over(&self) -> Result<(), Failure> {
        self.chats
            .db
            .in_workspace_id(self.ws, "chats.hand_over", async |tx: &mut Tx| {
                if let Some(mut locked) = dialogue::lock(tx, self.ws, self.conversation).await? {
                    let standing = locked.standing.to_person();
                    dialogue::write(tx, self.ws, &mut locked, standing, dialogue::Also::default()).await?;
                }
                Ok::<_, Failure>(())
            })
            .await
    }

    /// `stored → settled`. Knows the bill where this worker stored the answer; reads it otherwise.
    async fn settle(&self, known: Option<(AskTurn, Vec<Attempt>, bool, bool)>) -> Result<Worked, Failure> {
        let (end, charged, held, delivers) = match known {
            Some((end, attempts, held, delivers)) => {
                let charged = attempts.iter().filter(|a| !a.model.is_empty()).map(super::billing::charged_of);
                (Some(end), charged.collect(), held, delivers)
            }
            None => {
                let bill = self
                    .chats
                    .db
                    .in_workspace_id(self.ws, "chats.bill", async |tx: &mut Tx| {
                        read::bill(tx, self.ws, self.turn).await
                    })
                    .await?;
                (None, bill.charged, bill.held, true)
            }
        };
        let Some(cost) = self.pay(held, &charged).await? else { return Ok(Worked::Later(Duration::from_secs(2))) };
        crash::point("turn.settled_unrecorded").await?;
        let told = end.is_some() && !delivers;
        let mut end = end.map(|end| AskTurn { cost_micro_pix: cost, ..end });
        if told {
            // Stored and paid: nothing that may still happen changes what the caller hears, so they do not wait for the note.
            let end = end.take().map(|end| AskTurn { state: State::Delivered.to_proto().into(), ..end });
            if let Some(end) = end {
                self.chats.live.finish_here(&self.live, end);
            }
        }
        let (settled, waits) = self.note_settled(cost, delivers).await?;
        if !settled.done {
            return Ok(Worked::Gone);
        }
        if told {
            self.chats.live.finish_elsewhere(&self.live);
        }
        tracing::info!(turn.id = %self.turn, cost_micro_pix = cost, "settled turn {}", self.turn);
        let state = if waits { State::Settled } else { State::Delivered };
        let end = match end {
            Some(end) => Some(AskTurn { state: state.to_proto().into(), ..end }),
            None if told => None,
            None => Some(self.read_end().await?),
        };
        Ok(Worked::Ended { end, next: settled.next })
    }

    /// Notes that the turn is paid; whether parts of its answer are still on their way.
    async fn note_settled(&self, cost: i64, delivers: bool) -> Result<(Settled, bool), Failure> {
        let note = Note {
            workspace: self.ws,
            conversation: self.conversation,
            turn: self.turn,
            epoch: self.epoch,
            cost_micro_pix: cost,
            delivered: true,
        };
        if !delivers {
            return Ok((self.chats.together.notes.submit(note).await?, false));
        }
        self.chats
            .unhurried
            .in_workspace_id(self.ws, "chats.settled", async |tx: &mut Tx| {
                let waits = store::is_on_its_way(tx, self.ws, self.turn).await?;
                let settled = notes::settle(tx, &[Note { delivered: !waits, ..note }]).await?.pop();
                let settled = settled.ok_or_else(|| Failure::internal("a note without an answer"))?;
                Ok::<_, Failure>((settled, waits))
            })
            .await
    }

    pub(super) async fn read_end(&self) -> Result<AskTurn, Failure> {
        let outcome = self
            .chats
            .db
            .in_workspace_id(self.ws, "chats.turn_result", async |tx: &mut Tx| {
                read::result(tx, self.ws, self.turn).await
            })
            .await?;
        outcome.map(|o| o.turn).ok_or_else(|| Failure::internal("the turn is not there"))
    }

    /// A write said that the turn is not to be answered any more: somebody took over, or another worker has it.
    async fn lost_claim(&self) -> Result<Worked, Failure> {
        let watch = self
            .chats
            .db
            .in_workspace_id(self.ws, "chats.watch_turn", async |tx: &mut Tx| read::watch(tx, self.ws, self.turn).await)
            .await?;
        if watch.ended {
            return Ok(Worked::Ended { end: Some(self.read_end().await?), next: None });
        }
        if watch.lease_epoch != self.epoch {
            return Ok(Worked::Gone);
        }
        let reason = if watch.closed { Reason::Closed } else { Reason::TakeOver };
        if reason == Reason::TakeOver {
            self.notes.decided([look::silenced_by_person(watch.handler_epoch)]);
        }
        self.cancel(reason, None, &[]).await
    }
}
