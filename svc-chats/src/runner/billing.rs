//! The turn's money: hold, renewal, settle, release. Billing's keys make every repeat harmless.

use std::time::{Duration, Instant};

use neipix_mesh::{
    Failure,
    failure::{Reading, read_status},
    jobs::{JobEnd, JobRun},
};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    assistants::v1::{BalanceLook, Candidate, GateDecision, GateOutcome},
    billing::v1::{
        ChargedAttempt, ErrorReason, HoldRequest, PricedModel, ReleaseRequest, SettleRequest,
        billing_service_client::BillingServiceClient,
    },
};
use uuid::Uuid;

use super::Run;
use crate::{
    Chats,
    gate::look,
    plan::Plan,
    turn::{
        Reason,
        store::{read::Charged, stored::Attempt},
    },
};

/// How long billing is waited for before a person takes over.
const HOLD_WAIT: Duration = Duration::from_secs(120);
/// How long a stored answer's settle is tried before its job goes on with it.
const SETTLE_WAIT: Duration = Duration::from_secs(5);

/// What billing reserved.
#[derive(Debug, Default)]
pub(super) struct Held {
    priced: Option<Vec<PricedModel>>,
    /// How much, in micro-pix.
    pub amount: i64,
}

impl Held {
    /// Whether there is a hold.
    pub fn is_some(&self) -> bool {
        self.priced.is_some()
    }

    /// Candidates that may run: free ones, and those with a price.
    pub fn allowed(&self, candidates: &[Candidate]) -> Vec<Candidate> {
        let priced = |model: &str| self.priced.as_ref().is_some_and(|p| p.iter().any(|m| m.model == model));
        candidates.iter().filter(|c| c.model.is_empty() || priced(&c.model)).cloned().collect()
    }

    /// What the gate's look at the money says. Models of candidates without a price could not answer.
    pub fn look(&self, candidates: &[Candidate]) -> GateDecision {
        let Some(priced) = &self.priced else {
            return look::balance(GateOutcome::Absent, BalanceLook::default());
        };
        let unpriced = candidates.iter().filter(|c| !c.model.is_empty() && priced.iter().all(|p| p.model != c.model));
        let mut unpriced_models: Vec<String> = unpriced.map(|c| c.model.clone()).collect();
        unpriced_models.dedup();
        let look = BalanceLook { needed_micro_pix: self.amount, unpriced_models, ..BalanceLook::default() };
        look::balance(GateOutcome::Passed, look)
    }

    /// The price of a model.
    pub fn price_of(&self, model: &str) -> Option<Uuid> {
        self.priced.as_ref()?.iter().find(|m| m.model == model)?.price_id.parse().ok()
    }
}

/// Why there is no hold.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nothing was held: the turn stays silent, for what was seen of the money.
    Skip(Reason, BalanceLook),
    /// Not known whether it holds.
    Unreachable,
    /// The turn was closed before.
    Closed,
}

/// A try as it is charged.
pub(super) fn charged_of(attempt: &Attempt) -> Charged {
    let [input_tokens, cached_input_tokens, cache_write_tokens, output_tokens] = attempt.tokens;
    Charged {
        attempt_id: attempt.id,
        model: attempt.model.clone(),
        input_tokens,
        cached_input_tokens,
        cache_write_tokens,
        output_tokens,
    }
}

impl Run {
    fn hold_request(&self, plan: &Plan, texts: &[String]) -> HoldRequest {
        let mut models: Vec<String> =
            plan.answer.candidates.iter().map(|c| c.model.clone()).filter(|m| !m.is_empty()).collect();
        models.sort();
        models.dedup();
        HoldRequest {
            workspace_id: self.ws.to_string(),
            turn_id: self.turn.to_string(),
            assistant_id: self.assistant.to_string(),
            models,
            input_tokens_max: i64::from(plan.input_tokens_max(self.characters(texts))),
            output_tokens_max: i64::from(self.output_tokens_max(plan)),
        }
    }

    /// Reserves the most that the answer can cost; waits two minutes for a billing that does not answer.
    pub(super) async fn hold(&self, plan: &Plan, texts: &[String]) -> Result<Held, Refusal> {
        let request = self.hold_request(plan, texts);
        if request.models.is_empty() {
            return Ok(Held::default());
        }
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let mut client = BillingServiceClient::new(self.chats.mesh.background("svc-billing"));
            let reading = match client.hold(request.clone()).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    return Ok(Held { priced: Some(answer.priced), amount: answer.amount_micro_pix });
                }
                Err(status) => read_status(&status),
            };
            if let Some(refusal) = refusal(&reading, &request.models) {
                return Err(refusal);
            }
            if began.elapsed() + pause > HOLD_WAIT {
                tracing::error!(turn.id = %self.turn, why = reading.message, "billing did not answer for two minutes");
                return Err(Refusal::Unreachable);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(3));
        }
    }

    /// Renews the hold of a long answer.
    pub(super) async fn renew(&self, plan_request: &HoldRequest) {
        let mut client = BillingServiceClient::new(self.chats.mesh.background("svc-billing"));
        if let Err(status) = client.hold(plan_request.clone()).await {
            tracing::warn!(turn.id = %self.turn, error = status.message(), "the hold was not renewed");
        }
    }

    /// A request that only renews.
    pub(super) fn renewal(&self, models: Vec<String>, input: i32, output: i32) -> HoldRequest {
        HoldRequest {
            workspace_id: self.ws.to_string(),
            turn_id: self.turn.to_string(),
            assistant_id: self.assistant.to_string(),
            models,
            input_tokens_max: i64::from(input),
            output_tokens_max: i64::from(output),
        }
    }

    /// Pays a stored answer; none where billing does not answer: its job goes on.
    ///
    /// # Errors
    /// Billing refuses what it cannot refuse.
    pub(super) async fn pay(&self, held: bool, charged: &[Charged]) -> Result<Option<i64>, Failure> {
        if !held {
            return Ok(Some(0));
        }
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let reading = match self.close(charged).await {
                Ok(cost) => return Ok(Some(cost)),
                Err(reading) => reading,
            };
            if reading.is(ErrorReason::HoldNotFound) {
                // Nothing was held after all, so nothing can be charged.
                tracing::error!(turn.id = %self.turn, "turn {} has no hold to settle: its answer is free", self.turn);
                return Ok(Some(0));
            }
            if began.elapsed() + pause > SETTLE_WAIT {
                tracing::warn!(turn.id = %self.turn, why = reading.message, "turn {} waits to be settled", self.turn);
                return Ok(None);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Settles; an answer that cost nothing is a release.
    async fn close(&self, charged: &[Charged]) -> Result<i64, Reading> {
        let mut client = BillingServiceClient::new(self.chats.mesh.background("svc-billing"));
        let (workspace_id, turn_id) = (self.ws.to_string(), self.turn.to_string());
        let answer = if charged.is_empty() {
            client.release(ReleaseRequest { workspace_id, turn_id, reason: "free".to_owned() }).await
        } else {
            let attempts = charged.iter().map(|c| ChargedAttempt {
                attempt_id: c.attempt_id.to_string(),
                model: c.model.clone(),
                input_tokens: c.input_tokens,
                cached_input_tokens: c.cached_input_tokens,
                cache_write_tokens: c.cache_write_tokens,
                output_tokens: c.output_tokens,
            });
            client.settle(SettleRequest { workspace_id, turn_id, attempts: attempts.collect() }).await
        };
        answer.map(|a| a.into_inner().cost_micro_pix).map_err(|status| read_status(&status))
    }
}

/// What a refusal means; none: try again.
fn refusal(reading: &Reading, models: &[String]) -> Option<Refusal> {
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
        Some(Refusal::Skip(Reason::NoFunds, look))
    } else if reading.is(ErrorReason::Unpriced) {
        let look = BalanceLook { unpriced_models: models.to_vec(), ..BalanceLook::default() };
        Some(Refusal::Skip(Reason::Unpriced, look))
    } else if reading.is(ErrorReason::HoldNotFound) || reading.is(MeshReason::FieldInvalid) {
        Some(Refusal::Closed)
    } else {
        // Unreachable, or the wallet is not there yet: both pass.
        None
    }
}

/// Job `turn.release`: frees the hold of a turn that was not answered, however often it takes.
///
/// # Errors
/// Billing does not answer; the job comes again.
pub async fn release(chats: Chats, run: JobRun) -> Result<JobEnd, Failure> {
    let request = ReleaseRequest {
        workspace_id: run.workspace_id.to_string(),
        turn_id: run.text("turn_id").to_owned(),
        reason: run.text("reason").to_owned(),
    };
    let mut client = BillingServiceClient::new(chats.mesh.background("svc-billing"));
    match client.release(request).await {
        Ok(_) => Ok(JobEnd::Done),
        Err(status) => {
            tracing::warn!(error = status.message(), "a hold is not released yet");
            Ok(JobEnd::Again(Duration::from_secs(3)))
        }
    }
}
