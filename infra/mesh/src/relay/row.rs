//! Rows of the outbox on their way.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bytea, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;

use crate::{
    db::{Db, Keep as _, Tx},
    events,
    failure::Failure,
    ids::{EventId, WorkspaceId},
};

/// Rows in one go.
pub(super) const BATCH: usize = 500;

/// A row on its way.
#[derive(Debug, Clone, QueryableByName)]
pub struct Row {
    /// Its place in the outbox.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: WorkspaceId,
    /// The shard.
    #[diesel(sql_type = SmallInt)]
    pub shard: i16,
    /// The event.
    #[diesel(sql_type = SqlUuid)]
    pub event_id: EventId,
    /// Its kind.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its object's version.
    #[diesel(sql_type = BigInt)]
    pub object_version: i64,
    /// The message.
    #[diesel(sql_type = Bytea)]
    pub payload: Vec<u8>,
    /// W3C trace context; may be empty.
    #[diesel(sql_type = Text)]
    pub traceparent: String,
}

/// Rows to look for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// Without a number for clients.
    Unnumbered,
    /// Numbered, not in Redis yet.
    Numbered,
    /// Not in Redis yet, where nothing is numbered.
    Unpublished,
    /// In Redis for half a minute, and not confirmed by all.
    Unconfirmed,
}

impl Which {
    fn sql(self) -> &'static str {
        match self {
            Self::Unnumbered => "sequenced_at IS NULL",
            Self::Numbered => "published_at IS NULL AND sequenced_at IS NOT NULL",
            Self::Unpublished => "published_at IS NULL",
            Self::Unconfirmed => {
                "acked_at IS NULL AND published_at < (SELECT clock_timestamp() - interval '30 seconds')"
            }
        }
    }
}

/// The first batch of such rows, in the order of the outbox.
pub(super) async fn waiting(
    db: &Db,
    which: Which,
    shards: &[i16],
    without: &[WorkspaceId],
) -> Result<Vec<Row>, Failure> {
    let sql = format!(
        "SELECT id, workspace_id, shard, event_id, kind, object_version, payload, traceparent FROM outbox \
         WHERE {} AND shard = ANY ($1) AND workspace_id <> ALL ($2) ORDER BY id LIMIT {BATCH}",
        which.sql()
    );
    db.single(async |tx: &mut Tx| {
        Ok(diesel::sql_query(&sql)
            .bind::<Array<SmallInt>, _>(shards)
            .bind::<Array<SqlUuid>, _>(without)
            .kept()
            .load::<Row>(tx)
            .await?)
    })
    .await
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Which of these rows have no number yet; they stay locked until the transaction ends.
pub(super) async fn unnumbered_of(tx: &mut Tx, rows: &[Row]) -> Result<Vec<i64>, Failure> {
    let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let sql = "SELECT id FROM outbox WHERE id = ANY ($1) AND sequenced_at IS NULL ORDER BY id FOR NO KEY UPDATE";
    let fresh: Vec<Id> = diesel::sql_query(sql).bind::<Array<BigInt>, _>(ids).kept().load(tx).await?;
    Ok(fresh.into_iter().map(|row| row.id).collect())
}

/// Notes that rows have their numbers.
pub(super) async fn mark_numbered(tx: &mut Tx, ids: &[i64]) -> Result<(), Failure> {
    diesel::sql_query("UPDATE outbox SET sequenced_at = clock_timestamp() WHERE id = ANY ($1)")
        .bind::<Array<BigInt>, _>(ids)
        .kept()
        .execute(tx)
        .await?;
    Ok(())
}

// Locked in the order of the outbox, as confirmations lock them.
const MARK: &str = "
WITH moved AS (SELECT id FROM outbox WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE)
UPDATE outbox o SET published_at = clock_timestamp(),
    acked_at = CASE WHEN o.id = ANY ($2) THEN clock_timestamp() ELSE o.acked_at END FROM moved WHERE o.id = moved.id";

/// Notes that rows are in Redis. An event that nobody consumes is done by that.
pub(super) async fn mark(db: &Db, rows: &[Row]) -> Result<(), Failure> {
    let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let done: Vec<i64> = rows.iter().filter(|r| events::consumers(&r.kind).is_empty()).map(|r| r.id).collect();
    db.single(async |tx: &mut Tx| {
        diesel::sql_query(MARK)
            .bind::<Array<BigInt>, _>(&ids)
            .bind::<Array<BigInt>, _>(&done)
            .kept()
            .execute(tx)
            .await?;
        Ok(())
    })
    .await
}

/// Removes a batch of rows that were confirmed more than 8 days ago; how many.
pub(super) async fn forget(db: &Db, shards: &[i16]) -> Result<usize, Failure> {
    let sql = format!(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE shard = ANY ($1) \
         AND acked_at < (SELECT clock_timestamp() - interval '8 days') LIMIT {BATCH})"
    );
    db.single(async |tx: &mut Tx| {
        Ok(diesel::sql_query(&sql).bind::<Array<SmallInt>, _>(shards).kept().execute(tx).await?)
    })
    .await
}
