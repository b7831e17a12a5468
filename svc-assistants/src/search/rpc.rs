//! Retrieve (for the turn) and SearchPassages (for people).

use std::collections::HashMap;

use neipix_mesh::{AssistantId, Call, CallContext, Failure, PassageId, db::Tx};
use neipix_proto::assistants::v1::{
    FoundPassage, Passage, RankedPassage, RetrieveRequest, RetrieveResponse, SearchPassagesRequest,
    SearchPassagesResponse,
};

use super::{
    Found, Hit, PASSAGES_USUAL, Question, fuse,
    lists::{Lists, Place},
    prepare,
    ranked::Search,
    store::{self, PassageRow},
};
use crate::{Assistants, assistants, assistants::rpc::seen};

/// Ids and scores of the passages that fit a question, best first.
///
/// # Errors
/// NOT_FOUND.
pub async fn retrieve(state: &Assistants, call: Call<RetrieveRequest>) -> Result<RetrieveResponse, Failure> {
    let assistant = call.assistant_id.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
    let question = prepare(&call.question);
    let (found, rows) = state
        .db
        .read(&call.context, "search.retrieve", async |tx: &mut Tx| {
            find(tx, &state.lists, &call.context, assistant, &question, call.limit).await
        })
        .await?;
    // The answer that follows needs their texts.
    let ids = found.iter().map(|f| f.passage).collect();
    state.recent.found(call.context.workspace, assistant, ids, rows);
    let passages =
        found.into_iter().map(|f| RankedPassage { passage_id: f.passage.to_string(), score: f.score }).collect();
    Ok(RetrieveResponse { passages })
}

/// Searches the knowledge base the way an answer does.
///
/// # Errors
/// NOT_FOUND.
pub async fn search(state: &Assistants, call: Call<SearchPassagesRequest>) -> Result<SearchPassagesResponse, Failure> {
    let assistant = seen(&call.context, &call.assistant_id, "assistant_id")?;
    let question = prepare(&call.query);
    let (found, rows) = state
        .db
        .read(&call.context, "search.search", async |tx: &mut Tx| {
            find(tx, &state.lists, &call.context, assistant, &question, call.limit).await
        })
        .await?;
    let results = found.iter().zip(rows);
    let results =
        results.map(|(found, row)| FoundPassage { score: found.score, passage: Some(to_wire(row)) }).collect();
    let variants = question.readings.into_iter().skip(1).map(|r| r.text).collect();
    Ok(SearchPassagesResponse { results, variants })
}

/// The passages that fit best, and beside them their texts.
async fn find(
    tx: &mut Tx,
    lists: &Lists,
    context: &CallContext,
    assistant: AssistantId,
    question: &Question,
    limit: i32,
) -> Result<(Vec<Found>, Vec<PassageRow>), Failure> {
    let ws = context.workspace;
    let most = usize::try_from(limit).ok().filter(|n| *n > 0).unwrap_or(PASSAGES_USUAL);
    let files = store::live_files(tx, ws, assistant).await?;
    let ranked = if files.ids.is_empty() {
        vec![]
    } else {
        Search { tx: &mut *tx, lists, ws, assistant, files: &files }.ranked(question, most).await?
    };
    if ranked.is_empty() {
        // Nothing found and nobody there must look different to a caller.
        assistants::store::find(tx, ws, assistant).await?.ok_or_else(Failure::not_found)?;
        return Ok((vec![], vec![]));
    }
    let asked: Vec<(Place, &[String])> =
        ranked.iter().flat_map(|list| list.places()).map(|(place, stems, _)| (place, stems)).collect();
    tx.last(&store::PLACED);
    let mut texts: HashMap<PassageId, PassageRow> = HashMap::new();
    let mut nearness: HashMap<i64, (PassageId, f32)> = HashMap::new();
    for placed in store::placed(tx, ws, assistant, &asked).await? {
        nearness.insert(placed.number, (placed.row.id, placed.nearness));
        texts.insert(placed.row.id, placed.row);
    }
    let mut hits = vec![];
    let listed = (1..).zip(ranked.iter().flat_map(|list| list.places().map(move |(_, _, score)| (list, score))));
    for (number, (list, score)) in listed {
        if let Some((passage, near)) = nearness.get(&number) {
            let score = score * (1.0 + near);
            hits.push(Hit { list: list.number, by_trigram: list.stems.is_none(), passage: *passage, score });
        }
    }
    let mut found = fuse(&hits, most);
    let rows: Vec<PassageRow> = found.iter().filter_map(|found| texts.remove(&found.passage)).collect();
    found.truncate(rows.len());
    Ok((found, rows))
}

/// As people see a passage.
#[must_use]
pub fn to_wire(row: PassageRow) -> Passage {
    Passage {
        id: row.id.to_string(),
        file_id: row.file_id.to_string(),
        file_name: row.file_name,
        page: row.page,
        start: row.start,
        headings: row.headings,
        text: row.body,
    }
}
