//! Where the product stands and the doors into it. A shape of the product is its edges and a way to reach the services as
//! a process of some name; everything else is the same for all shapes.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use neipix_local::{
    mesh::shape::REPLICAS,
    testing::{self, TestProduct},
};
use neipix_mesh::{client::Mesh as Services, config::Settings};
use neipix_proto::{
    Method,
    access::v1::Surface as Audience,
    auth::v1::{
        ExchangeApiKeyRequest, LoginRequest, ProvisionUserRequest, ProvisionUserResponse, SessionTokens,
        auth_service_client::AuthServiceClient,
    },
};
use neipix_tests::{
    client::{Anonymous, Answer, Rest, Surface},
    faces::RestCall,
    grpc::{self, Outcome, Refusal},
    mesh::Mesh,
    telegram::Telegram,
};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

pub const PASSWORD: &str = "correct horse battery";
/// A proxy that the product believes: each call here comes from an address of its own.
const BEHIND_A_PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.0/8");

/// A running product, or a view of it through one of its edges and one process of each service.
#[derive(Clone)]
pub struct Place {
    shape: Arc<Shape>,
    edges: Arc<Vec<Hosts>>,
    /// Which; none = in turn.
    number: Option<usize>,
    turn: Arc<AtomicUsize>,
}

/// An edge by host: REST and gRPC.
type Hosts = Vec<(Surface, Rest<Anonymous>, Channel)>;

const HOSTS: [Surface; 4] = [Surface::App, Surface::Admin, Surface::Api, Surface::Widget];

enum Shape {
    OneProcess(Box<TestProduct>),
    Mesh(Box<Processes>),
}

/// Two processes of each service and two edges, with certificates between them.
struct Processes {
    mesh: Mesh,
    /// The services of one number, as a process of a name reaches them with a certificate of its own.
    reached: Mutex<HashMap<(String, usize), Services>>,
}

impl Processes {
    fn reach(&self, name: &str, number: usize) -> Services {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let connect = || self.mesh.shape().connect_to(name, number).expect("a certificate");
        reached.entry((name.to_owned(), number)).or_insert_with(connect).clone()
    }
}

/// The process that serves an rpc, by its package.
pub fn owner(method: &Method) -> &'static str {
    match method.service.split('.').nth(1) {
        Some("auth") => "svc-auth",
        Some("assistants") => "svc-assistants",
        Some("billing") => "svc-billing",
        Some("chats") => "svc-chats",
        _ => "svc-admin",
    }
}

/// A setting of the servers beside which tests run.
pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests with `make test-it`"))
}

/// The host of an audience.
pub fn host(audience: Audience) -> Surface {
    match audience {
        Audience::Admin => Surface::Admin,
        Audience::Api => Surface::Api,
        Audience::Widget => Surface::Widget,
        _ => Surface::App,
    }
}

/// An address of its own for each call: rates per address are another suite's matter.
fn some_address() -> String {
    let [a, b, c] = rand::random::<[u8; 3]>();
    format!("10.{a}.{b}.{c}")
}

impl Place {
    fn new(shape: Shape, edges: Vec<Hosts>) -> Self {
        Self { shape: Arc::new(shape), edges: Arc::new(edges), number: None, turn: Arc::default() }
    }

    /// The whole product in this process, behind a proxy that it believes.
    pub async fn one_process(telegram: &Telegram) -> Self {
        Self::one_process_with(&[("TELEGRAM_API", &telegram.base_url())]).await
    }

    /// The same with settings of one's own.
    pub async fn one_process_with(more: &[(&str, &str)]) -> Self {
        let mut settings = vec![BEHIND_A_PROXY];
        settings.extend_from_slice(more);
        let started = testing::start(&settings).await.expect("the product");
        let edge = started.product.address;
        let hosts = HOSTS.map(|surface| door(edge, surface, Rest::at(edge, surface)));
        Self::new(Shape::OneProcess(Box::new(started)), vec![hosts.into()])
    }

    /// The product as production runs it, in processes. What was connected holds for as long as this runtime lives.
    pub async fn mesh(telegram: &Telegram) -> Self {
        let mesh = Mesh::start(&[BEHIND_A_PROXY, ("TELEGRAM_API", &telegram.base_url())]).await.expect("the mesh");
        let edge = |n: usize| HOSTS.map(|surface| door(mesh.edge(n), surface, mesh.rest(n, surface))).into();
        let edges = (0..REPLICAS).map(edge).collect();
        Self::new(Shape::Mesh(Box::new(Processes { mesh, reached: Mutex::default() })), edges)
    }

    /// Ends a product of this process; a mesh falls when it is dropped.
    pub async fn stop(self) {
        if let Some(Shape::OneProcess(started)) = Arc::into_inner(self.shape) {
            started.product.stop().await;
        }
    }

    /// Each edge with one process of each service; the one process is all of them.
    pub fn views(&self) -> Vec<Self> {
        (0..self.edges.len()).map(|number| Self { number: Some(number), ..self.clone() }).collect()
    }

    /// Which edge and processes are asked next.
    fn number(&self) -> usize {
        self.number.unwrap_or_else(|| self.turn.fetch_add(1, Ordering::Relaxed) % self.edges.len())
    }

    /// The services as a process of that name reaches them.
    pub fn as_process(&self, name: &str) -> Services {
        match &*self.shape {
            Shape::OneProcess(started) => started.product.as_process(name),
            Shape::Mesh(processes) => processes.reach(name, self.number()),
        }
    }

    /// What it runs with.
    pub fn settings(&self) -> Settings {
        match &*self.shape {
            Shape::OneProcess(started) => {
                Settings::from_pairs("local", started.settings.clone()).expect("it runs with them")
            }
            Shape::Mesh(processes) => processes.mesh.settings().clone(),
        }
    }

    /// The database as its owner sees it: every row of everybody.
    pub async fn database(&self) -> tokio_postgres::Client {
        let settings = self.settings();
        if let Shape::Mesh(_) = &*self.shape {
            return connect(settings.database_url().expect("the owner's").expose()).await;
        }
        // A product of this process has a database of its own on a server whose owner it does not know.
        let own = settings.service("auth").expect("its database").database_url;
        let name = own.expose().rsplit_once('/').expect("a database").1.split('?').next().expect("a name");
        let url = env("DATABASE_URL");
        let server = url.rsplit_once('/').expect("a database").0;
        connect(&format!("{server}/{name}")).await
    }

    fn at(&self, surface: Surface) -> &(Surface, Rest<Anonymous>, Channel) {
        let hosts = &self.edges[self.number()];
        hosts.iter().find(|(known, ..)| *known == surface).expect("a host that serves rpcs")
    }

    /// Nobody at a host of the edge, on a page of that host.
    pub fn rest(&self, surface: Surface) -> Rest<Anonymous> {
        let rest = self.without_origin(surface);
        let origin = rest.origin();
        rest.with_header("origin", &origin)
    }

    /// The same without saying on what page.
    pub fn without_origin(&self, surface: Surface) -> Rest<Anonymous> {
        self.at(surface).1.clone().with_header("x-forwarded-for", &some_address())
    }

    /// An rpc directly at its service, called by a process, with a person's token or without.
    pub async fn direct(
        &self,
        process: &str,
        method: &'static Method,
        request: &DynamicMessage,
        token: Option<&str>,
    ) -> Outcome {
        let upstream = self.as_process(process).upstream(owner(method)).expect("every service is there");
        grpc::call(upstream, method, request, &bearer(token)).await
    }

    /// An rpc through the edge by native gRPC.
    pub async fn grpc(
        &self,
        at: Surface,
        method: &'static Method,
        request: &DynamicMessage,
        token: Option<&str>,
    ) -> Outcome {
        self.grpc_with(at, method, request, &bearer(token)).await
    }

    /// The same with any metadata.
    pub async fn grpc_with(
        &self,
        at: Surface,
        method: &'static Method,
        request: &DynamicMessage,
        metadata: &[(&str, String)],
    ) -> Outcome {
        let mut metadata = metadata.to_vec();
        metadata.push(("x-forwarded-for", some_address()));
        grpc::call(self.at(at).2.clone(), method, request, &metadata).await
    }

    /// A REST call through the edge; of a stream only the first event is read.
    pub async fn rest_call(&self, at: Surface, call: &RestCall, token: Option<&str>) -> Outcome {
        let mut rest = self.rest(at);
        if let Some(token) = token {
            rest = rest.with_header("authorization", &format!("Bearer {token}"));
        }
        match rest.try_stream(call.verb.clone(), &call.path, call.body.clone()).await.expect("the edge answers") {
            Ok(mut stream) => {
                let first = tokio::time::timeout(std::time::Duration::from_secs(2), stream.next()).await;
                let event = first.ok().flatten();
                let json = event.as_ref().map_or(Value::Null, neipix_tests::client::SseEvent::json);
                match event {
                    Some(event) if event.event == "error" => Outcome::Refused(refusal_of(&json, Value::Null)),
                    _ => Outcome::Answered(json),
                }
            }
            Err(answer) => outcome_of(&answer, call.path.starts_with("/api/v1/openai/")),
        }
    }

    /// Makes an account as the command line does.
    pub async fn provision(&self, request: ProvisionUserRequest) -> ProvisionUserResponse {
        let mut auth = AuthServiceClient::new(self.as_process("cli").background("svc-auth"));
        auth.provision_user(request).await.expect("an account").into_inner()
    }

    /// Signs in as through the edge.
    pub async fn login(&self, email: &str, surface: Audience) -> SessionTokens {
        let mut auth = AuthServiceClient::new(self.as_process("edge").background("svc-auth"));
        let request = LoginRequest {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            surface: surface.into(),
            ..LoginRequest::default()
        };
        auth.login(request).await.expect("a log-in").into_inner()
    }

    /// The token that services see of an API key.
    pub async fn exchange(&self, key: &str) -> String {
        let mut auth = AuthServiceClient::new(self.as_process("edge").background("svc-auth"));
        let request = ExchangeApiKeyRequest { api_key: key.to_owned(), ..ExchangeApiKeyRequest::default() };
        auth.exchange_api_key(request).await.expect("a key that works").into_inner().access_token
    }
}

/// A host of an edge.
fn door(edge: SocketAddr, surface: Surface, rest: Rest<Anonymous>) -> (Surface, Rest<Anonymous>, Channel) {
    let endpoint = Endpoint::from_shared(format!("http://{edge}")).expect("an address");
    let origin = rest.origin().parse().expect("an origin");
    (surface, rest, endpoint.origin(origin).connect_lazy())
}

/// A connection of its own to a database.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a database");
    tokio::spawn(connection);
    client
}

fn bearer(token: Option<&str>) -> Vec<(&'static str, String)> {
    token.map(|token| ("authorization", format!("Bearer {token}"))).into_iter().collect()
}

fn outcome_of(answer: &Answer, openai: bool) -> Outcome {
    answer.leaks_nothing();
    if answer.status.is_success() {
        return Outcome::Answered(answer.json());
    }
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "traceparent", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    headers.sort();
    let body = answer.json();
    if openai {
        let code = body["error"]["code"].as_str().unwrap_or_default();
        let reason = match code {
            "invalid_api_key" => "TOKEN_INVALID",
            "permission_denied" => "PERMISSION_DENIED",
            "model_not_found" => "NOT_FOUND",
            other => other,
        };
        let rest = json!({"headers": headers, "body": body});
        return Outcome::Refused(Refusal { status: answer.status.as_u16(), reason: reason.to_owned(), rest });
    }
    let reason = body["reason"].as_str().unwrap_or_default().to_owned();
    let problem = answer.problem(answer.status.as_u16(), &reason);
    Outcome::Refused(refusal_of(&problem.json, json!(headers)))
}

fn refusal_of(problem: &Value, headers: Value) -> Refusal {
    let mut body = problem.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("trace_id");
    }
    Refusal {
        status: u16::try_from(problem["status"].as_u64().unwrap_or(0)).unwrap_or(0),
        reason: problem["reason"].as_str().unwrap_or_default().to_owned(),
        rest: json!({"headers": headers, "body": body}),
    }
}

/// An address that nobody has yet.
pub fn fresh_email() -> String {
    format!("u{}@test.example", Uuid::now_v7().simple())
}
