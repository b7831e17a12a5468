//! A transaction that begins with its first statement: BEGIN, the tenant and the statement go in one round trip.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AsQuery, QueryFragment, QueryId},
};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use tokio::{sync::OwnedSemaphorePermit, task::coop::unconstrained};

use super::{errors, pool::Object};

/// A connection with a transaction.
///
/// Statements on shared references to it are pipelined, in the order in which they are polled first.
pub struct Tx {
    connection: Object,
    state: Mutex<State>,
    /// Statements that failed, or whose outcome nobody waited for.
    unheard: AtomicUsize,
    /// The connection died before anything was done on it.
    stale: AtomicBool,
    place: Place,
}

/// A transaction's place among those that work at once: given up where only the disk is waited for, or a lock.
#[derive(Clone, Default)]
pub(super) struct Place(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Place {
    fn keep(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }

    pub(super) fn give_up(&self) {
        self.keep(None);
    }
}

#[derive(Default)]
struct State {
    /// What begins it, as long as that was not sent.
    begin: Option<String>,
    /// Nothing begins it: each statement is a transaction of its own.
    bare: bool,
    /// Whether anything was sent, so that there is something to end.
    sent: bool,
    /// The text of the next statement, where that is the last.
    last: Option<&'static str>,
    /// COMMIT was sent behind the last statement.
    ended: bool,
}

impl Tx {
    pub(super) fn new(connection: Object, begin: Option<String>) -> Self {
        Self {
            connection,
            state: Mutex::new(State { bare: begin.is_none(), begin, ..State::default() }),
            unheard: AtomicUsize::default(),
            stale: AtomicBool::default(),
            place: Place::default(),
        }
    }

    pub(super) fn keep_place(&self, permit: Option<OwnedSemaphorePermit>) {
        self.place.keep(permit);
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Says that the next statement is the last, and its text: COMMIT goes with it in one round trip. For a statement that
    /// writes nothing where its answer makes the body fail: it is committed when the body learns the answer. The body must
    /// not send another one.
    pub fn last(&self, text: &'static str) {
        let mut state = self.state();
        state.last = (!state.bare).then_some(text);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something to end.
    pub(super) fn is_open(&self) -> bool {
        let state = self.state();
        state.sent && !state.ended && !state.bare
    }

    /// Whether another connection may do what this one did not begin.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// Whether each statement was heard to its end, and went well: only then is COMMIT what it says. Postgres answers the
    /// COMMIT of an aborted transaction with a silent ROLLBACK.
    pub(super) fn is_sound(&self) -> bool {
        self.unheard.load(Ordering::Relaxed) == 0
    }

    pub(super) fn into_connection(self) -> Object {
        self.connection
    }

    async fn send(&self, sql: &str) -> QueryResult<()> {
        let mut connection: &AsyncPgConnection = &self.connection.postgres;
        connection.batch_execute(sql).await
    }

    /// Sends a statement: behind BEGIN where it is the first, before COMMIT where it is the last, without waiting in between.
    /// Where BEGIN fails, the statement's answer is worth nothing: it was refused with it, or died with the connection.
    fn heard<'a, T: Send + 'a>(
        &'a self,
        statement: impl Future<Output = QueryResult<T>> + Send + 'a,
    ) -> BoxFuture<'a, QueryResult<T>> {
        async move {
            let (begin, last) = {
                let mut state = self.state();
                let last = state.last.take();
                state.sent = true;
                // One that is still on its way keeps the list of prepared statements, and the last one behind it.
                let alone = self.unheard.load(Ordering::Relaxed) == 0;
                state.ended = alone && last.is_some_and(|text| self.connection.has_run(text));
                (state.begin.take(), last.map(|text| (text, state.ended)))
            };
            self.unheard.fetch_add(1, Ordering::Relaxed);
            let begun = async {
                let Some(begin) = begin else { return Ok(()) };
                self.send(&begin).await.inspect_err(|error| self.stale.store(errors::is_lost(error), Ordering::Relaxed))
            };
            let statement = async {
                let answer = statement.await;
                if last.is_some() {
                    self.place.give_up();
                }
                answer
            };
            let ended = async { if last.is_some_and(|(_, ended)| ended) { self.send("COMMIT").await } else { Ok(()) } };
            // What is sent goes out at the first poll, in this order. A task that has used up its share of polls would be held
            // back at a lock before the statement, and COMMIT would pass it.
            let mut begun = pin!(begun);
            let (begun, answer, ended) = unconstrained(async {
                // Nobody is woken by its answer: it is there when the statement's is.
                let at_once = begun.as_mut().now_or_never();
                let (answer, ended) = futures::future::join(statement, ended).await;
                let begun = match at_once {
                    Some(begun) => begun,
                    None => begun.await,
                };
                (begun, answer, ended)
            })
            .await;
            begun?;
            let answer = answer?;
            ended?;
            self.unheard.fetch_sub(1, Ordering::Relaxed);
            if let Some((text, false)) = last {
                self.connection.note_run(text);
            }
            Ok(answer)
        }
        .boxed()
    }
}

impl SimpleAsyncConnection for &Tx {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let tx: &Tx = self;
        let mut connection: &AsyncPgConnection = &tx.connection.postgres;
        tx.heard(connection.batch_execute(query)).await
    }
}

impl SimpleAsyncConnection for Tx {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        SimpleAsyncConnection::batch_execute(&mut &*self, query).await
    }
}

type Inner<'a> = &'a AsyncPgConnection;

impl<'a> AsyncConnectionCore for &'a Tx {
    type LoadFuture<'conn, 'query> = BoxFuture<'a, QueryResult<Self::Stream<'conn, 'query>>>;
    type ExecuteFuture<'conn, 'query> = BoxFuture<'a, QueryResult<usize>>;
    type Stream<'conn, 'query> = <Inner<'a> as AsyncConnectionCore>::Stream<'conn, 'query>;
    type Row<'conn, 'query> = <Inner<'a> as AsyncConnectionCore>::Row<'conn, 'query>;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let tx: &'a Tx = self;
        let mut connection: Inner<'a> = &tx.connection.postgres;
        let rows = connection.load(source);
        // To the last row: a trigger at the statement's end may refuse what the first row has promised.
        tx.heard(async move {
            let rows: Vec<_> = rows.await?.try_collect().await?;
            Ok(stream::iter(rows.into_iter().map(Ok)).boxed())
        })
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let tx: &'a Tx = self;
        let mut connection: Inner<'a> = &tx.connection.postgres;
        tx.heard(connection.execute_returning_count(source))
    }
}

impl AsyncConnectionCore for Tx {
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type Stream<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Stream<'conn, 'query>;
    type Row<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Row<'conn, 'query>;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let mut shared: &'conn Tx = self;
        AsyncConnectionCore::load(&mut shared, source)
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let mut shared: &'conn Tx = self;
        AsyncConnectionCore::execute_returning_count(&mut shared, source)
    }
}
