//! Ingest in Postgres. Lock order: the dialogue's key, the dialogue, the turn.

use chrono::Utc;
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{ChannelId, ContactId, ConversationId, Failure, MessageId, TurnId, WorkspaceId, db::Tx};

use super::{Incoming, Ingested};

/// Hours within which a message opens a closed dialogue again.
const REOPEN_HOURS: i32 = 72;

/// The message of an external id, where it came before.
///
/// # Errors
/// Storage.
pub async fn known(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    external_id: &str,
) -> Result<Option<Ingested>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        message_id: MessageId,
        #[diesel(sql_type = SqlUuid)]
        conversation_id: ConversationId,
        #[diesel(sql_type = Nullable<SqlUuid>)]
        turn_id: Option<TurnId>,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT k.message_id, k.conversation_id, i.turn_id FROM message_key k LEFT JOIN turn_input i \
         ON i.workspace_id = k.workspace_id AND i.message_id = k.message_id \
         WHERE k.workspace_id = $1 AND k.channel_id = $2 AND k.external_id = $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(external_id)
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|r| Ingested {
        message: r.message_id,
        conversation: r.conversation_id,
        turn: r.turn_id,
        duplicate: true,
    }))
}

/// One message of a dialogue at a time, also before the dialogue exists.
///
/// # Errors
/// Storage.
pub async fn lock_key(tx: &mut Tx, ws: WorkspaceId, channel: ChannelId, key: &str) -> Result<(), Failure> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(format!("dialogue:{ws}:{channel}:{key}"))
        .execute(tx)
        .await?;
    Ok(())
}

/// The contact of an identity; made where it is new.
///
/// # Errors
/// Storage.
pub async fn contact(
    tx: &mut Tx,
    ws: WorkspaceId,
    (kind, scope, value): (&str, &str, &str),
    name: &str,
) -> Result<ContactId, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        contact_id: ContactId,
    }
    let find =
        "SELECT contact_id FROM contact_identity WHERE workspace_id = $1 AND kind = $2 AND scope = $3 AND value = $4";
    let found: Option<Row> = diesel::sql_query(find)
        .bind::<SqlUuid, _>(ws)
        .bind::<Text, _>(kind)
        .bind::<Text, _>(scope)
        .bind::<Text, _>(value)
        .get_result(tx)
        .await
        .optional()?;
    if let Some(row) = found {
        return Ok(row.contact_id);
    }
    let id = ContactId::new(Utc::now());
    let made: Row = diesel::sql_query(
        "WITH made AS (INSERT INTO contact (workspace_id, id, display_name) VALUES ($1, $2, $6)) \
         INSERT INTO contact_identity (workspace_id, kind, scope, value, contact_id) VALUES ($1, $3, $4, $5, $2) \
         ON CONFLICT (workspace_id, kind, scope, value) DO UPDATE SET value = excluded.value RETURNING contact_id",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(kind)
    .bind::<Text, _>(scope)
    .bind::<Text, _>(value)
    .bind::<Text, _>(name)
    .get_result(tx)
    .await?;
    Ok(made.contact_id)
}

/// A dialogue, its row locked.
#[derive(Debug, Clone, QueryableByName)]
pub struct Found {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: ConversationId,
    /// Whether this message opened it again.
    #[diesel(sql_type = Bool)]
    pub reopened: bool,
    /// Its version after this message.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
}

/// The dialogue that a message belongs to: the newest one, unless it was closed more than 72 hours ago. Locks and reopens.
///
/// # Errors
/// Storage.
pub async fn current(tx: &mut Tx, ws: WorkspaceId, channel: ChannelId, key: &str) -> Result<Option<Found>, Failure> {
    Ok(diesel::sql_query(format!(
        "WITH newest AS (SELECT id, status FROM conversation WHERE workspace_id = $1 AND channel_id = $2 AND external_key = $3 \
         AND (status <> 'closed' OR closed_at > clock_timestamp() - interval '{REOPEN_HOURS} hours') \
         ORDER BY created_at DESC LIMIT 1 FOR UPDATE) \
         UPDATE conversation c SET status = CASE WHEN c.status = 'closed' THEN 'open' ELSE c.status END, closed_at = NULL, \
         version = c.version + 1, updated_at = clock_timestamp() FROM newest WHERE c.workspace_id = $1 AND c.id = newest.id \
         RETURNING c.id, newest.status = 'closed' AS reopened, c.version"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(key)
    .get_result(tx)
    .await
    .optional()?)
}

/// A new dialogue.
///
/// # Errors
/// Storage.
pub async fn open(tx: &mut Tx, ws: WorkspaceId, incoming: &Incoming, contact: ContactId) -> Result<Found, Failure> {
    let id = ConversationId::new(Utc::now());
    diesel::sql_query(
        "WITH made AS (INSERT INTO conversation (workspace_id, id, channel_id, contact_id, assistant_id, external_key) \
         VALUES ($1, $2, $3, $4, $5, $6)) \
         INSERT INTO handler_history (workspace_id, conversation_id, epoch, handler, from_seq) VALUES ($1, $2, 1, 'assistant', 1)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(incoming.channel)
    .bind::<SqlUuid, _>(contact)
    .bind::<SqlUuid, _>(incoming.assistant)
    .bind::<Text, _>(&incoming.external_key)
    .execute(tx)
    .await?;
    Ok(Found { id, reopened: false, version: 1 })
}

/// Takes an external id; false where it is taken.
///
/// # Errors
/// Storage.
pub async fn claim_key(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    external_id: &str,
    message: MessageId,
    conversation: ConversationId,
) -> Result<bool, Failure> {
    let made = diesel::sql_query(
        "INSERT INTO message_key (workspace_id, channel_id, external_id, message_id, conversation_id) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(external_id)
    .bind::<SqlUuid, _>(message)
    .bind::<SqlUuid, _>(conversation)
    .execute(tx)
    .await?;
    Ok(made == 1)
}

/// Appends the customer's message; its number comes from the dialogue's row, which is locked.
///
/// # Errors
/// Storage.
pub async fn append_contact_message(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    message: MessageId,
    text: &str,
) -> Result<i64, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        seq: i64,
    }
    let row: Row = diesel::sql_query(
        "WITH c AS (UPDATE conversation SET last_seq = last_seq + 1, updated_at = clock_timestamp() \
         WHERE workspace_id = $1 AND id = $2 RETURNING last_seq) \
         INSERT INTO message (workspace_id, id, conversation_id, seq, author, text) \
         SELECT $1, $3, $2, c.last_seq, 'contact', $4 FROM c RETURNING seq",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<SqlUuid, _>(message)
    .bind::<Text, _>(text)
    .get_result(tx)
    .await?;
    Ok(row.seq)
}

/// A turn that has not started.
#[derive(Debug, QueryableByName)]
pub struct Waiting {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
}

/// The dialogue's waiting turn.
///
/// # Errors
/// Storage.
pub async fn waiting(tx: &mut Tx, ws: WorkspaceId, conversation: ConversationId) -> Result<Option<Waiting>, Failure> {
    Ok(diesel::sql_query(
        "SELECT id FROM turn WHERE workspace_id = $1 AND conversation_id = $2 AND started_at IS NULL AND ended_at IS NULL FOR UPDATE",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .get_result(tx)
    .await
    .optional()?)
}

/// A newer message starts the answer delay again.
///
/// # Errors
/// Storage.
pub async fn move_due(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, delay_seconds: i32) -> Result<(), Failure> {
    diesel::sql_query(
        "UPDATE turn SET due_at = clock_timestamp() + make_interval(secs => $3) WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<Integer, _>(delay_seconds)
    .execute(tx)
    .await?;
    Ok(())
}

/// A new turn.
///
/// # Errors
/// Storage.
pub async fn insert_turn(
    tx: &mut Tx,
    ws: WorkspaceId,
    turn: TurnId,
    conversation: ConversationId,
    delay_seconds: i32,
    options: &serde_json::Value,
) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO turn (workspace_id, id, conversation_id, due_at, options) \
         VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4), $5)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<SqlUuid, _>(conversation)
    .bind::<Integer, _>(delay_seconds)
    .bind::<Jsonb, _>(options)
    .execute(tx)
    .await?;
    Ok(())
}

/// A message is this turn's.
///
/// # Errors
/// Storage.
pub async fn insert_input(tx: &mut Tx, ws: WorkspaceId, message: MessageId, turn: TurnId) -> Result<(), Failure> {
    diesel::sql_query("INSERT INTO turn_input (workspace_id, message_id, turn_id) VALUES ($1, $2, $3)")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(message)
        .bind::<SqlUuid, _>(turn)
        .execute(tx)
        .await?;
    Ok(())
}
