//! One svc-auth on a database of its own, and how tests speak to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use neipix_mesh::{
    client::{Late, Mesh, Upstream, local},
    config::Settings,
    failure::{Reading, read_status},
    run::prepare_process,
    secret::Secret,
    service::Parts,
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::{
    access::v1::{ErrorReason as MeshReason, Surface},
    auth::v1::{
        LoginRequest, PlatformRole, ProvisionUserRequest, Role, SessionTokens, auth_service_client::AuthServiceClient,
    },
};
use neipix_testdb::{TestDatabase, in_database};
use serde_json::Value;
use tonic::{Request, Status};
use tower::Layer as _;
use uuid::Uuid;

pub type Client = AuthServiceClient<Upstream>;

pub const PASSWORD: &str = "correct horse battery";

/// Each house has a database of Redis to itself; its replicas share it.
static NEXT_REDIS: AtomicUsize = AtomicUsize::new(1);

#[expect(clippy::disallowed_methods, reason = "tests learn their servers this way")]
pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests with `make test-it`"))
}

async fn execute(url: &str, sql: &str) {
    AsyncPgConnection::establish(url).await.unwrap().batch_execute(sql).await.unwrap();
}

async fn database() -> TestDatabase {
    TestDatabase::new(&env("DATABASE_URL"), async |url| {
        let url = Secret::new(url);
        neipix_mesh::migrate::run(&url, "auth", svc_auth::MIGRATIONS).await?;
        // Again: a second start changes nothing.
        Ok(neipix_mesh::migrate::run(&url, "auth", svc_auth::MIGRATIONS).await?)
    })
    .await
    .unwrap()
}

/// Polls until it holds, five seconds at most.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One process of svc-auth.
pub struct House {
    pub parts: Parts,
    database: Arc<TestDatabase>,
    redis: String,
    place: Late,
}

impl Drop for House {
    fn drop(&mut self) {
        self.parts.shutdown.begin();
    }
}

/// Somebody with an account.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub workspace: String,
}

impl House {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        let redis = NEXT_REDIS.fetch_add(1, Ordering::Relaxed).to_string();
        Self::on(Arc::new(database().await), in_database(&env("REDIS_URL"), &redis), more).await
    }

    /// Another process on the same database.
    pub async fn replica(&self) -> Self {
        self.replica_with(&[]).await
    }

    pub async fn replica_with(&self, more: &[(&str, &str)]) -> Self {
        Self::on(Arc::clone(&self.database), self.redis.clone(), more).await
    }

    async fn on(database: Arc<TestDatabase>, redis: String, more: &[(&str, &str)]) -> Self {
        prepare_process();
        let url = database.at(&env("AUTH_DATABASE_URL"));
        let smtp = env("SMTP_URL");
        let mut pairs = vec![
            ("NEIPIX_ENV", "test"),
            ("AUTH_DATABASE_URL", &url),
            ("AUTH_POOL", "6"),
            ("REDIS_URL", &redis),
            ("SMTP_URL", &smtp),
            ("MAIL_FROM", "Neipix <hello@neipix.example>"),
            ("AUTH_ISSUER", "http://api.localhost"),
            ("ARGON2", "m=64,t=1,p=1"),
        ];
        pairs.extend_from_slice(more);
        let settings = Settings::from_pairs(svc_auth::NAME, pairs).unwrap();
        let place = Late::new();
        let upstreams = [(svc_auth::NAME.to_owned(), local(svc_auth::NAME, place.clone()))].into();
        let mesh = Mesh::new(svc_auth::NAME, upstreams);
        let parts = Parts::new(svc_auth::NAME, &settings, mesh, Tasks::new(), Shutdown::new()).unwrap();
        let access = parts.access().unwrap();
        place.set(access.layer(svc_auth::serve(parts.clone()).await.unwrap()));
        let heard = access.guard().revocations().clone();
        eventually("revocations are heard", async || heard.is_fresh()).await;
        Self { parts, database, redis, place }
    }

    /// Speaks as a process of the mesh.
    pub fn as_service(&self, name: &str) -> Client {
        Client::new(local(name, self.place.clone()))
    }

    /// Speaks as people do, through the edge.
    pub fn client(&self) -> Client {
        self.as_service("edge")
    }

    pub fn owner_url(&self) -> String {
        self.database.at(&env("DATABASE_URL"))
    }

    pub fn service_url(&self) -> String {
        self.database.at(&env("AUTH_DATABASE_URL"))
    }

    /// Runs statements as the database's owner.
    pub async fn sql(&self, sql: &str) {
        execute(&self.owner_url(), &format!("SET search_path = auth, public; {sql}")).await;
    }

    /// One text of the database, as its owner sees it.
    pub async fn one(&self, sql: &str) -> String {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let mut connection = AsyncPgConnection::establish(&self.owner_url()).await.unwrap();
        connection.batch_execute("SET search_path = auth, public").await.unwrap();
        let sql = format!("SELECT ({sql})::text AS value");
        diesel::sql_query(sql).get_result::<Row>(&mut connection).await.unwrap().value
    }

    /// A person with a workspace.
    pub async fn person(&self) -> Person {
        self.provision(|_| {}).await
    }

    pub async fn provision(&self, change: impl FnOnce(&mut ProvisionUserRequest)) -> Person {
        let mut request = ProvisionUserRequest {
            email: fresh_email(),
            password: PASSWORD.to_owned(),
            name: "Анна".to_owned(),
            workspace_name: "Ромашка".to_owned(),
            ..Default::default()
        };
        change(&mut request);
        let email = request.email.clone();
        let made = self.as_service("cli").provision_user(request).await.unwrap().into_inner();
        Person { id: made.user_id, email, workspace: made.user_workspace_id }
    }

    /// A person who is in somebody's workspace too.
    pub async fn colleague(&self, of: &Person, role: Role) -> Person {
        self.provision(|r| {
            r.workspace_name = String::new();
            r.join_workspace_id = of.workspace.clone();
            r.set_role(role);
        })
        .await
    }

    pub async fn staff(&self, role: PlatformRole) -> Person {
        self.provision(|r| {
            r.workspace_name = String::new();
            r.set_platform_role(role);
        })
        .await
    }

    pub async fn login(&self, person: &Person) -> SessionTokens {
        self.client().login(login_of(&person.email, PASSWORD)).await.unwrap().into_inner()
    }

    /// Letters to an address, oldest first: subject and text.
    pub async fn letters(&self, to: &str) -> Vec<(String, String)> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/mailbox/api/messages?to={}", env("MAILBOX_URL"), to.replace('+', "%2B"));
        let bytes = client.get(url).send().await.unwrap().bytes().await.unwrap();
        let listing: Value = serde_json::from_slice(&bytes).unwrap();
        let text = |letter: &Value, name: &str| letter[name].as_str().unwrap_or_default().to_owned();
        // The mailbox lists the newest first.
        let all = listing["messages"].as_array().unwrap().iter().rev();
        all.map(|letter| (text(letter, "subject"), text(letter, "text"))).collect()
    }

    /// The `n`-th letter to an address, once it is there.
    pub async fn letter(&self, to: &str, n: usize) -> (String, String) {
        eventually("a letter", async || self.letters(to).await.len() >= n).await;
        self.letters(to).await.swap_remove(n - 1)
    }
}

pub fn fresh_email() -> String {
    format!("u{}@test.example", Uuid::now_v7().simple())
}

pub fn login_of(email: &str, password: &str) -> LoginRequest {
    LoginRequest { email: email.to_owned(), password: password.to_owned(), ..Default::default() }
}

pub fn staff_login_of(email: &str, password: &str) -> LoginRequest {
    LoginRequest { surface: Surface::Admin.into(), ..login_of(email, password) }
}

/// A request with a bearer token.
pub fn signed<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// Why a call was refused.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> Reading {
    let status = answer.expect_err("a refusal");
    let reading = read_status(&status);
    assert!(!reading.is(MeshReason::Internal), "{status:?}");
    reading
}

/// The claims of a token, unchecked.
pub fn claims(token: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}
