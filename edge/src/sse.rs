//! Server streams as Server-Sent Events.
//!
//! `event:` is the field `kind` of the message inside, or the name of the set field of the message's oneof; `id:` is its
//! `seq`, where it has one. A stream that broke ends with `event: error` and a problem as data, and nothing after it.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse as _, Response,
    sse::{Event, KeepAlive, Sse},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{HeaderValue, header};
use neipix_mesh::{Failure, client::Outgoing};
use neipix_proto::Method;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};
use tonic::Status;

use crate::{
    incoming::Incoming,
    problem::{self, Frame},
    raw::RawCodec,
    rest::Refusal,
    state::Edge,
    transcode,
};

/// Between two signs of life; proxies cut after a minute of silence.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(2);

/// Opens the stream; a refusal before its first event is an ordinary problem.
///
/// # Errors
/// The service's status.
pub async fn open(
    edge: &Edge,
    method: &'static Method,
    outgoing: Outgoing,
    message: Bytes,
    incoming: &Incoming,
) -> Result<Response, Refusal> {
    let path = http::uri::PathAndQuery::from_static(method.path.as_str());
    let mut grpc = tonic::client::Grpc::new(outgoing);
    grpc.ready().await.map_err(Refusal::Theirs)?;
    let stream = grpc.server_streaming(tonic::Request::new(message), path, RawCodec).await.map_err(Refusal::Theirs)?;
    let output = method.descriptor.output();
    let (api_origin, trace_id) = (edge.origins.api.clone(), incoming.trace_id().to_owned());
    let shutdown = edge.shutdown.clone();
    let events = events(stream.into_inner(), output, move |status| {
        let frame = Frame { api_origin: &api_origin, trace_id: &trace_id };
        problem::body(&neipix_mesh::failure::read_status(status), &frame).1.to_string()
    })
    // A draining edge ends its streams, so that clients resume elsewhere.
    .take_until(async move { shutdown.wait().await });
    let keep_alive = KeepAlive::new().interval(ALIVE_EVERY).text("hb");
    // Browsers' EventSource comes back that long after a cut.
    let first = futures::stream::iter([Ok(Event::default().retry(COME_BACK))]);
    let mut response = Sse::new(first.chain(events)).keep_alive(keep_alive).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    Ok(response)
}

fn events(
    stream: impl Stream<Item = Result<Bytes, Status>> + Send + 'static,
    output: MessageDescriptor,
    problem: impl Fn(&Status) -> String + Send + 'static,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let mut broken = false;
    stream.take_while(move |_| std::future::ready(!std::mem::replace(&mut broken, false))).map(move |item| {
        let event = item.and_then(|bytes| event(&output, bytes).map_err(Failure::into_status));
        Ok(event.unwrap_or_else(|status| Event::default().event("error").data(problem(&status))))
    })
}

fn event(output: &MessageDescriptor, bytes: Bytes) -> Result<Event, Failure> {
    let dynamic = DynamicMessage::decode(output.clone(), bytes).map_err(Failure::internal)?;
    let (shown, name) = inner(dynamic);
    let text = |field: &str| {
        let value = shown.get_field_by_name(field)?.into_owned();
        match value {
            Value::String(s) if !s.is_empty() => Some(s),
            Value::I64(n) => Some(n.to_string()),
            _ => None,
        }
    };
    let mut event = Event::default();
    if let Some(seq) = text("seq") {
        event = event.id(seq);
    }
    if let Some(kind) = text("kind").or(name) {
        event = event.event(kind);
    }
    let json = transcode::dynamic_to_json(&shown)?;
    Ok(event.data(String::from_utf8(json).map_err(Failure::internal)?))
}

/// The message inside the oneof with its field's name, or the message itself.
fn inner(dynamic: DynamicMessage) -> (DynamicMessage, Option<String>) {
    let descriptor = dynamic.descriptor();
    let mut oneofs = descriptor.oneofs();
    let Some(oneof) = oneofs.next() else { return (dynamic, None) };
    let set = oneof.fields().find(|f| dynamic.has_field(f));
    let Some(field) = set else { return (dynamic, None) };
    match dynamic.get_field(&field).into_owned() {
        Value::Message(message) => (message, Some(field.name().to_owned())),
        _ => (dynamic, Some(field.name().to_owned())),
    }
}
