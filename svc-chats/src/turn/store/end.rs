//! Endings that are not an answer: skipped, cancelled, failed. Rarer than answers, so written for clarity.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Bytea, Integer, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ConversationId, Failure, MessageId, TurnId, WorkspaceId,
    db::{Keep as _, Tx, queued_job},
    jobs::{self, Job, RunAt},
};

use super::{stored::Attempt, tell};
use crate::{
    conversation::{Handler, Standing},
    conversations::store::{self as dialogue, Also, Locked, Saying, Speaker},
    delivery::Part,
    outbox::Events,
    turn::{Reason, State},
};

/// How a turn ends without an answer.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The turn.
    pub turn: TurnId,
    /// The worker's number; none where a person ends it under the dialogue's lock.
    pub epoch: Option<i64>,
    /// `Skipped`, `Cancelled` or `Failed`.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Whether a hold may exist: then it is released, however often that takes.
    pub release: bool,
    /// What is said all the same.
    pub says: Option<Says<'a>>,
    /// The closed period that the away message stands for.
    pub away_since: Option<DateTime<Utc>>,
    /// Whether a person must take over.
    pub to_person: bool,
    /// Whether the dialogue waits in the inbox.
    pub pending: bool,
    /// Tries that were made.
    pub attempts: &'a [Attempt],
    /// What its explanation needs.
    pub record: &'a [u8],
}

/// What is said at such an end.
#[derive(Debug)]
pub struct Says<'a> {
    /// The message.
    pub message: MessageId,
    /// The words.
    pub text: &'a str,
    /// Whether it is what was shown of a broken answer; else a reply of the product.
    pub interrupted: bool,
    /// Parts that the channel delivers.
    pub parts: &'a [Part],
}

#[derive(QueryableByName)]
struct EndedRow {
    #[diesel(sql_type = Text)]
    was: String,
    #[diesel(sql_type = BigInt)]
    lease_epoch: i64,
    #[diesel(sql_type = SmallInt)]
    steps: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    claim: Option<i64>,
}

/// Ends a turn in a dialogue that is locked. False where the turn is not this worker's any more, or has ended, or was
/// claimed where it must not be.
///
/// # Errors
/// Storage.
pub async fn end(tx: &mut Tx, ws: WorkspaceId, locked: &mut Locked, ending: &Ending<'_>) -> Result<bool, Failure> {
    let row: Option<EndedRow> = sql_query(
        "WITH old AS (SELECT id, state, claimed_handler_epoch AS claim FROM turn WHERE workspace_id = $1 AND id = $2 \
         FOR NO KEY UPDATE), t AS (UPDATE turn SET state = $4, reason = $5, ended_at = clock_timestamp(), lease_until = NULL, \
         answer_message_id = $6, steps = turn.steps + 1 FROM old WHERE turn.workspace_id = $1 AND turn.id = $2 \
         AND ($3::bigint IS NULL OR turn.lease_epoch = $3) AND turn.state IN ('queued', 'held', 'answering') \
         AND ($4 = 'failed' OR turn.claimed_handler_epoch IS NULL) AND ($4 <> 'skipped' OR turn.state = 'queued') \
         RETURNING old.state AS was, turn.lease_epoch, turn.steps, old.claim), \
         step AS (INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch, record) \
         SELECT $1, $2, t.steps, t.was, $4, t.lease_epoch, $7 FROM t), \
         watchdog AS (DELETE FROM job USING t WHERE job.key = 'turn:' || $2::text) SELECT * FROM t",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(ending.turn)
    .bind::<Nullable<BigInt>, _>(ending.epoch)
    .bind::<Text, _>(ending.state.as_str())
    .bind::<Text, _>(ending.reason.as_str())
    .bind::<Nullable<SqlUuid>, _>(ending.says.as_ref().map(|s| s.message))
    .bind::<Bytea, _>(ending.record)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    let Some(row) = row else { return Ok(false) };
    let _ = (&row.was, row.steps);
    attempts(tx, ws, ending.turn, row.lease_epoch, ending.attempts).await?;
    let mut also = Also { away_since: ending.away_since, ..Also::default() };
    if let Some(says) = &ending.says {
        let speaker = match (says.interrupted, row.claim) {
            (true, Some(claim)) => Speaker::Interrupted(claim),
            _ => Speaker::System,
        };
        let saying = Saying {
            message: says.message,
            speaker,
            turn: Some(ending.turn),
            text: says.text,
            parts: says.parts,
            client_id: None,
        };
        dialogue::say(tx, ws, locked, &saying).await?;
        also.messages = 1;
        also.answered = true;
    }
    let standing = standing_after(locked.standing, ending);
    dialogue::write(tx, ws, locked, standing, also).await?;
    if ending.release {
        let key = format!("release:{}", ending.turn);
        let payload = serde_json::json!({ "turn_id": ending.turn, "reason": ending.reason.as_str() });
        jobs::enqueue(tx, Job { workspace: ws, kind: "turn.release", key, payload, run_at: RunAt::Now }).await?;
    }
    let kind = match ending.state {
        State::Skipped => "turn.skipped",
        State::Cancelled => "turn.cancelled",
        _ => "turn.failed",
    };
    let mut events = Events::default();
    events.turn(kind, locked.id, ending.turn, row.lease_epoch);
    tell(tx, ws, &events).await?;
    wake_next(tx, ws, locked.id).await?;
    Ok(true)
}

fn standing_after(standing: Standing, ending: &Ending<'_>) -> Standing {
    if ending.to_person {
        standing.to_person()
    } else if ending.pending && standing.handler == Handler::Assistant {
        standing.pending()
    } else {
        standing
    }
}

/// Keeps tries of a turn that brought nothing.
async fn attempts(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, epoch: i64, tries: &[Attempt]) -> Result<(), Failure> {
    for attempt in tries {
        sql_query(
            "INSERT INTO turn_attempt (workspace_id, turn_id, n, attempt_id, epoch, provider, model, input_tokens, \
             cached_input_tokens, cache_write_tokens, output_tokens, estimated, charged, price_id, error, first_token_ms, \
             total_ms) SELECT $1, $2, count(*) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, false, $12, $13, $14, $15 \
             FROM turn_attempt WHERE workspace_id = $1 AND turn_id = $2",
        )
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .bind::<SqlUuid, _>(attempt.id)
        .bind::<BigInt, _>(epoch)
        .bind::<Text, _>(&attempt.provider)
        .bind::<Text, _>(&attempt.model)
        .bind::<BigInt, _>(attempt.tokens[0])
        .bind::<BigInt, _>(attempt.tokens[1])
        .bind::<BigInt, _>(attempt.tokens[2])
        .bind::<BigInt, _>(attempt.tokens[3])
        .bind::<Bool, _>(attempt.estimated)
        .bind::<Nullable<SqlUuid>, _>(attempt.price)
        .bind::<Text, _>(&attempt.error)
        .bind::<Integer, _>(attempt.first_token_ms)
        .bind::<Integer, _>(attempt.total_ms)
        .kept()
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Wakes the turn that waited for the running one.
async fn wake_next(tx: &mut Tx, ws: WorkspaceId, conversation: ConversationId) -> Result<(), Failure> {
    let woken = sql_query(
        "UPDATE job SET run_at = least(job.run_at, w.due_at) FROM turn w WHERE w.workspace_id = $1 \
         AND w.conversation_id = $2 AND w.started_at IS NULL AND w.ended_at IS NULL AND job.key = 'turn:' || w.id::text \
         AND w.due_at <= clock_timestamp()",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .kept()
    .execute(tx)
    .await?;
    if woken > 0 {
        queued_job();
    }
    Ok(())
}
