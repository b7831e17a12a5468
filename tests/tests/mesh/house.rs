//! One mesh for all tests of this suite, with a workspace that can pay, an assistant that knows a file, a key to ask it and
//! a Telegram bot. Tests take turns: each kills what it likes, and the next finds everything running.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use http::Method;
use neipix_local::mesh::shape::REPLICAS;
use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, auth_service_client::AuthServiceClient};
use neipix_tests::{
    client::{ApiKey, Bearer, Rest, Surface, http},
    mesh::Mesh,
    poll::eventually_within,
    provider::{Behaviour, Provider},
    telegram::Telegram,
};
use serde_json::{Value, json};
use tokio::{
    runtime::Runtime,
    sync::{Mutex, OnceCell},
};

/// What a model answers unless a test says otherwise.
pub const ANSWER: &str = "Вернуть можно за 14 дней [1].";
pub const MODEL: &str = "test-priced";
pub const OWNER: &str = "anna@romashka.example";
pub const PASSWORD: &str = "long enough 1";
/// Fits into a lease, a restart and a queue behind both, on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);
/// A sender's, who asks again where an edge is silent.
const PATIENCE: Duration = Duration::from_secs(15);
const FILE: &str = "Возврат и обмен\n\nВернуть товар можно в течение 14 дней со дня покупки. Деньги возвращаем на карту за 3 дня.\n\n\
    Доставка\n\nДоставка по Москве стоит 300 рублей и занимает один день.\n";
const BOT: i64 = 7_700_000_001;

pub struct House {
    pub mesh: Mesh,
    pub provider: Provider,
    pub telegram: Telegram,
    pub bot: String,
    /// Answers at once.
    pub assistant: String,
    /// The owner.
    pub owner: Bearer,
    pub key: ApiKey,
    turn: Mutex<()>,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static HOUSE: OnceCell<House> = OnceCell::const_new();

/// Runs a test in the house, alone. The mesh outlives the tests and falls with the program.
pub fn in_house(test: impl AsyncFnOnce(&'static House)) {
    RUNTIME.block_on(async {
        let house = HOUSE.get_or_init(House::build).await;
        let _alone = house.turn.lock().await;
        house.provider.on_model(MODEL, Behaviour::text(ANSWER));
        house.heal().await;
        test(house).await;
    });
}

impl House {
    async fn build() -> Self {
        let provider = Provider::start().await.unwrap();
        let telegram = Telegram::start().await.unwrap();
        let bot = telegram.bot(BOT, "shop_bot");
        let bot_api = telegram.base_url();
        let more = [("WELCOME_GRANT_MICRO_PIX", "1000000000000"), ("TELEGRAM_API", bot_api.as_str())];
        let mesh = Mesh::start(&more).await.unwrap();
        staff_adds_a_model(&mesh, &provider.base_url()).await;
        let owner = register(&mesh, OWNER).await;
        let api = mesh.rest(0, Surface::Api).acting(owner.clone());
        let wallet = eventually_within(SOON, "the wallet", async || {
            let answer = api.get("/api/v1/billing/wallet").await;
            (answer.status == 200).then_some(())
        });
        wallet.await;
        let assistant = ready_assistant(&api, 0).await;
        let body = json!({"name": "journal", "permissions": ["chats.ask"], "assistantId": assistant});
        let key = api.post("/api/v1/api-keys", body).await.ok();
        let key = ApiKey(key["secret"].as_str().unwrap().to_owned());
        let bound = json!({"assistantId": ready_assistant(&api, 3).await, "botToken": bot});
        let _ = api.post("/api/v1/integrations/telegram", bound).await.ok();
        Self { mesh, provider, telegram, bot, assistant, owner, key, turn: Mutex::default() }
    }

    /// Everything runs as planned: nothing is armed, nothing leads through a proxy of a test that failed.
    pub async fn heal(&self) {
        for (service, number) in self.everybody() {
            if !self.mesh.runs_as_planned(service, number) {
                self.mesh.restart(service, number, &[]).await;
            }
        }
    }

    /// Every process: name and number.
    pub fn everybody(&self) -> Vec<(&'static str, usize)> {
        self.mesh.shape().replicas.iter().map(|replica| (replica.service, replica.number)).collect()
    }

    /// The caller of the journal at an edge.
    pub fn asker(&self, edge: usize) -> Rest<ApiKey> {
        self.mesh.rest(edge % REPLICAS, Surface::Api).acting(self.key.clone())
    }

    /// One try to ask; none where nobody answered in time or it was refused.
    pub async fn ask_once(&self, edge: usize, contact: &str, id: &str) -> Option<Value> {
        let body = json!({"assistantId": self.assistant, "contactExternalId": contact,
                          "externalId": external_id(contact, id), "text": "За сколько дней можно вернуть товар?", "waitSeconds": 10});
        let asker = self.asker(edge);
        let call = asker.try_call(Method::POST, "/api/v1/channels/api/messages", Some(body));
        let answer = tokio::time::timeout(PATIENCE, call).await.ok()?.ok()?;
        (answer.status == 200).then(|| answer.json())
    }

    /// Asks as a patient sender does: the same message again, by the other edge, until it is acknowledged.
    pub async fn ask(&self, contact: &str, id: &str) -> Value {
        let began = Instant::now();
        let first = contact.bytes().chain(id.bytes()).map(usize::from).sum::<usize>();
        for attempt in 0.. {
            if let Some(answer) = self.ask_once(first + attempt, contact, id).await {
                return answer;
            }
            assert!(began.elapsed() < SOON, "{id} of {contact} was not acknowledged\n{}", self.mesh.last_words());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        unreachable!("a sender never gives up by counting")
    }

    /// The database, as the role that reads everything.
    pub async fn db(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(self.mesh.verify_url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The first column of the first row as text; empty where there is none.
    pub async fn look(&self, sql: &str) -> String {
        let rows = self.db().await.query(&format!("SELECT ({sql})::text"), &[]).await.unwrap();
        rows.first().and_then(|row| row.get::<_, Option<String>>(0)).unwrap_or_default()
    }
}

/// Unique within the channel, as a sender's ids are.
pub fn external_id(contact: &str, id: &str) -> String {
    format!("{contact}.{id}")
}

async fn register(mesh: &Mesh, email: &str) -> Bearer {
    let api = mesh.rest(0, Surface::Api);
    let body = json!({"email": email, "password": PASSWORD, "name": "Анна", "workspaceName": "Ромашка"});
    let registered = api.post("/api/v1/auth/register", body).await.ok();
    let code = mesh.mailbox().code_for(email).await;
    let body = json!({"registrationId": registered["registrationId"], "code": code});
    let tokens = api.post("/api/v1/auth/confirm-email", body).await.ok();
    Bearer(tokens["accessToken"].as_str().expect("an access token").to_owned())
}

/// A published assistant that knows a file and waits so many seconds before it answers in Telegram.
async fn ready_assistant(api: &Rest<Bearer>, delay: u32) -> String {
    let draft =
        json!({"name": format!("Ромашка {delay}"), "instruction": "Отвечай коротко.", "answerDelaySeconds": delay});
    let created = api.post("/api/v1/assistants", json!({"draft": draft})).await.ok();
    let id = created["id"].as_str().unwrap().to_owned();
    let files = format!("/api/v1/assistants/{id}/files");
    let announced = api.post(&files, json!({"name": "правила.txt", "sizeBytes": FILE.len().to_string()})).await.ok();
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in announced["upload"]["fields"].as_object().unwrap() {
        form = form.text(name.clone(), value.as_str().unwrap().to_owned());
    }
    form = form.part("file", reqwest::multipart::Part::bytes(FILE.as_bytes()).file_name("file"));
    let answer = http().post(announced["upload"]["url"].as_str().unwrap()).multipart(form).send().await.unwrap();
    assert!(answer.status().is_success(), "the storage refuses: {}", answer.status());
    let file = format!("{files}/{}", announced["file"]["id"].as_str().unwrap());
    let _ = api.post(&format!("{file}:confirm"), json!({})).await.ok();
    eventually_within(SOON, "the file is ready", async || {
        let file = api.get(&file).await.ok();
        assert_ne!(file["status"], "FILE_STATUS_FAILED", "{file}");
        (file["status"] == "FILE_STATUS_READY").then_some(())
    })
    .await;
    let published = api.post(&format!("/api/v1/assistants/{id}:publish"), json!({})).await.ok();
    assert_eq!(published["status"], "ASSISTANT_STATUS_PUBLISHED");
    id
}

/// Staff sign in to the panel, add a provider and its price.
async fn staff_adds_a_model(mesh: &Mesh, base_url: &str) {
    let request = ProvisionUserRequest {
        email: "root@neipix.example".into(),
        password: PASSWORD.into(),
        name: "Root".into(),
        platform_role: PlatformRole::Superadmin.into(),
        ..ProvisionUserRequest::default()
    };
    AuthServiceClient::new(mesh.cli().background("svc-auth")).provision_user(request).await.unwrap();
    let panel = mesh.rest(0, Surface::Admin);
    let body = json!({"email": "root@neipix.example", "password": PASSWORD, "surface": "SURFACE_ADMIN"});
    let tokens = panel.browser().post("/api/v1/auth/login", body).await.ok();
    let staff = panel.bearer(tokens["accessToken"].as_str().unwrap());
    let provider = json!({"provider": {"name": "Test", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": base_url,
                          "model": MODEL, "apiKey": "sk-test-1234", "priority": 1}});
    let _ = staff.post("/api/v1/admin/providers", provider).await.ok();
    let price = json!({"price": {"model": MODEL, "inputMicroPix": "1000000", "outputMicroPix": "2000000",
                       "markupBp": 10000}});
    let _ = staff.post("/api/v1/admin/prices", price).await.ok();
}
