//! Jobs whose attempts are used up: rows for a person.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;

use crate::{
    db::{Db, Keep as _, Tx, queued_job},
    failure::Failure,
    ids::WorkspaceId,
};

/// A dead job, as staff see it.
#[derive(Debug, QueryableByName)]
pub struct DeadJob {
    /// Its row.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: WorkspaceId,
    /// What it was to do.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// How often it was tried.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Why its last attempt failed.
    #[diesel(sql_type = Text)]
    pub last_error: String,
    /// Since when, UTC.
    #[diesel(sql_type = Timestamptz)]
    pub dead_at: DateTime<Utc>,
}

/// Dead jobs of a service, oldest first.
///
/// # Errors
/// Storage.
pub async fn dead(db: &Db, most: i64) -> Result<Vec<DeadJob>, Failure> {
    db.single(async |tx: &mut Tx| {
        let sql = "SELECT id, workspace_id, kind, key, attempts, last_error, dead_at FROM job \
                   WHERE dead_at IS NOT NULL ORDER BY dead_at, id LIMIT $1";
        Ok(diesel::sql_query(sql).bind::<BigInt, _>(most).kept().load(tx).await?)
    })
    .await
}

/// Gives dead jobs another life with all their attempts; answers how many there were. Living ones stay as they are.
///
/// # Errors
/// Storage.
pub async fn revive(db: &Db, ids: &[i64]) -> Result<usize, Failure> {
    db.platform("jobs.revive", async |tx: &mut Tx| {
        let sql = "UPDATE job SET dead_at = NULL, attempts = 0, run_at = clock_timestamp() \
                   WHERE id = ANY ($1) AND dead_at IS NOT NULL";
        let revived = diesel::sql_query(sql).bind::<Array<BigInt>, _>(ids).execute(tx).await?;
        queued_job();
        Ok::<_, Failure>(revived)
    })
    .await
}
