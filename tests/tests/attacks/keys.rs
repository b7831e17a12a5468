//! L-9: a provider that quotes our key, in every shape in which an error can come. The product runs in a process of its
//! own, so that its whole log can be read.

use std::{fs::File, process::Stdio, time::Duration};

use bytes::Bytes;
use http::Method;
use neipix_tests::{
    client::{Bearer, Rest},
    poll::eventually_within,
    provider::{Behaviour, Provider, Raw, Refusal},
    trust,
};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::process::Process;

/// No vendor makes such keys: whoever masks it knows it.
const KEY: &str = "canary7q";
const MODEL: &str = "quoting";
/// Of everything that is ours, more than production tells.
const FILTER: &str = "info,neipix_mesh=trace,neipix_edge=trace,svc_assistants=trace,svc_chats=trace,svc_billing=trace";

/// What the provider does, and whether the customer sees the beginning of an answer.
fn errors() -> Vec<(&'static str, Behaviour, bool)> {
    let event = format!("data: {{\"error\":{{\"message\":\"bad key {KEY}\",\"code\":\"{KEY}\"}}}}\n\n");
    let begun = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Вернуть можно\"}}]}\n\n".to_owned();
    let json = |status, body: &str| Refusal::new(status, "application/json", body).into();
    let raw = |text: String| Raw { chunks: vec![Bytes::from(text)], cut: false }.into();
    vec![
        ("401", Refusal::invalid_api_key().into(), false),
        ("429", json(429, r#"{"error":{"message":"{key} asks too often","code":"{key}"}}"#), false),
        ("400", json(400, r#"{"error":{"message":"no such key: {key}","param":"{key}","code":"{key}"}}"#), false),
        ("a page", Refusal::new(502, "text/html", "<title>{key}</title>").header("x-key", KEY).into(), false),
        ("a redirect", Refusal::new(307, "text/html", "").header("location", &format!("/login/{KEY}")).into(), false),
        ("200 with an error", json(200, r#"{"error":{"message":"bad key {key}"}}"#), false),
        ("an error instead of a token", raw(event.clone()), false),
        ("an error after a token", raw(begun + &event), true),
        ("a broken chunk", raw(format!("data: {{\"error\": {KEY}\n\n")), false),
    ]
}

/// A product with the provider on its list, and somebody who asks.
struct Scene {
    product: Process,
    provider: Provider,
    assistant: String,
    row: String,
    /// All that anybody was told.
    told: String,
    asked: u32,
}

impl Scene {
    async fn set(log: File) -> Self {
        let product = Process::start_with(&["--no-limits"], FILTER, Stdio::from(log)).await;
        let provider = Provider::start().await.unwrap();
        let (owner, staff) = (product.owner(), product.staff());
        let row = json!({"provider": {"name": "P", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "model": MODEL,
            "baseUrl": provider.base_url(), "apiKey": KEY, "priority": 1}});
        let row = staff.post("/api/v1/admin/providers", row).await.ok();
        let price = json!({"price": {"model": MODEL, "inputMicroPix": "1", "outputMicroPix": "1", "markupBp": 10000}});
        let _ = staff.post("/api/v1/admin/prices", price).await.ok();
        let draft = json!({"draft": {"name": "Ромашка", "answerDelaySeconds": 0}});
        let assistant = owner.post("/api/v1/assistants", draft).await.ok()["id"].as_str().unwrap().to_owned();
        let _ = owner.post(&format!("/api/v1/assistants/{assistant}:publish"), json!({})).await.ok();
        let told = row.to_string();
        let row = row["id"].as_str().unwrap().to_owned();
        Self { product, provider, assistant, row, told, asked: 0 }
    }

    /// Asks by every face, for an answer in pieces and for a whole one; staff try the provider.
    async fn ask(&mut self, behaviour: Behaviour) -> String {
        self.provider.on_model(MODEL, behaviour);
        let owner = self.product.owner();
        self.anew().await;
        let mut seen = String::new();
        let mut stream =
            owner.stream(Method::POST, "/api/v1/channels/api/messages:stream", Some(self.question())).await;
        while let Some(event) = stream.next_within(Duration::from_secs(30)).await {
            seen += &event.data;
        }
        self.anew().await;
        let whole = owner.post("/api/v1/channels/api/messages", self.question()).await.ok();
        let turn = whole["turn"]["id"].as_str().unwrap();
        let turn = format!("/api/v1/chats/{}/turns/{turn}", whole["conversationId"].as_str().unwrap());
        self.anew().await;
        let completion = json!({"model": self.assistant, "messages": [{"role": "user", "content": "Как вернуть?"}]});
        let completion = owner.post("/api/v1/openai/chat/completions", completion).await;
        let record = owner.get(&turn).await.ok();
        self.told += &completion.text();
        let failed = record["attempts"].as_array().unwrap().iter().any(|attempt| attempt["error"] != "");
        assert!(failed, "the provider was asked and failed: {record}");
        let test = format!("/api/v1/admin/providers/{}:test", self.row);
        let tried = self.product.staff().post(&test, json!({})).await.ok();
        assert_eq!(tried["ok"], json!(false), "{tried}");
        self.told += &format!("{seen}{whole}{record}{tried}");
        seen
    }

    /// What was learnt of the provider is forgotten: it is asked again.
    async fn anew(&mut self) {
        let change = json!({"baseUrl": self.provider.base_url(), "etag": "*"});
        let path = format!("/api/v1/admin/providers/{}", self.row);
        self.told += &self.product.staff().patch(&path, change).await.ok().to_string();
    }

    fn question(&mut self) -> Value {
        self.asked += 1;
        json!({"assistantId": self.assistant, "contactExternalId": format!("c{}", self.asked),
            "externalId": format!("m{}", self.asked), "text": "Как вернуть товар?", "waitSeconds": 30})
    }
}

async fn number(db: &Client, sql: &str) -> i64 {
    db.query_one(sql, &[]).await.unwrap().get(0)
}

/// Tables with a row that holds the key, as text or as bytes.
async fn tables_with_the_key(db: &Client) -> Vec<String> {
    let tables = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
                  AND n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin')";
    let mut found = vec![];
    for row in db.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let bytes = hex::encode(KEY);
        let sql = format!("SELECT count(*) FROM {table} t WHERE t::text LIKE '%{KEY}%' OR t::text LIKE '%{bytes}%'");
        if number(db, &sql).await > 0 {
            found.push(table);
        }
    }
    found
}

async fn sees_all_events(owner: &Rest<Bearer>) -> String {
    let mut stream = owner.stream(Method::GET, "/api/v1/events?after=0", None).await;
    let mut seen = String::new();
    let mut ended = 0;
    while ended < 3 * errors().len() {
        let event = stream.next_within(Duration::from_secs(30)).await.expect("an event");
        ended += usize::from(["turn.settled", "turn.failed", "turn.cancelled"].contains(&event.event.as_str()));
        seen += &event.data;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn l_9_a_key_that_a_provider_quotes_is_in_no_answer_row_event_or_log() {
    trust!("L-9");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut scene = Scene::set(File::create(&path).unwrap()).await;
    for (name, behaviour, begins) in errors() {
        let seen = scene.ask(behaviour).await;
        assert_eq!(seen.contains("Вернуть можно"), begins, "{name}: {seen}");
        assert!(!scene.told.contains(KEY), "{name}: {}", scene.told);
    }
    assert!(scene.provider.chats().iter().all(|exchange| exchange.key() == KEY), "it knows the key that it quotes");
    assert!(!sees_all_events(&scene.product.owner()).await.contains(KEY));

    let (db, connection) =
        tokio_postgres::connect(scene.product.told["verifyUrl"].as_str().unwrap(), tokio_postgres::NoTls)
            .await
            .unwrap();
    tokio::spawn(connection);
    // The provider's words are kept for staff, all but the key.
    let kinds = i64::try_from(errors().len()).unwrap();
    eventually_within(Duration::from_secs(15), "the log of attempts", async || {
        let sql = "SELECT count(*) FROM assistants.provider_attempt WHERE error <> ''";
        (number(&db, sql).await >= 3 * kinds).then_some(())
    })
    .await;
    let masked = "SELECT count(*) FROM assistants.provider_attempt WHERE detail LIKE '%***%'";
    assert!(number(&db, masked).await > kinds);
    assert_eq!(tables_with_the_key(&db).await, Vec::<String>::new());

    scene.product.kill().await;
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.contains("\"svc_assistants::"), "the log is heard:\n{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(KEY)).collect();
    assert!(lines.is_empty(), "{lines:#?}");
}
