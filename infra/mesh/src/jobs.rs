//! Durable jobs: committed with what needs them, run at least once, by one worker at a time.
//!
//! A lease runs by the database's clock and carries an epoch; a worker that slept through its lease finishes nothing. Every
//! handler must be harmless to repeat. After the last attempt a job stays as a dead row for a person.

use std::{collections::HashMap, sync::Arc, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Float8, Integer, Jsonb, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::Semaphore;

use crate::{
    db::{Db, Tx, queued_job},
    failure::Failure,
    ids::WorkspaceId,
    shutdown::Shutdown,
    tasks::Tasks,
};

/// The net under the wake-up.
const POLL: Duration = Duration::from_millis(500);

/// When a job may run, by the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAt {
    /// At once.
    Now,
    /// After that long.
    In(Duration),
}

/// A job to queue.
#[derive(Debug, Clone)]
pub struct Job {
    /// The tenant; the nil UUID for platform work.
    pub workspace: WorkspaceId,
    /// What to do, such as `file.extract`.
    pub kind: &'static str,
    /// Unique among all jobs of the service; a second one with the same key is the same job.
    pub key: String,
    /// Ids only.
    pub payload: serde_json::Value,
    /// Not before.
    pub run_at: RunAt,
}

fn seconds(at: RunAt) -> f64 {
    match at {
        RunAt::Now => 0.0,
        RunAt::In(time) => time.as_secs_f64(),
    }
}

/// Queues a job in the caller's transaction. Where its key exists already, that job stays, and only its time moves.
///
/// # Errors
/// Storage.
pub async fn enqueue(tx: &mut Tx, job: Job) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO job (workspace_id, kind, key, payload, run_at) \
         VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) \
         ON CONFLICT (key) DO UPDATE SET run_at = excluded.run_at, dead_at = NULL, attempts = 0",
    )
    .bind::<SqlUuid, _>(job.workspace)
    .bind::<Text, _>(job.kind)
    .bind::<Text, _>(&job.key)
    .bind::<Jsonb, _>(&job.payload)
    .bind::<Float8, _>(seconds(job.run_at))
    .execute(tx)
    .await?;
    if job.run_at == RunAt::Now {
        queued_job();
    }
    Ok(())
}

/// Removes a job in the caller's transaction: what it was for is done.
///
/// # Errors
/// Storage.
pub async fn finish(tx: &mut Tx, key: &str) -> Result<(), Failure> {
    diesel::sql_query("DELETE FROM job WHERE key = $1").bind::<Text, _>(key).execute(tx).await?;
    Ok(())
}

/// How a handler ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// The job is done and its row goes.
    Done,
    /// Again after that long; not a failed attempt.
    Again(Duration),
}

/// A job in a worker's hands.
#[derive(Debug, Clone, QueryableByName)]
pub struct JobRun {
    /// Its row.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: WorkspaceId,
    /// What to do.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Ids.
    #[diesel(sql_type = Jsonb)]
    pub payload: serde_json::Value,
    /// This attempt, from 1.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// The lease's epoch.
    #[diesel(sql_type = BigInt)]
    pub lease_epoch: i64,
}

impl JobRun {
    /// A text of the payload; empty = absent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.payload.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
    }
}

/// How jobs of a kind are run.
#[derive(Debug, Clone, Copy)]
pub struct JobPolicy {
    /// Failed attempts before the job is dead.
    pub attempts_max: i32,
    /// How long a worker has it; renewed while it works.
    pub lease: Duration,
    /// Pause after the first failed attempt; doubled for each further one.
    pub backoff: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// How many at once in this process.
    pub at_once: usize,
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 10,
            lease: Duration::from_secs(30),
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(300),
            at_once: 4,
        }
    }
}

type Handler = Arc<dyn Fn(JobRun) -> BoxFuture<'static, Result<JobEnd, Failure>> + Send + Sync>;

/// The workers of one service.
pub struct Jobs {
    db: Db,
    owner: String,
    kinds: HashMap<&'static str, (JobPolicy, Handler)>,
}

impl Jobs {
    /// None yet; `owner` names this process in the leases.
    #[must_use]
    pub fn new(db: Db, owner: &str) -> Self {
        Self { db, owner: format!("{owner}-{}", std::process::id()), kinds: HashMap::new() }
    }

    /// Runs jobs of a kind.
    #[must_use]
    pub fn on<F, Fut>(mut self, kind: &'static str, policy: JobPolicy, handler: F) -> Self
    where
        F: Fn(JobRun) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<JobEnd, Failure>> + Send + 'static,
    {
        self.kinds.insert(kind, (policy, Arc::new(move |run| handler(run).boxed())));
        self
    }

    /// Works until shutdown; running jobs finish within the process's drain.
    pub async fn run(self, tasks: Tasks, shutdown: Shutdown) {
        let this = Arc::new(self);
        let loops = this.kinds.keys().map(|kind| this.clone().work(kind, tasks.clone(), shutdown.clone()));
        futures::future::join_all(loops.collect::<Vec<_>>()).await;
    }

    async fn work(self: Arc<Self>, kind: &'static str, tasks: Tasks, shutdown: Shutdown) {
        let Some((policy, handler)) = self.kinds.get(kind).cloned() else { return };
        let places = Arc::new(Semaphore::new(policy.at_once));
        let woken = self.db.jobs();
        while !shutdown.begun() {
            let free = places.available_permits();
            let runs = if free == 0 { vec![] } else { self.claim(kind, &policy, free).await };
            let full = runs.len() == free && free > 0;
            for run in runs {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let (this, handler) = (self.clone(), handler.clone());
                tasks.spawn("job", async move {
                    this.attempt(run, policy, handler).await;
                    drop(place);
                });
            }
            if full {
                continue;
            }
            tokio::select! {
                () = woken.notified() => {
                    // One wake-up for all kinds of a service: pass it on.
                    woken.notify_one();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    if places.available_permits() == 0 { tokio::time::sleep(Duration::from_millis(20)).await; }
                    self.quiet(&woken).await;
                }
                () = tokio::time::sleep(POLL) => {}
                () = shutdown.wait() => {}
            }
        }
    }

    /// Takes back a wake-up that was passed on, once every kind has had the time to see it.
    async fn quiet(&self, woken: &tokio::sync::Notify) {
        let _ = tokio::time::timeout(Duration::from_millis(10), woken.notified()).await;
    }

    async fn claim(&self, kind: &'static str, policy: &JobPolicy, most: usize) -> Vec<JobRun> {
        let claimed = self
            .db
            .platform("jobs.claim", async |tx: &mut Tx| {
                let rows = diesel::sql_query(
                    "WITH due AS (SELECT id FROM job WHERE kind = $1 AND dead_at IS NULL AND run_at <= clock_timestamp() \
                     AND (lease_until IS NULL OR lease_until < clock_timestamp()) ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
                     UPDATE job SET lease_owner = $3, lease_epoch = lease_epoch + 1, attempts = attempts + 1, \
                     lease_until = clock_timestamp() + make_interval(secs => $4) FROM due WHERE job.id = due.id \
                     RETURNING job.id, workspace_id, kind, key, payload, attempts, lease_epoch",
                )
                .bind::<Text, _>(kind)
                .bind::<BigInt, _>(i64::try_from(most).unwrap_or(1))
                .bind::<Text, _>(&self.owner)
                .bind::<Float8, _>(policy.lease.as_secs_f64())
                .load::<JobRun>(tx)
                .await?;
                Ok::<_, Failure>(rows)
            })
            .await;
        claimed.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "jobs of {kind} wait");
            vec![]
        })
    }

    async fn attempt(&self, run: JobRun, policy: JobPolicy, handler: Handler) {
        let work = std::panic::AssertUnwindSafe(handler(run.clone())).catch_unwind();
        let mut beat = tokio::time::interval(policy.lease / 3);
        beat.tick().await;
        tokio::pin!(work);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                _ = beat.tick() => self.renew(&run, &policy).await,
            }
        };
        let ended = match result {
            Ok(Ok(JobEnd::Done)) => self.end(&run, "DELETE FROM job", "").await,
            Ok(Ok(JobEnd::Again(pause))) => {
                let set = format!(
                    "UPDATE job SET lease_until = NULL, attempts = 0, run_at = clock_timestamp() + make_interval(secs => {})",
                    pause.as_secs_f64()
                );
                self.end(&run, &set, "").await
            }
            Ok(Err(error)) => self.failed(&run, &policy, &error.to_string()).await,
            Err(_) => self.failed(&run, &policy, "panicked").await,
        };
        if let Err(error) = ended {
            tracing::warn!(error = &error as &dyn std::error::Error, job = run.key, "a job's end was not written");
        }
    }

    async fn renew(&self, run: &JobRun, policy: &JobPolicy) {
        let set = format!(
            "UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => {})",
            policy.lease.as_secs_f64()
        );
        if let Err(error) = self.end(run, &set, "").await {
            tracing::warn!(error = &error as &dyn std::error::Error, job = run.key, "a job's lease was not renewed");
        }
    }

    async fn failed(&self, run: &JobRun, policy: &JobPolicy, why: &str) -> Result<(), Failure> {
        if run.attempts >= policy.attempts_max {
            tracing::error!(job = run.key, why, "job {} is dead after {} attempts", run.key, run.attempts);
            return self
                .end(run, "UPDATE job SET lease_until = NULL, dead_at = clock_timestamp(), last_error = $3", why)
                .await;
        }
        tracing::warn!(job = run.key, why, "job {} failed, attempt {}", run.key, run.attempts);
        let pause = backoff(policy, run.attempts, rand::random::<u8>());
        let set = format!(
            "UPDATE job SET lease_until = NULL, last_error = $3, run_at = clock_timestamp() + make_interval(secs => {})",
            pause.as_secs_f64()
        );
        self.end(run, &set, why).await
    }

    /// Writes something of a job that this worker still has; nothing where the lease went to another.
    async fn end(&self, run: &JobRun, what: &str, why: &str) -> Result<(), Failure> {
        let sql = format!("{what} WHERE id = $1 AND lease_epoch = $2 AND ($3 = '' OR true)");
        let why: String = why.chars().take(500).collect();
        self.db
            .platform("jobs.end", async |tx: &mut Tx| {
                diesel::sql_query(&sql)
                    .bind::<BigInt, _>(run.id)
                    .bind::<BigInt, _>(run.lease_epoch)
                    .bind::<Text, _>(&why)
                    .execute(tx)
                    .await?;
                Ok::<_, Failure>(())
            })
            .await
    }
}

/// Doubling, with up to a quarter of jitter taken off.
fn backoff(policy: &JobPolicy, attempts: i32, random: u8) -> Duration {
    let doubled = policy.backoff.saturating_mul(1 << attempts.clamp(1, 20).saturating_sub(1));
    let most = doubled.min(policy.backoff_max);
    most.mul_f64(1.0 - f64::from(random) / 1_024.0)
}

/// A dead job, as staff see it.
#[derive(Debug, QueryableByName)]
pub struct DeadJob {
    /// Its row.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// What it was to do.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Why its last attempt failed.
    #[diesel(sql_type = Text)]
    pub last_error: String,
}

/// Dead jobs of a service, oldest first.
///
/// # Errors
/// Storage.
pub async fn dead(db: &Db, most: i64) -> Result<Vec<DeadJob>, Failure> {
    db.platform("jobs.dead", async |tx: &mut Tx| {
        let sql = "SELECT id, kind, key, last_error FROM job WHERE dead_at IS NOT NULL ORDER BY dead_at LIMIT $1";
        Ok::<_, Failure>(diesel::sql_query(sql).bind::<BigInt, _>(most).load(tx).await?)
    })
    .await
}

/// Gives dead jobs another life.
///
/// # Errors
/// Storage.
pub async fn revive(db: &Db, ids: &[i64]) -> Result<(), Failure> {
    db.platform("jobs.revive", async |tx: &mut Tx| {
        let sql = "UPDATE job SET dead_at = NULL, attempts = 0, run_at = clock_timestamp() WHERE id = ANY ($1)";
        diesel::sql_query(sql).bind::<Array<BigInt>, _>(ids).execute(tx).await?;
        queued_job();
        Ok::<_, Failure>(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_most() {
        let policy = JobPolicy::default();
        assert_eq!(backoff(&policy, 1, 0), Duration::from_secs(1));
        assert_eq!(backoff(&policy, 4, 0), Duration::from_secs(8));
        assert_eq!(backoff(&policy, 60, 0), Duration::from_secs(300));
        assert!(backoff(&policy, 60, 255) > Duration::from_secs(224));
    }
}
