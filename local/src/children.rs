//! Child processes that cannot outlive the launcher.
//!
//! The kernel signals a child when the *thread* that spawned it ends, so every
//! spawn runs on one thread that lives as long as the process. Each child leads
//! its own process group: Ctrl-C in a terminal reaches the launcher alone, which
//! then stops its children in order.

mod supervise;
mod uid;

pub use supervise::{Program, State, Supervised};
pub use uid::{Identity, NOBODY, is_root};

use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

/// What to run, and as whom.
#[derive(Debug, Clone)]
pub struct Spec {
    pub program: PathBuf,
    pub args: Vec<String>,
    pub envs: Vec<(String, String)>,
    /// The working directory; the caller's where `None`.
    pub dir: Option<PathBuf>,
    /// Standard output and error are appended here; inherited where `None`.
    pub log: Option<PathBuf>,
    pub identity: Identity,
    /// Sent by the kernel when the launcher is gone, however it went.
    pub orphan_signal: i32,
    /// Sees `envs` alone, nothing of the launcher's own environment.
    pub bare: bool,
    /// Leads a process group of its own. Off only for a command that shares the terminal.
    pub own_group: bool,
}

impl Spec {
    /// A quiet background program in its own group, asked to end when the launcher is gone.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            envs: Vec::new(),
            dir: None,
            log: None,
            identity: Identity::Same,
            orphan_signal: libc::SIGTERM,
            bare: false,
            own_group: true,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        if self.bare {
            command.env_clear();
        }
        command.args(&self.args).envs(self.envs.iter().cloned());
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        if let Some(log) = &self.log {
            let file = OpenOptions::new().create(true).append(true).open(log)?;
            command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        }
        if self.own_group {
            command.process_group(0);
        }
        self.identity.apply(&mut command);
        die_with_parent(&mut command, self.orphan_signal);
        Ok(command)
    }
}

/// Asks the kernel for `signal` when the parent is gone.
///
/// Must be the last step before exec: a change of uid clears the request.
fn die_with_parent(command: &mut Command, signal: i32) {
    let parent = std::process::id();
    let arm = move || {
        // SAFETY: prctl, getppid and raise are async-signal-safe and take no pointers.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the request was made.
            if libc::getppid().cast_unsigned() != parent {
                libc::raise(libc::SIGKILL);
            }
        }
        Ok(())
    };
    // SAFETY: the closure only makes async-signal-safe calls and does not allocate.
    unsafe {
        command.pre_exec(arm);
    }
}

type Request = (Spec, oneshot::Sender<io::Result<Child>>);

/// The one thread that spawns; it never ends.
fn spawner() -> io::Result<mpsc::Sender<Request>> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Request>>> = OnceLock::new();
    if SPAWNER.get().is_none() {
        let (sender, requests) = mpsc::channel::<Request>();
        std::thread::Builder::new().name("children".into()).spawn(move || {
            for (spec, answer) in requests {
                // A caller that went away drops the child, which ends it.
                drop(answer.send(Child::spawn_here(&spec)));
            }
        })?;
        // A second thread of a lost race ends with its sender, having spawned nothing.
        drop(SPAWNER.set(Mutex::new(sender)));
    }
    let guard = SPAWNER.get().and_then(|sender| sender.lock().ok());
    guard.map(|sender| sender.clone()).ok_or_else(|| io::Error::other("the spawning thread is gone"))
}

/// A running child. Dropping it kills its process group.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    own_group: bool,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    /// Spawns on the thread that outlives every runtime.
    ///
    /// # Errors
    /// What the system says when the program, its log or its directory cannot be used.
    pub async fn spawn(spec: Spec) -> io::Result<Self> {
        let (answer, child) = oneshot::channel();
        spawner()?.send((spec, answer)).map_err(io::Error::other)?;
        child.await.map_err(io::Error::other)?
    }

    fn spawn_here(spec: &Spec) -> io::Result<Self> {
        let mut child = spec.command()?.spawn()?;
        let pid = child.id().cast_signed();
        let (sender, exit) = watch::channel(None);
        std::thread::Builder::new().name(format!("wait-{pid}")).spawn(move || {
            if let Ok(status) = child.wait() {
                sender.send_replace(Some(status));
            }
        })?;
        Ok(Self { pid, own_group: spec.own_group, exit })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// How it ended, where it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system could not wait for it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.exit.wait_for(Option::is_some).await.map_err(io::Error::other)?;
        status.ok_or_else(|| io::Error::other("the child's end was not seen"))
    }

    /// Signals the child alone.
    pub fn signal(&self, signal: i32) {
        if self.ended().is_none() {
            // SAFETY: kill takes no pointers; the pid is ours until it has been waited for.
            unsafe { libc::kill(self.pid, signal) };
        }
    }

    /// Asks with `signal`, waits up to `grace`, then kills.
    pub async fn stop(mut self, signal: i32, grace: Duration) {
        self.signal(signal);
        if tokio::time::timeout(grace, self.wait()).await.is_err() {
            self.kill();
            drop(tokio::time::timeout(Duration::from_secs(5), self.wait()).await);
        }
    }

    fn kill(&self) {
        if self.ended().is_none() {
            let target = if self.own_group { -self.pid } else { self.pid };
            // SAFETY: as above; a negative pid names the group that the child leads.
            unsafe { libc::kill(target, libc::SIGKILL) };
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of the loopback that was free a moment ago; `preferred` where it still is.
///
/// # Errors
/// When the loopback has no free port.
pub fn free_port(preferred: Option<u16>) -> io::Result<u16> {
    if let Some(port) = preferred.filter(|port| *port != 0)
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    {
        return Ok(port);
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until the program that an earlier launcher left in `home` has ended.
///
/// It was told to end when its launcher went, so this takes moments; `pid_file` names it.
///
/// # Errors
/// When it still runs after `limit`.
pub async fn wait_for_orphan(pid_file: &Path, home: &Path, limit: Duration) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + limit;
    let text = std::fs::read_to_string(pid_file).unwrap_or_default();
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return Ok(()) };
    // The working directory tells it from a stranger that got the same number.
    let runs = || std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir.starts_with(home));
    while runs() {
        if tokio::time::Instant::now() > deadline {
            anyhow::bail!("process {pid} of an earlier run still uses {}: end it, then try again", home.display());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The last `lines` lines of a log, for an error message.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_child_is_killed() {
        let mut child = Child::spawn(Spec::new("/bin/sleep").args(["600"])).await.unwrap();
        let mut exit = child.exit.clone();
        assert!(child.ended().is_none());
        assert!(tokio::time::timeout(Duration::from_millis(1), child.wait()).await.is_err());
        drop(child);
        let ended = tokio::time::timeout(Duration::from_secs(5), exit.wait_for(Option::is_some)).await;
        assert!(ended.unwrap().unwrap().is_some());
    }

    #[tokio::test]
    async fn a_child_that_ignores_the_polite_signal_is_killed_after_its_grace() {
        let spec = Spec::new("/bin/sh").args(["-c", "trap '' TERM; while :; do sleep 1; done"]);
        let child = Child::spawn(spec).await.unwrap();
        let exit = child.exit.clone();
        child.stop(libc::SIGTERM, Duration::from_millis(50)).await;
        assert!(exit.borrow().is_some());
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error_and_not_a_panic() {
        assert!(Child::spawn(Spec::new("/nowhere/at/all")).await.is_err());
    }

    #[test]
    fn a_taken_port_is_not_given_again() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(Some(port)).unwrap(), port);
    }
}
