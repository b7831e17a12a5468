//! The relay: outbox rows into Redis Streams, in the order of the outbox, one writer per shard.
//!
//! What no service consumes has nobody to go to: it is done when it is looked at, and stays in the outbox as long as others.
//!
//! A session advisory lock per shard, on a connection of the relay's own, says who writes; it falls with the process. A
//! row is marked after Redis took it: dying in between publishes it twice, and consumers apply it once. The relay never
//! walks by `id > last`: a lower id may commit later.

mod desk;
mod row;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use tokio::time::Instant;

pub use self::row::Row;
use self::{
    desk::Desk,
    row::{BATCH, Marks, Which},
};
use crate::{
    db::{Db, Tx},
    events,
    failure::Failure,
    ids::WorkspaceId,
    redis::Redis,
    shutdown::Shutdown,
};

/// The net under the wake-up.
const POLL: Duration = Duration::from_millis(250);
/// Passes that move something are at least so far apart: the first event of a calm goes at once, those behind it together.
const GATHER: Duration = Duration::from_millis(50);
/// Entries kept in a stream; Redis is only transport.
const STREAM_MOST: usize = 20_000;
/// How often unconfirmed rows are looked for; sooner where there were more than one batch of them.
const SWEEP: Duration = Duration::from_secs(5);
/// Workspaces whose events are numbered at once.
const NUMBERED_AT_ONCE: usize = 4;
/// A workspace whose events could not be numbered is left alone this long, so that it does not hold up the others.
const TROUBLE: Duration = Duration::from_secs(1);

/// Gives rows their numbers for clients before they are published (svc-chats).
pub trait Sequencer: Send + Sync {
    /// Numbers rows in the given transaction, each workspace's in their order, as the last thing that it does. Each row comes
    /// once, whoever writes.
    fn sequence<'a>(&'a self, tx: &'a mut Tx, rows: &'a [Row]) -> BoxFuture<'a, Result<(), Failure>>;

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

/// What the relay remembers between passes.
struct Memory {
    sweep_at: Instant,
    trouble: HashMap<WorkspaceId, Instant>,
    /// Rows may be there that have their number and are not in Redis.
    behind: bool,
}

impl Relay {
    /// Of a service, such as `svc-billing`.
    #[must_use]
    pub fn new(db: Db, redis: Redis, service: &'static str, sequencer: Option<Arc<dyn Sequencer>>) -> Self {
        Self { db, redis, service, sequencer }
    }

    /// Works until shutdown, through every outage.
    pub async fn run(self, shutdown: Shutdown) {
        let mut memory = Memory { sweep_at: Instant::now() + SWEEP, trouble: HashMap::new(), behind: true };
        loop {
            let worked = async { self.serve(Desk::open(&self.db).await?, &mut memory, &shutdown).await };
            if let Err(error) = worked.await {
                tracing::warn!(error = &error as &dyn std::error::Error, "events of {} wait", self.service);
            }
            if !shutdown.sleep(Duration::from_millis(500)).await {
                return;
            }
        }
    }

    /// Works while the desk's connection lives: it holds the locks.
    async fn serve(&self, mut desk: Desk, memory: &mut Memory, shutdown: &Shutdown) -> Result<(), Failure> {
        let woken = self.db.events();
        while !shutdown.begun() {
            let had = desk.shards().len();
            desk.refresh().await?;
            // Whoever wrote a shard before may have numbered rows that Redis did not take.
            memory.behind |= desk.shards().len() > had;
            let began = Instant::now();
            let moved = if desk.shards().is_empty() { Ok(0) } else { self.pass(desk.shards(), memory).await };
            desk.ring().await?;
            let pause = match moved {
                Ok(moved) if moved >= BATCH => continue,
                Ok(moved) if moved > 0 => {
                    shutdown.sleep(GATHER.saturating_sub(began.elapsed())).await;
                    if woken.notified().now_or_never().is_some() {
                        desk.committed();
                    }
                    continue;
                }
                Ok(_) => desk.next_ring().unwrap_or(POLL),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "events of {} wait", self.service);
                    shutdown.sleep(POLL).await;
                    continue;
                }
            };
            tokio::select! {
                () = woken.notified() => desk.committed(),
                heard = desk.heard() => heard?,
                () = tokio::time::sleep(pause) => {}
                () = shutdown.wait() => {}
            }
        }
        Ok(())
    }

    /// Moves one batch of these shards; how many rows it was.
    async fn pass(&self, shards: &[i16], memory: &mut Memory) -> Result<usize, Failure> {
        let numbered = match &self.sequencer {
            Some(sequencer) => Some(self.number(sequencer.as_ref(), shards, memory).await?),
            None => None,
        };
        let mut moved = numbered.unwrap_or(0);
        // What is numbered was published before, but for what Redis did not take.
        if numbered.is_none() || memory.behind {
            let rows = row::waiting(&self.db, Which::Unpublished, shards, &[]).await?;
            if !rows.is_empty() {
                self.publish(&rows).await?;
                crate::crash::point("relay.published").await?;
                row::mark_published(&self.db, &rows).await?;
            }
            memory.behind = rows.len() >= BATCH;
            moved = moved.max(rows.len());
        }
        if Instant::now() >= memory.sweep_at {
            let again = self.sweep(shards).await?;
            memory.sweep_at = Instant::now() + if again { Duration::from_secs(1) } else { SWEEP };
            memory.behind = true;
        }
        Ok(moved)
    }

    /// Publishes and numbers what has no number yet; how many rows were looked at. Publishing comes first, so that one write
    /// notes both; without Redis the numbers go on alone, for clients read them in the table.
    async fn number(&self, sequencer: &dyn Sequencer, shards: &[i16], memory: &mut Memory) -> Result<usize, Failure> {
        memory.trouble.retain(|_, since| since.elapsed() < TROUBLE);
        let left_alone: Vec<WorkspaceId> = memory.trouble.keys().copied().collect();
        let rows = row::waiting(&self.db, Which::Unnumbered, shards, &left_alone).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let read = rows.len();
        let (there, new): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.published);
        let mut published = HashSet::new();
        // Redis that is away is asked behind the numbers, where nobody waits for it.
        if !memory.behind {
            match self.publish(&new).await {
                Ok(()) => published.extend(new.iter().map(|row| row.id)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "events of {} wait", self.service);
                    memory.behind = true;
                }
            }
            crate::crash::point("relay.published").await?;
        }
        let mut by_workspace: BTreeMap<WorkspaceId, Vec<Row>> = BTreeMap::new();
        for row in there.into_iter().chain(new) {
            by_workspace.entry(row.workspace_id).or_default().push(row);
        }
        by_workspace.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| row.id));
        if by_workspace.len() > 1 && self.number_together(sequencer, &by_workspace, &published).await.is_ok() {
            by_workspace.keys().for_each(|workspace| sequencer.committed(*workspace));
            return Ok(read);
        }
        let published = &published;
        let work = by_workspace.into_iter().map(|(workspace, rows)| async move {
            let numbered = self.number_one(sequencer, workspace, &rows, published).await;
            (workspace, rows, numbered)
        });
        let mut results = futures::stream::iter(work).buffer_unordered(NUMBERED_AT_ONCE);
        while let Some((workspace, rows, result)) = results.next().await {
            let Err(error) = result else {
                sequencer.committed(workspace);
                continue;
            };
            tracing::error!(
                error = &error as &dyn std::error::Error,
                workspace.id = %workspace,
                "events of workspace {workspace} were not numbered"
            );
            memory.trouble.insert(workspace, Instant::now());
            // They are not published again with each try.
            let rows: Vec<Row> = rows.into_iter().filter(|row| published.contains(&row.id)).collect();
            row::mark_published(&self.db, &rows).await?;
        }
        Ok(read)
    }

    /// The same for many workspaces in one transaction, which is all or nothing: one in trouble makes each go alone.
    async fn number_together(
        &self,
        sequencer: &dyn Sequencer,
        by_workspace: &BTreeMap<WorkspaceId, Vec<Row>>,
        published: &HashSet<i64>,
    ) -> Result<(), Failure> {
        let all: Vec<Row> = by_workspace.values().flatten().cloned().collect();
        self.db
            .platform("relay.sequence_together", async |tx: &mut Tx| {
                // A writer whose lock fell may still be at it: what it numbered is not numbered again.
                let fresh = marks(&all, published).write(tx).await?;
                let unnumbered: Vec<Row> = all.iter().filter(|r| fresh.contains(&r.id)).cloned().collect();
                sequencer.sequence(tx, &unnumbered).await
            })
            .await
    }

    async fn number_one(
        &self,
        sequencer: &dyn Sequencer,
        ws: WorkspaceId,
        rows: &[Row],
        published: &HashSet<i64>,
    ) -> Result<(), Failure> {
        self.db
            .in_workspace_id(ws, "relay.sequence", async |tx: &mut Tx| {
                let fresh = marks(rows, published).write(tx).await?;
                let unnumbered: Vec<Row> = rows.iter().filter(|r| fresh.contains(&r.id)).cloned().collect();
                sequencer.sequence(tx, &unnumbered).await
            })
            .await
    }

    /// Puts into Redis what somebody consumes.
    async fn publish(&self, rows: &[Row]) -> Result<(), Failure> {
        let mut pipe = ::redis::pipe();
        for row in rows.iter().filter(|row| !events::consumers(&row.kind).is_empty()) {
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
        if pipe.is_empty() {
            return Ok(());
        }
        let mut connection = self.redis.connection().await?;
        pipe.query_async::<()>(&mut connection).await.map_err(|e| Failure::from(crate::redis::RedisError::from(e)))?;
        metrics::counter!("neipix_events_published_total", "service" => self.service).increment(pipe.len() as u64);
        Ok(())
    }

    /// Publishes again what was not confirmed, and forgets what was confirmed long ago; true = there is more of it.
    async fn sweep(&self, shards: &[i16]) -> Result<bool, Failure> {
        let rows = row::waiting(&self.db, Which::Unconfirmed, shards, &[]).await?;
        if !rows.is_empty() {
            metrics::counter!("neipix_events_republished_total", "service" => self.service)
                .increment(rows.len() as u64);
            self.publish(&rows).await?;
            row::mark_published(&self.db, &rows).await?;
        }
        let forgotten = row::forget(&self.db, shards).await?;
        Ok(rows.len() >= BATCH || forgotten >= BATCH)
    }
}

/// What is to be noted of rows that get their numbers now, and of those that were published.
fn marks(rows: &[Row], published: &HashSet<i64>) -> Marks {
    let mut marks = Marks::default();
    for row in rows {
        marks.numbered(row);
        if published.contains(&row.id) {
            marks.published(row);
        }
    }
    marks
}
