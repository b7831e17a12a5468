//! The outbox: events that commit with the change they tell of.

use chrono::Utc;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bytea, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_proto::events::v1::{AckEventsRequest, AckEventsResponse, AuditRecorded};
use prost::Message;
use prost_types::Timestamp;

use crate::{
    context::{Call, CallContext},
    db::{Db, Tx, queued_event},
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
        "INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind::<SqlUuid, _>(event.workspace)
    .bind::<SmallInt, _>(i16::from(crate::redis::shard(event.workspace)))
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(event.kind)
    .bind::<BigInt, _>(event.object_version)
    .bind::<Bytea, _>(event.payload.encode_to_vec())
    .execute(tx)
    .await?;
    queued_event();
    Ok(id)
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
    let now = Utc::now();
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

#[derive(QueryableByName)]
struct AckedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Array<Text>)]
    consumers: Vec<String>,
}

/// `AckEvents` of every service: a consumer has applied these events.
///
/// # Errors
/// Storage.
pub async fn ack(db: &Db, call: Call<AckEventsRequest>) -> Result<AckEventsResponse, Failure> {
    db.platform("outbox.ack", async |tx: &mut Tx| {
        diesel::sql_query(
            "INSERT INTO outbox_ack (consumer, outbox_id) SELECT $1, o.id FROM outbox o WHERE o.id = ANY ($2) \
             ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(&call.consumer)
        .bind::<Array<BigInt>, _>(&call.outbox_ids)
        .execute(tx)
        .await?;
        let rows: Vec<AckedRow> = diesel::sql_query(
            "SELECT o.id, o.kind, array_agg(a.consumer) AS consumers FROM outbox o JOIN outbox_ack a ON a.outbox_id = o.id \
             WHERE o.id = ANY ($1) AND o.acked_at IS NULL GROUP BY o.id, o.kind",
        )
        .bind::<Array<BigInt>, _>(&call.outbox_ids)
        .load(tx)
        .await?;
        let done: Vec<i64> = rows
            .iter()
            .filter(|r| events::consumers(&r.kind).iter().all(|c| r.consumers.iter().any(|have| have == c)))
            .map(|r| r.id)
            .collect();
        diesel::sql_query("UPDATE outbox SET acked_at = clock_timestamp() WHERE id = ANY ($1)")
            .bind::<Array<BigInt>, _>(done)
            .execute(tx)
            .await?;
        Ok::<_, Failure>(AckEventsResponse {})
    })
    .await
}
