//! Knowledge files and passages in Postgres.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    prelude::*,
    sql_types::{Array, BigInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use neipix_mesh::{AssistantId, FileId, PassageId, WorkspaceId, db::Tx};
use uuid::Uuid;

use super::Status;
use crate::{
    assistants::store::{database_clock, like},
    passages::Passage,
    schema::{knowledge_file, passage},
};

/// Rows of one insert of passages.
const BATCH: usize = 500;

/// A file as it lies in the table.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = knowledge_file)]
pub struct FileRow {
    /// The file.
    pub id: FileId,
    /// Its assistant.
    pub assistant_id: AssistantId,
    /// Its name.
    pub name: String,
    /// Declared format.
    pub file_type: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size_bytes: i64,
    /// Of the content.
    pub sha256: Option<Vec<u8>>,
    /// Of the object.
    pub object_tag: String,
    /// See `Status`.
    pub status: String,
    /// When the status ends in failure.
    pub status_deadline: Option<DateTime<Utc>>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// What it replaces.
    pub replaces: Option<Uuid>,
    /// Up to when answers came from it.
    pub valid_to: Option<DateTime<Utc>>,
    /// Number of its extraction.
    pub run: i32,
    /// Children that died in a row.
    pub crashes: i32,
    /// Passages.
    pub passage_count: i32,
    /// Pages.
    pub page_count: i32,
    /// Grows with every write.
    pub etag: i64,
    /// When it was announced.
    pub created_at: DateTime<Utc>,
}

impl FileRow {
    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::parse(&self.status)
    }
}

/// The key of the job that reads a file.
#[must_use]
pub fn extract_key(id: FileId) -> String {
    format!("file.extract:{id}")
}

/// A file to announce.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// The file.
    pub id: FileId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// Its name.
    pub name: &'a str,
    /// Declared format.
    pub file_type: &'a str,
    /// Its media type.
    pub media_type: &'a str,
    /// Bytes.
    pub size_bytes: i64,
    /// What it replaces.
    pub replaces: Option<FileId>,
}

/// Announces a file.
///
/// # Errors
/// Storage.
pub async fn insert(tx: &mut Tx, ws: WorkspaceId, file: &NewFile<'_>, upload: Duration) -> QueryResult<FileRow> {
    let now: DateTime<Utc> = diesel::select(database_clock()).get_result(tx).await?;
    diesel::insert_into(knowledge_file::table)
        .values((
            knowledge_file::workspace_id.eq(ws),
            knowledge_file::id.eq(file.id),
            knowledge_file::assistant_id.eq(file.assistant),
            knowledge_file::name.eq(file.name),
            knowledge_file::file_type.eq(file.file_type),
            knowledge_file::media_type.eq(file.media_type),
            knowledge_file::size_bytes.eq(file.size_bytes),
            knowledge_file::replaces.eq(file.replaces.map(|id| id.0)),
            knowledge_file::status_deadline.eq(now + upload),
        ))
        .returning(FileRow::as_returning())
        .get_result(tx)
        .await
}

/// Files of an assistant that are not deleted.
///
/// # Errors
/// Storage.
pub async fn count(tx: &mut Tx, ws: WorkspaceId, assistant: AssistantId) -> QueryResult<i64> {
    knowledge_file::table
        .filter(knowledge_file::workspace_id.eq(ws).and(knowledge_file::assistant_id.eq(assistant)))
        .filter(knowledge_file::status.ne(Status::Deleted.as_str()))
        .count()
        .get_result(tx)
        .await
}

/// One file of an assistant that is not deleted.
///
/// # Errors
/// Storage.
pub async fn find(tx: &mut Tx, ws: WorkspaceId, assistant: AssistantId, id: FileId) -> QueryResult<Option<FileRow>> {
    knowledge_file::table
        .find((ws, id))
        .filter(knowledge_file::assistant_id.eq(assistant))
        .filter(knowledge_file::status.ne(Status::Deleted.as_str()))
        .select(FileRow::as_select())
        .first(tx)
        .await
        .optional()
}

/// One file, locked, deleted ones too.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, ws: WorkspaceId, id: FileId) -> QueryResult<Option<FileRow>> {
    knowledge_file::table.find((ws, id)).select(FileRow::as_select()).for_update().first(tx).await.optional()
}

/// Whether a row holds the object of that file. Of deleted files no object is kept.
///
/// # Errors
/// Storage.
pub async fn holds_object(tx: &mut Tx, ws: WorkspaceId, id: FileId) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        knowledge_file::table.find((ws, id)).filter(knowledge_file::status.ne(Status::Deleted.as_str())),
    ))
    .get_result(tx)
    .await
}

/// What a change of status writes.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = knowledge_file)]
pub struct Change<'a> {
    /// The new status.
    pub status: Option<&'a str>,
    /// When it ends in failure; `Some(None)` = it does not.
    pub status_deadline: Option<Option<DateTime<Utc>>>,
    /// Why it failed; `Some(None)` = it did not.
    pub failure_reason: Option<Option<&'a str>>,
    /// The object's tag.
    pub object_tag: Option<&'a str>,
    /// Of the content.
    pub sha256: Option<Option<&'a [u8]>>,
    /// Since when answers may come from it.
    pub valid_from: Option<Option<DateTime<Utc>>>,
    /// Up to when.
    pub valid_to: Option<Option<DateTime<Utc>>>,
    /// Number of the extraction.
    pub run: Option<i32>,
    /// Children that died in a row.
    pub crashes: Option<i32>,
    /// Passages.
    pub passage_count: Option<i32>,
    /// Pages.
    pub page_count: Option<i32>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Switched off.
    pub disabled: Option<bool>,
}

/// Writes a change.
///
/// # Errors
/// Storage.
pub async fn write(tx: &mut Tx, ws: WorkspaceId, id: FileId, change: &Change<'_>) -> QueryResult<FileRow> {
    diesel::update(knowledge_file::table.find((ws, id)))
        .set((
            change,
            knowledge_file::etag.eq(knowledge_file::etag + 1),
            knowledge_file::updated_at.eq(database_clock()),
        ))
        .returning(FileRow::as_returning())
        .get_result(tx)
        .await
}

/// The database's time.
///
/// # Errors
/// Storage.
pub async fn now(tx: &mut Tx) -> QueryResult<DateTime<Utc>> {
    diesel::select(database_clock()).get_result(tx).await
}

/// Adds the passages of one extraction.
///
/// # Errors
/// Storage.
pub async fn add_passages(
    tx: &mut Tx,
    ws: WorkspaceId,
    (assistant, file, version): (AssistantId, FileId, i32),
    list: &[Passage],
) -> QueryResult<()> {
    let whole = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    for (batch, pieces) in list.chunks(BATCH).enumerate() {
        let rows: Vec<_> = pieces
            .iter()
            .enumerate()
            .map(|(at, piece)| {
                (
                    passage::workspace_id.eq(ws),
                    passage::id.eq(PassageId::new(Utc::now())),
                    passage::assistant_id.eq(assistant),
                    passage::file_id.eq(file),
                    passage::version.eq(version),
                    passage::n.eq(whole(batch * BATCH + at + 1)),
                    passage::page.eq(i32::try_from(piece.page).unwrap_or(i32::MAX)),
                    passage::start.eq(whole(piece.start)),
                    passage::headings.eq(&piece.headings),
                    passage::body.eq(&piece.text),
                    passage::indexed.eq(piece.with_context()),
                )
            })
            .collect();
        diesel::insert_into(passage::table).values(rows).execute(tx).await?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    place: i64,
}

/// Places in the queue of all workspaces, from 1, of those files that wait.
///
/// # Errors
/// Storage.
pub async fn places(tx: &mut Tx, files: &[FileRow]) -> QueryResult<Vec<(FileId, i32)>> {
    let waiting: Vec<FileId> = files.iter().filter(|f| f.status() == Status::Queued).map(|f| f.id).collect();
    if waiting.is_empty() {
        return Ok(vec![]);
    }
    let keys: Vec<String> = waiting.iter().map(|id| extract_key(*id)).collect();
    let rows: Vec<PlaceRow> = diesel::sql_query(
        "SELECT mine.key, (SELECT count(*) FROM job j WHERE j.kind = 'file.extract' AND j.dead_at IS NULL \
         AND (j.run_at, j.id) <= (mine.run_at, mine.id)) AS place FROM job mine WHERE mine.key = ANY ($1)",
    )
    .bind::<Array<Text>, _>(&keys)
    .load(tx)
    .await?;
    let place = |id: &FileId| {
        let key = extract_key(*id);
        let found = rows.iter().find(|r| r.key == key).map_or(1, |r| r.place.max(1));
        (*id, i32::try_from(found).unwrap_or(i32::MAX))
    };
    Ok(waiting.iter().map(place).collect())
}

/// The last row of a page.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum After {
    /// Of a list by time.
    Time(DateTime<Utc>, Uuid),
    /// Of a list by name.
    Name(String, Uuid),
}

/// A page of an assistant's files.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    (ws, assistant): (WorkspaceId, AssistantId),
    (status, q): (Option<Status>, &str),
    (by_name, falling): (bool, bool),
    after: Option<After>,
    limit: i64,
) -> QueryResult<Vec<FileRow>> {
    use knowledge_file::{created_at, id, name};
    let mut query = knowledge_file::table
        .filter(knowledge_file::workspace_id.eq(ws).and(knowledge_file::assistant_id.eq(assistant)))
        .filter(knowledge_file::status.ne(Status::Deleted.as_str()))
        .select(FileRow::as_select())
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(knowledge_file::status.eq(status.as_str()));
    }
    if !q.is_empty() {
        query = query.filter(name.ilike(like(q)));
    }
    query = match (after, falling) {
        (Some(After::Time(at, last)), true) => query.filter(created_at.lt(at).or(created_at.eq(at).and(id.lt(last)))),
        (Some(After::Time(at, last)), false) => query.filter(created_at.gt(at).or(created_at.eq(at).and(id.gt(last)))),
        (Some(After::Name(text, last)), true) => query.filter(name.lt(text.clone()).or(name.eq(text).and(id.lt(last)))),
        (Some(After::Name(text, last)), false) => {
            query.filter(name.gt(text.clone()).or(name.eq(text).and(id.gt(last))))
        }
        (None, _) => query,
    };
    query = match (by_name, falling) {
        (false, true) => query.order((created_at.desc(), id.desc())),
        (false, false) => query.order((created_at.asc(), id.asc())),
        (true, true) => query.order((name.desc(), id.desc())),
        (true, false) => query.order((name.asc(), id.asc())),
    };
    query.limit(limit).load(tx).await
}

/// A file's passages of its last extraction after a place, in its order.
///
/// # Errors
/// Storage.
pub async fn passages(
    tx: &mut Tx,
    ws: WorkspaceId,
    file: &FileRow,
    after: i32,
    limit: i64,
) -> QueryResult<Vec<crate::search::store::PassageRow>> {
    diesel::sql_query(
        "SELECT p.id, p.file_id, $4 AS file_name, p.page, p.start, p.headings, p.body, p.indexed, p.n FROM passage p \
         WHERE p.workspace_id = $1 AND p.file_id = $2 AND p.version = $3 AND p.n > $5 ORDER BY p.n LIMIT $6",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(file.id)
    .bind::<diesel::sql_types::Integer, _>(file.run)
    .bind::<Text, _>(&file.name)
    .bind::<diesel::sql_types::Integer, _>(after)
    .bind::<BigInt, _>(limit)
    .load(tx)
    .await
}
