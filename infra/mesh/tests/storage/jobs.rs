//! Durable jobs: leases, attempts, wake-ups.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use neipix_mesh::{
    Failure, WorkspaceId,
    db::{Db, Tx},
    jobs::{self, Job, JobEnd, JobPolicy, JobRun, Jobs, RunAt},
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::access::v1::ErrorReason;
use tokio::sync::{Notify, Semaphore};

use crate::support::{TestDb, count, eventually, soon, workspace};

fn job(key: &str, run_at: RunAt) -> Job {
    let payload = serde_json::json!({ "id": key });
    Job { workspace: WorkspaceId::PLATFORM, kind: "test.work", key: key.to_owned(), payload, run_at }
}

async fn enqueue(db: &Db, key: &str, run_at: RunAt) {
    db.platform("test.enqueue", async |tx: &mut Tx| jobs::enqueue(tx, job(key, run_at)).await).await.unwrap();
}

/// Workers of a test, ended with it.
struct Workers {
    tasks: Tasks,
    shutdown: Shutdown,
}

impl Workers {
    fn start(jobs: Jobs) -> Self {
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let (of_jobs, until) = (tasks.clone(), shutdown.clone());
        tasks.spawn("jobs", async move { jobs.run(of_jobs, until).await });
        Self { tasks, shutdown }
    }

    async fn stop(self) {
        self.shutdown.begin();
        assert!(self.tasks.finish(Duration::from_secs(8)).await, "the workers ended");
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

fn quick() -> JobPolicy {
    JobPolicy { backoff: Duration::from_millis(20), backoff_max: Duration::from_millis(60), ..JobPolicy::default() }
}

/// Counts its runs in the database, with its lease guarded.
fn counting(db: &Db) -> impl Fn(JobRun) -> futures::future::BoxFuture<'static, Result<JobEnd, Failure>> + use<> {
    let db = db.clone();
    move |run| {
        let db = db.clone();
        Box::pin(async move {
            let key = run.key.clone();
            let run = &run;
            db.platform("test.count", async |tx: &mut Tx| {
                run.guard(tx).await?;
                count(tx, &key).await
            })
            .await?;
            Ok(JobEnd::Done)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_committed_with_its_cause_or_not_at_all_and_runs_at_once() {
    let t = TestDb::new().await;
    let db = t.db(4);
    let workers = Workers::start(Jobs::new(db.clone(), "a").on("test.work", quick(), counting(&db)));
    let rolled_back = db.platform("test.back", async |tx: &mut Tx| {
        jobs::enqueue(tx, job("never", RunAt::Now)).await?;
        Err::<(), Failure>(Failure::not_found())
    });
    rolled_back.await.unwrap_err();
    enqueue(&db, "one", RunAt::Now).await;
    eventually("it ran", async || (t.number("SELECT n FROM tally WHERE name = 'one'").await == 1).then_some(())).await;
    eventually("its row is gone", async || (t.number("SELECT count(*) FROM job").await == 0).then_some(())).await;
    workers.stop().await;
    assert_eq!(t.number("SELECT count(*) FROM tally").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_job_whose_time_moves() {
    let t = TestDb::new().await;
    let db = t.db(2);
    enqueue(&db, "k", RunAt::In(Duration::from_secs(100))).await;
    enqueue(&db, "k", RunAt::In(Duration::from_secs(1_000))).await;
    assert_eq!(t.number("SELECT count(*) FROM job").await, 1);
    assert_eq!(t.number("SELECT (run_at > clock_timestamp() + interval '900 seconds')::int FROM job").await, 1);
    let moved = db.platform("test.move", async |tx: &mut Tx| {
        Ok::<_, Failure>((
            jobs::reschedule(tx, "k", RunAt::Now).await?,
            jobs::reschedule(tx, "unknown", RunAt::Now).await?,
        ))
    });
    assert_eq!(moved.await.unwrap(), (true, false));
    assert_eq!(t.number("SELECT (run_at <= clock_timestamp())::int FROM job").await, 1);
    db.platform("test.finish", async |tx: &mut Tx| jobs::finish(tx, "k").await).await.unwrap();
    assert_eq!(t.number("SELECT count(*) FROM job").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_run_each_of_many_jobs_once_and_within_their_places() {
    let t = TestDb::new().await;
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let policy = JobPolicy { at_once: 3, ..quick() };
    let worker = |name: &str| {
        let db = t.db(4);
        let (work, running, most) = (counting(&db), running.clone(), most.clone());
        Workers::start(Jobs::new(db, name).on("test.work", policy, move |run| {
            let (work, running, most) = (work(run), running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let end = work.await;
                running.fetch_sub(1, Ordering::SeqCst);
                end
            }
        }))
    };
    t.sql("INSERT INTO job (workspace_id, kind, key) SELECT '00000000-0000-0000-0000-000000000000', 'test.work', 'j' || n \
           FROM generate_series(1, 200) n")
        .await;
    let (a, b) = (worker("a"), worker("b"));
    eventually("all ran", async || (t.number("SELECT count(*) FROM job").await == 0).then_some(())).await;
    a.stop().await;
    b.stop().await;
    assert_eq!(t.number("SELECT count(*) FROM tally WHERE n = 1").await, 200);
    assert!((1..=6).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f_20_a_sleeper_changes_nothing_once_another_worker_has_its_job() {
    // trust: F-20
    let t = TestDb::new().await;
    let (asleep, wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let told = Arc::new(Mutex::new(vec![]));
    let db = t.db(4);
    let sleeper = {
        let (db, asleep, wake, told) = (db.clone(), asleep.clone(), wake.clone(), told.clone());
        Jobs::new(t.db(2), "sleeper").on("test.work", quick(), move |run: JobRun| {
            let (db, asleep, wake, told) = (db.clone(), asleep.clone(), wake.clone(), told.clone());
            async move {
                asleep.notify_one();
                wake.notified().await;
                let (run, key) = (&run, format!("{} late", run.key));
                let late = db.platform("test.late", async |tx: &mut Tx| {
                    run.guard(tx).await?;
                    count(tx, &key).await
                });
                let error = late.await.unwrap_err();
                told.lock().unwrap().push(error);
                Ok(JobEnd::Done)
            }
        })
    };
    let sleeper = Workers::start(sleeper);
    enqueue(&db, "k", RunAt::Now).await;
    soon("the sleeper has the job", asleep.notified()).await;
    assert_eq!(t.number("SELECT lease_epoch FROM job").await, 1);
    // Its lease runs out without a renewal, as under SIGSTOP.
    t.sql("UPDATE job SET lease_until = clock_timestamp() - interval '1 second'").await;
    let (working, may_end) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let successor = {
        let (work, working, may_end) = (counting(&db), working.clone(), may_end.clone());
        Jobs::new(t.db(2), "successor").on("test.work", quick(), move |run: JobRun| {
            let (work, working, may_end) = (work(run), working.clone(), may_end.clone());
            async move {
                working.notify_one();
                drop(may_end.acquire().await);
                work.await
            }
        })
    };
    let successor = Workers::start(successor);
    soon("the successor has the job", working.notified()).await;
    assert_eq!(t.number("SELECT lease_epoch FROM job").await, 2);
    wake.notify_one();
    let told = eventually("the sleeper was told", async || told.lock().unwrap().pop()).await;
    assert!(told.is(ErrorReason::Unavailable), "{told:?}");
    // Its end matched no row: the job is still the successor's.
    sleeper.stop().await;
    assert_eq!(t.number("SELECT lease_epoch FROM job").await, 2);
    may_end.add_permits(1);
    eventually("the successor finished", async || (t.number("SELECT count(*) FROM job").await == 0).then_some(()))
        .await;
    successor.stop().await;
    assert_eq!(t.text("SELECT string_agg(name || n, ' ') FROM tally").await, "k1");
}

#[tokio::test(flavor = "multi_thread")]
async fn f_20_a_worker_that_lost_its_lease_is_stopped_in_the_middle() {
    // trust: F-20
    struct Gone(Arc<AtomicBool>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let t = TestDb::new().await;
    let (gone, began) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let policy = JobPolicy { lease: Duration::from_millis(600), ..quick() };
    let db = t.db(2);
    let workers = {
        let (gone, began) = (gone.clone(), began.clone());
        Workers::start(Jobs::new(db.clone(), "a").on("test.work", policy, move |_| {
            let (gone, began) = (Gone(gone.clone()), began.clone());
            async move {
                let _gone = gone;
                began.notify_one();
                std::future::pending().await
            }
        }))
    };
    enqueue(&db, "k", RunAt::Now).await;
    soon("the handler began", began.notified()).await;
    // It lives through several leases while it is renewed …
    let until = "SELECT (lease_until > clock_timestamp())::int FROM job";
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(t.number(until).await, 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!gone.load(Ordering::SeqCst));
    // … and no longer than until it hears that the job is another's.
    t.sql("UPDATE job SET lease_epoch = lease_epoch + 1, lease_until = clock_timestamp() + interval '1 hour'").await;
    eventually("the handler is dropped", async || gone.load(Ordering::SeqCst).then_some(())).await;
    workers.stop().await;
    assert_eq!(t.number("SELECT attempts * 10 + lease_epoch FROM job").await, 12, "it wrote nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_panics_are_tried_again_with_pauses_then_the_job_is_dead_until_revived() {
    let t = TestDb::new().await;
    let (db, tries, heal) = (t.db(4), Arc::new(Mutex::new(vec![])), Arc::new(AtomicBool::new(false)));
    let policy = JobPolicy { attempts_max: 4, ..quick() };
    let workers = {
        let (tries, heal) = (tries.clone(), heal.clone());
        Workers::start(Jobs::new(db.clone(), "a").on("test.work", policy, move |run: JobRun| {
            // Panics before its first await, too.
            assert!(run.attempts != 2 || heal.load(Ordering::SeqCst), "on purpose");
            let (tries, heal) = (tries.clone(), heal.clone());
            async move {
                tries.lock().unwrap().push((run.attempts, Instant::now()));
                if heal.load(Ordering::SeqCst) { Ok(JobEnd::Done) } else { Err(Failure::invalid("x", "must not fail")) }
            }
        }))
    };
    enqueue(&db, "k", RunAt::Now).await;
    let dead = eventually("it is dead", async || jobs::dead(&db, 10).await.unwrap().pop()).await;
    assert_eq!((dead.key.as_str(), dead.attempts), ("k", 4));
    assert!(dead.last_error.contains("must not fail"), "{}", dead.last_error);
    let seen = tries.lock().unwrap().clone();
    assert_eq!(seen.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(seen[2].1 - seen[1].1 >= Duration::from_millis(44), "60 ms less a quarter of jitter");
    heal.store(true, Ordering::SeqCst);
    assert_eq!(jobs::revive(&db, &[dead.id, 999_999]).await.unwrap(), 1);
    eventually("it is done", async || (t.number("SELECT count(*) FROM job").await == 0).then_some(())).await;
    assert!(jobs::dead(&db, 10).await.unwrap().is_empty());
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_is_dead_in_the_end() {
    let t = TestDb::new().await;
    let db = t.db(2);
    // As its last worker left it: taken for the last time, and the lease ran out.
    t.sql(
        "INSERT INTO job (workspace_id, kind, key, attempts, lease_epoch, lease_until) VALUES \
           ('00000000-0000-0000-0000-000000000000', 'test.work', 'k', 3, 3, clock_timestamp() - interval '1 second')",
    )
    .await;
    let policy = JobPolicy { attempts_max: 3, ..quick() };
    let workers = Workers::start(Jobs::new(db.clone(), "a").on("test.work", policy, counting(&db)));
    let dead = eventually("it is dead", async || jobs::dead(&db, 10).await.unwrap().pop()).await;
    assert!(dead.last_error.contains("worker died"), "{}", dead.last_error);
    workers.stop().await;
    assert_eq!(t.number("SELECT count(*) FROM tally").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_while_it_runs_runs_again() {
    let t = TestDb::new().await;
    let (db, began, go) = (t.db(4), Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let workers = {
        let (work, began, go) = (counting(&db), began.clone(), go.clone());
        Workers::start(Jobs::new(db.clone(), "a").on("test.work", quick(), move |run| {
            let (work, began, go) = (work(run), began.clone(), go.clone());
            async move {
                began.notify_one();
                go.acquire().await.unwrap().forget();
                work.await
            }
        }))
    };
    enqueue(&db, "k", RunAt::Now).await;
    soon("the handler began", began.notified()).await;
    enqueue(&db, "k", RunAt::Now).await;
    go.add_permits(1);
    soon("the handler began", began.notified()).await;
    go.add_permits(1);
    eventually("it is done", async || (t.number("SELECT count(*) FROM job").await == 0).then_some(())).await;
    workers.stop().await;
    assert_eq!(t.number("SELECT n FROM tally").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn again_is_no_failure_and_a_time_is_kept() {
    let t = TestDb::new().await;
    let (db, runs) = (t.db(2), Arc::new(Mutex::new(vec![])));
    let workers = {
        let runs = runs.clone();
        Workers::start(Jobs::new(db.clone(), "a").on("test.work", quick(), move |run: JobRun| {
            let runs = runs.clone();
            async move {
                runs.lock().unwrap().push((run.attempts, Instant::now()));
                let first = runs.lock().unwrap().len() < 3;
                Ok(if first { JobEnd::Again(Duration::from_millis(300)) } else { JobEnd::Done })
            }
        }))
    };
    let asked = Instant::now();
    enqueue(&db, "k", RunAt::In(Duration::from_millis(300))).await;
    eventually("it is done", async || (t.number("SELECT count(*) FROM job").await == 0).then_some(())).await;
    workers.stop().await;
    let runs = runs.lock().unwrap().clone();
    assert!(runs.iter().all(|(attempt, _)| *attempt == 1), "{runs:?}");
    for (earlier, later) in std::iter::once(asked).chain(runs.iter().map(|r| r.1)).zip(runs.iter().map(|r| r.1)) {
        assert!(later - earlier >= Duration::from_millis(299), "never before its time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_gives_back_what_it_cannot_finish() {
    let t = TestDb::new().await;
    let (db, began) = (t.db(2), Arc::new(Notify::new()));
    let workers = {
        let began = began.clone();
        Workers::start(Jobs::new(db.clone(), "a").on("test.work", quick(), move |_| {
            began.notify_one();
            std::future::pending()
        }))
    };
    enqueue(&db, "k", RunAt::Now).await;
    soon("the handler began", began.notified()).await;
    workers.stop().await;
    assert_eq!(t.number("SELECT (lease_until IS NULL AND attempts = 0)::int FROM job").await, 1, "at once, and free");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_the_future_do_not_slow_the_look_for_what_is_due() {
    let t = TestDb::new().await;
    t.sql(
        "INSERT INTO job (workspace_id, kind, key, run_at) SELECT '00000000-0000-0000-0000-000000000000', 'test.work', \
           'later' || n, clock_timestamp() + interval '1 day' FROM generate_series(1, 50000) n; ANALYZE job",
    )
    .await;
    let db = t.db(4);
    let workers = Workers::start(Jobs::new(db.clone(), "a").on("test.work", quick(), counting(&db)));
    enqueue(&db, "now", RunAt::Now).await;
    eventually("it ran", async || (t.number("SELECT count(*) FROM tally").await == 1).then_some(())).await;
    workers.stop().await;
    // Sessions report what they read when they end.
    drop(db);
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'sample_service'";
    eventually("the sessions ended", async || (t.number(sessions).await == 0).then_some(())).await;
    let read =
        "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_all_tables WHERE relname = 'job' AND schemaname = 'sample'";
    let read = eventually("their report", async || Some(t.number(read).await).filter(|n| *n > 0)).await;
    assert!(read < 1_000, "{read} rows read for one job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_job_carries_its_workspace_and_ids() {
    let t = TestDb::new().await;
    let (db, ws, seen) = (t.db(2), workspace(), Arc::new(Mutex::new(None)));
    let workers = {
        let seen = seen.clone();
        Workers::start(Jobs::new(db.clone(), "a").on("test.work", quick(), move |run: JobRun| {
            *seen.lock().unwrap() = Some((run.workspace_id, run.text("id").to_owned(), run.text("absent").to_owned()));
            async { Ok(JobEnd::Done) }
        }))
    };
    let queued = db.in_workspace_id(ws, "test.enqueue", async |tx: &mut Tx| {
        jobs::enqueue(tx, Job { workspace: ws, ..job("k", RunAt::Now) }).await
    });
    queued.await.unwrap();
    let seen = eventually("it ran", async || seen.lock().unwrap().take()).await;
    assert_eq!(seen, (ws, "k".to_owned(), String::new()));
    workers.stop().await;
}
