//! The whole product on one machine, until it is told to stop.

pub(crate) mod demo;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Instant,
};

use anyhow::Context as _;
use base64::Engine as _;
use neipix_mesh::config::Settings;
use tokio::{
    net::TcpListener,
    process::Command,
    signal::unix::{Signal, SignalKind, signal},
};

use self::demo::Demo;
use crate::{
    infrastructure::{Given, Infrastructure, Options, postgres_programs},
    postgres::Profile,
    product,
};

/// Serve the whole product on servers of its own, with a demo workspace
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where data, secrets and letters are kept
    #[arg(long, default_value = ".local/data")]
    dir: PathBuf,
    /// The port of all hosts, on this machine only; 0: any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The folder with Postgres' programs; looked for in the checkout if not given
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
    #[arg(long, default_value = "redis-server")]
    redis_server: PathBuf,
    /// Open the app in the desktop's browser when this folder is served for the first time
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    given: Given,
}

/// Serves until Ctrl-C or SIGTERM, then stops everything that it started.
///
/// # Errors
/// When the port is taken, a setting is wrong, or a server, a migration or the demo fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut stop = Stop::listen()?;
    // Before anything is started: a port that is taken is the commonest mistake.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.with_context(|| {
        format!("port {} is taken: stop what listens there, or choose another by --port", args.port)
    })?;
    let options = Options {
        dir: args.dir.clone(),
        postgres_bin: postgres_programs(args.postgres_bin)?,
        redis_server: args.redis_server,
        profile: Profile::Durable,
        given: args.given,
    };
    let infrastructure = tokio::select! {
        () = stop.asked() => return Ok(ExitCode::SUCCESS),
        started = Infrastructure::start(options) => started?,
    };
    let place = Place { dir: &args.dir, open: args.open && !demo::is_there(&args.dir) };
    let served = serve(place, listener, &infrastructure, &mut stop, began).await;
    infrastructure.stop().await;
    served.map(|()| ExitCode::SUCCESS)
}

/// Where the data are, and whether a browser is to show them.
struct Place<'a> {
    dir: &'a Path,
    open: bool,
}

async fn serve(
    place: Place<'_>,
    listener: TcpListener,
    infrastructure: &Infrastructure,
    stop: &mut Stop,
    began: Instant,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let settings = settings(infrastructure, address)?;
    let owner = settings.database_url()?.expose().clone();
    let product = tokio::select! {
        () = stop.asked() => return Ok(()),
        started = async {
            product::migrate(&owner).await?;
            product::start(&settings, listener).await
        } => started?,
    };
    let result = tokio::select! {
        () = stop.asked() => Ok(()),
        seeded = demo::seed(product.address, &product.cli, infrastructure.secrets(), place.dir) => match seeded {
            Ok(demo) => {
                print(product.address, infrastructure, &demo, began);
                if place.open && settings.web_dir.is_some() {
                    show(&app_url(product.address));
                }
                stop.asked().await;
                Ok(())
            }
            Err(error) => Err(error.context("prepare the demo workspace")),
        },
    };
    product.stop().await;
    result
}

/// What the services need: the servers' addresses, this folder's own keys, the hosts; the environment's for the rest.
pub(crate) fn settings(infrastructure: &Infrastructure, address: SocketAddr) -> anyhow::Result<Settings> {
    let port = address.port();
    let mut pairs: Vec<(String, String)> = infrastructure
        .settings()
        .iter()
        .filter(|(name, _)| *name != "MAILBOX_URL")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for key in ["SEAL_KEYS", "REFRESH_KEYS", "PAGE_TOKEN_KEYS"] {
        pairs.push((key.to_owned(), infrastructure.secrets().get_or(key, keyring)?));
    }
    for (name, host) in [("APP", "app"), ("ADMIN", "admin"), ("API", "api"), ("WIDGET", "widget"), ("FILES", "files")] {
        pairs.push((format!("{name}_ORIGIN"), format!("http://{host}.localhost:{port}")));
    }
    pairs.push(("AUTH_ISSUER".into(), format!("http://api.localhost:{port}")));
    pairs.push(("NEIPIX_DEMO".into(), "1".into()));
    let given = Settings::load("local")?;
    // Postgres works on the same processors: more sessions than these can serve only get in each other's way, and a customer
    // who waits for a first word waits for all of them.
    let pool = std::thread::available_parallelism().map_or(4, |n| (n.get() + 1).clamp(3, 8));
    for name in product::SERVICES {
        let key = format!("{}_POOL", name.trim_start_matches("svc-").to_uppercase());
        if !given.is_set(&key) {
            pairs.push((key, pool.to_string()));
        }
    }
    Ok(given.with("local", pairs)?)
}

/// One key of its own for an installation.
fn keyring() -> String {
    format!("k1:{}", base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>()))
}

#[expect(clippy::print_stdout, reason = "what a person who started it wants to see")]
pub(crate) fn print(address: SocketAddr, infrastructure: &Infrastructure, demo: &Demo, began: Instant) {
    let port = address.port();
    let mailbox = infrastructure.settings().get("MAILBOX_URL").unwrap_or("your own SMTP server");
    let Demo { owner, staff, assistant, api_key } = demo;
    println!(
        "
Neipix serves since {:.1} s after its start. Ctrl-C stops it and all it started.

  the app          {}
  staff's app      http://admin.localhost:{port}
  API              http://api.localhost:{port}
  API reference    http://api.localhost:{port}/docs
  letters          {mailbox}

  owner of the demo workspace   {} / {}     (the app)
  superadmin                    {} / {}     (the staff's app)

Ask the demo assistant:

  curl -N http://api.localhost:{port}/api/v1/channels/api/messages:stream \\
    -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' \\
    -d '{{\"assistantId\": \"{assistant}\", \"contactExternalId\": \"me\", \"externalId\": \"'$RANDOM$RANDOM'\", \
\"text\": \"За сколько дней можно вернуть товар?\"}}'
",
        began.elapsed().as_secs_f64(),
        app_url(address),
        owner.email,
        owner.password,
        staff.email,
        staff.password,
    );
}

fn app_url(address: SocketAddr) -> String {
    format!("http://app.localhost:{}", address.port())
}

/// Opens a page in the desktop's browser. Its address stands on the screen already: where there is no browser, nothing is
/// lost.
fn show(url: &str) {
    let opened =
        Command::new("xdg-open").arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = opened {
        tracing::debug!(error = &error as &dyn std::error::Error, "no browser was opened");
    }
}

/// Ctrl-C and SIGTERM, from the first moment on.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
