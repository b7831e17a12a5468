//! Channels in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Array, BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{AssistantId, ChannelId, Failure, WorkspaceId, db::Tx};
use uuid::Uuid;

/// A channel.
#[derive(Debug, Clone, QueryableByName)]
pub struct ChannelRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: ChannelId,
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Text)]
    pub title: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub bot_id: Option<i64>,
    #[diesel(sql_type = Nullable<Bytea>)]
    pub sealed_token: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    pub token_last4: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub hook_id: Option<String>,
    #[diesel(sql_type = Nullable<Bytea>)]
    pub hook_secret_hash: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub checked_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    pub last_error_ru: String,
    #[diesel(sql_type = Text)]
    pub last_error_en: String,
    #[diesel(sql_type = Text)]
    pub etag: String,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

const CHANNEL: &str = "id, assistant_id, kind, state, title, bot_id, sealed_token, token_last4, hook_id, hook_secret_hash, \
    checked_at, last_error_ru, last_error_en, etag, created_at FROM channel";

/// The api channel of an assistant.
///
/// # Errors
/// Storage.
pub async fn api(tx: &mut Tx, ws: WorkspaceId, assistant: AssistantId) -> Result<Option<ChannelId>, Failure> {
    let sql = format!("SELECT {CHANNEL} WHERE workspace_id = $1 AND assistant_id = $2 AND kind = 'api'");
    let row: Option<ChannelRow> =
        diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<SqlUuid, _>(assistant).get_result(tx).await.optional()?;
    Ok(row.map(|r| r.id))
}

/// Makes the api channel, or keeps its assistant's status; an older event changes nothing.
///
/// # Errors
/// Storage.
pub async fn keep_api(
    tx: &mut Tx,
    ws: WorkspaceId,
    assistant: AssistantId,
    status: &str,
    version: i64,
) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO channel (workspace_id, id, assistant_id, kind, state, title, assistant_status, assistant_version) \
         VALUES ($1, $2, $3, 'api', 'connected', 'API', $4, $5) ON CONFLICT (workspace_id, assistant_id) WHERE kind = 'api' \
         DO UPDATE SET assistant_status = excluded.assistant_status, assistant_version = excluded.assistant_version \
         WHERE channel.assistant_version <= excluded.assistant_version",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(ChannelId::new(Utc::now()))
    .bind::<SqlUuid, _>(assistant)
    .bind::<Text, _>(status)
    .bind::<BigInt, _>(version)
    .execute(tx)
    .await?;
    Ok(())
}

/// Channels by id.
///
/// # Errors
/// Storage.
pub async fn by_ids(tx: &mut Tx, ws: WorkspaceId, ids: &[Uuid]) -> Result<Vec<ChannelRow>, Failure> {
    let sql = format!("SELECT {CHANNEL} WHERE workspace_id = $1 AND id = ANY ($2)");
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<Array<SqlUuid>, _>(ids).load(tx).await?)
}

/// A page of channels, oldest first; `kind` empty = all.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    ws: WorkspaceId,
    assistant: Option<Uuid>,
    kind: &str,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<ChannelRow>, Failure> {
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql = format!(
        "SELECT {CHANNEL} WHERE workspace_id = $1 AND ($2::uuid IS NULL OR assistant_id = $2) AND ($3 = '' OR kind = $3) \
         AND ($4::timestamptz IS NULL OR (created_at, id) > ($4, $5)) ORDER BY created_at, id LIMIT $6"
    );
    Ok(diesel::sql_query(sql)
        .bind::<SqlUuid, _>(ws)
        .bind::<Nullable<SqlUuid>, _>(assistant)
        .bind::<Text, _>(kind)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await?)
}

/// What a connection writes.
#[derive(Debug, Clone)]
pub struct Bot<'a> {
    /// The bot.
    pub id: i64,
    /// `@name`.
    pub title: &'a str,
    /// Sealed token.
    pub sealed: Vec<u8>,
    /// Its last characters.
    pub last4: &'a str,
    /// The webhook.
    pub hook_id: &'a str,
    /// SHA-256 of its secret.
    pub secret_hash: Vec<u8>,
}

/// Where a bot or a webhook leads.
#[derive(QueryableByName)]
struct Route {
    #[diesel(sql_type = SqlUuid)]
    workspace_id: WorkspaceId,
    #[diesel(sql_type = SqlUuid)]
    channel_id: ChannelId,
}

/// The channel of a bot, if it was connected anywhere.
///
/// # Errors
/// Storage.
pub async fn bot_route(tx: &mut Tx, bot: i64) -> Result<Option<(WorkspaceId, ChannelId)>, Failure> {
    let route: Option<Route> = diesel::sql_query("SELECT workspace_id, channel_id FROM bot_route WHERE bot_id = $1")
        .bind::<BigInt, _>(bot)
        .get_result(tx)
        .await
        .optional()?;
    Ok(route.map(|r| (r.workspace_id, r.channel_id)))
}

/// Writes a connected bot: a fresh channel, or the one it had. False where somebody else has the bot.
///
/// # Errors
/// Storage.
pub async fn put_bot(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    assistant: AssistantId,
    bot: &Bot<'_>,
) -> Result<bool, Failure> {
    let routed = diesel::sql_query(
        "INSERT INTO bot_route (bot_id, workspace_id, channel_id) VALUES ($1, $2, $3) ON CONFLICT (bot_id) DO UPDATE \
         SET workspace_id = excluded.workspace_id, channel_id = excluded.channel_id WHERE bot_route.workspace_id = $2",
    )
    .bind::<BigInt, _>(bot.id)
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .execute(tx)
    .await?;
    if routed == 0 {
        return Ok(false);
    }
    diesel::sql_query("DELETE FROM hook_route WHERE workspace_id = $1 AND channel_id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(channel)
        .execute(tx)
        .await?;
    diesel::sql_query("INSERT INTO hook_route (hook_id, workspace_id, channel_id) VALUES ($1, $2, $3)")
        .bind::<Text, _>(bot.hook_id)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(channel)
        .execute(tx)
        .await?;
    diesel::sql_query(
        "INSERT INTO channel (workspace_id, id, assistant_id, kind, state, title, bot_id, sealed_token, token_last4, hook_id, \
         hook_secret_hash, checked_at) VALUES ($1, $2, $3, 'telegram', 'checking', $4, $5, $6, $7, $8, $9, clock_timestamp()) \
         ON CONFLICT (workspace_id, id) DO UPDATE SET assistant_id = excluded.assistant_id, state = 'checking', \
         title = excluded.title, sealed_token = excluded.sealed_token, token_last4 = excluded.token_last4, \
         hook_id = excluded.hook_id, hook_secret_hash = excluded.hook_secret_hash, etag = gen_random_uuid()::text",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<SqlUuid, _>(assistant)
    .bind::<Text, _>(bot.title)
    .bind::<BigInt, _>(bot.id)
    .bind::<Bytea, _>(&bot.sealed)
    .bind::<Text, _>(bot.last4)
    .bind::<Text, _>(bot.hook_id)
    .bind::<Bytea, _>(&bot.secret_hash)
    .execute(tx)
    .await?;
    Ok(true)
}

/// Writes how a channel is.
///
/// # Errors
/// Storage.
pub async fn set_state(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    state: &str,
    (ru, en): (&str, &str),
) -> Result<(), Failure> {
    diesel::sql_query(
        "UPDATE channel SET state = $3, last_error_ru = $4, last_error_en = $5, checked_at = clock_timestamp() \
         WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(state)
    .bind::<Text, _>(ru)
    .bind::<Text, _>(en)
    .execute(tx)
    .await?;
    Ok(())
}

/// Where a webhook leads.
///
/// # Errors
/// Storage.
pub async fn hook(tx: &mut Tx, hook_id: &str) -> Result<Option<(WorkspaceId, ChannelId)>, Failure> {
    let route: Option<Route> = diesel::sql_query("SELECT workspace_id, channel_id FROM hook_route WHERE hook_id = $1")
        .bind::<Text, _>(hook_id)
        .get_result(tx)
        .await
        .optional()?;
    Ok(route.map(|r| (r.workspace_id, r.channel_id)))
}

/// Takes an update; false where it was taken before.
///
/// # Errors
/// Storage.
pub async fn take_update(tx: &mut Tx, ws: WorkspaceId, channel: ChannelId, update: i64) -> Result<bool, Failure> {
    let made = diesel::sql_query(
        "INSERT INTO update_key (workspace_id, channel_id, update_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<BigInt, _>(update)
    .execute(tx)
    .await?;
    Ok(made == 1)
}
