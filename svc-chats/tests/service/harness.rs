//! A service on a database of its own, and callers of it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use neipix_mesh::{
    AssistantId, Call, CallContext, Caller, Failure, WorkspaceId,
    access::{
        roles::{Permissions, permissions_of_role},
        token::Claims,
    },
    client::{Mesh, Upstream, local},
    config::Settings,
    secret::Secret,
    service::Parts,
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::{
    assistants::v1::{assistant_service_server::AssistantServiceServer, source_service_server::SourceServiceServer},
    billing::v1::billing_service_server::BillingServiceServer,
    chats::v1::{AskRequest, AskResponse, Conversation, GetConversationRequest, ListMessagesRequest, Message},
    methods,
};
use neipix_testdb::TestDatabase;
use svc_chats::{Chats, MIGRATIONS, NAME, ask, conversations};
use tonic::service::Routes;
use uuid::Uuid;

use crate::doubles::{Assistants, Auth, Billing};

fn given() -> Settings {
    Settings::load(NAME).unwrap_or_else(|e| panic!("run beside `neipix-local with-services`: {e}"))
}

async fn database(owner: &str) -> TestDatabase {
    TestDatabase::new(owner, async |url| Ok(neipix_mesh::migrate::run(&Secret::new(url), "chats", MIGRATIONS).await?))
        .await
        .unwrap()
}

/// The service under test and one workspace with one assistant.
pub struct Test {
    pub chats: Chats,
    pub assistants: Assistants,
    pub billing: Billing,
    pub ws: WorkspaceId,
    pub assistant: AssistantId,
    pub owner_url: String,
    _database: TestDatabase,
    settings: Settings,
    shutdown: Shutdown,
}

impl Drop for Test {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

impl Test {
    /// On a fresh database, with its workers.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings of its own.
    pub async fn with(pairs: &[(&str, &str)]) -> Self {
        let settings = given();
        let owner = settings.database_url().unwrap().expose().clone();
        let database = database(&owner).await;
        let service = settings.service("chats").unwrap().database_url.expose().clone();
        let (owner_url, service_url) = (database.at(&owner), database.at(&service));
        let own = [("DATABASE_URL", owner_url.as_str()), ("CHATS_DATABASE_URL", service_url.as_str())];
        let pairs = own.into_iter().chain([("CHATS_POOL", "6")]).chain(pairs.iter().copied());
        let settings = settings.with(NAME, pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))).unwrap();
        let (assistants, billing, shutdown) = (Assistants::new(), Billing::new(), Shutdown::new());
        let chats = replica(&settings, &assistants, &billing, &shutdown, true);
        let (ws, assistant) = (WorkspaceId(Uuid::new_v4()), AssistantId(Uuid::now_v7()));
        Self { chats, assistants, billing, ws, assistant, owner_url, _database: database, settings, shutdown }
    }

    /// Another process of the service on the same database.
    pub fn replica(&self, works: bool) -> Chats {
        replica(&self.settings, &self.assistants, &self.billing, &self.shutdown, works)
    }

    /// A call of an rpc by the workspace's owner.
    pub fn call<T: prost::Message + Clone>(&self, rpc: &str, message: T) -> Call<T> {
        self.call_as(self.ws, "owner", rpc, message)
    }

    /// The same by another role.
    pub fn call_as<T: prost::Message + Clone>(&self, ws: WorkspaceId, role: &str, rpc: &str, message: T) -> Call<T> {
        // One person per role.
        let number = role.bytes().fold(0u128, |n, byte| n * 256 + u128::from(byte));
        let person = Uuid::from_u128(number);
        let claims = serde_json::json!({"iss": "t", "aud": "app", "sub": format!("user:{person}"), "sid": person,
            "ws": ws, "role": role, "mv": 1, "iat": 0, "exp": 4_000_000_000i64, "jti": "j"});
        let claims: Claims = serde_json::from_value(claims).unwrap();
        self.call_by(Caller::Member(Arc::new(claims)), permissions_of_role(role), ws, rpc, message)
    }

    /// The same by any caller.
    pub fn call_by<T: prost::Message + Clone>(
        &self,
        caller: Caller,
        permissions: Permissions,
        ws: WorkspaceId,
        rpc: &str,
        message: T,
    ) -> Call<T> {
        let method = methods()
            .all()
            .into_iter()
            .find(|m| m.service.starts_with("neipix.chats.v1.") && m.path.ends_with(&format!("/{rpc}")))
            .unwrap();
        let method = methods().get(&method.path).unwrap();
        let background = CallContext::background("test", ws, Duration::from_secs(60));
        let body = message.encode_to_vec().into();
        let context = CallContext { method, caller, permissions, body, ..(*background).clone() };
        Call { message, context: Arc::new(context) }
    }

    pub fn question(&self, contact: &str, id: &str, text: &str) -> AskRequest {
        AskRequest {
            assistant_id: self.assistant.to_string(),
            contact_external_id: contact.to_owned(),
            external_id: id.to_owned(),
            text: text.to_owned(),
            ..AskRequest::default()
        }
    }

    pub async fn ask(&self, contact: &str, id: &str, text: &str) -> AskResponse {
        self.try_ask(contact, id, text).await.unwrap()
    }

    pub async fn try_ask(&self, contact: &str, id: &str, text: &str) -> Result<AskResponse, Failure> {
        ask::ask(&self.chats, self.call("Ask", self.question(contact, id, text))).await
    }

    pub async fn conversation(&self, id: &str) -> Conversation {
        let request = GetConversationRequest { id: id.to_owned() };
        conversations::rpc::get(&self.chats, self.call("GetConversation", request)).await.unwrap()
    }

    /// Oldest first.
    pub async fn messages(&self, conversation: &str) -> Vec<Message> {
        let request =
            ListMessagesRequest { conversation_id: conversation.to_owned(), ..ListMessagesRequest::default() };
        let page = conversations::rpc::messages(&self.chats, self.call("ListMessages", request)).await.unwrap();
        page.messages.into_iter().rev().collect()
    }

    pub async fn owner(&self) -> AsyncPgConnection {
        let mut connection = AsyncPgConnection::establish(&self.owner_url).await.unwrap();
        connection.batch_execute("SET search_path = chats, public; SET ROLE neipix_verify").await.unwrap();
        connection
    }

    /// A connection as the service has them, in the workspace.
    pub async fn service(&self) -> AsyncPgConnection {
        let mut connection = AsyncPgConnection::establish(self.chats.db.url().expose()).await.unwrap();
        connection.batch_execute(&format!("SET neipix.workspace_id = '{}'", self.ws)).await.unwrap();
        connection
    }

    /// Changes rows as the service may.
    pub async fn run(&self, sql: &str) {
        self.service().await.batch_execute(sql).await.unwrap();
    }

    /// A number that somebody sees who passes row security by.
    pub async fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let mut connection = self.owner().await;
        let row: Row =
            diesel::sql_query(format!("SELECT ({sql})::bigint AS n")).get_result(&mut connection).await.unwrap();
        row.n
    }

    /// Waits until each paid turn is noted, of which a caller hears before.
    pub async fn noted(&self) {
        let stored = "SELECT count(*) FROM turn WHERE state = 'stored'";
        eventually("notes of the end", async || (self.number(stored).await == 0).then_some(())).await;
    }

    /// The steps of a turn: `queued>held queued …`.
    pub async fn steps(&self, turn: &str) -> String {
        self.noted().await;
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            steps: String,
        }
        let mut connection = self.owner().await;
        let sql = format!(
            "SELECT coalesce(string_agg(to_state, ' ' ORDER BY n), '') AS steps FROM turn_step WHERE turn_id = '{turn}'"
        );
        diesel::sql_query(sql).get_result::<Row>(&mut connection).await.unwrap().steps
    }

    /// The rules of §1 that this schema can break.
    pub async fn verify(&self) {
        for (rule, sql) in RULES {
            assert_eq!(self.number(&format!("SELECT count(*) FROM ({sql}) AS broken")).await, 0, "{rule}");
        }
    }
}

/// What must be true at every moment, or whenever nothing runs.
const RULES: &[(&str, &str)] = &[
    ("inv_12_deliveries", include_str!("../../verify/inv_12_deliveries.sql")),
    ("inv_2_message_keys", include_str!("../../verify/inv_2_message_keys.sql")),
    ("inv_3_dense_dialogues", include_str!("../../verify/inv_3_dense_dialogues.sql")),
    ("inv_4_messages_have_one_turn", include_str!("../../verify/inv_4_messages_have_one_turn.sql")),
    ("inv_6_one_answer_per_turn", include_str!("../../verify/inv_6_one_answer_per_turn.sql")),
    ("inv_70_events_are_dense", include_str!("../../verify/inv_70_events_are_dense.sql")),
    ("inv_7_no_turn_is_stuck", include_str!("../../verify/inv_7_no_turn_is_stuck.sql")),
    ("inv_8_turns_follow_the_graph", include_str!("../../verify/inv_8_turns_follow_the_graph.sql")),
    ("inv_9_answers_are_claimed_in_time", include_str!("../../verify/inv_9_answers_are_claimed_in_time.sql")),
    ("INV-11", "SELECT t.id FROM chats.turn t JOIN chats.turn_attempt a ON a.turn_id = t.id WHERE t.state = 'skipped'"),
    ("jobs", "SELECT j.key FROM chats.job j JOIN chats.turn t ON j.key = 'turn:' || t.id WHERE t.ended_at IS NOT NULL"),
];

fn replica(settings: &Settings, assistants: &Assistants, billing: &Billing, shutdown: &Shutdown, works: bool) -> Chats {
    let upstreams: HashMap<String, Upstream> = HashMap::from([
        (
            "svc-assistants".to_owned(),
            local(
                NAME,
                Routes::new(AssistantServiceServer::new(assistants.clone()))
                    .add_service(SourceServiceServer::new(assistants.clone())),
            ),
        ),
        ("svc-auth".to_owned(), local(NAME, Auth.service())),
        ("svc-billing".to_owned(), local(NAME, Routes::new(BillingServiceServer::new(billing.clone())))),
    ]);
    let mesh = Mesh::new(NAME, upstreams);
    let parts = Parts::new(NAME, settings, mesh, Tasks::new(), shutdown.clone()).unwrap();
    let chats = Chats::new(&parts).unwrap();
    if works {
        svc_chats::start(&parts, &chats);
    }
    chats
}

/// Asks until the answer is there, at most five seconds.
pub async fn eventually<T, F: AsyncFn() -> Option<T>>(what: &str, ask: F) -> T {
    eventually_within(Duration::from_secs(5), what, ask).await
}

/// The same for what takes longer.
pub async fn eventually_within<T, F: AsyncFn() -> Option<T>>(most: Duration, what: &str, ask: F) -> T {
    let deadline = Instant::now() + most;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The reason of a refusal.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Failure>) -> &'static str {
    result.unwrap_err().reason().name
}
