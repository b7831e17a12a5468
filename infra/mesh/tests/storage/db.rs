//! Transactions, tenants and the pool.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use diesel_async::SimpleAsyncConnection as _;
use futures::FutureExt as _;
use neipix_mesh::{
    Failure, WorkspaceId,
    db::{Db, Keep as _, Tx, constraint_name, retry_error},
    migrate,
};
use neipix_proto::access::v1::ErrorReason;
use tokio::{sync::Barrier, task::coop};

use crate::support::{MIGRATIONS, TestDb, add_note, count, eventually, execute, number, soon, workspace};

async fn notes(db: &Db, ws: WorkspaceId) -> i64 {
    db.in_workspace_id(ws, "test.notes", async |tx: &mut Tx| {
        Ok::<_, Failure>(number(tx, "SELECT count(*) FROM note").await?)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t_6_a_row_of_another_workspace_is_refused_and_partitions_are_closed() {
    // trust: T-6
    let t = TestDb::new().await;
    let (mine, theirs) = (workspace(), workspace());
    let written =
        t.db(2).in_workspace_id(mine, "test.write", async |tx: &mut Tx| add_note(tx, theirs, "x").await).await;
    let error = format!("{:?}", written.unwrap_err());
    assert!(error.contains("row-level security"), "{error}");
    assert_eq!(t.number("SELECT count(*) FROM note").await, 0);

    let partition =
        t.text("SELECT relname FROM pg_class WHERE relispartition AND relname LIKE 'tale_20%' LIMIT 1").await;
    for sql in [
        format!("SELECT count(*) FROM {partition}"),
        format!("SELECT max(amount) FROM {partition}"),
        "SELECT count(*) FROM tale_default".to_owned(),
    ] {
        let db = t.db(1);
        let read = db.in_workspace_id(mine, "test.read", async |tx: &mut Tx| Ok::<_, Failure>(number(tx, &sql).await?));
        let error = format!("{:?}", read.await.unwrap_err());
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_42_without_a_context_every_tenant_table_is_empty() {
    // trust: INV-42
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    db.in_workspace_id(ws, "test.write", async |tx: &mut Tx| add_note(tx, ws, "mine").await).await.unwrap();
    assert_eq!(notes(&db, ws).await, 1);
    assert_eq!(notes(&db, workspace()).await, 0);
    let platform = db.platform("test.platform", async |tx: &mut Tx| {
        Ok::<_, Failure>(number(tx, "SELECT count(*) FROM note").await?)
    });
    assert_eq!(platform.await.unwrap(), 0);
    // Never set, and set by a transaction that is over: the second reads as an empty string.
    let mut service = crate::support::connect(&t.service_url()).await;
    assert_eq!(number(&mut service, "SELECT count(*) FROM note").await.unwrap(), 0);
    let over = format!("BEGIN; SELECT set_config('neipix.workspace_id', '{ws}', true); COMMIT");
    service.batch_execute(&over).await.unwrap();
    assert_eq!(number(&mut service, "SELECT count(*) FROM note").await.unwrap(), 0);
    assert_eq!(number(&mut service, "SELECT count(*) FROM idempotency_record").await.unwrap(), 0);
}

/// What becomes of a request in the mix of T-7.
async fn one_of_many(db: &Db, ws: WorkspaceId, n: u32) -> Result<(), String> {
    let work = db.in_workspace_id(ws, "test.mix", async |tx: &mut Tx| {
        if n.is_multiple_of(10) || matches!(n % 20, 7 | 11) {
            add_note(tx, ws, "x").await?;
        }
        let foreign = number(tx, &format!("SELECT count(*) FROM note WHERE workspace_id <> '{ws}'")).await?;
        if foreign > 0 {
            return Err(Failure::internal(format!("{foreign} foreign rows")));
        }
        match n % 20 {
            7 => panic!("on purpose"),
            11 => std::future::pending::<()>().await,
            _ => {}
        }
        Ok(())
    });
    match n % 20 {
        7 => std::panic::AssertUnwindSafe(work).catch_unwind().await.map_or(Ok(()), |_| Err("no panic".to_owned())),
        11 => tokio::time::timeout(Duration::from_millis(2), work).await.map_or(Ok(()), |_| Err("ended".to_owned())),
        _ => work.await.map_err(|e| format!("{e:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_7_two_tenants_on_two_connections_never_see_each_other() {
    // trust: T-7
    const REQUESTS: u32 = 10_000;
    std::panic::set_hook(Box::new(|info| {
        if info.payload_as_str() != Some("on purpose") {
            eprintln!("{info}");
        }
    }));
    let t = TestDb::new().await;
    let (db, tenants) = (t.db(2), [workspace(), workspace()]);
    let next = AtomicU32::new(0);
    let workers = (0..8).map(|_| async {
        loop {
            let n = next.fetch_add(1, Ordering::SeqCst);
            if n >= REQUESTS {
                return;
            }
            // Seen by one tenant, then by the other: every kind of end comes before every kind of request.
            let ws = tenants[usize::from(n.is_multiple_of(3))];
            if let Err(error) = one_of_many(&db, ws, n).await {
                panic!("request {n}: {error}");
            }
        }
    });
    futures::future::join_all(workers).await;
    let kept = notes(&db, tenants[0]).await + notes(&db, tenants[1]).await;
    assert_eq!(kept, i64::from(REQUESTS / 10), "each finished request wrote its row, none of the cut ones did");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_transaction_takes_its_connection_with_it() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    let cut = db.in_workspace_id(ws, "test.cut", async |tx: &mut Tx| {
        add_note(tx, ws, "half").await?;
        std::future::pending::<()>().await;
        Ok::<_, Failure>(())
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), cut).await.is_err());
    // The only place of the pool is free again, on another connection.
    assert_eq!(notes(&db, ws).await, 0);
    let inside =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
    eventually("no transaction is left open", async || (t.number(inside).await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_tried_again_three_times_and_no_more() {
    let t = TestDb::new().await;
    let (db, ws, runs) = (t.db(2), workspace(), AtomicU32::new(0));
    let soon = db.in_workspace_id(ws, "test.soon", async |tx: &mut Tx| {
        add_note(tx, ws, "once").await?;
        if runs.fetch_add(1, Ordering::SeqCst) < 3 { Err(retry_error().into()) } else { Ok::<_, Failure>(()) }
    });
    soon.await.unwrap();
    assert_eq!((runs.load(Ordering::SeqCst), notes(&db, ws).await), (4, 1), "the tries before left nothing");

    runs.store(0, Ordering::SeqCst);
    let never = db.in_workspace_id(ws, "test.never", async |_: &mut Tx| {
        runs.fetch_add(1, Ordering::SeqCst);
        Err::<(), Failure>(retry_error().into())
    });
    never.await.unwrap_err();
    assert_eq!(runs.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_24_a_deadlock_ends_well_for_both() {
    // trust: F-24
    let t = TestDb::new().await;
    t.sql("INSERT INTO tally (name) VALUES ('a'), ('b')").await;
    let (db, meet) = (t.db(2), Arc::new(Barrier::new(2)));
    let runs = AtomicU32::new(0);
    let work = async |first: &'static str, second: &'static str| {
        db.platform("test.deadlock", async |tx: &mut Tx| {
            count(tx, first).await?;
            // Both hold their first row the first time; a repeat goes alone.
            if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                meet.wait().await;
            }
            count(tx, second).await
        })
        .await
    };
    let (one, other) = tokio::join!(work("a", "b"), work("b", "a"));
    one.unwrap();
    other.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(t.number("SELECT sum(n) FROM tally").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swallowed_error_is_no_commit() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    let swallowed = db.in_workspace_id(ws, "test.swallow", async |tx: &mut Tx| {
        add_note(tx, ws, "lost").await?;
        let refused = execute(tx, "INSERT INTO note SELECT workspace_id, id, '' FROM note").await;
        assert_eq!(constraint_name(&refused.unwrap_err()), Some("note_text_ck"));
        Ok::<_, Failure>(())
    });
    let error = swallowed.await.expect_err("Postgres rolled it back: saying so is the least");
    assert!(error.is(ErrorReason::Internal), "{error:?}");
    assert_eq!(notes(&db, ws).await, 0, "and the pool works on");
}

const LAST: &str = "INSERT INTO note (workspace_id, id, text) VALUES ($1, gen_random_uuid(), $2)";

/// A note as its transaction's last statement, behind another one.
async fn last_note(db: &Db, ws: WorkspaceId, text: &str) -> Result<(), Failure> {
    db.in_workspace_id(ws, "test.last", async |tx: &mut Tx| {
        add_note(tx, ws, "first").await?;
        add_last(tx, ws, text).await
    })
    .await
}

async fn add_last(mut tx: &Tx, ws: WorkspaceId, text: &str) -> Result<(), Failure> {
    tx.last(LAST);
    let last =
        diesel::sql_query(LAST).bind::<diesel::sql_types::Uuid, _>(ws).bind::<diesel::sql_types::Text, _>(text).kept();
    diesel_async::RunQueryDsl::execute(last, &mut tx).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_statement_is_committed_with_its_transaction_or_not_at_all() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    // Prepared by the first run; from the second on COMMIT goes with it.
    for done in 1..=3 {
        last_note(&db, ws, "last").await.unwrap();
        assert_eq!(t.number("SELECT count(*) FROM note").await, 2 * done, "seen by others once it is answered");
    }
    for _ in 0..2 {
        last_note(&db, ws, "").await.expect_err("a note has a text");
    }
    assert_eq!(notes(&db, ws).await, 6, "what came before it went with it, and the pool works on");
    last_note(&db, ws, "last").await.unwrap();
    assert_eq!(notes(&db, ws).await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_statement_is_not_overtaken_by_its_commit() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    last_note(&db, ws, "known").await.unwrap();
    // A task that has used up its share of polls is held back wherever it asks.
    let busy = db.in_workspace_id(ws, "test.busy", async |tx: &mut Tx| {
        while coop::has_budget_remaining() {
            assert!(coop::consume_budget().now_or_never().is_some());
        }
        add_last(tx, ws, "busy").await
    });
    busy.await.unwrap();
    // A statement before it is still being prepared.
    let crowded = db.in_workspace_id(ws, "test.crowded", async |tx: &mut Tx| {
        let (mut before, last) = (&*tx, &*tx);
        let before = number(&mut before, "SELECT 1");
        futures::future::try_join(async { Ok(before.await?) }, add_last(last, ws, "crowded")).await?;
        Ok::<_, Failure>(())
    });
    crowded.await.unwrap();
    assert_eq!(notes(&db, ws).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_nobody_waited_for_is_no_commit() {
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    let left = db.in_workspace_id(ws, "test.left", async |tx: &mut Tx| {
        add_note(tx, ws, "lost").await?;
        // Sent when it is polled first.
        assert!(add_note(tx, ws, "unheard").now_or_never().is_none());
        Ok::<_, Failure>(())
    });
    let error = left.await.expect_err("nobody knows what came of it");
    assert!(error.is(ErrorReason::Internal), "{error:?}");
    assert_eq!(notes(&db, ws).await, 0, "and the pool works on");
}

#[tokio::test(flavor = "multi_thread")]
async fn unhurried_transactions_leave_connections_to_the_others() {
    let t = TestDb::new().await;
    let db = t.db(std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1);
    let (unhurried, ws, many) = (db.unhurried(), workspace(), 32);
    let (runs, most) = (AtomicU32::new(0), AtomicU32::new(0));
    let work = async || {
        let body = async |tx: &mut Tx| {
            most.fetch_max(runs.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let added = add_note(tx, ws, "x").await;
            runs.fetch_sub(1, Ordering::SeqCst);
            added
        };
        unhurried.in_workspace_id(ws, "test.unhurried", body).await.unwrap();
    };
    futures::future::join_all((0..many).map(|_| work())).await;
    assert_eq!(notes(&db, ws).await, many);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    assert!(
        usize::try_from(most.into_inner()).unwrap() <= processors.div_ceil(2),
        "half of the processors, at least one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhurried_transaction_that_waits_for_its_commit_stands_in_nobodys_way() {
    let t = TestDb::new().await;
    let places = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).div_ceil(2);
    let (db, ws) = (t.db(places + 1), workspace());
    // Each connection knows the statement, so that COMMIT goes with it.
    let all = Barrier::new(places + 1);
    let known = (0..=places).map(|_| async {
        let body = async |tx: &mut Tx| {
            number(tx, "SELECT 1").await?;
            all.wait().await;
            add_last(tx, ws, "known").await
        };
        db.in_workspace_id(ws, "test.known", body).await.unwrap();
    });
    futures::future::join_all(known).await;
    t.sql(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
           WHEN (NEW.text = 'slow') EXECUTE FUNCTION wait()",
    )
    .await;
    let mut disk = t.owner().await;
    disk.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let unhurried = db.unhurried();
    let slow = (0..places).map(|_| last_note(&unhurried, ws, "slow"));
    let quick = async {
        eventually("all places wait for their commit", async || {
            let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7 \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            (t.number(waiting).await == i64::try_from(places).unwrap()).then_some(())
        })
        .await;
        soon("a quick one", last_note(&unhurried, ws, "quick")).await.unwrap();
        disk.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    };
    let (slow, ()) = futures::future::join(futures::future::join_all(slow), quick).await;
    slow.into_iter().for_each(|done| done.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhurried_transaction_that_waits_for_a_lock_stands_in_nobodys_way() {
    let t = TestDb::new().await;
    let places = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).div_ceil(2);
    let (db, ws) = (t.db(places + 1), workspace());
    let mut locker = t.owner().await;
    locker.batch_execute("SELECT pg_advisory_lock(9)").await.unwrap();
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 9 \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let (all, unhurried) = (i64::try_from(places).unwrap(), db.unhurried());
    let slow = (0..places).map(|_| {
        unhurried.in_workspace_id(ws, "test.slow", async |tx: &mut Tx| {
            let locked = number(tx, "SELECT count(*) FROM (SELECT pg_advisory_xact_lock(9)) AS locked").await?;
            Ok::<_, Failure>(locked)
        })
    });
    let quick = async {
        eventually("all places wait for the lock", async || (t.number(waiting).await == all).then_some(())).await;
        unhurried.in_workspace_id(ws, "test.quick", async |tx: &mut Tx| add_note(tx, ws, "quick").await).await.unwrap();
        assert_eq!(t.number(waiting).await, all, "it went while they wait");
        locker.batch_execute("SELECT pg_advisory_unlock(9)").await.unwrap();
    };
    let (slow, ()) = futures::future::join(futures::future::join_all(slow), quick).await;
    slow.into_iter().for_each(|done| assert_eq!(done.unwrap(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn f_24_an_exhausted_pool_says_unavailable_soon_and_recovers() {
    // trust: F-24
    let t = TestDb::new().await;
    let (db, ws) = (t.db(1), workspace());
    let (holds, may_end) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let holder = {
        let (db, holds, may_end) = (db.clone(), holds.clone(), may_end.clone());
        async move {
            db.in_workspace_id(ws, "test.hold", async |_: &mut Tx| {
                holds.wait().await;
                may_end.wait().await;
                Ok::<_, Failure>(())
            })
            .await
        }
    };
    let late = async {
        holds.wait().await;
        let began = Instant::now();
        let refused = db.in_workspace_id(ws, "test.late", async |_: &mut Tx| Ok::<_, Failure>(())).await.unwrap_err();
        assert!(refused.is(ErrorReason::Unavailable) && refused.retry_after().is_some(), "{refused:?}");
        assert!(began.elapsed() < Duration::from_millis(2_800), "{:?}", began.elapsed());
        may_end.wait().await;
    };
    let (held, ()) = tokio::join!(holder, late);
    held.unwrap();
    assert_eq!(notes(&db, ws).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_24_connections_that_died_in_the_pool_are_replaced_unseen() {
    // trust: F-24
    let t = TestDb::new().await;
    let (db, ws, meet) = (t.db(3), workspace(), Barrier::new(3));
    let open = || {
        db.in_workspace_id(ws, "test.open", async |_: &mut Tx| {
            meet.wait().await;
            Ok::<_, Failure>(())
        })
    };
    let (a, b, c) = tokio::join!(open(), open(), open());
    for done in [a, b, c] {
        done.unwrap();
    }
    t.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sample_service' AND datname = current_database()")
        .await;
    assert_eq!(notes(&db, ws).await, 0);
    assert!(db.ping().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_24_a_read_only_database_is_unavailable() {
    // trust: F-24
    let t = TestDb::new().await;
    t.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", t.name())).await;
    let (db, ws) = (t.db(1), workspace());
    let written = db.in_workspace_id(ws, "test.write", async |tx: &mut Tx| add_note(tx, ws, "x").await).await;
    assert!(written.unwrap_err().is(ErrorReason::Unavailable));
    assert_eq!(notes(&db, ws).await, 0, "reads go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_not_ready_before_its_schema_is() {
    let t = TestDb::bare().await;
    let db = t.db(2);
    assert!(db.ping().await);
    db.need_schema(migrate::newest(&MIGRATIONS).unwrap());
    assert!(!db.ping().await);
    migrate::run(&t.owner_url(), "sample", MIGRATIONS).await.unwrap();
    assert!(db.ping().await);
    assert_eq!(db.schema_version().await.unwrap(), "20260101000001");
}
