//! A turn of a test dialogue at work: the gate's rules, money, search, answer, end. It goes on when its reader goes away.

use std::sync::Arc;

use neipix_mesh::{AssistantId, CallContext, Failure, TurnId, db::Tx};
use neipix_proto::{
    assistants::v1::{
        AssistantLook, AssistantSpec, AssistantStatus, BalanceLook, Candidate, Delta, DialogueMessage, DropRule,
        ExplainedAttempt, FinishKind, Finished, GateDecision, GateOutcome, GateRule, RankedPassage, RecordedPassage,
        ReplyRequest, RetrieveResponse, SilenceReason, SimulateEvent, SimulationRecord, TurnRecord,
        gate_decision::Looked, reply_event, simulate_event::Event,
    },
    chats::v1::{JudgeRequest, JudgeResponse, gate_service_client::GateServiceClient},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Bounds, RUN_MOST, State,
    money::{self, For, Reserved},
    rpc::end_of,
    store::{self, Ending, TurnRow},
};
use crate::{Assistants, answers, providers, search};

/// A turn at work.
pub(super) struct Run {
    state: Assistants,
    context: Arc<CallContext>,
    turn: TurnId,
    assistant: AssistantId,
    version: i32,
    spec: AssistantSpec,
    question: String,
    history: Vec<DialogueMessage>,
    contact_name: String,
    sender: mpsc::Sender<SimulateEvent>,
    notes: TurnRecord,
    attempts: Vec<ExplainedAttempt>,
    finished: Finished,
    text: String,
}

/// How it ended.
struct End {
    state: State,
    reason: SilenceReason,
    reply: Option<String>,
}

impl End {
    fn answered() -> Self {
        Self { state: State::Answered, reason: SilenceReason::Unspecified, reply: None }
    }

    fn silent(reason: SilenceReason, reply: Option<String>) -> Self {
        Self { state: State::Silent, reason, reply }
    }

    fn failed(reason: SilenceReason) -> Self {
        Self { state: State::Failed, reason, reply: None }
    }
}

fn decision(rule: GateRule, outcome: GateOutcome, looked: Looked) -> GateDecision {
    GateDecision { rule: rule.into(), outcome: outcome.into(), looked: Some(looked) }
}

fn recorded(passage: &RankedPassage, dropped: DropRule) -> RecordedPassage {
    let id = passage.passage_id.parse::<Uuid>().unwrap_or_default();
    RecordedPassage {
        id: id.as_bytes().to_vec(),
        score: passage.score as f32,
        parts: passage.parts.clone(),
        dropped: dropped.into(),
    }
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "each is a different thing, and there is one caller")]
    pub(super) fn new(
        state: &Assistants,
        context: Arc<CallContext>,
        row: &TurnRow,
        spec: AssistantSpec,
        look: AssistantLook,
        history: Vec<DialogueMessage>,
        contact_name: &str,
        sender: mpsc::Sender<SimulateEvent>,
    ) -> Self {
        let speaks = look.status() == AssistantStatus::Published;
        let outcome = if speaks { GateOutcome::Passed } else { GateOutcome::WouldSilence };
        let notes = TurnRecord {
            gate: vec![decision(GateRule::Assistant, outcome, Looked::Assistant(look))],
            version: row.version,
            ..TurnRecord::default()
        };
        Self {
            state: state.clone(),
            context,
            turn: row.id,
            assistant: row.assistant_id,
            version: row.version,
            spec,
            question: row.question.clone(),
            history,
            contact_name: contact_name.to_owned(),
            sender,
            notes,
            attempts: vec![],
            finished: Finished::default(),
            text: String::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let end = match tokio::time::timeout(RUN_MOST, self.answer()).await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, turn.id = %self.turn, "a test dialogue broke");
                End::failed(SilenceReason::Internal)
            }
            Err(_) => End::failed(SilenceReason::Timeout),
        };
        if let Err(error) = self.finish(end).await {
            // Its job ends it.
            tracing::error!(error = &error as &dyn std::error::Error, turn.id = %self.turn, "no end was stored");
        }
    }

    async fn judge(&mut self, answer: &str) -> Result<JudgeResponse, Failure> {
        let request = JudgeRequest {
            workspace_id: self.context.workspace.to_string(),
            spec: Some(self.spec.clone()),
            question: self.question.clone(),
            answer: answer.to_owned(),
        };
        let mut gate = GateServiceClient::new(self.state.mesh.background("svc-chats"));
        let judged = gate.judge(request).await?.into_inner();
        self.notes.gate.extend(judged.decisions.iter().cloned());
        Ok(judged)
    }

    async fn answer(&mut self) -> Result<End, Failure> {
        let judged = self.judge("").await?;
        if judged.silenced {
            return Ok(stopped(judged));
        }
        let candidates = self.candidates().await?;
        let bounds = Bounds::of(&self.spec);
        let what = For {
            workspace: self.context.workspace,
            turn: self.turn,
            assistant: self.assistant,
            candidates: &candidates,
            bounds,
        };
        (self.notes.input_tokens_max, self.notes.output_tokens_max) = (bounds.input, bounds.output);
        let reserved = match money::reserve(&self.state, what).await? {
            Ok(reserved) => reserved,
            Err(refusal) => {
                let look = Looked::Balance(refusal.look);
                self.notes.gate.push(decision(GateRule::Balance, GateOutcome::Silenced, look));
                return Ok(End::silent(refusal.reason, None));
            }
        };
        self.note_money(&reserved, &candidates);
        let found = search::rpc::for_answer(&self.state, &self.context, self.assistant, &self.question, 0).await?;
        self.note_found(&found);
        let request = self.request(&found, reserved.allowed(candidates), bounds, !judged.checks_answers);
        let draft = Some(Arc::new(self.spec.clone()));
        let events = answers::rpc::begin(&self.state, &self.context, request, draft).await?;
        let ended = self.read(events, !judged.checks_answers).await;
        for attempt in &mut self.attempts {
            attempt.price_id = reserved.price_of(&attempt.model);
        }
        if ended.is_none() && judged.checks_answers {
            let answer = self.text.clone();
            let judged = self.judge(&answer).await?;
            if judged.silenced {
                return Ok(stopped(judged));
            }
            self.tell(Event::Delta(Delta { offset: 0, text: answer })).await;
        }
        Ok(ended.unwrap_or_else(End::answered))
    }

    async fn candidates(&self) -> Result<Vec<Candidate>, Failure> {
        let rows = self
            .state
            .db
            .read(&self.context, "simulation.candidates", async |tx: &mut Tx| {
                Ok::<_, Failure>(providers::store::enabled(tx).await?)
            })
            .await?;
        Ok(rows.into_iter().map(|p| Candidate { provider_id: p.id.to_string(), model: p.model }).collect())
    }

    fn note_money(&mut self, reserved: &Reserved, candidates: &[Candidate]) {
        self.notes.held_micro_pix = reserved.amount;
        let costs = candidates.iter().filter(|c| !c.model.is_empty());
        let unpriced = costs.filter(|c| reserved.priced.iter().all(|p| p.model != c.model));
        let look = BalanceLook {
            needed_micro_pix: reserved.amount,
            unpriced_models: unpriced.map(|c| c.model.clone()).collect(),
            from_allowance: reserved.from_allowance,
            ..BalanceLook::default()
        };
        let outcome = if reserved.priced.is_empty() { GateOutcome::Absent } else { GateOutcome::Passed };
        self.notes.gate.push(decision(GateRule::Balance, outcome, Looked::Balance(look)));
    }

    fn note_found(&mut self, found: &RetrieveResponse) {
        let seen = found.passages.iter().map(|p| recorded(p, DropRule::Unspecified));
        self.notes.passages = seen.chain(found.dropped.iter().map(|p| recorded(p, DropRule::Limit))).collect();
    }

    fn request(
        &self,
        found: &RetrieveResponse,
        candidates: Vec<Candidate>,
        bounds: Bounds,
        streamed: bool,
    ) -> ReplyRequest {
        ReplyRequest {
            workspace_id: self.context.workspace.to_string(),
            assistant_id: self.assistant.to_string(),
            version: self.version,
            turn_id: self.turn.to_string(),
            epoch: 1,
            history: self.history.clone(),
            inputs: vec![self.question.clone()],
            passage_ids: found.passages.iter().map(|p| p.passage_id.clone()).collect(),
            candidates,
            input_tokens_max: bounds.input,
            output_tokens_max: bounds.output,
            streamed,
            contact_name: self.contact_name.clone(),
            ..ReplyRequest::default()
        }
    }

    /// Reads the answer to its end; none where it came whole.
    async fn read(
        &mut self,
        mut events: mpsc::Receiver<neipix_proto::assistants::v1::ReplyEvent>,
        shown: bool,
    ) -> Option<End> {
        let mut is_finished = false;
        while let Some(event) = events.recv().await {
            match event.event {
                Some(reply_event::Event::Started(started)) => self.attempts.push(ExplainedAttempt {
                    id: started.attempt_id,
                    provider: started.provider,
                    model: started.model,
                    ..ExplainedAttempt::default()
                }),
                Some(reply_event::Event::Delta(delta)) => {
                    let offset = usize::try_from(delta.offset).unwrap_or(0);
                    self.text.truncate(self.text.floor_char_boundary(offset));
                    self.text.push_str(&delta.text);
                    if shown {
                        self.tell(Event::Delta(delta)).await;
                    }
                }
                Some(reply_event::Event::AttemptEnded(ended)) => {
                    let Some(attempt) = self.attempts.iter_mut().find(|a| a.id == ended.attempt_id) else { continue };
                    attempt.usage = ended.usage;
                    attempt.error = ended.error;
                    attempt.first_token_ms = ended.first_token_ms;
                    attempt.total_ms = ended.total_ms;
                }
                Some(reply_event::Event::Handoff(handoff)) => self.notes.handoff = handoff.reason,
                Some(reply_event::Event::Finished(finished)) => {
                    self.note_finished(finished);
                    is_finished = true;
                }
                None => {}
            }
        }
        match self.finished.kind() {
            _ if !is_finished => Some(End::failed(SilenceReason::Internal)),
            FinishKind::Interrupted if shown && !self.text.is_empty() => Some(End::failed(SilenceReason::Interrupted)),
            FinishKind::Filtered => Some(End::silent(SilenceReason::Handoff, None)),
            FinishKind::Interrupted => Some(End::failed(SilenceReason::Internal)),
            _ if self.text.trim().is_empty() => Some(End::failed(SilenceReason::Internal)),
            FinishKind::Complete | FinishKind::Length | FinishKind::Unspecified => None,
        }
    }

    fn note_finished(&mut self, finished: Finished) {
        self.notes.finish = finished.kind;
        self.notes.prompt_hash = hex::decode(&finished.prompt_hash).unwrap_or_default();
        for dropped in &finished.dropped {
            let id = dropped.passage_id.parse::<Uuid>().unwrap_or_default();
            for passage in self.notes.passages.iter_mut().filter(|p| p.id == id.as_bytes()) {
                passage.dropped = dropped.rule;
            }
        }
        self.finished = finished;
    }

    /// The reader may have gone away: the turn goes on.
    async fn tell(&self, event: Event) {
        let _ = self.sender.send(SimulateEvent { event: Some(event) }).await;
    }

    async fn finish(&mut self, end: End) -> Result<(), Failure> {
        let (ws, turn) = (self.context.workspace, self.turn);
        let answered = end.state == State::Answered;
        let mut attempts = std::mem::take(&mut self.attempts);
        for attempt in &mut attempts {
            attempt.charged = answered && self.finished.charged_attempt_ids.contains(&attempt.id);
        }
        let citations = if answered { std::mem::take(&mut self.finished.citations) } else { vec![] };
        let record = SimulationRecord { turn: Some(std::mem::take(&mut self.notes)), attempts, citations };
        let shown = match (&end.reply, end.state) {
            (Some(reply), _) => reply.as_str(),
            (None, State::Answered | State::Failed) => self.text.as_str(),
            (None, State::Silent | State::Running) => "",
        };
        let ending = Ending {
            state: end.state,
            reason: end.reason,
            answer: shown,
            fixed_reply: end.reply.is_some(),
            record: Some(&record),
        };
        self.state
            .db
            .in_workspace_id(ws, "simulation.end", async |tx: &mut Tx| store::end(tx, ws, turn, &ending).await)
            .await?;
        if let Err(error) = money::close(&self.state, ws, turn).await {
            tracing::warn!(error = &error as &dyn std::error::Error, turn.id = %turn, "the job closes turn {turn} later");
        }
        let row = self
            .state
            .db
            .in_workspace_id(ws, "simulation.ended", async |tx: &mut Tx| store::find(tx, ws, turn).await)
            .await?
            .ok_or_else(Failure::not_found)?;
        let last = end_of(&self.state, &self.context, &row).await?;
        self.tell(Event::Finished(last)).await;
        Ok(())
    }
}

fn stopped(judged: JudgeResponse) -> End {
    let reply = (!judged.reply.is_empty()).then_some(judged.reply);
    End::silent(SilenceReason::StopWord, reply)
}
