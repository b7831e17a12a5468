//! Redis: a pool with timeouts, the names of keys, and channels that are heard again after every break.
//!
//! Redis is transport and cache only: losing it loses nothing that was acknowledged.

mod bucket;
mod connection;

use std::time::Duration;

use ::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, aio::MultiplexedConnection};
use bytes::Bytes;
use deadpool::{
    Runtime,
    managed::{Pool, PoolError},
};
use futures::StreamExt as _;
use neipix_proto::{Reason as _, ReasonInfo, access::v1::ErrorReason};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;

pub use self::{bucket::Buckets, connection::Connection};

use self::connection::Manager;
use crate::{WorkspaceId, config::ConfigError, failure::HasReason, secret::Secret, shutdown::Shutdown, tasks::Tasks};

const CONNECT: Duration = Duration::from_secs(1);
const COMMAND: Duration = Duration::from_secs(2);

/// Shards of streams and keys: hash tags, so that a workspace's keys lie on one node of a cluster.
pub const SHARDS: u8 = 64;

/// Redis did not do it.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// No connection within a second.
    #[error("no connection to Redis")]
    Connect(#[source] PoolError<::redis::RedisError>),
    /// A command failed or took longer than two seconds.
    #[error("Redis refused a command")]
    Command(#[from] ::redis::RedisError),
}

impl From<PoolError<::redis::RedisError>> for RedisError {
    fn from(error: PoolError<::redis::RedisError>) -> Self {
        Self::Connect(error)
    }
}

impl HasReason for RedisError {
    fn reason(&self) -> &'static ReasonInfo {
        ErrorReason::Unavailable.info()
    }
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pool: Pool<Manager>,
    client: Client,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.pool.status();
        write!(f, "Redis({} of {} connections in use)", status.size - status.available, status.max_size)
    }
}

impl Redis {
    /// A pool that connects when first used, so that a start does not hang on Redis.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &Secret<String>, connections: usize) -> Result<Self, ConfigError> {
        let bad = |_| ConfigError::one("REDIS_URL", "must be redis://[:password@]host[:port][/number], or rediss://");
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(COMMAND));
        let manager = Manager::new(url.expose().as_str(), config).map_err(bad)?;
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(CONNECT))
            .build()
            .map_err(|e| ConfigError::one("REDIS_URL", &e.to_string()))?;
        Ok(Self { pool, client: Client::open(url.expose().as_str()).map_err(bad)? })
    }

    /// A connection of the pool; commands on it take two seconds at most.
    ///
    /// # Errors
    /// When none comes about within a second.
    pub async fn connection(&self) -> Result<Connection, RedisError> {
        // Making a connection takes seven kilobytes, which would lie in each future that asks Redis something.
        Ok(Connection(Box::pin(self.pool.get()).await?))
    }

    /// One command.
    ///
    /// # Errors
    /// When there is no connection, or the command fails.
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = self.connection().await?;
        Ok(command.query_async(&mut connection).await?)
    }

    /// A connection outside the pool for commands that block, `longest` at most (XREADGROUP BLOCK).
    ///
    /// # Errors
    /// When it does not come about within a second.
    pub async fn blocking(&self, longest: Duration) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(longest + COMMAND));
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// Whether Redis answers and takes writes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.run::<String>(&::redis::cmd("PING")).await.map(drop)
    }

    /// Tells everybody who listens to a channel. Nobody listening is fine.
    ///
    /// # Errors
    /// When Redis does not take it.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<(), RedisError> {
        self.run::<i64>(::redis::cmd("PUBLISH").arg(channel).arg(payload)).await.map(drop)
    }

    /// Listens to channels until shutdown, through every break.
    ///
    /// Messages sent during a break are lost: `Heard::Again` says so, and whoever listens looks at the truth then.
    #[must_use]
    pub fn listen(&self, channels: Vec<String>, tasks: &Tasks, shutdown: &Shutdown) -> Listener {
        let (sender, _) = broadcast::channel(1024);
        let (client, shutdown, out) = (self.client.clone(), shutdown.clone(), sender.clone());
        tasks.spawn("redis.listen", async move {
            let mut pause = Duration::from_millis(50);
            loop {
                let began = tokio::time::Instant::now();
                tokio::select! {
                    () = shutdown.wait() => return,
                    result = hear(&client, &channels, &out) => if let Err(error) = result {
                        tracing::warn!(error = &error as &dyn std::error::Error, "Redis channels are not heard");
                    },
                }
                // A connection that lived is tried again at once.
                pause = if began.elapsed() > COMMAND { Duration::from_millis(50) } else { (pause * 2).min(COMMAND) };
                if !shutdown.sleep(pause).await {
                    return;
                }
            }
        });
        Listener(sender)
    }
}

/// What a channel said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Listening has begun, or begun again: messages may have been missed before.
    Again,
    /// A message.
    Message {
        /// The channel.
        channel: String,
        /// What was sent.
        payload: Bytes,
    },
}

/// Hands out ears. A slow one misses messages and is told so (`RecvError::Lagged`).
#[derive(Debug, Clone)]
pub struct Listener(broadcast::Sender<Heard>);

impl Listener {
    /// Hears everything from now on.
    #[must_use]
    pub fn ear(&self) -> broadcast::Receiver<Heard> {
        self.0.subscribe()
    }
}

async fn hear(client: &Client, channels: &[String], out: &broadcast::Sender<Heard>) -> Result<(), ::redis::RedisError> {
    let late = |_| ::redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let pubsub = tokio::time::timeout(CONNECT, client.get_async_pubsub()).await.map_err(late)??;
    let (mut sink, mut stream) = pubsub.split();
    tokio::time::timeout(COMMAND, sink.subscribe(channels)).await.map_err(late)??;
    // Nobody hears: fine.
    let _ = out.send(Heard::Again);
    let mut probe = tokio::time::interval(Duration::from_secs(5));
    probe.tick().await;
    loop {
        tokio::select! {
            message = stream.next() => {
                let Some(message) = message else { return Ok(()) };
                let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                let _ = out.send(Heard::Message { channel: message.get_channel_name().to_owned(), payload });
            }
            // A connection that died without a word is found by asking.
            _ = probe.tick() => {
                tokio::time::timeout(COMMAND, sink.ping::<::redis::Value>()).await.map_err(late)??;
            }
        }
    }
}

/// The shard of a workspace: first byte of SHA-256 over the id's 16 bytes, modulo 64.
#[must_use]
pub fn shard(workspace: WorkspaceId) -> u8 {
    Sha256::digest(workspace.0.as_bytes())[0] % SHARDS
}

/// The stream of a service's events: `neipix:ev:<service>:{2a}`.
#[must_use]
pub fn stream_key(service: &str, shard: u8) -> String {
    format!("neipix:ev:{service}:{{{shard:02x}}}")
}

/// A key of a workspace: `neipix:<area>:{2a}:<workspace>:<rest>`.
#[must_use]
pub fn workspace_key(area: &str, workspace: WorkspaceId, rest: &str) -> String {
    format!("neipix:{area}:{{{:02x}}}:{workspace}:{rest}", shard(workspace))
}

/// A channel of a shard: `neipix:<area>:{2a}`.
#[must_use]
pub fn shard_channel(area: &str, shard: u8) -> String {
    format!("neipix:{area}:{{{shard:02x}}}")
}

#[cfg(test)]
mod tests;
