//! API keys in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Array, BigInt, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{AssistantId, Failure, KeyId, UserId, WorkspaceId, db::Tx};
use uuid::Uuid;

/// A key without its secret.
#[derive(Debug, Clone, QueryableByName)]
pub struct KeyRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: KeyId,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Public beginning.
    #[diesel(sql_type = Text)]
    pub prefix: String,
    /// What it may do.
    #[diesel(sql_type = Array<Text>)]
    pub permissions: Vec<String>,
    /// The only assistant.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub assistant_id: Option<AssistantId>,
    /// Who made it.
    #[diesel(sql_type = SqlUuid)]
    pub maker_id: UserId,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Until.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Last use.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// Revoked.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

const KEY: &str =
    "id, name, prefix, permissions, assistant_id, maker_id, created_at, expires_at, last_used_at, revoked_at";

/// Live keys of the workspace.
///
/// # Errors
/// Storage.
pub async fn live(tx: &mut Tx, ws: WorkspaceId) -> Result<i64, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    // Two makers at once must not pass the limit together.
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('api_key:' || $1::text, 0))")
        .bind::<SqlUuid, _>(ws)
        .execute(tx)
        .await?;
    let row: Row = diesel::sql_query(
        "SELECT count(*) AS n FROM api_key WHERE workspace_id = $1 AND revoked_at IS NULL \
         AND (expires_at IS NULL OR expires_at > clock_timestamp())",
    )
    .bind::<SqlUuid, _>(ws)
    .get_result(tx)
    .await?;
    Ok(row.n)
}

/// Writes a key and the route to it.
///
/// # Errors
/// Storage.
pub async fn insert(tx: &mut Tx, ws: WorkspaceId, row: &KeyRow, hash: &[u8]) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO api_key (workspace_id, id, name, prefix, permissions, assistant_id, maker_id, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(row.id)
    .bind::<Text, _>(&row.name)
    .bind::<Text, _>(&row.prefix)
    .bind::<Array<Text>, _>(&row.permissions)
    .bind::<Nullable<SqlUuid>, _>(row.assistant_id)
    .bind::<SqlUuid, _>(row.maker_id)
    .bind::<Nullable<Timestamptz>, _>(row.expires_at)
    .execute(tx)
    .await?;
    diesel::sql_query("INSERT INTO api_key_route (hash, workspace_id, id) VALUES ($1, $2, $3)")
        .bind::<Bytea, _>(hash)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(row.id)
        .execute(tx)
        .await?;
    Ok(())
}

/// A page of keys, newest first.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    ws: WorkspaceId,
    q: &str,
    assistant: Option<Uuid>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<KeyRow>, Failure> {
    let escaped = q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql = format!(
        "SELECT {KEY} FROM api_key WHERE workspace_id = $1 AND ($2 = '' OR name ILIKE '%' || $2 || '%' OR prefix LIKE '%' || $2 || '%') \
         AND ($3::uuid IS NULL OR assistant_id = $3) AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5)) \
         ORDER BY created_at DESC, id DESC LIMIT $6"
    );
    Ok(diesel::sql_query(sql)
        .bind::<SqlUuid, _>(ws)
        .bind::<Text, _>(escaped)
        .bind::<Nullable<SqlUuid>, _>(assistant)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await?)
}

/// Revokes a key; none where there is none. True where this call did it.
///
/// # Errors
/// Storage.
pub async fn revoke(tx: &mut Tx, ws: WorkspaceId, id: KeyId) -> Result<Option<(KeyRow, bool)>, Failure> {
    let changed = diesel::sql_query(
        "UPDATE api_key SET revoked_at = clock_timestamp() WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .execute(tx)
    .await?;
    let sql = format!("SELECT {KEY} FROM api_key WHERE workspace_id = $1 AND id = $2");
    let row: Option<KeyRow> =
        diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<SqlUuid, _>(id).get_result(tx).await.optional()?;
    Ok(row.map(|r| (r, changed == 1)))
}

/// Where a key's hash leads.
///
/// # Errors
/// Storage.
pub async fn route(tx: &mut Tx, hash: &[u8]) -> Result<Option<(WorkspaceId, KeyId)>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        workspace_id: WorkspaceId,
        #[diesel(sql_type = SqlUuid)]
        id: KeyId,
    }
    let row: Option<Row> = diesel::sql_query("SELECT workspace_id, id FROM api_key_route WHERE hash = $1")
        .bind::<Bytea, _>(hash)
        .get_result(tx)
        .await
        .optional()?;
    Ok(row.map(|r| (r.workspace_id, r.id)))
}

/// A key that works, with its maker's role as it is now.
#[derive(Debug, QueryableByName)]
pub struct Working {
    /// What it may do.
    #[diesel(sql_type = Array<Text>)]
    pub permissions: Vec<String>,
    /// The only assistant.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub assistant_id: Option<Uuid>,
    /// Who made it.
    #[diesel(sql_type = SqlUuid)]
    pub maker_id: Uuid,
    /// The maker's role.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// The membership's version.
    #[diesel(sql_type = BigInt)]
    pub mv: i64,
    /// Whether its last use is worth noting.
    #[diesel(sql_type = Bool)]
    pub note: bool,
}

/// The key, where it works: not revoked, not expired, its maker still a member, nobody blocked.
///
/// # Errors
/// Storage.
pub async fn working(tx: &mut Tx, ws: WorkspaceId, id: KeyId) -> Result<Option<Working>, Failure> {
    let found: Option<Working> = diesel::sql_query(
        "SELECT k.permissions, k.assistant_id, k.maker_id, m.role, m.mv, \
         coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) AS note \
         FROM api_key k JOIN membership m ON m.workspace_id = k.workspace_id AND m.user_id = k.maker_id \
         JOIN workspace w ON w.workspace_id = k.workspace_id JOIN user_account u ON u.id = k.maker_id \
         WHERE k.workspace_id = $1 AND k.id = $2 AND k.revoked_at IS NULL \
         AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AND w.blocked_at IS NULL AND u.blocked_at IS NULL",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .get_result(tx)
    .await
    .optional()?;
    if found.as_ref().is_some_and(|k| k.note) {
        diesel::sql_query("UPDATE api_key SET last_used_at = clock_timestamp() WHERE workspace_id = $1 AND id = $2")
            .bind::<SqlUuid, _>(ws)
            .bind::<SqlUuid, _>(id)
            .execute(tx)
            .await?;
    }
    Ok(found)
}
