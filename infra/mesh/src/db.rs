//! Postgres as one service sees it: a pool of its own role, and transactions that know their tenant.
//!
//! A transaction has a name, owns its retries and sets `neipix.workspace_id` in the same round trip that begins it.
//! Without it every tenant table reads nothing.

use std::{cell::Cell, error::Error, fmt::Write as _, sync::Arc, time::Duration};

use deadpool::managed::{Object as Managed, QueueMode, Timeouts};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
    pooled_connection::{
        AsyncDieselConnectionManager,
        deadpool::{Pool, PoolError},
    },
};
use tokio::sync::Notify;

use crate::{context::CallContext, failure::Failure, ids::WorkspaceId, secret::Secret};

/// A connection with an open transaction.
pub type Tx = AsyncPgConnection;
type Object = Managed<AsyncDieselConnectionManager<AsyncPgConnection>>;

/// How often a transaction is run again after a serialization failure or a deadlock.
const RETRIES: u32 = 3;
/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// What the transaction of this task has queued beside its effect.
    static QUEUED: Cell<Queued>;
}

#[derive(Clone, Copy, Default)]
struct Queued {
    events: bool,
    jobs: bool,
}

/// Notes that the running transaction wrote an outbox row; the relay is woken after its commit.
pub fn queued_event() {
    let _ = QUEUED.try_with(|q| q.set(Queued { events: true, ..q.get() }));
}

/// Notes that the running transaction wrote a job that is due now.
pub fn queued_job() {
    let _ = QUEUED.try_with(|q| q.set(Queued { jobs: true, ..q.get() }));
}

/// The body of a transaction: may run again, and its future is `Send`. One bound cannot say both; this says them.
pub trait TxBody<A, R>: AsyncFn(A) -> R + Fn(A) -> <Self as TxBody<A, R>>::Fut {
    /// The future of one run.
    type Fut: Future<Output = R>;
}
impl<F, A, R, Fut> TxBody<A, R> for F
where
    F: AsyncFn(A) -> R + Fn(A) -> Fut,
    Fut: Future<Output = R>,
{
    type Fut = Fut;
}

/// A service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool<AsyncPgConnection>,
    events: Arc<Notify>,
    jobs: Arc<Notify>,
    url: Arc<Secret<String>>,
}

impl Db {
    /// A pool that connects when first used, so that a start does not hang on Postgres.
    ///
    /// # Errors
    /// When the pool cannot be made.
    pub fn connect(url: &Secret<String>, pool: usize, name: &str) -> Result<Self, Failure> {
        let address = with_options(url.expose(), name);
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(address.clone());
        let pool = Pool::builder(manager)
            .max_size(pool)
            .runtime(deadpool::Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(Failure::internal)?;
        Ok(Self { pool, events: Arc::default(), jobs: Arc::default(), url: Arc::new(Secret::new(address)) })
    }

    /// Where it connects to, for connections outside the pool (locks, LISTEN).
    #[must_use]
    pub fn url(&self) -> &Secret<String> {
        &self.url
    }

    /// Woken after a commit that wrote outbox rows.
    #[must_use]
    pub fn events(&self) -> Arc<Notify> {
        self.events.clone()
    }

    /// Woken after a commit that wrote jobs that are due.
    #[must_use]
    pub fn jobs(&self) -> Arc<Notify> {
        self.jobs.clone()
    }

    /// A transaction in the workspace of a call. The body may run several times; nothing it does may outlive a failure
    /// but what it writes through `tx`.
    ///
    /// # Errors
    /// The body's; UNAVAILABLE where no connection comes about; what Postgres says at commit.
    pub async fn in_workspace<R, E, F>(&self, context: &CallContext, name: &'static str, body: F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        self.run(context.workspace, context.member_id().map(|id| id.0), name, &body).await
    }

    /// The same for work that no call started.
    ///
    /// # Errors
    /// As `in_workspace`.
    pub async fn in_workspace_id<R, E, F>(&self, workspace: WorkspaceId, name: &'static str, body: F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        self.run(workspace, None, name, &body).await
    }

    /// A transaction on rows of the platform, in the context of the nil UUID.
    ///
    /// # Errors
    /// As `in_workspace`.
    pub async fn platform<R, E, F>(&self, name: &'static str, body: F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        self.run(WorkspaceId::PLATFORM, None, name, &body).await
    }

    /// The same with a member beside the workspace (`neipix.user_id`), for tables that their own person may read.
    ///
    /// # Errors
    /// As `in_workspace`.
    pub async fn as_member<R, E, F>(
        &self,
        workspace: WorkspaceId,
        member: uuid::Uuid,
        name: &'static str,
        body: F,
    ) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        self.run(workspace, Some(member), name, &body).await
    }

    async fn run<R, E, F>(
        &self,
        workspace: WorkspaceId,
        member: Option<uuid::Uuid>,
        name: &'static str,
        body: &F,
    ) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        let mut tries = 0;
        loop {
            let result = self.once(workspace, member, body).await;
            match result {
                Err(error) if tries < RETRIES && is_retryable(&error) => {
                    tries += 1;
                    metrics::counter!("neipix_db_retries_total", "transaction" => name).increment(1);
                    let jitter = u64::from(rand::random::<u8>() % 8);
                    tokio::time::sleep(Duration::from_millis((4 << tries) + jitter)).await;
                }
                other => return other,
            }
        }
    }

    async fn once<R, E, F>(&self, workspace: WorkspaceId, member: Option<uuid::Uuid>, body: &F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        let mut open = Open::take(&self.pool).await.map_err(E::from)?;
        open.begin(workspace, member).await.map_err(|e| E::from(Failure::from(e)))?;
        let (result, queued) = QUEUED
            .scope(Cell::default(), async {
                let result = body(open.tx()).await;
                (result, QUEUED.with(Cell::get))
            })
            .await;
        let value = match result {
            Ok(value) => value,
            Err(error) => {
                open.rollback().await;
                return Err(error);
            }
        };
        open.commit().await.map_err(|e| E::from(Failure::from(e)))?;
        if queued.events {
            self.events.notify_one();
        }
        if queued.jobs {
            self.jobs.notify_one();
        }
        Ok(value)
    }

    /// Whether Postgres answers and takes writes.
    pub async fn ping(&self) -> bool {
        let asked = async {
            let mut open = Open::take(&self.pool).await.ok()?;
            let answer = diesel::sql_query("SELECT 1 WHERE NOT pg_is_in_recovery()").execute(open.tx()).await.ok();
            open.release();
            answer
        };
        asked.await == Some(1)
    }
}

/// A connection that goes back to the pool only in a known state: dropped half-way (a cancelled call, a panic) it is
/// closed instead, so that nobody inherits its transaction or tenant.
struct Open(Option<Object>);

impl Open {
    async fn take(pool: &Pool<AsyncPgConnection>) -> Result<Self, Failure> {
        match pool.get().await {
            Ok(object) => Ok(Self(Some(object))),
            Err(error) => Err(unreachable_pool(error)),
        }
    }

    #[expect(clippy::expect_used, reason = "only drop, release and detach empty it, and they consume it")]
    fn tx(&mut self) -> &mut Tx {
        self.0.as_mut().expect("an open connection")
    }

    async fn begin(&mut self, workspace: WorkspaceId, member: Option<uuid::Uuid>) -> Result<(), DieselError> {
        let mut sql = format!("BEGIN; SELECT set_config('neipix.workspace_id', '{workspace}', true)");
        if let Some(member) = member {
            let _ = write!(sql, ", set_config('neipix.user_id', '{member}', true)");
        }
        self.tx().batch_execute(&sql).await
    }

    async fn commit(mut self) -> Result<(), DieselError> {
        self.tx().batch_execute("COMMIT").await?;
        self.release();
        Ok(())
    }

    async fn rollback(mut self) {
        if self.tx().batch_execute("ROLLBACK").await.is_ok() {
            self.release();
        }
    }

    fn release(mut self) {
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

fn unreachable_pool(error: PoolError) -> Failure {
    Failure::unavailable("the database does not answer; try again").with_source(error)
}

/// Limits that hold for each connection: no statement runs for more than 30 s, no lock is waited for longer than 5 s.
fn with_options(url: &str, name: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    let options =
        "-c%20statement_timeout%3D30000%20-c%20lock_timeout%3D5000%20-c%20idle_in_transaction_session_timeout%3D60000";
    format!("{url}{sign}application_name={name}&options={options}")
}

/// The name of the constraint that a statement broke.
#[must_use]
pub fn constraint_name(error: &DieselError) -> Option<&str> {
    match error {
        DieselError::DatabaseError(_, info) => info.constraint_name(),
        _ => None,
    }
}

/// An error that makes `in_workspace` run the whole transaction again: somebody committed between two looks.
#[must_use]
pub fn retry_error() -> DieselError {
    let info: Box<dyn DatabaseErrorInformation + Send + Sync> = Box::new("somebody committed in between".to_owned());
    DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, info)
}

fn is_retryable(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(DieselError::DatabaseError(kind, info)) = error.downcast_ref::<DieselError>() {
            return matches!(kind, DatabaseErrorKind::SerializationFailure) || info.message() == "deadlock detected";
        }
        next = error.source();
    }
    false
}

/// Whether Postgres, not the statement, is the trouble: gone, starting, read-only, or a lock held for too long.
fn is_outage(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::ReadOnlyTransaction, _) => {
            true
        }
        DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
        | DieselError::BrokenTransactionManager => true,
        DieselError::DatabaseError(_, info) => {
            let message = info.message();
            [
                "the database system is",
                "terminating connection",
                "canceling statement due to",
                "connection closed",
                "error communicating with the server",
                "remaining connection slots",
                "sorry, too many clients",
            ]
            .iter()
            .any(|part| message.contains(part))
        }
        _ => false,
    }
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        if is_outage(&error) {
            return Self::unavailable("the database does not answer; try again").with_source(error);
        }
        match error {
            DieselError::NotFound => Self::not_found(),
            other => Self::internal(other),
        }
    }
}
