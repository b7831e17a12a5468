//! Channels in Postgres, and the routes from outside to them.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Bytea, Float8, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, ChannelId, Failure, HookId, WorkspaceId,
    db::{Keep as _, Tx},
};

use crate::{outbox::Events, turn::store::tell};

/// A channel's row.
#[derive(Debug, Clone, QueryableByName)]
pub struct ChannelRow {
    /// The channel.
    #[diesel(sql_type = SqlUuid)]
    pub id: ChannelId,
    /// `api`, `telegram` or `widget`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    /// See `state_of`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// What customers see.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// The bot.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub bot_id: Option<i64>,
    /// Its webhook.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub hook_id: Option<HookId>,
    /// SHA-256 of the webhook's secret.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub hook_secret_hash: Option<Vec<u8>>,
    /// The token.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub sealed_token: Option<Vec<u8>>,
    /// Its last four characters.
    #[diesel(sql_type = Text)]
    pub token_last4: String,
    /// What went wrong, in Russian.
    #[diesel(sql_type = Text)]
    pub last_error_ru: String,
    /// In English.
    #[diesel(sql_type = Text)]
    pub last_error_en: String,
    /// Last look.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub checked_at: Option<DateTime<Utc>>,
    /// Seconds that the messaging service still wants silence.
    #[diesel(sql_type = Float8)]
    pub paused_seconds: f64,
    /// Grows with each write.
    #[diesel(sql_type = BigInt)]
    pub etag: i64,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Whether it is disconnected.
    #[diesel(sql_type = Bool)]
    pub deleted: bool,
}

/// The columns of `ChannelRow`.
const COLUMNS: &str = "id, kind, assistant_id, state, title, bot_id, hook_id, hook_secret_hash, sealed_token, token_last4, \
    last_error_ru, last_error_en, checked_at, \
    greatest(coalesce(extract(epoch FROM paused_until - clock_timestamp()), 0), 0)::float8 AS paused_seconds, etag, created_at, \
    deleted_at IS NOT NULL AS deleted";

/// One channel.
///
/// # Errors
/// Storage.
pub async fn find(tx: &mut Tx, ws: WorkspaceId, id: ChannelId) -> Result<Option<ChannelRow>, Failure> {
    Ok(sql_query(format!("SELECT {COLUMNS} FROM channel WHERE workspace_id = $1 AND id = $2"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

/// One channel, locked.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, ws: WorkspaceId, id: ChannelId) -> Result<Option<ChannelRow>, Failure> {
    Ok(sql_query(format!("SELECT {COLUMNS} FROM channel WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

/// The row of a bot, connected or not.
///
/// # Errors
/// Storage.
pub async fn of_bot(tx: &mut Tx, ws: WorkspaceId, bot: i64) -> Result<Option<ChannelRow>, Failure> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM channel WHERE workspace_id = $1 AND kind = 'telegram' AND bot_id = $2 FOR NO KEY UPDATE"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<BigInt, _>(bot)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// Which channels a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only this assistant's.
    pub assistant: Option<AssistantId>,
    /// Only bots.
    pub telegram: bool,
    /// Only those behind this one.
    pub after: Option<(DateTime<Utc>, ChannelId)>,
}

/// A page, oldest first.
///
/// # Errors
/// Storage.
pub async fn page(tx: &mut Tx, ws: WorkspaceId, filter: Filter, most: i64) -> Result<Vec<ChannelRow>, Failure> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM channel WHERE workspace_id = $1 AND deleted_at IS NULL AND ($2 IS NULL OR assistant_id = $2) \
         AND (NOT $3 OR kind = 'telegram') AND ($4 IS NULL OR (created_at, id) > ($4, $5)) ORDER BY created_at, id LIMIT $6"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<Nullable<SqlUuid>, _>(filter.assistant)
    .bind::<Bool, _>(filter.telegram)
    .bind::<Nullable<Timestamptz>, _>(filter.after.map(|a| a.0))
    .bind::<Nullable<SqlUuid>, _>(filter.after.map(|a| a.1))
    .bind::<BigInt, _>(most)
    .kept()
    .load(tx)
    .await?)
}

/// The built-in channel of an assistant.
///
/// # Errors
/// Storage.
pub async fn api_channel(tx: &mut Tx, ws: WorkspaceId, assistant: AssistantId) -> Result<Option<ChannelId>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: ChannelId,
    }
    let row: Option<Row> =
        sql_query("SELECT id FROM channel WHERE workspace_id = $1 AND assistant_id = $2 AND kind = 'api'")
            .bind::<SqlUuid, _>(ws)
            .bind::<SqlUuid, _>(assistant)
            .kept()
            .get_result(tx)
            .await
            .optional()?;
    Ok(row.map(|row| row.id))
}

/// Makes the built-in channel, once; a status that is known already stays.
///
/// # Errors
/// Storage.
pub async fn make_api_channel(
    tx: &mut Tx,
    ws: WorkspaceId,
    assistant: AssistantId,
    id: ChannelId,
    status: &str,
) -> Result<ChannelId, Failure> {
    sql_query(
        "INSERT INTO channel (workspace_id, id, kind, assistant_id, assistant_status, state) \
         VALUES ($1, $2, 'api', $3, $4, 'connected') ON CONFLICT (workspace_id, assistant_id) WHERE kind = 'api' DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(assistant)
    .bind::<Text, _>(status)
    .kept()
    .execute(tx)
    .await?;
    api_channel(tx, ws, assistant).await?.ok_or_else(|| neipix_mesh::db::retry_error().into())
}

/// Notes an assistant's status in all its channels.
///
/// # Errors
/// Storage.
pub async fn set_status(tx: &mut Tx, ws: WorkspaceId, assistant: AssistantId, status: &str) -> Result<(), Failure> {
    sql_query("UPDATE channel SET assistant_status = $3 WHERE workspace_id = $1 AND assistant_id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(assistant)
        .bind::<Text, _>(status)
        .kept()
        .execute(tx)
        .await?;
    Ok(())
}

/// A published assistant.
#[derive(Debug, QueryableByName)]
pub struct PublishedRow {
    /// The assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    /// When its channel was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// Published assistants, at most 200.
///
/// # Errors
/// Storage.
pub async fn published(tx: &mut Tx, ws: WorkspaceId, only: Option<AssistantId>) -> Result<Vec<PublishedRow>, Failure> {
    Ok(sql_query(
        "SELECT assistant_id, created_at FROM channel WHERE workspace_id = $1 AND kind = 'api' \
         AND assistant_status = 'published' AND ($2 IS NULL OR assistant_id = $2) ORDER BY created_at, id LIMIT 200",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Nullable<SqlUuid>, _>(only)
    .kept()
    .load(tx)
    .await?)
}

/// A bot to connect.
#[derive(Debug)]
pub struct Bot<'a> {
    /// The channel.
    pub id: ChannelId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// The bot.
    pub bot_id: i64,
    /// `@name`.
    pub title: String,
    /// Its webhook.
    pub hook: HookId,
    /// SHA-256 of the webhook's secret.
    pub secret_hash: &'a [u8],
    /// The sealed token.
    pub sealed: &'a [u8],
    /// The token's last four characters.
    pub last4: String,
}

/// Claims the bot for this channel. False where it is connected elsewhere.
///
/// # Errors
/// Storage.
pub async fn claim_bot(tx: &mut Tx, ws: WorkspaceId, bot: i64, channel: ChannelId) -> Result<bool, Failure> {
    let claimed = sql_query(
        "INSERT INTO bot_route (bot_id, workspace_id, channel_id) VALUES ($1, $2, $3) ON CONFLICT (bot_id) DO UPDATE \
         SET channel_id = excluded.channel_id WHERE bot_route.workspace_id = $2 AND bot_route.channel_id = $3",
    )
    .bind::<BigInt, _>(bot)
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .kept()
    .execute(tx)
    .await?;
    Ok(claimed > 0)
}

/// Writes a bot's channel, fresh or revived, as being checked.
///
/// # Errors
/// Storage.
pub async fn write_bot(tx: &mut Tx, ws: WorkspaceId, bot: &Bot<'_>) -> Result<ChannelRow, Failure> {
    sql_query(
        "WITH row AS (INSERT INTO channel (workspace_id, id, kind, assistant_id, state, title, bot_id, hook_id, \
         hook_secret_hash, sealed_token, token_last4) VALUES ($1, $2, 'telegram', $3, 'checking', $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (workspace_id, id) DO UPDATE SET assistant_id = excluded.assistant_id, state = 'checking', \
         title = excluded.title, bot_id = excluded.bot_id, hook_id = excluded.hook_id, \
         hook_secret_hash = excluded.hook_secret_hash, sealed_token = excluded.sealed_token, \
         token_last4 = excluded.token_last4, last_error_ru = '', last_error_en = '', paused_until = NULL, deleted_at = NULL, \
         etag = channel.etag + 1) \
         INSERT INTO hook_route (hook_id, workspace_id, channel_id) VALUES ($6, $1, $2) ON CONFLICT (hook_id) DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(bot.id)
    .bind::<SqlUuid, _>(bot.assistant)
    .bind::<Text, _>(&bot.title)
    .bind::<BigInt, _>(bot.bot_id)
    .bind::<SqlUuid, _>(bot.hook)
    .bind::<Bytea, _>(bot.secret_hash)
    .bind::<Bytea, _>(bot.sealed)
    .bind::<Text, _>(&bot.last4)
    .kept()
    .execute(tx)
    .await?;
    find(tx, ws, bot.id).await?.ok_or_else(Failure::not_found)
}

/// Another assistant answers in the channel from now on, in its dialogues too.
///
/// # Errors
/// Storage.
pub async fn move_to(tx: &mut Tx, ws: WorkspaceId, id: ChannelId, assistant: AssistantId) -> Result<(), Failure> {
    sql_query(
        "WITH c AS (UPDATE channel SET assistant_id = $3, etag = etag + 1 WHERE workspace_id = $1 AND id = $2) \
         UPDATE conversation SET assistant_id = $3 WHERE workspace_id = $1 AND channel_id = $2 AND status <> 'closed'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(assistant)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes how a channel stands, and tells of it where it changed.
///
/// # Errors
/// Storage.
pub async fn set_state(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ChannelId,
    state: &str,
    error: (&str, &str),
) -> Result<ChannelRow, Failure> {
    #[derive(QueryableByName)]
    struct Was {
        #[diesel(sql_type = Bool)]
        changed: bool,
    }
    let was: Was = sql_query(
        "WITH old AS (SELECT state, last_error_en FROM channel WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE), \
         new AS (UPDATE channel SET state = $3, last_error_ru = $4, last_error_en = $5, checked_at = clock_timestamp(), \
         deleted_at = CASE WHEN $3 = 'not_connected' THEN coalesce(deleted_at, clock_timestamp()) ELSE deleted_at END, \
         sealed_token = CASE WHEN $3 = 'not_connected' THEN NULL ELSE sealed_token END, \
         etag = etag + CASE WHEN state <> $3 THEN 1 ELSE 0 END WHERE workspace_id = $1 AND id = $2) \
         SELECT (state, last_error_en) <> ($3, $5) AS changed FROM old",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(state)
    .bind::<Text, _>(error.0)
    .bind::<Text, _>(error.1)
    .kept()
    .get_result(tx)
    .await?;
    let row = find(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
    if was.changed {
        tell_state(tx, ws, &row).await?;
    }
    Ok(row)
}

/// Tells that a channel is another now.
///
/// # Errors
/// Storage.
pub async fn tell_state(tx: &mut Tx, ws: WorkspaceId, row: &ChannelRow) -> Result<(), Failure> {
    let mut events = Events::default();
    events.channel(row.assistant_id, row.id, row.etag);
    tell(tx, ws, &events).await
}

/// Keeps silent in a channel for a while.
///
/// # Errors
/// Storage.
pub async fn pause(tx: &mut Tx, ws: WorkspaceId, id: ChannelId, seconds: f64) -> Result<(), Failure> {
    sql_query(
        "UPDATE channel SET paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => $3)) \
         WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Float8, _>(seconds)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Frees a channel's bot and webhook.
///
/// # Errors
/// Storage.
pub async fn free_routes(tx: &mut Tx, ws: WorkspaceId, id: ChannelId) -> Result<(), Failure> {
    sql_query(
        "WITH hooks AS (DELETE FROM hook_route WHERE workspace_id = $1 AND channel_id = $2) \
         DELETE FROM bot_route WHERE workspace_id = $1 AND channel_id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Where a webhook leads.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Route {
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: WorkspaceId,
    /// The channel.
    #[diesel(sql_type = SqlUuid)]
    pub channel_id: ChannelId,
}

/// The channel of a webhook.
///
/// # Errors
/// Storage.
pub async fn route(tx: &mut Tx, hook: HookId) -> Result<Option<Route>, Failure> {
    Ok(sql_query("SELECT workspace_id, channel_id FROM hook_route WHERE hook_id = $1")
        .bind::<SqlUuid, _>(hook)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}
