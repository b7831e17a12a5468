//! The whole product in one process: five services behind their access layers, and an edge before them. A call between
//! them goes through the same tower stack and messages as over a socket.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use diesel_migrations::EmbeddedMigrations;
use neipix_mesh::{
    client::{Late, Mesh, local},
    config::Settings,
    run::{prepare_process, use_huge_pages},
    secret::Secret,
    service::Parts,
    shutdown::Shutdown,
    tasks::Tasks,
};
use tokio::net::TcpListener;
use tower::Layer as _;

/// How long running work may take to end.
const FINISH: Duration = Duration::from_secs(10);

/// The product, running.
pub struct Product {
    /// Where the edge listens.
    pub address: SocketAddr,
    /// The services as the command line reaches them.
    pub cli: Mesh,
    places: HashMap<&'static str, Late>,
    tasks: Tasks,
    shutdown: Shutdown,
}

/// The services, by their names.
pub const SERVICES: [&str; 5] =
    [svc_auth::NAME, svc_assistants::NAME, svc_billing::NAME, svc_chats::NAME, svc_admin::NAME];

/// Schemas and their migrations.
fn migrations() -> [(&'static str, EmbeddedMigrations); 5] {
    [
        ("auth", svc_auth::MIGRATIONS),
        ("assistants", svc_assistants::MIGRATIONS),
        ("billing", svc_billing::MIGRATIONS),
        ("chats", svc_chats::MIGRATIONS),
        ("admin", svc_admin::MIGRATIONS),
    ]
}

/// Brings every schema up to date with the owner's log-in.
///
/// # Errors
/// When a migration fails.
pub async fn migrate(owner_url: &str) -> anyhow::Result<()> {
    let url = Secret::new(owner_url.to_owned());
    for (schema, migrations) in migrations() {
        neipix_mesh::migrate::run(&url, schema, migrations)
            .await
            .map_err(|e| explain(&e))
            .with_context(|| format!("migrate {schema}"))?;
    }
    Ok(())
}

/// An error with all its causes in one line.
fn explain(error: &dyn std::error::Error) -> anyhow::Error {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    anyhow::anyhow!(text)
}

/// All services, called by a process of that name.
fn reach(own: &str, places: &HashMap<&'static str, Late>) -> Mesh {
    let upstreams = places.iter().map(|(name, late)| ((*name).to_owned(), local(own, late.clone()))).collect();
    Mesh::new(own, upstreams)
}

/// Starts the product on a listener. The databases must have been migrated.
///
/// # Errors
/// Settings that are missing or wrong.
pub async fn start(settings: &Settings, listener: TcpListener) -> anyhow::Result<Product> {
    prepare_process();
    use_huge_pages(settings);
    neipix_mesh::metrics::install();
    let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
    tasks.spawn("metrics.upkeep", neipix_mesh::metrics::upkeep(shutdown.clone()));
    let places: HashMap<&'static str, Late> = SERVICES.into_iter().map(|name| (name, Late::new())).collect();
    let mesh = |own: &str| reach(own, &places);
    macro_rules! place {
        ($service:ident) => {
            let name = $service::NAME;
            let parts = Parts::new(name, settings, mesh(name), tasks.clone(), shutdown.clone())?;
            let access = parts.access()?;
            let health = neipix_mesh::health::watch(&parts.readiness, $service::SERVICES, &tasks, &shutdown);
            let routes = $service::serve(parts).await?.add_service(health);
            if let Some(late) = places.get(name) {
                late.set(access.layer(routes));
            }
        };
    }
    place!(svc_auth);
    place!(svc_billing);
    place!(svc_assistants);
    place!(svc_chats);
    place!(svc_admin);
    let router = neipix_edge::serve::build(settings, mesh(neipix_edge::serve::NAME), &tasks, &shutdown)?;
    let address = listener.local_addr()?;
    let stop = shutdown.clone();
    tasks.spawn("edge", async move { neipix_edge::listen::serve(listener, router, stop).await });
    let cli = mesh("cli");
    Ok(Product { address, cli, places, tasks, shutdown })
}

impl Product {
    /// The services as a process of that name reaches them.
    #[must_use]
    pub fn as_process(&self, name: &str) -> Mesh {
        reach(name, &self.places)
    }

    /// Drains and ends everything.
    pub async fn stop(self) {
        self.shutdown.begin();
        if !self.tasks.finish(FINISH).await {
            tracing::warn!(running = self.tasks.running(), "work still ran at the end");
        }
    }
}
