//! Postgres as one service sees it: a pool of its own role, and transactions that know their tenant.
//!
//! A transaction has a name, owns its retries and sets `neipix.workspace_id` in the same round trip that begins it, which is
//! its first statement's. Without it every tenant table reads nothing.

mod errors;
mod kept;
mod open;
mod pool;
mod server;
mod tx;

use std::{
    cell::Cell,
    error::Error,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool::managed::{QueueMode, Timeouts};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl as _;
use tokio::sync::{Notify, Semaphore, watch};

use self::{
    errors::is_retryable,
    open::Open,
    pool::{Connections, Pool},
    server::Schema,
};
pub use self::{
    errors::{constraint_name, retry_error},
    kept::{Keep, Kept},
    tx::Tx,
};
use crate::{context::CallContext, failure::Failure, ids::WorkspaceId, secret::Secret, telemetry};

/// How often a transaction is run again after a serialization failure or a deadlock.
const RETRIES: u32 = 3;
/// Connections that died while they lay in the pool, tried before Postgres is said to be gone.
const STALE_MOST: u32 = 3;
/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(2);
/// Whoever works for longer waits for somebody's lock: others do not wait behind it.
pub(crate) const SLOW: Duration = Duration::from_millis(200);

tokio::task_local! {
    /// What the transaction of this task brings along and leaves behind.
    static NOTE: Note;
}

struct Note {
    queued: Cell<Queued>,
    traceparent: String,
}

#[derive(Clone, Copy, Default)]
struct Queued {
    events: bool,
    jobs: bool,
}

/// Notes that the running transaction wrote an outbox row; the relay is woken after its commit.
pub fn queued_event() {
    let _ = NOTE.try_with(|note| note.queued.set(Queued { events: true, ..note.queued.get() }));
}

/// Notes that the running transaction wrote a job that is due now; the workers are woken after its commit.
pub fn queued_job() {
    let _ = NOTE.try_with(|note| note.queued.set(Queued { jobs: true, ..note.queued.get() }));
}

/// The trace of the call or event that the running transaction serves; empty = none.
#[must_use]
pub fn traceparent() -> String {
    NOTE.try_with(|note| note.traceparent.clone()).unwrap_or_default()
}

/// A part of a transaction that serves another call or event than its other parts.
pub(crate) async fn on_behalf<R>(traceparent: &str, part: impl Future<Output = R>) -> R {
    let note = Note { queued: Cell::default(), traceparent: traceparent.to_owned() };
    let (result, queued) = NOTE
        .scope(note, async {
            let result = part.await;
            (result, NOTE.with(|note| note.queued.get()))
        })
        .await;
    let _ = NOTE.try_with(|whole| {
        let before = whole.queued.get();
        whole.queued.set(Queued { events: before.events || queued.events, jobs: before.jobs || queued.jobs });
    });
    result
}

/// Goes on in the context of another workspace, for machinery that works on many in one transaction.
pub(crate) async fn enter(tx: &mut Tx, workspace: WorkspaceId) -> Result<(), Failure> {
    diesel::sql_query("SELECT set_config('neipix.workspace_id', $1, true)")
        .bind::<Text, _>(workspace.to_string())
        .kept()
        .execute(tx)
        .await?;
    Ok(())
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
    pool: Pool,
    events: Arc<Notify>,
    jobs: watch::Sender<u64>,
    url: Arc<Secret<String>>,
    schema: Arc<Schema>,
    /// What the transactions of this view wait for besides a connection.
    gate: Option<Arc<Semaphore>>,
}

/// Who a transaction is for.
#[derive(Clone, Copy)]
struct For<'a> {
    workspace: WorkspaceId,
    member: Option<uuid::Uuid>,
    traceparent: &'a str,
    /// It only looks.
    reads: bool,
    /// Its one statement enters workspaces by itself.
    bare: bool,
}

impl For<'_> {
    fn of(workspace: WorkspaceId) -> Self {
        Self { workspace, member: None, traceparent: "", reads: false, bare: false }
    }
}

impl Db {
    /// A pool that connects when first used, so that a start does not hang on Postgres.
    ///
    /// # Errors
    /// When the pool cannot be made.
    pub fn connect(url: &Secret<String>, pool: usize, name: &str) -> Result<Self, Failure> {
        let address = with_options(url.expose(), name);
        let pool = Pool::builder(Connections::new(&address))
            .max_size(pool)
            .runtime(deadpool::Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(Failure::internal)?;
        Ok(Self {
            pool,
            events: Arc::default(),
            jobs: watch::Sender::new(0),
            url: Arc::new(Secret::new(address)),
            schema: Arc::default(),
            gate: None,
        })
    }

    /// The same database for work that people wait for less: of its transactions, this view runs as many at once as half of
    /// the processors, at least one, and the others wait in line: what people wait for finds the processors less busy. One that
    /// waits for nothing but the disk, or for a lock, stands in nobody's way.
    #[must_use]
    pub fn unhurried(&self) -> Self {
        let most = std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2));
        Self { gate: Some(Arc::new(Semaphore::new(most))), ..self.clone() }
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

    /// Changes after a commit that wrote jobs that are due.
    #[must_use]
    pub fn jobs(&self) -> watch::Receiver<u64> {
        self.jobs.subscribe()
    }

    /// Says that jobs are due that no transaction of this process wrote.
    pub(crate) fn wake_jobs(&self) {
        self.jobs.send_modify(|n| *n = n.wrapping_add(1));
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
        let traceparent = telemetry::onward(&context.traceparent);
        let member = context.member_id().map(|id| id.0);
        let to = For { member, traceparent: &traceparent, ..For::of(context.workspace) };
        self.run(to, name, &body).await
    }

    /// The same for a body that only looks, and is refused a write. Its end is sent and not waited for: nothing hangs on it.
    ///
    /// # Errors
    /// As `in_workspace`.
    pub async fn read<R, E, F>(&self, context: &CallContext, name: &'static str, body: F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        let member = context.member_id().map(|id| id.0);
        self.run(For { member, reads: true, ..For::of(context.workspace) }, name, &body).await
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
        self.run(For::of(workspace), name, &body).await
    }

    /// The same, in the trace of what caused it.
    pub(crate) async fn traced<R, E, F>(
        &self,
        workspace: WorkspaceId,
        traceparent: &str,
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
        self.run(For { traceparent, ..For::of(workspace) }, name, &body).await
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
        self.run(For::of(WorkspaceId::PLATFORM), name, &body).await
    }

    /// One statement that is a transaction of its own, and enters the workspaces that it works in by itself: a call of a
    /// function of the schema. Spares BEGIN, the tenant and COMMIT.
    ///
    /// # Errors
    /// As `in_workspace`.
    pub async fn call<R, E, F>(&self, name: &'static str, body: F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        let to = For { bare: true, ..For::of(WorkspaceId::PLATFORM) };
        self.run(to, name, &body).await
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
        self.run(For { member: Some(member), ..For::of(workspace) }, name, &body).await
    }

    /// One statement on machinery tables, which stand outside row security: no transaction around it, no tenant.
    pub(crate) async fn single<R, F>(&self, body: F) -> Result<R, Failure>
    where
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, Failure>
            + for<'r> TxBody<&'r mut Tx, Result<R, Failure>, Fut: Send>
            + Send
            + Sync,
    {
        let mut open = Open::take(&self.pool).await?;
        let value = body(open.tx()).await?;
        open.release();
        Ok(value)
    }

    async fn run<R, E, F>(&self, to: For<'_>, name: &'static str, body: &F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            let result = self.once(to, body).await;
            match result {
                Err(error) if tries < RETRIES && is_retryable(&error) => {
                    tries += 1;
                    metrics::counter!("neipix_db_retries_total", "transaction" => name).increment(1);
                    let jitter = u64::from(rand::random::<u8>() % 8);
                    tokio::time::sleep(Duration::from_millis((4 << tries) + jitter)).await;
                }
                other => {
                    let took = began.elapsed();
                    metrics::histogram!("neipix_db_seconds", "transaction" => name).record(took.as_secs_f64());
                    tracing::debug!(transaction = name, micros = took.as_micros(), "transaction {name} ended");
                    return other;
                }
            }
        }
    }

    async fn once<R, E, F>(&self, to: For<'_>, body: &F) -> Result<R, E>
    where
        E: Error + From<Failure> + Send + 'static,
        R: Send,
        F: for<'r> AsyncFn(&'r mut Tx) -> Result<R, E>
            + for<'r> TxBody<&'r mut Tx, Result<R, E>, Fut: Send>
            + Send
            + Sync,
    {
        // Nobody closes it: an error would only mean that nothing waits.
        let mut place = match &self.gate {
            Some(gate) => gate.clone().acquire_owned().await.ok(),
            None => None,
        };
        let mut stale = 0;
        let (open, value, queued) = loop {
            let mut open = Open::begin(&self.pool, to).await.map_err(E::from)?;
            open.tx().keep_place(place.take());
            let kept = open.tx().place();
            let note = Note { queued: Cell::default(), traceparent: to.traceparent.to_owned() };
            let (result, queued) = {
                let mut run = pin!(NOTE.scope(note, async {
                    let result = body(open.tx()).await;
                    (result, NOTE.with(|note| note.queued.get()))
                }));
                let soon = match &self.gate {
                    Some(_) => tokio::time::timeout(SLOW, run.as_mut()).await.ok(),
                    None => None,
                };
                match soon {
                    Some(done) => done,
                    None => {
                        kept.give_up();
                        run.await
                    }
                }
            };
            match result {
                Ok(value) => break (open, value, queued),
                // Nothing was begun on it, so another one may.
                Err(_) if stale < STALE_MOST && open.is_stale() => stale += 1,
                Err(error) => {
                    open.rollback().await;
                    return Err(error);
                }
            }
        };
        if to.reads {
            open.end_unheard();
            return Ok(value);
        }
        open.commit().await.map_err(|e| E::from(Failure::from(e)))?;
        if queued.events {
            self.events.notify_one();
        }
        if queued.jobs {
            self.wake_jobs();
        }
        Ok(value)
    }
}

/// Limits that hold for each connection: no statement runs for more than 30 s, no lock is waited for longer than 5 s, and
/// a server that went away without a word is noticed within 20 s.
fn with_options(url: &str, name: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    let options = [
        "statement_timeout=30000",
        "lock_timeout=5000",
        "idle_in_transaction_session_timeout=60000",
        // By itself Postgres plans a statement with an array anew for each run, which costs more than running it.
        "plan_cache_mode=force_generic_plan",
        // Such a plan may have been made while its tables were small, and must be good when they are not: indexes, in their
        // order. (Bitmaps do not learn which entries are dead, and queues have mostly those.)
        "enable_seqscan=off",
        "enable_bitmapscan=off",
    ];
    let options = options.map(|option| format!("-c%20{}", option.replace('=', "%3D"))).join("%20");
    let alive = "connect_timeout=2&keepalives_idle=5&keepalives_interval=5&keepalives_retries=3&tcp_user_timeout=20";
    format!("{url}{sign}application_name={name}&{alive}&options={options}")
}
