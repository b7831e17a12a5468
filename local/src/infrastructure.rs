//! Postgres, Redis, S3 and the mailbox as one thing to start and stop.
//!
//! What the environment already names is used as it is; the rest is started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::children::free_port;
use crate::mailbox::Mailbox;
use crate::postgres::{Postgres, Profile, SERVICES, provision_roles};
use crate::redis::Redis;
use crate::s3::S3;
use crate::secrets::{Secrets, write_private};
use crate::settings::Settings;

/// Servers that are there already. Each one given is not started.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Given {
    /// The owner's database address
    #[arg(long, env, hide_env_values = true)]
    pub database_url: Option<String>,
    #[arg(long, env, hide_env_values = true)]
    pub redis_url: Option<String>,
    #[arg(long, env)]
    pub s3_endpoint: Option<String>,
    /// Where browsers reach S3; the endpoint itself if not given
    #[arg(long, env)]
    pub s3_public_endpoint: Option<String>,
    #[arg(long, env)]
    pub s3_bucket: Option<String>,
    #[arg(long, env)]
    pub s3_access_key: Option<String>,
    #[arg(long, env, hide_env_values = true)]
    pub s3_secret_key: Option<String>,
    #[arg(long, env, hide_env_values = true)]
    pub smtp_url: Option<String>,
    #[arg(long, env)]
    pub mailbox_url: Option<String>,
}

/// Where everything lies, and what it is worth.
#[derive(Debug, Clone)]
pub struct Options {
    /// Data, secrets, ports and logs.
    pub dir: PathBuf,
    /// The folder with `postgres`, `initdb`.
    pub postgres_bin: PathBuf,
    /// `redis-server`, or a path to it.
    pub redis_server: PathBuf,
    pub profile: Profile,
    pub given: Given,
}

/// Everything that runs, and the settings that lead to it.
#[derive(Debug)]
pub struct Infrastructure {
    settings: Settings,
    secrets: Secrets,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    s3: Option<S3>,
    mailbox: Option<Mailbox>,
    /// Held until the end: two launchers on one folder would destroy it.
    _lock: File,
}

/// Kept, so that addresses stay the same from run to run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Ports {
    postgres: u16,
    redis: u16,
    s3: u16,
    smtp: u16,
    mailbox: u16,
}

impl Infrastructure {
    /// Starts what is not given.
    ///
    /// # Errors
    /// When the folder is in use, a program is missing, or one does not come up.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let Options { dir, postgres_bin, redis_server, profile, given } = options;
        fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        let lock = lock(&dir)?;
        let secrets = Secrets::open(&dir)?;
        let ports = Ports::choose(&dir)?;
        let mut settings = Settings::default();
        let (postgres, redis, s3, mailbox) = tokio::try_join!(
            async {
                if given.database_url.is_some() {
                    return Ok(None);
                }
                Postgres::start(&postgres_bin, &dir.join("postgres"), ports.postgres, profile, &secrets).await.map(Some)
            },
            async {
                if given.redis_url.is_some() {
                    return Ok(None);
                }
                Redis::start(&redis_server, &dir.join("redis"), ports.redis, &secrets).await.map(Some)
            },
            async {
                if given.s3_endpoint.is_some() {
                    return Ok(None);
                }
                S3::start(&dir.join("s3"), ports.s3, &secrets).await.map(Some)
            },
            async {
                if given.smtp_url.is_some() {
                    return Ok(None);
                }
                Mailbox::start(&dir.join("mail"), ports.smtp, ports.mailbox).await.map(Some)
            },
        )?;
        use_given(&mut settings, &given, &secrets).await?;
        if let Some(postgres) = &postgres {
            postgres.add_to(&mut settings);
        }
        if let Some(redis) = &redis {
            settings.set("REDIS_URL", redis.url());
        }
        if let Some(s3) = &s3 {
            s3.add_to(&mut settings);
        }
        if let Some(mailbox) = &mailbox {
            mailbox.add_to(&mut settings);
        }
        Ok(Self { settings, secrets, postgres, redis, s3, mailbox, _lock: lock })
    }

    /// What services need to reach all of it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The folder's secrets, for keys that the services need besides.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The private Postgres, where one was started.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The private Redis, where one was started.
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// Stops what was started.
    pub async fn stop(self) {
        let Self { postgres, redis, s3, mailbox, .. } = self;
        tokio::join!(
            async {
                if let Some(postgres) = postgres {
                    postgres.stop().await;
                }
            },
            async {
                if let Some(redis) = redis {
                    redis.stop().await;
                }
            },
            async {
                if let Some(s3) = s3 {
                    s3.stop().await;
                }
            },
            async {
                if let Some(mailbox) = mailbox {
                    mailbox.stop().await;
                }
            },
        );
    }
}

/// Passes on what was given; a given database gets its service roles.
async fn use_given(settings: &mut Settings, given: &Given, secrets: &Secrets) -> anyhow::Result<()> {
    if let Some(owner) = &given.database_url {
        settings.set("DATABASE_URL", owner.clone());
        for (setting, address) in provision_roles(owner, secrets).await? {
            settings.set(setting, address);
        }
        debug_assert!(SERVICES.iter().all(|(setting, _)| settings.get(setting).is_some()));
    }
    if let Some(redis) = &given.redis_url {
        settings.set("REDIS_URL", redis.clone());
    }
    if let Some(smtp) = &given.smtp_url {
        settings.set("SMTP_URL", smtp.clone());
    }
    if let Some(mailbox) = &given.mailbox_url {
        settings.set("MAILBOX_URL", mailbox.clone());
    }
    let Some(endpoint) = &given.s3_endpoint else { return Ok(()) };
    settings.set("S3_ENDPOINT", endpoint.clone());
    settings.set("S3_PUBLIC_ENDPOINT", given.s3_public_endpoint.clone().unwrap_or_else(|| endpoint.clone()));
    let rest = [
        ("S3_BUCKET", &given.s3_bucket),
        ("S3_ACCESS_KEY", &given.s3_access_key),
        ("S3_SECRET_KEY", &given.s3_secret_key),
    ];
    for (name, value) in rest {
        let Some(value) = value else { bail!("{name} is missing: S3_ENDPOINT needs it") };
        settings.set(name, value.clone());
    }
    Ok(())
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("{} is in use by another launcher: stop that one first", dir.display());
    }
    Ok(file)
}

impl Ports {
    /// Last time's ports, each replaced where somebody else has taken it.
    fn choose(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("ports.json");
        let mut ports: Self =
            fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        // Each is held until all are chosen, so that none is chosen twice.
        let all = [&mut ports.postgres, &mut ports.redis, &mut ports.s3, &mut ports.smtp, &mut ports.mailbox];
        let mut chosen: Vec<u16> = Vec::new();
        for port in all {
            let mut free = free_port(Some(*port))?;
            while chosen.contains(&free) {
                free = free_port(None)?;
            }
            chosen.push(free);
            *port = free;
        }
        write_private(&path, &serde_json::to_vec_pretty(&ports)?)?;
        Ok(ports)
    }
}

/// The Postgres that `make setup` put into the checkout of `start`, or of a folder above it.
pub fn find_postgres(start: &Path) -> Option<PathBuf> {
    let below = |dir: &Path| dir.join(".local/tools/postgres/bin");
    start.ancestors().map(below).find(|bin| bin.join("postgres").exists())
}

/// Postgres' programs: where a person says, else of the checkout around the working folder or this program.
///
/// # Errors
/// When there is no working folder.
pub fn postgres_programs(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    Ok(given
        .or_else(|| find_postgres(&here))
        .or_else(|| find_postgres(&std::env::current_exe().ok()?))
        .unwrap_or_else(|| here.join(".local/tools/postgres/bin")))
}
