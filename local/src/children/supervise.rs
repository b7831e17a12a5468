//! Keeps a program running: restarts it with back-off when it dies.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Child, Spec, tail};
use crate::tasks;

/// How long it may take to stop when asked.
const GRACE: Duration = Duration::from_secs(15);
/// Waits between restarts double from the first to the last of these.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// A program that ran this long starts its back-off anew.
const STEADY_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_millis(25);

/// A program that can be kept running.
pub trait Program: Send + Sync + 'static {
    /// For logs: `postgres`.
    fn name(&self) -> &'static str;
    /// What to run; asked anew at each start.
    fn spec(&self) -> Spec;
    /// Whether it answers.
    fn is_ready(&self) -> impl Future<Output = bool> + Send;
    /// How long it may take to answer its first probe.
    fn ready_within(&self) -> Duration {
        Duration::from_secs(30)
    }
    /// The signal that ends it cleanly.
    fn stop_signal(&self) -> i32;
    /// Where its last words stand.
    fn log(&self) -> PathBuf;
}

/// How a supervised program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Started, not answering yet.
    Starting,
    /// Answering under this process id.
    Ready { pid: i32 },
    /// Died `deaths` times in a row; starts again after a pause.
    Restarting { deaths: u32 },
    /// Stopped because it was asked to.
    Stopped,
    /// Never came up; the text is the end of its log.
    Failed { why: String },
}

/// A program that is kept running until [`Supervised::stop`] or drop.
#[derive(Debug)]
pub struct Supervised {
    name: &'static str,
    state: watch::Receiver<State>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts the program and waits until it answers.
    ///
    /// # Errors
    /// When it ends or stays silent at its first start: with the end of its log.
    pub async fn start<P: Program>(program: P) -> anyhow::Result<Self> {
        let name = program.name();
        let (report, mut state) = watch::channel(State::Starting);
        let stop = CancellationToken::new();
        let task = tasks::spawn(keep_running(program, report, stop.clone()));
        let first = state.wait_for(|state| matches!(state, State::Ready { .. } | State::Failed { .. })).await;
        match first.map(|state| state.clone()) {
            Ok(State::Failed { why }) => anyhow::bail!("{name} did not start: {why}"),
            Err(_) => anyhow::bail!("{name} did not start: its keeper is gone"),
            Ok(_) => Ok(Self { name, state, stop, task }),
        }
    }

    /// The program's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its state, to read or to wait for a change.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Ends the program cleanly and waits for its end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        drop((&mut self.task).await);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_running<P: Program>(program: P, report: watch::Sender<State>, stop: CancellationToken) {
    let mut deaths = 0;
    let mut was_ready = false;
    loop {
        let begun = Instant::now();
        let why = match run_once(&program, &report, &stop).await {
            Ended::Asked => return drop(report.send_replace(State::Stopped)),
            Ended::Died(why) => why,
        };
        was_ready |= matches!(*report.borrow(), State::Ready { .. });
        if !was_ready {
            let why = format!("{why}\n{}", tail(&program.log(), 20));
            return drop(report.send_replace(State::Failed { why }));
        }
        deaths = if begun.elapsed() > STEADY_AFTER { 1 } else { deaths + 1 };
        report.send_replace(State::Restarting { deaths });
        tracing::warn!(program = program.name(), deaths, "restarting {} after it died: {why}", program.name());
        tokio::select! {
            () = stop.cancelled() => return drop(report.send_replace(State::Stopped)),
            () = tokio::time::sleep(pause_after(deaths)) => {}
        }
    }
}

fn pause_after(deaths: u32) -> Duration {
    let (first, last) = BACK_OFF;
    first.saturating_mul(1 << deaths.saturating_sub(1).min(10)).min(last)
}

enum Ended {
    Asked,
    Died(String),
}

async fn run_once<P: Program>(program: &P, report: &watch::Sender<State>, stop: &CancellationToken) -> Ended {
    let mut child = match Child::spawn(program.spec()).await {
        Ok(child) => child,
        Err(error) => return Ended::Died(error.to_string()),
    };
    let ready = async {
        while !program.is_ready().await {
            tokio::time::sleep(PROBE_EVERY).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {
            child.stop(program.stop_signal(), GRACE).await;
            return Ended::Asked;
        }
        status = child.wait() => return Ended::Died(describe(status)),
        ready = tokio::time::timeout(program.ready_within(), ready) => {
            if ready.is_err() {
                return Ended::Died(format!("no answer within {:?}", program.ready_within()));
            }
        }
    }
    report.send_replace(State::Ready { pid: child.pid() });
    tokio::select! {
        () = stop.cancelled() => {
            child.stop(program.stop_signal(), GRACE).await;
            Ended::Asked
        }
        status = child.wait() => Ended::Died(describe(status)),
    }
}

fn describe(status: std::io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stay_under_ten_seconds() {
        let pauses: Vec<u128> = [1, 2, 3, 6, 7, 40].map(|deaths| pause_after(deaths).as_millis()).to_vec();
        assert_eq!(pauses, [200, 400, 800, 6_400, 10_000, 10_000]);
    }
}
