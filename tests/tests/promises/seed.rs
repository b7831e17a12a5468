//! A workspace where something of everything has happened: one paid answer, one silent turn, one take-over.

use std::{net::SocketAddr, time::Duration};

use neipix_local::testing::{self, TestProduct};
use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, auth_service_client::AuthServiceClient};
use neipix_tests::{
    client::{Bearer, Mailbox, Rest, Surface, http},
    poll::eventually_within,
    provider::{Behaviour, Provider},
    proxy::Proxy,
};
use serde_json::{Value, json};

/// A knowledge file.
pub const RULES: &str = "Возврат\n\nВернуть товар можно в течение 14 дней со дня покупки.\n";

/// The product with its lived-in workspace.
pub struct Seeded {
    pub product: TestProduct,
    pub api: Rest<Bearer>,
    pub assistant: String,
    _provider: Provider,
}

async fn staff(product: &TestProduct) -> Rest<Bearer> {
    let request = ProvisionUserRequest {
        email: "root@neipix.example".into(),
        password: "long enough 1".into(),
        name: "Root".into(),
        platform_role: PlatformRole::Superadmin.into(),
        ..ProvisionUserRequest::default()
    };
    AuthServiceClient::new(product.product.cli.background("svc-auth")).provision_user(request).await.unwrap();
    let panel = Rest::at(product.product.address, Surface::Admin).browser();
    let body = json!({"email": "root@neipix.example", "password": "long enough 1", "surface": "SURFACE_ADMIN"});
    let tokens = panel.post("/api/v1/auth/login", body).await.ok();
    Rest::at(product.product.address, Surface::Admin).bearer(tokens["accessToken"].as_str().unwrap())
}

/// Somebody registers, with a workspace of their own.
pub async fn owner(product: &TestProduct, email: &str) -> Rest<Bearer> {
    let api = Rest::at(product.product.address, Surface::Api);
    let body = json!({"email": email, "password": "long enough 1", "name": "Анна", "workspaceName": "Ромашка"});
    let registered = api.post("/api/v1/auth/register", body).await.ok();
    let code = Mailbox::new(&std::env::var("MAILBOX_URL").expect("MAILBOX_URL")).code_for(email).await;
    let body = json!({"registrationId": registered["registrationId"], "code": code});
    let tokens = api.post("/api/v1/auth/confirm-email", body).await.ok();
    api.bearer(tokens["accessToken"].as_str().unwrap())
}

/// Where tests put a proxy between: host and port of an address with a scheme.
pub fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, place)| place)
}

/// A proxy before one of the servers of `make test-it`, by the setting that names it.
pub async fn proxy(setting: &str) -> Proxy {
    let url = std::env::var(setting).expect("run by `make test-it`");
    let upstream: SocketAddr = place(&url).replace("localhost", "127.0.0.1").parse().expect("host and port");
    Proxy::start(upstream).await.unwrap()
}

/// The same address by way of a proxy.
pub fn lead(url: &str, to: &Proxy) -> String {
    url.replacen(place(url), &to.addr().to_string(), 1)
}

/// Puts the rules into the storage; false where it refuses or cannot be reached.
pub async fn upload(upload: &Value) -> bool {
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in upload["fields"].as_object().unwrap() {
        form = form.text(name.clone(), value.as_str().unwrap().to_owned());
    }
    form = form.part("file", reqwest::multipart::Part::bytes(RULES.as_bytes().to_vec()).file_name("file"));
    let sent = http().post(upload["url"].as_str().unwrap()).multipart(form).send().await;
    sent.is_ok_and(|answer| answer.status().is_success())
}

pub async fn assistant(api: &Rest<Bearer>) -> String {
    let draft = json!({"draft": {"name": "Ромашка", "instruction": "Отвечай коротко.", "answerDelaySeconds": 0}});
    let id = api.post("/api/v1/assistants", draft).await.ok()["id"].as_str().unwrap().to_owned();
    let body = json!({"name": "правила.txt", "sizeBytes": RULES.len().to_string()});
    let announced = api.post(&format!("/api/v1/assistants/{id}/files"), body).await.ok();
    assert!(upload(&announced["upload"]).await, "the storage refuses");
    let file = format!("/api/v1/assistants/{id}/files/{}", announced["file"]["id"].as_str().unwrap());
    let _ = api.post(&format!("{file}:confirm"), json!({})).await.ok();
    eventually_within(Duration::from_secs(30), "the file is ready", async || {
        (api.get(&file).await.ok()["status"] == "FILE_STATUS_READY").then_some(())
    })
    .await;
    let _ = api.post(&format!("/api/v1/assistants/{id}:publish"), json!({})).await.ok();
    id
}

/// Asks by the API channel.
pub async fn ask(api: &Rest<Bearer>, assistant: &str, external_id: &str) -> Value {
    let ask = json!({"assistantId": assistant, "contactExternalId": "c1", "externalId": external_id,
                     "text": "Как вернуть товар?", "waitSeconds": 30});
    api.post("/api/v1/channels/api/messages", ask).await.ok()
}

/// Starts it and lets it live a little.
pub async fn seeded(more: &[(&str, &str)]) -> Seeded {
    seeded_through(more, |_, url| url).await
}

/// The same, with databases and Redis reached through something.
pub async fn seeded_through(more: &[(&str, &str)], through: impl Fn(&str, String) -> String) -> Seeded {
    let provider = Provider::start().await.unwrap();
    provider.on_model("priced", Behaviour::text("Вернуть можно за 14 дней [1]."));
    let mut settings = vec![("WELCOME_GRANT_MICRO_PIX", "100000000")];
    settings.extend_from_slice(more);
    let product = testing::start_through(&settings, through).await.expect("the product");
    let staff = staff(&product).await;
    let made = json!({"provider": {"name": "Test", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE",
                      "baseUrl": provider.base_url(), "model": "priced", "apiKey": "sk-test-1234", "priority": 1}});
    let _ = staff.post("/api/v1/admin/providers", made).await.ok();
    let price = json!({"price": {"model": "priced", "inputMicroPix": "1000000000", "outputMicroPix": "2000000000",
                       "markupBp": 10000}});
    let _ = staff.post("/api/v1/admin/prices", price).await.ok();
    let api = owner(&product, &format!("anna-{}@romashka.example", uuid::Uuid::now_v7())).await;
    eventually_within(Duration::from_secs(15), "the wallet", async || {
        (api.get("/api/v1/billing/wallet").await.status == 200).then_some(())
    })
    .await;
    let assistant = assistant(&api).await;
    let answered = ask(&api, &assistant, "m1").await;
    assert_eq!(answered["turn"]["state"], "TURN_STATE_DELIVERED", "{answered}");
    let chat = answered["conversationId"].as_str().unwrap();
    let _ = api.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    let silent = ask(&api, &assistant, "m2").await;
    assert_eq!(silent["turn"]["state"], "TURN_STATE_SKIPPED", "{silent}");
    Seeded { product, api, assistant, _provider: provider }
}

/// The database as its owner.
pub async fn database(seeded: &Seeded) -> tokio_postgres::Client {
    let own = &seeded.product.verify_url;
    let name = own.rsplit_once('/').map(|(_, rest)| rest.split('?').next().unwrap_or(rest)).unwrap();
    let owner = std::env::var("DATABASE_URL").expect("DATABASE_URL: run by `make test-it`");
    let (base, rest) = owner.rsplit_once('/').unwrap();
    let options = rest.split_once('?').map(|(_, options)| format!("?{options}")).unwrap_or_default();
    let url = format!("{base}/{name}{options}");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
