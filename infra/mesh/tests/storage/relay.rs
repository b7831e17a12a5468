//! The relay: from the outbox into Redis, whatever dies in between.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use futures::future::BoxFuture;
use neipix_mesh::{
    Failure, WorkspaceId,
    db::{Db, Tx},
    events,
    redis::{Redis, shard},
    relay::{Relay, Row, Sequencer},
    shutdown::Shutdown,
    tasks::Tasks,
};
use redis::streams::StreamRangeReply;
use tokio::sync::Notify;

use crate::{
    outbox::tell,
    support::{TestDb, eventually, no_redis, redis, soon, workspace},
};

/// A relay that ends with the test.
pub struct Running {
    tasks: Tasks,
    shutdown: Shutdown,
}

impl Running {
    pub fn start(db: Db, redis: Redis, service: &'static str, sequencer: Option<Arc<dyn Sequencer>>) -> Self {
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let until = shutdown.clone();
        let relay = Relay::new(db, redis, service, sequencer);
        tasks.spawn("relay", async move { relay.run(until).await });
        Self { tasks, shutdown }
    }

    pub async fn stop(self) {
        self.shutdown.begin();
        assert!(self.tasks.finish(Duration::from_secs(5)).await, "the relay ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// What lies in the stream of a workspace: versions in their order.
async fn versions(redis: &Redis, service: &str, ws: WorkspaceId) -> Vec<i64> {
    let stream = events::stream(service, shard(ws));
    let reply: StreamRangeReply = redis.run(redis::cmd("XRANGE").arg(stream).arg("-").arg("+")).await.unwrap();
    reply.ids.iter().map(|entry| entry.get::<i64>("v").unwrap()).collect()
}

async fn published(t: &TestDb) -> i64 {
    t.number("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL").await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_lie_in_their_shard_in_the_order_of_the_outbox_with_all_their_fields() {
    let t = TestDb::new().await;
    let (db, redis, ws) = (t.db(4), redis(1).await, workspace());
    let relay = Running::start(db.clone(), redis.clone(), "svc-auth", None);
    for version in 1..=20 {
        tell(&db, ws, "user.registered", version).await;
    }
    eventually("all are published", async || (published(&t).await == 20).then_some(())).await;
    assert_eq!(versions(&redis, "svc-auth", ws).await, (1..=20).collect::<Vec<i64>>());
    relay.stop().await;
    let stream = events::stream("svc-auth", shard(ws));
    let reply: StreamRangeReply =
        redis.run(redis::cmd("XRANGE").arg(stream).arg("-").arg("+").arg("COUNT").arg(1)).await.unwrap();
    let entry = &reply.ids[0];
    let mut fields: Vec<&str> = entry.map.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["id", "k", "o", "p", "t", "v", "ws"]);
    assert_eq!(entry.get::<String>("ws").unwrap(), ws.to_string());
    assert_eq!(entry.get::<String>("k").unwrap(), "user.registered");
    assert_eq!(entry.get::<String>("id").unwrap(), t.text("SELECT event_id FROM outbox WHERE id = 1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_consumes_is_done_at_once_and_goes_after_eight_days() {
    let t = TestDb::new().await;
    let (db, redis, ws) = (t.db(4), redis(2).await, workspace());
    let relay = Running::start(db.clone(), redis.clone(), "svc-chats", None);
    tell(&db, ws, "message.created", 1).await;
    tell(&db, ws, "user.registered", 2).await;
    eventually("both are looked at", async || (published(&t).await == 2).then_some(())).await;
    assert_eq!(t.text("SELECT kind FROM outbox WHERE acked_at IS NOT NULL").await, "message.created");
    assert_eq!(versions(&redis, "svc-chats", ws).await, [2], "only what somebody consumes goes out");
    t.sql("UPDATE outbox SET published_at = now() - interval '9 days', acked_at = acked_at - interval '9 days'").await;
    eventually("the old one is gone", async || (t.number("SELECT count(*) FROM outbox").await == 1).then_some(()))
        .await;
    assert_eq!(t.text("SELECT kind FROM outbox").await, "user.registered", "what is unconfirmed stays, however old");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_9_dying_between_publishing_and_marking_publishes_again() {
    // trust: F-9
    let t = TestDb::new().await;
    let (db, redis, ws) = (t.db(4), redis(3).await, workspace());
    // The mark fails: what is left is what a death after the publishing leaves.
    t.sql(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'died'; END $$; \
         CREATE TRIGGER die BEFORE UPDATE OF published_at ON outbox FOR EACH ROW EXECUTE FUNCTION die()",
    )
    .await;
    tell(&db, ws, "user.registered", 1).await;
    let dying = Running::start(db.clone(), redis.clone(), "svc-auth", None);
    eventually("it was published", async || (!versions(&redis, "svc-auth", ws).await.is_empty()).then_some(())).await;
    dying.stop().await;
    assert_eq!(published(&t).await, 0);
    let before = versions(&redis, "svc-auth", ws).await.len();
    t.sql("DROP TRIGGER die ON outbox").await;
    let relay = Running::start(t.db(4), redis.clone(), "svc-auth", None);
    eventually("it is marked", async || (published(&t).await == 1).then_some(())).await;
    assert_eq!(versions(&redis, "svc-auth", ws).await.len(), before + 1, "once more; consumers apply it once");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_is_marked_and_afterwards_nothing_is_missing() {
    let t = TestDb::new().await;
    let (db, redis, ws) = (t.db(4), redis(4).await, workspace());
    let deaf = Running::start(db.clone(), no_redis(), "svc-auth", None);
    for version in 1..=5 {
        tell(&db, ws, "user.registered", version).await;
    }
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database \
                 WHERE datname = current_database())";
    eventually("it tries", async || (t.number(locks).await >= 64).then_some(())).await;
    deaf.stop().await;
    assert_eq!(published(&t).await, 0);
    let relay = Running::start(t.db(4), redis.clone(), "svc-auth", None);
    eventually("all are published", async || (published(&t).await == 5).then_some(())).await;
    assert_eq!(versions(&redis, "svc-auth", ws).await, [1, 2, 3, 4, 5]);
    // Redis forgets: what is unconfirmed half a minute later comes again.
    redis.run::<()>(&redis::cmd("FLUSHDB")).await.unwrap();
    t.sql(
        "UPDATE outbox SET published_at = published_at - interval '31 seconds' WHERE id > 2; \
           UPDATE outbox SET acked_at = now() WHERE id = 5",
    )
    .await;
    let again = async || versions(&redis, "svc-auth", ws).await == [3, 4];
    eventually("the unconfirmed old ones come again", async || again().await.then_some(())).await;
    relay.stop().await;
}

/// Numbers rows as svc-chats does; trips over one workspace.
#[derive(Default)]
struct Numbers {
    refuses: Option<WorkspaceId>,
    committed: Mutex<Vec<WorkspaceId>>,
    /// Stops before its commit: says that it is there, and waits to be told.
    stops: Option<(Arc<Notify>, Arc<Notify>)>,
}

impl Numbers {
    fn new(refuses: Option<WorkspaceId>) -> Arc<Self> {
        Arc::new(Self { refuses, ..Self::default() })
    }
}

impl Sequencer for Numbers {
    fn sequence<'a>(&'a self, tx: &'a mut Tx, rows: &'a [Row]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for row in rows {
                if self.refuses == Some(row.workspace_id) {
                    return Err(Failure::internal("on purpose"));
                }
                diesel::sql_query("SELECT set_config('neipix.workspace_id', $1, true)")
                    .bind::<Text, _>(row.workspace_id.to_string())
                    .execute(tx)
                    .await?;
                diesel::sql_query(
                    "WITH head AS (INSERT INTO number_head (workspace_id, last_seq) VALUES ($1, 1) \
                     ON CONFLICT (workspace_id) DO UPDATE SET last_seq = number_head.last_seq + 1 RETURNING last_seq) \
                     INSERT INTO number (workspace_id, seq, event_id) SELECT $1, last_seq, $2 FROM head",
                )
                .bind::<SqlUuid, _>(row.workspace_id)
                .bind::<SqlUuid, _>(row.event_id)
                .execute(tx)
                .await?;
            }
            if let Some((inside, go)) = &self.stops {
                inside.notify_one();
                go.notified().await;
            }
            Ok(())
        })
    }

    fn committed(&self, workspace: WorkspaceId) {
        self.committed.lock().unwrap().push(workspace);
    }
}

/// Numbers of each workspace are dense, in the outbox's order, one per event.
const DISORDER: &str = "SELECT count(*) FROM (SELECT n.seq, row_number() OVER (PARTITION BY o.workspace_id ORDER BY o.id) AS place \
                        FROM outbox o LEFT JOIN number n USING (workspace_id, event_id)) x WHERE seq IS DISTINCT FROM place";

#[tokio::test(flavor = "multi_thread")]
async fn inv_70_numbers_are_dense_and_one_bad_workspace_does_not_hold_up_the_others() {
    // trust: INV-70
    let t = TestDb::new().await;
    let (db, redis, bad, good) = (t.db(6), redis(5).await, workspace(), [workspace(), workspace(), workspace()]);
    let numbers = Numbers::new(Some(bad));
    let relay = Running::start(db.clone(), redis.clone(), "svc-chats", Some(numbers.clone()));
    for n in 0..30 {
        tell(&db, bad, "message.created", n).await;
        tell(&db, good[usize::try_from(n % 3).unwrap()], "message.created", n).await;
    }
    let numbers_of = "SELECT count(*) FROM number";
    eventually("the good ones have numbers", async || (t.number(numbers_of).await == 30).then_some(())).await;
    eventually("other services hear of all", async || (published(&t).await == 60).then_some(())).await;
    let unnumbered = format!("SELECT count(*) FROM outbox WHERE sequenced_at IS NULL AND workspace_id = '{bad}'");
    assert_eq!(t.number(&unnumbered).await, 30, "clients are not shown what has no number");
    assert!(good.iter().all(|ws| numbers.committed.lock().unwrap().contains(ws)));
    relay.stop().await;
    // Mended, it catches up.
    let relay = Running::start(db, redis, "svc-chats", Some(Numbers::new(None)));
    eventually("all have numbers", async || (t.number(numbers_of).await == 60).then_some(())).await;
    assert_eq!(t.number(DISORDER).await, 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_70_a_writer_that_dies_is_followed_and_no_event_has_two_numbers() {
    // trust: INV-70
    let t = TestDb::new().await;
    let (redis, tenants) = (redis(6).await, [workspace(), workspace(), workspace(), workspace()]);
    let writer = t.db(6);
    let relays = [
        Running::start(t.db(6), redis.clone(), "svc-chats", Some(Numbers::new(None))),
        Running::start(t.db(6), redis.clone(), "svc-chats", Some(Numbers::new(None))),
    ];
    let locked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND database = \
                  (SELECT oid FROM pg_database WHERE datname = current_database())";
    for round in 0..4 {
        eventually("all shards have a writer", async || (t.number(locked).await == 64).then_some(())).await;
        for n in 0..40 {
            tell(&writer, tenants[n % 4], "message.created", round).await;
            if n == 20 {
                // Whoever holds the locks loses its connection, in the middle of its work.
                t.sql("SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' \
                       AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) x")
                    .await;
            }
        }
    }
    eventually("all are out", async || (published(&t).await == 160).then_some(())).await;
    // Publishing does not wait for numbers, nor the other way round.
    eventually("all are numbered", async || (t.number("SELECT count(*) FROM number").await == 160).then_some(())).await;
    assert_eq!(t.number("SELECT count(DISTINCT event_id) FROM number").await, 160);
    assert_eq!(t.number(DISORDER).await, 0);
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_70_a_writer_that_lost_its_locks_in_the_middle_of_its_work_numbers_nothing_twice() {
    // trust: INV-70
    let t = TestDb::new().await;
    let (redis, ws) = (redis(12).await, workspace());
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = Numbers { stops: Some((inside.clone(), go.clone())), ..Numbers::default() };
    let old = Running::start(t.db(4), redis.clone(), "svc-chats", Some(Arc::new(slow)));
    for n in 1..=5 {
        tell(&t.db(1), ws, "message.created", n).await;
    }
    soon("the writer is in the middle", inside.notified()).await;
    // Its locks fall, its transaction does not.
    t.sql(
        "SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' \
           AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) x",
    )
    .await;
    let heir = Running::start(t.db(4), redis.clone(), "svc-chats", Some(Numbers::new(None)));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("the heir is at the same rows", async || (t.number(waits).await > 0).then_some(())).await;
    go.notify_one();
    eventually("all are out", async || (published(&t).await == 5).then_some(())).await;
    // The old one may be at further rows by now; it is not to wait there.
    let let_go = async || {
        go.notify_one();
        (t.number("SELECT count(*) FROM outbox WHERE sequenced_at IS NOT NULL").await == 5).then_some(())
    };
    eventually("all are numbered", let_go).await;
    assert_eq!(t.number("SELECT count(*) FROM number").await, 5);
    assert_eq!(t.number(DISORDER).await, 0);
    go.notify_one();
    old.stop().await;
    heir.stop().await;
}
