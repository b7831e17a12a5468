//! A service on a database of its own, and callers of it.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use neipix_mesh::{
    AssistantId, Call, CallContext, Caller, Failure, FileId, UserId, WorkspaceId,
    access::{roles::Permissions, token::Claims},
    client::{Mesh, Upstream},
    config::Settings,
    db::Tx,
    secret::Secret,
    service::Parts,
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::{
    assistants::v1::{Assistant, AssistantSpec, CreateAssistantRequest, PublishAssistantRequest},
    methods,
};
use neipix_testdb::TestDatabase;
use prost::Message;
use svc_assistants::{
    Assistants, MIGRATIONS, NAME,
    assistants::rpc,
    extraction::{Extractor, ExtractorConfig},
    knowledge::store::{self, Change, NewFile},
    passages::Passage,
    workers,
};
use uuid::Uuid;

fn given() -> Settings {
    Settings::load(NAME).unwrap_or_else(|e| panic!("run beside `neipix-local with-services`: {e}"))
}

async fn database(owner: &str) -> TestDatabase {
    TestDatabase::new(owner, async |url| {
        Ok(neipix_mesh::migrate::run(&Secret::new(url), "assistants", MIGRATIONS).await?)
    })
    .await
    .unwrap()
}

/// The service under test and one workspace.
pub struct Test {
    pub state: Assistants,
    pub ws: WorkspaceId,
    pub owner_url: String,
    _database: TestDatabase,
}

impl Test {
    /// On a fresh database, without workers.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings of its own.
    pub async fn with(pairs: &[(&str, &str)]) -> Self {
        Self::beside(pairs, HashMap::new()).await
    }

    /// The same beside other services.
    pub async fn beside(pairs: &[(&str, &str)], upstreams: HashMap<String, Upstream>) -> Self {
        let settings = given();
        let owner = settings.database_url().unwrap().expose().clone();
        let database = database(&owner).await;
        let service = settings.service("assistants").unwrap().database_url.expose().clone();
        let (owner_url, service_url) = (database.at(&owner), database.at(&service));
        let own = [("DATABASE_URL", owner_url.as_str()), ("ASSISTANTS_DATABASE_URL", service_url.as_str())];
        let pairs = own.into_iter().chain([("ASSISTANTS_POOL", "4")]).chain(pairs.iter().copied());
        let settings = settings.with(NAME, pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))).unwrap();
        let mesh = Mesh::new(NAME, upstreams);
        let parts = Parts::new(NAME, &settings, mesh, Tasks::new(), Shutdown::new()).unwrap();
        Self {
            state: Assistants::new(&parts).unwrap(),
            ws: WorkspaceId(Uuid::new_v4()),
            owner_url,
            _database: database,
        }
    }

    /// Starts the workers of files.
    pub fn work(&self) {
        let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_svc-assistants")));
        workers::start(&self.state, Extractor::new(ExtractorConfig { program, ..ExtractorConfig::default() }));
    }

    /// A call of an rpc in the workspace.
    pub fn call<T: Message + Clone>(&self, rpc: &str, message: T) -> Call<T> {
        self.call_in(self.ws, rpc, message)
    }

    /// The same in another workspace.
    pub fn call_in<T: Message + Clone>(&self, ws: WorkspaceId, rpc: &str, message: T) -> Call<T> {
        let service = if rpc.contains("File") || rpc == "SearchPassages" {
            "KnowledgeService"
        } else if rpc.contains("Provider") {
            "ProviderService"
        } else if rpc.contains("Simulat") {
            "SimulationService"
        } else if rpc == "GetSources" {
            "SourceService"
        } else {
            "AssistantService"
        };
        let background = CallContext::background("svc-chats", ws, Duration::from_secs(30));
        let context = CallContext {
            method: methods().get(&format!("/neipix.assistants.v1.{service}/{rpc}")).unwrap(),
            body: message.encode_to_vec().into(),
            permissions: Permissions::none(),
            ..(*background).clone()
        };
        Call { message, context: Arc::new(context) }
    }

    /// The same by a caller that may touch one assistant only.
    pub fn narrowed<T: Message + Clone>(&self, only: AssistantId, rpc: &str, message: T) -> Call<T> {
        let call = self.call(rpc, message);
        let context = CallContext { assistant: Some(only), ..(*call.context).clone() };
        Call { message: call.message, context: Arc::new(context) }
    }

    /// The same by a person of a workspace.
    pub fn call_as<T: Message + Clone>(&self, ws: WorkspaceId, person: Uuid, rpc: &str, message: T) -> Call<T> {
        let call = self.call_in(ws, rpc, message);
        let claims = serde_json::json!({"iss": "t", "aud": "app", "sub": format!("user:{person}"), "sid": person,
            "ws": ws, "role": "owner", "mv": 1, "iat": 0, "exp": 4_000_000_000i64, "jti": "j"});
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let context = CallContext { caller: Caller::Member(Arc::new(claims)), ..(*call.context).clone() };
        Call { message: call.message, context: Arc::new(context) }
    }

    /// The same with an idempotency key, by a person.
    pub fn keyed<T: Message + Clone>(&self, key: &str, rpc: &str, message: T) -> Call<T> {
        let call = self.call(rpc, message);
        let context = CallContext { idempotency_key: Some(key.to_owned()), ..(*call.context).clone() };
        Call { message: call.message, context: Arc::new(context) }
    }

    pub async fn assistant(&self, spec: AssistantSpec) -> Assistant {
        let request = CreateAssistantRequest { draft: Some(spec) };
        rpc::create(&self.state, self.call("CreateAssistant", request)).await.unwrap()
    }

    pub async fn published(&self, spec: AssistantSpec) -> AssistantId {
        let made = self.assistant(spec).await;
        self.publish(&made.id).await;
        made.id.parse().unwrap()
    }

    pub async fn publish(&self, id: &str) -> Assistant {
        let request = PublishAssistantRequest { id: id.to_owned() };
        rpc::publish(&self.state, self.call("PublishAssistant", request)).await.unwrap()
    }

    /// A ready file made of texts, without the detour of an upload.
    pub async fn file(&self, assistant: AssistantId, name: &str, texts: &[&str]) -> FileId {
        self.file_in(self.ws, assistant, name, texts).await
    }

    pub async fn file_in(&self, ws: WorkspaceId, assistant: AssistantId, name: &str, texts: &[&str]) -> FileId {
        let id = FileId(Uuid::now_v7());
        let pieces: Vec<Passage> = texts
            .iter()
            .map(|text| Passage { page: 1, start: 0, text: (*text).to_owned(), headings: vec![], table_header: None })
            .collect();
        self.state
            .db
            .in_workspace_id(ws, "test.file", async |tx: &mut Tx| {
                let new = NewFile {
                    id,
                    assistant,
                    name,
                    file_type: "md",
                    media_type: "text/markdown",
                    size_bytes: 1,
                    replaces: None,
                };
                store::insert(tx, ws, &new, Duration::from_secs(60)).await?;
                store::add_passages(tx, ws, (assistant, id, 1), &pieces).await?;
                let change = Change {
                    status: Some("ready"),
                    sha256: Some(Some(b"hash")),
                    valid_from: Some(Some(store::now(tx).await?)),
                    run: Some(1),
                    ..Change::default()
                };
                store::write(tx, ws, id, &change).await?;
                Ok::<_, Failure>(())
            })
            .await
            .unwrap();
        id
    }

    /// A number that the owner of the database sees.
    pub async fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let mut connection = AsyncPgConnection::establish(&self.owner_url).await.unwrap();
        connection.batch_execute("SET search_path = assistants, public").await.unwrap();
        let row: Row =
            diesel::sql_query(format!("SELECT ({sql})::bigint AS n")).get_result(&mut connection).await.unwrap();
        row.n
    }

    /// Runs a statement as the owner of the database.
    pub async fn as_owner(&self, sql: &str) {
        let mut connection = AsyncPgConnection::establish(&self.owner_url).await.unwrap();
        connection.batch_execute(&format!("SET search_path = assistants, public; {sql}")).await.unwrap();
    }
}

/// Asks until the answer is there, at most twenty seconds: extraction starts a process.
pub async fn eventually<T, F: AsyncFn() -> Option<T>>(what: &str, ask: F) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn spec(name: &str) -> AssistantSpec {
    AssistantSpec {
        name: name.to_owned(), instruction: "Будь вежлив.".to_owned(), ..AssistantSpec::default()
    }
}

/// The name of a refusal's reason.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Failure>) -> &'static str {
    result.unwrap_err().reason().name
}

pub fn nobody() -> String {
    UserId(Uuid::new_v4()).to_string()
}
