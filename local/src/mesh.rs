//! The product on one machine as it runs in production: each service a process of its own, two of each, two edges, mTLS
//! between them.

pub mod certificates;
pub mod shape;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context as _;
use futures::future::{join_all, try_join_all};
use tokio::net::TcpListener;

use self::shape::{EDGE, Shape};
use crate::{
    children::Supervised,
    infrastructure::{Given, Infrastructure, Options, postgres_programs},
    postgres::Profile,
    product,
    up::{self, Stop, demo},
};

/// Serve the whole product as production does: two processes of each service, two edges, mTLS
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where data, secrets, certificates, letters and logs are kept
    #[arg(long, default_value = ".local/data")]
    dir: PathBuf,
    /// The port of the first edge, on this machine only; the second edge has the next one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The folder with the services' programs; beside this one if not given
    #[arg(long)]
    programs: Option<PathBuf>,
    /// The folder with Postgres' programs; looked for in the checkout if not given
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
    #[arg(long, default_value = "redis-server")]
    redis_server: PathBuf,
    #[command(flatten)]
    given: Given,
}

/// Serves until Ctrl-C or SIGTERM, then stops everything that it started.
///
/// # Errors
/// When a port is taken, a setting is wrong, or a server, a migration, a process or the demo fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut stop = Stop::listen()?;
    let edges = [args.port, args.port.checked_add(1).context("the second edge needs a port, too")?];
    for port in edges {
        // Before anything is started; the edge itself binds it later.
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("port {port} is taken: stop what listens there, or choose others by --port"))?;
    }
    let programs = match args.programs {
        Some(programs) => programs,
        None => std::env::current_exe()?.parent().context("this program lies in a folder")?.to_owned(),
    };
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
    let served = serve(&args.dir, edges, &programs, &infrastructure, &mut stop, began).await;
    infrastructure.stop().await;
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(
    dir: &Path,
    edges: [u16; 2],
    programs: &Path,
    infrastructure: &Infrastructure,
    stop: &mut Stop,
    began: Instant,
) -> anyhow::Result<()> {
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, edges[0]).into();
    let settings = up::settings(infrastructure, address)?;
    let home = dir.join("mesh");
    // Certificates and logs of the last run.
    drop(std::fs::remove_dir_all(&home));
    let shape = Shape::plan(&settings, &home, programs, edges)?;
    let owner = settings.database_url()?.expose().clone();
    let running = tokio::select! {
        () = stop.asked() => return Ok(()),
        started = async {
            product::migrate(&owner).await?;
            start(&shape).await
        } => started?,
    };
    let cli = shape.connect("cli")?;
    let result = tokio::select! {
        () = stop.asked() => Ok(()),
        seeded = demo::seed(address, &cli, infrastructure.secrets(), dir) => match seeded {
            Ok(demo) => {
                up::print(address, infrastructure, &demo, began);
                print(&shape, &home);
                stop.asked().await;
                Ok(())
            }
            Err(error) => Err(error.context("prepare the demo workspace")),
        },
    };
    end(running).await;
    result
}

/// Starts every process and waits until all can work. One that dies later is started again, with a growing pause.
async fn start(shape: &Shape) -> anyhow::Result<Vec<Supervised>> {
    try_join_all(shape.replicas.iter().map(|replica| Supervised::start(replica.clone()))).await
}

/// Edges first: nothing new comes in while the services finish what they have.
async fn end(running: Vec<Supervised>) {
    let (edges, services): (Vec<_>, Vec<_>) = running.into_iter().partition(|process| process.name() == EDGE);
    for part in [edges, services] {
        join_all(part.into_iter().map(Supervised::stop)).await;
    }
}

#[expect(clippy::print_stdout, reason = "what a person who started it wants to see")]
fn print(shape: &Shape, home: &Path) {
    println!("Processes (metrics, health); logs in {}:\n", home.display());
    for replica in &shape.replicas {
        println!("  {:16} {}   http://{}/metrics", replica.label(), replica.address, replica.ops);
    }
    println!("\nThe second edge serves the same hosts: a call there names the port of the first one in its Host.\n");
}
