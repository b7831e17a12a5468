//! Leases of jobs: taken, renewed and given back, each in one statement that names the epoch.

use std::time::Duration;

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Float8, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl as _;

use super::JobRun;
use crate::{
    db::{Db, Keep as _, Tx},
    failure::Failure,
};

/// What a worker can take of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub kind: &'static str,
    pub places: usize,
    pub lease: Duration,
    pub attempts_max: i32,
}

/// A job that was taken.
#[derive(QueryableByName)]
pub(super) struct Claimed {
    #[diesel(embed)]
    pub run: JobRun,
    /// Its last attempt ended without a word: whoever had it died. It is a dead row now, not a job to run.
    #[diesel(sql_type = Bool)]
    pub is_dead: bool,
}

// The scalar subquery is read once, so that the index bounds the scan; a bare clock_timestamp() would visit every job of
// the future. The array keeps the planner from reading the whole table for the few rows that are due.
const CLAIM: &str = "
WITH room AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::int[]) AS r (kind, places, lease, attempts_max)
), due AS (
    SELECT d.id FROM room r CROSS JOIN LATERAL (
        SELECT id FROM job WHERE kind = r.kind AND dead_at IS NULL AND run_at <= (SELECT clock_timestamp())
               AND (lease_until IS NULL OR lease_until < clock_timestamp())
        ORDER BY run_at LIMIT r.places FOR UPDATE SKIP LOCKED) d
)
UPDATE job SET lease_owner = $5, lease_epoch = lease_epoch + 1,
    attempts = CASE WHEN attempts < r.attempts_max THEN attempts + 1 ELSE attempts END,
    lease_until = CASE WHEN attempts < r.attempts_max THEN clock_timestamp() + make_interval(secs => r.lease) END,
    dead_at = CASE WHEN attempts < r.attempts_max THEN NULL ELSE clock_timestamp() END,
    last_error = CASE WHEN attempts < r.attempts_max THEN last_error ELSE 'its worker died in the last attempt' END
FROM room r WHERE job.id = ANY (ARRAY(SELECT id FROM due)) AND r.kind = job.kind
RETURNING job.id, workspace_id, job.kind, key, payload, attempts, lease_epoch, run_at, dead_at IS NOT NULL AS is_dead";

/// Takes jobs that are due and that nobody has.
pub(super) async fn claim(db: &Db, owner: &str, room: &[Room]) -> Result<Vec<Claimed>, Failure> {
    let kinds: Vec<&str> = room.iter().map(|r| r.kind).collect();
    let places: Vec<i64> = room.iter().map(|r| i64::try_from(r.places).unwrap_or(i64::MAX)).collect();
    let leases: Vec<f64> = room.iter().map(|r| r.lease.as_secs_f64()).collect();
    let attempts: Vec<i32> = room.iter().map(|r| r.attempts_max).collect();
    db.single(async |tx: &mut Tx| {
        Ok(diesel::sql_query(CLAIM)
            .bind::<Array<Text>, _>(&kinds)
            .bind::<Array<BigInt>, _>(&places)
            .bind::<Array<Float8>, _>(&leases)
            .bind::<Array<Integer>, _>(&attempts)
            .bind::<Text, _>(owner)
            .kept()
            .load(tx)
            .await?)
    })
    .await
}

/// How long until the next job of these kinds is due; none = nothing waits.
pub(super) async fn next_due(db: &Db, kinds: &[&'static str]) -> Result<Option<Duration>, Failure> {
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = Nullable<Float8>)]
        seconds: Option<f64>,
    }
    let next: Next = db
        .single(async |tx: &mut Tx| {
            let sql = "SELECT extract(epoch FROM min(d.run_at) - clock_timestamp())::float8 AS seconds \
                       FROM unnest($1::text[]) AS k (kind) CROSS JOIN LATERAL (SELECT run_at FROM job WHERE kind = k.kind \
                       AND dead_at IS NULL AND run_at > (SELECT clock_timestamp()) ORDER BY run_at LIMIT 1) d";
            Ok(diesel::sql_query(sql).bind::<Array<Text>, _>(kinds).kept().get_result(tx).await?)
        })
        .await?;
    Ok(next.seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
}

/// Renews a lease; false where another worker has the job by now, or it is gone.
pub(super) async fn renew(db: &Db, run: &JobRun, lease: Duration) -> Result<bool, Failure> {
    let renewed = db
        .single(async |tx: &mut Tx| {
            let sql = "UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => $3) \
                       WHERE id = $1 AND lease_epoch = $2 AND dead_at IS NULL";
            Ok(diesel::sql_query(sql)
                .bind::<BigInt, _>(run.id)
                .bind::<BigInt, _>(run.lease_epoch)
                .bind::<Float8, _>(lease.as_secs_f64())
                .kept()
                .execute(tx)
                .await?)
        })
        .await?;
    Ok(renewed == 1)
}

// What was asked for again meanwhile has another run_at, stays, and runs again with all its attempts.
const DONE: &str = "
WITH gone AS (DELETE FROM job WHERE id = $1 AND lease_epoch = $2 AND run_at = $3)
UPDATE job SET lease_owner = NULL, lease_until = NULL, attempts = 0 WHERE id = $1 AND lease_epoch = $2 AND run_at <> $3";

/// The job is done.
pub(super) async fn done(db: &Db, run: &JobRun) -> Result<(), Failure> {
    db.single(async |tx: &mut Tx| {
        diesel::sql_query(DONE)
            .bind::<BigInt, _>(run.id)
            .bind::<BigInt, _>(run.lease_epoch)
            .bind::<Timestamptz, _>(run.run_at)
            .kept()
            .execute(tx)
            .await?;
        Ok(())
    })
    .await
}

/// How a job that is not done goes on.
#[derive(Debug, Clone)]
pub(super) enum Next {
    /// Its handler wants it again.
    Again(Duration),
    /// Its attempt failed.
    Retry(Duration, String),
    /// Its last attempt failed.
    Dead(String),
    /// This process ends: whoever comes next may have it at once, and the attempt does not count.
    GivenBack,
}

const BACK: &str = "
UPDATE job SET lease_owner = NULL, lease_until = NULL,
    run_at = CASE WHEN run_at = $3 AND $4 > 0 THEN clock_timestamp() + make_interval(secs => $4) ELSE run_at END,
    attempts = greatest(0, attempts - $5),
    dead_at = CASE WHEN $6 AND run_at = $3 THEN clock_timestamp() END,
    last_error = coalesce($7, last_error)
WHERE id = $1 AND lease_epoch = $2";

/// Gives a job back.
pub(super) async fn back(db: &Db, run: &JobRun, next: Next) -> Result<(), Failure> {
    let (pause, uncounted, dies, error) = match next {
        Next::Again(pause) => (pause, i32::MAX, false, None),
        Next::Retry(pause, error) => (pause, 0, false, Some(error)),
        Next::Dead(error) => (Duration::ZERO, 0, true, Some(error)),
        Next::GivenBack => (Duration::ZERO, 1, false, None),
    };
    let error: Option<String> = error.map(|text| text.chars().take(500).collect());
    db.single(async |tx: &mut Tx| {
        diesel::sql_query(BACK)
            .bind::<BigInt, _>(run.id)
            .bind::<BigInt, _>(run.lease_epoch)
            .bind::<Timestamptz, _>(run.run_at)
            .bind::<Float8, _>(pause.as_secs_f64())
            .bind::<Integer, _>(uncounted)
            .bind::<Bool, _>(dies)
            .bind::<Nullable<Text>, _>(&error)
            .kept()
            .execute(tx)
            .await?;
        Ok(())
    })
    .await
}
