//! Why a turn of a test dialogue was answered the way it was, or not at all.

use neipix_mesh::{CallContext, Failure};
use neipix_proto::assistants::v1::{
    CauseKind, Explanation, GateOutcome, SilenceCause, SilenceReason, TurnRecord, gate_decision::Looked,
};

use super::{
    store::{TurnRow, usage_of},
    texts,
};
use crate::{Assistants, assistants::rpc::stamp, sources};

/// Of a turn.
///
/// # Errors
/// Storage.
pub async fn explain(state: &Assistants, context: &CallContext, row: &TurnRow) -> Result<Explanation, Failure> {
    let record = row.record()?;
    let recorded = record.is_some();
    let record = record.unwrap_or_default();
    let usage = usage_of(&record);
    let turn = record.turn.unwrap_or_default();
    let mut passages = sources::explained(state, context, row.assistant_id, &turn.passages).await?;
    for citation in &record.citations {
        for passage in passages.iter_mut().filter(|p| p.passage_id == citation.passage_id && p.mark == 0) {
            passage.mark = citation.n;
        }
    }
    let (reason_ru, reason_en) = texts(row.reason());
    Ok(Explanation {
        turn_id: row.id.to_string(),
        conversation_id: String::new(),
        assistant_id: row.assistant_id.to_string(),
        version: row.version,
        reason: row.reason().into(),
        reason_ru: reason_ru.to_owned(),
        reason_en: reason_en.to_owned(),
        cause: cause(context, row, &turn),
        gate: turn.gate,
        passages,
        attempts: record.attempts,
        usage: Some(usage),
        cost_micro_pix: row.cost_micro_pix,
        allowance_micro_pix: row.allowance_micro_pix,
        held_micro_pix: turn.held_micro_pix,
        prompt_hash: hex::encode(turn.prompt_hash),
        input_tokens_max: turn.input_tokens_max,
        output_tokens_max: turn.output_tokens_max,
        finish: turn.finish,
        handoff: turn.handoff,
        recorded,
        create_time: Some(stamp(row.created_at)),
        end_time: row.ended_at.map(stamp),
    })
}

/// What to open about a silence.
fn cause(context: &CallContext, row: &TurnRow, turn: &TurnRecord) -> Option<SilenceCause> {
    let word = turn.gate.iter().find_map(|decision| match &decision.looked {
        Some(Looked::StopWord(word)) if decision.outcome() == GateOutcome::Silenced => word.index,
        _ => None,
    });
    let (kind, id) = match row.reason() {
        SilenceReason::Unspecified => return None,
        SilenceReason::StopWord => (CauseKind::StopWord, row.assistant_id.to_string()),
        SilenceReason::NoFunds => (CauseKind::Wallet, context.workspace.to_string()),
        SilenceReason::Handoff if turn.handoff == "low_confidence" => {
            (CauseKind::Knowledge, row.assistant_id.to_string())
        }
        _ => (CauseKind::Platform, row.id.to_string()),
    };
    Some(SilenceCause { kind: kind.into(), id, index: word.unwrap_or(0) })
}
