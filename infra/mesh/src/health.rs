//! gRPC health: SERVING while a service's dependencies answer and it does not drain.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
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

/// What a process needs, and whether it has it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness {
    needs: Arc<Mutex<Vec<Need>>>,
    ready: Arc<AtomicBool>,
}

impl Readiness {
    /// Needs nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency of these gRPC services (full names).
    pub fn need<F, Fut>(&self, name: &'static str, services: &[&'static str], ask: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        let need = Need { name, ask: Arc::new(move || Box::pin(ask())), services: services.to_vec() };
        self.needs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(need);
    }

    /// Whether everything answered when last asked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    fn list(&self) -> Vec<Need> {
        self.needs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// The standard health service of a process, kept true by a task. `services` are all its gRPC services (full names); the
/// empty name stands for the process.
pub fn watch(
    readiness: &Readiness,
    services: &[&'static str],
    tasks: &Tasks,
    shutdown: &Shutdown,
) -> tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health> {
    let (reporter, server) = health_reporter();
    let (readiness, services, shutdown) = (readiness.clone(), services.to_vec(), shutdown.clone());
    tasks.spawn("health.watch", async move {
        let mut down_before: Vec<&'static str> = vec![];
        loop {
            let mut down = vec![];
            for need in readiness.list() {
                let answered = tokio::time::timeout(WITHIN, (need.ask)()).await.unwrap_or(false);
                if !answered {
                    down.push(need);
                }
            }
            let names: Vec<&'static str> = down.iter().map(|n| n.name).collect();
            if names != down_before {
                tracing::warn!(down = ?names, "dependencies that do not answer changed");
                down_before = names;
            }
            let draining = shutdown.begun();
            for service in &services {
                let broken = draining || down.iter().any(|n| n.services.contains(service));
                report(&reporter, service, broken).await;
            }
            let all = !draining && down.is_empty();
            readiness.ready.store(all, Ordering::Relaxed);
            report(&reporter, "", !all).await;
            if draining || !shutdown.sleep(EVERY).await {
                for service in services.iter().chain([&""]) {
                    report(&reporter, service, true).await;
                }
                readiness.ready.store(false, Ordering::Relaxed);
                return;
            }
        }
    });
    server
}

async fn report(reporter: &HealthReporter, service: &str, broken: bool) {
    let status = if broken { ServingStatus::NotServing } else { ServingStatus::Serving };
    reporter.set_service_status(service, status).await;
}
