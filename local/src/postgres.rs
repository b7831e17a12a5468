//! A private Postgres: made, started, watched and stopped by the launcher.

mod roles;

pub use roles::{SERVICES, provision_roles};

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::watch;
use tokio_postgres::{Config, NoTls};

use crate::children::{Child, Identity, NOBODY, Program, Spec, State, Supervised, tail, wait_for_orphan};
use crate::secrets::{Secrets, write_private};
use crate::settings::Settings;
use crate::tasks;

/// The database that the product lives in.
pub const DATABASE: &str = "neipix";
/// Owns the database and runs migrations; no superuser, as on a managed Postgres.
pub const OWNER: &str = "neipix_owner";
const SUPERUSER: &str = "postgres";
/// A socket's path is cut by the system above this length.
const SOCKET_PATH_MAX: usize = 107;
/// Stretching protects passwords that people choose. Ours are random, and a mesh opens a hundred connections at its start.
const SCRAM_ITERATIONS: &str = "1";
/// Made beforehand in every database: the owner may not add those that Postgres does not trust.
const EXTENSIONS: [&str; 5] = ["vector", "pg_trgm", "btree_gin", "btree_gist", "unaccent"];

/// What the data is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Profile {
    /// An acknowledged commit survives a loss of power.
    #[default]
    Durable,
    /// An acknowledged commit survives the death of the server, not a loss of power: for tests that kill it.
    Killed,
    /// Fast and forgetful: the data goes with the run.
    Test,
}

impl Profile {
    fn options(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Durable => &[
                ("fsync", "on"),
                ("synchronous_commit", "on"),
                ("full_page_writes", "on"),
                ("max_connections", "200"),
                // Statements that ran while their tables were empty are planned anew once Postgres has looked at them: until
                // then a message costs more with each dialogue.
                ("autovacuum_naptime", "10s"),
            ],
            Self::Killed => &[
                ("fsync", "off"),
                ("synchronous_commit", "on"),
                ("full_page_writes", "on"),
                ("max_connections", "400"),
            ],
            Self::Test => &[
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                ("max_connections", "400"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
                // Hundreds of databases are copied: what a crash would need is not worth its place on the disk.
                ("max_wal_size", "128MB"),
            ],
        }
    }
}

/// A running private instance.
#[derive(Debug)]
pub struct Postgres {
    supervised: Supervised,
    port: u16,
    owner_password: String,
    services: Vec<(&'static str, String)>,
}

impl Postgres {
    /// Starts the instance of `dir`, which is made where it is missing, and its roles and database.
    ///
    /// # Errors
    /// When the programs are missing or refuse; the text carries the end of their log.
    pub async fn start(bin: &Path, dir: &Path, port: u16, profile: Profile, secrets: &Secrets) -> anyhow::Result<Self> {
        let bin = bin.canonicalize().with_context(|| format!("{} is missing: run `make setup`", bin.display()))?;
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let home = dir.canonicalize()?;
        let password = secrets.get("postgres")?;
        let identity = make_home(&bin, &home)?;
        let server = Server { bin, home, port, profile, identity, password: password.clone() };
        let pid_file = server.home.join("data/postmaster.pid");
        wait_for_orphan(&pid_file, &server.home, Duration::from_secs(15)).await?;
        server.make_cluster().await?;
        let supervised = Supervised::start(server).await?;
        let superuser = |database: &str| url(SUPERUSER, &password, port, database);
        let owner_password = secrets.get(OWNER)?;
        bootstrap(superuser, &owner_password).await.context("prepare the database")?;
        let owner = url(OWNER, &owner_password, port, DATABASE);
        let services = provision_roles(&owner, secrets).await?;
        Ok(Self { supervised, port, owner_password, services })
    }

    /// The owner's address: for migrations and tests that make databases.
    pub fn owner_url(&self) -> String {
        url(OWNER, &self.owner_password, self.port, DATABASE)
    }

    /// Adds `DATABASE_URL` and one per service role.
    pub fn add_to(&self, settings: &mut Settings) {
        settings.set("DATABASE_URL", self.owner_url());
        for (setting, address) in &self.services {
            settings.set(setting, address.clone());
        }
    }

    /// How it is.
    pub fn state(&self) -> watch::Receiver<State> {
        self.supervised.state()
    }

    /// Ends it cleanly.
    pub async fn stop(self) {
        self.supervised.stop().await;
    }
}

fn url(user: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
}

/// Gives `home` to whom Postgres will run as.
fn make_home(bin: &Path, home: &Path) -> anyhow::Result<Identity> {
    let postgres = bin.join("postgres");
    let data = home.join("data");
    let identity = match fs::metadata(&data).map(|data| data.uid()) {
        // A cluster that exists belongs to somebody already.
        Ok(NOBODY) if crate::children::is_root() => Identity::Nobody,
        Ok(0) if crate::children::is_root() => Identity::Namespace,
        _ => Identity::unprivileged(&postgres, home.parent().unwrap_or(home))?,
    };
    if let Some(owner) = identity.file_owner() {
        chown(home, Some(owner), Some(owner))?;
    }
    fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
    Ok(identity)
}

/// The server as a program to keep running.
#[derive(Debug)]
struct Server {
    bin: PathBuf,
    home: PathBuf,
    port: u16,
    profile: Profile,
    identity: Identity,
    password: String,
}

impl Server {
    /// Makes the cluster once. A half-made one is thrown away: it lies under another name.
    async fn make_cluster(&self) -> anyhow::Result<()> {
        let data = self.home.join("data");
        if data.join("PG_VERSION").exists() {
            return Ok(());
        }
        let half = self.home.join("data.making");
        let log = self.home.join("initdb.log");
        let password = self.home.join("initdb.password");
        drop(fs::remove_dir_all(&half));
        write_private(&password, self.password.as_bytes())?;
        if let Some(owner) = self.identity.file_owner() {
            chown(&password, Some(owner), Some(owner))?;
        }
        let mut spec = Spec::new(self.bin.join("initdb")).args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            &format!("--username={SUPERUSER}"),
            &format!("--pwfile={}", password.display()),
            &format!("--pgdata={}", half.display()),
            &format!("--set=scram_iterations={SCRAM_ITERATIONS}"),
        ]);
        spec.dir = Some(self.home.clone());
        spec.log = Some(log.clone());
        spec.identity = self.identity;
        spec.orphan_signal = libc::SIGKILL;
        let status = Child::spawn(spec).await?.wait().await?;
        fs::remove_file(&password)?;
        if !status.success() {
            bail!("initdb failed: {status}\n{}", tail(&log, 20));
        }
        fs::rename(&half, &data).context("finish the new cluster")
    }

    fn socket_dir(&self) -> String {
        let longest = self.home.join(".s.PGSQL.65535");
        if longest.as_os_str().len() > SOCKET_PATH_MAX { String::new() } else { self.home.display().to_string() }
    }
}

impl Program for Server {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn spec(&self) -> Spec {
        let mut options = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", self.socket_dir()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("shared_buffers", "64MB".to_owned()),
            ("jit", "off".to_owned()),
            ("scram_iterations", SCRAM_ITERATIONS.to_owned()),
            // The owner may act as the roles it made: functions of a search role need that.
            ("createrole_self_grant", "set, inherit".to_owned()),
        ];
        options.extend(self.profile.options().iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut spec = Spec::new(self.bin.join("postgres")).args(["-D".to_owned(), self.data()]);
        for (name, value) in options {
            spec = spec.args(["-c".to_owned(), format!("{name}={value}")]);
        }
        // The C library gives memory back after each statement and takes it again for the next, which costs a fifth of a
        // search. Each session keeps up to 4 MB instead.
        for (name, value) in [
            ("MALLOC_TRIM_THRESHOLD_", "4194304"),
            ("MALLOC_MMAP_THRESHOLD_", "4194304"),
            ("MALLOC_TOP_PAD_", "1048576"),
        ] {
            spec.envs.push((name.to_owned(), value.to_owned()));
        }
        spec.dir = Some(self.home.clone());
        spec.log = Some(self.log());
        spec.identity = self.identity;
        // A fast shutdown: sessions end, the data is written.
        spec.orphan_signal = libc::SIGINT;
        spec
    }

    async fn is_ready(&self) -> bool {
        let address = url(SUPERUSER, &self.password, self.port, "postgres");
        let probe = async { connect(&address).await?.simple_query("select 1").await.map_err(anyhow::Error::from) };
        tokio::time::timeout(Duration::from_secs(2), probe).await.is_ok_and(|answer| answer.is_ok())
    }

    fn stop_signal(&self) -> i32 {
        libc::SIGINT
    }

    fn log(&self) -> PathBuf {
        self.home.join("postgres.log")
    }
}

impl Server {
    fn data(&self) -> String {
        self.home.join("data").display().to_string()
    }
}

/// A connection that lives as long as the client is kept.
async fn connect(address: &str) -> anyhow::Result<tokio_postgres::Client> {
    let mut config: Config = address.parse().context("a database address is postgres://user:password@host/database")?;
    config.connect_timeout(Duration::from_secs(5)).application_name("neipix-local");
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client.
    drop(tasks::spawn(async move { drop(connection.await) }));
    Ok(client)
}

/// The owner, its database and the extensions; repeated at each start.
async fn bootstrap(superuser: impl Fn(&str) -> String, owner_password: &str) -> anyhow::Result<()> {
    let maintenance = connect(&superuser("postgres")).await?;
    let has_owner = exists(&maintenance, "select 1 from pg_roles where rolname = $1", OWNER).await?;
    if !has_owner {
        maintenance.batch_execute(&format!("create role {OWNER}")).await?;
    }
    // The password is our own hexadecimal text: nothing in it needs quoting.
    maintenance
        .batch_execute(&format!("alter role {OWNER} login createrole createdb bypassrls password '{owner_password}'"))
        .await?;
    if exists(&maintenance, "select 1 from pg_database where datname = $1", DATABASE).await? {
        return Ok(());
    }
    let template = connect(&superuser("template1")).await?;
    for extension in EXTENSIONS {
        template.batch_execute(&format!("create extension if not exists {extension}")).await?;
    }
    drop(template);
    copy_template(&maintenance).await
}

/// A database is copied only once the last session of its template is gone, which takes a moment.
async fn copy_template(maintenance: &tokio_postgres::Client) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let made = maintenance.batch_execute(&format!("create database {DATABASE} owner {OWNER}")).await;
        match made {
            Ok(()) => return Ok(()),
            Err(error)
                if error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_IN_USE)
                    && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn exists(client: &tokio_postgres::Client, query: &str, name: &str) -> anyhow::Result<bool> {
    Ok(client.query_opt(query, &[&name]).await?.is_some())
}
