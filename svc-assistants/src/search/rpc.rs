//! Retrieve (for the turn) and SearchPassages (for people).

use neipix_mesh::{AssistantId, Call, CallContext, Failure, db::Tx};
use neipix_proto::assistants::v1::{
    FoundPassage, Passage, RankedPassage, RetrieveRequest, RetrieveResponse, SearchPassagesRequest,
    SearchPassagesResponse,
};

use super::{
    Found, PASSAGES_USUAL, Question, fuse, list_rows, prepare,
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
            let found = find(tx, &call.context, assistant, &question, call.limit).await?;
            // The answer that follows needs their texts.
            let ids: Vec<_> = found.iter().map(|f| f.passage).collect();
            let rows = match ids.as_slice() {
                [] => vec![],
                ids => {
                    tx.last(&store::LIVE_PASSAGES);
                    store::live_passages(tx, call.context.workspace, assistant, ids).await?
                }
            };
            Ok::<_, Failure>((found, rows))
        })
        .await?;
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
    let results = state
        .db
        .read(&call.context, "search.search", async |tx: &mut Tx| {
            let found = find(tx, &call.context, assistant, &question, call.limit).await?;
            let ids: Vec<_> = found.iter().map(|f| f.passage).collect();
            let rows = store::live_passages(tx, call.context.workspace, assistant, &ids).await?;
            let score = |row: &PassageRow| found.iter().find(|f| f.passage == row.id).map_or(0.0, |f| f.score);
            Ok::<_, Failure>(
                rows.into_iter()
                    .map(|row| FoundPassage { score: score(&row), passage: Some(to_wire(row)) })
                    .collect::<Vec<_>>(),
            )
        })
        .await?;
    let variants = question.readings.into_iter().skip(1).map(|r| r.text).collect();
    Ok(SearchPassagesResponse { results, variants })
}

async fn find(
    tx: &mut Tx,
    context: &CallContext,
    assistant: AssistantId,
    question: &Question,
    limit: i32,
) -> Result<Vec<Found>, Failure> {
    let ws = context.workspace;
    let most = usize::try_from(limit).ok().filter(|n| *n > 0).unwrap_or(PASSAGES_USUAL);
    let hits = store::search(tx, ws, assistant, question, list_rows(most)).await?;
    if hits.is_empty() {
        // Nothing found and nobody there must look different to a caller.
        assistants::store::find(tx, ws, assistant).await?.ok_or_else(Failure::not_found)?;
    }
    Ok(fuse(&hits, most))
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
