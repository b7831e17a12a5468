//! Retrieve (for the turn) and SearchPassages (for people).

use std::collections::HashMap;

use neipix_mesh::{AssistantId, Call, CallContext, Failure, PassageId, db::Tx};
use neipix_proto::assistants::v1::{
    FoundPassage, Passage, RankedPassage, RetrieveRequest, RetrieveResponse, ScoreKind, ScorePart,
    SearchPassagesRequest, SearchPassagesResponse,
};

use super::{
    Found, Hit, PASSAGES_USUAL, Part, Question, fuse,
    lists::{Lists, Place},
    prepare,
    ranked::Search,
    store::{self, PassageRow},
};
use crate::{Assistants, assistants, assistants::rpc::seen};

/// Passages that are told of beside those that an answer sees: what came close.
const DROPPED_MOST: usize = 4;

/// Ids and scores of the passages that fit a question, best first.
///
/// # Errors
/// NOT_FOUND.
pub async fn retrieve(state: &Assistants, call: Call<RetrieveRequest>) -> Result<RetrieveResponse, Failure> {
    let assistant = call.assistant_id.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
    for_answer(state, &call.context, assistant, &call.question, call.limit).await
}

/// The same for the live turn and the test dialogue.
///
/// # Errors
/// NOT_FOUND.
pub async fn for_answer(
    state: &Assistants,
    context: &CallContext,
    assistant: AssistantId,
    question: &str,
    limit: i32,
) -> Result<RetrieveResponse, Failure> {
    let question = prepare(question);
    let most = most_of(limit);
    let (mut found, mut rows) = state
        .db
        .read(context, "search.retrieve", async |tx: &mut Tx| {
            find(tx, &state.lists, context, assistant, &question, most, DROPPED_MOST).await
        })
        .await?;
    let dropped = found.split_off(found.len().min(most));
    rows.truncate(found.len());
    // The answer that follows needs their texts.
    let ids = found.iter().map(|f| f.passage).collect();
    state.recent.found(context.workspace, assistant, ids, rows);
    let ranked = |found: Vec<Found>| found.into_iter().map(|found| ranked(found, &question)).collect();
    Ok(RetrieveResponse { passages: ranked(found), dropped: ranked(dropped) })
}

fn ranked(found: Found, question: &Question) -> RankedPassage {
    let part = |part: Part| {
        let reading = part.reading.and_then(|n| usize::try_from(n - 1).ok()).and_then(|at| question.readings.get(at));
        ScorePart {
            kind: if part.reading.is_some() { ScoreKind::Words } else { ScoreKind::SimilarWords }.into(),
            reading: reading.map(|r| r.kind.to_wire()).unwrap_or_default().into(),
            place: i32::try_from(part.place).unwrap_or(i32::MAX),
            found: part.found as f32,
            nearness: part.nearness,
            share: part.share as f32,
        }
    };
    RankedPassage {
        passage_id: found.passage.to_string(),
        score: found.score,
        parts: found.parts.into_iter().map(part).collect(),
    }
}

fn most_of(limit: i32) -> usize {
    usize::try_from(limit).ok().filter(|n| *n > 0).unwrap_or(PASSAGES_USUAL)
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
            find(tx, &state.lists, &call.context, assistant, &question, most_of(call.limit), 0).await
        })
        .await?;
    let results = found.iter().zip(rows);
    let results =
        results.map(|(found, row)| FoundPassage { score: found.score, passage: Some(to_wire(row)) }).collect();
    let variants = question.readings.into_iter().skip(1).map(|r| r.text).collect();
    Ok(SearchPassagesResponse { results, variants })
}

/// The passages that fit best, and so many behind them; beside each its text.
async fn find(
    tx: &mut Tx,
    lists: &Lists,
    context: &CallContext,
    assistant: AssistantId,
    question: &Question,
    most: usize,
    behind: usize,
) -> Result<(Vec<Found>, Vec<PassageRow>), Failure> {
    let ws = context.workspace;
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
            let (by_trigram, score) = (list.stems.is_none(), score * (1.0 + near));
            hits.push(Hit { list: list.number, by_trigram, passage: *passage, score, nearness: *near });
        }
    }
    let mut found = fuse(&hits, most + behind);
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
