//! The relay's own connection: the locks of its shards, and the bell between processes.
//!
//! The locks are the connection's: Postgres drops them with it, so a writer that died is followed within a second or two.

use std::{pin::pin, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{Array, Integer, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use futures::StreamExt as _;
use tokio::time::Instant;

use crate::{db::Db, events::SHARDS, failure::Failure};

/// How often missing locks are tried and the connection is asked whether it lives.
const REFRESH: Duration = Duration::from_secs(1);
/// A connection that takes longer is dead.
const WITHIN: Duration = Duration::from_secs(2);
/// One ring of the bell covers all commits of this time.
const RING: Duration = Duration::from_millis(10);

#[derive(QueryableByName)]
struct Schema {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Got {
    #[diesel(sql_type = Integer)]
    shard: i32,
}

pub(super) struct Desk {
    connection: AsyncPgConnection,
    bell: String,
    shards: Vec<i16>,
    refreshed: Option<Instant>,
    rung: Instant,
    to_ring: bool,
}

impl Desk {
    /// A connection that holds no lock yet and hears the bell.
    pub(super) async fn open(db: &Db) -> Result<Self, Failure> {
        let opened = async {
            let mut connection = AsyncPgConnection::establish(db.url().expose()).await.map_err(gone)?;
            let schema: Schema = diesel::sql_query("SELECT coalesce(current_schema(), '')::text AS name")
                .get_result(&mut connection)
                .await?;
            let bell = format!("neipix_outbox_{}", schema.name);
            diesel::sql_query(format!("LISTEN {bell}")).execute(&mut connection).await?;
            Ok(Self { connection, bell, shards: vec![], refreshed: None, rung: Instant::now(), to_ring: false })
        };
        tokio::time::timeout(WITHIN, opened).await.map_err(gone)?
    }

    /// The shards that this process writes.
    pub(super) fn shards(&self) -> &[i16] {
        &self.shards
    }

    /// Once a second takes the locks that are free, which also proves that the connection, and so each lock, lives.
    pub(super) async fn refresh(&mut self) -> Result<(), Failure> {
        if self.refreshed.is_some_and(|at| at.elapsed() < REFRESH) {
            return Ok(());
        }
        let missing: Vec<i32> = (0..i32::from(SHARDS)).filter(|s| !self.holds(*s)).collect();
        let asked = diesel::sql_query(
            "SELECT shard FROM unnest($1::int[]) AS s (shard) \
             WHERE pg_try_advisory_lock(hashtext('neipix.relay.' || current_schema()), shard)",
        )
        .bind::<Array<Integer>, _>(missing)
        .load::<Got>(&mut self.connection);
        let got = tokio::time::timeout(WITHIN, asked).await.map_err(gone)??;
        self.shards.extend(got.iter().filter_map(|g| i16::try_from(g.shard).ok()));
        self.refreshed = Some(Instant::now());
        Ok(())
    }

    fn holds(&self, shard: i32) -> bool {
        self.shards.iter().any(|s| i32::from(*s) == shard)
    }

    /// Some shards are written by another process.
    fn is_shared(&self) -> bool {
        self.shards.len() < usize::from(SHARDS)
    }

    /// This process committed events: where others write some of the shards, they are to hear of it.
    pub(super) fn committed(&mut self) {
        self.to_ring = self.is_shared();
    }

    /// Rings for the others, at most once in ten milliseconds; never inside a business transaction.
    pub(super) async fn ring(&mut self) -> Result<(), Failure> {
        if !self.to_ring || self.rung.elapsed() < RING {
            return Ok(());
        }
        let sql = format!("NOTIFY {}", self.bell);
        tokio::time::timeout(WITHIN, diesel::sql_query(sql).execute(&mut self.connection)).await.map_err(gone)??;
        (self.to_ring, self.rung) = (false, Instant::now());
        Ok(())
    }

    /// How long until the next ring is allowed; none = nothing to ring for.
    pub(super) fn next_ring(&self) -> Option<Duration> {
        self.to_ring.then(|| RING.saturating_sub(self.rung.elapsed()))
    }

    /// Waits for another process's bell.
    pub(super) async fn heard(&mut self) -> Result<(), Failure> {
        let mut bell = pin!(self.connection.notifications_stream());
        match bell.next().await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
            None => Err(Failure::unavailable("the relay's connection ended")),
        }
    }
}

fn gone(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::unavailable("the relay's connection does not answer").with_source(error)
}
