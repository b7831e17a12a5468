//! SimulationService: ask, list, explain, begin anew.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use futures::StreamExt as _;
use neipix_mesh::{Call, CallContext, Failure, Stream, TurnId, db::Tx};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    assistants::v1::{
        AssistantLook, AssistantSpec, Delta, DialogueMessage, DialogueRole, ErrorReason, ExplainSimulatedTurnRequest,
        Explanation, ListSimulatedTurnsRequest, ListSimulatedTurnsResponse, ResetSimulationRequest,
        ResetSimulationResponse, SimulateEvent, SimulateRequest, SimulationAllowance, SimulationEnd,
        simulate_event::Event,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::{
    LOOK_AFTER, State, TURNS_MAX, explanation,
    run::Run,
    store::{self, NewTurn, TurnRow, Whose},
};
use crate::{
    Assistants, NAME,
    assistants::{self, AssistantError, Verb, draft, rpc::seen, with_defaults},
};

/// Events that may wait for a slow reader; beyond, the turn waits for it, at most its whole time.
const EVENTS_WAITING_MAX: usize = 256;
/// How often a repeat looks whether the turn has ended.
const LOOK: Duration = Duration::from_millis(250);

fn whose(context: &CallContext, id: &str, field: &str) -> Result<Whose, Failure> {
    let assistant = seen(context, id, field)?;
    let member = context
        .member_id()
        .ok_or_else(|| Failure::new(MeshReason::PermissionDenied, "a test dialogue belongs to a person: log in"))?;
    Ok(Whose { workspace: context.workspace, assistant, member })
}

/// What a turn is answered with.
struct Asked {
    row: TurnRow,
    /// None where it was asked before.
    fresh: Option<(AssistantSpec, AssistantLook, Vec<DialogueMessage>)>,
}

/// Asks the draft, or a version.
///
/// # Errors
/// NOT_FOUND, ASSISTANT_STATE, DRAFT_INVALID, FIELD_INVALID, SIMULATION_BUSY, SIMULATION_FULL.
pub async fn simulate(state: &Assistants, call: Call<SimulateRequest>) -> Result<Stream<SimulateEvent>, Failure> {
    let whose = whose(&call.context, &call.id, "id")?;
    let id = TurnId::new(Utc::now());
    let request = if call.request_id.is_empty() {
        id.0
    } else {
        call.request_id.parse::<Uuid>().map_err(|_| Failure::invalid("request_id", "must be a UUID"))?
    };
    let asked = state
        .db
        .in_workspace(&call.context, "simulation.open", async |tx: &mut Tx| {
            let there = assistants::store::find(tx, whose.workspace, whose.assistant).await?;
            let assistant = there.ok_or_else(Failure::not_found)?;
            if let Some(row) = store::asked_before(tx, whose, request).await? {
                return Ok(Asked { row, fresh: None });
            }
            assistant.status().after(Verb::Edit)?;
            let spec = specification(state, tx, whose, call.version, &assistant).await?;
            let before = store::dialogue(tx, whose).await?;
            let new = NewTurn { id, request, version: call.version, question: &call.text };
            let row = store::open(tx, whose, &before, &new).await?;
            let look = AssistantLook {
                status: assistant.status().to_wire().into(),
                version: if call.version == 0 { 0 } else { assistant.published_version },
            };
            Ok::<_, Failure>(Asked { row, fresh: Some((spec, look, history(&before))) })
        })
        .await?;
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let accepted = SimulateEvent { event: Some(Event::Accepted(asked.row.to_wire()?)) };
    // The channel is empty.
    let _ = sender.try_send(accepted);
    let context = CallContext::background(NAME, whose.workspace, LOOK_AFTER);
    match asked.fresh {
        Some((spec, look, history)) => {
            let run = Run::new(state, context, &asked.row, spec, look, history, &call.contact_name, sender);
            state.tasks.spawn("simulation", run.run());
        }
        None => {
            let (state, id) = (state.clone(), asked.row.id);
            state.tasks.clone().spawn("simulation.repeat", async move {
                if let Err(error) = repeat(&state, &context, id, &sender).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a repeat was not answered");
                }
            });
        }
    }
    Ok(Box::pin(ReceiverStream::new(receiver).map(Ok)))
}

async fn specification(
    state: &Assistants,
    tx: &mut Tx,
    whose: Whose,
    version: i32,
    assistant: &assistants::store::AssistantRow,
) -> Result<AssistantSpec, Failure> {
    if version > 0 {
        let known = state.versions.get(tx, whose.workspace, whose.assistant, version).await;
        let told = known.map_err(|error| match error.is(ErrorReason::NotPublished) {
            true => Failure::invalid("version", "must be a published version, or 0 for the draft"),
            false => error,
        });
        return Ok(with_defaults((*told?).clone()));
    }
    let spec = assistant.spec()?;
    let problems = draft::problems(&spec, "draft");
    if problems.is_empty() { Ok(with_defaults(spec)) } else { Err(AssistantError::Draft(problems).into()) }
}

/// The dialogue as the assistant sees it: what was asked, and what was said.
fn history(before: &[TurnRow]) -> Vec<DialogueMessage> {
    let line = |role: DialogueRole, text: &str| DialogueMessage { role: role.into(), text: text.to_owned() };
    before
        .iter()
        .flat_map(|turn| [(DialogueRole::Customer, &turn.question), (DialogueRole::Assistant, &turn.answer)])
        .filter(|(_, text)| !text.is_empty())
        .map(|(role, text)| line(role, text))
        .collect()
}

/// The end of a turn that was asked for before, waited for.
async fn repeat(
    state: &Assistants,
    context: &Arc<CallContext>,
    id: TurnId,
    sender: &mpsc::Sender<SimulateEvent>,
) -> Result<(), Failure> {
    let ws = context.workspace;
    loop {
        let row = state
            .db
            .in_workspace_id(ws, "simulation.watch", async |tx: &mut Tx| store::find(tx, ws, id).await)
            .await?
            .ok_or_else(Failure::not_found)?;
        if row.state() == State::Running {
            tokio::select! {
                () = sender.closed() => return Ok(()),
                () = tokio::time::sleep(LOOK) => continue,
            }
        }
        if !row.answer.is_empty() {
            let delta = Delta { offset: 0, text: row.answer.clone() };
            let _ = sender.send(SimulateEvent { event: Some(Event::Delta(delta)) }).await;
        }
        let end = end_of(state, context, &row).await?;
        let _ = sender.send(SimulateEvent { event: Some(Event::Finished(end)) }).await;
        return Ok(());
    }
}

/// The last event of a turn.
///
/// # Errors
/// Storage.
pub(super) async fn end_of(state: &Assistants, context: &CallContext, row: &TurnRow) -> Result<SimulationEnd, Failure> {
    let ws = context.workspace;
    let taken =
        state.db.in_workspace_id(ws, "simulation.left", async |tx: &mut Tx| store::taken_today(tx, ws).await).await?;
    Ok(SimulationEnd {
        turn: Some(row.to_wire()?),
        explanation: Some(explanation::explain(state, context, row).await?),
        allowance: Some(allowance(state, taken)),
    })
}

fn allowance(state: &Assistants, taken: i64) -> SimulationAllowance {
    let daily = state.simulation_free_micro_pix;
    SimulationAllowance { daily_micro_pix: daily, left_micro_pix: (daily - taken).max(0) }
}

/// The caller's own test dialogue.
///
/// # Errors
/// NOT_FOUND.
pub async fn list(
    state: &Assistants,
    call: Call<ListSimulatedTurnsRequest>,
) -> Result<ListSimulatedTurnsResponse, Failure> {
    let whose = whose(&call.context, &call.assistant_id, "assistant_id")?;
    let (rows, taken) = state
        .db
        .read(&call.context, "simulation.list", async |tx: &mut Tx| {
            assistants::store::find(tx, whose.workspace, whose.assistant).await?.ok_or_else(Failure::not_found)?;
            Ok::<_, Failure>((store::dialogue(tx, whose).await?, store::taken_today(tx, whose.workspace).await?))
        })
        .await?;
    Ok(ListSimulatedTurnsResponse {
        turns: rows.iter().map(TurnRow::to_wire).collect::<Result<_, _>>()?,
        turns_max: TURNS_MAX,
        allowance: Some(allowance(state, taken)),
    })
}

/// Why a turn of the caller's own test dialogue was answered the way it was.
///
/// # Errors
/// NOT_FOUND.
pub async fn explain(state: &Assistants, call: Call<ExplainSimulatedTurnRequest>) -> Result<Explanation, Failure> {
    let whose = whose(&call.context, &call.assistant_id, "assistant_id")?;
    let id: TurnId = call.id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?;
    let row = state
        .db
        .read(&call.context, "simulation.explain", async |tx: &mut Tx| store::own(tx, whose, id).await)
        .await?
        .ok_or_else(Failure::not_found)?;
    explanation::explain(state, &call.context, &row).await
}

/// Begins the caller's own test dialogue anew.
///
/// # Errors
/// NOT_FOUND.
pub async fn reset(state: &Assistants, call: Call<ResetSimulationRequest>) -> Result<ResetSimulationResponse, Failure> {
    let whose = whose(&call.context, &call.id, "id")?;
    state
        .db
        .in_workspace(&call.context, "simulation.reset", async |tx: &mut Tx| {
            assistants::store::find(tx, whose.workspace, whose.assistant).await?.ok_or_else(Failure::not_found)?;
            store::reset(tx, whose).await
        })
        .await?;
    Ok(ResetSimulationResponse {})
}
