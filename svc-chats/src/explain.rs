//! Why a turn was answered the way it was, or not at all: its record, with what is told elsewhere put beside it.

mod cause;
mod store;

use neipix_mesh::{AssistantId, Call, CallContext, ConversationId, Failure, MessageId, TurnId, db::Tx};
use neipix_proto::{
    assistants::v1::{
        ExplainedPassage, Explanation, GateDecision, GetSourcesRequest, RecordedPassage, TurnRecord, Usage,
        gate_decision::Looked, source_service_client::SourceServiceClient,
    },
    chats::v1::{ExplainMessageRequest, ExplainTurnRequest},
};
use prost::Message as _;

use crate::{
    Chats,
    conversation::Handler,
    conversations::rpc::seen,
    gate::look,
    stamp,
    turn::{Reason, store::read::read_citations},
};
use store::{Kept, Period};

fn parse<T: std::str::FromStr>(id: &str, field: &str) -> Result<T, Failure> {
    id.parse().map_err(|_| Failure::invalid(field, "must be a UUID"))
}

/// Why a turn was answered the way it was, or not at all.
///
/// # Errors
/// NOT_FOUND; UNAVAILABLE where svc-assistants cannot be asked for the passages.
pub async fn turn(chats: &Chats, call: Call<ExplainTurnRequest>) -> Result<Explanation, Failure> {
    let (conversation, id): (ConversationId, TurnId) =
        (parse(&call.conversation_id, "conversation_id")?, parse(&call.id, "id")?);
    let kept = chats
        .db
        .read(&call.context, "chats.explain_turn", async |tx: &mut Tx| {
            seen(tx, &call.context, conversation).await?;
            store::turn(tx, call.context.workspace, conversation, id).await?.ok_or_else(Failure::not_found)
        })
        .await?;
    explain(chats, &call.context, kept).await
}

/// The same for the turn of a message; who held the dialogue where a person was to answer it.
///
/// # Errors
/// NOT_FOUND where there is nothing to explain: an operator's own words; UNAVAILABLE as above.
pub async fn message(chats: &Chats, call: Call<ExplainMessageRequest>) -> Result<Explanation, Failure> {
    let (conversation, id): (ConversationId, MessageId) =
        (parse(&call.conversation_id, "conversation_id")?, parse(&call.id, "id")?);
    let ws = call.context.workspace;
    let (kept, held) = chats
        .db
        .read(&call.context, "chats.explain_message", async |tx: &mut Tx| {
            let assistant = seen(tx, &call.context, conversation).await?;
            let message = store::message(tx, ws, conversation, id).await?.ok_or_else(Failure::not_found)?;
            if let Some(turn) = message.turn {
                return Ok((store::turn(tx, ws, conversation, turn).await?, None));
            }
            if message.author != "contact" {
                return Err(Failure::not_found());
            }
            let periods = store::periods(tx, ws, conversation).await?;
            let since = periods.into_iter().rev().find(|p| p.from_seq <= message.seq && p.at <= message.at);
            Ok((None, Some(held_by_person(conversation, assistant, since, stamp(message.at)))))
        })
        .await?;
    match (kept, held) {
        (Some(kept), _) => explain(chats, &call.context, kept).await,
        (None, Some(held)) => Ok(held),
        (None, None) => Err(Failure::not_found()),
    }
}

/// A message that a person was to answer.
fn held_by_person(
    conversation: ConversationId,
    assistant: AssistantId,
    since: Option<Period>,
    at: prost_types::Timestamp,
) -> Explanation {
    let mut decision = look::silenced_by_person(since.as_ref().map_or(0, |p| p.epoch));
    complete(&mut decision, since.as_slice());
    let (reason_ru, reason_en) = Reason::Operator.texts();
    let gate = vec![decision];
    Explanation {
        conversation_id: conversation.to_string(),
        assistant_id: assistant.to_string(),
        reason: Reason::Operator.to_proto().into(),
        reason_ru: reason_ru.to_owned(),
        reason_en: reason_en.to_owned(),
        cause: Some(cause::of_person(&gate)),
        gate,
        recorded: true,
        create_time: Some(at),
        end_time: Some(at),
        ..Explanation::default()
    }
}

/// Puts member and time beside the number of a period.
fn complete(decision: &mut GateDecision, periods: &[Period]) {
    let Some(Looked::Handler(handler)) = &mut decision.looked else { return };
    let Some(period) = periods.iter().find(|p| p.epoch == handler.epoch) else { return };
    handler.holder = look::holder(Handler::parse(&period.handler)).into();
    handler.member_id = period.member_id.map(|m| m.to_string()).unwrap_or_default();
    handler.since = Some(stamp(period.at));
}

async fn explain(chats: &Chats, context: &CallContext, kept: Kept) -> Result<Explanation, Failure> {
    let turn = kept.turn;
    let (reason, record) = (Reason::parse(&turn.reason), kept.record.as_deref().map(TurnRecord::decode));
    let recorded = record.is_some();
    let mut record = record.transpose().map_err(Failure::internal)?.unwrap_or_default();
    if !recorded && reason == Some(Reason::TakeOver) {
        // Its worker died, or it ended before records were kept: who took over is known all the same.
        let since = kept.periods.iter().find(|p| p.handler == "operator" && p.at >= turn.created_at);
        record.gate.extend(since.map(|p| look::silenced_by_person(p.epoch)));
    }
    for decision in &mut record.gate {
        complete(decision, &kept.periods);
    }
    let mut passages = sources(chats, context, turn.assistant_id, record.passages).await?;
    for citation in read_citations(kept.citations) {
        for passage in passages.iter_mut().filter(|p| p.passage_id == citation.passage_id && p.mark == 0) {
            passage.mark = citation.n;
        }
    }
    let (reason_ru, reason_en) = reason.map_or(("", ""), Reason::texts);
    let place = cause::Place {
        workspace: context.workspace,
        conversation: turn.conversation_id,
        assistant: turn.assistant_id,
        turn: turn.id,
    };
    Ok(Explanation {
        turn_id: turn.id.to_string(),
        conversation_id: turn.conversation_id.to_string(),
        assistant_id: turn.assistant_id.to_string(),
        version: if turn.version == 0 { record.version } else { turn.version },
        reason: reason.map(Reason::to_proto).unwrap_or_default().into(),
        reason_ru: reason_ru.to_owned(),
        reason_en: reason_en.to_owned(),
        cause: reason.map(|reason| cause::of(reason, &record.gate, &record.handoff, place)),
        gate: record.gate,
        passages,
        usage: Some(usage_of(&kept.attempts)),
        attempts: kept.attempts,
        cost_micro_pix: turn.cost_micro_pix,
        allowance_micro_pix: 0,
        held_micro_pix: record.held_micro_pix,
        prompt_hash: hex::encode(record.prompt_hash),
        input_tokens_max: record.input_tokens_max,
        output_tokens_max: record.output_tokens_max,
        finish: record.finish,
        handoff: record.handoff,
        recorded,
        create_time: Some(stamp(turn.created_at)),
        end_time: turn.ended_at.map(stamp),
    })
}

/// Tokens of the charged attempts.
fn usage_of(attempts: &[neipix_proto::assistants::v1::ExplainedAttempt]) -> Usage {
    let charged = attempts.iter().filter(|a| a.charged).filter_map(|a| a.usage);
    charged.fold(Usage::default(), |sum, one| Usage {
        input_tokens: sum.input_tokens + one.input_tokens,
        cached_input_tokens: sum.cached_input_tokens + one.cached_input_tokens,
        cache_write_tokens: sum.cache_write_tokens + one.cache_write_tokens,
        output_tokens: sum.output_tokens + one.output_tokens,
        estimated: sum.estimated || one.estimated,
    })
}

/// Texts and places lie in svc-assistants.
async fn sources(
    chats: &Chats,
    context: &CallContext,
    assistant: AssistantId,
    passages: Vec<RecordedPassage>,
) -> Result<Vec<ExplainedPassage>, Failure> {
    if passages.is_empty() {
        return Ok(vec![]);
    }
    let request = GetSourcesRequest {
        workspace_id: context.workspace.to_string(),
        assistant_id: assistant.to_string(),
        passages,
    };
    let mut client = SourceServiceClient::new(chats.mesh.background("svc-assistants"));
    let answer = client.get_sources(request).await.map_err(|status| {
        Failure::unavailable("the passages cannot be read right now; try again").with_source(status)
    })?;
    Ok(answer.into_inner().passages)
}
