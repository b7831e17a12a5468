//! GetAnswerPlan: what a turn needs to know before it starts, in two indexed reads.

use neipix_mesh::{AssistantId, Call, Failure, db::Tx};
use neipix_proto::assistants::v1::{AnswerPlan, Candidate, GetAnswerPlanRequest};

use crate::{
    Assistants,
    answers::prompt,
    assistants::{Status, store, with_defaults},
    providers,
};

/// Status, version with its defaults, tokens of the fixed prompt, candidates in their order.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(state: &Assistants, call: Call<GetAnswerPlanRequest>) -> Result<AnswerPlan, Failure> {
    let id: AssistantId = call.assistant_id.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
    let ws = call.context.workspace;
    state
        .db
        .read(&call.context, "plan.get", async |tx: &mut Tx| {
            let (status, version) = store::standing(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            let status = Status::parse(&status).to_wire().into();
            if version == 0 {
                return Ok(AnswerPlan { status, ..AnswerPlan::default() });
            }
            let spec = with_defaults((*state.versions.get(tx, ws, id, version).await?).clone());
            let candidates = providers::store::enabled(tx).await?;
            Ok::<_, Failure>(AnswerPlan {
                status,
                version,
                fixed_prompt_tokens: prompt::fixed_tokens_max(&spec),
                spec: Some(spec),
                candidates: candidates
                    .into_iter()
                    .map(|p| Candidate { provider_id: p.id.to_string(), model: p.model })
                    .collect(),
            })
        })
        .await
}
