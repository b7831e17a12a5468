//! Durable jobs: committed with what needs them, run at least once, by one worker at a time.
//!
//! A lease runs by the database's clock and carries an epoch; a worker that slept through its lease takes no further step
//! and finishes nothing. Every handler must be harmless to repeat. After the last attempt a job stays as a dead row for a
//! person. A job that is asked for again while it runs, runs again.

mod dead;
mod lease;
mod worker;

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{BigInt, Float8, Integer, Jsonb, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;

pub use self::{
    dead::{DeadJob, dead, revive},
    worker::Jobs,
};
use crate::{
    db::{Keep as _, Tx, queued_job},
    failure::Failure,
    ids::WorkspaceId,
};

/// Workers are woken for jobs that are due sooner than their next look.
const SOON: Duration = Duration::from_millis(500);

/// When a job may run, by the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAt {
    /// At once.
    Now,
    /// After that long.
    In(Duration),
}

impl RunAt {
    fn pause(self) -> Duration {
        match self {
            Self::Now => Duration::ZERO,
            Self::In(time) => time,
        }
    }

    fn note(self) {
        if self.pause() < SOON {
            queued_job();
        }
    }
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

/// Queues a job in the caller's transaction. Where its key exists already, that job stays with its payload, and its time
/// moves; a dead one lives again, and a running one runs once more at that time.
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
    .bind::<Float8, _>(job.run_at.pause().as_secs_f64())
    .kept()
    .execute(tx)
    .await?;
    job.run_at.note();
    Ok(())
}

/// Moves the time of a job in the caller's transaction; false where there is none.
///
/// # Errors
/// Storage.
pub async fn reschedule(tx: &mut Tx, key: &str, run_at: RunAt) -> Result<bool, Failure> {
    let moved = diesel::sql_query(
        "UPDATE job SET run_at = clock_timestamp() + make_interval(secs => $2), dead_at = NULL, attempts = 0 WHERE key = $1",
    )
    .bind::<Text, _>(key)
    .bind::<Float8, _>(run_at.pause().as_secs_f64())
    .kept()
    .execute(tx)
    .await?;
    run_at.note();
    Ok(moved == 1)
}

/// Removes a job in the caller's transaction: what it was for is done.
///
/// # Errors
/// Storage.
pub async fn finish(tx: &mut Tx, key: &str) -> Result<(), Failure> {
    diesel::sql_query("DELETE FROM job WHERE key = $1").bind::<Text, _>(key).kept().execute(tx).await?;
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
    /// When it was due, UTC. Another value in the row by the end means that it was asked for again.
    #[diesel(sql_type = Timestamptz)]
    pub run_at: DateTime<Utc>,
}

impl JobRun {
    /// A text of the payload; empty = absent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.payload.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    /// Proves, in the transaction of an effect, that this worker still has the job: until the commit nobody else can take
    /// it. A worker that slept through its lease fails here and changes nothing.
    ///
    /// # Errors
    /// UNAVAILABLE where another worker has the job, or it is gone; storage.
    pub async fn guard(&self, tx: &mut Tx) -> Result<(), Failure> {
        #[derive(QueryableByName)]
        struct Held {
            #[diesel(sql_type = BigInt)]
            #[expect(dead_code, reason = "its being there is the answer")]
            id: i64,
        }
        // Weaker than the lock of a renewal, so that the worker's own heartbeat does not wait for its effect.
        let held: Option<Held> =
            diesel::sql_query("SELECT id FROM job WHERE id = $1 AND lease_epoch = $2 FOR KEY SHARE")
                .bind::<BigInt, _>(self.id)
                .bind::<BigInt, _>(self.lease_epoch)
                .kept()
                .get_result(tx)
                .await
                .optional()?;
        held.map(drop).ok_or_else(|| Failure::unavailable("another worker has this job by now"))
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

impl JobPolicy {
    /// Pause after a failed attempt (from 1): doubling, with up to a quarter of jitter taken off.
    fn pause_after(&self, attempt: i32, random: u8) -> Duration {
        let doubled = self.backoff.saturating_mul(1 << attempt.clamp(1, 20).saturating_sub(1));
        let most = doubled.min(self.backoff_max);
        most.mul_f64(1.0 - f64::from(random) / 1_024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_most() {
        let policy = JobPolicy::default();
        assert_eq!(policy.pause_after(1, 0), Duration::from_secs(1));
        assert_eq!(policy.pause_after(4, 0), Duration::from_secs(8));
        assert_eq!(policy.pause_after(60, 0), Duration::from_secs(300));
        assert!(policy.pause_after(60, 255) > Duration::from_secs(224));
        assert_eq!(policy.pause_after(0, 0), Duration::from_secs(1), "revived while it ran");
    }
}
