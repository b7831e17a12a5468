//! Channels to other processes: all replicas in turn, kept alive, mTLS; a replica that is not there costs nobody a call.

use std::{
    collections::HashSet,
    error::Error,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full};
use tonic::{
    ConnectError, Status,
    body::Body,
    transport::{self, Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};

use super::{Upstream, resolve};
use crate::{failure::Failure, shutdown::Shutdown, tasks::Tasks};

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
/// How long a replica that could not be reached is left alone; then one call tries it.
const REST: Duration = Duration::from_millis(500);
/// How long calls of the first moments wait for addresses.
const FIRST_RESOLVED: Duration = Duration::from_secs(2);

/// All addresses of a service, in turn. Connects when first used; never fails here.
#[must_use]
pub fn remote(service: &str, addresses: Vec<String>, tls: Option<Tls>, tasks: &Tasks, shutdown: &Shutdown) -> Upstream {
    let replicas = Replicas::default();
    let (service, shutdown, kept) = (service.to_owned(), shutdown.clone(), replicas.clone());
    tasks.spawn("client.resolve", async move {
        loop {
            let mut found = HashSet::new();
            for address in &addresses {
                found.extend(resolve(address).await);
            }
            // An empty answer is a broken resolver, not a service without replicas.
            if !found.is_empty() {
                kept.keep(&found, |address| endpoint(&service, address, tls.as_ref()));
            }
            if !shutdown.sleep(RESOLVE_EVERY).await {
                return;
            }
        }
    });
    BoxCloneSyncService::new(replicas)
}

/// The replicas of a service. Cheap to clone.
#[derive(Clone, Default)]
struct Replicas(Arc<Known>);

#[derive(Default)]
struct Known {
    list: Mutex<Arc<Vec<Arc<Replica>>>>,
    changed: tokio::sync::Notify,
    turn: AtomicUsize,
}

struct Replica {
    address: SocketAddr,
    channel: Channel,
    /// Until then others are asked first.
    rests_until: Mutex<Option<Instant>>,
}

impl Replica {
    /// Whether it may be asked: it was reached last time, or its rest is over; then only this caller tries it.
    fn is_up(&self, now: Instant) -> bool {
        let mut rests_until = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        match *rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                *rests_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    fn reached(&self, reached: bool) {
        let until = (!reached).then(|| Instant::now() + REST);
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Replicas {
    /// These addresses from now on; those that stay keep their connections.
    fn keep(&self, addresses: &HashSet<SocketAddr>, endpoint: impl Fn(SocketAddr) -> Option<Endpoint>) {
        let mut list = self.0.list.lock().unwrap_or_else(PoisonError::into_inner);
        let same = list.len() == addresses.len() && list.iter().all(|replica| addresses.contains(&replica.address));
        if same {
            return;
        }
        let old = list.clone();
        let replicas = addresses.iter().filter_map(|address| {
            let known = old.iter().find(|replica| replica.address == *address).cloned();
            known.or_else(|| {
                let channel = endpoint(*address)?.connect_lazy();
                Some(Arc::new(Replica { address: *address, channel, rests_until: Mutex::default() }))
            })
        });
        *list = Arc::new(replicas.collect());
        self.0.changed.notify_waiters();
    }

    fn list(&self) -> Arc<Vec<Arc<Replica>>> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next one that was not tried: of those that answer, else of all.
    fn pick(&self, list: &[Arc<Replica>], tried: &[SocketAddr]) -> Option<Arc<Replica>> {
        let start = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || {
            let all = (0..list.len()).map(|step| &list[(start.wrapping_add(step)) % list.len()]);
            all.filter(|replica| !tried.contains(&replica.address))
        };
        let now = Instant::now();
        in_turn().find(|replica| replica.is_up(now)).or_else(|| in_turn().next()).cloned()
    }

    /// Waits for the first addresses, a moment.
    async fn known(&self) -> Arc<Vec<Arc<Replica>>> {
        let changed = self.0.changed.notified();
        let list = self.list();
        if !list.is_empty() {
            return list;
        }
        let _ = tokio::time::timeout(FIRST_RESOLVED, changed).await;
        self.list()
    }

    /// Asks one replica; the next where that one could not be reached: nothing was sent, so any call may go on.
    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let list = self.known().await;
        let mut tried = vec![];
        let mut last = Failure::unavailable("that part of the product has no address").into_status();
        while let Some(replica) = self.pick(&list, &tried) {
            let answer = replica.channel.clone().oneshot(again(&parts, body.clone())).await;
            match answer {
                Err(error) if is_unreached(&error) => {
                    replica.reached(false);
                    tried.push(replica.address);
                    last = Status::from_error(error.into());
                }
                answer => {
                    replica.reached(true);
                    return answer.map_err(|error| Status::from_error(error.into()));
                }
            }
        }
        Err(last)
    }
}

impl Service<Request<Body>> for Replicas {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

fn again(parts: &Parts, body: Bytes) -> Request<Body> {
    let mut request = Request::new(Body::new(Full::new(body)));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.version_mut() = parts.version;
    *request.headers_mut() = parts.headers.clone();
    request
}

/// Whether there was no connection, so that nothing was sent.
fn is_unreached(error: &transport::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers every call with its own name in a header.
    async fn server(name: &'static str, shutdown: &Shutdown) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = axum::Router::new().fallback(move || async move { [("name", name)] });
        let stop = shutdown.clone();
        Tasks::new().spawn("server", async move {
            axum::serve(listener, answer).with_graceful_shutdown(async move { stop.wait().await }).await.unwrap();
        });
        address
    }

    async fn call(upstream: &Upstream) -> Result<String, Status> {
        let request = Request::post("/neipix.x.v1.X/Y").body(Body::empty()).unwrap();
        let answer = upstream.clone().oneshot(request).await?;
        Ok(answer.headers()["name"].to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn both_replicas_are_asked_and_one_that_is_gone_costs_no_call() {
        let (tasks, end, end_of_one) = (Tasks::new(), Shutdown::new(), Shutdown::new());
        let (one, other) = (server("one", &end_of_one).await, server("other", &end).await);
        let upstream = remote("svc-x", vec![one.to_string(), other.to_string()], None, &tasks, &end);
        let mut seen = BTreeMap::new();
        for _ in 0..20 {
            *seen.entry(call(&upstream).await.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(seen, BTreeMap::from([("one".to_owned(), 10), ("other".to_owned(), 10)]));
        end_of_one.begin();
        while TcpListener::bind(one).await.is_err() {
            tokio::task::yield_now().await;
        }
        // A server that drains may still answer on the connection it has; none of the calls may fail meanwhile.
        let mut in_a_row = 0;
        for _ in 0..10_000 {
            let other = call(&upstream).await.unwrap() == "other";
            in_a_row = if other { in_a_row + 1 } else { 0 };
            if in_a_row == 50 {
                break;
            }
        }
        assert_eq!(in_a_row, 50, "only the other one is left");
    }

    #[tokio::test]
    async fn nobody_there_is_an_answer_at_once() {
        let end = Shutdown::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let upstream = remote("svc-x", vec![address.to_string()], None, &Tasks::new(), &end);
        assert_eq!(call(&upstream).await.unwrap_err().code(), tonic::Code::Unavailable);
    }
}
