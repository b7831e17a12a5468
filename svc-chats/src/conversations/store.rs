//! Dialogues in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{AssistantId, ConversationId, Failure, MessageId, TurnId, WorkspaceId, db::Tx};
use uuid::Uuid;

/// A dialogue as lists show it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ConversationRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: ConversationId,
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    #[diesel(sql_type = SqlUuid)]
    pub channel_id: Uuid,
    #[diesel(sql_type = Text)]
    pub channel_kind: String,
    #[diesel(sql_type = SqlUuid)]
    pub contact_id: Uuid,
    #[diesel(sql_type = Text)]
    pub contact_name: String,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Text)]
    pub handler: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub handler_member_id: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    pub handler_epoch: i64,
    #[diesel(sql_type = BigInt)]
    pub last_seq: i64,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

const CONVERSATION: &str = "c.id, c.assistant_id, c.channel_id, ch.kind AS channel_kind, c.contact_id, \
    p.display_name AS contact_name, c.status, c.handler, c.handler_member_id, c.handler_epoch, c.last_seq, c.created_at, \
    c.updated_at FROM conversation c JOIN channel ch ON ch.workspace_id = c.workspace_id AND ch.id = c.channel_id \
    JOIN contact p ON p.workspace_id = c.workspace_id AND p.id = c.contact_id";

/// What a list is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    pub status: &'static str,
    pub handler: &'static str,
    pub assistant: Option<Uuid>,
    pub channel: Option<Uuid>,
    pub q: String,
}

/// A page of dialogues, the latest activity first.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    ws: WorkspaceId,
    filter: &Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<ConversationRow>, Failure> {
    let escaped = filter.q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql = format!(
        "SELECT {CONVERSATION} WHERE c.workspace_id = $1 AND ($2 = '' OR c.status = $2) AND ($3 = '' OR c.handler = $3) \
         AND ($4::uuid IS NULL OR c.assistant_id = $4) AND ($5::uuid IS NULL OR c.channel_id = $5) \
         AND ($6 = '' OR p.display_name ILIKE '%' || $6 || '%') \
         AND ($7::timestamptz IS NULL OR (c.updated_at, c.id) < ($7, $8)) ORDER BY c.updated_at DESC, c.id DESC LIMIT $9"
    );
    Ok(diesel::sql_query(sql)
        .bind::<SqlUuid, _>(ws)
        .bind::<Text, _>(filter.status)
        .bind::<Text, _>(filter.handler)
        .bind::<Nullable<SqlUuid>, _>(filter.assistant)
        .bind::<Nullable<SqlUuid>, _>(filter.channel)
        .bind::<Text, _>(escaped)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await?)
}

/// Dialogues by id.
///
/// # Errors
/// Storage.
pub async fn by_ids(tx: &mut Tx, ws: WorkspaceId, ids: &[Uuid]) -> Result<Vec<ConversationRow>, Failure> {
    let sql = format!("SELECT {CONVERSATION} WHERE c.workspace_id = $1 AND c.id = ANY ($2)");
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<Array<SqlUuid>, _>(ids).load(tx).await?)
}

/// Locks a dialogue.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Option<ConversationRow>, Failure> {
    let sql = format!("SELECT {CONVERSATION} WHERE c.workspace_id = $1 AND c.id = $2 FOR UPDATE OF c");
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<SqlUuid, _>(id).get_result(tx).await.optional()?)
}

/// A message as screens show it.
#[derive(Debug, Clone, QueryableByName)]
pub struct MessageRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: MessageId,
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    #[diesel(sql_type = Text)]
    pub author: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub author_member_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub turn_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    pub text: String,
    #[diesel(sql_type = Jsonb)]
    pub citations: serde_json::Value,
    #[diesel(sql_type = Bool)]
    pub interrupted: bool,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub delivery_state: String,
    #[diesel(sql_type = Text)]
    pub delivery_error: String,
}

const MESSAGE: &str = "m.id, m.conversation_id, m.seq, m.author, m.author_member_id, \
    coalesce(m.turn_id, (SELECT i.turn_id FROM turn_input i WHERE i.workspace_id = m.workspace_id AND i.message_id = m.id)) AS turn_id, \
    m.text, m.citations, m.interrupted, m.created_at, \
    coalesce((SELECT d.state FROM delivery d WHERE d.workspace_id = m.workspace_id AND d.message_id = m.id \
        ORDER BY (d.state = 'failed') DESC, (d.state <> 'sent') DESC, d.part DESC LIMIT 1), '') AS delivery_state, \
    coalesce((SELECT d.error FROM delivery d WHERE d.workspace_id = m.workspace_id AND d.message_id = m.id AND d.error <> '' LIMIT 1), '') \
        AS delivery_error FROM message m";

/// A page of messages, newest first.
///
/// # Errors
/// Storage.
pub async fn messages(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<MessageRow>, Failure> {
    let sql = format!(
        "SELECT {MESSAGE} WHERE m.workspace_id = $1 AND m.conversation_id = $2 AND m.seq < $3 ORDER BY m.seq DESC LIMIT $4"
    );
    Ok(diesel::sql_query(sql)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(conversation)
        .bind::<BigInt, _>(before.unwrap_or(i64::MAX))
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await?)
}

/// Messages by id.
///
/// # Errors
/// Storage.
pub async fn messages_by_ids(tx: &mut Tx, ws: WorkspaceId, ids: &[Uuid]) -> Result<Vec<MessageRow>, Failure> {
    let sql = format!("SELECT {MESSAGE} WHERE m.workspace_id = $1 AND m.id = ANY ($2)");
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<Array<SqlUuid>, _>(ids).load(tx).await?)
}

/// A turn as screens show it.
#[derive(Debug, Clone, QueryableByName)]
pub struct TurnView {
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Text)]
    pub reason: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub answer_message_id: Option<Uuid>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = BigInt)]
    pub cost: i64,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
}

const TURN: &str = "id, conversation_id, state, reason, answer_message_id, version, coalesce(cost_micro_pix, 0) AS cost, \
    created_at, ended_at FROM turn";

/// A page of turns, newest first.
///
/// # Errors
/// Storage.
pub async fn turns(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<TurnView>, Failure> {
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql = format!(
        "SELECT {TURN} WHERE workspace_id = $1 AND conversation_id = $2 AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4)) \
         ORDER BY created_at DESC, id DESC LIMIT $5"
    );
    Ok(diesel::sql_query(sql)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(conversation)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await?)
}

/// Turns by id.
///
/// # Errors
/// Storage.
pub async fn turns_by_ids(tx: &mut Tx, ws: WorkspaceId, ids: &[Uuid]) -> Result<Vec<TurnView>, Failure> {
    let sql = format!("SELECT {TURN} WHERE workspace_id = $1 AND id = ANY ($2)");
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<Array<SqlUuid>, _>(ids).load(tx).await?)
}

/// A kept attempt.
#[derive(Debug, Clone, QueryableByName)]
pub struct AttemptRow {
    #[diesel(sql_type = SqlUuid)]
    pub attempt_id: Uuid,
    #[diesel(sql_type = Text)]
    pub provider: String,
    #[diesel(sql_type = Text)]
    pub model: String,
    #[diesel(sql_type = Jsonb)]
    pub usage: serde_json::Value,
    #[diesel(sql_type = Bool)]
    pub charged: bool,
    #[diesel(sql_type = Text)]
    pub error: String,
}

/// The attempts of a turn, in order.
///
/// # Errors
/// Storage.
pub async fn attempts(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Vec<AttemptRow>, Failure> {
    Ok(diesel::sql_query(
        "SELECT attempt_id, provider, model, usage, charged, error FROM turn_attempt WHERE workspace_id = $1 AND turn_id = $2 ORDER BY n",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .load(tx)
    .await?)
}

/// The assistant behind a turn.
///
/// # Errors
/// Storage.
pub async fn assistant_of_turn(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Option<AssistantId>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        assistant_id: AssistantId,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT c.assistant_id FROM turn t JOIN conversation c ON c.workspace_id = t.workspace_id AND c.id = t.conversation_id \
         WHERE t.workspace_id = $1 AND t.id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|r| r.assistant_id))
}

/// Notes that a closed period's away message was sent.
///
/// # Errors
/// Storage.
pub async fn set_away(tx: &mut Tx, ws: WorkspaceId, id: ConversationId, key: &str) -> Result<(), Failure> {
    diesel::sql_query("UPDATE conversation SET away_key = $3 WHERE workspace_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(key)
        .execute(tx)
        .await?;
    Ok(())
}

/// Changes who answers, and where the dialogue stands; the dialogue must be locked.
///
/// # Errors
/// Storage.
pub async fn hand(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    (handler, member): (&str, Option<Uuid>),
    status: &str,
) -> Result<(), Failure> {
    diesel::sql_query(
        "UPDATE conversation SET handler = $3, handler_member_id = $4, handler_epoch = handler_epoch + 1, status = $5, \
         returned_seq = CASE WHEN $3 = 'assistant' THEN last_seq ELSE returned_seq END, version = version + 1, \
         closed_at = CASE WHEN $5 = 'closed' THEN clock_timestamp() END, updated_at = clock_timestamp() \
         WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(handler)
    .bind::<Nullable<SqlUuid>, _>(member)
    .bind::<Text, _>(status)
    .execute(tx)
    .await?;
    crate::turns::handoff::history(tx, ws, id).await
}

/// Ends the dialogue's turns that nobody has claimed. Answers those that ended.
///
/// # Errors
/// Storage.
pub async fn cancel_unclaimed(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    reason: &str,
) -> Result<Vec<TurnId>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: TurnId,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "WITH ended AS (UPDATE turn SET state = 'cancelled', reason = $3, ended_at = clock_timestamp(), \
         lease_epoch = lease_epoch + 1, lease_until = NULL, steps = steps + 1 FROM (SELECT id AS tid, state AS was FROM turn \
             WHERE workspace_id = $1 AND conversation_id = $2 AND ended_at IS NULL AND claimed_handler_epoch IS NULL FOR UPDATE) old \
         WHERE workspace_id = $1 AND turn.id = old.tid RETURNING turn.id, old.was, steps, lease_epoch), \
         walked AS (INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch) \
             SELECT $1, id, steps, was, 'cancelled', lease_epoch FROM ended) SELECT id FROM ended",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(reason)
    .load(tx)
    .await?;
    Ok(rows.into_iter().map(|r| r.id).collect())
}

/// Messages of the customer after the last word of ours that no answered turn has: what the assistant owes after a return.
///
/// # Errors
/// Storage.
pub async fn owed(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Vec<Uuid>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT m.id FROM message m JOIN turn_input i ON i.workspace_id = m.workspace_id AND i.message_id = m.id \
         JOIN turn t ON t.workspace_id = i.workspace_id AND t.id = i.turn_id \
         WHERE m.workspace_id = $1 AND m.conversation_id = $2 AND m.author = 'contact' AND t.ended_at IS NOT NULL \
         AND m.seq > coalesce((SELECT max(o.seq) FROM message o WHERE o.workspace_id = $1 AND o.conversation_id = $2 \
             AND o.author IN ('assistant', 'operator')), 0) AND t.state IN ('skipped', 'cancelled', 'failed') ORDER BY m.seq",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .load(tx)
    .await?;
    Ok(rows.into_iter().map(|r| r.id).collect())
}

/// Moves messages to another turn.
///
/// # Errors
/// Storage.
pub async fn move_inputs(tx: &mut Tx, ws: WorkspaceId, messages: &[Uuid], turn: TurnId) -> Result<(), Failure> {
    diesel::sql_query("UPDATE turn_input SET turn_id = $3 WHERE workspace_id = $1 AND message_id = ANY ($2)")
        .bind::<SqlUuid, _>(ws)
        .bind::<Array<SqlUuid>, _>(messages)
        .bind::<SqlUuid, _>(turn)
        .execute(tx)
        .await?;
    Ok(())
}
