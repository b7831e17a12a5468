//! The pool's connections: each remembers what it holds prepared.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use deadpool::managed::{self, Manager, Metrics, RecycleResult};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod},
};

pub(super) type Pool = managed::Pool<Connections>;
pub(super) type Object = managed::Object<Connections>;

/// Makes and tests connections.
pub(super) struct Connections(AsyncDieselConnectionManager<AsyncPgConnection>);

impl Connections {
    pub(super) fn new(address: &str) -> Self {
        let mut config = ManagerConfig::default();
        // A connection that died is noticed when it closes, or by the BEGIN that tries the next one: no round trip for it.
        config.recycling_method = RecyclingMethod::Fast;
        Self(AsyncDieselConnectionManager::new_with_config(address, config))
    }
}

/// A connection with the texts that it ran before: Diesel holds them prepared.
pub(super) struct Connection {
    pub(super) postgres: AsyncPgConnection,
    ran: Mutex<HashSet<&'static str>>,
}

impl Connection {
    /// Whether the statement goes out when it is polled first. One that has to be prepared waits for that first.
    pub(super) fn has_run(&self, text: &'static str) -> bool {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).contains(text)
    }

    pub(super) fn note_run(&self, text: &'static str) {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
    }
}

impl Manager for Connections {
    type Type = Connection;
    type Error = PoolError;

    async fn create(&self) -> Result<Connection, PoolError> {
        Ok(Connection { postgres: self.0.create().await?, ran: Mutex::default() })
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<PoolError> {
        self.0.recycle(&mut connection.postgres, metrics).await
    }
}
