//! Rows of the outbox on their way.

use std::collections::HashSet;

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Bytea, SmallInt, Text, Uuid as SqlUuid},
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
    /// Whether it is in Redis.
    #[diesel(sql_type = Bool)]
    pub published: bool,
}

/// Rows to look for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// Without a number for clients.
    Unnumbered,
    /// Not in Redis yet.
    Unpublished,
    /// In Redis for half a minute, and not confirmed by all.
    Unconfirmed,
}

impl Which {
    fn sql(self) -> &'static str {
        match self {
            Self::Unnumbered => "sequenced_at IS NULL",
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
        "SELECT id, workspace_id, shard, event_id, kind, object_version, payload, traceparent, \
         published_at IS NOT NULL AS published FROM outbox \
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

// Locked in the order of the outbox, as confirmations lock them; what another writer numbered meanwhile is not fresh.
const MARK: &str = "
WITH locked AS MATERIALIZED (
    SELECT id, sequenced_at IS NULL AND id = ANY ($2) AS fresh FROM outbox WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
), noted AS (
    UPDATE outbox SET sequenced_at = CASE WHEN id = ANY ($2) THEN coalesce(sequenced_at, clock_timestamp()) ELSE sequenced_at END,
        published_at = CASE WHEN id = ANY ($3) THEN clock_timestamp() ELSE published_at END,
        acked_at = CASE WHEN id = ANY ($4) THEN clock_timestamp() ELSE acked_at END
    WHERE id = ANY (ARRAY(SELECT id FROM locked))
)
SELECT id FROM locked WHERE fresh";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// What is noted of rows.
#[derive(Debug, Default)]
pub(super) struct Marks {
    numbered: Vec<i64>,
    published: Vec<i64>,
    done: Vec<i64>,
}

impl Marks {
    pub(super) fn numbered(&mut self, row: &Row) {
        self.numbered.push(row.id);
    }

    /// An event that nobody consumes is done.
    pub(super) fn published(&mut self, row: &Row) {
        self.published.push(row.id);
        if events::consumers(&row.kind).is_empty() {
            self.done.push(row.id);
        }
    }

    /// Writes them, each row once; which rows had no number so far. They stay locked until the transaction ends.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<HashSet<i64>, Failure> {
        let mut all = [self.numbered.as_slice(), &self.published].concat();
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return Ok(HashSet::new());
        }
        let fresh: Vec<Id> = diesel::sql_query(MARK)
            .bind::<Array<BigInt>, _>(&all)
            .bind::<Array<BigInt>, _>(&self.numbered)
            .bind::<Array<BigInt>, _>(&self.published)
            .bind::<Array<BigInt>, _>(&self.done)
            .kept()
            .load(tx)
            .await?;
        Ok(fresh.into_iter().map(|row| row.id).collect())
    }
}

/// Notes that rows are in Redis.
pub(super) async fn mark_published(db: &Db, rows: &[Row]) -> Result<(), Failure> {
    let mut marks = Marks::default();
    rows.iter().for_each(|row| marks.published(row));
    db.single(async |tx: &mut Tx| marks.write(tx).await.map(drop)).await
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
