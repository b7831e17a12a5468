//! The outbox: events that commit with the change they tell of.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bytea, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_proto::{
    access::v1::ErrorReason,
    events::v1::{AckEventsRequest, AckEventsResponse, AuditRecorded},
};
use prost::Message;
use prost_types::Timestamp;

use crate::{
    context::{Call, CallContext, Caller},
    db::{Db, Keep as _, Tx, queued_event, traceparent},
    events,
    failure::Failure,
    ids::{EventId, WorkspaceId},
};

/// An event to tell.
#[derive(Debug)]
pub struct Event<'a, M: Message> {
    /// The tenant; the nil UUID for platform rows.
    pub workspace: WorkspaceId,
    /// Such as `message.created`.
    pub kind: &'static str,
    /// Grows with each change of the object, so that repetition and disorder are harmless.
    pub object_version: i64,
    /// Ids only.
    pub payload: &'a M,
}

/// Writes an event in the caller's transaction; the relay is woken after the commit.
///
/// # Errors
/// Storage.
pub async fn push<M: Message>(tx: &mut Tx, event: Event<'_, M>) -> Result<EventId, Failure> {
    let id = EventId::new(Utc::now());
    diesel::sql_query(
        "INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload, traceparent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<SqlUuid, _>(event.workspace)
    .bind::<SmallInt, _>(i16::from(crate::redis::shard(event.workspace)))
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(event.kind)
    .bind::<BigInt, _>(event.object_version)
    .bind::<Bytea, _>(event.payload.encode_to_vec())
    .bind::<Text, _>(traceparent())
    .kept()
    .execute(tx)
    .await?;
    queued_event();
    Ok(id)
}

/// An event of several that are told at once.
#[derive(Debug)]
pub struct Told {
    /// As of `Event`.
    pub workspace: WorkspaceId,
    /// Such as `message.created`.
    pub kind: &'static str,
    /// As of `Event`.
    pub object_version: i64,
    /// The message's bytes.
    pub payload: Vec<u8>,
    /// The trace of what caused it; empty = none.
    pub traceparent: String,
}

/// The text of [`push_all`], for a transaction that ends with it.
pub const PUSH_ALL: &str = "
INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload, traceparent)
SELECT e.workspace, e.shard, e.id, e.kind, e.version, e.payload, e.traceparent
FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::bytea[], $7::text[])
    WITH ORDINALITY AS e (workspace, shard, id, kind, version, payload, traceparent, n) ORDER BY e.n";

/// The same for several events, in their order.
///
/// # Errors
/// Storage.
pub async fn push_all(tx: &mut Tx, events: Vec<Told>) -> Result<(), Failure> {
    let shard = |event: &Told| i16::from(crate::redis::shard(event.workspace));
    diesel::sql_query(PUSH_ALL)
        .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.workspace).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(events.iter().map(shard).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(events.iter().map(|_| EventId::new(Utc::now()).0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(events.iter().map(|e| e.kind).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(events.iter().map(|e| e.object_version).collect::<Vec<_>>())
        .bind::<Array<Bytea>, _>(events.iter().map(|e| e.payload.as_slice()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(events.iter().map(|e| e.traceparent.as_str()).collect::<Vec<_>>())
        .kept()
        .execute(tx)
        .await?;
    queued_event();
    Ok(())
}

/// Writes the audit record of a call's effect in the effect's transaction. `object` is `kind:id`; `detail` holds before
/// and after with secrets masked.
///
/// # Errors
/// Storage.
pub async fn audit(
    tx: &mut Tx,
    context: &CallContext,
    object: &str,
    detail: serde_json::Value,
) -> Result<EventId, Failure> {
    let claims = context.caller.claims();
    let act = claims.and_then(|c| c.act.as_ref());
    #[derive(QueryableByName)]
    struct Clock {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    // Processes' clocks differ; the chain is read by the database's.
    let Clock { now } = diesel::sql_query("SELECT clock_timestamp() AS now").kept().get_result(tx).await?;
    let record = AuditRecorded {
        actor: act.map_or_else(|| context.actor(), |a| a.sub.clone()),
        on_behalf_of: act.map(|_| context.actor()).unwrap_or_default(),
        action: context.method.name.clone(),
        object: object.to_owned(),
        reason: act.map(|a| a.reason.clone()).unwrap_or_default(),
        detail: if detail.is_null() { String::new() } else { detail.to_string() },
        time: Some(Timestamp {
            seconds: now.timestamp(),
            nanos: i32::try_from(now.timestamp_subsec_nanos()).unwrap_or(0),
        }),
        request_id: context.request_id.clone(),
    };
    push(tx, Event { workspace: context.workspace, kind: "audit.recorded", object_version: 0, payload: &record }).await
}

// The rows are locked first: of two consumers that confirm at once, the second sees what the first has written.
const CONFIRM: &str = "
WITH told AS (SELECT id FROM outbox WHERE id = ANY ($2) ORDER BY id FOR NO KEY UPDATE)
INSERT INTO outbox_ack (consumer, outbox_id) SELECT $1, id FROM told ON CONFLICT DO NOTHING";

/// Ends what all of its kind's consumers have confirmed; $2 and $3 pair prefixes of kinds with consumers.
const END_CONFIRMED: &str = "
UPDATE outbox o SET acked_at = clock_timestamp()
WHERE o.id = ANY ($1) AND o.acked_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM unnest($2::text[], $3::text[]) AS needed (prefix, consumer)
    WHERE starts_with(o.kind, needed.prefix)
      AND NOT EXISTS (SELECT 1 FROM outbox_ack a WHERE a.outbox_id = o.id AND a.consumer = needed.consumer))";

/// `AckEvents` of every service: a consumer has applied these events. Again is the same.
///
/// # Errors
/// PERMISSION_DENIED where a service confirms in another's name; storage.
pub async fn ack(db: &Db, call: Call<AckEventsRequest>) -> Result<AckEventsResponse, Failure> {
    if let Caller::Service(name) = &call.context.caller
        && *name != call.consumer
    {
        return Err(Failure::new(ErrorReason::PermissionDenied, "a service confirms only what it applied itself"));
    }
    db.platform("outbox.ack", async |tx: &mut Tx| {
        diesel::sql_query(CONFIRM)
            .bind::<Text, _>(&call.consumer)
            .bind::<Array<BigInt>, _>(&call.outbox_ids)
            .kept()
            .execute(tx)
            .await?;
        let (prefixes, consumers): (Vec<&str>, Vec<&str>) =
            events::CONSUMERS.iter().flat_map(|(prefix, all)| all.iter().map(|one| (*prefix, *one))).unzip();
        tx.last(END_CONFIRMED);
        diesel::sql_query(END_CONFIRMED)
            .bind::<Array<BigInt>, _>(&call.outbox_ids)
            .bind::<Array<Text>, _>(prefixes)
            .bind::<Array<Text>, _>(consumers)
            .kept()
            .execute(tx)
            .await?;
        Ok::<_, Failure>(AckEventsResponse {})
    })
    .await
}
