//! Widgets and visitors in Postgres.

pub mod dialogue;
pub mod merge;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Bytea, Float8, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, ChannelId, Failure, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

use super::token::{FORMER_LIFE, Standing};
use crate::channels::store::Route;

/// A widget's row.
#[derive(Debug, Clone, QueryableByName)]
pub struct WidgetRow {
    /// Its channel.
    #[diesel(sql_type = SqlUuid)]
    pub channel_id: ChannelId,
    /// The assistant that answers.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    /// The public key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// The sites that may embed it.
    #[diesel(sql_type = Array<Text>)]
    pub origins: Vec<String>,
    /// `ru`, `en` or empty.
    #[diesel(sql_type = Text)]
    pub locale: String,
    /// The name above the dialogue; empty = the assistant's.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// What stands in an empty dialogue.
    #[diesel(sql_type = Text)]
    pub greeting: String,
    /// `#rrggbb` or empty.
    #[diesel(sql_type = Text)]
    pub accent: String,
    /// `left`, `right` or empty.
    #[diesel(sql_type = Text)]
    pub side: String,
    /// `light`, `dark` or empty.
    #[diesel(sql_type = Text)]
    pub scheme: String,
    /// Whether anonymous visitors are refused.
    #[diesel(sql_type = Bool)]
    pub require_identity: bool,
    /// Whether it was taken off its sites.
    #[diesel(sql_type = Bool)]
    pub deleted: bool,
}

/// The widget of a public key.
///
/// # Errors
/// Storage.
pub async fn route(tx: &mut Tx, key: &str) -> Result<Option<Route>, Failure> {
    Ok(sql_query("SELECT workspace_id, channel_id FROM widget_route WHERE key = $1")
        .bind::<Text, _>(key)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

/// The widgets among these channels, in no order.
///
/// # Errors
/// Storage.
pub async fn widgets(tx: &mut Tx, ws: WorkspaceId, channels: &[ChannelId]) -> Result<Vec<WidgetRow>, Failure> {
    Ok(sql_query(
        "SELECT w.channel_id, c.assistant_id, w.key, w.origins, w.locale, w.title, w.greeting, w.accent, w.side, w.scheme, \
         w.require_identity, c.deleted_at IS NOT NULL AS deleted FROM widget w \
         JOIN channel c ON c.workspace_id = w.workspace_id AND c.id = w.channel_id \
         WHERE w.workspace_id = $1 AND w.channel_id = ANY ($2)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Array<SqlUuid>, _>(channels)
    .kept()
    .load(tx)
    .await?)
}

/// Makes a widget with its channel.
///
/// # Errors
/// Storage.
pub async fn insert(tx: &mut Tx, ws: WorkspaceId, row: &WidgetRow, status: &str) -> Result<(), Failure> {
    sql_query(
        "WITH c AS (INSERT INTO channel (workspace_id, id, kind, assistant_id, assistant_status, state, title, checked_at) \
         VALUES ($1, $2, 'widget', $3, $4, 'connected', $5, clock_timestamp())), \
         r AS (INSERT INTO widget_route (key, workspace_id, channel_id) VALUES ($6, $1, $2)) \
         INSERT INTO widget (workspace_id, channel_id, key, origins, locale, title, greeting, accent, side, scheme, \
         require_identity) VALUES ($1, $2, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(row.channel_id)
    .bind::<SqlUuid, _>(row.assistant_id)
    .bind::<Text, _>(status)
    .bind::<Text, _>(title(row))
    .bind::<Text, _>(&row.key)
    .bind::<Array<Text>, _>(&row.origins)
    .bind::<Text, _>(&row.locale)
    .bind::<Text, _>(&row.title)
    .bind::<Text, _>(&row.greeting)
    .bind::<Text, _>(&row.accent)
    .bind::<Text, _>(&row.side)
    .bind::<Text, _>(&row.scheme)
    .bind::<Bool, _>(row.require_identity)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// What the channel is called in lists: its first site.
fn title(row: &WidgetRow) -> String {
    row.origins
        .as_slice()
        .first()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host.to_owned())
        .unwrap_or_default()
}

/// Writes a widget's settings.
///
/// # Errors
/// Storage.
pub async fn update(tx: &mut Tx, ws: WorkspaceId, row: &WidgetRow) -> Result<(), Failure> {
    sql_query(
        "WITH c AS (UPDATE channel SET title = $3, etag = etag + 1 WHERE workspace_id = $1 AND id = $2) \
         UPDATE widget SET origins = $4, locale = $5, title = $6, greeting = $7, accent = $8, side = $9, scheme = $10, \
         require_identity = $11 WHERE workspace_id = $1 AND channel_id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(row.channel_id)
    .bind::<Text, _>(title(row))
    .bind::<Array<Text>, _>(&row.origins)
    .bind::<Text, _>(&row.locale)
    .bind::<Text, _>(&row.title)
    .bind::<Text, _>(&row.greeting)
    .bind::<Text, _>(&row.accent)
    .bind::<Text, _>(&row.side)
    .bind::<Text, _>(&row.scheme)
    .bind::<Bool, _>(row.require_identity)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// An identity secret that is good now.
#[derive(Debug, Clone, QueryableByName)]
pub struct SecretRow {
    /// Of the channel.
    #[diesel(sql_type = SqlUuid)]
    pub channel_id: ChannelId,
    /// Its `kid`.
    #[diesel(sql_type = Text)]
    pub kid: String,
    /// The secret.
    #[diesel(sql_type = Bytea)]
    pub sealed: Vec<u8>,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// The identity secrets of these channels, newest first.
///
/// # Errors
/// Storage.
pub async fn secrets(tx: &mut Tx, ws: WorkspaceId, channels: &[ChannelId]) -> Result<Vec<SecretRow>, Failure> {
    Ok(sql_query(
        "SELECT channel_id, kid, sealed, created_at FROM widget_secret WHERE workspace_id = $1 AND channel_id = ANY ($2) \
         ORDER BY created_at DESC, kid DESC",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Array<SqlUuid>, _>(channels)
    .kept()
    .load(tx)
    .await?)
}

/// The number of a widget's next identity secret.
///
/// # Errors
/// Storage.
pub async fn next_secret(tx: &mut Tx, ws: WorkspaceId, channel: ChannelId) -> Result<Option<i32>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        secrets_made: i32,
    }
    let row: Option<Row> = sql_query(
        "UPDATE widget SET secrets_made = secrets_made + 1 WHERE workspace_id = $1 AND channel_id = $2 RETURNING secrets_made",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|row| row.secrets_made))
}

/// Adds an identity secret; the one before stays, older ones end.
///
/// # Errors
/// Storage.
pub async fn add_secret(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    kid: &str,
    sealed: &[u8],
) -> Result<(), Failure> {
    sql_query(
        "WITH kept AS (SELECT kid FROM widget_secret WHERE workspace_id = $1 AND channel_id = $2 \
             ORDER BY created_at DESC, kid DESC LIMIT 1), \
         old AS (DELETE FROM widget_secret WHERE workspace_id = $1 AND channel_id = $2 AND kid NOT IN (SELECT kid FROM kept)) \
         INSERT INTO widget_secret (workspace_id, channel_id, kid, sealed) VALUES ($1, $2, $3, $4)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(kid)
    .bind::<Bytea, _>(sealed)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// A visitor.
#[derive(Debug, Clone, QueryableByName)]
pub struct VisitorRow {
    /// The visitor.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The widget's channel.
    #[diesel(sql_type = SqlUuid)]
    pub channel_id: ChannelId,
    /// The site.
    #[diesel(sql_type = Text)]
    pub origin: String,
    /// Who the site's server says it is.
    #[diesel(sql_type = Nullable<Text>)]
    pub sub: Option<String>,
    /// Whether the visitor was reset.
    #[diesel(sql_type = Bool)]
    pub revoked: bool,
}

/// One visitor.
///
/// # Errors
/// Storage.
pub async fn visitor(tx: &mut Tx, ws: WorkspaceId, id: Uuid) -> Result<Option<VisitorRow>, Failure> {
    Ok(sql_query(
        "SELECT id, channel_id, origin, sub, revoked_at IS NOT NULL AS revoked FROM visitor WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// A visitor as found by a token, locked.
#[derive(Debug, Clone, QueryableByName)]
pub struct TokenRow {
    /// The visitor.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Text)]
    origin: String,
    /// Who the site's server says it is.
    #[diesel(sql_type = Nullable<Text>)]
    pub sub: Option<String>,
    #[diesel(sql_type = Bool)]
    current: bool,
    #[diesel(sql_type = Timestamptz)]
    token_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    token_used: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    former_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    seen_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    revoked: bool,
    /// The database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
}

impl TokenRow {
    /// How the token stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            current: self.current,
            made_at: self.token_at,
            used: self.token_used,
            former_until: self.former_until,
            seen_at: self.seen_at,
            revoked: self.revoked,
        }
    }

    /// Whether the token belongs to that site.
    #[must_use]
    pub fn is_of(&self, site: &str) -> bool {
        self.origin == site
    }
}

/// The visitor of a token, present or former, locked.
///
/// # Errors
/// Storage.
pub async fn by_token(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    hash: &[u8],
) -> Result<Option<TokenRow>, Failure> {
    Ok(sql_query(
        "SELECT id, origin, sub, token_hash = $3 AS current, token_at, token_used, former_until, seen_at, \
         revoked_at IS NOT NULL AS revoked, clock_timestamp() AS now FROM visitor \
         WHERE workspace_id = $1 AND channel_id = $2 AND (token_hash = $3 OR former_hash = $3) \
         ORDER BY token_hash = $3 DESC LIMIT 1 FOR NO KEY UPDATE",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Bytea, _>(hash)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// Makes a visitor.
///
/// # Errors
/// Storage.
pub async fn insert_visitor(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    id: Uuid,
    site: &str,
    hash: &[u8],
) -> Result<(), Failure> {
    sql_query("INSERT INTO visitor (workspace_id, id, channel_id, origin, token_hash) VALUES ($1, $2, $3, $4, $5)")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(channel)
        .bind::<Text, _>(site)
        .bind::<Bytea, _>(hash)
        .kept()
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes that the browser came, with the token itself or the one before.
///
/// # Errors
/// Storage.
pub async fn seen(tx: &mut Tx, ws: WorkspaceId, id: Uuid, current: bool) -> Result<(), Failure> {
    sql_query(
        "UPDATE visitor SET seen_at = clock_timestamp(), token_used = token_used OR $3 WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Bool, _>(current)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// What becomes of the token that a fresh one replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// It is good a little longer.
    Replaced,
    /// It never arrived: the one before it stays good instead.
    Stays,
    /// It ends at once, and so does the one before.
    Ends,
}

/// Puts a fresh token in place.
///
/// # Errors
/// Storage.
pub async fn rotate(tx: &mut Tx, ws: WorkspaceId, id: Uuid, hash: &[u8], former: Former) -> Result<(), Failure> {
    sql_query(
        "UPDATE visitor SET former_hash = CASE $4 WHEN 'stays' THEN former_hash WHEN 'replaced' THEN token_hash END, \
         token_hash = $3, token_at = clock_timestamp(), token_used = false, seen_at = clock_timestamp(), \
         former_until = clock_timestamp() + make_interval(secs => $5) WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Bytea, _>(hash)
    .bind::<Text, _>(match former {
        Former::Replaced => "replaced",
        Former::Stays => "stays",
        Former::Ends => "ends",
    })
    .bind::<Float8, _>(FORMER_LIFE.as_seconds_f64())
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends a visitor's tokens.
///
/// # Errors
/// Storage.
pub async fn revoke(tx: &mut Tx, ws: WorkspaceId, id: Uuid) -> Result<(), Failure> {
    sql_query(
        "UPDATE visitor SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Answers to anonymous visitors that are on their way. Running and waiting turns have an index each; one for both would cost
/// every turn a write.
///
/// # Errors
/// Storage.
pub async fn anonymous_turns(tx: &mut Tx, ws: WorkspaceId) -> Result<i64, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let row: Row = sql_query(
        "SELECT count(*) AS n FROM ( \
             SELECT conversation_id FROM turn WHERE workspace_id = $1 AND started_at IS NOT NULL AND ended_at IS NULL UNION ALL \
             SELECT conversation_id FROM turn WHERE workspace_id = $1 AND started_at IS NULL AND ended_at IS NULL) t \
         JOIN conversation c ON c.workspace_id = $1 AND c.id = t.conversation_id \
         JOIN channel h ON h.workspace_id = $1 AND h.id = c.channel_id AND h.kind = 'widget' \
         WHERE NOT EXISTS (SELECT 1 FROM contact_identity i WHERE i.workspace_id = $1 AND i.contact_id = c.contact_id \
         AND i.kind = 'user')",
    )
    .bind::<SqlUuid, _>(ws)
    .kept()
    .get_result(tx)
    .await?;
    Ok(row.n)
}
