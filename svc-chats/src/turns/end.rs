//! The ends of a turn: skipped, cancelled, failed, stored and settled.

use std::time::Duration;

use neipix_mesh::{
    Failure, MessageId, TurnId, WorkspaceId,
    db::Tx,
    failure::read_status,
    jobs::{self, Job, JobEnd, JobRun, RunAt},
};
use neipix_proto::billing::v1::{
    ChargedAttempt, ReleaseRequest, SettleRequest, billing_service_client::BillingServiceClient,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Running, handoff, step_to,
    store::{self, Attempt, Say},
};
use crate::{Chats, turn::State};

/// What was said, when a turn is stored.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The words.
    pub text: String,
    /// Citations as JSON.
    pub citations: serde_json::Value,
    /// The tries.
    pub attempts: Vec<Attempt>,
    /// Prices of the hold.
    pub price_ids: Vec<Uuid>,
    /// SHA-256 of the prompt.
    pub prompt_hash: String,
    /// A person should look at it.
    pub pending: bool,
}

/// Ends a turn that a rule silenced before anything was held.
///
/// # Errors
/// Storage, a lost lease.
pub async fn skip(tx: &mut Tx, running: &Running, reason: &str, set: &str) -> Result<(), Failure> {
    step_to(tx, running, State::Skipped, reason, true, set.to_owned()).await?;
    store::tell(tx, running.ws, "turn.skipped", running.dialogue.id, running.turn).await?;
    jobs::finish(tx, &format!("turn:{}", running.turn)).await
}

/// Ends a turn that will not be answered. What is held is released by a durable job; `hand_over` gives the dialogue to a
/// person; text that was already shown stays as an interrupted message.
///
/// # Errors
/// Storage, a lost lease.
pub async fn give_up(
    chats: &Chats,
    running: &Running,
    to: State,
    reason: &'static str,
    hand_over: bool,
    shown: &Said,
) -> Result<(), Failure> {
    let (ws, turn) = (running.ws, running.turn);
    chats
        .db
        .in_workspace_id(ws, "chats.give_up", async |tx: &mut Tx| {
            store::lock_dialogue(tx, ws, turn).await?;
            let mut set = String::new();
            if !shown.text.is_empty() {
                let message = MessageId::new(chrono::Utc::now());
                let row = store::read(tx, ws, turn, false).await?.ok_or_else(Failure::not_found)?;
                let say = Say {
                    author: "assistant",
                    member: None,
                    text: &shown.text,
                    citations: json!([]),
                    claimed: row.claimed_handler_epoch.or(Some(running.dialogue.handler_epoch)),
                    interrupted: true,
                    turn: Some(turn),
                };
                store::say(tx, ws, running.dialogue.id, message, &say).await?;
                set = format!("answer_message_id = '{message}'");
            }
            store::keep_attempts(tx, ws, turn, &shown.attempts, &shown.price_ids).await?;
            step_to(tx, running, to, reason, true, set).await?;
            if hand_over {
                handoff::to_a_person(tx, ws, running.dialogue.id, true).await?;
            }
            let kind = if to == State::Cancelled { "turn.cancelled" } else { "turn.failed" };
            store::tell(tx, ws, kind, running.dialogue.id, turn).await?;
            release_later(tx, ws, turn, reason).await?;
            jobs::finish(tx, &format!("turn:{turn}")).await
        })
        .await
}

async fn release_later(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, reason: &str) -> Result<(), Failure> {
    let job = Job {
        workspace: ws,
        kind: "turn.release",
        key: format!("release:{turn}"),
        payload: json!({"turn_id": turn, "reason": reason}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await
}

/// The job that frees what a turn held; a hold whose answer was lost is freed too.
///
/// # Errors
/// The job comes again.
pub async fn release(chats: &Chats, run: &JobRun) -> Result<JobEnd, Failure> {
    let request = ReleaseRequest {
        workspace_id: run.workspace_id.to_string(),
        turn_id: run.text("turn_id").to_owned(),
        reason: run.text("reason").chars().take(60).collect(),
    };
    BillingServiceClient::new(chats.mesh.background("svc-billing")).release(request).await?;
    Ok(JobEnd::Done)
}

/// Stores the whole answer with its events. An answer that nobody saw yet is claimed here; false where somebody took the
/// dialogue over: then nothing is stored.
///
/// # Errors
/// Storage, a lost lease.
pub async fn store_answer(chats: &Chats, running: &Running, said: &Said, streamed: bool) -> Result<bool, Failure> {
    let (ws, turn) = (running.ws, running.turn);
    chats
        .db
        .in_workspace_id(ws, "chats.store_answer", async |tx: &mut Tx| {
            let Some(dialogue) = store::lock_dialogue(tx, ws, turn).await? else { return Ok(false) };
            let claimed = running.dialogue.handler_epoch;
            let ours = dialogue.handler == "assistant" && dialogue.handler_epoch == claimed;
            if !streamed && (!ours || dialogue.status == "closed") {
                return Ok(false);
            }
            let message = MessageId::new(chrono::Utc::now());
            let say = Say {
                author: "assistant",
                member: None,
                text: &said.text,
                citations: said.citations.clone(),
                claimed: Some(claimed),
                interrupted: false,
                turn: Some(turn),
            };
            store::say(tx, ws, dialogue.id, message, &say).await?;
            crate::delivery::queue(tx, ws, &dialogue, message, Some(turn), &said.text).await?;
            store::keep_attempts(tx, ws, turn, &said.attempts, &said.price_ids).await?;
            let hash: String = said.prompt_hash.chars().filter(char::is_ascii_hexdigit).collect();
            let set =
                format!("answer_message_id = '{message}', claimed_handler_epoch = {claimed}, prompt_hash = '{hash}'");
            step_to(tx, running, State::Stored, "", false, set).await?;
            if said.pending && ours {
                handoff::to_a_person(tx, ws, dialogue.id, false).await?;
            }
            store::tell(tx, ws, "turn.stored", dialogue.id, turn).await?;
            Ok::<_, Failure>(true)
        })
        .await
}

/// Charges a stored turn and ends it. Works from what is stored, so that another worker can go on after a death.
///
/// # Errors
/// Billing does not answer, storage: the turn stays stored, and the job comes again.
pub async fn settle(chats: &Chats, running: &Running) -> Result<(), Failure> {
    let (ws, turn) = (running.ws, running.turn);
    let cost = charge(chats, ws, turn).await?;
    neipix_mesh::crash::point("turn.settled_unrecorded").await?;
    let reads = running.dialogue.channel_kind == "api";
    chats
        .db
        .in_workspace_id(ws, "chats.settled", async |tx: &mut Tx| {
            let set = format!("cost_micro_pix = {cost}");
            step_to(tx, running, State::Settled, "", true, set).await?;
            if reads {
                step_to(tx, running, State::Delivered, "", true, String::new()).await?;
            }
            store::tell(tx, ws, "turn.settled", running.dialogue.id, turn).await?;
            jobs::finish(tx, &format!("turn:{turn}")).await
        })
        .await
}

/// What the turn costs: nothing where nothing was held.
async fn charge(chats: &Chats, ws: WorkspaceId, turn: TurnId) -> Result<i64, Failure> {
    let (held, attempts) = chats
        .db
        .in_workspace_id(ws, "chats.charged", async |tx: &mut Tx| {
            let row = store::read(tx, ws, turn, false).await?.ok_or_else(Failure::not_found)?;
            let attempts = crate::conversations::store::attempts(tx, ws, turn).await?;
            Ok::<_, Failure>((row.held, attempts))
        })
        .await?;
    if !held {
        return Ok(0);
    }
    let number =
        |usage: &serde_json::Value, name: &str| usage.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0);
    let attempts = attempts
        .iter()
        .filter(|a| a.charged && !a.model.is_empty())
        .map(|a| ChargedAttempt {
            attempt_id: a.attempt_id.to_string(),
            model: a.model.clone(),
            input_tokens: number(&a.usage, "input"),
            cached_input_tokens: number(&a.usage, "cached_input"),
            cache_write_tokens: number(&a.usage, "cache_write"),
            output_tokens: number(&a.usage, "output"),
        })
        .collect();
    let request = SettleRequest { workspace_id: ws.to_string(), turn_id: turn.to_string(), attempts };
    let mut billing = BillingServiceClient::new(chats.mesh.background("svc-billing"));
    match billing.settle(request).await {
        Ok(closed) => Ok(closed.into_inner().cost_micro_pix),
        Err(status) => {
            let reading = read_status(&status);
            tracing::warn!(turn.id = %turn, reason = reading.reason_or_standard().name, "turn {turn} is not settled yet");
            Err(Failure::from(status))
        }
    }
}

/// How long a settle that failed waits.
pub const SETTLE_AGAIN: Duration = Duration::from_millis(500);
