//! Channels to other processes: several addresses, balanced, kept alive, mTLS.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use tonic::{
    Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, channel::Change},
};
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use super::{Upstream, resolve};
use crate::{shutdown::Shutdown, tasks::Tasks};

/// The certificates of this process, PEM.
#[derive(Clone)]
pub struct Tls {
    /// Own certificate chain, its SAN `spiffe://neipix/<service>` and DNS name `<service>`.
    pub certificate: Vec<u8>,
    /// Own private key.
    pub key: Vec<u8>,
    /// The authority that both sides trust.
    pub authority: Vec<u8>,
}

/// How often names are resolved again, so that new replicas get their share.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);

/// A balanced channel to all addresses of a service. Connects when first used; never fails here.
#[must_use]
pub fn remote(service: &str, addresses: Vec<String>, tls: Option<Tls>, tasks: &Tasks, shutdown: &Shutdown) -> Upstream {
    let (channel, changes) = Channel::balance_channel::<SocketAddr>(64);
    let (service, shutdown) = (service.to_owned(), shutdown.clone());
    tasks.spawn("client.resolve", async move {
        let mut known = HashSet::new();
        loop {
            let mut found = HashSet::new();
            for address in &addresses {
                found.extend(resolve(address).await);
            }
            // An empty answer is a broken resolver, not a service without replicas.
            if !found.is_empty() {
                for gone in known.difference(&found).copied().collect::<Vec<_>>() {
                    if changes.send(Change::Remove(gone)).await.is_err() {
                        return;
                    }
                }
                for new in found.difference(&known).copied().collect::<Vec<_>>() {
                    let Some(endpoint) = endpoint(&service, new, tls.as_ref()) else { continue };
                    if changes.send(Change::Insert(new, endpoint)).await.is_err() {
                        return;
                    }
                }
                known = found;
            }
            if !shutdown.sleep(RESOLVE_EVERY).await {
                return;
            }
        }
    });
    BoxCloneSyncService::new(channel.map_err(|e| Status::from_error(Box::new(e))))
}

fn endpoint(service: &str, address: SocketAddr, tls: Option<&Tls>) -> Option<Endpoint> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).ok()?;
    let endpoint = endpoint
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(2))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .http2_adaptive_window(true);
    let Some(tls) = tls else { return Some(endpoint) };
    let config = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&tls.authority))
        .identity(Identity::from_pem(&tls.certificate, &tls.key))
        .domain_name(service);
    match endpoint.tls_config(config) {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "TLS settings for {service} cannot be used");
            None
        }
    }
}
