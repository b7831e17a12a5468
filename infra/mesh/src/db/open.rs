//! A connection between the pool and a transaction.

use std::fmt::Write as _;

use diesel::result::Error as DieselError;
use diesel_async::SimpleAsyncConnection as _;
use futures::FutureExt as _;

use super::{
    For, errors,
    pool::{Object, Pool},
    tx::Tx,
};
use crate::failure::Failure;

/// A connection that goes back to the pool only in a known state: dropped half-way (a cancelled call, a panic) it is
/// closed instead, so that nobody inherits its transaction or tenant.
pub(super) struct Open(Option<Tx>);

async fn object(pool: &Pool) -> Result<Object, Failure> {
    pool.get().await.map_err(errors::unreachable_pool)
}

impl Open {
    /// A connection for statements outside a transaction.
    pub(super) async fn take(pool: &Pool) -> Result<Self, Failure> {
        Ok(Self(Some(Tx::new(object(pool).await?, None))))
    }

    /// A connection whose first statement begins a transaction in the context of a workspace.
    pub(super) async fn begin(pool: &Pool, to: For<'_>) -> Result<Self, Failure> {
        if to.bare {
            return Self::take(pool).await;
        }
        let (mode, workspace) = (if to.reads { " READ ONLY" } else { "" }, to.workspace);
        // Settings by SET, which is not planned and answers no row.
        let mut sql = format!("BEGIN{mode}; SET LOCAL neipix.workspace_id = '{workspace}'");
        if let Some(member) = to.member {
            let _ = write!(sql, "; SET LOCAL neipix.user_id = '{member}'");
        }
        Ok(Self(Some(Tx::new(object(pool).await?, Some(sql)))))
    }

    #[expect(clippy::expect_used, reason = "only drop and release empty it, and they consume it")]
    pub(super) fn tx(&mut self) -> &mut Tx {
        self.0.as_mut().expect("an open connection")
    }

    /// Whether the connection was dead before anything was begun on it.
    pub(super) fn is_stale(&mut self) -> bool {
        self.tx().is_stale()
    }

    /// Commits. A transaction with a statement whose error was swallowed, or whose outcome nobody waited for, fails here.
    pub(super) async fn commit(mut self) -> Result<(), DieselError> {
        if !self.tx().is_sound() {
            self.rollback().await;
            return Err(DieselError::RollbackTransaction);
        }
        if self.tx().is_open() {
            self.tx().batch_execute("COMMIT").await?;
        }
        self.release();
        Ok(())
    }

    /// Ends a transaction that wrote nothing. Whoever gets the connection next stands behind it in line.
    pub(super) fn end_unheard(mut self) {
        if self.tx().is_open() {
            // Sent when polled first; what is answered tells nothing.
            let _ = self.tx().batch_execute("COMMIT").now_or_never();
        }
        self.release();
    }

    pub(super) async fn rollback(mut self) {
        if !self.tx().is_open() || self.tx().batch_execute("ROLLBACK").await.is_ok() {
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
        if let Some(tx) = self.0.take() {
            drop(Object::take(tx.into_connection()));
        }
    }
}
