//! Stand-ins for svc-assistants and svc-billing, at the seam of their protos.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use neipix_mesh::Failure;
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    assistants::v1::{assistant_service_server::AssistantService, *},
    auth::v1::{AccessToken, IssueVisitorTokenRequest},
    billing::v1::{
        self as billing, BatchGetBalancesRequest, BatchGetBalancesResponse, CloseResponse, ErrorReason, HoldRequest,
        HoldResponse, PricedModel, ReleaseRequest, SettleRequest, TransferKind, billing_service_server::BillingService,
    },
};
use tokio::sync::{Semaphore, mpsc};
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// What an answer does, in order.
#[derive(Debug, Clone)]
pub enum Act {
    Say(&'static str),
    /// Waits for a permit of `gate`.
    Wait,
    Handoff,
    /// The stream breaks.
    Break,
    /// The provider died after the first shown character.
    Interrupted,
}

#[derive(Clone)]
pub struct Assistants(pub Arc<AssistantsState>);

pub struct AssistantsState {
    pub plan: Mutex<AnswerPlan>,
    pub acts: Mutex<Vec<Act>>,
    pub replies: Mutex<Vec<ReplyRequest>>,
    /// Questions that passages were looked for.
    pub searches: Mutex<Vec<String>>,
    pub gate: Semaphore,
    /// Only this one exists.
    pub known: Mutex<Option<String>>,
}

impl Assistants {
    pub fn new() -> Self {
        let spec =
            AssistantSpec { name: "Магазин".into(), answer_delay_seconds: Some(0), ..AssistantSpec::default() };
        let plan = AnswerPlan {
            status: AssistantStatus::Published.into(),
            version: 3,
            spec: Some(spec),
            fixed_prompt_tokens: 100,
            candidates: vec![Candidate { provider_id: Uuid::now_v7().to_string(), model: "m-1".into() }, free()],
        };
        Self(Arc::new(AssistantsState {
            plan: Mutex::new(plan),
            acts: Mutex::new(vec![Act::Say("Доставка "), Act::Say("стоит 300 рублей.")]),
            replies: Mutex::default(),
            searches: Mutex::default(),
            gate: Semaphore::new(0),
            known: Mutex::default(),
        }))
    }

    pub fn acts(&self, acts: &[Act]) {
        *self.0.acts.lock().unwrap() = acts.to_vec();
    }

    pub fn spec(&self, change: impl FnOnce(&mut AssistantSpec)) {
        change(self.0.plan.lock().unwrap().spec.as_mut().unwrap());
    }

    pub fn only_free(&self) {
        self.0.plan.lock().unwrap().candidates = vec![free()];
    }

    pub fn status(&self, status: AssistantStatus) {
        self.0.plan.lock().unwrap().set_status(status);
    }

    pub fn replies(&self) -> Vec<ReplyRequest> {
        self.0.replies.lock().unwrap().clone()
    }

    pub fn searches(&self) -> Vec<String> {
        self.0.searches.lock().unwrap().clone()
    }

    /// Lets an answer that waits go on.
    pub fn go_on(&self) {
        self.0.gate.add_permits(1);
    }
}

fn free() -> Candidate {
    Candidate { provider_id: String::new(), model: String::new() }
}

type Events = Pin<Box<dyn futures::Stream<Item = Result<ReplyEvent, Status>> + Send>>;

async fn play(state: Arc<AssistantsState>, request: ReplyRequest, out: mpsc::Sender<Result<ReplyEvent, Status>>) {
    let tell = async |event| {
        let _ = out.send(Ok(ReplyEvent { event: Some(event) })).await;
    };
    let attempt_id = Uuid::now_v7().to_string();
    let request_ids = request.passage_ids.clone();
    let model = request.candidates.first().map(|c| c.model.clone()).unwrap_or_default();
    let started = Started { attempt_id: attempt_id.clone(), provider: "Stand-in".into(), model, ..Started::default() };
    tell(reply_event::Event::Started(started)).await;
    let acts = state.acts.lock().unwrap().clone();
    let (mut offset, mut kind) = (0, FinishKind::Complete);
    for act in acts {
        match act {
            Act::Say(text) => {
                tell(reply_event::Event::Delta(Delta { offset, text: text.into() })).await;
                offset += i64::try_from(text.len()).unwrap();
            }
            Act::Wait => state.gate.acquire().await.unwrap().forget(),
            Act::Handoff => tell(reply_event::Event::Handoff(Handoff { reason: "customer_asked".into() })).await,
            Act::Break => {
                let _ = out.send(Err(Status::unavailable("gone"))).await;
                return;
            }
            Act::Interrupted => kind = FinishKind::Interrupted,
        }
    }
    let usage = Usage { input_tokens: 400, output_tokens: 20, ..Usage::default() };
    let ended = AttemptEnded { attempt_id: attempt_id.clone(), usage: Some(usage), ..AttemptEnded::default() };
    tell(reply_event::Event::AttemptEnded(ended)).await;
    let citation = Citation { n: 1, title: "shop.md".into(), quote: "300 рублей".into(), ..Citation::default() };
    let charged_attempt_ids = if kind == FinishKind::Complete { vec![attempt_id] } else { vec![] };
    let dropped = request_ids.get(1).map(|id| DroppedPassage { passage_id: id.clone(), rule: DropRule::Tokens.into() });
    let citation = Citation { passage_id: request_ids.first().cloned().unwrap_or_default(), ..citation };
    let finished = Finished {
        kind: kind.into(),
        charged_attempt_ids,
        prompt_hash: "ab".repeat(32),
        citations: vec![citation],
        dropped: dropped.into_iter().collect(),
    };
    tell(reply_event::Event::Finished(finished)).await;
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not of this stand-in"))
}

#[tonic::async_trait]
impl AssistantService for Assistants {
    type ReplyStream = Events;

    async fn get_answer_plan(&self, request: Request<GetAnswerPlanRequest>) -> Result<Response<AnswerPlan>, Status> {
        let known = self.0.known.lock().unwrap().clone();
        if known.is_some_and(|known| known != request.get_ref().assistant_id) {
            return Err(Failure::not_found().into_status());
        }
        Ok(Response::new(self.0.plan.lock().unwrap().clone()))
    }

    async fn retrieve(&self, request: Request<RetrieveRequest>) -> Result<Response<RetrieveResponse>, Status> {
        self.0.searches.lock().unwrap().push(request.into_inner().question);
        let part = ScorePart { kind: ScoreKind::Words.into(), place: 1, share: 0.5, ..ScorePart::default() };
        let ranked = |score| RankedPassage { passage_id: Uuid::now_v7().to_string(), score, parts: vec![part] };
        Ok(Response::new(RetrieveResponse { passages: vec![ranked(0.5), ranked(0.25)], dropped: vec![ranked(0.125)] }))
    }

    async fn reply(&self, request: Request<ReplyRequest>) -> Result<Response<Events>, Status> {
        let request = request.into_inner();
        self.0.replies.lock().unwrap().push(request.clone());
        let (sender, receiver) = mpsc::channel(8);
        tokio::spawn(play(self.0.clone(), request, sender));
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))))
    }

    async fn create_assistant(&self, _: Request<CreateAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn get_assistant(&self, _: Request<GetAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn list_assistants(
        &self,
        _: Request<ListAssistantsRequest>,
    ) -> Result<Response<ListAssistantsResponse>, Status> {
        not_here()
    }
    async fn update_assistant(&self, _: Request<UpdateAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn delete_assistant(&self, _: Request<DeleteAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn publish_assistant(&self, _: Request<PublishAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn pause_assistant(&self, _: Request<PauseAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn resume_assistant(&self, _: Request<ResumeAssistantRequest>) -> Result<Response<Assistant>, Status> {
        not_here()
    }
    async fn list_versions(&self, _: Request<ListVersionsRequest>) -> Result<Response<ListVersionsResponse>, Status> {
        not_here()
    }
    async fn get_version(&self, _: Request<GetVersionRequest>) -> Result<Response<AssistantVersion>, Status> {
        not_here()
    }
}

#[tonic::async_trait]
impl source_service_server::SourceService for Assistants {
    async fn get_sources(&self, request: Request<GetSourcesRequest>) -> Result<Response<GetSourcesResponse>, Status> {
        let told = |p: RecordedPassage| ExplainedPassage {
            passage_id: Uuid::from_slice(&p.id).unwrap().to_string(),
            file_name: "shop.md".into(),
            text: "Доставка стоит 300 рублей.".into(),
            state: SourceState::Present.into(),
            score: f64::from(p.score),
            dropped: p.dropped,
            parts: p.parts,
            ..ExplainedPassage::default()
        };
        let passages = request.into_inner().passages.into_iter().map(told).collect();
        Ok(Response::new(GetSourcesResponse { passages }))
    }
}

/// How billing answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Money {
    Enough,
    Short,
    Unreachable,
}

/// A turn's money.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    pub holds: u32,
    pub settles: u32,
    pub releases: u32,
    /// The first close: `settle` or `release`.
    pub closed: Option<&'static str>,
}

#[derive(Clone)]
pub struct Billing(pub Arc<BillingState>);

pub struct BillingState {
    pub money: Mutex<Money>,
    pub turns: Mutex<HashMap<String, Held>>,
    /// Settles that are done, but whose answer is lost.
    pub lose_settles: Mutex<u32>,
}

/// What every settle costs.
pub const COST: i64 = 4_200;

impl Billing {
    pub fn new() -> Self {
        Self(Arc::new(BillingState {
            money: Mutex::new(Money::Enough),
            turns: Mutex::default(),
            lose_settles: Mutex::default(),
        }))
    }

    pub fn money(&self, money: Money) {
        *self.0.money.lock().unwrap() = money;
    }

    pub fn of(&self, turn: &str) -> Held {
        self.0.turns.lock().unwrap().get(turn).cloned().unwrap_or_default()
    }

    fn close(&self, turn: &str, kind: &'static str) -> Result<Response<CloseResponse>, Status> {
        if *self.0.money.lock().unwrap() == Money::Unreachable {
            return Err(Failure::unavailable("down").into_status());
        }
        let mut turns = self.0.turns.lock().unwrap();
        let held = turns.entry(turn.to_owned()).or_default();
        if kind == "settle" {
            held.settles += 1;
        } else {
            held.releases += 1;
        }
        let closed = *held.closed.get_or_insert(kind);
        let mut lose = self.0.lose_settles.lock().unwrap();
        if kind == "settle" && *lose > 0 {
            *lose -= 1;
            return Err(Failure::unavailable("the answer was lost").into_status());
        }
        let kind = if closed == "settle" { TransferKind::Settle } else { TransferKind::Release };
        let cost_micro_pix = if closed == "settle" { COST } else { 0 };
        Ok(Response::new(CloseResponse { transfer_id: Uuid::now_v7().to_string(), cost_micro_pix, kind: kind.into() }))
    }
}

#[tonic::async_trait]
impl BillingService for Billing {
    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldResponse>, Status> {
        let request = request.into_inner();
        match *self.0.money.lock().unwrap() {
            Money::Enough => {}
            Money::Short => {
                return Err(Failure::new(ErrorReason::InsufficientFunds, "too little")
                    .with_field("needed_micro_pix", "9000")
                    .with_field("available_micro_pix", "4000")
                    .into_status());
            }
            Money::Unreachable => {
                return Err(Failure::new(MeshReason::Unavailable, "down")
                    .with_retry_after(Duration::from_millis(1))
                    .into_status());
            }
        }
        self.0.turns.lock().unwrap().entry(request.turn_id).or_default().holds += 1;
        let priced =
            request.models.into_iter().map(|model| PricedModel { model, price_id: Uuid::now_v7().to_string() });
        Ok(Response::new(HoldResponse { amount_micro_pix: 9_000, priced: priced.collect(), expire_time: None }))
    }
    async fn settle(&self, request: Request<SettleRequest>) -> Result<Response<CloseResponse>, Status> {
        assert!(!request.get_ref().attempts.is_empty());
        self.close(&request.get_ref().turn_id, "settle")
    }
    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<CloseResponse>, Status> {
        self.close(&request.get_ref().turn_id, "release")
    }
    async fn quote(&self, _: Request<billing::QuoteRequest>) -> Result<Response<billing::QuoteResponse>, Status> {
        not_here()
    }
    async fn batch_get_balances(
        &self,
        _: Request<BatchGetBalancesRequest>,
    ) -> Result<Response<BatchGetBalancesResponse>, Status> {
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

/// svc-auth, as far as visitors need it: a token that says whose it is.
#[derive(Clone)]
pub struct Auth;

impl Auth {
    /// Answers IssueVisitorToken; everything else is not here.
    pub fn service(
        self,
    ) -> impl tower::Service<
        http::Request<tonic::body::Body>,
        Response = http::Response<tonic::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync {
        tower::service_fn(|request: http::Request<tonic::body::Body>| async move {
            let path = request.uri().path().to_owned();
            let mut grpc =
                tonic::server::Grpc::new(tonic_prost::ProstCodec::<AccessToken, IssueVisitorTokenRequest>::default());
            let issue = tower::service_fn(move |request: Request<IssueVisitorTokenRequest>| {
                let known = path == "/neipix.auth.v1.AuthService/IssueVisitorToken";
                async move {
                    let visitor = request.into_inner().visitor_id;
                    let token = AccessToken { access_token: format!("token of {visitor}"), expires_in_seconds: 900 };
                    if known { Ok(Response::new(token)) } else { not_here() }
                }
            });
            Ok::<_, std::convert::Infallible>(grpc.unary(issue, request).await)
        })
    }
}
