//! Builds an edge of its settings, and serves it.

use std::{error::Error as _, sync::Arc};

use axum::Router;
use neipix_mesh::{
    Failure,
    access::{
        guard::Guard,
        revocations::{self, Revocations},
        token::{Keys as TokenKeys, RemoteKeys, Verifier},
    },
    client::Mesh,
    config::{ConfigError, Environment, Settings},
    redis::Redis,
    run::{Boot, RunError},
    shutdown::Shutdown,
    tasks::Tasks,
};

use crate::{
    credentials::Keys,
    hosts::Origins,
    listen,
    rate::Limiter,
    router::router,
    routes::Routes,
    state::{Edge, Shared},
    web::Web,
};

/// This process's name.
pub const NAME: &str = "edge";
/// Connections to Redis.
const REDIS_CONNECTIONS: usize = 16;

/// The router of an edge and the tasks that keep its keys and revocations true.
///
/// # Errors
/// Settings that are missing; routes that collide, which a test would have found.
pub fn build(settings: &Settings, mesh: Mesh, tasks: &Tasks, shutdown: &Shutdown) -> Result<Router, RunError> {
    let redis = Redis::new(settings.redis_url()?, REDIS_CONNECTIONS)?;
    let verifier = Verifier::new(settings.auth_issuer()?, TokenKeys::new(RemoteKeys(mesh.clone())));
    let (keys, stop) = (verifier.keys().clone(), shutdown.clone());
    tasks.spawn("edge.keys", async move { keys.refresh(stop).await });
    let heard = Revocations::new();
    let (from, by_redis, stop) = (redis.clone(), heard.clone(), shutdown.clone());
    tasks.spawn("edge.revocations.redis", async move { revocations::read_redis(from, by_redis, stop).await });
    let (from, by_stream, stop) = (mesh.clone(), heard.clone(), shutdown.clone());
    tasks.spawn("edge.revocations.stream", async move { revocations::watch(from, by_stream, stop).await });
    let origins = settings.origins()?;
    let origins = Origins {
        app: origins.app.clone(),
        admin: origins.admin.clone(),
        api: origins.api.clone(),
        widget: origins.widget.clone(),
        files: origins.files.clone(),
        localhost_is_app: settings.environment != Environment::Production,
    };
    let edge = Edge::new(Shared {
        routes: Routes::new().map_err(Failure::internal)?,
        mesh,
        guard: Arc::new(Guard::for_edge(verifier, heard)),
        keys: Keys::default(),
        widgets: crate::widget::Pages::default(),
        limiter: Limiter::new(redis),
        web: web(settings, &origins)?,
        origins,
        proxies: settings.trusted_proxies.clone(),
        shutdown: shutdown.clone(),
    });
    Ok(router(edge))
}

fn web(settings: &Settings, origins: &Origins) -> Result<Web, ConfigError> {
    let Some(dir) = &settings.web_dir else { return Ok(Web::default()) };
    Web::load(dir, settings.storage_endpoint.as_deref(), origins).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        ConfigError::one("WEB_DIR", &format!("{error}{cause}"))
    })
}

/// Runs an edge as a process of its own.
///
/// # Errors
/// Settings, an address that is taken.
pub async fn process(boot: Boot) -> Result<(), RunError> {
    let tls = boot.settings.tls.as_ref().map(neipix_mesh::config::TlsFiles::read).transpose()?;
    let mesh = Mesh::connect(NAME, &boot.settings.addresses(), tls.as_ref(), &boot.tasks, &boot.shutdown);
    let router = build(&boot.settings, mesh, &boot.tasks, &boot.shutdown)?;
    let readiness = neipix_mesh::health::Readiness::new();
    let _ = neipix_mesh::health::watch(&readiness, &[], &boot.tasks, &boot.shutdown);
    let ops = neipix_mesh::server::bind(boot.settings.listen.ops).await?;
    let stop = boot.shutdown.clone();
    boot.tasks.spawn("ops", async move { neipix_mesh::metrics::serve_ops(ops, readiness, stop).await });
    let listener = neipix_mesh::server::bind(boot.settings.listen.http).await?;
    tracing::info!(address = %boot.settings.listen.http, "the edge serves");
    listen::serve(listener, router, boot.shutdown).await;
    Ok(())
}
