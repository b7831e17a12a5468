//! What every request of an edge shares.

use std::{ops::Deref, sync::Arc};

use neipix_mesh::{access::guard::Guard, client::Mesh, config::Cidr, shutdown::Shutdown};
use neipix_proto::Method;

use crate::{credentials::Keys, hosts::Origins, rate::Limiter, routes::Routes, web::Web};

/// Cheap to clone.
#[derive(Clone)]
pub struct Edge(Arc<Shared>);

/// The parts.
pub struct Shared {
    /// REST routes.
    pub routes: Routes,
    /// The services.
    pub mesh: Mesh,
    /// Tokens and rights.
    pub guard: Arc<Guard>,
    /// Exchanged API keys.
    pub keys: Keys,
    /// Rate limits.
    pub limiter: Limiter,
    /// Our hosts.
    pub origins: Origins,
    /// Widgets by their keys.
    pub widgets: crate::widget::Pages,
    /// The built web apps.
    pub web: Web,
    /// Proxies whose X-Forwarded-For is believed.
    pub proxies: Vec<Cidr>,
    /// Ends streams and sockets.
    pub shutdown: Shutdown,
}

impl Edge {
    /// Of its parts.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for Edge {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The process that serves an rpc, by its package.
#[must_use]
pub fn owner(method: &Method) -> &'static str {
    match method.service.split('.').nth(1) {
        Some("auth") => "svc-auth",
        Some("assistants") => "svc-assistants",
        Some("billing") => "svc-billing",
        Some("chats") => "svc-chats",
        _ => "svc-admin",
    }
}
