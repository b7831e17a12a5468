//! Calls of other services: where they live, what travels with a call, deadlines, retries.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use neipix_proto::{access::v1::ErrorReason, methods};
use tonic::{Status, body::Body};
use tower::{BoxError, Service, ServiceExt as _, retry::budget::Budget as _, util::BoxCloneSyncService};

use crate::{context::CallContext, failure::Failure, shutdown::Shutdown, tasks::Tasks};

mod remote;

pub use remote::{Tls, remote};

/// Where a service lives: other hosts, or this process.
///
/// The error type is concrete on purpose: a boxed one breaks axum's handlers with a lifetime error far away.
pub type Upstream = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// Marks a call that never left this process; an extension cannot come off a socket.
#[derive(Debug, Clone)]
pub struct InProcess {
    /// Name of the calling service.
    pub caller: Arc<str>,
}

/// The same tower stack as behind a socket, with no HTTP/2 in between. `caller` is who calls, such as `svc-chats`.
pub fn local<S>(caller: &str, stack: S) -> Upstream
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    let mark = InProcess { caller: Arc::from(caller) };
    BoxCloneSyncService::new(
        stack
            .map_request(move |mut request: Request<Body>| {
                request.extensions_mut().insert(mark.clone());
                request
            })
            .map_err(|e| Status::from_error(e.into())),
    )
}

/// The other services as one process sees them.
#[derive(Clone)]
pub struct Mesh {
    own: Arc<str>,
    upstreams: Arc<HashMap<String, Upstream>>,
    budget: Arc<tower::retry::budget::TpsBudget>,
}

impl Mesh {
    /// `own` is this process's name; `upstreams` are keyed by names such as `svc-billing`.
    #[must_use]
    pub fn new(own: &str, upstreams: HashMap<String, Upstream>) -> Self {
        // Retries may add a fifth to the load, and ten a second to a quiet service.
        let budget = tower::retry::budget::TpsBudget::new(Duration::from_secs(10), 10, 0.2);
        Self { own: Arc::from(own), upstreams: Arc::new(upstreams), budget: Arc::new(budget) }
    }

    /// Connects to the services of other processes.
    ///
    /// `addresses` maps names such as `svc-billing` to `host:port` pairs; names are resolved again every 5 s.
    #[must_use]
    pub fn connect(
        own: &str,
        addresses: &HashMap<String, Vec<String>>,
        tls: Option<&Tls>,
        tasks: &Tasks,
        shutdown: &Shutdown,
    ) -> Self {
        let upstreams = addresses
            .iter()
            .map(|(name, list)| (name.clone(), remote(name, list.clone(), tls.cloned(), tasks, shutdown)))
            .collect();
        Self::new(own, upstreams)
    }

    /// This process's name.
    #[must_use]
    pub fn own(&self) -> &str {
        &self.own
    }

    /// A channel to a service for one call's sake: the call's deadline, trace and credential go with it.
    ///
    /// Use it as `BillingServiceClient::new(mesh.to("svc-billing", &call.context))`.
    #[must_use]
    pub fn to(&self, service: &str, context: &CallContext) -> Outgoing {
        Outgoing {
            upstream: self.upstreams.get(service).cloned(),
            budget: self.budget.clone(),
            deadline: Some(context.deadline),
            traceparent: context.traceparent.clone(),
            request_id: context.request_id.clone(),
            idempotency_key: context.idempotency_key.clone(),
            authorization: context.authorization.clone(),
            address: None,
            origin: None,
        }
    }

    /// A channel for work that no call started; each rpc's own timeout is its deadline.
    #[must_use]
    pub fn background(&self, service: &str) -> Outgoing {
        Outgoing {
            upstream: self.upstreams.get(service).cloned(),
            budget: self.budget.clone(),
            deadline: None,
            traceparent: crate::telemetry::new_traceparent(),
            request_id: String::new(),
            idempotency_key: None,
            authorization: None,
            address: None,
            origin: None,
        }
    }

    /// A channel for a request that came from outside: what the edge lets through goes with it.
    #[must_use]
    pub fn passing(&self, service: &str, passing: Passing) -> Outgoing {
        Outgoing {
            upstream: self.upstreams.get(service).cloned(),
            budget: self.budget.clone(),
            deadline: Some(passing.deadline),
            traceparent: passing.traceparent,
            request_id: passing.request_id,
            idempotency_key: passing.idempotency_key,
            authorization: passing.authorization,
            address: passing.address,
            origin: passing.origin,
        }
    }

    /// The bare upstream, for passing bytes on.
    #[must_use]
    pub fn upstream(&self, service: &str) -> Option<Upstream> {
        self.upstreams.get(service).cloned()
    }
}

/// What of a request from outside travels on.
#[derive(Debug, Clone)]
pub struct Passing {
    /// The verified credential.
    pub authorization: Option<HeaderValue>,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// W3C trace context.
    pub traceparent: String,
    /// The request's id.
    pub request_id: String,
    /// When the answer is worthless.
    pub deadline: Instant,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The page that the browser names.
    pub origin: Option<HeaderValue>,
}

/// Metadata by which the edge tells a service where a request came from.
pub(crate) const ADDRESS: &str = "x-neipix-address";
/// Metadata by which the edge tells a service which page sent a request.
pub(crate) const ORIGIN: &str = "x-neipix-origin";

/// A channel that carries one call's context; give it to a generated client.
#[derive(Clone)]
pub struct Outgoing {
    upstream: Option<Upstream>,
    budget: Arc<tower::retry::budget::TpsBudget>,
    deadline: Option<Instant>,
    traceparent: String,
    request_id: String,
    idempotency_key: Option<String>,
    authorization: Option<HeaderValue>,
    address: Option<IpAddr>,
    origin: Option<HeaderValue>,
}

const TRIES: u32 = 3;

impl Outgoing {
    /// Replaces the deadline, for an answer that outlives the call which asked.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    fn headers(&self, headers: &mut HeaderMap, internal: bool, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut set = |name: &'static str, value: &str| {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        };
        set("grpc-timeout", &format!("{}m", left.as_millis().min(99_999_999)));
        set("traceparent", &crate::telemetry::onward(&self.traceparent));
        set("x-request-id", &self.request_id);
        if let (false, Some(key)) = (internal, &self.idempotency_key) {
            set("idempotency-key", key);
        }
        if let (false, Some(address)) = (internal, self.address) {
            set(ADDRESS, &address.to_string());
        }
        if let (false, Some(origin)) = (internal, &self.origin) {
            headers.insert(ORIGIN, origin.clone());
        }
        if let (false, Some(authorization)) = (internal, &self.authorization) {
            headers.insert(http::header::AUTHORIZATION, authorization.clone());
        }
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let Some(upstream) = self.upstream.clone() else {
            return Err(Failure::unavailable("that part of the product is not connected").into_status());
        };
        let (mut parts, body) = request.into_parts();
        let method = methods().get(parts.uri.path());
        let timeout = method.map_or(Duration::from_secs(30), |m| m.timeout);
        let deadline = self.deadline.map_or_else(|| Instant::now() + timeout, |d| d.min(Instant::now() + timeout));
        self.headers(&mut parts.headers, method.is_none_or(neipix_proto::Method::is_internal), deadline);
        let repeatable = method.is_some_and(|m| m.idempotent && !m.descriptor.is_server_streaming());
        let body = body.collect().await?.to_bytes();
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = once(upstream.clone(), &parts, body.clone(), deadline).await;
            let retry = repeatable && tries < TRIES && unavailable(&answer) && self.budget.withdraw();
            if !retry {
                if !unavailable(&answer) {
                    self.budget.deposit();
                }
                return answer;
            }
            let pause =
                Duration::from_millis(10 << tries) + Duration::from_millis(u64::from(rand::random::<u8>() % 16));
            if Instant::now() + pause >= deadline {
                return answer;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

async fn once(
    mut upstream: Upstream,
    parts: &http::request::Parts,
    body: Bytes,
    deadline: Instant,
) -> Result<Response<Body>, Status> {
    let mut request = Request::new(Body::new(http_body_util::Full::new(body)));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.version_mut() = parts.version;
    *request.headers_mut() = parts.headers.clone();
    let call = async {
        upstream.ready().await?;
        upstream.call(request).await
    };
    match tokio::time::timeout_at(deadline.into(), call).await {
        Ok(answer) => answer.map_err(|status| reached(&status)),
        Err(_) => Err(Failure::new(ErrorReason::Deadline, "the answer did not come in time").into_status()),
    }
}

/// A transport's error is UNAVAILABLE to the caller, whatever code it carries: nothing was answered.
fn reached(status: &Status) -> Status {
    Failure::unavailable("that part of the product does not answer").with_source(status.clone()).into_status()
}

fn unavailable(answer: &Result<Response<Body>, Status>) -> bool {
    match answer {
        Err(status) => status.code() == tonic::Code::Unavailable,
        Ok(response) => response.headers().get("grpc-status").is_some_and(|code| code.as_bytes() == b"14"),
    }
}

impl Service<Request<Body>> for Outgoing {
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

/// Parses `host:port` or an address.
pub(crate) async fn resolve(address: &str) -> Vec<SocketAddr> {
    tokio::net::lookup_host(address).await.map(Iterator::collect).unwrap_or_default()
}

/// A place in this process where a service will be: services need each other before all of them exist.
#[derive(Clone, Default)]
pub struct Late(Arc<std::sync::OnceLock<Upstream>>);

impl Late {
    /// Nothing is there yet; calls answer UNAVAILABLE.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the service there; a second one is dropped.
    pub fn set<S>(&self, stack: S)
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        let _ = self.0.set(BoxCloneSyncService::new(stack.map_err(|e| Status::from_error(e.into()))));
    }
}

impl Service<Request<Body>> for Late {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.0.get().cloned() {
            Some(service) => Box::pin(service.oneshot(request)),
            None => Box::pin(async {
                Err(Failure::unavailable("that part of the product has not started yet").into_status())
            }),
        }
    }
}
