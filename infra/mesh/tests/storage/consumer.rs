//! Consumers: each event's effect once, whatever dies in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use neipix_mesh::{
    Failure,
    client::{Mesh, local},
    consumer::{Consumer, EventRow},
    db::{Db, Tx},
    events, outbox,
    redis::Redis,
    shutdown::Shutdown,
};
use neipix_proto::{
    auth::v1::auth_event_service_server::{AuthEventService, AuthEventServiceServer},
    events::v1::{AckEventsRequest, AckEventsResponse},
};
use tonic::{Request, Response, Status};

use crate::{
    outbox::{confirmation, tell},
    relay::Running,
    support::{TestDb, add_note, count, eventually, redis, workspace},
};

const OWN: &str = "svc-admin";
const KIND: &str = "user.registered";

/// svc-auth as its consumers see it.
#[derive(Clone)]
struct Producer {
    db: Db,
    /// Takes confirmations and never answers.
    hangs: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

#[tonic::async_trait]
impl AuthEventService for Producer {
    async fn ack_events(&self, request: Request<AckEventsRequest>) -> Result<Response<AckEventsResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let request = request.into_inner();
        let told = outbox::ack(&self.db, confirmation(OWN, &request.consumer, request.outbox_ids)).await;
        told.map(Response::new).map_err(Failure::into_status)
    }
}

/// A producer and a consumer, each with a database of its own, and Redis between them.
struct Pair {
    from: TestDb,
    to: TestDb,
    redis: Redis,
    producer: Producer,
    relay: Running,
}

impl Pair {
    async fn new(number: u8) -> Self {
        let (from, to, redis) = (TestDb::new().await, TestDb::new().await, redis(number).await);
        let producer = Producer { db: from.db(4), hangs: Arc::default(), asked: Arc::default() };
        let relay = Running::start(from.db(4), redis.clone(), "svc-auth", None);
        Self { from, to, redis, producer, relay }
    }

    fn consumer(&self) -> Consumer {
        let upstream = local(OWN, AuthEventServiceServer::new(self.producer.clone()));
        let mesh = Mesh::new(OWN, [("svc-auth".to_owned(), upstream)].into());
        Consumer::new(self.to.db(4), self.redis.clone(), mesh, OWN)
    }

    async fn confirmed(&self) -> i64 {
        self.from.number("SELECT count(*) FROM outbox WHERE acked_at IS NOT NULL").await
    }

    async fn effects(&self) -> i64 {
        self.to.number("SELECT sum(n) FROM tally").await
    }

    /// As if half a minute had passed without a confirmation.
    async fn publish_again(&self) {
        self.from.sql("UPDATE outbox SET published_at = published_at - interval '31 seconds'").await;
    }

    async fn entries(&self) -> i64 {
        let mut entries = 0;
        for shard in 0..events::SHARDS {
            let length: i64 = self.redis.run(redis::cmd("XLEN").arg(events::stream("svc-auth", shard))).await.unwrap();
            entries += length;
        }
        entries
    }
}

/// A consumer at work. Dropped, it dies at once, wherever it is.
struct Working {
    work: tokio::task::JoinHandle<()>,
    shutdown: Shutdown,
}

#[expect(clippy::disallowed_methods, reason = "a process that can be killed")]
fn work(consumer: Consumer) -> Working {
    let shutdown = Shutdown::new();
    Working { work: tokio::spawn(consumer.run(shutdown.clone())), shutdown }
}

impl Working {
    async fn stop(self) {
        self.shutdown.begin();
        tokio::time::timeout(Duration::from_secs(5), self.work).await.expect("it ended").unwrap();
    }

    fn kill(self) {
        self.work.abort();
    }
}

fn counts(consumer: Consumer) -> Consumer {
    consumer.on("svc-auth", KIND, |tx: &mut Tx, event: &EventRow| {
        Box::pin(async move {
            // In the event's own workspace, or row security would refuse it.
            add_note(tx, event.workspace, "seen").await?;
            count(tx, &event.event_id.to_string()).await
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_72_each_event_is_applied_once_in_its_workspace_and_confirmed() {
    // trust: INV-72
    let pair = Pair::new(7).await;
    let consumer = work(counts(pair.consumer()));
    let db = pair.from.db(4);
    for n in 0..40 {
        tell(&db, workspace(), KIND, n).await;
    }
    eventually("all are confirmed", async || (pair.confirmed().await == 40).then_some(())).await;
    assert_eq!(pair.to.number("SELECT count(*) FROM tally WHERE n = 1").await, 40);
    assert_eq!(pair.to.number("SELECT count(DISTINCT workspace_id) FROM note").await, 40);
    // Published a second time, though confirmed.
    pair.from.sql("UPDATE outbox SET published_at = NULL").await;
    eventually("all came again", async || (pair.entries().await >= 80).then_some(())).await;
    let pending = async || {
        let mut pending = 0;
        for shard in 0..events::SHARDS {
            let stream = events::stream("svc-auth", shard);
            let groups: redis::streams::StreamInfoGroupsReply =
                pair.redis.run(redis::cmd("XINFO").arg("GROUPS").arg(stream)).await.unwrap();
            pending += groups.groups.iter().map(|g| g.pending + g.lag.unwrap_or(0)).sum::<usize>();
        }
        pending
    };
    eventually("all are finished with", async || (pending().await == 0).then_some(())).await;
    assert_eq!(pair.effects().await, 40);
    consumer.stop().await;
    pair.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_10_dying_between_effect_and_confirmation_has_one_effect() {
    // trust: F-10
    let pair = Pair::new(8).await;
    pair.producer.hangs.store(true, Ordering::SeqCst);
    let dying = work(counts(pair.consumer()));
    tell(&pair.from.db(2), workspace(), KIND, 1).await;
    // The effect is there, the producer was asked and has not answered: now it dies.
    eventually("the producer is told", async || (pair.producer.asked.load(Ordering::SeqCst) > 0).then_some(())).await;
    assert_eq!(pair.effects().await, 1);
    dying.kill();
    assert_eq!(pair.confirmed().await, 0);
    pair.producer.hangs.store(false, Ordering::SeqCst);
    let heir = work(counts(pair.consumer()));
    pair.publish_again().await;
    eventually("it is confirmed", async || (pair.confirmed().await == 1).then_some(())).await;
    assert_eq!(pair.effects().await, 1);
    heir.stop().await;
    pair.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_or_panics_is_tried_again_and_holds_up_nobody() {
    let pair = Pair::new(9).await;
    let heal = Arc::new(AtomicBool::new(false));
    let consumer = {
        let heal = heal.clone();
        work(pair.consumer().on("svc-auth", KIND, move |tx: &mut Tx, event: &EventRow| {
            let heal = heal.clone();
            Box::pin(async move {
                count(tx, &event.event_id.to_string()).await?;
                match event.object_version {
                    1 if !heal.load(Ordering::SeqCst) => panic!("on purpose"),
                    2 if !heal.load(Ordering::SeqCst) => Err(Failure::internal("on purpose")),
                    _ => Ok(()),
                }
            })
        }))
    };
    let db = pair.from.db(2);
    for n in 1..=10 {
        tell(&db, workspace(), KIND, n).await;
    }
    eventually("the others are confirmed", async || (pair.confirmed().await == 8).then_some(())).await;
    assert_eq!(pair.effects().await, 8, "a failed try leaves nothing");
    // However often they are published again meanwhile, one entry of each waits.
    pair.publish_again().await;
    heal.store(true, Ordering::SeqCst);
    eventually("all are confirmed", async || (pair.confirmed().await == 10).then_some(())).await;
    assert_eq!(pair.effects().await, 10);
    consumer.stop().await;
    pair.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgot_everything_is_filled_from_the_outbox() {
    let pair = Pair::new(10).await;
    let consumer = work(counts(pair.consumer()));
    let db = pair.from.db(2);
    tell(&db, workspace(), KIND, 1).await;
    eventually("it is confirmed", async || (pair.confirmed().await == 1).then_some(())).await;
    // Streams and groups are gone while the consumer listens.
    pair.redis.run::<()>(&redis::cmd("FLUSHDB")).await.unwrap();
    tell(&db, workspace(), KIND, 2).await;
    eventually("the next is confirmed", async || (pair.confirmed().await == 2).then_some(())).await;
    assert_eq!(pair.effects().await, 2);
    consumer.stop().await;
    pair.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_passed_over_and_what_has_no_handler_stays_unconfirmed() {
    let pair = Pair::new(11).await;
    let stream = events::stream("svc-auth", 0);
    let junk = redis::cmd("XADD").arg(&stream).arg("*").arg("k").arg("junk").to_owned();
    pair.redis.run::<String>(&junk).await.unwrap();
    let consumer = work(counts(pair.consumer()));
    let db = pair.from.db(2);
    // svc-admin is listed as its consumer and has no handler here.
    tell(&db, workspace(), "audit.recorded", 1).await;
    // Nobody's business: done when published.
    tell(&db, workspace(), "session.revoked", 2).await;
    tell(&db, workspace(), KIND, 3).await;
    eventually("two are done", async || (pair.confirmed().await == 2).then_some(())).await;
    assert_eq!(pair.from.text("SELECT kind FROM outbox WHERE acked_at IS NULL").await, "audit.recorded");
    assert_eq!(pair.effects().await, 1);
    consumer.stop().await;
    pair.relay.stop().await;
}
