//! The workers of one service: one look for all kinds, then each job on a task of its own.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{sync::Notify, time::Instant};

use super::{
    JobEnd, JobPolicy, JobRun,
    lease::{self, Next, Room},
};
use crate::{db::Db, failure::Failure, shutdown::Shutdown, tasks::Tasks};

/// The net under the wake-up.
const POLL: Duration = Duration::from_millis(500);
/// How long a running job may go on after shutdown has begun, before another process gets it.
const DRAIN: Duration = Duration::from_secs(4);

type Handler = Arc<dyn Fn(JobRun) -> BoxFuture<'static, Result<JobEnd, Failure>> + Send + Sync>;

struct Kind {
    policy: JobPolicy,
    handler: Handler,
    running: AtomicUsize,
}

/// The workers of one service.
pub struct Jobs {
    db: Db,
    owner: String,
    kinds: BTreeMap<&'static str, Kind>,
    /// Some kind had no free place at the last look.
    full: AtomicBool,
    freed: Notify,
}

/// How an attempt ended.
enum Ended {
    By(Result<JobEnd, Failure>),
    Panicked,
    Lost,
    Drained,
}

impl Jobs {
    /// Only the mesh's own kinds yet; `owner` names this process in the leases.
    #[must_use]
    pub fn new(db: Db, owner: &str) -> Self {
        let owner = format!("{owner}-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let jobs = Self {
            db: db.clone(),
            owner,
            kinds: BTreeMap::new(),
            full: AtomicBool::default(),
            freed: Notify::default(),
        };
        let policy = JobPolicy { at_once: 1, ..JobPolicy::default() };
        jobs.on(crate::idempotency::SWEEP, policy, move |run| {
            let db = db.clone();
            async move { crate::idempotency::sweep(&db, run.workspace_id).await }
        })
    }

    /// Runs jobs of a kind.
    #[must_use]
    pub fn on<F, Fut>(mut self, kind: &'static str, policy: JobPolicy, handler: F) -> Self
    where
        F: Fn(JobRun) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<JobEnd, Failure>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |run| handler(run).boxed());
        self.kinds.insert(kind, Kind { policy, handler, running: AtomicUsize::default() });
        self
    }

    /// Works until shutdown, through every outage; running jobs get a few seconds to finish, then they are given back.
    pub async fn run(self, tasks: Tasks, shutdown: Shutdown) {
        let this = Arc::new(self);
        let mut woken = this.db.jobs();
        while !shutdown.begun() {
            woken.mark_unchanged();
            let pause = this.look(&tasks, &shutdown).await;
            tokio::select! {
                _ = woken.changed() => {}
                () = this.freed.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = shutdown.wait() => {}
            }
        }
    }

    /// Starts what is due; how long until the next look.
    async fn look(self: &Arc<Self>, tasks: &Tasks, shutdown: &Shutdown) -> Duration {
        // Before the look: a place that is freed during it must lead to another one.
        self.full.store(true, Ordering::SeqCst);
        let room = self.room();
        let claimed = match lease::claim(&self.db, &self.owner, &room).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "jobs of {} wait", self.owner);
                return POLL;
            }
        };
        for job in claimed {
            if job.is_dead {
                tell_dead(&job.run, "its worker died in the last attempt");
                continue;
            }
            self.clone().start(job.run, tasks, shutdown.clone());
        }
        let room_left = self.room();
        self.full.store(room_left.len() < self.kinds.len(), Ordering::SeqCst);
        // Where a kind has places left, all of it that was due was taken: only the next one is to be waited for.
        let kinds: Vec<&'static str> = room_left.iter().map(|r| r.kind).collect();
        let due = lease::next_due(&self.db, &kinds).await.ok().flatten();
        due.map_or(POLL, |due| due.min(POLL))
    }

    /// Kinds with free places.
    fn room(&self) -> Vec<Room> {
        let room = self.kinds.iter().map(|(kind, k)| Room {
            kind,
            places: k.policy.at_once.saturating_sub(k.running.load(Ordering::SeqCst)),
            lease: k.policy.lease,
            attempts_max: k.policy.attempts_max,
        });
        room.filter(|r| r.places > 0).collect()
    }

    fn start(self: Arc<Self>, run: JobRun, tasks: &Tasks, shutdown: Shutdown) {
        let Some(kind) = self.kinds.get(run.kind.as_str()) else { return };
        kind.running.fetch_add(1, Ordering::SeqCst);
        let place = Place { jobs: self.clone(), kind: run.kind.clone() };
        let (policy, handler) = (kind.policy, kind.handler.clone());
        tasks.spawn("job", async move {
            place.jobs.attempt(run, policy, handler, shutdown).await;
            drop(place);
        });
    }

    async fn attempt(&self, run: JobRun, policy: JobPolicy, handler: Handler, shutdown: Shutdown) {
        let ended = self.work(&run, &policy, handler, &shutdown).await;
        let (result, written) = match ended {
            Ended::By(Ok(JobEnd::Done)) => ("done", lease::done(&self.db, &run).await),
            Ended::By(Ok(JobEnd::Again(pause))) => ("again", lease::back(&self.db, &run, Next::Again(pause)).await),
            Ended::By(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, job = run.key, "job {} failed", run.key);
                // Without its causes: they may quote what must not lie in a table.
                ("failed", self.failed(&run, &policy, &error.to_string()).await)
            }
            Ended::Panicked => ("panicked", self.failed(&run, &policy, "its handler panicked").await),
            Ended::Drained => ("given back", lease::back(&self.db, &run, Next::GivenBack).await),
            Ended::Lost => {
                tracing::warn!(job = run.key, "job {} went to another worker: this one stopped", run.key);
                ("lost", Ok(()))
            }
        };
        metrics::counter!("neipix_jobs_total", "kind" => run.kind.clone(), "result" => result).increment(1);
        if let Err(error) = written {
            // Its lease runs out, and it is run again.
            tracing::warn!(error = &error as &dyn std::error::Error, job = run.key, "a job's end was not written");
        }
    }

    /// Runs the handler beside its heartbeat. While the lease is not known to be ours, the handler takes no step.
    async fn work(&self, run: &JobRun, policy: &JobPolicy, handler: Handler, shutdown: &Shutdown) -> Ended {
        let held = Held(Mutex::new(Instant::now()), policy.lease);
        let mut beat = pin!(self.beat(run, policy, &held));
        let mut drained = pin!(async {
            shutdown.wait().await;
            tokio::time::sleep(DRAIN).await;
        });
        let taken = run.clone();
        let mut work = pin!(AssertUnwindSafe(async move { handler(taken).await }).catch_unwind());
        poll_fn(|context| {
            if beat.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ended::Lost);
            }
            if held.is_over() {
                return Poll::Pending;
            }
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(result.map_or(Ended::Panicked, Ended::By));
            }
            drained.as_mut().poll(context).map(|()| Ended::Drained)
        })
        .await
    }

    /// Renews the lease until it turns out to be another's.
    async fn beat(&self, run: &JobRun, policy: &JobPolicy, held: &Held) {
        let mut pause = policy.lease / 3;
        loop {
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            match lease::renew(&self.db, run, policy.lease).await {
                Ok(true) => {
                    held.since(asked);
                    pause = policy.lease / 3;
                }
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        job = run.key,
                        "a job's lease was not renewed"
                    );
                    pause = (policy.lease / 10).min(Duration::from_secs(1));
                }
            }
        }
    }

    async fn failed(&self, run: &JobRun, policy: &JobPolicy, why: &str) -> Result<(), Failure> {
        if run.attempts >= policy.attempts_max {
            tell_dead(run, why);
            return lease::back(&self.db, run, Next::Dead(why.to_owned())).await;
        }
        let pause = policy.pause_after(run.attempts, rand::random());
        lease::back(&self.db, run, Next::Retry(pause, why.to_owned())).await
    }
}

fn tell_dead(run: &JobRun, why: &str) {
    tracing::error!(job = run.key, why, "job {} is dead after {} attempts", run.key, run.attempts);
    metrics::counter!("neipix_jobs_dead_total", "kind" => run.kind.clone()).increment(1);
}

/// Until when the lease is known to be ours: counted from before the renewal was asked for, by a clock that goes on while
/// the process is stopped.
struct Held(Mutex<Instant>, Duration);

impl Held {
    fn since(&self, asked: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= self.1
    }
}

/// A place that is taken; freed even where the task is cut off.
struct Place {
    jobs: Arc<Jobs>,
    kind: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(kind) = self.jobs.kinds.get(self.kind.as_str()) {
            kind.running.fetch_sub(1, Ordering::SeqCst);
        }
        if self.jobs.full.load(Ordering::SeqCst) {
            self.jobs.freed.notify_one();
        }
    }
}
