//! Events as they lie in a stream.

use ::redis::{Value, streams::StreamId};

use crate::ids::{EventId, WorkspaceId};

/// An event as it came.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The producer, such as `svc-auth`.
    pub service: String,
    /// Its outbox row.
    pub outbox_id: i64,
    /// The event.
    pub event_id: EventId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Its kind.
    pub kind: String,
    /// Its object's version.
    pub object_version: i64,
    /// The message.
    pub payload: Vec<u8>,
    /// W3C trace context of what caused it; empty = none.
    pub traceparent: String,
}

/// An entry's place: its stream, by number, and its id there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub stream: usize,
    pub entry: String,
}

/// Reads an entry; none where it is no event.
pub(super) fn parse(service: &str, entry: &StreamId) -> Option<EventRow> {
    let bytes = |name: &str| match entry.map.get(name) {
        Some(Value::BulkString(bytes)) => Some(bytes.clone()),
        Some(Value::SimpleString(text)) => Some(text.clone().into_bytes()),
        _ => None,
    };
    let text = |name: &str| bytes(name).and_then(|b| String::from_utf8(b).ok());
    Some(EventRow {
        service: service.to_owned(),
        outbox_id: text("o")?.parse().ok()?,
        event_id: text("id")?.parse().ok()?,
        workspace: text("ws")?.parse().ok()?,
        kind: text("k")?,
        object_version: text("v")?.parse().ok()?,
        payload: bytes("p")?,
        traceparent: text("t").unwrap_or_default(),
    })
}
