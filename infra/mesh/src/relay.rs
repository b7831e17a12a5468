//! The relay: outbox rows into Redis Streams, in the order of the outbox, one writer per shard.
//!
//! A session advisory lock per shard, on a connection of the relay's own, says who writes; it falls with the process. A
//! row is marked after Redis took it: dying in between publishes it twice, and consumers apply it once. The relay never
//! walks by `id > last`: a lower id may commit later.

use std::{sync::Arc, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Bytea, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use futures::future::BoxFuture;

use crate::{
    db::{Db, Tx},
    events,
    failure::Failure,
    ids::{EventId, WorkspaceId},
    redis::Redis,
    shutdown::Shutdown,
};

/// The net under the wake-up.
const POLL: Duration = Duration::from_millis(250);
/// Rows in one go.
const BATCH: i64 = 500;
/// Entries kept in a stream; Redis is only transport.
const STREAM_MOST: usize = 20_000;
/// What nobody confirmed is published again after this long.
const AGAIN_AFTER: &str = "30 seconds";
/// Confirmed rows are kept this long, for replays.
const KEPT: &str = "8 days";

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

/// Gives rows their numbers for clients before they are published (svc-chats).
pub trait Sequencer: Send + Sync {
    /// Numbers rows of one workspace, in their order, in the given transaction.
    fn sequence<'a>(
        &'a self,
        tx: &'a mut Tx,
        workspace: WorkspaceId,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Called after the numbers of a workspace were committed.
    fn committed(&self, workspace: WorkspaceId);
}

/// The relay of one service.
pub struct Relay {
    db: Db,
    redis: Redis,
    service: &'static str,
    sequencer: Option<Arc<dyn Sequencer>>,
}

impl Relay {
    /// Of a service, such as `svc-billing`.
    #[must_use]
    pub fn new(db: Db, redis: Redis, service: &'static str, sequencer: Option<Arc<dyn Sequencer>>) -> Self {
        Self { db, redis, service, sequencer }
    }

    /// Works until shutdown, through every outage.
    pub async fn run(self, shutdown: Shutdown) {
        let woken = self.db.events();
        let mut swept = tokio::time::Instant::now();
        loop {
            if let Some(mut lock) = self.locked().await {
                // As long as the lock's connection lives, this process is the writer.
                while !shutdown.begun() && lock.holds().await {
                    match self.pass().await {
                        Ok(moved) if moved > 0 => continue,
                        Ok(_) => {}
                        Err(error) => {
                            tracing::warn!(error = &error as &dyn std::error::Error, "events of {} wait", self.service);
                            tokio::time::sleep(POLL).await;
                        }
                    }
                    if swept.elapsed() > Duration::from_secs(10) {
                        swept = tokio::time::Instant::now();
                        if let Err(error) = self.sweep().await {
                            tracing::warn!(error = &error as &dyn std::error::Error, "the outbox was not swept");
                        }
                    }
                    tokio::select! {
                        () = woken.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                        () = shutdown.wait() => {}
                    }
                }
            }
            if !shutdown.sleep(Duration::from_millis(500)).await {
                return;
            }
        }
    }

    /// The writer's lock: none where another process has it.
    async fn locked(&self) -> Option<Lock> {
        let mut connection = AsyncPgConnection::establish(self.db.url().expose()).await.ok()?;
        #[derive(QueryableByName)]
        struct Got {
            #[diesel(sql_type = Bool)]
            got: bool,
        }
        let row: Got = diesel::sql_query(
            "SELECT pg_try_advisory_lock(hashtext('neipix.relay'), hashtext(current_schema())) AS got",
        )
        .get_result(&mut connection)
        .await
        .ok()?;
        row.got.then_some(Lock { connection, seen: tokio::time::Instant::now() })
    }

    /// Moves one batch; how many rows it was.
    async fn pass(&self) -> Result<usize, Failure> {
        if let Some(sequencer) = &self.sequencer {
            self.number(sequencer.as_ref()).await?;
        }
        let rows = self.waiting("published_at IS NULL", self.sequencer.is_some()).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        self.publish(&rows).await?;
        crate::crash::point("relay.published").await?;
        self.mark(&rows).await?;
        Ok(rows.len())
    }

    async fn waiting(&self, which: &str, sequenced: bool) -> Result<Vec<Row>, Failure> {
        let numbered = if sequenced { "AND sequenced_at IS NOT NULL" } else { "" };
        let sql = format!(
            "SELECT id, workspace_id, shard, event_id, kind, object_version, payload, traceparent FROM outbox \
             WHERE {which} {numbered} ORDER BY id LIMIT {BATCH}"
        );
        self.db
            .platform("relay.read", async |tx: &mut Tx| {
                Ok::<_, Failure>(diesel::sql_query(&sql).load::<Row>(tx).await?)
            })
            .await
    }

    /// Numbers what has none yet, workspace by workspace, each in its own transaction and tenant context.
    async fn number(&self, sequencer: &dyn Sequencer) -> Result<(), Failure> {
        let rows = self.waiting("sequenced_at IS NULL", false).await?;
        let mut by_workspace: Vec<(WorkspaceId, Vec<Row>)> = vec![];
        for row in rows {
            match by_workspace.iter_mut().find(|(ws, _)| *ws == row.workspace_id) {
                Some((_, list)) => list.push(row),
                None => by_workspace.push((row.workspace_id, vec![row])),
            }
        }
        for (workspace, rows) in by_workspace {
            let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
            self.db
                .in_workspace_id(workspace, "relay.sequence", async |tx: &mut Tx| {
                    sequencer.sequence(tx, workspace, &rows).await?;
                    diesel::sql_query("UPDATE outbox SET sequenced_at = clock_timestamp() WHERE id = ANY ($1)")
                        .bind::<Array<BigInt>, _>(&ids)
                        .execute(tx)
                        .await?;
                    Ok::<_, Failure>(())
                })
                .await?;
            sequencer.committed(workspace);
        }
        Ok(())
    }

    async fn publish(&self, rows: &[Row]) -> Result<(), Failure> {
        let mut pipe = ::redis::pipe();
        for row in rows {
            let shard = u8::try_from(row.shard).unwrap_or(0);
            pipe.cmd("XADD")
                .arg(events::stream(self.service, shard))
                .arg("MAXLEN")
                .arg("~")
                .arg(STREAM_MOST)
                .arg("*")
                .arg(&[("id", row.event_id.to_string()), ("ws", row.workspace_id.to_string()), ("k", row.kind.clone())])
                .arg(&[("o", row.id), ("v", row.object_version)])
                .arg("p")
                .arg(&row.payload)
                .arg("t")
                .arg(&row.traceparent)
                .ignore();
        }
        let mut connection = self.redis.connection().await?;
        pipe.query_async::<()>(&mut connection).await.map_err(|e| Failure::from(crate::redis::RedisError::from(e)))
    }

    /// An event that nobody consumes is done when it is published.
    async fn mark(&self, rows: &[Row]) -> Result<(), Failure> {
        let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
        let done: Vec<i64> = rows.iter().filter(|r| events::consumers(&r.kind).is_empty()).map(|r| r.id).collect();
        self.db
            .platform("relay.mark", async |tx: &mut Tx| {
                diesel::sql_query(
                    "UPDATE outbox SET published_at = clock_timestamp(), \
                     acked_at = CASE WHEN id = ANY ($2) THEN clock_timestamp() ELSE acked_at END WHERE id = ANY ($1)",
                )
                .bind::<Array<BigInt>, _>(&ids)
                .bind::<Array<BigInt>, _>(&done)
                .execute(tx)
                .await?;
                Ok::<_, Failure>(())
            })
            .await
    }

    /// Publishes again what was not confirmed, and forgets what was confirmed long ago.
    async fn sweep(&self) -> Result<(), Failure> {
        let again = format!("acked_at IS NULL AND published_at < clock_timestamp() - interval '{AGAIN_AFTER}'");
        let rows = self.waiting(&again, false).await?;
        if !rows.is_empty() {
            self.publish(&rows).await?;
            self.mark(&rows).await?;
        }
        self.db
            .platform("relay.sweep", async |tx: &mut Tx| {
                diesel::sql_query(format!(
                    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE acked_at < clock_timestamp() - \
                     interval '{KEPT}' LIMIT 1000)"
                ))
                .execute(tx)
                .await?;
                // Row security shows the platform's records here; a workspace's own are replaced when their key comes again.
                diesel::sql_query("DELETE FROM idempotency_record WHERE expires_at < clock_timestamp()")
                    .execute(tx)
                    .await?;
                Ok::<_, Failure>(())
            })
            .await
    }
}

/// The writer's lock, held as long as its connection lives.
struct Lock {
    connection: AsyncPgConnection,
    seen: tokio::time::Instant,
}

impl Lock {
    /// Asks the connection once a second whether it still lives: Postgres drops the lock with it.
    async fn holds(&mut self) -> bool {
        if self.seen.elapsed() < Duration::from_secs(1) {
            return true;
        }
        self.seen = tokio::time::Instant::now();
        let asked =
            tokio::time::timeout(Duration::from_secs(2), diesel::sql_query("SELECT 1").execute(&mut self.connection));
        matches!(asked.await, Ok(Ok(_)))
    }
}
