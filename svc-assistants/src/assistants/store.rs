//! Assistants in Postgres.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension as _, prelude::*};
use diesel_async::RunQueryDsl;
use neipix_mesh::{AssistantId, Failure, WorkspaceId, db::Tx};
use neipix_proto::{POOL, assistants::v1::AssistantSpec};
use prost::Message as _;
use prost_reflect::{DynamicMessage, SerializeOptions};
use uuid::Uuid;

use super::{Status, spec_hash};
use crate::schema::assistant;

diesel::define_sql_function! {
    /// The database's clock, after locks.
    fn clock_timestamp() -> Timestamptz;
}
pub use clock_timestamp as database_clock;

/// An assistant as it lies in the table.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = assistant)]
pub struct AssistantRow {
    /// The assistant.
    pub id: AssistantId,
    /// See `Status`.
    pub status: String,
    /// Name in the draft.
    pub name: String,
    /// The draft as JSON.
    pub draft: serde_json::Value,
    /// Of the draft.
    pub draft_hash: Vec<u8>,
    /// Number of the version that answers; 0 = none.
    pub published_version: i32,
    /// Of that version.
    pub published_hash: Option<Vec<u8>>,
    /// Grows with every write.
    pub etag: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

impl AssistantRow {
    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::parse(&self.status)
    }

    /// The draft.
    ///
    /// # Errors
    /// INTERNAL where the column holds no specification.
    pub fn spec(&self) -> Result<AssistantSpec, Failure> {
        let descriptor = POOL
            .get_message_by_name("neipix.assistants.v1.AssistantSpec")
            .ok_or_else(|| Failure::internal("no descriptor of AssistantSpec"))?;
        let dynamic = DynamicMessage::deserialize(descriptor, &self.draft).map_err(Failure::internal)?;
        dynamic.transcode_to().map_err(Failure::internal)
    }
}

fn to_json(spec: &AssistantSpec) -> Result<serde_json::Value, Failure> {
    let descriptor = POOL
        .get_message_by_name("neipix.assistants.v1.AssistantSpec")
        .ok_or_else(|| Failure::internal("no descriptor of AssistantSpec"))?;
    let dynamic = DynamicMessage::decode(descriptor, spec.encode_to_vec().as_slice()).map_err(Failure::internal)?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).map_err(Failure::internal)
}

/// Adds an assistant with its first draft.
///
/// # Errors
/// Storage.
pub async fn insert(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: AssistantId,
    spec: &AssistantSpec,
) -> Result<AssistantRow, Failure> {
    let row = diesel::insert_into(assistant::table)
        .values((
            assistant::workspace_id.eq(ws),
            assistant::id.eq(id),
            assistant::name.eq(&spec.name),
            assistant::draft.eq(to_json(spec)?),
            assistant::draft_hash.eq(spec_hash(spec)),
        ))
        .returning(AssistantRow::as_returning())
        .get_result(tx)
        .await?;
    Ok(row)
}

/// How many are not archived. The caller's transaction is the only one that adds: an advisory lock sees to it.
///
/// # Errors
/// Storage.
pub async fn count_alive(tx: &mut Tx, ws: WorkspaceId) -> QueryResult<i64> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('assistant:' || $1::text, 0))")
        .bind::<diesel::sql_types::Uuid, _>(ws)
        .execute(tx)
        .await?;
    assistant::table
        .filter(assistant::workspace_id.eq(ws))
        .filter(assistant::status.ne(Status::Archived.as_str()))
        .count()
        .get_result(tx)
        .await
}

/// One assistant.
///
/// # Errors
/// Storage.
pub async fn find(tx: &mut Tx, ws: WorkspaceId, id: AssistantId) -> QueryResult<Option<AssistantRow>> {
    assistant::table.find((ws, id)).select(AssistantRow::as_select()).first(tx).await.optional()
}

/// One assistant, locked until the transaction ends.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, ws: WorkspaceId, id: AssistantId) -> QueryResult<Option<AssistantRow>> {
    assistant::table.find((ws, id)).select(AssistantRow::as_select()).for_update().first(tx).await.optional()
}

/// Writes another draft.
///
/// # Errors
/// Storage.
pub async fn write_draft(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: AssistantId,
    spec: &AssistantSpec,
) -> Result<AssistantRow, Failure> {
    let row = diesel::update(assistant::table.find((ws, id)))
        .set((
            assistant::name.eq(&spec.name),
            assistant::draft.eq(to_json(spec)?),
            assistant::draft_hash.eq(spec_hash(spec)),
            assistant::etag.eq(assistant::etag + 1),
            assistant::updated_at.eq(clock_timestamp()),
        ))
        .returning(AssistantRow::as_returning())
        .get_result(tx)
        .await?;
    Ok(row)
}

/// Writes another status and, where a version was frozen, which one answers.
///
/// # Errors
/// Storage.
pub async fn write_status(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: AssistantId,
    status: Status,
    published: (i32, Option<Vec<u8>>),
) -> QueryResult<AssistantRow> {
    diesel::update(assistant::table.find((ws, id)))
        .set((
            assistant::status.eq(status.as_str()),
            assistant::published_version.eq(published.0),
            assistant::published_hash.eq(published.1),
            assistant::etag.eq(assistant::etag + 1),
            assistant::updated_at.eq(clock_timestamp()),
        ))
        .returning(AssistantRow::as_returning())
        .get_result(tx)
        .await
}

/// What a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only this one; none = all but archived ones.
    pub status: Option<Status>,
    /// Only names that contain it; empty = all.
    pub q: String,
    /// Only this assistant: what a narrowed caller sees.
    pub only: Option<AssistantId>,
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// When it was made.
    Created,
    /// When it was last written.
    Updated,
    /// Name.
    Name,
}

/// The last row of a page: its sort value, as text or time, and its id.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum After {
    /// Of a list by time.
    Time(DateTime<Utc>, Uuid),
    /// Of a list by name.
    Name(String, Uuid),
}

/// `%`, `_` and `\` of a person's text lose their meaning in LIKE.
#[must_use]
pub fn like(q: &str) -> String {
    format!("%{}%", q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// A page of assistants.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    ws: WorkspaceId,
    filter: &Filter,
    (order, falling): (Order, bool),
    after: Option<After>,
    limit: i64,
) -> QueryResult<Vec<AssistantRow>> {
    use assistant::{created_at, id, name, updated_at};
    let mut query =
        assistant::table.filter(assistant::workspace_id.eq(ws)).select(AssistantRow::as_select()).into_boxed();
    query = match filter.status {
        Some(status) => query.filter(assistant::status.eq(status.as_str())),
        None => query.filter(assistant::status.ne(Status::Archived.as_str())),
    };
    if !filter.q.is_empty() {
        query = query.filter(name.ilike(like(&filter.q)));
    }
    if let Some(only) = filter.only {
        query = query.filter(id.eq(only));
    }
    macro_rules! sorted {
        ($column:expr, $after:expr) => {{
            if let Some((value, last)) = $after {
                query = if falling {
                    query.filter($column.lt(value.clone()).or($column.eq(value).and(id.lt(last))))
                } else {
                    query.filter($column.gt(value.clone()).or($column.eq(value).and(id.gt(last))))
                };
            }
            if falling { query.order(($column.desc(), id.desc())) } else { query.order(($column.asc(), id.asc())) }
        }};
    }
    let (time, text) = match after {
        Some(After::Time(at, last)) => (Some((at, last)), None),
        Some(After::Name(text, last)) => (None, Some((text, last))),
        None => (None, None),
    };
    let query = match order {
        Order::Created => sorted!(created_at, time),
        Order::Updated => sorted!(updated_at, time),
        Order::Name => sorted!(name, text),
    };
    query.limit(limit).load(tx).await
}

/// Status and version that answers, and nothing else.
///
/// # Errors
/// Storage.
pub async fn standing(tx: &mut Tx, ws: WorkspaceId, id: AssistantId) -> QueryResult<Option<(String, i32)>> {
    assistant::table.find((ws, id)).select((assistant::status, assistant::published_version)).first(tx).await.optional()
}
