//! One svc-billing on a database of its own, spoken to as svc-chats speaks to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use neipix_mesh::{
    WorkspaceId,
    client::{Late, Mesh, Upstream, local},
    config::Settings,
    db::Tx,
    failure::read_status,
    run::prepare_process,
    secret::Secret,
    service::Parts,
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    billing::v1::{
        ChargedAttempt, CloseResponse, HoldRequest, HoldResponse, ReleaseRequest, SettleRequest,
        billing_service_client::BillingServiceClient,
    },
};
use neipix_testdb::TestDatabase;
use svc_billing::ledger::MicroPix;
use tonic::Status;
use tower::Layer as _;
use uuid::Uuid;

/// What each test's model costs: 1 pix per million tokens read, 2 per million made, no markup.
pub const MODEL: &str = "m-1";

#[expect(clippy::disallowed_methods, reason = "tests learn their servers this way")]
fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests with `make test-it`"))
}

async fn database() -> TestDatabase {
    TestDatabase::new(&env("DATABASE_URL"), async |url| {
        Ok(neipix_mesh::migrate::run(&Secret::new(url), "billing", svc_billing::MIGRATIONS).await?)
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

/// The service under test.
pub struct Test {
    parts: Parts,
    database: Arc<TestDatabase>,
    owner_url: String,
    place: Late,
}

impl Drop for Test {
    fn drop(&mut self) {
        self.parts.shutdown.begin();
    }
}

impl Test {
    pub async fn start() -> Self {
        prepare_process();
        let test = Self::on(Arc::new(database().await)).await;
        test.price(1_000_000, 2_000_000).await;
        test
    }

    /// A second replica, on the same database.
    pub async fn replica(&self) -> Self {
        Self::on(Arc::clone(&self.database)).await
    }

    async fn on(database: Arc<TestDatabase>) -> Self {
        let url = database.at(&env("BILLING_DATABASE_URL"));
        let redis = env("REDIS_URL");
        let pairs = [
            ("NEIPIX_ENV", "test"),
            ("BILLING_DATABASE_URL", &url),
            ("BILLING_POOL", "12"),
            ("REDIS_URL", &redis),
            ("AUTH_ISSUER", "http://api.localhost"),
        ];
        let settings = Settings::from_pairs(svc_billing::NAME, pairs).unwrap();
        let place = Late::new();
        let upstreams = [(svc_billing::NAME.to_owned(), local(svc_billing::NAME, place.clone()))].into();
        let mesh = Mesh::new(svc_billing::NAME, upstreams);
        let parts = Parts::new(svc_billing::NAME, &settings, mesh, Tasks::new(), Shutdown::new()).unwrap();
        let access = parts.access().unwrap();
        place.set(access.layer(svc_billing::serve(parts.clone()).await.unwrap()));
        Self { parts, owner_url: database.at(&env("DATABASE_URL")), database, place }
    }

    /// Ends the price of the model, if it has one, and gives it another.
    pub async fn price(&self, input: i64, output: i64) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(&format!(
            "UPDATE price SET valid_to = clock_timestamp() WHERE valid_to IS NULL;
             INSERT INTO price VALUES ('{id}', '{MODEL}', {input}, {input}, {input}, {output}, 10000, clock_timestamp(), NULL)"
        ))
        .await;
        id
    }

    /// Runs statements as the database's owner.
    pub async fn sql(&self, sql: &str) {
        let mut connection = AsyncPgConnection::establish(&self.owner_url).await.unwrap();
        connection.batch_execute(&format!("SET search_path = billing, public; {sql}")).await.unwrap();
    }

    /// Runs a statement as the service's role, in a workspace.
    pub async fn as_service(&self, ws: WorkspaceId, sql: &str) -> Result<usize, diesel::result::Error> {
        let url = self.parts.db.url().expose().clone();
        let mut connection = AsyncPgConnection::establish(&url).await.unwrap();
        let context = format!("SET search_path = billing, public; SET neipix.workspace_id = '{ws}'");
        connection.batch_execute(&context).await.unwrap();
        diesel::sql_query(sql).execute(&mut connection).await
    }

    /// One number, as the owner sees it.
    pub async fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let mut connection = AsyncPgConnection::establish(&self.owner_url).await.unwrap();
        connection.batch_execute("SET search_path = billing, public").await.unwrap();
        diesel::sql_query(format!("SELECT ({sql})::bigint AS n")).get_result::<Row>(&mut connection).await.unwrap().n
    }

    /// What breaks an invariant of the service, each with the row's text; empty = all hold.
    pub async fn broken(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            row: String,
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/verify");
        let mut connection = AsyncPgConnection::establish(&self.owner_url).await.unwrap();
        let mut found = vec![];
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            let sql = std::fs::read_to_string(file.path()).unwrap();
            let sql = format!("SELECT to_jsonb(q)::text AS row FROM ({sql}) AS q");
            let rows: Vec<Row> = diesel::sql_query(sql).load(&mut connection).await.unwrap();
            found.extend(rows.into_iter().map(|row| format!("{}: {}", file.file_name().display(), row.row)));
        }
        found
    }

    /// A wallet with that much in `bonus`.
    pub async fn wallet(&self, micro_pix: i64) -> Wallet<'_> {
        let ws = WorkspaceId(Uuid::now_v7());
        self.parts
            .db
            .in_workspace_id(ws, "test.wallet", async |tx: &mut Tx| {
                svc_billing::events::open_wallet(tx, ws, MicroPix::new(micro_pix)).await
            })
            .await
            .unwrap();
        Wallet { test: self, ws }
    }

    fn client(&self) -> BillingServiceClient<Upstream> {
        BillingServiceClient::new(local("svc-chats", self.place.clone()))
    }
}

/// A workspace's wallet, as svc-chats uses it.
#[derive(Clone, Copy)]
pub struct Wallet<'a> {
    pub test: &'a Test,
    pub ws: WorkspaceId,
}

impl Wallet<'_> {
    /// The same wallet, asked of another replica.
    pub fn at<'a>(&self, replica: &'a Test) -> Wallet<'a> {
        Wallet { test: replica, ws: self.ws }
    }

    /// Reserves for so many tokens read. Asks again, as svc-chats does, where a hundred holds at once waited too long for a
    /// connection; five seconds at most.
    pub async fn hold(&self, turn: Uuid, tokens: i64) -> Result<HoldResponse, Status> {
        let request = HoldRequest {
            workspace_id: self.ws.to_string(),
            turn_id: turn.to_string(),
            assistant_id: Uuid::now_v7().to_string(),
            models: vec![MODEL.to_owned()],
            input_tokens_max: tokens,
            output_tokens_max: 0,
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match self.test.client().hold(request.clone()).await {
                Err(status) if read_status(&status).is(MeshReason::Unavailable) && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                answer => return answer.map(tonic::Response::into_inner),
            }
        }
    }

    /// Charges so many tokens read.
    pub async fn settle(&self, turn: Uuid, tokens: i64) -> Result<CloseResponse, Status> {
        let attempt = ChargedAttempt {
            attempt_id: Uuid::now_v7().to_string(),
            model: MODEL.to_owned(),
            input_tokens: tokens,
            ..ChargedAttempt::default()
        };
        let request =
            SettleRequest { workspace_id: self.ws.to_string(), turn_id: turn.to_string(), attempts: vec![attempt] };
        self.test.client().settle(request).await.map(tonic::Response::into_inner)
    }

    pub async fn release(&self, turn: Uuid) -> Result<CloseResponse, Status> {
        let request =
            ReleaseRequest { workspace_id: self.ws.to_string(), turn_id: turn.to_string(), reason: "test".into() };
        self.test.client().release(request).await.map(tonic::Response::into_inner)
    }

    /// Available and held.
    pub async fn balance(&self) -> (i64, i64) {
        let of = |columns: &str| format!("SELECT {columns} FROM wallet WHERE workspace_id = '{}'", self.ws);
        (self.test.number(&of("bonus + plan + purchased")).await, self.test.number(&of("held")).await)
    }

    /// Its transfers of a kind.
    pub async fn transfers(&self, kind: &str) -> i64 {
        self.test
            .number(&format!("SELECT count(*) FROM transfer WHERE workspace_id = '{}' AND kind = '{kind}'", self.ws))
            .await
    }
}

/// Why a call was refused.
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    read_status(&answer.expect_err("a refusal")).reason.map(|info| info.name.to_string()).unwrap_or_default()
}
