//! Connections of the pool. One that answered within the last second is handed out as it is; another one is asked first.

use std::time::{Duration, Instant};

use ::redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use deadpool::managed::{self, Metrics, Object, RecycleResult};

/// How long an answer proves that its connection lives. Asking before each use costs as much as the use itself.
const FRESH: Duration = Duration::from_secs(1);

/// What the pool keeps.
pub(super) struct Kept {
    connection: MultiplexedConnection,
    /// None: its last command failed, or was left before its answer came.
    answered: Option<Instant>,
}

/// Makes the pool's connections.
pub(super) struct Manager(deadpool_redis::Manager);

impl Manager {
    pub fn new(url: &str, config: AsyncConnectionConfig) -> Result<Self, ::redis::RedisError> {
        deadpool_redis::Manager::new_with_config(url, config).map(Self)
    }
}

impl managed::Manager for Manager {
    type Type = Kept;
    type Error = ::redis::RedisError;

    async fn create(&self) -> Result<Kept, Self::Error> {
        Ok(Kept { connection: self.0.create().await?, answered: Some(Instant::now()) })
    }

    async fn recycle(&self, kept: &mut Kept, metrics: &Metrics) -> RecycleResult<Self::Error> {
        if kept.answered.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(());
        }
        self.0.recycle(&mut kept.connection, metrics).await?;
        kept.answered = Some(Instant::now());
        Ok(())
    }
}

/// A connection of the pool, which gets it back on drop.
pub struct Connection(pub(super) Object<Manager>);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Kept {
    /// Notes whether an answer came. What is dropped on the way leaves none.
    fn noted<'a, T>(
        &'a mut self,
        ask: impl FnOnce(&'a mut MultiplexedConnection) -> RedisFuture<'a, T>,
    ) -> RedisFuture<'a, T>
    where
        T: Send + 'a,
    {
        self.answered = None;
        let answer = ask(&mut self.connection);
        let answered = &mut self.answered;
        Box::pin(async move {
            let answer = answer.await;
            // A refusal is an answer too.
            if answer.as_ref().map_or_else(|error| matches!(error.kind(), ErrorKind::Server(_)), |_| true) {
                *answered = Some(Instant::now());
            }
            answer
        })
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.0.noted(|connection| connection.req_packed_command(command))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.0.noted(move |connection| connection.req_packed_commands(commands, offset, count))
    }

    fn get_db(&self) -> i64 {
        self.0.connection.get_db()
    }
}
