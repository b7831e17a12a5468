//! A connection between the pool and a transaction.

use std::fmt::Write as _;

use deadpool::managed::Object as Managed;
use diesel::result::Error as DieselError;
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection as _,
    pooled_connection::{AsyncDieselConnectionManager, deadpool::Pool},
};

use super::{Tx, errors};
use crate::{failure::Failure, ids::WorkspaceId};

type Object = Managed<AsyncDieselConnectionManager<AsyncPgConnection>>;

/// Connections that died while they lay in the pool, tried before Postgres is said to be gone.
const STALE_MOST: u32 = 3;

/// A connection that goes back to the pool only in a known state: dropped half-way (a cancelled call, a panic) it is
/// closed instead, so that nobody inherits its transaction or tenant.
pub(super) struct Open(Option<Object>);

impl Open {
    /// A connection with nothing begun.
    pub(super) async fn take(pool: &Pool<AsyncPgConnection>) -> Result<Self, Failure> {
        pool.get().await.map(|object| Self(Some(object))).map_err(errors::unreachable_pool)
    }

    /// A connection with a transaction in the context of a workspace, both in one round trip.
    pub(super) async fn begin(
        pool: &Pool<AsyncPgConnection>,
        workspace: WorkspaceId,
        member: Option<uuid::Uuid>,
    ) -> Result<Self, Failure> {
        let mut sql = format!("BEGIN; SELECT set_config('neipix.workspace_id', '{workspace}', true)");
        if let Some(member) = member {
            let _ = write!(sql, ", set_config('neipix.user_id', '{member}', true)");
        }
        let mut stale = 0;
        loop {
            let mut open = Self::take(pool).await?;
            match open.tx().batch_execute(&sql).await {
                Ok(()) => return Ok(open),
                // Nothing was begun on it, so another one may.
                Err(error) if stale < STALE_MOST && errors::is_lost(&error) => stale += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[expect(clippy::expect_used, reason = "only drop and release empty it, and they consume it")]
    pub(super) fn tx(&mut self) -> &mut Tx {
        self.0.as_mut().expect("an open connection")
    }

    /// Commits. A transaction that a swallowed error has aborted fails here: Postgres would answer its COMMIT with a silent
    /// ROLLBACK, and the SELECT before it does not.
    pub(super) async fn commit(mut self) -> Result<(), DieselError> {
        self.tx().batch_execute("SELECT 1; COMMIT").await?;
        self.release();
        Ok(())
    }

    pub(super) async fn rollback(mut self) {
        if self.tx().batch_execute("ROLLBACK").await.is_ok() {
            self.release();
        }
    }

    /// Back to the pool.
    pub(super) fn release(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Managed::take(object));
        }
    }
}
