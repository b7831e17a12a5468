//! Runs a command beside private servers: what test suites are started with.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::children::{Child, Spec};
use crate::infrastructure::{Given, Infrastructure, Options, postgres_programs};
use crate::postgres::Profile;

const TEMP_PREFIX: &str = "neipix-test-";

/// Run a command beside private Postgres, Redis, S3 and a mailbox, then stop them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the data is worth
    #[arg(long, value_enum, default_value = "test")]
    profile: Profile,
    /// Where data is kept; a folder that goes with the run if not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The folder with Postgres' programs; looked for in the checkout if not given
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
    #[arg(long, default_value = "redis-server")]
    redis_server: PathBuf,
    #[command(flatten)]
    given: Given,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs it; answers the command's exit code (128 + signal where a signal ended it).
///
/// # Errors
/// When the servers or the command cannot be started.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let temp = match &args.dir {
        Some(_) => None,
        None => Some(temp_dir()?),
    };
    let dir = args.dir.or_else(|| temp.as_ref().map(|temp| temp.path().to_owned())).context("a folder")?;
    let postgres_bin = postgres_programs(args.postgres_bin)?;
    let options =
        Options { dir, postgres_bin, redis_server: args.redis_server, profile: args.profile, given: args.given };
    let infrastructure = Infrastructure::start(options).await?;
    let code = command(&args.command, &infrastructure).await;
    infrastructure.stop().await;
    drop(temp);
    code
}

async fn command(words: &[String], infrastructure: &Infrastructure) -> anyhow::Result<ExitCode> {
    let (program, args) = words.split_first().context("a command is missing: … -- <command>")?;
    let mut spec = Spec::new(program).args(args);
    spec.envs = infrastructure.settings().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // It shares the terminal: Ctrl-C reaches it directly.
    spec.own_group = false;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut child = Child::spawn(spec).await.with_context(|| format!("start {program}"))?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => child.signal(libc::SIGTERM),
        }
    }
}

/// A fresh folder that others may enter, since Postgres may run as another user. One that a killed process left behind
/// goes with the next call.
///
/// # Errors
/// When the system's folder for such things cannot be written.
pub fn temp_dir() -> anyhow::Result<TempDir> {
    remove_abandoned();
    let dir = tempfile::Builder::new().prefix(TEMP_PREFIX).tempdir().context("make a folder for the run")?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
    Ok(dir)
}

/// Folders whose launcher was killed: nobody holds their lock.
fn remove_abandoned() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
            continue;
        }
        let lock = File::open(entry.path().join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}
