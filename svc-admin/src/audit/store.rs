//! Chains in Postgres.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use neipix_mesh::{AuditRecordId, WorkspaceId, db::Tx};
use uuid::Uuid;

use super::{Entry, GENESIS, Hash, chain};
use crate::schema::{audit_detail, audit_head, audit_record};

/// A record as it lies in the table.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_record)]
pub struct RecordRow {
    /// The chain.
    pub workspace_id: WorkspaceId,
    /// Its id.
    pub id: AuditRecordId,
    /// Place in the chain.
    pub seq: i64,
    /// The service that tells.
    pub service: String,
    /// The event that told it.
    pub event_id: Uuid,
    /// Who.
    pub actor: String,
    /// Whom the actor stood for.
    pub on_behalf_of: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// The given reason.
    pub reason: String,
    /// The request.
    pub request_id: String,
    /// When.
    pub happened_at: DateTime<Utc>,
    /// Of the detail.
    pub commitment: Vec<u8>,
    /// Of the former record.
    pub prev_hash: Vec<u8>,
    /// Of this one.
    pub hash: Vec<u8>,
}

/// What a list is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only this actor.
    pub actor: String,
    /// Only actions that contain this.
    pub action: String,
    /// Only this object.
    pub object: String,
    /// At or after.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// Appends a record; the head's row lock makes the writer the only one. `entry.seq` is set here.
///
/// # Errors
/// Storage.
pub async fn append(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: AuditRecordId,
    mut entry: Entry,
    salt: [u8; 16],
    detail: &str,
) -> QueryResult<i64> {
    diesel::insert_into(audit_head::table)
        .values((audit_head::workspace_id.eq(ws), audit_head::seq.eq(0), audit_head::hash.eq(GENESIS.to_vec())))
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    let (seq, head): (i64, Vec<u8>) =
        audit_head::table.find(ws).select((audit_head::seq, audit_head::hash)).for_update().first(tx).await?;
    let prev: Hash = head.as_slice().try_into().unwrap_or(GENESIS);
    entry.seq = seq + 1;
    let hash = chain(&prev, &entry);
    let row = RecordRow {
        workspace_id: ws,
        id,
        seq: entry.seq,
        service: entry.service,
        event_id: entry.event_id,
        actor: entry.actor,
        on_behalf_of: entry.on_behalf_of,
        action: entry.action,
        object: entry.object,
        reason: entry.reason,
        request_id: entry.request_id,
        happened_at: entry.happened_at,
        commitment: entry.commitment.to_vec(),
        prev_hash: prev.to_vec(),
        hash: hash.to_vec(),
    };
    diesel::insert_into(audit_record::table).values(&row).execute(tx).await?;
    if !detail.is_empty() {
        diesel::insert_into(audit_detail::table)
            .values((
                audit_detail::workspace_id.eq(ws),
                audit_detail::event_id.eq(row.event_id),
                audit_detail::salt.eq(salt.to_vec()),
                audit_detail::detail.eq(detail),
            ))
            .execute(tx)
            .await?;
    }
    diesel::update(audit_head::table.find(ws))
        .set((audit_head::seq.eq(row.seq), audit_head::hash.eq(hash.to_vec())))
        .execute(tx)
        .await?;
    Ok(row.seq)
}

/// A page of a chain, newest first.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    ws: WorkspaceId,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> QueryResult<Vec<RecordRow>> {
    let mut query =
        audit_record::table.filter(audit_record::workspace_id.eq(ws)).select(RecordRow::as_select()).into_boxed();
    if !filter.actor.is_empty() {
        query = query.filter(audit_record::actor.eq(filter.actor.clone()));
    }
    if !filter.object.is_empty() {
        query = query.filter(audit_record::object.eq(filter.object.clone()));
    }
    if !filter.action.is_empty() {
        let escaped = filter.action.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query = query.filter(audit_record::action.like(format!("%{escaped}%")));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_record::happened_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit_record::happened_at.lt(to));
    }
    if let Some(seq) = before {
        query = query.filter(audit_record::seq.lt(seq));
    }
    query.order(audit_record::seq.desc()).limit(limit).load(tx).await
}

/// Details of records that still have one.
///
/// # Errors
/// Storage.
pub async fn details(tx: &mut Tx, ws: WorkspaceId, events: &[Uuid]) -> QueryResult<Vec<(Uuid, String)>> {
    audit_detail::table
        .filter(audit_detail::workspace_id.eq(ws))
        .filter(audit_detail::event_id.eq_any(events))
        .select((audit_detail::event_id, audit_detail::detail))
        .load(tx)
        .await
}
