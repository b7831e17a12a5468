//! Stand-ins for svc-billing and svc-chats' gate, at the seam of their protos.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use neipix_mesh::{
    Failure,
    client::{Upstream, local},
};
use neipix_proto::{
    assistants::v1::{GateDecision, GateOutcome, GateRule, StopWordLook, gate_decision::Looked},
    billing::v1::{
        self as billing, CloseResponse, ErrorReason, HoldRequest, HoldResponse, PricedModel, QuoteRequest,
        QuoteResponse, ReleaseRequest, SettleRequest, TransferKind,
        billing_service_server::{BillingService, BillingServiceServer},
    },
    chats::v1::{
        JudgeRequest, JudgeResponse,
        gate_service_server::{GateService, GateServiceServer},
    },
};
use svc_assistants::NAME;
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

/// What any turn can cost, and what any answer costs.
pub const BOUND: i64 = 9_000;
pub const COST: i64 = 4_200;

#[derive(Default)]
pub struct Seen {
    pub holds: Vec<String>,
    pub settled: Vec<String>,
    pub released: Vec<String>,
    pub is_poor: bool,
    pub is_down: bool,
}

/// Both, and what they were asked.
#[derive(Clone, Default)]
pub struct Others(pub Arc<Mutex<Seen>>);

impl Others {
    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub fn upstreams(&self) -> HashMap<String, Upstream> {
        HashMap::from([
            ("svc-billing".to_owned(), local(NAME, Routes::new(BillingServiceServer::new(self.clone())))),
            ("svc-chats".to_owned(), local(NAME, Routes::new(GateServiceServer::new(self.clone())))),
        ])
    }

    fn up(&self) -> Result<(), Status> {
        if self.seen(|seen| seen.is_down) { Err(Failure::unavailable("down").into_status()) } else { Ok(()) }
    }
}

fn priced(models: Vec<String>) -> Vec<PricedModel> {
    models.into_iter().map(|model| PricedModel { model, price_id: Uuid::now_v7().to_string() }).collect()
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not of this stand-in"))
}

#[tonic::async_trait]
impl BillingService for Others {
    async fn quote(&self, request: Request<QuoteRequest>) -> Result<Response<QuoteResponse>, Status> {
        self.up()?;
        let request = request.into_inner();
        let cost_micro_pix = if request.attempts.is_empty() { 0 } else { COST };
        Ok(Response::new(QuoteResponse { bound_micro_pix: BOUND, cost_micro_pix, priced: priced(request.models) }))
    }
    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldResponse>, Status> {
        self.up()?;
        let request = request.into_inner();
        if self.seen(|seen| seen.is_poor) {
            return Err(Failure::new(ErrorReason::InsufficientFunds, "too little")
                .with_field("needed_micro_pix", BOUND.to_string())
                .with_field("available_micro_pix", "1000")
                .into_status());
        }
        self.seen(|seen| seen.holds.push(request.turn_id));
        let priced = priced(request.models);
        Ok(Response::new(HoldResponse { amount_micro_pix: BOUND, priced, expire_time: None }))
    }
    async fn settle(&self, request: Request<SettleRequest>) -> Result<Response<CloseResponse>, Status> {
        self.up()?;
        self.seen(|seen| seen.settled.push(request.into_inner().turn_id));
        let kind = TransferKind::Settle.into();
        Ok(Response::new(CloseResponse { transfer_id: Uuid::now_v7().to_string(), cost_micro_pix: COST, kind }))
    }
    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<CloseResponse>, Status> {
        self.up()?;
        self.seen(|seen| seen.released.push(request.into_inner().turn_id));
        Ok(Response::new(CloseResponse::default()))
    }
    async fn batch_get_balances(
        &self,
        _: Request<billing::BatchGetBalancesRequest>,
    ) -> Result<Response<billing::BatchGetBalancesResponse>, Status> {
        not_here()
    }
    async fn get_wallet(&self, _: Request<billing::GetWalletRequest>) -> Result<Response<billing::Wallet>, Status> {
        not_here()
    }
    async fn list_statement(
        &self,
        _: Request<billing::ListStatementRequest>,
    ) -> Result<Response<billing::ListStatementResponse>, Status> {
        not_here()
    }
    async fn get_transfer(
        &self,
        _: Request<billing::GetTransferRequest>,
    ) -> Result<Response<billing::Transfer>, Status> {
        not_here()
    }
}

#[tonic::async_trait]
impl GateService for Others {
    /// The first stop word's pattern is looked for as it stands.
    async fn judge(&self, request: Request<JudgeRequest>) -> Result<Response<JudgeResponse>, Status> {
        let request = request.into_inner();
        let words = request.spec.unwrap_or_default().stop_words;
        let text = if request.answer.is_empty() { &request.question } else { &request.answer };
        let met = words.iter().position(|word| text.contains(&word.pattern));
        let rule = if request.answer.is_empty() { GateRule::StopWords } else { GateRule::AnswerStopWords };
        let outcome = if met.is_some() { GateOutcome::Silenced } else { GateOutcome::Passed };
        let index = met.and_then(|at| i32::try_from(at).ok());
        let looked = Some(Looked::StopWord(StopWordLook { index, ..StopWordLook::default() }));
        Ok(Response::new(JudgeResponse {
            decisions: vec![GateDecision { rule: rule.into(), outcome: outcome.into(), looked }],
            silenced: met.is_some(),
            reply: met.and_then(|at| words.get(at)).map(|word| word.reply.clone()).unwrap_or_default(),
            to_person: false,
            checks_answers: words.iter().any(|word| word.check_answer),
        }))
    }
}
