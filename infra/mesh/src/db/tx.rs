//! A transaction that begins with its first statement: BEGIN, the tenant and the statement go in one round trip.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use deadpool::managed::Object as Managed;
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AsQuery, QueryFragment, QueryId},
};
use diesel_async::{
    AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection, pooled_connection::AsyncDieselConnectionManager,
};
use futures::{FutureExt as _, future::BoxFuture};

use super::errors;

pub(super) type Object = Managed<AsyncDieselConnectionManager<AsyncPgConnection>>;

/// A connection with a transaction.
///
/// Statements on shared references to it are pipelined, in the order in which they are polled first.
pub struct Tx {
    connection: Object,
    /// What begins it, as long as that was not sent.
    begin: Mutex<Option<String>>,
    sent: AtomicBool,
    /// The connection died before anything was done on it.
    stale: AtomicBool,
}

impl Tx {
    pub(super) fn new(connection: Object, begin: Option<String>) -> Self {
        Self { connection, begin: Mutex::new(begin), sent: AtomicBool::default(), stale: AtomicBool::default() }
    }

    /// Whether anything was sent, so that there is something to end.
    pub(super) fn is_begun(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether another connection may do what this one did not begin.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    pub(super) fn into_connection(self) -> Object {
        self.connection
    }

    fn take_begin(&self) -> Option<String> {
        let begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.sent.fetch_or(begin.is_some(), Ordering::Relaxed);
        begin
    }

    /// The first statement behind BEGIN, without waiting in between. Where BEGIN fails, the statement's answer is worth
    /// nothing: it was refused with it, or died with the connection.
    fn first<'a, T: Send + 'a>(
        &'a self,
        begin: String,
        statement: BoxFuture<'a, QueryResult<T>>,
    ) -> BoxFuture<'a, QueryResult<T>> {
        let begun = async move {
            let mut connection: &AsyncPgConnection = &self.connection;
            connection.batch_execute(&begin).await.inspect_err(|error| {
                self.stale.store(errors::is_lost(error), Ordering::Relaxed);
            })
        };
        async move {
            let (begun, answer) = futures::future::join(begun, statement).await;
            begun.and(answer)
        }
        .boxed()
    }
}

impl SimpleAsyncConnection for &Tx {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let mut connection: &AsyncPgConnection = &self.connection;
        match self.take_begin() {
            None => connection.batch_execute(query).await,
            Some(begin) => {
                let done = connection.batch_execute(&format!("{begin}; {query}")).await;
                done.inspect_err(|error| self.stale.store(errors::is_lost(error), Ordering::Relaxed))
            }
        }
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
        let mut connection: Inner<'a> = &tx.connection;
        let rows = connection.load(source);
        match tx.take_begin() {
            None => rows,
            Some(begin) => tx.first(begin, rows),
        }
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let tx: &'a Tx = self;
        let mut connection: Inner<'a> = &tx.connection;
        let count = connection.execute_returning_count(source);
        match tx.take_begin() {
            None => count,
            Some(begin) => tx.first(begin, count),
        }
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
