//! Health: gRPC health per service and `/readyz`, kept true by asking the dependencies every second.
//!
//! Each gRPC service names what it cannot work without, so that a stopped Redis silences only what needs Redis.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, health_reporter},
};

use crate::{shutdown::Shutdown, tasks::Tasks};

/// How often dependencies are asked.
const EVERY: Duration = Duration::from_secs(1);
/// A dependency that takes longer is down.
const WITHIN: Duration = Duration::from_millis(800);

type Ask = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// A dependency and the gRPC services that cannot work without it.
#[derive(Clone)]
struct Need {
    name: &'static str,
    ask: Ask,
    services: Vec<&'static str>,
}

/// What a process has of what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct State {
    /// Whether the process should get work: it does not drain, and not all its services are broken.
    pub ready: bool,
    /// Dependencies that do not answer.
    pub down: Vec<&'static str>,
    /// gRPC services that cannot work.
    pub broken: Vec<&'static str>,
}

impl State {
    fn draining(services: &[&'static str]) -> Self {
        Self { ready: false, down: vec![], broken: services.to_vec() }
    }
}

/// What a process needs, and whether it has it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness {
    needs: Arc<Mutex<Vec<Need>>>,
    state: Arc<Mutex<State>>,
}

impl Readiness {
    /// Needs nothing yet; not ready before `watch` has asked once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency of these gRPC services (full names). With no services it is only told of: the process works on,
    /// less well.
    pub fn need<F, Fut>(&self, name: &'static str, services: &[&'static str], ask: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        let need = Need { name, ask: Arc::new(move || Box::pin(ask())), services: services.to_vec() };
        self.needs.lock().unwrap_or_else(PoisonError::into_inner).push(need);
    }

    /// Whether the process should get work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ready
    }

    /// What was found when last asked.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all dependencies at once.
    async fn ask(&self, services: &[&'static str]) -> State {
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answers = join_all(needs.iter().map(|need| tokio::time::timeout(WITHIN, (need.ask)()))).await;
        let down: Vec<&Need> =
            needs.iter().zip(answers).filter(|(_, answer)| !matches!(answer, Ok(true))).map(|(need, _)| need).collect();
        let broken = |service: &&&'static str| down.iter().any(|need| need.services.contains(service));
        let broken: Vec<&'static str> = services.iter().filter(broken).copied().collect();
        let ready = services.is_empty() || broken.len() < services.len();
        State { ready, down: down.iter().map(|need| need.name).collect(), broken }
    }

    /// Keeps the new state and tells what changed.
    fn keep(&self, new: &State) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.down != new.down {
            if new.down.is_empty() {
                tracing::info!("every dependency answers");
            } else {
                tracing::warn!(down = ?new.down, broken = ?new.broken, "dependencies do not answer");
            }
        }
        *state = new.clone();
    }
}

/// The standard health service of a process, kept true by a task. `services` are all its gRPC services (full names); the
/// empty name stands for the process. From the beginning of shutdown all are NOT_SERVING.
pub fn watch(
    readiness: &Readiness,
    services: &[&'static str],
    tasks: &Tasks,
    shutdown: &Shutdown,
) -> tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health> {
    let (reporter, server) = health_reporter();
    let (readiness, services, shutdown) = (readiness.clone(), services.to_vec(), shutdown.clone());
    tasks.spawn("health.watch", async move {
        loop {
            let draining = shutdown.begun();
            let state = if draining { State::draining(&services) } else { readiness.ask(&services).await };
            readiness.keep(&state);
            for service in &services {
                report(&reporter, service, !state.broken.contains(service)).await;
            }
            report(&reporter, "", state.ready).await;
            if draining {
                return;
            }
            shutdown.sleep(EVERY).await;
        }
    });
    server
}

async fn report(reporter: &HealthReporter, service: &str, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status(service, status).await;
}

#[cfg(test)]
mod tests;
