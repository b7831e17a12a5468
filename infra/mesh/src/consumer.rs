//! Consumers: events of other services, applied once each.
//!
//! `consumed_event` is written in the transaction of the effect, so a repeat changes nothing; then the producer is told,
//! then Redis. Dying anywhere in between repeats the event, not its effect. What cannot be applied is tried again with
//! growing pauses, and stays in the producer's outbox until it was.

mod follow;
mod retry;
mod wire;

use std::{
    collections::{BTreeSet, HashMap},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use futures::{FutureExt as _, future::BoxFuture};
use neipix_proto::{
    admin::v1::admin_event_service_client::AdminEventServiceClient,
    assistants::v1::assistant_event_service_client::AssistantEventServiceClient,
    auth::v1::auth_event_service_client::AuthEventServiceClient,
    billing::v1::billing_event_service_client::BillingEventServiceClient,
    chats::v1::chat_event_service_client::ChatEventServiceClient, events::v1::AckEventsRequest,
};

pub use self::wire::EventRow;
use crate::{
    client::Mesh,
    db::{Db, Keep as _, Tx, enter, on_behalf},
    failure::Failure,
    redis::Redis,
    shutdown::Shutdown,
};

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

    /// Applies a producer's events of a kind. The effect must go through the transaction, which is in the context of the
    /// event's workspace and may run several times.
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
        let services: BTreeSet<&'static str> = self.handlers.keys().map(|(service, _)| *service).collect();
        let loops = services.into_iter().map(|service| follow::follow(&self, service, &shutdown));
        futures::future::join_all(loops).await;
    }

    fn handler(&self, event: &EventRow) -> Option<&Handler> {
        let found = self.handlers.iter().find(|((service, kind), _)| event.service == *service && event.kind == *kind);
        found.map(|(_, handler)| handler)
    }

    /// Applies an event that was not applied before. A panic of the handler is a failure like any other.
    async fn apply(&self, event: &EventRow, handler: &Handler) -> Result<(), Failure> {
        let applied = self.db.traced(event.workspace, &event.traceparent, "consumer.apply", async |tx: &mut Tx| {
            self.apply_in(tx, event, handler).await
        });
        let caught = AssertUnwindSafe(applied).catch_unwind().await;
        caught.unwrap_or_else(|_| Err(Failure::internal("the event's handler panicked")))?;
        crate::crash::point("consumer.applied").await
    }

    /// Applies several in one transaction, each in its own workspace's context: all of them, or none.
    async fn apply_together(&self, events: &[&EventRow]) -> Result<(), Failure> {
        let applied = self.db.platform("consumer.apply_together", async |tx: &mut Tx| {
            for event in events {
                let Some(handler) = self.handler(event) else { continue };
                enter(tx, event.workspace).await?;
                on_behalf(&event.traceparent, self.apply_in(tx, event, handler)).await?;
            }
            Ok::<_, Failure>(())
        });
        let caught = AssertUnwindSafe(applied).catch_unwind().await;
        caught.unwrap_or_else(|_| Err(Failure::internal("an event's handler panicked")))?;
        crate::crash::point("consumer.applied").await
    }

    async fn apply_in(&self, tx: &mut Tx, event: &EventRow, handler: &Handler) -> Result<(), Failure> {
        let fresh = diesel::sql_query(
            "INSERT INTO consumed_event (consumer, event_id, workspace_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(self.own)
        .bind::<SqlUuid, _>(event.event_id)
        .bind::<SqlUuid, _>(event.workspace)
        .kept()
        .execute(tx)
        .await?;
        if fresh == 1 { handler(tx, event).await } else { Ok(()) }
    }

    /// Tells the producer what was applied.
    async fn tell(&self, service: &str, outbox_ids: Vec<i64>) -> Result<(), Failure> {
        let request = AckEventsRequest { workspace_id: String::new(), consumer: self.own.to_owned(), outbox_ids };
        let channel = self.mesh.background(service);
        match service {
            "svc-auth" => AuthEventServiceClient::new(channel).ack_events(request).await?,
            "svc-assistants" => AssistantEventServiceClient::new(channel).ack_events(request).await?,
            "svc-billing" => BillingEventServiceClient::new(channel).ack_events(request).await?,
            "svc-chats" => ChatEventServiceClient::new(channel).ack_events(request).await?,
            "svc-admin" => AdminEventServiceClient::new(channel).ack_events(request).await?,
            other => return Err(Failure::internal(format!("{other} has no events"))),
        };
        Ok(())
    }
}
