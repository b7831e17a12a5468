//! The frame of every `main`: runtime, settings, logs, signals, exit codes.

use std::{process::ExitCode, sync::Once, time::Duration};

use crate::{
    config::{ConfigError, Settings},
    failure::Failure,
    shutdown::Shutdown,
    tasks::Tasks,
    telemetry,
};

/// How long tasks may take to end after shutdown began, beyond the drain of calls.
const FINISH: Duration = Duration::from_secs(5);

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

/// Installs the one TLS provider of the house; again is the same.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// Runs a process to its end. `who` is its name, such as `svc-billing`.
#[expect(clippy::print_stderr, reason = "a start that fails has no log yet")]
pub fn run<F, Fut>(who: &str, body: F) -> ExitCode
where
    F: FnOnce(Boot) -> Fut,
    Fut: Future<Output = Result<(), RunError>>,
{
    install_crypto();
    let command = std::env::args().nth(1).unwrap_or_else(|| "serve".to_owned());
    if command == "--version" {
        eprintln!("{who} {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{who}: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let settings = match Settings::load(who) {
            Ok(settings) => settings,
            Err(error) => {
                eprintln!("{who} cannot start:\n{error}");
                return ExitCode::from(2);
            }
        };
        let exporting = telemetry::install(who, &settings.telemetry);
        crate::metrics::install();
        crate::crash::arm(&settings);
        let boot = Boot { settings, shutdown: Shutdown::new(), tasks: Tasks::new(), command };
        on_signals(boot.shutdown.clone());
        let (shutdown, tasks) = (boot.shutdown.clone(), boot.tasks.clone());
        let result = body(boot).await;
        shutdown.begin();
        if !tasks.finish(FINISH).await {
            tracing::warn!(running = tasks.running(), "tasks still ran at the end");
        }
        drop(exporting);
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{who}: {error}");
                ExitCode::FAILURE
            }
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "signals are heard before anything else runs")]
fn on_signals(shutdown: Shutdown) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.begin();
        // A second signal means: now.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
}
