//! The stand-in against the text of the wire.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{client::http, poll::eventually};

fn request(model: &str, stream: bool) -> Value {
    let mut body = json!({"model": model, "stream": stream, "messages": [
        {"role": "system", "content": "[1] Возврат 14 дней."},
        {"role": "user", "content": "Какой срок?"},
    ]});
    if stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

async fn post(provider: &Provider, body: &Value) -> reqwest::Response {
    let url = format!("{}/chat/completions", provider.base_url());
    http().post(url).bearer_auth("sk-canary").json(body).send().await.unwrap()
}

/// The data of each event of a whole stream.
fn data(stream: &str) -> Vec<&str> {
    stream.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
}

#[tokio::test]
async fn a_whole_answer_cites_and_counts() {
    let provider = Provider::start().await.unwrap();
    let answer: Value = post(&provider, &request("any", false)).await.json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "По документам: Возврат 14 дней. [1]");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 2 * 4 + 4 + 2);
    assert_eq!(answer["usage"]["completion_tokens"], 6);
    let seen = &provider.chats()[0];
    assert_eq!((seen.key(), seen.model(), seen.tokens_sent()), ("sk-canary", "any", 6));
    assert_eq!(seen.reported_usage(), Some((14, 6)));
    assert_eq!(seen.texts("user"), ["Какой срок?"]);
}

#[tokio::test]
async fn a_stream_has_role_tokens_finish_usage_and_done() {
    let provider = Provider::start().await.unwrap();
    let text = post(&provider, &request("any", true)).await.text().await.unwrap();
    let events = data(&text);
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1].iter().map(|e| serde_json::from_str(e).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert!(chunks[0].as_object().unwrap().contains_key("usage") && chunks[0]["usage"].is_null());
    let said: String = chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, "По документам: Возврат 14 дней. [1]");
    let [.., finish, usage] = &chunks[..] else { panic!("too short") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(20)));
}

#[tokio::test]
async fn refusals_carry_the_bodies_of_the_wire() {
    let provider = Provider::start().await.unwrap();
    let cases = [
        (Refusal::rate_limited("2"), 429, "rate_limit_exceeded"),
        (Refusal::insufficient_quota(), 429, "insufficient_quota"),
        (Refusal::invalid_api_key(), 401, "invalid_api_key"),
        (Refusal::model_not_found("m"), 404, "model_not_found"),
        (Refusal::context_length_exceeded(), 400, "context_length_exceeded"),
    ];
    for (refusal, status, code) in cases {
        provider.next(refusal);
        let answer = post(&provider, &request("m", true)).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), code == "rate_limit_exceeded");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], code);
        assert!(code != "invalid_api_key" || body["error"]["message"].as_str().unwrap().contains("sk-canary"));
    }
    let pages = [(Refusal::bad_gateway_html(), 502, "text/html"), (Refusal::html_ok(), 200, "text/html")];
    for (refusal, status, kind) in pages {
        provider.next(refusal);
        let answer = post(&provider, &request("m", true)).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (status, kind));
    }
    provider.next(Refusal::empty_ok());
    let empty = post(&provider, &request("m", true)).await;
    assert_eq!((empty.status().as_u16(), empty.text().await.unwrap().as_str()), (200, ""));
}

#[tokio::test]
async fn recorded_streams_keep_their_borders() {
    let provider = Provider::start().await.unwrap();
    provider.next(Raw::o1_split_utf8());
    let mut answer = post(&provider, &request("m", true)).await;
    let first = answer.chunk().await.unwrap().unwrap();
    assert!(std::str::from_utf8(&first).is_err(), "a letter is cut in two");
    let mut all = first.to_vec();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    let all = String::from_utf8(all).unwrap();
    assert!(
        all.starts_with(": keep-alive\n\n")
            && all.contains("\"content\":\"Да, \"")
            && all.contains("\"created\":1764000000")
    );
    provider.next(Raw::o2_crlf_two_data_lines());
    let text = post(&provider, &request("m", true)).await.text().await.unwrap();
    assert!(text.contains(",\r\ndata:\"delta\""));
    provider.next(Raw::o5_cut());
    let broken = post(&provider, &request("m", true)).await.text().await;
    assert!(broken.is_err(), "{broken:?}");
}

#[tokio::test]
async fn ends_break_as_scripted() {
    let provider = Provider::start().await.unwrap();
    provider.next(Behaviour::text("раз два три").end(End::Cut { after_tokens: 2 }));
    assert!(post(&provider, &request("m", true)).await.text().await.is_err());
    let cut = &provider.chats()[0];
    assert_eq!(cut.tokens_sent(), 2);
    eventually("the cut is noted", async || cut.ended().filter(|e| *e == Ended::Broken)).await;
    provider.next(Behaviour::text("раз два три").end(End::ErrorEvent { after_tokens: 1 }));
    let text = post(&provider, &request("m", true)).await.text().await.unwrap();
    assert!(text.contains("раз ") && !text.contains("два") && text.contains("\"boom\"") && !text.contains("[DONE]"));
    provider.next(Behaviour::ok().end(End::WithoutDone));
    let text = post(&provider, &request("m", true)).await.text().await.unwrap();
    assert!(text.contains("\"finish_reason\":\"stop\"") && !text.contains("[DONE]"));
    provider.next(Behaviour::HangUp);
    let url = format!("{}/chat/completions", provider.base_url());
    assert!(http().post(url).json(&request("m", true)).send().await.is_err());
}

#[tokio::test]
async fn usage_may_be_absent_or_impossible() {
    let provider = Provider::start().await.unwrap();
    for (usage, expected) in
        [(Usage::Negative, json!(-5)), (Usage::Absurd, json!(2_000_000_000)), (Usage::Absent, Value::Null)]
    {
        provider.next(Behaviour::ok().usage(usage));
        let answer: Value = post(&provider, &request("m", false)).await.json().await.unwrap();
        assert_eq!(answer["usage"]["prompt_tokens"], expected);
    }
}

#[tokio::test]
async fn a_gate_holds_the_stream_and_a_lost_client_is_seen() {
    let provider = Provider::start().await.unwrap();
    let gate = Gate::after(1);
    provider.on_model("gated", Behaviour::text("раз два три").gate(&gate));
    let mut answer = post(&provider, &request("gated", true)).await;
    gate.arrived().await;
    let seen = provider.chats().remove(0);
    assert_eq!((seen.tokens_sent(), seen.ended()), (1, None));
    let lost = post(&provider, &request("gated", true)).await;
    gate.arrivals(2, DEADLINE).await;
    drop(lost);
    let second = provider.chats().remove(1);
    eventually("the client left", async || second.ended().filter(|e| *e == Ended::ClientLeft)).await;
    gate.release();
    let mut text = String::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("три") && text.contains("[DONE]"));
    assert_eq!(second.tokens_sent(), 1);
}

#[tokio::test]
async fn endless_and_slow_streams_outlast_any_patience() {
    let provider = Provider::start().await.unwrap();
    provider.next(Behaviour::text("раз два ").each_token_after(Duration::from_millis(1)).end(End::Endless));
    let mut answer = post(&provider, &request("m", true)).await;
    while provider.chats()[0].tokens_sent() < 20 {
        assert!(answer.chunk().await.unwrap().is_some());
    }
    let slow = post(&provider, &request("test-slow", true)).await;
    let text = tokio::time::timeout(Duration::from_millis(100), slow.text()).await;
    assert!(text.is_err(), "the headers come, the first token does not");
}

#[tokio::test]
async fn what_a_real_server_refuses_is_refused() {
    let provider = Provider::start().await.unwrap();
    provider.require_key("sk-right");
    assert_eq!(post(&provider, &request("m", false)).await.status(), 401);
    provider.require_key("sk-canary");
    let mut no_messages = request("m", false);
    no_messages["messages"] = json!([]);
    let mut stray_options = request("m", false);
    stray_options["stream_options"] = json!({"include_usage": true});
    let mut stops = request("m", false);
    stops["stop"] = json!(["a", "b", "c", "d", "e"]);
    for body in [no_messages, stray_options, stops, request("", false), json!([])] {
        assert_eq!(post(&provider, &body).await.status(), 400, "{body}");
    }
    let models: Value = http()
        .get(format!("{}/models", provider.base_url()))
        .bearer_auth("sk-canary")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((&models["object"], &models["data"][0]["id"]), (&json!("list"), &json!("test")));
}
