//! The product of one test with the outer world beside it: a provider, Telegram, people, their assistants.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use neipix_local::testing::{self, TestProduct};
use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, Role, auth_service_client::AuthServiceClient};
use neipix_tests::{
    client::{Anonymous, ApiKey, Bearer, Rest, Socket, Surface, http},
    poll::eventually_within,
    provider::Provider,
    telegram::Telegram,
};
use serde_json::{Value, json};

/// A file whose sentences tests ask for.
pub const FILE: &str = "Возврат и обмен\n\nВернуть товар можно в течение 14 дней со дня покупки. Деньги возвращаем на карту за 3 дня.\n\n\
    Доставка\n\nДоставка по Москве стоит 300 рублей и занимает один день.\n";
const PASSWORD: &str = "long enough 1";
/// What a new workspace gets: a hundred pix.
pub const GRANT: i64 = 100_000_000;
/// Waiting for work in the background on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

static NEXT: AtomicU32 = AtomicU32::new(1);

pub struct House {
    pub product: TestProduct,
    pub provider: Provider,
    pub telegram: Telegram,
}

/// Somebody of a workspace.
pub struct Person {
    pub workspace: String,
    pub api: Rest<Bearer>,
}

/// A row for the list of providers.
pub struct Model<'a> {
    pub name: &'a str,
    pub base_url: &'a str,
    pub priority: i32,
    pub first_token_timeout_ms: i32,
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(more: &[(&str, &str)]) -> Self {
        let provider = Provider::start().await.unwrap();
        let telegram = Telegram::start().await.unwrap();
        let (api, grant) = (telegram.base_url(), GRANT.to_string());
        let mut settings = vec![("TELEGRAM_API", api.as_str()), ("WELCOME_GRANT_MICRO_PIX", grant.as_str())];
        settings.extend(more);
        let product = testing::start(&settings).await.expect("the product: run by `make test-it`");
        Self { product, provider, telegram }
    }

    pub fn at(&self, surface: Surface) -> Rest<Anonymous> {
        Rest::at(self.product.product.address, surface)
    }

    async fn provision(&self, change: impl FnOnce(&mut ProvisionUserRequest)) -> (String, String) {
        let email = format!("person{}@romashka.example", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut request = ProvisionUserRequest {
            email: email.clone(),
            password: PASSWORD.into(),
            name: "Анна".into(),
            ..ProvisionUserRequest::default()
        };
        change(&mut request);
        let mut auth = AuthServiceClient::new(self.product.product.cli.background("svc-auth"));
        let made = auth.provision_user(request).await.unwrap().into_inner();
        (email, made.user_workspace_id)
    }

    async fn login(&self, email: &str, surface: Surface) -> Rest<Bearer> {
        let named = if surface == Surface::Admin { "SURFACE_ADMIN" } else { "SURFACE_API" };
        let body = json!({"email": email, "password": PASSWORD, "surface": named});
        let tokens = match surface {
            Surface::Admin => self.at(surface).browser().post("/api/v1/auth/login", body).await.ok(),
            _ => self.at(surface).post("/api/v1/auth/login", body).await.ok(),
        };
        self.at(surface).bearer(text(&tokens["accessToken"]))
    }

    /// The owner of a new workspace, its wallet open.
    pub async fn owner(&self) -> Person {
        let (email, workspace) = self.provision(|r| r.workspace_name = "Ромашка".into()).await;
        let api = self.login(&email, Surface::Api).await;
        eventually_within(SOON, "the wallet", async || {
            (api.get("/api/v1/billing/wallet").await.status == 200).then_some(())
        })
        .await;
        Person { workspace, api }
    }

    /// Somebody else of the same workspace.
    pub async fn colleague(&self, of: &Person, role: Role) -> Person {
        let workspace = of.workspace.clone();
        let join = workspace.clone();
        let (email, _) = self
            .provision(|r| {
                r.join_workspace_id = join;
                r.set_role(role);
            })
            .await;
        let api = self.login(&email, Surface::Api).await;
        Person { workspace, api }
    }

    /// A superadmin at the staff's panel.
    pub async fn staff(&self) -> Rest<Bearer> {
        let (email, _) = self.provision(|r| r.set_platform_role(PlatformRole::Superadmin)).await;
        self.login(&email, Surface::Admin).await
    }

    /// Puts a model on the list, with a price.
    pub async fn model(&self, staff: &Rest<Bearer>, model: Model<'_>) -> Value {
        let Model { name, base_url, priority, first_token_timeout_ms } = model;
        let provider = json!({"provider": {"name": name, "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": base_url,
            "model": name, "apiKey": "sk-canary-1234", "priority": priority, "firstTokenTimeoutMs": first_token_timeout_ms}});
        let made = staff.post("/api/v1/admin/providers", provider).await.ok();
        assert_eq!((&made["apiKeyLast4"], &made["apiKey"]), (&json!("1234"), &json!("")));
        let price = json!({"price": {"model": name, "inputMicroPix": "1000000000", "outputMicroPix": "2000000000",
                           "markupBp": 10000}});
        let _ = staff.post("/api/v1/admin/prices", price).await.ok();
        made
    }

    /// The stand-in as the first provider of everybody, and a workspace that has a published assistant with a file.
    pub async fn with_model(&self, name: &str) -> (Person, String) {
        let staff = self.staff().await;
        let base_url = self.provider.base_url();
        let model = Model { name, base_url: &base_url, priority: 1, first_token_timeout_ms: 0 };
        let _ = self.model(&staff, model).await;
        let owner = self.owner().await;
        let assistant = ready_assistant(&owner.api).await;
        (owner, assistant)
    }

    /// A socket of the person, its first frame read.
    pub async fn socket(&self, person: &Person) -> Socket {
        let mut socket = open_socket(&person.api).await.expect("a socket");
        let first = socket.next().await.expect("a first frame");
        assert_eq!(first["t"], "hb", "{first}");
        socket
    }

    /// Connects a bot by REST. Answers the channel and the bot's token.
    pub async fn bot(&self, api: &Rest<Bearer>, assistant: &str) -> (Value, String) {
        let number = i64::from(NEXT.fetch_add(1, Ordering::Relaxed)) + 7_700_000_000;
        let token = self.telegram.bot(number, &format!("shop{number}_bot"));
        let body = json!({"kind": "CHANNEL_KIND_TELEGRAM", "botToken": token});
        let channel = api.post(&format!("/api/v1/assistants/{assistant}/channels"), body).await.ok();
        assert_eq!(channel["state"], "CHANNEL_STATE_CONNECTED", "{channel}");
        assert_eq!(channel["botToken"], "", "a token is shown to nobody");
        (channel, token)
    }

    /// Waits until every event has reached everybody.
    pub async fn quiet(&self) {
        let left = "SELECT (SELECT count(*) FROM auth.outbox WHERE acked_at IS NULL) \
            + (SELECT count(*) FROM assistants.outbox WHERE acked_at IS NULL) \
            + (SELECT count(*) FROM billing.outbox WHERE acked_at IS NULL) \
            + (SELECT count(*) FROM chats.outbox WHERE acked_at IS NULL) \
            + (SELECT count(*) FROM chats.turn WHERE state NOT IN ('delivered', 'skipped', 'cancelled', 'failed'))";
        eventually_within(SOON, "quiet", async || (self.number(left).await == 0).then_some(())).await;
    }

    /// A figure of the database, as the role that only checks.
    pub async fn number(&self, sql: &str) -> i64 {
        let (client, connection) =
            tokio_postgres::connect(&self.product.verify_url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let found = client.query_one(sql, &[]).await.unwrap().get(0);
        drop(client);
        driver.await.unwrap().unwrap();
        found
    }

    /// Changes rows as the databases' owner may: what only time would do.
    pub async fn as_owner(&self, sql: &str) {
        let database = self.product.verify_url.split('?').next().unwrap().rsplit('/').next().unwrap();
        let owner = std::env::var("DATABASE_URL").expect("DATABASE_URL: run by `make test-it`");
        let mut config: tokio_postgres::Config = owner.parse().unwrap();
        let (client, connection) = config.dbname(database).connect(tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
    }

    /// Ends the product and checks every invariant of its database.
    pub async fn close(self) {
        self.quiet().await;
        self.stop().await;
    }

    /// The same where work still waits.
    pub async fn stop(self) {
        self.product.product.stop().await;
        assert!(neipix_cli::verify::run(&self.product.verify_url, "").await.unwrap(), "an invariant is broken");
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// An int64 of an answer.
pub fn number(value: &Value) -> i64 {
    text(value).parse().unwrap()
}

pub async fn ticket(api: &Rest<Bearer>) -> String {
    let made = api.post("/api/v1/auth/socket-tickets", json!({})).await.ok();
    format!("neipix.v1, ticket.{}", text(&made["ticket"]))
}

pub async fn open_socket(api: &Rest<Bearer>) -> Result<Socket, u16> {
    let protocols = ticket(api).await;
    api.acting(Anonymous).socket("/api/v1/events", Some(&protocols)).await
}

/// A key that may ask the assistant and nothing else.
pub async fn asking_key(api: &Rest<Bearer>, assistant: &str) -> Rest<ApiKey> {
    let key = json!({"name": "Сайт", "permissions": ["chats.ask"], "assistantId": assistant});
    let made = api.post("/api/v1/api-keys", key).await.ok();
    api.api_key(text(&made["secret"]))
}

/// A published assistant that answers at once and knows `FILE`.
pub async fn ready_assistant(api: &Rest<Bearer>) -> String {
    let id = drafted(api, "Ромашка").await;
    let file = uploaded(api, &id, "правила.txt", FILE.as_bytes()).await;
    let ready = ended(api, &id, &file).await;
    assert_eq!(ready["status"], "FILE_STATUS_READY", "{ready}");
    let published = api.post(&format!("/api/v1/assistants/{id}:publish"), json!({})).await.ok();
    assert_eq!(published["status"], "ASSISTANT_STATUS_PUBLISHED");
    id
}

pub async fn drafted(api: &Rest<Bearer>, name: &str) -> String {
    let draft = json!({"draft": {"name": name, "instruction": "Отвечай коротко.", "answerDelaySeconds": 0}});
    text(&api.post("/api/v1/assistants", draft).await.ok()["id"]).to_owned()
}

/// Announces, uploads and confirms a file; answers its id.
pub async fn uploaded(api: &Rest<Bearer>, assistant: &str, name: &str, content: &[u8]) -> String {
    let announced = announce(api, assistant, name, content.len()).await;
    let status = post_form(&announced["upload"], content).await;
    assert!((200..300).contains(&status), "the storage refuses: {status}");
    let file = text(&announced["file"]["id"]).to_owned();
    let _ = api.post(&format!("/api/v1/assistants/{assistant}/files/{file}:confirm"), json!({})).await.ok();
    file
}

pub async fn announce(api: &Rest<Bearer>, assistant: &str, name: &str, size: usize) -> Value {
    let body = json!({"name": name, "sizeBytes": size.to_string()});
    api.post(&format!("/api/v1/assistants/{assistant}/files"), body).await.ok()
}

/// Sends the form as a browser does; answers the status.
pub async fn post_form(upload: &Value, content: &[u8]) -> u16 {
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in upload["fields"].as_object().unwrap() {
        form = form.text(name.clone(), text(value).to_owned());
    }
    form = form.part("file", reqwest::multipart::Part::bytes(content.to_vec()).file_name("file"));
    http().post(text(&upload["url"])).multipart(form).send().await.unwrap().status().as_u16()
}

/// The file at the end of its extraction.
pub async fn ended(api: &Rest<Bearer>, assistant: &str, file: &str) -> Value {
    eventually_within(Duration::from_secs(90), "the end of the extraction", async || {
        let file = api.get(&format!("/api/v1/assistants/{assistant}/files/{file}")).await.ok();
        matches!(text(&file["status"]), "FILE_STATUS_READY" | "FILE_STATUS_FAILED").then_some(file)
    })
    .await
}

/// The body of a question. Ids of messages are the caller's for all its contacts together, so each carries its contact.
pub fn question(assistant: &str, contact: &str, id: &str, words: &str) -> Value {
    json!({"assistantId": assistant, "contactExternalId": contact, "externalId": format!("{contact}/{id}"),
        "text": words, "waitSeconds": 40})
}

/// The number of an event's frame.
pub fn number_of(frame: &Value) -> i64 {
    frame["seq"].as_i64().unwrap_or_else(|| panic!("no number: {frame}"))
}

/// Events up to and with a number; other frames are passed over.
pub async fn events_to(socket: &mut Socket, last: i64) -> Vec<Value> {
    let mut all: Vec<Value> = vec![];
    while all.last().is_none_or(|event| number_of(event) < last) {
        let frame = socket.next_within(SOON).await.expect("the socket is open");
        if frame["t"] == "event" {
            all.push(frame);
        }
    }
    all
}
