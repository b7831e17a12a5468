//! What every service is made of, and the frame of its `main`.

use std::{sync::Arc, time::Duration};

use diesel_migrations::EmbeddedMigrations;
use tonic::service::Routes;

use crate::{
    access::{
        guard::Guard,
        layer::AccessLayer,
        revocations::{self, Revocations},
        token::{Keys, RemoteKeys, Verifier},
    },
    client::Mesh,
    config::{self, ConfigError, Environment, Settings},
    db::Db,
    failure::Failure,
    health::{self, Readiness},
    metrics,
    page::PageTokens,
    redis::Redis,
    run::{Boot, RunError},
    seal::Sealer,
    server,
    shutdown::Shutdown,
    tasks::Tasks,
};

/// Between two tries to reach Postgres at the start.
const RETRY: Duration = Duration::from_secs(1);
/// Connections to Redis of one service.
const REDIS_CONNECTIONS: usize = 16;

/// A service's parts. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// Such as `svc-billing`.
    pub name: &'static str,
    /// Checked settings.
    pub settings: Arc<Settings>,
    /// Its own schema, as its own role.
    pub db: Db,
    /// Transport and cache.
    pub redis: Redis,
    /// The other services.
    pub mesh: Mesh,
    /// Seals what must not be read at rest.
    pub sealer: Sealer,
    /// Page tokens.
    pub pages: PageTokens,
    /// Its work beside calls.
    pub tasks: Tasks,
    /// Begins when the process drains.
    pub shutdown: Shutdown,
    /// What it needs.
    pub readiness: Readiness,
}

impl Parts {
    /// Connects nothing yet: pools connect when first used, so that a start does not hang.
    ///
    /// # Errors
    /// Settings that are missing or wrong.
    pub fn new(
        name: &'static str,
        settings: &Settings,
        mesh: Mesh,
        tasks: Tasks,
        shutdown: Shutdown,
    ) -> Result<Self, RunError> {
        let own = settings.service(name.trim_start_matches("svc-"))?;
        let db = Db::connect(&own.database_url, own.pool, name)?;
        let redis = Redis::new(settings.redis_url()?, REDIS_CONNECTIONS)?;
        let readiness = Readiness::new();
        Ok(Self {
            name,
            sealer: Sealer::new(settings.seal_keys()?.clone()),
            pages: PageTokens::new(settings.page_token_keys()?.clone()),
            settings: Arc::new(settings.clone()),
            db,
            redis,
            mesh,
            tasks,
            shutdown,
            readiness,
        })
    }

    /// Says that these gRPC services cannot work without Postgres, and `events` (who hands events on) not without Redis
    /// either. All else works on without Redis, some of it later.
    pub fn needs(&self, services: &[&'static str], events: &[&'static str]) {
        let db = self.db.clone();
        self.readiness.need("postgres", services, move || {
            let db = db.clone();
            async move { db.ping().await }
        });
        if !events.is_empty() {
            let redis = self.redis.clone();
            self.readiness.need("redis", events, move || {
                let redis = redis.clone();
                async move { redis.ping().await.is_ok() }
            });
        }
    }

    /// The access layer in front of this service, with the tasks that keep it true.
    ///
    /// # Errors
    /// Settings that are missing.
    pub fn access(&self) -> Result<AccessLayer, ConfigError> {
        Ok(AccessLayer::new(Guard::new(self.name, self.verifier()?, self.revocations())))
    }

    /// Verifies tokens with svc-auth's keys.
    ///
    /// # Errors
    /// AUTH_ISSUER is missing.
    pub fn verifier(&self) -> Result<Verifier, ConfigError> {
        let verifier = Verifier::new(self.settings.auth_issuer()?, Keys::new(RemoteKeys(self.mesh.clone())));
        let (keys, shutdown) = (verifier.keys().clone(), self.shutdown.clone());
        self.tasks.spawn("access.keys", async move { keys.refresh(shutdown).await });
        Ok(verifier)
    }

    /// Hears what ended before its time, by Redis and by svc-auth's stream.
    #[must_use]
    pub fn revocations(&self) -> Revocations {
        let heard = Revocations::new();
        let (redis, by_redis, shutdown) = (self.redis.clone(), heard.clone(), self.shutdown.clone());
        self.tasks.spawn("access.revocations.redis", async move {
            revocations::read_redis(redis, by_redis, shutdown).await;
        });
        let (mesh, by_stream, shutdown) = (self.mesh.clone(), heard.clone(), self.shutdown.clone());
        self.tasks.spawn("access.revocations.stream", async move {
            revocations::watch(mesh, by_stream, shutdown).await;
        });
        heard
    }
}

/// Runs a service as a process of its own: `migrate` with the owner's log-in, or `serve` with its own role.
///
/// # Errors
/// Settings, an address that is taken, a migration that fails.
pub async fn process<F, Fut>(
    boot: Boot,
    name: &'static str,
    services: &'static [&'static str],
    migrations: EmbeddedMigrations,
    serve: F,
) -> Result<(), RunError>
where
    F: FnOnce(Parts) -> Fut,
    Fut: Future<Output = Result<Routes, RunError>>,
{
    let schema = name.trim_start_matches("svc-");
    if boot.command == "migrate" {
        return Ok(crate::migrate::run(boot.settings.database_url()?, schema, migrations).await?);
    }
    let tls = boot.settings.tls.as_ref().map(crate::config::TlsFiles::read).transpose()?;
    let mesh = Mesh::connect(name, &boot.settings.addresses(), tls.as_ref(), &boot.tasks, &boot.shutdown);
    let parts = Parts::new(name, &boot.settings, mesh, boot.tasks.clone(), boot.shutdown.clone())?;
    refuse_forgetful_database(&parts).await?;
    // Not ready before its migrations were applied; a newer schema is fine.
    parts.db.need_schema(crate::migrate::newest(&migrations)?);
    let access = parts.access()?;
    let routes = serve(parts.clone()).await?;
    let health = health::watch(&parts.readiness, services, &parts.tasks, &parts.shutdown);
    let package = services.first().and_then(|s| s.rsplit_once('.')).map_or("", |(package, _)| package);
    let routes = routes.add_service(health).add_service(server::reflection(package)?);
    let ops = server::bind(boot.settings.listen.ops).await?;
    let (readiness, shutdown) = (parts.readiness.clone(), boot.shutdown.clone());
    boot.tasks.spawn("ops", async move { metrics::serve_ops(ops, readiness, shutdown).await });
    let listener = server::bind(boot.settings.listen.grpc).await?;
    tracing::info!(address = %boot.settings.listen.grpc, "{name} serves");
    server::serve(listener, routes, access, tls.as_ref(), boot.shutdown).await.map_err(RunError::Failure)
}

/// Production does not start on a database that may lose what it acknowledged. One that does not answer yet is waited for.
async fn refuse_forgetful_database(parts: &Parts) -> Result<(), RunError> {
    while parts.settings.environment == Environment::Production && !parts.shutdown.begun() {
        match parts.db.durability().await {
            Ok(durability) => return Ok(config::refuse_forgetful_database(parts.settings.environment, &durability)?),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "Postgres does not answer yet"),
        }
        parts.shutdown.sleep(RETRY).await;
    }
    Ok(())
}

/// A failure inside a service's start.
impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Failure(failure) => failure,
            RunError::Config(error) => Self::internal(error),
        }
    }
}
