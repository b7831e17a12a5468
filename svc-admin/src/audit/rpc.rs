//! ListAuditRecords and ListWorkspaceAudit, and the consumer that writes the chains.

use chrono::{DateTime, Utc};
use neipix_mesh::{AuditRecordId, Call, CallContext, Failure, WorkspaceId, consumer::EventRow, db::Tx, page};
use neipix_proto::{
    admin::v1::{AuditRecord, ListAuditRecordsRequest, ListAuditRecordsResponse, ListWorkspaceAuditRequest},
    events::v1::AuditRecorded,
};
use prost::Message as _;
use prost_types::Timestamp;

use super::{
    Entry, commitment,
    store::{self, Filter, RecordRow},
};
use crate::Admin;

/// `audit.recorded` of any service: appends to the chain of its workspace.
///
/// # Errors
/// Storage; the event comes again.
pub async fn record(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = AuditRecorded::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let happened_at = told.time.as_ref().and_then(instant).unwrap_or_else(Utc::now);
    let salt: [u8; 16] = rand::random();
    let entry = Entry {
        workspace: event.workspace.0,
        seq: 0,
        service: event.service.clone(),
        event_id: event.event_id.0,
        actor: told.actor,
        on_behalf_of: told.on_behalf_of,
        action: told.action,
        object: told.object,
        reason: told.reason,
        request_id: told.request_id,
        happened_at: to_the_microsecond(happened_at),
        commitment: commitment(&salt, &told.detail),
    };
    store::append(tx, event.workspace, AuditRecordId::new(Utc::now()), entry, salt, &told.detail)
        .await
        .map(|_| ())
        .map_err(Failure::from)
}

/// Postgres keeps microseconds: what is hashed must be what is kept.
fn to_the_microsecond(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

fn instant(at: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}

/// The platform's chain, or one workspace's.
///
/// # Errors
/// PAGE_TOKEN_INVALID, FIELD_INVALID.
pub async fn list(admin: &Admin, call: Call<ListAuditRecordsRequest>) -> Result<ListAuditRecordsResponse, Failure> {
    let ws = match call.workspace_id.as_str() {
        "" => WorkspaceId::PLATFORM,
        id => id.parse().map_err(|_| Failure::invalid("workspace_id", "must be a UUID"))?,
    };
    let filter = Filter {
        actor: call.actor.clone(),
        action: call.action.clone(),
        object: call.object.clone(),
        from: bound(call.from_time.as_ref(), "from_time")?,
        to: bound(call.to_time.as_ref(), "to_time")?,
    };
    let before: Option<i64> = admin.pages.decode(&call.context, &call.page_token)?;
    let (records, next) = read(admin, ws, &filter, before, call.page_size).await?;
    Ok(ListAuditRecordsResponse {
        records,
        next_page_token: next.map_or_else(|| Ok(String::new()), |seq| admin.pages.encode(&call.context, &seq))?,
    })
}

/// The current workspace's own chain.
///
/// # Errors
/// PAGE_TOKEN_INVALID, FIELD_INVALID.
pub async fn list_own(
    admin: &Admin,
    call: Call<ListWorkspaceAuditRequest>,
) -> Result<ListAuditRecordsResponse, Failure> {
    let filter = Filter {
        actor: call.actor.clone(),
        action: call.action.clone(),
        object: call.object.clone(),
        from: bound(call.from_time.as_ref(), "from_time")?,
        to: bound(call.to_time.as_ref(), "to_time")?,
    };
    let before: Option<i64> = admin.pages.decode(&call.context, &call.page_token)?;
    let context: &CallContext = &call.context;
    let (records, next) = read(admin, context.workspace, &filter, before, call.page_size).await?;
    Ok(ListAuditRecordsResponse {
        records,
        next_page_token: next.map_or_else(|| Ok(String::new()), |seq| admin.pages.encode(&call.context, &seq))?,
    })
}

async fn read(
    admin: &Admin,
    ws: WorkspaceId,
    filter: &Filter,
    before: Option<i64>,
    page_size: i32,
) -> Result<(Vec<AuditRecord>, Option<i64>), Failure> {
    let size = page::Size::new(page_size);
    admin
        .db
        .in_workspace_id(ws, "admin.list_audit", async |tx: &mut Tx| {
            let mut rows = store::page(tx, ws, filter, before, size.fetch()).await.map_err(Failure::from)?;
            let next = size.cut(&mut rows).map(|last| last.seq);
            let events: Vec<_> = rows.iter().map(|r| r.event_id).collect();
            let mut details: std::collections::HashMap<_, _> =
                store::details(tx, ws, &events).await.map_err(Failure::from)?.into_iter().collect();
            let records = rows.into_iter().map(|row| {
                let detail = details.remove(&row.event_id).unwrap_or_default();
                wire(row, detail)
            });
            Ok::<_, Failure>((records.collect(), next))
        })
        .await
}

fn wire(row: RecordRow, detail: String) -> AuditRecord {
    AuditRecord {
        id: row.id.to_string(),
        seq: row.seq,
        service: row.service,
        actor: row.actor,
        on_behalf_of: row.on_behalf_of,
        action: row.action,
        object: row.object,
        reason: row.reason,
        detail,
        time: Some(crate::stamp(row.happened_at)),
        prev_hash: hex::encode(row.prev_hash),
        hash: hex::encode(row.hash),
    }
}

fn bound(at: Option<&Timestamp>, field: &str) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(at) = at else { return Ok(None) };
    instant(at).map(Some).ok_or_else(|| Failure::invalid(field, "must be an instant between the years 1 and 9999"))
}
