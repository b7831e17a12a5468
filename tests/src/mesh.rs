//! The product as production runs it, to be killed: real processes of the debug build, two of each service, two edges,
//! mTLS, on a Postgres that keeps what it acknowledged, a Redis, S3 and a mailbox of its own.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use neipix_local::{
    children::{Child, Program as _, State, free_port, tail},
    infrastructure::{Given, Infrastructure, Options, postgres_programs},
    mesh::shape::{CliMesh, EDGE, Replica, Settings, Shape},
    postgres::Profile,
    product,
};
use tempfile::TempDir;

use crate::{
    client::{Anonymous, Mailbox, Rest, Surface},
    poll::{eventually_within, within},
};

/// A process in a debug build, beside others that start, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A process, and whether it was given settings that are not in its plan.
#[derive(Clone)]
struct Running {
    child: Arc<Child>,
    altered: bool,
}

/// A running mesh. Dropping it kills every process.
pub struct Mesh {
    shape: Shape,
    settings: Settings,
    running: Mutex<HashMap<(String, usize), Running>>,
    cli: CliMesh,
    infrastructure: Infrastructure,
    dir: TempDir,
}

/// The folder of the product's programs: that of this test's own, less `deps`.
///
/// # Errors
/// When this program lies nowhere.
pub fn programs() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let dir = own.parent().and_then(Path::parent).context("a test lies in target/debug/deps")?;
    Ok(if dir.join("neipix-edge").is_file() { dir.to_owned() } else { own.parent().unwrap_or(dir).to_owned() })
}

impl Mesh {
    /// Starts everything; `more` settings win.
    ///
    /// # Errors
    /// When a program is missing (`make test-it` builds them) or does not come up.
    pub async fn start(more: &[(&str, &str)]) -> anyhow::Result<Self> {
        let dir = neipix_local::with_services::temp_dir()?;
        let options = Options {
            dir: dir.path().to_owned(),
            postgres_bin: postgres_programs(None)?,
            redis_server: "redis-server".into(),
            profile: Profile::Killed,
            given: Given::default(),
        };
        let infrastructure = Infrastructure::start(options).await?;
        let edges = [free_port(None)?, free_port(None)?];
        let settings = settings(&infrastructure, edges[0], more)?;
        product::migrate(settings.database_url()?.expose()).await?;
        let shape = Shape::plan(&settings, &dir.path().join("mesh"), &programs()?, edges)?;
        let cli = shape.connect("cli")?;
        let mesh = Self { shape, settings, running: Mutex::default(), cli, infrastructure, dir };
        let all: Vec<Replica> = mesh.shape.replicas.clone();
        for replica in &all {
            mesh.spawn(replica, &[]).await?;
        }
        for replica in &all {
            mesh.is_up(replica).await;
        }
        Ok(mesh)
    }

    /// Its processes, certificates and addresses.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// All settings, of which each process is told its own.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The services as the command line reaches them.
    #[must_use]
    pub fn cli(&self) -> &CliMesh {
        &self.cli
    }

    /// A folder for logs of crash points and the like; it goes with the mesh.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where an edge listens.
    #[must_use]
    pub fn edge(&self, number: usize) -> SocketAddr {
        self.replica(EDGE, number).address
    }

    /// Nobody at a face of an edge. Both edges serve the same hosts.
    #[must_use]
    pub fn rest(&self, edge: usize, surface: Surface) -> Rest<Anonymous> {
        let host = format!("{}.localhost:{}", surface.label(), self.edge(0).port());
        Rest::at(self.edge(edge), surface).with_host(&host)
    }

    /// Letters.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::new(self.setting("MAILBOX_URL"))
    }

    /// The database as the role that may read everything.
    #[must_use]
    pub fn verify_url(&self) -> &str {
        self.setting("VERIFY_DATABASE_URL")
    }

    /// The database as its owner: what only time would do to it.
    #[must_use]
    pub fn owner_url(&self) -> &str {
        self.setting("DATABASE_URL")
    }

    fn setting(&self, name: &str) -> &str {
        self.infrastructure.settings().get(name).unwrap_or_default()
    }

    /// A process as it was planned.
    ///
    /// # Panics
    /// When there is none of that name and number.
    #[must_use]
    pub fn replica(&self, service: &str, number: usize) -> &Replica {
        self.shape.replica(service, number).unwrap_or_else(|| panic!("there is no {service}-{number}"))
    }

    async fn spawn(&self, replica: &Replica, envs: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut spec = replica.spec();
        spec.envs.extend(envs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let child = Child::spawn(spec).await.with_context(|| format!("start {}", replica.label()))?;
        let key = (replica.service.to_owned(), replica.number);
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, Running { child: Arc::new(child), altered: !envs.is_empty() });
        Ok(())
    }

    async fn is_up(&self, replica: &Replica) {
        eventually_within(READY_WITHIN, &format!("{} is ready", replica.label()), async || {
            let ended = self.child(replica.service, replica.number).and_then(|child| child.ended());
            assert!(ended.is_none(), "{} ended: {ended:?}\n{}", replica.label(), tail(&replica.log(), 20));
            replica.is_up().await.then_some(())
        })
        .await;
    }

    fn running(&self, service: &str, number: usize) -> Option<Running> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&(service.to_owned(), number)).cloned()
    }

    fn child(&self, service: &str, number: usize) -> Option<Arc<Child>> {
        self.running(service, number).map(|running| running.child)
    }

    /// Signals a process.
    pub fn signal(&self, service: &str, number: usize, signal: i32) {
        if let Some(child) = self.child(service, number) {
            child.signal(signal);
        }
    }

    /// Whether a process runs.
    #[must_use]
    pub fn runs(&self, service: &str, number: usize) -> bool {
        self.child(service, number).is_some_and(|child| child.ended().is_none())
    }

    /// Whether a process runs with the settings of its plan and no others.
    #[must_use]
    pub fn runs_as_planned(&self, service: &str, number: usize) -> bool {
        self.running(service, number).is_some_and(|it| it.child.ended().is_none() && !it.altered)
    }

    /// Waits until a process has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn gone(&self, service: &str, number: usize) {
        let what = format!("{service}-{number} ends");
        eventually_within(READY_WITHIN, &what, async || (!self.runs(service, number)).then_some(())).await;
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn kill(&self, service: &str, number: usize) {
        self.signal(service, number, libc::SIGKILL);
        self.gone(service, number).await;
    }

    /// Starts a process that does not run, with more settings, and waits until it can work.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_again(&self, service: &str, number: usize, envs: &[(&str, &str)]) {
        let replica = self.replica(service, number).clone();
        self.spawn(&replica, envs).await.expect("a process that was started before");
        self.is_up(&replica).await;
    }

    /// Kills a process and starts it with more settings.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn restart(&self, service: &str, number: usize, envs: &[(&str, &str)]) {
        self.kill(service, number).await;
        self.start_again(service, number, envs).await;
    }

    /// Kills Postgres as a loss of its memory would; its keeper starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restart_postgres(&self) {
        let postgres = self.infrastructure.postgres().expect("a Postgres of its own");
        restart("postgres", postgres.state()).await;
    }

    /// The same for Redis.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restart_redis(&self) {
        let redis = self.infrastructure.redis().expect("a Redis of its own");
        restart("redis", redis.state()).await;
    }

    /// The last lines of every log, for a test that failed.
    #[must_use]
    pub fn last_words(&self) -> String {
        let words = self.shape.replicas.iter().map(|r| format!("== {}\n{}\n", r.label(), tail(&r.log(), 15)));
        words.collect()
    }
}

async fn restart(what: &str, mut state: tokio::sync::watch::Receiver<State>) {
    let up = state.wait_for(|state| matches!(state, State::Ready { .. })).await.map(|state| state.clone());
    let Ok(State::Ready { pid: old }) = up else { panic!("the keeper of {what} is gone") };
    // SAFETY: kill takes no pointers; the process is our own keeper's child.
    unsafe { libc::kill(old, libc::SIGKILL) };
    let back = state.wait_for(|state| matches!(state, State::Ready { pid } if *pid != old));
    within(READY_WITHIN, &format!("{what} comes back"), back).await.expect("its keeper lives");
}

/// As a person's launcher would set it, with cheap passwords and stand-ins let through. `port` is that of the hosts.
///
/// # Errors
/// A setting that is wrong.
pub fn settings(infrastructure: &Infrastructure, port: u16, more: &[(&str, &str)]) -> anyhow::Result<Settings> {
    let mut pairs: Vec<(String, String)> = infrastructure
        .settings()
        .iter()
        .filter(|(name, _)| *name != "MAILBOX_URL")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut set = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
    set("NEIPIX_ENV", "test");
    set("RUST_LOG", "warn");
    set("MAIL_FROM", "Neipix <hello@neipix.example>");
    for (name, host) in [("APP", "app"), ("ADMIN", "admin"), ("API", "api"), ("WIDGET", "widget"), ("FILES", "files")] {
        set(&format!("{name}_ORIGIN"), &format!("http://{host}.localhost:{port}"));
    }
    set("AUTH_ISSUER", &format!("http://api.localhost:{port}"));
    set("ARGON2", "m=64,t=1,p=1");
    set("EGRESS_ALLOW", "127.0.0.0/8");
    for (name, value) in more {
        set(name, value);
    }
    Ok(Settings::from_pairs("local", pairs)?)
}
