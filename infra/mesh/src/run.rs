//! The frame of every `main`: runtime, settings, logs, signals, exit codes.

use std::{error::Error, process::ExitCode, sync::Once, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    config::{ConfigError, Settings},
    failure::Failure,
    shutdown::Shutdown,
    tasks::Tasks,
    telemetry,
};

/// How long tasks may take to end after shutdown began, beyond the drain of calls.
const FINISH: Duration = Duration::from_secs(5);

/// Wrong settings: starting again changes nothing.
const MISCONFIGURED: u8 = 2;

/// What a process starts with.
#[derive(Clone)]
pub struct Boot {
    /// Checked settings.
    pub settings: Settings,
    /// Begins on SIGTERM and SIGINT.
    pub shutdown: Shutdown,
    /// Work that is awaited at the end.
    pub tasks: Tasks,
    /// `serve`, or what the command line asks for, such as `migrate`.
    pub command: String,
}

/// Why a process cannot start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Settings.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The rest.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// Makes the process ready: the one TLS provider of the house, and memory by small pages (the allocator likes to take
/// two megabytes where some kilobytes were asked). Again is the same.
pub fn prepare_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An old kernel knows no such wish.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
        // Fails where a test has installed one: then that one stays.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// Moves the program's code onto huge pages, where it is wanted and the program was optimised: another one's is too large for
/// what it gains.
pub fn use_huge_pages(settings: &Settings) {
    if !settings.huge_text || cfg!(debug_assertions) {
        return;
    }
    match crate::huge_text::remap() {
        Ok(bytes) => tracing::debug!(bytes, "code lies on huge pages"),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "code stays on small pages"),
    }
}

/// Runs a process to its end. `who` is its name, such as `svc-billing`.
///
/// The first argument is the command: `serve` where there is none, `migrate` (which reads the owner's settings instead of
/// the service's), `--version`, or whatever `body` knows. Ends with 0; 1 when `body` fails; 2 when settings are wrong;
/// 130 on a second signal.
#[expect(clippy::print_stderr, clippy::print_stdout, reason = "a start that fails has no log yet")]
pub fn run<F, Fut>(who: &str, body: F) -> ExitCode
where
    F: FnOnce(Boot) -> Fut,
    Fut: Future<Output = Result<(), RunError>>,
{
    prepare_process();
    let command = std::env::args().nth(1).unwrap_or_else(|| "serve".to_owned());
    if command == "--version" {
        println!("{who} {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let settings = match Settings::load(if command == "migrate" { "migrate" } else { who }) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{who} cannot start: {error}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{who} cannot start: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let exporting = telemetry::install(who, &settings.telemetry);
        log_panics();
        crate::metrics::install();
        if command == "serve" {
            use_huge_pages(&settings);
        }
        crate::crash::arm(&settings);
        let boot = Boot { settings, shutdown: Shutdown::new(), tasks: Tasks::new(), command };
        on_signals(boot.shutdown.clone());
        boot.tasks.spawn("metrics.upkeep", crate::metrics::upkeep(boot.shutdown.clone()));
        let code = life(who, boot, body).await;
        drop(exporting);
        code
    });
    // Blocking work that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ExitCode::from(code)
}

/// The body, then the end of all tasks.
#[expect(clippy::print_stderr, reason = "the last word of a process that failed, whatever the log's filter")]
async fn life<F, Fut>(who: &str, boot: Boot, body: F) -> u8
where
    F: FnOnce(Boot) -> Fut,
    Fut: Future<Output = Result<(), RunError>>,
{
    let (shutdown, tasks) = (boot.shutdown.clone(), boot.tasks.clone());
    let result = body(boot).await;
    shutdown.begin();
    if !tasks.finish(FINISH).await {
        tracing::warn!(running = tasks.running(), "tasks still ran {} s after the end", FINISH.as_secs());
    }
    match result {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{who}: {}", chain(&error));
            if matches!(error, RunError::Config(_)) { MISCONFIGURED } else { 1 }
        }
    }
}

/// An error with its causes: `what: because: because`.
fn chain(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !told.ends_with(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        cause = inner.source();
    }
    told
}

/// A panic is a line of the log like any other error, with its place.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("no words");
        tracing::error!(place, "panicked: {words}");
    }));
}

/// The second signal means: now.
#[expect(clippy::disallowed_methods, reason = "signals are heard until the very end, so nothing awaits this")]
fn on_signals(shutdown: Shutdown) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard: SIGTERM will end this process without a drain");
        return;
    };
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("draining after a signal");
        shutdown.begin();
        either(&mut terminate, &mut interrupt).await;
        std::process::exit(130);
    });
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    fn boot() -> Boot {
        let settings = Settings::from_pairs("test", [("RUST_LOG", "info")]).unwrap();
        Boot { settings, shutdown: Shutdown::new(), tasks: Tasks::new(), command: "serve".to_owned() }
    }

    #[tokio::test]
    async fn tasks_are_told_to_end_and_awaited() {
        let ended = Arc::new(AtomicBool::new(false));
        let mark = ended.clone();
        let code = life("svc-x", boot(), async move |boot: Boot| {
            let shutdown = boot.shutdown.clone();
            boot.tasks.spawn("work", async move {
                shutdown.wait().await;
                tokio::task::yield_now().await;
                mark.store(true, Ordering::SeqCst);
            });
            Ok(())
        });
        assert_eq!(code.await, 0);
        assert!(ended.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn wrong_settings_end_otherwise_than_failures() {
        let config = life("svc-x", boot(), async |_| Err(ConfigError::one("S3_BUCKET", "is not set").into()));
        assert_eq!(config.await, 2);
        let failure = life("svc-x", boot(), async |_| Err(Failure::internal("disk full").into()));
        assert_eq!(failure.await, 1);
    }

    #[test]
    fn the_causes_of_an_error_are_told() {
        let error = RunError::from(Failure::internal(std::io::Error::other("disk full")));
        assert!(chain(&error).ends_with(": disk full"), "{}", chain(&error));
    }
}
