//! Deliveries in Postgres. A part only moves forward: queued, sending, then sent, failed or cancelled.

use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{Bool, Float8, Integer, Jsonb, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ChannelId, ConversationId, DeliveryId, Failure, MessageId, WorkspaceId,
    db::{Keep as _, Tx, queued_job},
};

use crate::{outbox::Events, turn::store::tell};

/// How long a send may take before its outcome is unknown.
const SENDING_SECONDS: f64 = 60.0;

/// The next part of a message.
#[derive(Debug, Clone, QueryableByName)]
pub struct Next {
    /// The delivery.
    #[diesel(sql_type = SqlUuid)]
    pub id: DeliveryId,
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    /// Its channel.
    #[diesel(sql_type = SqlUuid)]
    pub channel_id: ChannelId,
    /// From 1.
    #[diesel(sql_type = Integer)]
    pub part: i32,
    /// Plain text.
    #[diesel(sql_type = Text)]
    pub text: String,
    /// Styles.
    #[diesel(sql_type = Jsonb)]
    pub entities: serde_json::Value,
    /// `queued` or `sending`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Whether another worker's send still runs.
    #[diesel(sql_type = Bool)]
    pub leased: bool,
    /// Where it goes.
    #[diesel(sql_type = Text)]
    pub address: String,
    /// Whether the customer blocked the bot.
    #[diesel(sql_type = Bool)]
    pub blocked: bool,
    /// Whether an earlier message of the dialogue is on its way.
    #[diesel(sql_type = Bool)]
    pub behind: bool,
}

/// The first part that is not done.
///
/// # Errors
/// Storage.
pub async fn next(tx: &mut Tx, ws: WorkspaceId, message: MessageId) -> Result<Option<Next>, Failure> {
    Ok(sql_query(
        "SELECT d.id, d.conversation_id, d.channel_id, d.part, d.text, d.entities, d.state, \
         coalesce(d.lease_until > clock_timestamp(), false) AS leased, c.address, p.blocked_at IS NOT NULL AS blocked, \
         EXISTS (SELECT 1 FROM delivery e WHERE e.workspace_id = d.workspace_id AND e.conversation_id = d.conversation_id \
         AND e.seq < d.seq AND e.state IN ('queued', 'sending')) AS behind FROM delivery d \
         JOIN conversation c ON c.workspace_id = d.workspace_id AND c.id = d.conversation_id \
         JOIN contact p ON p.workspace_id = c.workspace_id AND p.id = c.contact_id \
         WHERE d.workspace_id = $1 AND d.message_id = $2 AND d.state IN ('queued', 'sending') ORDER BY d.part LIMIT 1",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(message)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// Commits the intent to send. None where another worker was faster.
///
/// # Errors
/// Storage.
pub async fn begin(tx: &mut Tx, ws: WorkspaceId, id: DeliveryId) -> Result<Option<i32>, Failure> {
    #[derive(QueryableByName)]
    struct Begun {
        #[diesel(sql_type = Integer)]
        attempt: i32,
    }
    let begun: Option<Begun> = sql_query(
        "UPDATE delivery SET state = 'sending', attempt = attempt + 1, \
         lease_until = clock_timestamp() + make_interval(secs => $3) \
         WHERE workspace_id = $1 AND id = $2 AND state = 'queued' RETURNING attempt",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Float8, _>(SENDING_SECONDS)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(begun.map(|b| b.attempt))
}

/// It surely was not sent: it waits again. The one step back, and only of the send that it belongs to.
///
/// # Errors
/// Storage.
pub async fn put_back(tx: &mut Tx, ws: WorkspaceId, id: DeliveryId, attempt: i32) -> Result<(), Failure> {
    sql_query(
        "UPDATE delivery SET state = 'queued', lease_until = NULL WHERE workspace_id = $1 AND id = $2 AND state = 'sending' \
         AND attempt = $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Integer, _>(attempt)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks the turn that the message answers, so that its settling and its delivery see each other.
///
/// # Errors
/// Storage.
pub async fn lock_turn(tx: &mut Tx, ws: WorkspaceId, message: MessageId) -> Result<(), Failure> {
    sql_query(
        "SELECT 1 FROM turn t JOIN message m ON m.workspace_id = t.workspace_id AND m.turn_id = t.id \
         WHERE m.workspace_id = $1 AND m.id = $2 FOR NO KEY UPDATE OF t",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(message)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Telegram has it.
///
/// # Errors
/// Storage.
pub async fn sent(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: DeliveryId,
    attempt: i32,
    provider_message_id: &str,
) -> Result<bool, Failure> {
    let moved = sql_query(
        "UPDATE delivery SET state = 'sent', provider_message_id = $4, sent_at = clock_timestamp(), lease_until = NULL \
         WHERE workspace_id = $1 AND id = $2 AND state = 'sending' AND attempt = $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Integer, _>(attempt)
    .bind::<Text, _>(provider_message_id)
    .kept()
    .execute(tx)
    .await?;
    Ok(moved > 0)
}

/// It failed for good, and the parts behind it are not sent.
///
/// # Errors
/// Storage.
pub async fn failed(
    tx: &mut Tx,
    ws: WorkspaceId,
    message: MessageId,
    id: DeliveryId,
    error: &str,
) -> Result<bool, Failure> {
    let moved = sql_query(
        "WITH rest AS (UPDATE delivery SET state = 'cancelled', lease_until = NULL WHERE workspace_id = $1 \
         AND message_id = $3 AND id <> $2 AND state = 'queued') \
         UPDATE delivery SET state = 'failed', error = $4, lease_until = NULL WHERE workspace_id = $1 AND id = $2 \
         AND state IN ('queued', 'sending')",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(message)
    .bind::<Text, _>(error)
    .kept()
    .execute(tx)
    .await?;
    Ok(moved > 0)
}

/// Where nothing of the message is on its way any more, its settled turn is delivered. Tells of the change.
///
/// # Errors
/// Storage.
pub async fn conclude(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    message: MessageId,
) -> Result<(), Failure> {
    sql_query(
        "WITH t AS (UPDATE turn SET state = 'delivered', steps = steps + 1 WHERE workspace_id = $1 AND answer_message_id = $2 \
         AND state = 'settled' AND NOT EXISTS (SELECT 1 FROM delivery WHERE workspace_id = $1 AND message_id = $2 \
         AND state IN ('queued', 'sending')) RETURNING id, steps, lease_epoch) \
         INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch) \
         SELECT $1, id, steps, 'settled', 'delivered', lease_epoch FROM t",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(message)
    .kept()
    .execute(tx)
    .await?;
    let mut events = Events::default();
    events.message("message.delivery_changed", conversation, message);
    tell(tx, ws, &events).await
}

/// Puts a message's failed parts, and those behind them, in line again: a person decided. False where none failed.
///
/// # Errors
/// Storage.
pub async fn again(tx: &mut Tx, ws: WorkspaceId, message: MessageId) -> Result<bool, Failure> {
    let moved = sql_query(
        "WITH failed AS (SELECT 1 FROM delivery WHERE workspace_id = $1 AND message_id = $2 AND state = 'failed'), \
         parts AS (UPDATE delivery SET state = 'queued', error = '', lease_until = NULL WHERE workspace_id = $1 \
         AND message_id = $2 AND state IN ('failed', 'cancelled') AND EXISTS (SELECT 1 FROM failed) RETURNING 1) \
         INSERT INTO job (workspace_id, kind, key, payload) SELECT $1, 'delivery.send', 'delivery:' || $2::text, \
         jsonb_build_object('message_id', $2::text) WHERE EXISTS (SELECT 1 FROM parts) \
         ON CONFLICT (key) DO UPDATE SET run_at = clock_timestamp(), dead_at = NULL, attempts = 0",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(message)
    .kept()
    .execute(tx)
    .await?;
    if moved > 0 {
        queued_job();
    }
    Ok(moved > 0)
}

/// States of parts, by message.
#[derive(Debug, Clone, QueryableByName)]
pub struct PartState {
    /// The message.
    #[diesel(sql_type = SqlUuid)]
    pub message_id: MessageId,
    /// Its part's state.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Its part's error.
    #[diesel(sql_type = Text)]
    pub error: String,
}

/// Parts of these messages.
///
/// # Errors
/// Storage.
pub async fn states(tx: &mut Tx, ws: WorkspaceId, messages: &[MessageId]) -> Result<Vec<PartState>, Failure> {
    if messages.is_empty() {
        return Ok(vec![]);
    }
    Ok(sql_query(
        "SELECT message_id, state, error FROM delivery WHERE workspace_id = $1 AND message_id = ANY ($2) \
         ORDER BY message_id, part",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<diesel::sql_types::Array<SqlUuid>, _>(messages)
    .kept()
    .load(tx)
    .await?)
}

/// Marks the contact of a dialogue as unreachable.
///
/// # Errors
/// Storage.
pub async fn mark_blocked(tx: &mut Tx, ws: WorkspaceId, conversation: ConversationId) -> Result<(), Failure> {
    sql_query(
        "UPDATE contact p SET blocked_at = coalesce(p.blocked_at, clock_timestamp()) FROM conversation c \
         WHERE c.workspace_id = $1 AND c.id = $2 AND p.workspace_id = $1 AND p.id = c.contact_id",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}
