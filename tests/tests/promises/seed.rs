//! A workspace where something of everything has happened: one paid answer, one silent turn, one take-over.

use std::time::Duration;

use neipix_local::testing::{self, TestProduct};
use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, auth_service_client::AuthServiceClient};
use neipix_tests::{
    client::{Bearer, Mailbox, Rest, Surface, http},
    poll::eventually_within,
    provider::{Behaviour, Provider},
};
use serde_json::{Value, json};

const RULES: &str = "Возврат\n\nВернуть товар можно в течение 14 дней со дня покупки.\n";

/// The product with its lived-in workspace.
pub struct Seeded {
    pub product: TestProduct,
    pub api: Rest<Bearer>,
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

async fn owner(product: &TestProduct, email: &str) -> Rest<Bearer> {
    let api = Rest::at(product.product.address, Surface::Api);
    let body = json!({"email": email, "password": "long enough 1", "name": "Анна", "workspaceName": "Ромашка"});
    let registered = api.post("/api/v1/auth/register", body).await.ok();
    let code = Mailbox::new(&std::env::var("MAILBOX_URL").expect("MAILBOX_URL")).code_for(email).await;
    let body = json!({"registrationId": registered["registrationId"], "code": code});
    let tokens = api.post("/api/v1/auth/confirm-email", body).await.ok();
    api.bearer(tokens["accessToken"].as_str().unwrap())
}

async fn upload(upload: &Value) {
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in upload["fields"].as_object().unwrap() {
        form = form.text(name.clone(), value.as_str().unwrap().to_owned());
    }
    form = form.part("file", reqwest::multipart::Part::bytes(RULES.as_bytes().to_vec()).file_name("file"));
    let answer = http().post(upload["url"].as_str().unwrap()).multipart(form).send().await.unwrap();
    assert!(answer.status().is_success());
}

async fn assistant(api: &Rest<Bearer>) -> String {
    let draft = json!({"draft": {"name": "Ромашка", "instruction": "Отвечай коротко.", "answerDelaySeconds": 0}});
    let id = api.post("/api/v1/assistants", draft).await.ok()["id"].as_str().unwrap().to_owned();
    let body = json!({"name": "правила.txt", "sizeBytes": RULES.len().to_string()});
    let announced = api.post(&format!("/api/v1/assistants/{id}/files"), body).await.ok();
    upload(&announced["upload"]).await;
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
    let provider = Provider::start().await.unwrap();
    provider.on_model("priced", Behaviour::text("Вернуть можно за 14 дней [1]."));
    let mut settings = vec![("WELCOME_GRANT_MICRO_PIX", "100000000")];
    settings.extend_from_slice(more);
    let product = testing::start(&settings).await.expect("the product");
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
    Seeded { product, api, _provider: provider }
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
