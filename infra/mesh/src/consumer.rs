//! Consumers: events of other services, applied once each.
//!
//! `consumed_event` is written in the transaction of the effect, so a repeat changes nothing; then the producer is told,
//! then Redis. Dying anywhere in between repeats the event, not its effect.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ::redis::{
    Value,
    streams::{StreamAutoClaimOptions, StreamAutoClaimReply, StreamId, StreamReadOptions, StreamReadReply},
};
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use futures::future::BoxFuture;
use neipix_proto::{
    admin::v1::admin_event_service_client::AdminEventServiceClient,
    assistants::v1::assistant_event_service_client::AssistantEventServiceClient,
    auth::v1::auth_event_service_client::AuthEventServiceClient,
    billing::v1::billing_event_service_client::BillingEventServiceClient,
    chats::v1::chat_event_service_client::ChatEventServiceClient, events::v1::AckEventsRequest,
};

use crate::{
    client::Mesh,
    db::{Db, Tx},
    events,
    failure::Failure,
    ids::{EventId, WorkspaceId},
    redis::Redis,
    shutdown::Shutdown,
};

/// Entries read in one go.
const BATCH: usize = 100;
/// How long a read waits for news.
const BLOCK: Duration = Duration::from_secs(1);
/// Entries of a consumer that died are taken over after this long.
const CLAIM_AFTER: Duration = Duration::from_secs(15);

/// An event as it came.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The producer, such as `svc-auth`.
    pub service: String,
    /// Its outbox row.
    pub outbox_id: i64,
    /// The event.
    pub event_id: EventId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Its kind.
    pub kind: String,
    /// Its object's version.
    pub object_version: i64,
    /// The message.
    pub payload: Vec<u8>,
}

type Handler = Arc<dyn for<'a> Fn(&'a mut Tx, &'a EventRow) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync>;

/// A service's consumer of all its producers.
pub struct Consumer {
    db: Db,
    redis: Redis,
    mesh: Mesh,
    own: &'static str,
    handlers: HashMap<(&'static str, &'static str), Handler>,
}

impl Consumer {
    /// Of a service, such as `svc-billing`.
    #[must_use]
    pub fn new(db: Db, redis: Redis, mesh: Mesh, own: &'static str) -> Self {
        Self { db, redis, mesh, own, handlers: HashMap::new() }
    }

    /// Applies a producer's events of a kind. The effect must go through the transaction.
    #[must_use]
    pub fn on<F>(mut self, service: &'static str, kind: &'static str, handler: F) -> Self
    where
        F: for<'a> Fn(&'a mut Tx, &'a EventRow) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync + 'static,
    {
        self.handlers.insert((service, kind), Arc::new(handler));
        self
    }

    /// Works until shutdown, through every outage.
    pub async fn run(self, shutdown: Shutdown) {
        let services: std::collections::BTreeSet<&'static str> = self.handlers.keys().map(|(s, _)| *s).collect();
        let this = Arc::new(self);
        let loops = services.into_iter().map(|service| {
            let (this, shutdown) = (this.clone(), shutdown.clone());
            async move { this.follow(service, shutdown).await }
        });
        futures::future::join_all(loops).await;
    }

    async fn follow(&self, service: &'static str, shutdown: Shutdown) {
        let streams: Vec<String> = (0..events::SHARDS).map(|shard| events::stream(service, shard)).collect();
        let mut pause = Duration::from_millis(100);
        while !shutdown.begun() {
            match self.read(service, &streams, &shutdown).await {
                Ok(()) => pause = Duration::from_millis(100),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "events of {service} are not heard");
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
            if !shutdown.sleep(pause).await {
                return;
            }
        }
    }

    async fn read(&self, service: &'static str, streams: &[String], shutdown: &Shutdown) -> Result<(), Failure> {
        use ::redis::AsyncCommands as _;
        let fail = |e: ::redis::RedisError| Failure::from(crate::redis::RedisError::from(e));
        let mut connection = self.redis.blocking(BLOCK).await?;
        for stream in streams {
            let made: Result<(), _> = connection.xgroup_create_mkstream(stream, self.own, "0").await;
            if let Err(error) = made
                && error.code() != Some("BUSYGROUP")
            {
                return Err(fail(error));
            }
        }
        let name = format!("{}-{}", self.own, std::process::id());
        let options = StreamReadOptions::default()
            .group(self.own, &name)
            .count(BATCH)
            .block(usize::try_from(BLOCK.as_millis()).unwrap_or(1_000));
        let news: Vec<&str> = vec![">"; streams.len()];
        let mut claimed = tokio::time::Instant::now();
        while !shutdown.begun() {
            let reply: Option<StreamReadReply> =
                connection.xread_options(streams, &news, &options).await.map_err(fail)?;
            for key in reply.map(|r| r.keys).unwrap_or_default() {
                self.apply(service, &key.key, &key.ids, &mut connection).await?;
            }
            if claimed.elapsed() > CLAIM_AFTER {
                claimed = tokio::time::Instant::now();
                for stream in streams {
                    let idle = usize::try_from(CLAIM_AFTER.as_millis()).unwrap_or(15_000);
                    let reply: StreamAutoClaimReply = connection
                        .xautoclaim_options(
                            stream,
                            self.own,
                            &name,
                            idle,
                            "0-0",
                            StreamAutoClaimOptions::default().count(BATCH),
                        )
                        .await
                        .map_err(fail)?;
                    self.apply(service, stream, &reply.claimed, &mut connection).await?;
                }
            }
        }
        Ok(())
    }

    async fn apply(
        &self,
        service: &'static str,
        stream: &str,
        entries: &[StreamId],
        connection: &mut ::redis::aio::MultiplexedConnection,
    ) -> Result<(), Failure> {
        use ::redis::AsyncCommands as _;
        if entries.is_empty() {
            return Ok(());
        }
        let (mut acked, mut done) = (vec![], vec![]);
        for entry in entries {
            let Some(event) = parse(service, entry) else {
                done.push(entry.id.clone());
                continue;
            };
            if let Some((_, handler)) = self.handlers.iter().find(|((s, k), _)| *s == service && event.kind == *k) {
                if let Err(error) = self.once(&event, handler).await {
                    // Not confirmed, so it comes again; the others must not wait for it.
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        event.kind,
                        "event {} was not applied",
                        event.event_id
                    );
                    continue;
                }
                crate::crash::point("consumer.applied").await?;
            }
            if events::consumers(&event.kind).contains(&self.own) {
                acked.push(event.outbox_id);
            }
            done.push(entry.id.clone());
        }
        if !acked.is_empty() {
            self.tell(service, acked).await?;
        }
        if !done.is_empty() {
            let _: i64 = connection
                .xack(stream, self.own, &done)
                .await
                .map_err(|e| Failure::from(crate::redis::RedisError::from(e)))?;
        }
        Ok(())
    }

    async fn once(&self, event: &EventRow, handler: &Handler) -> Result<(), Failure> {
        self.db
            .in_workspace_id(event.workspace, "consumer.apply", async |tx: &mut Tx| {
                let fresh = diesel::sql_query(
                    "INSERT INTO consumed_event (consumer, event_id, workspace_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                )
                .bind::<Text, _>(self.own)
                .bind::<SqlUuid, _>(event.event_id)
                .bind::<SqlUuid, _>(event.workspace)
                .execute(tx)
                .await?;
                if fresh == 1 { handler(tx, event).await } else { Ok(()) }
            })
            .await
    }

    async fn tell(&self, service: &str, outbox_ids: Vec<i64>) -> Result<(), Failure> {
        let request = AckEventsRequest { workspace_id: String::new(), consumer: self.own.to_owned(), outbox_ids };
        let channel = self.mesh.background(service);
        match service {
            "svc-auth" => AuthEventServiceClient::new(channel).ack_events(request).await?,
            "svc-assistants" => AssistantEventServiceClient::new(channel).ack_events(request).await?,
            "svc-billing" => BillingEventServiceClient::new(channel).ack_events(request).await?,
            "svc-chats" => ChatEventServiceClient::new(channel).ack_events(request).await?,
            _ => AdminEventServiceClient::new(channel).ack_events(request).await?,
        };
        Ok(())
    }
}

fn parse(service: &str, entry: &StreamId) -> Option<EventRow> {
    let bytes = |name: &str| match entry.map.get(name) {
        Some(Value::BulkString(bytes)) => Some(bytes.clone()),
        Some(Value::SimpleString(text)) => Some(text.clone().into_bytes()),
        _ => None,
    };
    let text = |name: &str| bytes(name).and_then(|b| String::from_utf8(b).ok());
    Some(EventRow {
        service: service.to_owned(),
        outbox_id: text("o")?.parse().ok()?,
        event_id: text("id")?.parse().ok()?,
        workspace: text("ws")?.parse().ok()?,
        kind: text("k")?,
        object_version: text("v")?.parse().ok()?,
        payload: bytes("p")?,
    })
}
