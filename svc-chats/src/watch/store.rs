//! Numbered events in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Jsonb, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ConversationId, Failure, TurnId, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

/// An event's row.
#[derive(Debug, Clone, QueryableByName)]
pub struct EventRow {
    /// Dense, in the order of commits.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Such as `message.created`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// What it is about.
    #[diesel(sql_type = SqlUuid)]
    pub object_id: Uuid,
    /// What cannot be read from a row.
    #[diesel(sql_type = Jsonb)]
    pub extra: serde_json::Value,
    /// When it was numbered.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// Events behind a number, in order.
///
/// # Errors
/// Storage.
pub async fn page(tx: &mut Tx, ws: WorkspaceId, after: i64, most: i64) -> Result<Vec<EventRow>, Failure> {
    Ok(sql_query(
        "SELECT seq, kind, object_id, extra, created_at FROM event WHERE workspace_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(most)
    .kept()
    .load(tx)
    .await?)
}

/// The first number that is kept, and the last that was given.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Bounds {
    /// One above the last where none is kept.
    #[diesel(sql_type = BigInt)]
    pub first: i64,
    /// 0 where there is none.
    #[diesel(sql_type = BigInt)]
    pub last: i64,
}

/// The bounds of a workspace's numbers.
///
/// # Errors
/// Storage.
pub async fn bounds(tx: &mut Tx, ws: WorkspaceId) -> Result<Bounds, Failure> {
    Ok(sql_query(
        "SELECT coalesce((SELECT min(seq) FROM event WHERE workspace_id = $1), head.last + 1) AS first, head.last \
         FROM (SELECT coalesce((SELECT last_seq FROM event_head WHERE workspace_id = $1), 0) AS last) AS head",
    )
    .bind::<SqlUuid, _>(ws)
    .kept()
    .get_result(tx)
    .await?)
}

/// A running turn.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Running {
    /// The turn.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
}

/// Turns of these dialogues that are being answered.
///
/// # Errors
/// Storage.
pub async fn running(tx: &mut Tx, ws: WorkspaceId, ids: &[ConversationId]) -> Result<Vec<Running>, Failure> {
    Ok(sql_query(
        "SELECT id, conversation_id FROM turn WHERE workspace_id = $1 AND conversation_id = ANY ($2) \
         AND started_at IS NOT NULL AND ended_at IS NULL AND state = 'answering'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Array<SqlUuid>, _>(ids)
    .kept()
    .load(tx)
    .await?)
}
