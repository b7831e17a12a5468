//! Turns in Postgres. Every write of a running turn says `lease_epoch = mine`; a worker that slept through its lease changes
//! nothing. Lock order: the dialogue, then the turn.

use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{AssistantId, ConversationId, Failure, MessageId, TurnId, WorkspaceId, db::Tx};
use neipix_proto::chats::events::v1::TurnChanged;
use uuid::Uuid;

use crate::turn::State;

/// Seconds of a lease.
pub const LEASE_SECONDS: i32 = 10;

/// The dialogue of a turn, its row locked.
#[derive(Debug, Clone, QueryableByName)]
pub struct Dialogue {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: ConversationId,
    /// Its assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    /// Kind of its channel.
    #[diesel(sql_type = Text)]
    pub channel_kind: String,
    /// Who answers.
    #[diesel(sql_type = Text)]
    pub handler: String,
    /// Since which change.
    #[diesel(sql_type = BigInt)]
    pub handler_epoch: i64,
    /// Closed period whose away message was sent.
    #[diesel(sql_type = Text)]
    pub away_key: String,
    /// The contact's name.
    #[diesel(sql_type = Text)]
    pub contact_name: String,
    /// Where it stands.
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// Locks the dialogue of a turn.
///
/// # Errors
/// Storage.
pub async fn lock_dialogue(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Option<Dialogue>, Failure> {
    Ok(diesel::sql_query(
        "SELECT c.id, c.assistant_id, ch.kind AS channel_kind, c.handler, c.handler_epoch, c.away_key, \
         p.display_name AS contact_name, c.status \
         FROM conversation c JOIN channel ch ON ch.workspace_id = c.workspace_id AND ch.id = c.channel_id \
         JOIN contact p ON p.workspace_id = c.workspace_id AND p.id = c.contact_id \
         WHERE c.workspace_id = $1 AND c.id = (SELECT conversation_id FROM turn WHERE workspace_id = $1 AND id = $2) \
         FOR UPDATE OF c",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .get_result(tx)
    .await
    .optional()?)
}

/// A turn as it stands.
#[derive(Debug, Clone, QueryableByName)]
pub struct TurnRow {
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    /// How far it got.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Why it ended so.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// Options of the call.
    #[diesel(sql_type = Jsonb)]
    pub options: serde_json::Value,
    /// Whether it started.
    #[diesel(sql_type = Bool)]
    pub started: bool,
    /// Whether it ended.
    #[diesel(sql_type = Bool)]
    pub ended: bool,
    /// Whether its time has come.
    #[diesel(sql_type = Bool)]
    pub due: bool,
    /// Whether somebody has it.
    #[diesel(sql_type = Bool)]
    pub leased: bool,
    /// The lease's epoch.
    #[diesel(sql_type = BigInt)]
    pub lease_epoch: i64,
    /// Last input.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub input_to_seq: Option<i64>,
    /// Whether billing holds for it.
    #[diesel(sql_type = Bool)]
    pub held: bool,
    /// The claim.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub claimed_handler_epoch: Option<i64>,
    /// The answer.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub answer_message_id: Option<MessageId>,
    /// The assistant's version.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The charge.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub cost_micro_pix: Option<i64>,
    /// Seconds since it started.
    #[diesel(sql_type = BigInt)]
    pub age: i64,
}

const TURN: &str = "conversation_id, state, reason, options, started_at IS NOT NULL AS started, ended_at IS NOT NULL AS ended, \
    due_at <= clock_timestamp() AS due, coalesce(lease_until > clock_timestamp(), false) AS leased, lease_epoch, input_to_seq, \
    hold_id IS NOT NULL AS held, claimed_handler_epoch, answer_message_id, version, cost_micro_pix, \
    coalesce(extract(epoch FROM clock_timestamp() - started_at), 0)::bigint AS age";

/// A turn; `lock` locks its row.
///
/// # Errors
/// Storage.
pub async fn read(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, lock: bool) -> Result<Option<TurnRow>, Failure> {
    let suffix = if lock { "FOR UPDATE" } else { "" };
    Ok(diesel::sql_query(format!("SELECT {TURN} FROM turn WHERE workspace_id = $1 AND id = $2 {suffix}"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .get_result(tx)
        .await
        .optional()?)
}

/// Whether another turn of the dialogue runs.
///
/// # Errors
/// Storage.
pub async fn another_runs(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    turn: TurnId,
) -> Result<bool, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        runs: bool,
    }
    let row: Row = diesel::sql_query(
        "SELECT EXISTS (SELECT 1 FROM turn WHERE workspace_id = $1 AND conversation_id = $2 AND id <> $3 \
         AND started_at IS NOT NULL AND ended_at IS NULL) AS runs",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<SqlUuid, _>(turn)
    .get_result(tx)
    .await?;
    Ok(row.runs)
}

/// Takes the lease; the first one starts the turn and freezes its inputs. Answers the new epoch.
///
/// # Errors
/// Storage.
pub async fn lease(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, owner: &str) -> Result<i64, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        lease_epoch: i64,
    }
    let row: Row = diesel::sql_query(format!(
        "UPDATE turn SET lease_owner = $3, lease_epoch = lease_epoch + 1, \
         lease_until = clock_timestamp() + make_interval(secs => {LEASE_SECONDS}), \
         input_to_seq = coalesce(input_to_seq, (SELECT max(m.seq) FROM turn_input i JOIN message m \
             ON m.workspace_id = i.workspace_id AND m.id = i.message_id WHERE i.workspace_id = $1 AND i.turn_id = $2)), \
         started_at = coalesce(started_at, clock_timestamp()) WHERE workspace_id = $1 AND id = $2 RETURNING lease_epoch"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<Text, _>(owner)
    .get_result(tx)
    .await?;
    Ok(row.lease_epoch)
}

/// Renews a lease; false where it went to another.
///
/// # Errors
/// Storage.
pub async fn renew(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, epoch: i64) -> Result<bool, Failure> {
    let kept = diesel::sql_query(format!(
        "UPDATE turn SET lease_until = clock_timestamp() + make_interval(secs => {LEASE_SECONDS}) \
         WHERE workspace_id = $1 AND id = $2 AND lease_epoch = $3 AND ended_at IS NULL"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<BigInt, _>(epoch)
    .execute(tx)
    .await?;
    Ok(kept == 1)
}

/// A step of a turn.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// The turn.
    pub turn: TurnId,
    /// My epoch.
    pub epoch: i64,
    /// To.
    pub to: State,
    /// Why, for the silent ends.
    pub reason: &'a str,
    /// Whether the turn ends here.
    pub ends: bool,
    /// More columns to set, as SQL that names no parameter.
    pub set: String,
}

/// Walks one step, where the lease is still mine and the graph allows it. An error that runs the transaction again is never
/// made here: a lost lease is final.
///
/// # Errors
/// UNAVAILABLE where the lease went to another; storage.
pub async fn step(tx: &mut Tx, ws: WorkspaceId, step: &Step<'_>) -> Result<(), Failure> {
    let before = read(tx, ws, step.turn, true).await?.ok_or_else(Failure::not_found)?;
    let from = State::named(&before.state).unwrap_or(State::Queued);
    if before.lease_epoch != step.epoch || before.ended && step.to != State::Delivered {
        return Err(Failure::unavailable("the turn went to another worker"));
    }
    if !from.may_become(step.to) {
        return Err(Failure::internal(format!("a turn cannot go from {} to {}", from.name(), step.to.name())));
    }
    let ends = if step.ends { ", ended_at = coalesce(ended_at, clock_timestamp()), lease_until = NULL" } else { "" };
    let set = if step.set.is_empty() { String::new() } else { format!(", {}", step.set) };
    diesel::sql_query(format!(
        "WITH moved AS (UPDATE turn SET state = $3, reason = $4, steps = steps + 1{ends}{set} \
         WHERE workspace_id = $1 AND id = $2 RETURNING steps) \
         INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch) SELECT $1, $2, steps, $5, $3, $6 FROM moved"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(step.turn)
    .bind::<Text, _>(step.to.name())
    .bind::<Text, _>(step.reason)
    .bind::<Text, _>(from.name())
    .bind::<BigInt, _>(step.epoch)
    .execute(tx)
    .await?;
    Ok(())
}

/// Tells what a turn did.
///
/// # Errors
/// Storage.
pub async fn tell(
    tx: &mut Tx,
    ws: WorkspaceId,
    kind: &'static str,
    conversation: ConversationId,
    turn: TurnId,
) -> Result<(), Failure> {
    use neipix_mesh::outbox::{self, Event};
    let payload = TurnChanged { conversation_id: conversation.to_string(), turn_id: turn.to_string() };
    outbox::push(tx, Event { workspace: ws, kind, object_version: 1, payload: &payload }).await?;
    Ok(())
}

/// A message of a dialogue, for prompts.
#[derive(Debug, Clone, QueryableByName)]
pub struct Line {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Who.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// The words.
    #[diesel(sql_type = Text)]
    pub text: String,
    /// Whether it is an input of this turn.
    #[diesel(sql_type = Bool)]
    pub input: bool,
}

/// The dialogue up to the turn's last input, oldest first, at most 100 lines.
///
/// # Errors
/// Storage.
pub async fn lines(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    turn: TurnId,
    to_seq: i64,
) -> Result<Vec<Line>, Failure> {
    let mut lines: Vec<Line> = diesel::sql_query(
        "SELECT m.seq, m.author, m.text, coalesce(i.turn_id = $3, false) AS input FROM message m \
         LEFT JOIN turn_input i ON i.workspace_id = m.workspace_id AND i.message_id = m.id \
         WHERE m.workspace_id = $1 AND m.conversation_id = $2 AND m.seq <= $4 ORDER BY m.seq DESC LIMIT 100",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<SqlUuid, _>(turn)
    .bind::<BigInt, _>(to_seq)
    .load(tx)
    .await?;
    lines.reverse();
    Ok(lines)
}

/// What a message of ours says.
#[derive(Debug, Clone)]
pub struct Say<'a> {
    /// `assistant`, `operator` or `system`.
    pub author: &'a str,
    /// The operator.
    pub member: Option<Uuid>,
    /// The words.
    pub text: &'a str,
    /// Citations as JSON.
    pub citations: serde_json::Value,
    /// The claim.
    pub claimed: Option<i64>,
    /// Cut in the middle.
    pub interrupted: bool,
    /// The turn.
    pub turn: Option<TurnId>,
}

/// Appends a message of ours and tells it; the dialogue's row must be locked.
///
/// # Errors
/// Storage.
pub async fn say(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    message: MessageId,
    say: &Say<'_>,
) -> Result<(), Failure> {
    use neipix_mesh::outbox::{self, Event};
    diesel::sql_query(
        "WITH c AS (UPDATE conversation SET last_seq = last_seq + 1, version = version + 1, updated_at = clock_timestamp() \
         WHERE workspace_id = $1 AND id = $2 RETURNING last_seq) \
         INSERT INTO message (workspace_id, id, conversation_id, seq, author, author_member_id, turn_id, text, citations, \
         claimed_handler_epoch, interrupted) SELECT $1, $3, $2, c.last_seq, $4, $5, $6, $7, $8, $9, $10 FROM c",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<SqlUuid, _>(message)
    .bind::<Text, _>(say.author)
    .bind::<Nullable<SqlUuid>, _>(say.member)
    .bind::<Nullable<SqlUuid>, _>(say.turn)
    .bind::<Text, _>(say.text)
    .bind::<Jsonb, _>(&say.citations)
    .bind::<Nullable<BigInt>, _>(say.claimed)
    .bind::<Bool, _>(say.interrupted)
    .execute(tx)
    .await?;
    let created = neipix_proto::chats::events::v1::MessageChanged {
        conversation_id: conversation.to_string(),
        message_id: message.to_string(),
    };
    outbox::push(tx, Event { workspace: ws, kind: "message.created", object_version: 1, payload: &created }).await?;
    Ok(())
}

/// A try at a provider, as the turn keeps it.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// Its id.
    pub id: Uuid,
    /// Provider's name.
    pub provider: String,
    /// Model.
    pub model: String,
    /// Usage as JSON.
    pub usage: serde_json::Value,
    /// Whether the customer pays.
    pub charged: bool,
    /// Kind of failure.
    pub error: String,
}

/// Keeps the attempts of a turn.
///
/// # Errors
/// Storage.
pub async fn keep_attempts(
    tx: &mut Tx,
    ws: WorkspaceId,
    turn: TurnId,
    attempts: &[Attempt],
    price_ids: &[Uuid],
) -> Result<(), Failure> {
    for attempt in attempts {
        diesel::sql_query(
            "INSERT INTO turn_attempt (workspace_id, turn_id, n, attempt_id, provider, model, usage, charged, price_ids, error) \
             VALUES ($1, $2, (SELECT count(*)::int + 1 FROM turn_attempt WHERE workspace_id = $1 AND turn_id = $2), \
             $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .bind::<SqlUuid, _>(attempt.id)
        .bind::<Text, _>(&attempt.provider)
        .bind::<Text, _>(&attempt.model)
        .bind::<Jsonb, _>(&attempt.usage)
        .bind::<Bool, _>(attempt.charged)
        .bind::<Array<SqlUuid>, _>(price_ids)
        .bind::<Text, _>(&attempt.error)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// The handler's epoch of a turn's dialogue, and whether the lease is still mine: asked while an answer streams.
///
/// # Errors
/// Storage.
pub async fn glance(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Option<(i64, i64)>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        handler_epoch: i64,
        #[diesel(sql_type = BigInt)]
        lease_epoch: i64,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT c.handler_epoch, t.lease_epoch FROM turn t JOIN conversation c \
         ON c.workspace_id = t.workspace_id AND c.id = t.conversation_id WHERE t.workspace_id = $1 AND t.id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|r| (r.handler_epoch, r.lease_epoch)))
}

/// Ends a settled turn whose message has no part left to send.
///
/// # Errors
/// Storage.
pub async fn delivered(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, message: MessageId) -> Result<(), Failure> {
    diesel::sql_query(
        "WITH done AS (UPDATE turn SET state = 'delivered', steps = steps + 1 WHERE workspace_id = $1 AND id = $2 \
         AND state = 'settled' AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.workspace_id = $1 AND d.message_id = $3 \
             AND d.state IN ('queued', 'sending')) RETURNING steps, lease_epoch) \
         INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch) \
         SELECT $1, $2, steps, 'settled', 'delivered', lease_epoch FROM done",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<SqlUuid, _>(message)
    .execute(tx)
    .await?;
    Ok(())
}
