//! What a search reads in Postgres, and passages by id.

use std::{collections::HashMap, sync::LazyLock};

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Float4, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, FileId, PassageId, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

use super::lists::{Files, InFile, Place};

/// Files that answers may come from now. Part of each statement that reads passages.
const LIVE: &str = "status = 'ready' AND NOT disabled AND valid_to IS NULL";

fn live_of(table: &str) -> String {
    LIVE.replace("AND NOT disabled", &format!("AND NOT {table}.disabled"))
        .replace("AND valid_to", &format!("AND {table}.valid_to"))
}

static FILES: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT id, run FROM knowledge_file WHERE workspace_id = $1 AND assistant_id = $2 AND {LIVE} ORDER BY id")
});

/// The files that an assistant's answers may come from now.
///
/// # Errors
/// Storage.
pub async fn live_files(tx: &mut Tx, ws: WorkspaceId, assistant: AssistantId) -> diesel::QueryResult<Files> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: FileId,
        #[diesel(sql_type = Integer)]
        run: i32,
    }
    let rows: Vec<Row> =
        sql_query(FILES.as_str()).bind::<SqlUuid, _>(ws).bind::<SqlUuid, _>(assistant).kept().load(tx).await?;
    let files: Vec<(FileId, i32)> = rows.into_iter().map(|row| (row.id, row.run)).collect();
    Ok(Files::new(ws, assistant, &files))
}

/// The stems of each word, as passages are indexed: none for a stop word, several for one of many parts.
///
/// # Errors
/// Storage.
pub async fn stems(tx: &mut Tx, words: &[String]) -> diesel::QueryResult<Vec<(String, Vec<String>)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        word: String,
        #[diesel(sql_type = Array<Text>)]
        stems: Vec<String>,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT w AS word, tsvector_to_array(to_tsvector('pg_catalog.russian', translate(w, 'ёЁ', 'еЕ'))) AS stems \
         FROM unnest($1::text[]) AS w",
    )
    .bind::<Array<Text>, _>(words)
    .kept()
    .load(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.word, row.stems)).collect())
}

/// The passages that have each stem, in these files.
///
/// # Errors
/// Storage.
pub async fn words(
    tx: &mut Tx,
    ws: WorkspaceId,
    assistant: AssistantId,
    files: &Files,
    stems: &[String],
) -> diesel::QueryResult<HashMap<String, Vec<InFile>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        lexeme: String,
        #[diesel(sql_type = SqlUuid)]
        file_id: FileId,
        #[diesel(sql_type = Integer)]
        version: i32,
        #[diesel(sql_type = Array<Integer>)]
        places: Vec<i32>,
        #[diesel(sql_type = Array<Float4>)]
        weights: Vec<f32>,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT lexeme, file_id, version, places, weights FROM passage_word \
         WHERE workspace_id = $1 AND assistant_id = $2 AND lexeme = ANY ($3) AND file_id = ANY ($4)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(assistant)
    .bind::<Array<Text>, _>(stems)
    .bind::<Array<SqlUuid>, _>(&files.ids)
    .kept()
    .load(tx)
    .await?;
    let mut lists: HashMap<String, Vec<InFile>> = stems.iter().map(|stem| (stem.clone(), vec![])).collect();
    for row in rows {
        let list = InFile { file: row.file_id, version: row.version, places: row.places, weights: row.weights };
        lists.entry(row.lexeme).or_default().push(list);
    }
    Ok(lists)
}

/// Passages with words like each of these, by trigrams: so many for each at most, best first.
///
/// # Errors
/// Storage.
pub async fn similar(
    tx: &mut Tx,
    assistant: AssistantId,
    files: &Files,
    words: &[String],
    most: i32,
) -> diesel::QueryResult<HashMap<String, Vec<(Place, f32)>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        word: String,
        #[diesel(sql_type = SqlUuid)]
        file_id: FileId,
        #[diesel(sql_type = Integer)]
        version: i32,
        #[diesel(sql_type = Integer)]
        n: i32,
        #[diesel(sql_type = Float4)]
        score: f32,
    }
    let rows: Vec<Row> = sql_query("SELECT s.* FROM similar_passages($1, $2, $3, $4) AS s")
        .bind::<SqlUuid, _>(assistant)
        .bind::<Array<SqlUuid>, _>(&files.ids)
        .bind::<Array<Text>, _>(words)
        .bind::<Integer, _>(most)
        .kept()
        .load(tx)
        .await?;
    let mut found: HashMap<String, Vec<(Place, f32)>> = words.iter().map(|word| (word.clone(), vec![])).collect();
    for row in rows {
        let place = Place { file: row.file_id, version: row.version, n: row.n };
        found.entry(row.word).or_default().push((place, row.score));
    }
    Ok(found)
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

/// A passage that was asked for by its place.
#[derive(Debug, QueryableByName)]
pub struct Placed {
    /// Which of those asked for, from 1.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
    /// How near the stems stand to each other in it.
    #[diesel(sql_type = Float4)]
    pub nearness: f32,
    /// The passage.
    #[diesel(embed)]
    pub row: PassageRow,
}

/// The text of [`placed`], for a transaction that ends with it.
pub static PLACED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT a.number, CASE WHEN a.asked = '' THEN 0 ELSE ts_rank_cd(p.search, a.asked::tsquery, 1) END::real AS nearness, \
         p.id, p.file_id, f.name AS file_name, p.page, p.start, p.headings, p.body, p.indexed, p.n \
         FROM unnest($3::uuid[], $4::integer[], $5::integer[], $6::text[]) WITH ORDINALITY AS a (file_id, version, n, asked, number) \
         JOIN passage p ON p.workspace_id = $1 AND p.file_id = a.file_id AND p.version = a.version AND p.n = a.n \
         JOIN knowledge_file f ON f.workspace_id = p.workspace_id AND f.id = p.file_id AND f.{} \
         WHERE p.assistant_id = $2",
        live_of("f")
    )
});

/// Passages at places, each with how near the stems beside it stand; an empty list of stems is not looked for. Those of files
/// that answers may not come from are left out.
///
/// # Errors
/// Storage.
pub async fn placed(
    tx: &mut Tx,
    ws: WorkspaceId,
    assistant: AssistantId,
    places: &[(Place, &[String])],
) -> diesel::QueryResult<Vec<Placed>> {
    sql_query(PLACED.as_str())
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(assistant)
        .bind::<Array<SqlUuid>, _>(places.iter().map(|(place, _)| place.file).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(places.iter().map(|(place, _)| place.version).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(places.iter().map(|(place, _)| place.n).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(places.iter().map(|(_, stems)| any_of(stems)).collect::<Vec<_>>())
        .kept()
        .load(tx)
        .await
}

/// Any of the stems, as Postgres writes a `tsquery`.
fn any_of(stems: &[String]) -> String {
    let quoted: Vec<String> =
        stems.iter().map(|stem| format!("'{}'", stem.replace('\\', "\\\\").replace('\'', "''"))).collect();
    quoted.join("|")
}

/// The text of [`live_passages`], for a transaction that ends with it.
pub static LIVE_PASSAGES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT p.id, p.file_id, f.name AS file_name, p.page, p.start, p.headings, p.body, p.indexed, p.n FROM passage p \
         JOIN knowledge_file f ON f.workspace_id = p.workspace_id AND f.id = p.file_id AND f.{} \
         WHERE p.workspace_id = $1 AND p.assistant_id = $2 AND p.id = ANY ($3)",
        live_of("f")
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
    let mut rows: Vec<PassageRow> = sql_query(LIVE_PASSAGES.as_str())
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(assistant)
        .bind::<Array<SqlUuid>, _>(&asked)
        .kept()
        .load(&mut tx)
        .await?;
    rows.sort_by_key(|row| asked.iter().position(|id| *id == row.id.0));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_quoted() {
        assert_eq!(any_of(&["доставк".into(), "o'neil".into(), r"a\b".into()]), r"'доставк'|'o''neil'|'a\\b'");
        assert_eq!(any_of(&[]), "");
    }
}
