//! Durable work of this service: which job is run by what, and how often it is tried.

use std::time::Duration;

use neipix_mesh::{
    Failure, WorkspaceId,
    db::Tx,
    jobs::{self, Job, JobPolicy, Jobs, RunAt},
};
use serde_json::json;

use crate::{Assistants, NAME, extraction::Extractor, knowledge::extract, simulation};

/// One file at a time: it is held in memory while it is read.
const EXTRACTION: JobPolicy = JobPolicy {
    attempts_max: 20,
    lease: Duration::from_secs(30),
    backoff: Duration::from_secs(1),
    backoff_max: Duration::from_secs(60),
    at_once: 1,
};
/// Work that waits for the storage as long as it takes.
const PATIENT: JobPolicy = JobPolicy {
    attempts_max: 1_000,
    lease: Duration::from_secs(60),
    backoff: Duration::from_secs(1),
    backoff_max: Duration::from_secs(300),
    at_once: 2,
};

/// Starts the workers.
pub fn start(state: &Assistants, extractor: Extractor) {
    let jobs = Jobs::new(state.db.clone(), NAME);
    let (s, e) = (state.clone(), extractor);
    let jobs = jobs.on("file.extract", EXTRACTION, move |run| {
        let (state, extractor) = (s.clone(), e.clone());
        async move { extract::extract(&state, &extractor, &run).await }
    });
    let s = state.clone();
    let jobs = jobs.on("file.watch", PATIENT, move |run| {
        let state = s.clone();
        async move { extract::watch_file(&state, &run).await }
    });
    let s = state.clone();
    let jobs = jobs.on("object.delete", PATIENT, move |run| {
        let state = s.clone();
        async move { extract::delete_object(&state, &run).await }
    });
    let s = state.clone();
    let jobs = jobs.on("objects.sweep", PATIENT, move |_| {
        let state = s.clone();
        async move { extract::sweep(&state).await }
    });
    let s = state.clone();
    let jobs = jobs.on("simulation.close", PATIENT, move |run| {
        let state = s.clone();
        async move { simulation::money::look_after(&state, &run).await }
    });
    let (tasks, shutdown) = (state.tasks.clone(), state.shutdown.clone());
    state.tasks.spawn("jobs", async move { jobs.run(tasks, shutdown).await });
    let s = state.clone();
    state.tasks.spawn("sweep.plan", async move { plan_sweep(&s).await });
}

/// The sweep is one job for all replicas and all time. Queuing it again moves it to the next hour, no more.
async fn plan_sweep(state: &Assistants) {
    while !state.shutdown.begun() {
        let queued = state
            .db
            .platform("knowledge.plan_sweep", async |tx: &mut Tx| {
                let job = Job {
                    workspace: WorkspaceId::PLATFORM,
                    kind: "objects.sweep",
                    key: "objects.sweep".to_owned(),
                    payload: json!({}),
                    run_at: RunAt::In(Duration::from_secs(60)),
                };
                jobs::enqueue(tx, job).await?;
                Ok::<_, Failure>(())
            })
            .await;
        match queued {
            Ok(()) => return,
            Err(_) => drop(state.shutdown.sleep(Duration::from_secs(5)).await),
        }
    }
}
