//! The OpenAI-compatible face, asked as the official clients ask: their headers, their streams, their blind retries.

use std::collections::BTreeSet;

use http::Method;
use neipix_tests::{
    client::{ApiKey, Rest, SseEvent},
    poll::{eventually, eventually_within},
    provider::{Behaviour, End, Gate, Refusal},
    trust,
};
use serde_json::{Value, json};

use crate::house::{GRANT, House, Person, SOON, asking_key, number, text};

const MODEL: &str = "test-priced";
const SAID: &str = "Вернуть товар можно за 14 дней [1].";
const CHAT: &str = "/api/v1/openai/chat/completions";
const WORDS: &str = "За сколько дней можно вернуть товар?";

struct Scene {
    house: House,
    owner: Person,
    assistant: String,
    client: Rest<ApiKey>,
}

impl Scene {
    async fn open() -> Self {
        let house = House::open().await;
        house.provider.on_model(MODEL, Behaviour::text(SAID));
        let (owner, assistant) = house.with_model(MODEL).await;
        let client = as_client(asking_key(&owner.api, &assistant).await, 0);
        Self { house, owner, assistant, client }
    }

    fn body(&self, messages: Value) -> Value {
        json!({"model": self.assistant, "messages": messages})
    }

    async fn spent(&self) -> i64 {
        self.house.quiet().await;
        let wallet = self.owner.api.get("/api/v1/billing/wallet").await.ok();
        assert_eq!(number(&wallet["heldMicroPix"]), 0);
        GRANT - number(&wallet["availableMicroPix"])
    }
}

/// What the official Python client sends beside the body.
fn as_client(rest: Rest<ApiKey>, retries: u32) -> Rest<ApiKey> {
    let headers = [
        ("accept", "application/json"),
        ("user-agent", "OpenAI/Python 3.54.0"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "3.54.0"),
        ("x-stainless-async", "false"),
        ("x-stainless-read-timeout", "600"),
    ];
    let rest = headers.into_iter().fold(rest, |rest, (name, value)| rest.with_header(name, value));
    rest.with_header("x-stainless-retry-count", &retries.to_string())
}

fn user(words: &str) -> Value {
    json!([{"role": "user", "content": words}])
}

/// All data of a stream; the last is `[DONE]` where it ended well.
async fn chunks(client: &Rest<ApiKey>, body: Value) -> Vec<SseEvent> {
    let events = client.stream(Method::POST, CHAT, Some(body)).await.rest(SOON).await;
    assert!(events.iter().all(|e| e.event.is_empty() && e.id.is_none()), "data alone: {events:?}");
    events
}

fn content(events: &[SseEvent]) -> String {
    let data = events.iter().filter(|e| e.data != "[DONE]").map(SseEvent::json);
    data.filter_map(|c| c["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

/// A refusal in OpenAI's shape.
async fn refused(client: &Rest<ApiKey>, body: Value, status: u16, code: &str) -> Value {
    let answer = client.post(CHAT, body).await;
    assert_eq!(answer.status, status, "{answer}");
    assert!(answer.header("content-type").starts_with("application/json"), "{answer}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer}");
    answer.leaks_nothing();
    let error = answer.json()["error"].clone();
    let keys: BTreeSet<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "message", "param", "type"].into(), "all four keys, always: {answer}");
    assert_eq!(error["code"], code, "{answer}");
    assert!(!text(&error["message"]).is_empty() && !text(&error["type"]).is_empty(), "{answer}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_and_the_list_of_models() {
    let scene = Scene::open().await;
    // A channel learns of its assistant a moment later.
    let models = eventually("a model", async || {
        let models = scene.client.get("/api/v1/openai/models").await.ok();
        (models["data"] != json!([])).then_some(models)
    })
    .await;
    let (list, object) = (&models["data"], &models["object"]);
    assert_eq!(
        (object, &list[0]["id"], &list[0]["object"]),
        (&json!("list"), &json!(scene.assistant), &json!("model"))
    );
    assert_eq!(list.as_array().unwrap().len(), 1);
    let one = scene.client.get(&format!("/api/v1/openai/models/{}", scene.assistant)).await.ok();
    assert_eq!(one, list[0]);
    assert_eq!(one["owned_by"], scene.owner.workspace);

    let mut body = scene.body(json!([
        {"role": "system", "content": "Отвечай одним предложением."},
        {"role": "user", "content": [{"type": "text", "text": WORDS}]},
    ]));
    body["seed"] = json!(7);
    body["temperature"] = json!(0.5);
    body["some_future_key"] = json!({"a": 1});
    let answer = scene.client.post(CHAT, body).await;
    let whole = answer.ok();
    assert_eq!(
        answer.header("x-neipix-ignored").split(", ").collect::<BTreeSet<_>>(),
        ["seed", "some_future_key"].into()
    );
    assert_eq!((&whole["object"], &whole["model"]), (&json!("chat.completion"), &json!(scene.assistant)));
    assert!(text(&whole["id"]).starts_with("chatcmpl-") && whole["created"].is_i64(), "{whole}");
    let choice = &whole["choices"][0];
    assert_eq!(choice["message"], json!({"role": "assistant", "content": SAID, "refusal": null, "annotations": []}));
    assert_eq!(
        (&choice["finish_reason"], &choice["index"], &choice["logprobs"]),
        (&json!("stop"), &json!(0), &json!(null))
    );
    let exchange = scene.house.provider.chats().remove(0);
    let (input, output) = exchange.reported_usage().unwrap();
    assert_eq!(whole["usage"]["prompt_tokens"], input);
    assert_eq!(
        (&whole["usage"]["completion_tokens"], &whole["usage"]["total_tokens"]),
        (&json!(output), &json!(input + output))
    );
    let ours = &whole["neipix"];
    assert_eq!((&ours["citations"][0]["n"], &ours["citations"][0]["title"]), (&json!(1), &json!("правила.txt")));
    assert_eq!(text(&ours["cost_micro_pix"]).parse::<i64>().unwrap(), scene.spent().await);
    assert_eq!(exchange.json["temperature"], 0.5);
    assert!(exchange.texts("system")[0].contains("Отвечай коротко."), "the owner's words stay");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_chunks_as_official_clients_read_it() {
    let scene = Scene::open().await;
    let mut body = scene.body(user(WORDS));
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let events = chunks(&scene.client, body.clone()).await;
    assert_eq!(events.last().unwrap().data, "[DONE]");
    let all: Vec<Value> = events[..events.len() - 1].iter().map(SseEvent::json).collect();
    assert_eq!(all[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(content(&events), SAID);
    let (usage, end) = (all.last().unwrap(), &all[all.len() - 2]);
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(end["neipix"]["citations"][0]["title"], "правила.txt", "{end}");
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["total_tokens"].as_i64().unwrap() > 0);
    for chunk in &all {
        assert_eq!((&chunk["object"], &chunk["id"]), (&json!("chat.completion.chunk"), &all[0]["id"]));
        assert_eq!(chunk["usage"].is_null(), chunk != usage, "null but in the last");
    }
    body["stream_options"] = json!(null);
    let plain = chunks(&scene.client, body).await;
    assert!(!plain.iter().any(|e| e.data.contains("usage")), "not asked for: {plain:?}");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialogue_that_grows_is_one_dialogue() {
    let scene = Scene::open().await;
    let first = scene.client.post(CHAT, scene.body(user(WORDS))).await.ok();
    let said = text(&first["choices"][0]["message"]["content"]);
    let grown = json!([{"role": "user", "content": WORDS}, {"role": "assistant", "content": said},
        {"role": "user", "content": "А деньги когда?"}]);
    let _ = scene.client.post(CHAT, scene.body(grown)).await.ok();
    let chats = scene.owner.api.get("/api/v1/chats").await.ok()["conversations"].clone();
    assert_eq!(chats.as_array().unwrap().len(), 1, "{chats}");
    assert_eq!(chats[0]["lastSeq"], "4");
    let prompt = scene.house.provider.chats().remove(1);
    assert_eq!(prompt.texts("assistant"), [said], "the history is what the client sent");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blind_retry_joins_the_running_answer_and_pays_once() {
    let scene = Scene::open().await;
    let gate = Gate::after(2);
    scene.house.provider.on_model(MODEL, Behaviour::text(SAID).gate(&gate));
    let mut body = scene.body(user(WORDS));
    body["stream"] = json!(true);
    let mut lost = scene.client.stream(Method::POST, CHAT, Some(body.clone())).await;
    assert!(lost.next_within(SOON).await.is_some());
    gate.arrivals(1, SOON).await;
    drop(lost);
    let retry = as_client(scene.client.clone(), 1);
    let joined = tokio::spawn({
        let (retry, body) = (retry.clone(), body.clone());
        async move { chunks(&retry, body).await }
    });
    gate.release();
    let events = joined.await.unwrap();
    assert_eq!((content(&events), events.last().unwrap().data.as_str()), (SAID.to_owned(), "[DONE]"));
    let again = as_client(scene.client.clone(), 2);
    assert_eq!(content(&chunks(&again, body.clone()).await), SAID, "the stored answer");
    assert_eq!(scene.house.provider.chats().len(), 1, "one question to the model");
    let once = scene.spent().await;
    assert_eq!(content(&chunks(&scene.client, body).await), SAID);
    assert_eq!(scene.house.provider.chats().len(), 2, "without the mark of a retry it is another question");
    assert_eq!(scene.spent().await, 2 * once);
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_in_openais_shape() {
    trust!("T-4");
    let scene = Scene::open().await;
    let good = scene.body(user(WORDS));
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let stranger = scene.client.api_key("npk_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    refused(&stranger, good.clone(), 401, "invalid_api_key").await;
    let error = refused(&scene.client, with("messages", json!([])), 400, "invalid_value").await;
    assert_eq!(error["param"], "messages");
    refused(&scene.client, with("temperature", json!(9)), 400, "invalid_value").await;

    // Another workspace's assistant is answered as one that is not there.
    let other = scene.house.owner().await;
    let theirs = crate::house::ready_assistant(&other.api).await;
    let foreign = refused(&scene.client, with("model", json!(theirs)), 404, "model_not_found").await;
    let unknown = refused(&scene.client, with("model", json!(uuid::Uuid::now_v7())), 404, "model_not_found").await;
    assert_eq!(foreign, unknown);
    let gone = |id: &str| format!("/api/v1/openai/models/{id}");
    assert_eq!(scene.client.get(&gone(&theirs)).await.status, 404);
    assert_eq!(scene.client.get(&gone(&uuid::Uuid::now_v7().to_string())).await.status, 404);

    // An error after the headers is an event, and no [DONE] follows: a clean end would pass for success.
    let cut = Behaviour::text(SAID).end(End::Cut { after_tokens: 2 });
    scene.house.provider.on_model(MODEL, cut);
    let events = chunks(&scene.client, with("stream", json!(true))).await;
    let last = events.last().unwrap().json();
    assert_eq!(
        (&last["error"]["type"], &last["error"]["code"]),
        (&json!("server_error"), &json!("server_error")),
        "{last}"
    );
    assert!(content(&events).starts_with("Вернуть товар"), "{events:?}");

    // Nobody has pix: no retry helps.
    let poor = House::open_with(&[("WELCOME_GRANT_MICRO_PIX", "1")]).await;
    let (owner, assistant) = poor.with_model(MODEL).await;
    let client = as_client(asking_key(&owner.api, &assistant).await, 0);
    let body = json!({"model": assistant, "messages": user(WORDS)});
    refused(&client, body.clone(), 429, "insufficient_quota").await;
    assert_eq!(client.post(CHAT, body).await.header("x-should-retry"), "false");
    assert!(poor.provider.chats().is_empty());
    poor.close().await;
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l_5_limits_are_clamped_and_what_changes_the_meaning_is_refused() {
    trust!("L-5");
    let scene = Scene::open().await;
    let mut body = scene.body(user(WORDS));
    for (name, value) in [
        ("n", json!(128)),
        ("tools", json!([{"type": "function", "function": {"name": "f"}}])),
        ("logprobs", json!(true)),
    ] {
        let mut asked = body.clone();
        asked[name] = value;
        let error = refused(&scene.client, asked, 400, "unsupported_parameter").await;
        assert_eq!(error["param"], name);
    }
    assert!(scene.house.provider.chats().is_empty(), "none of it reached the model");
    body["max_tokens"] = json!(1e9);
    let _ = scene.client.post(CHAT, body.clone()).await.ok();
    body["max_completion_tokens"] = json!(20);
    let _ = scene.client.post(CHAT, body).await.ok();
    let limits: Vec<Value> =
        scene.house.provider.chats().iter().map(|e| e.json["max_completion_tokens"].clone()).collect();
    assert_eq!(limits, [json!(700), json!(20)], "the version's limit, then the lower one");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l_6_addresses_and_keys_in_a_body_are_never_passed_on() {
    trust!("L-6");
    let scene = Scene::open().await;
    let elsewhere = neipix_tests::provider::Provider::start().await.unwrap();
    let mut body = scene.body(user(WORDS));
    for name in ["api_base", "base_url", "api_key", "extra_body", "extra_headers"] {
        body[name] = json!(elsewhere.base_url());
    }
    let answer = scene.client.post(CHAT, body).await;
    assert_eq!(answer.ok()["choices"][0]["message"]["content"], SAID);
    let exchange = scene.house.provider.chats().remove(0);
    assert!(!String::from_utf8_lossy(&exchange.body).contains(&elsewhere.base_url()));
    let keys: BTreeSet<&str> = exchange.json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["max_completion_tokens", "messages", "model", "stream", "stream_options", "temperature"].into());
    assert_eq!(exchange.key(), "sk-canary-1234", "the key of staff, no other");
    assert!(elsewhere.exchanges().is_empty());
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_a_stop_with_its_reason_and_a_down_provider_a_server_error() {
    let scene = Scene::open().await;
    let first = scene.client.post(CHAT, scene.body(user(WORDS))).await.ok();
    let chat = eventually_within(SOON, "the dialogue", async || {
        let list = scene.owner.api.get("/api/v1/chats").await.ok();
        list["conversations"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let _ = scene.owner.api.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    let grown = json!([{"role": "user", "content": WORDS},
        {"role": "assistant", "content": first["choices"][0]["message"]["content"]}, {"role": "user", "content": "Ау?"}]);
    let silent = scene.client.post(CHAT, scene.body(grown.clone())).await.ok();
    assert_eq!(
        (&silent["choices"][0]["message"]["content"], &silent["choices"][0]["finish_reason"]),
        (&json!(""), &json!("stop"))
    );
    assert_eq!(silent["neipix"]["skipped"], "operator");
    let mut body = scene.body(grown);
    body["stream"] = json!(true);
    let events = chunks(&scene.client, body).await;
    assert_eq!((content(&events), events.last().unwrap().data.as_str()), (String::new(), "[DONE]"));
    scene.house.provider.on_model(MODEL, Refusal::server_error());
    let extractive = scene.client.post(CHAT, scene.body(user(WORDS))).await.ok();
    assert!(text(&extractive["choices"][0]["message"]["content"]).contains("14 дней"), "{extractive}");
    assert_eq!(extractive["neipix"]["cost_micro_pix"], "0");
    scene.house.close().await;
}
