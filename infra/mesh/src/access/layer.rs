//! The tower layer in front of every rpc, on a socket and in process.

mod answer;
mod frame;
mod standing;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use neipix_proto::{Method, access::v1::ErrorReason, methods};
use prost_reflect::DynamicMessage;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument as _;
use uuid::Uuid;

use self::{
    answer::{Closing, Watched},
    standing::Standing,
};
use super::{
    guard::{Admitted, Guard, Mode, mesh_name, no_such_rpc},
    rules,
};
use crate::{
    client::{ADDRESS, ORIGIN},
    context::{CallContext, Caller},
    failure::Failure,
    ids::WorkspaceId,
};

/// Puts a guard in front of services.
#[derive(Clone)]
pub struct AccessLayer(Arc<Guard>);

impl AccessLayer {
    /// The layer of one process.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self(Arc::new(guard))
    }

    /// The guard, for who checks calls that come another way.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.0
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;
    fn layer(&self, inner: S) -> AccessService<S> {
        AccessService { inner, guard: self.0.clone() }
    }
}

/// A service behind the guard.
#[derive(Clone)]
pub struct AccessService<S> {
    inner: S,
    guard: Arc<Guard>,
}

/// Health and reflection: nothing of a tenant, needed before anybody has a token.
fn is_open(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.v1.")
}

impl<S> Service<Request<Body>> for AccessService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was made ready is used; its fresh clone waits for the next call.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        if is_open(request.uri().path()) {
            return Box::pin(inner.call(request));
        }
        let guard = self.guard.clone();
        let Some(method) = methods().get(request.uri().path()) else {
            return Box::pin(async { Ok(no_such_rpc().into_status().into_http()) });
        };
        if guard.mode() == Mode::Edge {
            return Box::pin(at_edge(inner, guard, method, request));
        }
        Box::pin(guarded(inner, guard, method, request))
    }
}

async fn at_edge<S>(
    mut inner: S,
    guard: Arc<Guard>,
    method: &'static Method,
    mut request: Request<Body>,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    let admitted = match frame::plain(request.headers()) {
        Ok(()) => guard.admit(method, request.headers(), request.extensions()).await,
        Err(failure) => Err(failure),
    };
    match admitted {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            inner.call(request).await
        }
        Err(failure) => Ok(failure.into_status().into_http()),
    }
}

/// One call: admitted, read, checked, run until its deadline, told in one line.
async fn guarded<S>(
    mut inner: S,
    guard: Arc<Guard>,
    method: &'static Method,
    mut request: Request<Body>,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    let began = Instant::now();
    let deadline = began + timeout(request.headers(), method);
    let traceparent = traceparent(request.headers());
    let request_id = request_id(request.headers());
    let span = tracing::info_span!(
        "rpc",
        rpc = %method.name,
        trace_id = traceparent.get(3..35).unwrap_or_default(),
        request_id = %request_id,
    );
    crate::telemetry::set_parent(&span, &traceparent);
    let mut closing = Closing::new(method, began, request_id.clone(), span.clone());
    // tonic would answer CANCELLED where we answer DEADLINE.
    request.headers_mut().remove("grpc-timeout");
    let work = async {
        let (request, context) = prepare(&guard, method, request, deadline, traceparent, request_id).await?;
        let answer = inner.call(with_context(request, context.clone())).await;
        Ok::<_, Failure>((context, answer))
    };
    let work = AssertUnwindSafe(work).catch_unwind().instrument(span);
    let mut standing = None;
    let answer = match tokio::time::timeout_at(deadline.into(), work).await {
        Ok(Ok(Ok((context, answer)))) => {
            closing.workspace = Some(context.workspace);
            standing = Standing::of(&guard, &context);
            answer?
        }
        Ok(Ok(Err(failure))) => failure.into_status().into_http(),
        Ok(Err(_)) => panicked().into_status().into_http(),
        Err(_) => late().into_status().into_http(),
    };
    let (parts, body) = answer.into_parts();
    closing.read_head(&parts);
    Ok(Response::from_parts(parts, Body::new(Watched::new(body, closing, deadline).standing(standing))))
}

fn panicked() -> Failure {
    Failure::internal("the handler panicked")
}

fn late() -> Failure {
    Failure::new(ErrorReason::Deadline, "the call took longer than its deadline")
}

fn with_context(mut request: Request<Body>, context: Arc<CallContext>) -> Request<Body> {
    request.extensions_mut().insert(context);
    request
}

async fn prepare(
    guard: &Guard,
    method: &'static Method,
    request: Request<Body>,
    deadline: Instant,
    traceparent: String,
    request_id: String,
) -> Result<(Request<Body>, Arc<CallContext>), Failure> {
    frame::plain(request.headers())?;
    let admitted = guard.admit(method, request.headers(), request.extensions()).await?;
    let (parts, body) = request.into_parts();
    let frame = frame::read(body, frame::limit(method)).await?;
    let message = frame::message(&frame);
    let checked = rules::read(&method.descriptor.input(), message.clone())?;
    let workspace = workspace(&admitted, &checked)?;
    let headers = &parts.headers;
    // Only what was verified is passed on.
    let authorization = admitted.caller.claims().and_then(|_| headers.get(http::header::AUTHORIZATION).cloned());
    let (address, origin) = from_outside(headers, &parts.extensions);
    let context = CallContext {
        method,
        workspace,
        assistant: admitted.assistant,
        permissions: admitted.permissions,
        caller: admitted.caller,
        deadline,
        traceparent,
        request_id,
        idempotency_key: idempotency_key(headers)?,
        body: message,
        authorization,
        address,
        origin,
    };
    Ok((Request::from_parts(parts, Body::new(http_body_util::Full::new(frame))), Arc::new(context)))
}

/// Address and page of the request, which the edge alone knows: from anybody else they would be made up.
fn from_outside(headers: &HeaderMap, extensions: &http::Extensions) -> (Option<IpAddr>, Option<String>) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (address, origin) = (text(ADDRESS), text(ORIGIN));
    if (address.is_none() && origin.is_none()) || mesh_name(extensions).as_deref() != Some("edge") {
        return (None, None);
    }
    (address.and_then(|text| text.parse().ok()), origin.map(str::to_owned))
}

/// The tenant: of an internal call field 1 of the request, else the token's.
fn workspace(admitted: &Admitted, message: &DynamicMessage) -> Result<WorkspaceId, Failure> {
    if !matches!(admitted.caller, Caller::Service(_)) {
        return Ok(admitted.workspace);
    }
    let value = message.get_field_by_number(1);
    match value.as_ref().and_then(|v| v.as_str()).unwrap_or_default() {
        "" => Ok(WorkspaceId::PLATFORM),
        text => {
            text.parse().map_err(|_| Failure::invalid("workspace_id", "must be a UUID, or empty for platform work"))
        }
    }
}

/// At most what the method allows, however much the caller asks for.
fn timeout(headers: &HeaderMap, method: &Method) -> Duration {
    let asked = headers.get("grpc-timeout").and_then(|v| v.to_str().ok()).and_then(parse_timeout);
    asked.map_or(method.timeout, |asked| asked.min(method.timeout))
}

/// `grpc-timeout`: at most 8 digits and a unit; anything else is ignored.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3_600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// A W3C trace context, new where there is none or it is not one.
fn traceparent(headers: &HeaderMap) -> String {
    let came = headers.get("traceparent").and_then(|v| v.to_str().ok()).filter(|text| is_traceparent(text));
    came.map_or_else(crate::telemetry::new_traceparent, str::to_owned)
}

fn is_traceparent(text: &str) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    text.len() == 55
        && part(0, 3) == "00-"
        && part(35, 36) == "-"
        && part(52, 53) == "-"
        && [(3, 35), (36, 52)]
            .iter()
            .all(|(from, to)| hex(part(*from, *to)) && part(*from, *to).bytes().any(|b| b != b'0'))
        && hex(part(53, 55))
}

fn request_id(headers: &HeaderMap) -> String {
    let good = |text: &&str| {
        (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let came = headers.get("x-request-id").and_then(|v| v.to_str().ok()).filter(good);
    came.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let good = |text: &&str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    match value.to_str().ok().filter(good) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Failure::invalid("idempotency-key", "must be 1 to 255 visible ASCII characters")),
    }
}
