//! The search in Postgres, and passages by id.

use std::sync::LazyLock;

use diesel::{
    QueryableByName,
    sql_types::{Array, Bool, Float4, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, FileId, PassageId, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

use super::{Hit, Question};

#[derive(QueryableByName)]
struct HitRow {
    #[diesel(sql_type = Integer)]
    list: i32,
    #[diesel(sql_type = Bool)]
    by_trigram: bool,
    #[diesel(sql_type = SqlUuid)]
    passage_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    file_id: Uuid,
    #[diesel(sql_type = Float4)]
    score: f32,
}

/// Files that answers may come from now. Part of each statement that reads passages.
const LIVE: &str = "status = 'ready' AND NOT disabled AND valid_to IS NULL";

static SEARCH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT s.* FROM search_passages($2, ARRAY(SELECT id FROM knowledge_file WHERE workspace_id = $1 \
         AND assistant_id = $2 AND {LIVE}), $3, $4, $5) AS s"
    )
});

/// Ranked lists of an assistant's passages, each of so many rows at most.
///
/// # Errors
/// Storage.
pub async fn search(
    tx: &mut Tx,
    ws: WorkspaceId,
    assistant: AssistantId,
    question: &Question,
    most: i32,
) -> diesel::QueryResult<Vec<Hit>> {
    let readings: Vec<&str> = question.readings.iter().map(|r| r.text.as_str()).collect();
    let rows: Vec<HitRow> = diesel::sql_query(SEARCH.as_str())
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(assistant)
        .bind::<Array<Text>, _>(readings)
        .bind::<Array<Text>, _>(&question.words)
        .bind::<Integer, _>(most)
        .kept()
        .load(tx)
        .await?;
    Ok(rows
        .into_iter()
        .map(|r| Hit {
            list: r.list,
            by_trigram: r.by_trigram,
            passage: PassageId(r.passage_id),
            file: FileId(r.file_id),
            score: r.score,
        })
        .collect())
}

/// A passage with what a prompt and a citation need.
#[derive(Debug, Clone, QueryableByName)]
pub struct PassageRow {
    /// The passage.
    #[diesel(sql_type = SqlUuid)]
    pub id: PassageId,
    /// Its file.
    #[diesel(sql_type = SqlUuid)]
    pub file_id: FileId,
    /// The file's name.
    #[diesel(sql_type = Text)]
    pub file_name: String,
    /// Page, from 1.
    #[diesel(sql_type = Integer)]
    pub page: i32,
    /// Bytes before it in the page's text.
    #[diesel(sql_type = Integer)]
    pub start: i32,
    /// Headings above it.
    #[diesel(sql_type = Array<Text>)]
    pub headings: Vec<String>,
    /// Its own text.
    #[diesel(sql_type = Text)]
    pub body: String,
    /// The text with its headings and table header.
    #[diesel(sql_type = Text)]
    pub indexed: String,
    /// Place in the file.
    #[diesel(sql_type = Integer)]
    pub n: i32,
}

/// The text of [`live_passages`], for a transaction that ends with it.
pub static LIVE_PASSAGES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT p.id, p.file_id, f.name AS file_name, p.page, p.start, p.headings, p.body, p.indexed, p.n FROM passage p \
         JOIN knowledge_file f ON f.workspace_id = p.workspace_id AND f.id = p.file_id AND f.{} \
         WHERE p.workspace_id = $1 AND p.assistant_id = $2 AND p.id = ANY ($3)",
        LIVE.replace("AND NOT disabled", "AND NOT f.disabled").replace("AND valid_to", "AND f.valid_to")
    )
});

/// Passages of one assistant that answers may come from now, in the order of `ids`. Others are left out: a file may have
/// been switched off since the search, and ids of another assistant or workspace find nothing.
///
/// # Errors
/// Storage.
pub async fn live_passages(
    mut tx: &Tx,
    ws: WorkspaceId,
    assistant: AssistantId,
    ids: &[PassageId],
) -> diesel::QueryResult<Vec<PassageRow>> {
    let asked: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut rows: Vec<PassageRow> = diesel::sql_query(LIVE_PASSAGES.as_str())
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(assistant)
        .bind::<Array<SqlUuid>, _>(&asked)
        .kept()
        .load(&mut tx)
        .await?;
    rows.sort_by_key(|row| asked.iter().position(|id| *id == row.id.0));
    Ok(rows)
}
