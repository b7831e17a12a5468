//! Background work of the launcher.

use tokio::task::JoinHandle;

/// Runs beside the caller; ends with what it serves, or when its handle is aborted.
#[expect(clippy::disallowed_methods, reason = "the launcher's one place that spawns")]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}
