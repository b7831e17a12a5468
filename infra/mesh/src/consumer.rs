//! Consumers: events of other services, applied once each.
//!
//! `consumed_event` is written in the transaction of the effect, so a repeat changes nothing; then the producer is told,
//! then Redis. Dying anywhere in between repeats the event, not its effect. What cannot be applied is tried again with
//! growing pauses, and stays in the producer's outbox until it was.

mod follow;
mod retry;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use diesel::{
    QueryableByName,
    sql_types::{Array, Text, Uuid as SqlUuid},
};
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
    ids::{EventId, WorkspaceId},
    redis::Redis,
    shutdown::Shutdown,
};

type One = Arc<dyn for<'a> Fn(&'a mut Tx, &'a EventRow) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync>;
type Many = Arc<dyn for<'a> Fn(&'a mut Tx, &'a [&'a EventRow]) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync>;

#[derive(Clone)]
enum Handler {
    /// In the event's workspace.
    One(One),
    /// In the platform's context, several of all workspaces at once.
    Many(Many),
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: EventId,
}

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
        self.handlers.insert((service, kind), Handler::One(Arc::new(handler)));
        self
    }

    /// The same for a kind that comes often: events of many workspaces in one call, each workspace's in their order, on
    /// tables outside row security. They go ahead of other kinds that came with them.
    #[must_use]
    pub fn on_many<F>(mut self, service: &'static str, kind: &'static str, handler: F) -> Self
    where
        F: for<'a> Fn(&'a mut Tx, &'a [&'a EventRow]) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync + 'static,
    {
        self.handlers.insert((service, kind), Handler::Many(Arc::new(handler)));
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
        let one = [event];
        let workspace = match handler {
            Handler::One(_) => event.workspace,
            Handler::Many(_) => WorkspaceId::PLATFORM,
        };
        let applied = self.db.traced(workspace, &event.traceparent, "consumer.apply", async |tx: &mut Tx| {
            if self.fresh(tx, &one).await?.is_empty() {
                return Ok(());
            }
            match handler {
                Handler::One(handler) => handler(tx, event).await,
                Handler::Many(handler) => handler(tx, &one).await,
            }
        });
        self.caught(applied).await
    }

    /// Applies several in one transaction, each in its own workspace's context: all of them, or none.
    async fn apply_together(&self, events: &[&EventRow]) -> Result<(), Failure> {
        let applied = self.db.platform("consumer.apply_together", async |tx: &mut Tx| {
            let mut fresh = self.fresh(tx, events).await?;
            let mut many: BTreeMap<&str, (&Many, Vec<&EventRow>)> = BTreeMap::new();
            let mut alone = vec![];
            // An event may have come twice.
            for event in events.iter().copied().filter(|event| fresh.remove(&event.event_id)) {
                match self.handler(event) {
                    Some(Handler::Many(handler)) => {
                        many.entry(event.kind.as_str()).or_insert((handler, vec![])).1.push(event);
                    }
                    Some(Handler::One(handler)) => alone.push((event, handler)),
                    None => {}
                }
            }
            for (handler, events) in many.values() {
                handler(tx, events).await?;
            }
            for (event, handler) in alone {
                enter(tx, event.workspace).await?;
                on_behalf(&event.traceparent, handler(tx, event)).await?;
            }
            Ok::<_, Failure>(())
        });
        self.caught(applied).await
    }

    async fn caught(&self, applied: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        let caught = AssertUnwindSafe(applied).catch_unwind().await;
        caught.unwrap_or_else(|_| Err(Failure::internal("an event's handler panicked")))?;
        crate::crash::point("consumer.applied").await
    }

    /// Notes that events are applied; answers which were not before.
    async fn fresh(&self, tx: &mut Tx, events: &[&EventRow]) -> Result<HashSet<EventId>, Failure> {
        let fresh: Vec<Id> = diesel::sql_query(
            "INSERT INTO consumed_event (consumer, event_id, workspace_id) \
             SELECT $1, e.id, e.ws FROM unnest($2::uuid[], $3::uuid[]) AS e (id, ws) ON CONFLICT DO NOTHING RETURNING event_id AS id",
        )
        .bind::<Text, _>(self.own)
        .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.event_id).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.workspace).collect::<Vec<_>>())
        .kept()
        .load(tx)
        .await?;
        Ok(fresh.into_iter().map(|row| row.id).collect())
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
