//! What an explanation is read from.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Bytea, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, ConversationId, Failure, MessageId, TurnId, UserId, WorkspaceId,
    db::{Keep as _, Tx},
};
use neipix_proto::assistants::v1::{ExplainedAttempt, Usage};
use uuid::Uuid;

/// A turn with what was kept of it.
#[derive(Debug)]
pub struct Kept {
    /// The turn.
    pub turn: TurnRow,
    /// Its record; none where none was kept.
    pub record: Option<Vec<u8>>,
    /// Citations of its answer.
    pub citations: Option<serde_json::Value>,
    /// Its tries, in their order.
    pub attempts: Vec<ExplainedAttempt>,
    /// Who answered when in its dialogue, oldest first.
    pub periods: Vec<Period>,
}

/// A turn.
#[derive(Debug, QueryableByName)]
pub struct TurnRow {
    /// The turn.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    /// Its assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    /// Why it stayed silent; empty where it did not.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// The version; 0 = none was used.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The charge.
    #[diesel(sql_type = BigInt)]
    pub cost_micro_pix: i64,
    /// When it was opened.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Bytea>)]
    record: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    citations: Option<serde_json::Value>,
}

/// A period of a dialogue.
#[derive(Debug, Clone, QueryableByName)]
pub struct Period {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub epoch: i64,
    /// Who answers in it.
    #[diesel(sql_type = Text)]
    pub handler: String,
    /// The operator.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub member_id: Option<UserId>,
    /// Its first message.
    #[diesel(sql_type = BigInt)]
    pub from_seq: i64,
    /// When it began.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
}

/// A turn of a dialogue with what was kept of it. The last record stands: a worker that died left the turn to another one.
///
/// # Errors
/// Storage.
pub async fn turn(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    id: TurnId,
) -> Result<Option<Kept>, Failure> {
    let row: Option<TurnRow> = sql_query(
        "SELECT t.id, t.conversation_id, t.assistant_id, t.reason, t.version, t.cost_micro_pix, t.created_at, t.ended_at, \
         (SELECT s.record FROM turn_step s WHERE s.workspace_id = t.workspace_id AND s.turn_id = t.id \
          AND s.record IS NOT NULL ORDER BY s.n DESC LIMIT 1) AS record, m.citations FROM turn t \
         LEFT JOIN message m ON m.workspace_id = t.workspace_id AND m.id = t.answer_message_id \
         WHERE t.workspace_id = $1 AND t.conversation_id = $2 AND t.id = $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<SqlUuid, _>(id)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(Kept {
        record: row.record.take(),
        citations: row.citations.take(),
        attempts: attempts(tx, ws, id).await?,
        periods: periods(tx, ws, conversation).await?,
        turn: row,
    }))
}

/// Who answered when in a dialogue, oldest first: the last thousand periods.
///
/// # Errors
/// Storage.
pub async fn periods(tx: &mut Tx, ws: WorkspaceId, conversation: ConversationId) -> Result<Vec<Period>, Failure> {
    Ok(sql_query(
        "SELECT * FROM (SELECT epoch, handler, member_id, from_seq, at FROM handler_history \
         WHERE workspace_id = $1 AND conversation_id = $2 ORDER BY epoch DESC LIMIT 1000) AS h ORDER BY epoch",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .kept()
    .load(tx)
    .await?)
}

/// A message with its turn.
#[derive(Debug, QueryableByName)]
pub struct MessageRow {
    /// Its place.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Who wrote it.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// The turn that it opened, joined or answers.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub turn: Option<TurnId>,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
}

/// A message of a dialogue.
///
/// # Errors
/// Storage.
pub async fn message(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<MessageRow>, Failure> {
    Ok(sql_query(
        "SELECT m.seq, m.author, coalesce(i.turn_id, m.turn_id) AS turn, m.created_at AS at FROM message m \
         LEFT JOIN turn_input i ON i.workspace_id = m.workspace_id AND i.message_id = m.id \
         WHERE m.workspace_id = $1 AND m.id = $2 AND m.conversation_id = $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(conversation)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct AttemptRow {
    #[diesel(sql_type = SqlUuid)]
    attempt_id: Uuid,
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Text)]
    model: String,
    #[diesel(sql_type = BigInt)]
    input_tokens: i64,
    #[diesel(sql_type = BigInt)]
    cached_input_tokens: i64,
    #[diesel(sql_type = BigInt)]
    cache_write_tokens: i64,
    #[diesel(sql_type = BigInt)]
    output_tokens: i64,
    #[diesel(sql_type = Bool)]
    estimated: bool,
    #[diesel(sql_type = Bool)]
    charged: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    price_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    error: String,
    #[diesel(sql_type = Integer)]
    first_token_ms: i32,
    #[diesel(sql_type = Integer)]
    total_ms: i32,
}

async fn attempts(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Vec<ExplainedAttempt>, Failure> {
    let rows: Vec<AttemptRow> = sql_query(
        "SELECT attempt_id, provider, model, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, estimated, \
         charged, price_id, error, first_token_ms, total_ms FROM turn_attempt \
         WHERE workspace_id = $1 AND turn_id = $2 ORDER BY n",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .load(tx)
    .await?;
    let attempt = |row: AttemptRow| ExplainedAttempt {
        id: row.attempt_id.to_string(),
        provider: row.provider,
        model: row.model,
        usage: Some(Usage {
            input_tokens: row.input_tokens,
            cached_input_tokens: row.cached_input_tokens,
            cache_write_tokens: row.cache_write_tokens,
            output_tokens: row.output_tokens,
            estimated: row.estimated,
        }),
        charged: row.charged,
        error: row.error,
        first_token_ms: row.first_token_ms,
        total_ms: row.total_ms,
        price_id: row.price_id.map(|id| id.to_string()).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(attempt).collect())
}
