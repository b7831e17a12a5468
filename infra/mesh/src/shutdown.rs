//! One signal that tells everything in a process to finish.

use tokio_util::sync::CancellationToken;

/// Cheap to clone; `wait` returns when shutting down has begun.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to shut down; again is the same.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns when it has begun.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Waits that long, or until shutting down begins: then false.
    pub async fn sleep(&self, time: std::time::Duration) -> bool {
        tokio::select! {
            () = self.0.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    /// A part that can be shut down alone and falls with the whole.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(self.0.child_token())
    }
}
