//! Money of test dialogues: the free allowance first, then a hold in svc-billing. Closing can be repeated: billing's keys and the
//! row's mark make the second time harmless.

use std::time::Duration;

use neipix_mesh::{
    Failure, TurnId, WorkspaceId,
    db::Tx,
    failure::read_status,
    jobs::{JobEnd, JobRun},
};
use neipix_proto::{
    assistants::v1::{BalanceLook, Candidate, ExplainedAttempt, SilenceReason, Usage},
    billing::v1::{
        ChargedAttempt, ErrorReason, HoldRequest, PricedModel, QuoteRequest, ReleaseRequest, SettleRequest,
        billing_service_client::BillingServiceClient,
    },
};
use tonic::Status;

use super::{
    Bounds, State,
    store::{self, Ending, TurnRow},
};
use crate::Assistants;

/// How often billing is asked.
const TRIES: u32 = 3;
/// Pause before the job that looks after a turn tries again.
const PAUSE: Duration = Duration::from_secs(5);

/// What may be spent.
#[derive(Debug, Default)]
pub struct Reserved {
    /// Models that have a price; none = nothing that costs may run.
    pub priced: Vec<PricedModel>,
    /// How much, in micro-pix.
    pub amount: i64,
    /// Of the free allowance.
    pub from_allowance: bool,
}

impl Reserved {
    /// Candidates that may run: free ones, and those with a price.
    #[must_use]
    pub fn allowed(&self, candidates: Vec<Candidate>) -> Vec<Candidate> {
        let priced = |model: &str| self.priced.iter().any(|p| p.model == model);
        candidates.into_iter().filter(|c| c.model.is_empty() || priced(&c.model)).collect()
    }

    /// The price of a model; empty = free.
    #[must_use]
    pub fn price_of(&self, model: &str) -> String {
        self.priced.iter().find(|p| p.model == model).map(|p| p.price_id.clone()).unwrap_or_default()
    }
}

/// Why nothing is reserved.
#[derive(Debug)]
pub struct Refusal {
    /// NO_FUNDS, UNPRICED or BILLING_UNAVAILABLE.
    pub reason: SilenceReason,
    /// What was seen.
    pub look: BalanceLook,
}

/// Whose money, and for what.
#[derive(Debug, Clone, Copy)]
pub struct For<'a> {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The turn.
    pub turn: TurnId,
    /// The assistant.
    pub assistant: neipix_mesh::AssistantId,
    /// Who may answer.
    pub candidates: &'a [Candidate],
    /// How many tokens.
    pub bounds: Bounds,
}

/// Reserves the most that a turn can cost: of today's allowance where there is so much left, else of the wallet.
///
/// # Errors
/// Storage.
pub async fn reserve(state: &Assistants, what: For<'_>) -> Result<Result<Reserved, Refusal>, Failure> {
    let mut models: Vec<String> = what.candidates.iter().map(|c| c.model.clone()).filter(|m| !m.is_empty()).collect();
    models.sort();
    models.dedup();
    if models.is_empty() {
        return Ok(Ok(Reserved::default()));
    }
    let quote = QuoteRequest {
        workspace_id: what.workspace.to_string(),
        models: models.clone(),
        input_tokens_max: i64::from(what.bounds.input),
        output_tokens_max: i64::from(what.bounds.output),
        attempts: vec![],
    };
    let quoted = asked(|| {
        let (mut billing, quote) = (billing(state), quote.clone());
        async move { billing.quote(quote).await.map(tonic::Response::into_inner) }
    })
    .await;
    let quoted = match quoted {
        Ok(quoted) => quoted,
        Err(status) => return Ok(Err(refusal(&status, models))),
    };
    let (ws, turn, bound) = (what.workspace, what.turn, quoted.bound_micro_pix);
    let daily = state.simulation_free_micro_pix;
    let from_allowance = state
        .db
        .in_workspace_id(ws, "simulation.reserve", async |tx: &mut Tx| {
            let reserved = store::reserve(tx, ws, turn, bound, daily).await?;
            if !reserved {
                store::will_hold(tx, ws, turn).await?;
            }
            Ok::<_, Failure>(reserved)
        })
        .await?;
    if from_allowance {
        return Ok(Ok(Reserved { priced: quoted.priced, amount: bound, from_allowance }));
    }
    let hold = HoldRequest {
        workspace_id: ws.to_string(),
        turn_id: turn.to_string(),
        assistant_id: what.assistant.to_string(),
        models: models.clone(),
        input_tokens_max: i64::from(what.bounds.input),
        output_tokens_max: i64::from(what.bounds.output),
    };
    let held = asked(|| {
        let (mut billing, hold) = (billing(state), hold.clone());
        async move { billing.hold(hold).await.map(tonic::Response::into_inner) }
    })
    .await;
    Ok(match held {
        Ok(held) => Ok(Reserved { priced: held.priced, amount: held.amount_micro_pix, from_allowance }),
        Err(status) => Err(refusal(&status, models)),
    })
}

fn billing(state: &Assistants) -> BillingServiceClient<neipix_mesh::client::Outgoing> {
    BillingServiceClient::new(state.mesh.background("svc-billing"))
}

/// Asks again where billing was not reached: a person waits, so not for long.
async fn asked<T, Asking: Future<Output = Result<T, Status>>>(ask: impl Fn() -> Asking) -> Result<T, Status> {
    let mut pause = Duration::from_millis(100);
    for _ in 1..TRIES {
        match ask().await {
            Err(status) if read_status(&status).reason.is_none_or(|reason| reason.name == "UNAVAILABLE") => {
                tokio::time::sleep(pause).await;
                pause *= 3;
            }
            answer => return answer,
        }
    }
    ask().await
}

fn refusal(status: &Status, models: Vec<String>) -> Refusal {
    let reading = read_status(status);
    if reading.is(ErrorReason::InsufficientFunds) {
        let told = |name: &str| reading.fields.iter().find(|f| f.field == name).and_then(|f| f.message.parse().ok());
        let needed: i64 = told("needed_micro_pix").unwrap_or(0);
        let available: i64 = told("available_micro_pix").unwrap_or(0);
        let look = BalanceLook {
            needed_micro_pix: needed,
            available_micro_pix: available,
            missing_micro_pix: (needed - available).max(0),
            ..BalanceLook::default()
        };
        Refusal { reason: SilenceReason::NoFunds, look }
    } else if reading.is(ErrorReason::Unpriced) {
        let look = BalanceLook { unpriced_models: models, ..BalanceLook::default() };
        Refusal { reason: SilenceReason::Unpriced, look }
    } else {
        tracing::warn!(error = reading.message, "billing did not answer a test dialogue");
        Refusal { reason: SilenceReason::BillingUnavailable, look: BalanceLook::default() }
    }
}

/// Pays for a turn that has ended, or gives back what was reserved for it. Can be repeated.
///
/// # Errors
/// Billing does not answer; storage.
pub async fn close(state: &Assistants, ws: WorkspaceId, id: TurnId) -> Result<(), Failure> {
    let row =
        state.db.in_workspace_id(ws, "simulation.find", async |tx: &mut Tx| store::find(tx, ws, id).await).await?;
    let Some(row) = row.filter(|row| !row.closed && row.state() != State::Running) else { return Ok(()) };
    let attempts = row.record()?.unwrap_or_default().attempts;
    let charged: Vec<ChargedAttempt> =
        attempts.iter().filter(|a| a.charged && !a.model.is_empty()).map(charged_of).collect();
    let (cost, allowance) = match row.payer.as_str() {
        "allowance" => {
            let cost = quoted(state, ws, charged).await?.min(row.reserved_micro_pix);
            (cost, cost)
        }
        "wallet" => (settled(state, ws, &row, charged).await?, 0),
        _ => (0, 0),
    };
    state
        .db
        .in_workspace_id(ws, "simulation.close", async |tx: &mut Tx| store::close(tx, ws, &row, cost, allowance).await)
        .await
}

fn charged_of(attempt: &ExplainedAttempt) -> ChargedAttempt {
    let Usage { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, .. } =
        attempt.usage.unwrap_or_default();
    ChargedAttempt {
        attempt_id: attempt.id.clone(),
        model: attempt.model.clone(),
        input_tokens,
        cached_input_tokens,
        cache_write_tokens,
        output_tokens,
    }
}

async fn quoted(state: &Assistants, ws: WorkspaceId, attempts: Vec<ChargedAttempt>) -> Result<i64, Failure> {
    if attempts.is_empty() {
        return Ok(0);
    }
    let mut models: Vec<String> = attempts.iter().map(|a| a.model.clone()).collect();
    models.dedup();
    let request = QuoteRequest { workspace_id: ws.to_string(), models, attempts, ..QuoteRequest::default() };
    match billing(state).quote(request).await {
        Ok(answer) => Ok(answer.into_inner().cost_micro_pix),
        Err(status) if read_status(&status).is(ErrorReason::Unpriced) => {
            tracing::error!(workspace.id = %ws, "a model lost its price while a test dialogue ran: its answer is free");
            Ok(0)
        }
        Err(status) => Err(Failure::from(status)),
    }
}

async fn settled(
    state: &Assistants,
    ws: WorkspaceId,
    row: &TurnRow,
    attempts: Vec<ChargedAttempt>,
) -> Result<i64, Failure> {
    let (workspace_id, turn_id) = (ws.to_string(), row.id.to_string());
    let answer = if attempts.is_empty() {
        let reason = row.state().as_str().to_owned();
        billing(state).release(ReleaseRequest { workspace_id, turn_id, reason }).await
    } else {
        billing(state).settle(SettleRequest { workspace_id, turn_id, attempts }).await
    };
    match answer {
        Ok(answer) => Ok(answer.into_inner().cost_micro_pix),
        Err(status) if read_status(&status).is(ErrorReason::HoldNotFound) => {
            tracing::error!(turn.id = %row.id, "simulated turn {} has no hold to settle: its answer is free", row.id);
            Ok(0)
        }
        Err(status) => Err(Failure::from(status)),
    }
}

/// Job `simulation.close`: ends a turn whose process died, and closes its money, however often that takes.
///
/// # Errors
/// Storage.
pub async fn look_after(state: &Assistants, run: &JobRun) -> Result<JobEnd, Failure> {
    let (ws, id): (_, TurnId) = (run.workspace_id, run.text("turn_id").parse().map_err(Failure::internal)?);
    let ending =
        Ending { state: State::Failed, reason: SilenceReason::Internal, answer: "", fixed_reply: false, record: None };
    let died = state
        .db
        .in_workspace_id(ws, "simulation.give_up", async |tx: &mut Tx| store::end(tx, ws, id, &ending).await)
        .await?;
    if died {
        tracing::warn!(turn.id = %id, "simulated turn {id} was left by its process");
    }
    match close(state, ws, id).await {
        Ok(()) => Ok(JobEnd::Done),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a simulated turn is not closed yet");
            Ok(JobEnd::Again(PAUSE))
        }
    }
}
