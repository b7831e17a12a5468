//! REST in, gRPC out: one path for every rpc.

use std::time::Instant;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header, request::Parts};
use neipix_mesh::{
    Failure,
    client::{Outgoing, Passing},
};
use neipix_proto::{Method, Who, access::v1::ErrorReason};
use prost_reflect::DynamicMessage;
use serde_json::Value;
use tonic::Status;

use crate::{
    bind::{self, BodyRule},
    cookies,
    hosts::Site,
    incoming::{Incoming, URL_MOST, json_body},
    problem::{self, Frame},
    raw::RawCodec,
    routes::{Match, Route},
    sse,
    state::Edge,
    strict_json, transcode, widget,
};

/// Answers a REST request.
pub async fn handle(edge: Edge, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::read(&parts, &edge);
    let frame = Frame { api_origin: &edge.origins.api, trace_id: incoming.trace_id() };
    let mut response = match answer(&edge, &parts, body, &incoming).await {
        Ok(response) => response,
        Err(Refusal::Ours(failure)) => problem::of_failure(failure, &frame),
        Err(Refusal::Theirs(status)) => {
            if status.code() == tonic::Code::Unauthenticated {
                edge.keys.forget(&parts.headers);
            }
            problem::of_status(&status, &frame)
        }
        Err(Refusal::OtherMethods(allow)) => other_methods(&allow, &frame),
    };
    stamp(&mut response, &incoming);
    response
}

/// Why a request gets no answer.
pub enum Refusal {
    /// The edge refuses.
    Ours(Failure),
    /// A service refuses.
    Theirs(Status),
    /// The path has other methods.
    OtherMethods(Vec<&'static str>),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

fn other_methods(allow: &[&'static str], frame: &Frame<'_>) -> Response {
    let text = allow.join(", ");
    let failure = Failure::new(ErrorReason::MethodNotAllowed, format!("this path answers {text}"));
    let mut response = problem::of_failure(failure, frame);
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn stamp(response: &mut Response, incoming: &Incoming) {
    let headers = response.headers_mut();
    for (name, value) in [("traceparent", &incoming.traceparent), ("x-request-id", &incoming.request_id)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

async fn answer(edge: &Edge, parts: &Parts, body: Body, incoming: &Incoming) -> Result<Response, Refusal> {
    if parts.uri.path_and_query().is_some_and(|p| p.as_str().len() > URL_MOST) {
        return Err(Failure::invalid("url", format!("must be at most {URL_MOST} bytes long")).into());
    }
    let (route, texts) = match edge.routes.find(parts.method.as_str(), parts.uri.path()) {
        Match::Route(route, texts) => (route, texts),
        Match::OtherMethods(allow) => return Err(Refusal::OtherMethods(allow)),
        Match::Nothing => return Err(no_path().into()),
    };
    let site = incoming.site.filter(|site| site.serves(route.method)).ok_or_else(no_path)?;
    let input = route.method.descriptor.input();
    let cookie_fields = if site.has_cookies() { cookies::fields_of(&input) } else { vec![] };
    let answer_cookies =
        if site.has_cookies() { cookies::fields_of(&route.method.descriptor.output()) } else { vec![] };
    if !cookie_fields.is_empty() || !answer_cookies.is_empty() {
        cookies::refuse_cross_site(&parts.headers, edge.origins.of(site))?;
    }
    let authorization = admit(edge, route.method, &parts.headers, site, incoming).await?;

    let bytes = match route.body {
        BodyRule::None => json_body(&parts.headers, body, 0).await?,
        _ => json_body(&parts.headers, body, widget::body_most(incoming)).await?,
    };
    let mut value = read_request(parts, route, &texts, &bytes)?;
    for field in &cookie_fields {
        if let (Value::Object(object), Some(text)) = (&mut value, cookies::read(&parts.headers, &field.cookie)) {
            object.insert(field.field.json_name().to_owned(), Value::String(text));
        }
    }
    if goes_on_after(route.method) {
        go_on_after(&parts.headers, &mut value)?;
    }
    let message = transcode::to_bytes(&input, value)?;
    let outgoing = outgoing(edge, route.method, authorization, &parts.headers, incoming)?;
    if route.method.descriptor.is_server_streaming() {
        return sse::open(edge, route.method, outgoing, message, incoming).await;
    }
    let reply = unary(outgoing, route.method, message).await.map_err(Refusal::Theirs)?;
    let mut headers = HeaderMap::new();
    let output = route.method.descriptor.output();
    let json = if answer_cookies.is_empty() {
        transcode::to_json(&output, reply)?
    } else {
        let mut dynamic = DynamicMessage::decode(output, reply).map_err(Failure::internal)?;
        cookies::take_out(&mut dynamic, &answer_cookies, &mut headers);
        transcode::dynamic_to_json(&dynamic)?
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok((StatusCode::OK, headers, json).into_response())
}

/// The number that a stream of events goes on behind.
const AFTER: &str = "after";

/// Whether a method streams numbered events.
#[must_use]
pub fn goes_on_after(method: &Method) -> bool {
    method.descriptor.is_server_streaming() && method.descriptor.input().get_field_by_name(AFTER).is_some()
}

/// A browser's EventSource that comes back says the last number it has; its address is still the one that it began with.
fn go_on_after(headers: &HeaderMap, value: &mut Value) -> Result<(), Failure> {
    let Some(last) = headers.get("last-event-id").filter(|last| !last.is_empty()) else { return Ok(()) };
    let number = last.to_str().ok().and_then(|text| text.parse::<i64>().ok()).filter(|number| *number >= 0);
    let number = number.ok_or_else(|| Failure::invalid("last-event-id", "must be the `id` of an event"))?;
    if let Value::Object(object) = value {
        object.insert(AFTER.to_owned(), Value::String(number.to_string()));
    }
    Ok(())
}

fn no_path() -> Failure {
    Failure::new(ErrorReason::NotFound, "there is nothing at this path; see /api/v1/openapi.json")
}

/// Who calls, whether they may, and not too often.
///
/// # Errors
/// What the access check answers; RATE_LIMITED.
pub async fn admit(
    edge: &Edge,
    method: &'static Method,
    headers: &HeaderMap,
    site: Site,
    incoming: &Incoming,
) -> Result<Option<HeaderValue>, Failure> {
    if matches!(method.who, Who::Public) {
        if let Some(rate) = method.rate {
            edge.limiter.take(&method.name, &incoming.address.to_string(), rate).await?;
        }
        return Ok(None);
    }
    let authorization = edge.keys.authorization(headers, &edge.mesh).await?;
    let token = authorization.as_ref().and_then(token_of).ok_or_else(|| {
        Failure::new(ErrorReason::TokenInvalid, "send an access token or API key as `Authorization: Bearer …`")
    })?;
    let admitted = edge.guard.admit_token(method, token).await?;
    let claims = admitted.caller.claims().ok_or_else(Failure::not_found)?;
    if !site.takes(&claims.aud) {
        let detail = format!("a token for `{}` is not good on this host", claims.aud);
        return Err(Failure::new(ErrorReason::TokenInvalid, detail));
    }
    if let Some(rate) = method.rate {
        edge.limiter.take(&method.name, &claims.sub, rate).await?;
    }
    Ok(authorization)
}

/// The token of a header that `Keys::authorization` made.
#[must_use]
pub fn token_of(header: &HeaderValue) -> Option<&str> {
    header.to_str().ok()?.strip_prefix("Bearer ")
}

fn read_request(parts: &Parts, route: &Route, texts: &[String], bytes: &Bytes) -> Result<Value, Failure> {
    let mut variables = Vec::with_capacity(texts.len());
    for (path, text) in route.variables.iter().zip(texts) {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        let decoded = decoded.map_err(|_| Failure::invalid(path.as_str(), "is not UTF-8"))?;
        variables.push((path.as_str(), decoded.into_owned()));
    }
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        strict_json::parse(bytes)
            .map_err(|why| Failure::new(ErrorReason::BodyMalformed, format!("the body is not JSON: {why}")))?
    };
    let input = route.method.descriptor.input();
    bind::bind(&input, &route.body, bind::Parts { variables, query: parts.uri.query(), body })
}

/// The channel to the rpc's service with what may travel on.
///
/// # Errors
/// FIELD_INVALID for an idempotency key that cannot be one.
pub fn outgoing(
    edge: &Edge,
    method: &'static Method,
    authorization: Option<HeaderValue>,
    headers: &HeaderMap,
    incoming: &Incoming,
) -> Result<Outgoing, Failure> {
    let key = match headers.get("idempotency-key") {
        Some(value) if method.takes_idempotency_key() => Some(idempotency_key(value)?),
        _ => None,
    };
    Ok(edge.mesh.passing(
        crate::state::owner(method),
        Passing {
            authorization,
            idempotency_key: key,
            traceparent: incoming.traceparent.clone(),
            request_id: incoming.request_id.clone(),
            deadline: Instant::now() + method.timeout,
            address: Some(incoming.address),
            origin: headers.get(header::ORIGIN).cloned(),
        },
    ))
}

fn idempotency_key(value: &HeaderValue) -> Result<String, Failure> {
    let text = value.to_str().unwrap_or_default();
    let good = (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if good {
        return Ok(text.to_owned());
    }
    Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters"))
}

/// One unary rpc, bytes to bytes.
///
/// # Errors
/// The service's status.
pub async fn unary(outgoing: Outgoing, method: &'static Method, message: Bytes) -> Result<Bytes, Status> {
    let path = http::uri::PathAndQuery::from_static(method.path.as_str());
    let mut grpc = tonic::client::Grpc::new(outgoing);
    grpc.ready().await?;
    grpc.unary(tonic::Request::new(message), path, RawCodec).await.map(tonic::Response::into_inner)
}
