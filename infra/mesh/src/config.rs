//! Settings: file `neipix.toml` and environment (which wins), checked at start, all wrong keys reported at once.
//!
//! The only module that reads the environment. `docs/settings.md` lists the keys.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::PathBuf,
};

use diesel::{QueryableByName, sql_types::Text};

use crate::secret::Secret;

mod build;
pub mod keys;
mod net;
mod parse;
mod problems;
mod sources;

pub use net::Cidr;
pub use problems::{ConfigError, Problem};

#[cfg(test)]
mod tests;

/// How strict the start is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A developer's machine.
    Local,
    /// A test run.
    Test,
    /// Real people: no default of a secret, no demo users, a durable database.
    Production,
}

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// Cost of a password hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// What the guard of outgoing calls lets through although its rules forbid it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowRule {
    /// That host at that port.
    Host {
        /// Name or address, lower case, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// All addresses of a range.
    Range(Cidr),
}

/// Object storage.
#[derive(Debug, Clone)]
pub struct S3 {
    /// As the services reach it.
    pub endpoint: String,
    /// As browsers reach it.
    pub public_endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// Log-in.
    pub access_key: Secret<String>,
    /// Password.
    pub secret_key: Secret<String>,
}

/// Outgoing letters.
#[derive(Debug, Clone)]
pub struct Mail {
    /// `smtp://…` or `smtps://…`.
    pub smtp_url: Secret<String>,
    /// Sender.
    pub from: String,
}

/// Where this process listens.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    /// The edge.
    pub http: SocketAddr,
    /// `/metrics`, `/healthz`, `/readyz`.
    pub ops: SocketAddr,
    /// A service.
    pub grpc: SocketAddr,
}

/// Certificates of the mesh.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Own chain.
    pub certificate: PathBuf,
    /// Own key.
    pub key: PathBuf,
    /// The authority.
    pub authority: PathBuf,
}

impl TlsFiles {
    /// Reads the three files.
    ///
    /// # Errors
    /// Names the keys whose files cannot be read.
    pub fn read(&self) -> Result<crate::client::Tls, ConfigError> {
        let mut problems = vec![];
        let mut read = |key: &str, path: &PathBuf| {
            std::fs::read(path).unwrap_or_else(|e| {
                problems.push(Problem::new(key, format!("names {}, which cannot be read: {e}", path.display())));
                vec![]
            })
        };
        let tls = crate::client::Tls {
            certificate: read("TLS_CERT", &self.certificate),
            key: read("TLS_KEY", &self.key),
            authority: read("TLS_CA", &self.authority),
        };
        if problems.is_empty() { Ok(tls) } else { Err(ConfigError { problems }) }
    }
}

/// Origins of the product's hosts, `scheme://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// The app.
    pub app: String,
    /// The staff's app.
    pub admin: String,
    /// The public API.
    pub api: String,
    /// The widget.
    pub widget: String,
    /// Users' files.
    pub files: String,
}

/// Logs and traces.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Shape of log lines.
    pub format: LogFormat,
    /// Which lines.
    pub filter: String,
    /// Where traces go.
    pub otlp: Option<String>,
}

/// Keys with ids: the first is used for new values, all for old ones.
#[derive(Clone)]
pub struct Keyring(Vec<(String, Secret<Vec<u8>>)>);

impl Keyring {
    /// At least one key; ids are 1 to 32 of letters, digits, `-`, `_`, `.`, each once; keys have 32 bytes.
    #[must_use]
    pub fn new(keys: Vec<(String, Secret<Vec<u8>>)>) -> Option<Self> {
        let good = |kid: &str| {
            (1..=32).contains(&kid.len()) && kid.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let each = keys.iter().all(|(kid, key)| good(kid) && key.expose().len() == 32);
        let once = keys.iter().enumerate().all(|(i, (kid, _))| !keys[..i].iter().any(|(k, _)| k == kid));
        (!keys.is_empty() && each && once).then_some(Self(keys))
    }

    /// Id and key for new values.
    #[must_use]
    pub fn first(&self) -> (&str, &Secret<Vec<u8>>) {
        let (kid, key) = &self.0[0];
        (kid, key)
    }

    /// The key of an id.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&Secret<Vec<u8>>> {
        self.0.iter().find(|(k, _)| k == kid).map(|(_, key)| key)
    }

    /// The ids, the first one first.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(kid, _)| kid.as_str())
    }

    /// All keys, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret<Vec<u8>>)> {
        self.0.iter().map(|(kid, key)| (kid.as_str(), key))
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({})", self.kids().collect::<Vec<_>>().join(", "))
    }
}

/// One service's own settings.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// Name without `svc-`, such as `billing`.
    pub name: &'static str,
    /// The database as its own role.
    pub database_url: Secret<String>,
    /// Most connections to Postgres.
    pub pool: usize,
}

/// Checked settings of a process.
///
/// In production only what was set is there: asking for another service's settings is an error that names the key.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How strict.
    pub environment: Environment,
    /// Whether a demo workspace is seeded.
    pub demo: bool,
    /// Whether the program's code is moved onto huge pages.
    pub huge_text: bool,
    /// Where this process listens.
    pub listen: Listen,
    /// Certificates of the mesh; none: everything in one process, or a trusted wire.
    pub tls: Option<TlsFiles>,
    /// The built web apps; none: they are not served.
    pub web_dir: Option<PathBuf>,
    /// Object storage as browsers reach it, without a slash at its end.
    pub storage_endpoint: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Cost of a password hash.
    pub argon2: Argon2Cost,
    /// Exceptions of the guard of outgoing calls.
    pub egress_allow: Vec<AllowRule>,
    /// Base URL of the Bot API, without a slash at its end.
    pub telegram_api: String,
    /// Put into `bonus` of a new wallet.
    pub welcome_grant_micro_pix: i64,
    /// What test dialogues of a workspace may cost a day (UTC) before its wallet pays.
    pub simulation_free_micro_pix: i64,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Armed crash points, as written.
    pub crashpoints: Option<String>,
    /// Where passed crash points are written down.
    pub crashpoint_log: Option<PathBuf>,
    database_url: Option<Secret<String>>,
    verify_database_url: Option<Secret<String>>,
    redis_url: Option<Secret<String>>,
    s3: Result<S3, &'static str>,
    mail: Result<Mail, &'static str>,
    origins: Result<Origins, &'static str>,
    auth_issuer: Option<String>,
    seal_keys: Option<Keyring>,
    refresh_keys: Option<Keyring>,
    page_token_keys: Option<Keyring>,
    services: BTreeMap<&'static str, PerService>,
    given: BTreeMap<String, Secret<String>>,
}

#[derive(Debug, Clone)]
struct PerService {
    database_url: Option<Secret<String>>,
    pool: usize,
    addresses: Vec<String>,
}

impl Settings {
    /// Of file and environment, for the process `who` (`svc-billing`, `edge`, `local`, `cli`).
    ///
    /// # Errors
    /// Every wrong, unknown, refused or missing key, with its rule.
    pub fn load(who: &str) -> Result<Self, ConfigError> {
        let (given, problems) = sources::gather();
        build::settings(who, given, problems)
    }

    /// Of pairs, for tests and for services that live in one process. Reads neither file nor environment.
    ///
    /// # Errors
    /// As `load`.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        who: &str,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let (given, problems) = sources::of_pairs(pairs);
        build::settings(who, given, problems)
    }

    /// The same settings with some of them replaced.
    ///
    /// # Errors
    /// As `load`.
    pub fn with<K: Into<String>, V: Into<String>>(
        &self,
        who: &str,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let old = self.given.iter().map(|(k, v)| (k.clone(), v.expose().clone()));
        Self::from_pairs(who, old.chain(pairs.into_iter().map(|(k, v)| (k.into(), v.into()))))
    }

    /// Whether a key was set by file, environment or pairs.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// What a process started by this one needs in its environment: the keys that it reads and that were set.
    #[must_use]
    pub fn environment_of(&self, who: &str) -> Vec<(String, Secret<String>)> {
        let reads = |name: &str| keys::find(name).is_some_and(|key| key.is_read_by(who, name));
        self.given.iter().filter(|(name, _)| reads(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// Whether real people are served.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// One service's own settings; `billing` or `svc-billing`.
    ///
    /// # Errors
    /// When its database is not set, or there is no such service.
    pub fn service(&self, name: &str) -> Result<ServiceSettings, ConfigError> {
        let name = name.strip_prefix("svc-").unwrap_or(name);
        let Some((name, own)) = self.services.get_key_value(name) else {
            return Err(ConfigError::one(name, "is not a service"));
        };
        let key = format!("{}_DATABASE_URL", name.to_uppercase());
        let database_url = own.database_url.clone().ok_or_else(|| ConfigError::missing(&key))?;
        Ok(ServiceSettings { name, database_url, pool: own.pool })
    }

    /// Where the other services are reached, by names such as `svc-billing`: for `client::Mesh::connect`.
    #[must_use]
    pub fn addresses(&self) -> HashMap<String, Vec<String>> {
        let known = self.services.iter().filter(|(_, own)| !own.addresses.is_empty());
        known.map(|(name, own)| (format!("svc-{name}"), own.addresses.clone())).collect()
    }

    /// The owner's database; for `migrate` and the launcher.
    ///
    /// # Errors
    /// When it is not set.
    pub fn database_url(&self) -> Result<&Secret<String>, ConfigError> {
        needed(self.database_url.as_ref(), "DATABASE_URL")
    }

    /// The database as the read-only role.
    ///
    /// # Errors
    /// When it is not set.
    pub fn verify_database_url(&self) -> Result<&Secret<String>, ConfigError> {
        needed(self.verify_database_url.as_ref(), "VERIFY_DATABASE_URL")
    }

    /// Redis.
    ///
    /// # Errors
    /// When it is not set.
    pub fn redis_url(&self) -> Result<&Secret<String>, ConfigError> {
        needed(self.redis_url.as_ref(), "REDIS_URL")
    }

    /// Object storage.
    ///
    /// # Errors
    /// When it is not set.
    pub fn s3(&self) -> Result<&S3, ConfigError> {
        self.s3.as_ref().map_err(|key| ConfigError::missing(key))
    }

    /// Outgoing letters.
    ///
    /// # Errors
    /// When they are not set.
    pub fn mail(&self) -> Result<&Mail, ConfigError> {
        self.mail.as_ref().map_err(|key| ConfigError::missing(key))
    }

    /// All origins; only the edge is sure to have all of them.
    ///
    /// # Errors
    /// When one is not set.
    pub fn origins(&self) -> Result<&Origins, ConfigError> {
        self.origins.as_ref().map_err(|key| ConfigError::missing(key))
    }

    /// One origin, by its key such as `APP_ORIGIN`.
    ///
    /// # Errors
    /// When it is not set.
    pub fn origin(&self, key: &str) -> Result<String, ConfigError> {
        let local = keys::find(key).and_then(|k| match k.fallback {
            keys::Fallback::Local(value) if !self.is_production() => Some(value.to_owned()),
            _ => None,
        });
        let set = self.given.get(key).and_then(|text| parse::origin(text.expose()));
        set.or(local).ok_or_else(|| ConfigError::missing(key))
    }

    /// `iss` of access tokens.
    ///
    /// # Errors
    /// When it is not set.
    pub fn auth_issuer(&self) -> Result<&str, ConfigError> {
        needed(self.auth_issuer.as_deref(), "AUTH_ISSUER")
    }

    /// Keys that seal secrets at rest.
    ///
    /// # Errors
    /// When they are not set.
    pub fn seal_keys(&self) -> Result<&Keyring, ConfigError> {
        needed(self.seal_keys.as_ref(), "SEAL_KEYS")
    }

    /// Keys that derive refresh tokens.
    ///
    /// # Errors
    /// When they are not set.
    pub fn refresh_keys(&self) -> Result<&Keyring, ConfigError> {
        needed(self.refresh_keys.as_ref(), "REFRESH_KEYS")
    }

    /// Keys that sign page tokens.
    ///
    /// # Errors
    /// When they are not set.
    pub fn page_token_keys(&self) -> Result<&Keyring, ConfigError> {
        needed(self.page_token_keys.as_ref(), "PAGE_TOKEN_KEYS")
    }
}

fn needed<'a, T: ?Sized>(value: Option<&'a T>, key: &str) -> Result<&'a T, ConfigError> {
    value.ok_or_else(|| ConfigError::missing(key))
}

/// What a Postgres server says of its durability: `on`, `off`, or one of the kinds of `synchronous_commit`.
#[derive(Debug, Clone, QueryableByName)]
pub struct Durability {
    /// Whether writes reach the disk.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// Whether a commit waits for it.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// Whether a torn page can be mended.
    #[diesel(sql_type = Text)]
    pub full_page_writes: String,
}

/// Refuses, in production, a database that may lose what it acknowledged.
///
/// # Errors
/// Names each setting of the server that is off.
pub fn refuse_forgetful_database(environment: Environment, said: &Durability) -> Result<(), ConfigError> {
    if environment != Environment::Production {
        return Ok(());
    }
    let all = [
        ("fsync", &said.fsync),
        ("synchronous_commit", &said.synchronous_commit),
        ("full_page_writes", &said.full_page_writes),
    ];
    let off = all.into_iter().filter(|(_, value)| *value == "off");
    let problems: Vec<_> =
        off.map(|(name, _)| Problem::new(name, "of the Postgres server is off; production needs it on")).collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}
