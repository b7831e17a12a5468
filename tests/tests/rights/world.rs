//! A workspace with a row of every kind that an id can name, and the people and keys around it.

use std::time::Duration;

use neipix_proto::{
    access::v1::Surface as Audience,
    auth::v1::{PlatformRole, ProvisionUserRequest, Role},
};
use neipix_tests::{
    client::{Bearer, Rest, Surface, http},
    generate::Seeds,
    poll::eventually_within,
    telegram::Telegram,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::place::{PASSWORD, Place, fresh_email};

const FILE: &str = "Возврат и обмен\n\nВернуть товар можно в течение 14 дней со дня покупки.\n";

/// A workspace.
pub struct World {
    /// Its id.
    pub id: String,
    /// Its owner's address.
    pub email: String,
    /// The owner's token for the api host.
    pub owner: String,
    /// Ids by what they name.
    pub seeds: Seeds,
    /// Rows that may be changed and ended.
    pub spare: Seeds,
    /// A key of the owner's that may do all that keys may.
    pub key: String,
    /// A key narrowed to the spare assistant.
    pub narrow_key: String,
    /// Of the channel whose token is set anew.
    pub moved_token: String,
    pub hook_id: String,
    pub hook_secret: String,
    /// Of a widget on `WIDGET_SITE`.
    pub widget_key: String,
}

/// A site that may embed the world's widget.
pub const WIDGET_SITE: &str = "https://shop.example";

/// All that a key may hold.
pub const SCOPES: [&str; 8] = [
    "assistants.read",
    "knowledge.read",
    "channels.read",
    "chats.read",
    "contacts.read",
    "chats.reply",
    "chats.ask",
    "knowledge.write",
];

/// A bot of its own.
pub fn bot(telegram: &Telegram) -> String {
    telegram.bot(i64::from(rand::random::<u32>()) + 1_000_000, "neipix_bot")
}

fn text(json: &Value) -> String {
    json.as_str().expect("a text").to_owned()
}

impl World {
    pub async fn make(place: &Place, telegram: &Telegram) -> Self {
        let email = fresh_email();
        let id = member(place, &email, None).await;
        let owner = place.login(&email, Audience::Api).await.access_token;
        let api = place.rest(Surface::Api).bearer(&owner);
        let (assistant, file) = ready_assistant(&api).await;
        let spare_assistant = published(&api).await;
        let bot_token = bot(telegram);
        let channel = connected(&api, &assistant, &bot_token).await;
        let moved_token = bot(telegram);
        let moved_channel = connected(&api, &assistant, &moved_token).await;
        let spare_channel = connected(&api, &assistant, &bot(telegram)).await;
        let (widget, widget_key) = widget(&api, &assistant).await;
        let (url, secret) = telegram.webhook(&bot_token).expect("a webhook is set");
        let asked = ask(&api, &assistant).await;
        let closable = ask(&api, &assistant).await;
        let (_, key) = make_key(&api, &SCOPES, None).await;
        let (_, narrow_key) = make_key(&api, &SCOPES, Some(&spare_assistant)).await;
        let (api_key, _) = make_key(&api, &["chats.read"], None).await;
        let seeds = Seeds::from([
            ("workspace", id.clone()),
            ("assistant", assistant),
            ("file", file),
            ("channel", channel),
            ("conversation", text(&asked["conversationId"])),
            ("message", text(&asked["messageId"])),
            ("turn", text(&asked["turn"]["id"])),
            ("transfer", granted(&api).await),
            ("api_key", api_key),
            ("registration", registration(place).await),
        ]);
        let spare = Seeds::from([
            ("assistant", spare_assistant),
            ("channel", spare_channel),
            ("moved_channel", moved_channel),
            ("widget", widget),
            ("conversation", text(&closable["conversationId"])),
        ]);
        let hook_id = url.rsplit('/').next().expect("a hook id").to_owned();
        let hook_secret = secret.expect("a secret");
        Self { id, email, owner, seeds, spare, key, narrow_key, moved_token, hook_id, hook_secret, widget_key }
    }

    /// The owner at the api host.
    pub fn api(&self, place: &Place) -> Rest<Bearer> {
        place.rest(Surface::Api).bearer(&self.owner)
    }

    /// Adds a person with a role; answers the address.
    pub async fn add(&self, place: &Place, role: Role) -> String {
        let email = fresh_email();
        let _ = member(place, &email, Some((&self.id, role))).await;
        email
    }
}

/// An account with a workspace of its own, or in somebody's; answers the workspace.
pub async fn member(place: &Place, email: &str, joins: Option<(&str, Role)>) -> String {
    let mut request = ProvisionUserRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        name: "Анна".to_owned(),
        ..ProvisionUserRequest::default()
    };
    match joins {
        Some((workspace, role)) => {
            request.join_workspace_id = workspace.to_owned();
            request.set_role(role);
        }
        None => request.workspace_name = "Ромашка".to_owned(),
    }
    place.provision(request).await.user_workspace_id
}

/// Somebody of the staff; answers the address.
pub async fn staff(place: &Place, role: PlatformRole) -> String {
    let mut request = ProvisionUserRequest {
        email: fresh_email(),
        password: PASSWORD.to_owned(),
        name: "Штат".to_owned(),
        ..ProvisionUserRequest::default()
    };
    request.set_platform_role(role);
    let email = request.email.clone();
    let _ = place.provision(request).await;
    email
}

async fn published(api: &Rest<Bearer>) -> String {
    let draft = json!({"draft": {"name": "Ромашка", "instruction": "Отвечай коротко.", "answerDelaySeconds": 0}});
    let id = text(&api.post("/api/v1/assistants", draft).await.ok()["id"]);
    let _ = api.post(&format!("/api/v1/assistants/{id}:publish"), json!({})).await.ok();
    id
}

async fn ready_assistant(api: &Rest<Bearer>) -> (String, String) {
    let id = published(api).await;
    let announced = json!({"name": "правила.txt", "sizeBytes": FILE.len().to_string()});
    let announced = api.post(&format!("/api/v1/assistants/{id}/files"), announced).await.ok();
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in announced["upload"]["fields"].as_object().expect("a form") {
        form = form.text(name.clone(), text(value));
    }
    form = form.part("file", reqwest::multipart::Part::bytes(FILE.as_bytes().to_vec()).file_name("file"));
    let sent = http().post(text(&announced["upload"]["url"])).multipart(form).send().await.expect("the storage");
    assert!(sent.status().is_success(), "{}", sent.status());
    let file = text(&announced["file"]["id"]);
    let at = format!("/api/v1/assistants/{id}/files/{file}");
    let _ = api.post(&format!("{at}:confirm"), json!({})).await.ok();
    eventually_within(Duration::from_secs(30), "the file is ready", async || {
        (api.get(&at).await.ok()["status"] == "FILE_STATUS_READY").then_some(())
    })
    .await;
    (id, file)
}

async fn connected(api: &Rest<Bearer>, assistant: &str, token: &str) -> String {
    let body = json!({"kind": "CHANNEL_KIND_TELEGRAM", "botToken": token});
    text(&api.post(&format!("/api/v1/assistants/{assistant}/channels"), body).await.ok()["id"])
}

/// A widget; answers its channel and its key.
async fn widget(api: &Rest<Bearer>, assistant: &str) -> (String, String) {
    let body = json!({"kind": "CHANNEL_KIND_WIDGET", "widget": {"origins": [WIDGET_SITE]}});
    let made = api.post(&format!("/api/v1/assistants/{assistant}/channels"), body).await.ok();
    (text(&made["id"]), text(&made["widget"]["key"]))
}

/// A question, answered.
pub async fn ask(api: &Rest<Bearer>, assistant: &str) -> Value {
    let id = Uuid::now_v7().to_string();
    let body =
        json!({"assistantId": assistant, "contactExternalId": id, "externalId": id, "text": "Как вернуть товар?"});
    api.post("/api/v1/channels/api/messages", body).await.ok()
}

/// A key; answers its id and the key itself.
pub async fn make_key(api: &Rest<Bearer>, scopes: &[&str], assistant: Option<&str>) -> (String, String) {
    let mut body = json!({"name": "ключ", "permissions": scopes});
    if let Some(assistant) = assistant {
        body["assistantId"] = json!(assistant);
    }
    let made = api.post("/api/v1/api-keys", body).await.ok();
    (text(&made["apiKey"]["id"]), text(&made["secret"]))
}

/// The transfer of the welcome grant.
async fn granted(api: &Rest<Bearer>) -> String {
    eventually_within(Duration::from_secs(15), "the welcome grant", async || {
        let statement = api.get("/api/v1/billing/statement").await;
        let json = statement.status.is_success().then(|| statement.json())?;
        json["transfers"][0]["id"].as_str().map(str::to_owned)
    })
    .await
}

async fn registration(place: &Place) -> String {
    let body = json!({"email": fresh_email(), "password": PASSWORD, "name": "Анна"});
    text(&place.rest(Surface::Api).post("/api/v1/auth/register", body).await.ok()["registrationId"])
}

/// What of the platform an id can name.
pub async fn platform_seeds(admin: &Rest<Bearer>) -> Seeds {
    let provider = json!({"provider": {"name": "Test", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE",
        "baseUrl": "http://127.0.0.1:9", "model": Uuid::now_v7().to_string(), "apiKey": "sk-test-1234", "priority": 900, "disabled": true}});
    let provider = text(&admin.post("/api/v1/admin/providers", provider).await.ok()["id"]);
    let price = json!({"price": {"model": Uuid::now_v7().to_string(), "inputMicroPix": "1", "markupBp": 0}});
    let price = text(&admin.post("/api/v1/admin/prices", price).await.ok()["id"]);
    Seeds::from([("provider", provider), ("price", price)])
}
