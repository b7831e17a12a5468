//! Providers that fail, as the customer and the operator see it: before the first token the next one answers, after it the
//! answer ends honestly and free, and where all are down the file itself answers.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use neipix_tests::{
    client::{Bearer, Rest},
    poll::eventually_within,
    provider::{Behaviour, End, Ended, Provider, Raw, Refusal},
    trust,
};
use serde_json::{Value, json};

use crate::house::{GRANT, House, Model, Person, SOON, number, question, ready_assistant, text};

const FIRST: &str = "first-model";
const SECOND: &str = "second-model";
const SAID: &str = "Отвечает второй: 14 дней [1].";
const WORDS: &str = "За сколько дней можно вернуть товар?";

/// Two providers in a row, and somebody who asks.
struct Scene {
    house: House,
    staff: Rest<Bearer>,
    owner: Person,
    assistant: String,
    first: String,
    second: Provider,
    asked: u32,
}

/// What became of one question.
struct Outcome {
    text: String,
    finished: Value,
    conversation: String,
    /// Kind of each attempt's failure, with its provider.
    attempts: Vec<(String, String)>,
    charged: Vec<String>,
}

impl Scene {
    async fn open() -> Self {
        let house = House::open().await;
        let staff = house.staff().await;
        let second = Provider::start().await.unwrap();
        second.on_model(SECOND, Behaviour::text(SAID));
        let (one, two) = (house.provider.base_url(), second.base_url());
        let model = |name, base_url, priority| Model { name, base_url, priority, first_token_timeout_ms: 1_000 };
        let first = text(&house.model(&staff, model(FIRST, &one, 1)).await["id"]).to_owned();
        let _ = house.model(&staff, model(SECOND, &two, 2)).await;
        let owner = house.owner().await;
        let assistant = ready_assistant(&owner.api).await;
        Self { house, staff, owner, assistant, first, second, asked: 0 }
    }

    /// A new version of the first provider's row: what was learnt of it is forgotten.
    async fn anew(&self, base_url: &str) {
        let change = json!({"baseUrl": base_url, "etag": "*"});
        let _ = self.staff.patch(&format!("/api/v1/admin/providers/{}", self.first), change).await.ok();
    }

    fn question(&mut self) -> Value {
        self.asked += 1;
        question(&self.assistant, &format!("c{}", self.asked), "m1", WORDS)
    }

    /// Asks and reads the answer as it is written.
    async fn streamed(&mut self) -> Outcome {
        let ask = self.question();
        let mut stream = self.owner.api.stream(Method::POST, "/api/v1/channels/api/messages:stream", Some(ask)).await;
        let (mut said, mut conversation) = (String::new(), String::new());
        let finished = loop {
            let event = stream.next_within(SOON).await.expect("an event");
            match event.event.as_str() {
                "accepted" => text(&event.json()["conversationId"]).clone_into(&mut conversation),
                "delta" => said += text(&event.json()["text"]),
                "finished" => break event.json(),
                other => panic!("{other}: {}", event.data),
            }
        };
        self.outcome(said, finished, conversation).await
    }

    /// Asks and waits for the whole answer.
    async fn whole(&mut self) -> Outcome {
        let ask = self.question();
        let answer = self.owner.api.post("/api/v1/channels/api/messages", ask).await.ok();
        let said = answer["turn"]["answer"].as_str().unwrap_or_default().to_owned();
        self.outcome(said, answer["turn"].clone(), text(&answer["conversationId"]).to_owned()).await
    }

    async fn outcome(&self, said: String, finished: Value, conversation: String) -> Outcome {
        let path = format!("/api/v1/chats/{conversation}/turns/{}", text(&finished["id"]));
        let answer = self.owner.api.get(&path).await;
        assert!(!answer.text().contains("canary"), "a provider quotes our key, we do not: {answer}");
        let turn = answer.ok();
        let all = turn["attempts"].as_array().cloned().unwrap_or_default();
        let attempts = all.iter().map(|a| (text(&a["provider"]).to_owned(), text(&a["error"]).to_owned())).collect();
        let charged = all.iter().filter(|a| a["charged"] == true).map(|a| text(&a["provider"]).to_owned()).collect();
        Outcome { text: said, finished, conversation, attempts, charged }
    }

    /// What the workspace has left.
    async fn left(&self) -> i64 {
        self.house.quiet().await;
        eventually_within(SOON, "nothing stays held", async || {
            let wallet = self.owner.api.get("/api/v1/billing/wallet").await.ok();
            (number(&wallet["heldMicroPix"]) == 0).then(|| number(&wallet["availableMicroPix"]))
        })
        .await
    }
}

fn raw(text: &str) -> Behaviour {
    Raw { chunks: vec![Bytes::from(text.to_owned())], cut: false }.into()
}

/// Failures before the first token: a name, what the provider does, and the kinds of its failed attempts.
fn early() -> [(&'static str, Behaviour, &'static [&'static str]); 15] {
    [
        ("closed without an answer", Behaviour::HangUp, &["network", "network"]),
        ("429, later", Refusal::rate_limited("30").into(), &["rate_limited"]),
        ("429, no money", Refusal::insufficient_quota().into(), &["no_credit"]),
        ("401 that quotes our key", Refusal::invalid_api_key().into(), &["auth"]),
        ("404", Refusal::model_not_found(FIRST).into(), &["no_model"]),
        ("500", Refusal::server_error().into(), &["server", "server"]),
        ("502 with a page", Refusal::bad_gateway_html().into(), &["server", "server"]),
        ("200 with an error", Refusal::error_ok().into(), &["server", "server"]),
        ("200 with a page", Refusal::html_ok().into(), &["server", "server"]),
        ("200 with nothing", Refusal::empty_ok().into(), &["server", "server"]),
        ("a way to a log-in page", Refusal::redirect_to_login().into(), &["server", "server"]),
        ("malformed", raw("data: {\"choices\": [\n\ndata: [DONE]\n\n"), &["network", "network"]),
        ("an end without an answer", raw("data: [DONE]\n\n"), &["network", "network"]),
        ("silence", Behaviour::Hang, &["timeout"]),
        ("a slow first token", Behaviour::ok().first_token_after(Duration::from_secs(60)), &["timeout"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn f_27_before_the_first_token_the_next_provider_answers() {
    trust!("F-27");
    let mut scene = Scene::open().await;
    let base_url = scene.house.provider.base_url();
    let mut spent = 0;
    for (name, behaviour, kinds) in early() {
        scene.house.provider.on_model(FIRST, behaviour);
        scene.anew(&base_url).await;
        let outcome = scene.streamed().await;
        assert_eq!(
            (outcome.text.as_str(), outcome.finished["state"].as_str()),
            (SAID, Some("TURN_STATE_DELIVERED")),
            "{name}"
        );
        let failed: Vec<(String, String)> = kinds.iter().map(|k| (FIRST.to_owned(), (*k).to_owned())).collect();
        let (second, before) = outcome.attempts.split_last().unwrap();
        assert_eq!(before, failed, "{name}");
        assert_eq!((second.0.as_str(), second.1.as_str()), (SECOND, ""), "{name}");
        assert_eq!(outcome.charged, [SECOND], "{name}");
        spent += number(&outcome.finished["costMicroPix"]);
    }
    scene.anew("http://127.0.0.1:1/v1").await;
    let refused = scene.streamed().await;
    assert_eq!((refused.text.as_str(), refused.attempts.len()), (SAID, 3), "refused: {:?}", refused.attempts);
    spent += number(&refused.finished["costMicroPix"]);
    assert_eq!(scene.left().await, GRANT - spent, "failed attempts cost nothing");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_obeyed_or_waited_for() {
    let mut scene = Scene::open().await;
    let provider = &scene.house.provider;
    provider.on_model(FIRST, Behaviour::text("Первый."));
    provider.next(Refusal::rate_limited("1"));
    let waited = scene.streamed().await;
    assert_eq!(waited.text, "Первый.", "a second is waited for: {:?}", waited.attempts);
    let calls = scene.house.provider.chats();
    assert!(calls[1].at.duration_since(calls[0].at) >= Duration::from_secs(1), "not before its time");
    scene.house.provider.on_model(FIRST, Refusal::rate_limited("30"));
    assert_eq!(scene.streamed().await.text, SAID);
    let before = scene.house.provider.chats().len();
    assert_eq!(scene.streamed().await.text, SAID);
    assert_eq!(scene.house.provider.chats().len(), before, "whoever asked for peace is left alone");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_27_after_the_first_token_the_answer_ends_honestly_and_free() {
    trust!("F-27");
    let mut scene = Scene::open().await;
    let base_url = scene.house.provider.base_url();
    let long = Behaviour::text("Вернуть товар можно за 14 дней.");
    let cases = [
        ("cut", long.clone().end(End::Cut { after_tokens: 3 })),
        ("an error in the stream", long.clone().end(End::ErrorEvent { after_tokens: 3 })),
        ("an end without a reason", Behaviour::text("Вернуть товар можно ").end(End::WithoutFinish)),
    ];
    let mut others = 0;
    for (name, behaviour) in cases {
        scene.house.provider.on_model(FIRST, behaviour);
        scene.anew(&base_url).await;
        let cut = scene.streamed().await;
        assert_eq!(cut.text, "Вернуть товар можно ", "{name}");
        let end = (&cut.finished["state"], &cut.finished["reason"], &cut.finished["costMicroPix"]);
        assert_eq!(end, (&json!("TURN_STATE_FAILED"), &json!("interrupted"), &json!("0")), "{name}");
        let path = format!("/api/v1/chats/{}/messages", cut.conversation);
        let shown = scene.owner.api.get(&path).await.ok()["messages"][0].clone();
        assert_eq!((&shown["text"], &shown["interrupted"]), (&json!("Вернуть товар можно "), &json!(true)), "{name}");
        assert_eq!(
            (cut.charged.len(), scene.second.chats().len()),
            (0, others),
            "{name}: nobody goes on with half an answer"
        );
        // Nobody saw a part of an answer that is given whole: the next provider answers.
        scene.anew(&base_url).await;
        let whole = scene.whole().await;
        assert_eq!((whole.text.as_str(), whole.charged), (SAID, vec![SECOND.to_owned()]), "{name}");
        others += 1;
        assert_eq!(scene.second.chats().len(), others, "{name}");
    }
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_27_a_token_now_and_then_ends_after_twenty_seconds_of_silence() {
    trust!("F-27");
    let mut scene = Scene::open().await;
    let trickle = Behaviour::text("Вернуть товар можно за 14 дней.").each_token_after(Duration::from_secs(30));
    scene.house.provider.on_model(FIRST, trickle);
    let cut = scene.streamed().await;
    assert_eq!((cut.text.as_str(), &cut.finished["reason"]), ("Вернуть ", &json!("interrupted")));
    assert_eq!(cut.attempts, [(FIRST.to_owned(), "timeout".to_owned())]);
    assert_eq!(scene.left().await, GRANT);
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_27_an_answer_without_end_is_cut_at_its_limit() {
    trust!("F-27");
    let mut scene = Scene::open().await;
    let path = format!("/api/v1/assistants/{}", scene.assistant);
    let change = json!({"draft": {"maxOutputTokens": 50}, "etag": "*"});
    let _ = scene.owner.api.patch(&path, change).await.ok();
    let _ = scene.owner.api.post(&format!("{path}:publish"), json!({})).await.ok();
    scene.house.provider.on_model(FIRST, Behaviour::text("слово за слово ").end(End::Endless));
    let outcome = scene.streamed().await;
    assert_eq!(outcome.finished["state"], "TURN_STATE_DELIVERED", "{}", outcome.finished);
    assert!((100..1_000).contains(&outcome.text.chars().count()), "{}", outcome.text);
    let exchange = scene.house.provider.chats().remove(0);
    assert_eq!(exchange.json["max_completion_tokens"], 50);
    neipix_tests::poll::eventually("the provider is hung up on", async || {
        (exchange.ended() == Some(Ended::ClientLeft)).then_some(())
    })
    .await;
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_27_where_all_are_down_the_file_answers() {
    trust!("F-27");
    let mut scene = Scene::open().await;
    scene.house.provider.on_model(FIRST, Refusal::server_error());
    scene.second.on_model(SECOND, Behaviour::HangUp);
    for streamed in [true, false] {
        let outcome = if streamed { scene.streamed().await } else { scene.whole().await };
        assert_eq!(outcome.finished["state"], "TURN_STATE_DELIVERED", "{}", outcome.finished);
        assert!(outcome.text.contains("14 дней"), "{}", outcome.text);
        assert_eq!(outcome.finished["citations"][0]["title"], "правила.txt");
        assert_eq!(number(&outcome.finished["costMicroPix"]), 0);
        let models: Vec<&str> = outcome.attempts.iter().map(|(provider, _)| provider.as_str()).collect();
        assert_eq!(models[..4], [FIRST, FIRST, SECOND, SECOND]);
        assert_eq!(models.len(), 5, "{models:?}");
    }
    assert_eq!(scene.left().await, GRANT, "what the file says is free");
    scene.house.close().await;
}
