//! Published versions: frozen for ever, so remembered without a doubt.

use std::{collections::HashMap, sync::Arc, sync::Mutex};

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension as _, prelude::*};
use diesel_async::RunQueryDsl;
use neipix_mesh::{AssistantId, Call, Failure, WorkspaceId, db::Tx, page};
use neipix_proto::assistants::v1::{
    AssistantSpec, AssistantVersion, GetVersionRequest, ListVersionsRequest, ListVersionsResponse,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{
    AssistantError,
    rpc::{seen, stamp},
    store,
};
use crate::{Assistants, schema::assistant_version};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = assistant_version)]
struct VersionRow {
    number: i32,
    frozen: Vec<u8>,
    publisher: String,
    created_at: DateTime<Utc>,
}

/// What INV-10 compares: SHA-256 over workspace, assistant, number and what was frozen.
#[must_use]
pub fn row_hash(ws: WorkspaceId, id: AssistantId, number: i32, frozen: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(ws.0.as_bytes());
    hash.update(id.0.as_bytes());
    hash.update(number.to_be_bytes());
    hash.update(frozen);
    hash.finalize().to_vec()
}

/// Writes a version.
///
/// # Errors
/// Storage.
pub async fn freeze(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: AssistantId,
    number: i32,
    spec: &AssistantSpec,
    publisher: &str,
) -> QueryResult<()> {
    let frozen = spec.encode_to_vec();
    diesel::insert_into(assistant_version::table)
        .values((
            assistant_version::workspace_id.eq(ws),
            assistant_version::assistant_id.eq(id),
            assistant_version::number.eq(number),
            assistant_version::row_hash.eq(row_hash(ws, id, number, &frozen)),
            assistant_version::frozen.eq(frozen),
            assistant_version::publisher.eq(publisher),
        ))
        .execute(tx)
        .await
        .map(|_| ())
}

/// Versions remembered at once; beyond, all are read again.
const REMEMBERED_MAX: usize = 1_000;

type Key = (WorkspaceId, AssistantId, i32);

/// Versions by workspace, assistant and number.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<Key, Arc<AssistantSpec>>>);

impl Known {
    /// A version, read where it is not known yet.
    ///
    /// # Errors
    /// NOT_PUBLISHED; storage.
    pub async fn get(
        &self,
        tx: &mut Tx,
        ws: WorkspaceId,
        id: AssistantId,
        number: i32,
    ) -> Result<Arc<AssistantSpec>, Failure> {
        let key = (ws, id, number);
        if let Some(spec) = self.lock().get(&key) {
            return Ok(spec.clone());
        }
        let row = find(tx, ws, id, number).await?.ok_or(AssistantError::NotPublished)?;
        let spec = Arc::new(AssistantSpec::decode(row.frozen.as_slice()).map_err(Failure::internal)?);
        let mut known = self.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, spec.clone());
        Ok(spec)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<AssistantSpec>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn find(tx: &mut Tx, ws: WorkspaceId, id: AssistantId, number: i32) -> QueryResult<Option<VersionRow>> {
    assistant_version::table.find((ws, id, number)).select(VersionRow::as_select()).first(tx).await.optional()
}

/// The published versions, newest first.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn list(state: &Assistants, call: Call<ListVersionsRequest>) -> Result<ListVersionsResponse, Failure> {
    let id = seen(&call.context, &call.assistant_id, "assistant_id")?;
    let size = page::Size::new(call.page_size);
    let before: Option<i32> = state.pages.decode(&call.context, &call.page_token)?;
    let ws = call.context.workspace;
    let mut rows: Vec<VersionRow> = state
        .db
        .in_workspace(&call.context, "assistants.list_versions", async |tx: &mut Tx| {
            store::find(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            let rows = assistant_version::table
                .filter(assistant_version::workspace_id.eq(ws).and(assistant_version::assistant_id.eq(id)))
                .filter(assistant_version::number.lt(before.unwrap_or(i32::MAX)))
                .order(assistant_version::number.desc())
                .limit(size.fetch())
                .select(VersionRow::as_select())
                .load(tx)
                .await?;
            Ok::<_, Failure>(rows)
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| last.number);
    Ok(ListVersionsResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| state.pages.encode(&call.context, &key))?,
        versions: rows.into_iter().map(|row| to_wire(id, row)).collect::<Result<_, _>>()?,
    })
}

/// One published version.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(state: &Assistants, call: Call<GetVersionRequest>) -> Result<AssistantVersion, Failure> {
    let id = seen(&call.context, &call.assistant_id, "assistant_id")?;
    let row = state
        .db
        .in_workspace(&call.context, "assistants.get_version", async |tx: &mut Tx| {
            Ok::<_, Failure>(find(tx, call.context.workspace, id, call.number).await?)
        })
        .await?;
    to_wire(id, row.ok_or_else(Failure::not_found)?)
}

fn to_wire(id: AssistantId, row: VersionRow) -> Result<AssistantVersion, Failure> {
    Ok(AssistantVersion {
        assistant_id: id.to_string(),
        number: row.number,
        spec: Some(AssistantSpec::decode(row.frozen.as_slice()).map_err(Failure::internal)?),
        publisher_id: row.publisher,
        create_time: Some(stamp(row.created_at)),
    })
}
