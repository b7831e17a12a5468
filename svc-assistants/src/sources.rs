//! GetSources: the passages that a turn's record names, with their texts. Texts lie here and nowhere else.

use std::collections::HashMap;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, Bool, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, Call, CallContext, Failure, PassageId,
    db::{Keep as _, Tx},
};
use neipix_proto::assistants::v1::{
    ExplainedPassage, GetSourcesRequest, GetSourcesResponse, RecordedPassage, SourceState,
};
use uuid::Uuid;

use crate::{Assistants, search::store::PassageRow};

#[derive(QueryableByName)]
struct Source {
    #[diesel(sql_type = Bool)]
    is_live: bool,
    #[diesel(embed)]
    row: PassageRow,
}

/// The passages of a record in its order; those whose text is not kept any more are shown as gone.
///
/// # Errors
/// Storage.
pub async fn get(state: &Assistants, call: Call<GetSourcesRequest>) -> Result<GetSourcesResponse, Failure> {
    let assistant = call.assistant_id.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
    let passages = explained(state, &call.context, assistant, &call.passages).await?;
    Ok(GetSourcesResponse { passages })
}

/// The same for the test dialogue.
///
/// # Errors
/// Storage.
pub async fn explained(
    state: &Assistants,
    context: &CallContext,
    assistant: AssistantId,
    passages: &[RecordedPassage],
) -> Result<Vec<ExplainedPassage>, Failure> {
    let ids: Vec<Uuid> = passages.iter().filter_map(|p| Uuid::from_slice(&p.id).ok()).collect();
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let found: Vec<Source> = state
        .db
        .read(context, "sources.get", async |tx: &mut Tx| {
            let rows = sql_query(
                "SELECT p.id, p.file_id, f.name AS file_name, p.page, p.start, p.headings, p.body, p.indexed, p.n, \
                 f.status = 'ready' AND NOT f.disabled AND f.valid_to IS NULL AND f.run = p.version AS is_live \
                 FROM passage p JOIN knowledge_file f ON f.workspace_id = p.workspace_id AND f.id = p.file_id \
                 WHERE p.workspace_id = $1 AND p.assistant_id = $2 AND p.id = ANY ($3)",
            )
            .bind::<SqlUuid, _>(context.workspace)
            .bind::<SqlUuid, _>(assistant)
            .bind::<Array<SqlUuid>, _>(&ids)
            .kept()
            .load(tx)
            .await?;
            Ok::<_, Failure>(rows)
        })
        .await?;
    let mut found: HashMap<PassageId, Source> = found.into_iter().map(|source| (source.row.id, source)).collect();
    Ok(passages.iter().map(|p| explain(p, &mut found)).collect())
}

fn explain(recorded: &RecordedPassage, found: &mut HashMap<PassageId, Source>) -> ExplainedPassage {
    let id = Uuid::from_slice(&recorded.id).unwrap_or_default();
    let told = ExplainedPassage {
        passage_id: id.to_string(),
        state: SourceState::Gone.into(),
        score: f64::from(recorded.score),
        parts: recorded.parts.clone(),
        dropped: recorded.dropped,
        ..ExplainedPassage::default()
    };
    let Some(Source { is_live, row }) = found.remove(&PassageId(id)) else { return told };
    ExplainedPassage {
        file_id: row.file_id.to_string(),
        file_name: row.file_name,
        page: row.page,
        start: row.start,
        headings: row.headings,
        text: row.body,
        state: if is_live { SourceState::Present } else { SourceState::Retired }.into(),
        ..told
    }
}
