//! Spawned work: keeps its span and is awaited at shutdown.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The tasks of one service.
#[derive(Debug, Clone, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future beside the caller, in the caller's span. A panic is logged and ends only that task.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(self.0.track_future(watched(name, future).in_current_span()));
    }

    /// The same in no span, for work that serves others than the caller too and may go on for long.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn_apart<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(self.0.track_future(watched(name, future)));
    }

    /// Waits until all tasks have ended, at most that long; false if some still run.
    pub async fn finish(&self, limit: Duration) -> bool {
        self.0.close();
        tokio::time::timeout(limit, self.0.wait()).await.is_ok()
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.len()
    }
}

/// Says so where a task panics. No async block: that would keep room for the future twice.
fn watched(name: &'static str, future: impl Future<Output = ()>) -> impl Future<Output = ()> {
    AssertUnwindSafe(future).catch_unwind().map(move |outcome| {
        if outcome.is_err() {
            tracing::error!(task = name, "task {name} panicked");
        }
    })
}
