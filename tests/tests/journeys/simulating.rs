//! An owner talks to the draft before customers do, and asks of any answer or silence why it is so.

use http::Method;
use neipix_proto::auth::v1::Role;
use neipix_tests::provider::Behaviour;
use serde_json::{Value, json};

use crate::house::{House, Person, SOON, number, question, text};

const MODEL: &str = "test-priced";
const WORDS: &str = "За сколько дней можно вернуть товар?";
const SAID: &str = "Вернуть товар можно за 14 дней [1].";

/// Asks the test dialogue; answers the text of its deltas and its last event.
async fn simulate(person: &Person, assistant: &str, ask: Value) -> (String, Value) {
    let path = format!("/api/v1/assistants/{assistant}:simulate");
    let mut stream = person.api.stream(Method::POST, &path, Some(ask)).await;
    let mut said = String::new();
    loop {
        let event = stream.next_within(SOON).await.expect("an event");
        match event.event.as_str() {
            "accepted" => {}
            "delta" => said += text(&event.json()["text"]),
            "finished" => return (said, event.json()),
            other => panic!("{other}: {}", event.data),
        }
    }
}

async fn available(person: &Person) -> i64 {
    number(&person.api.get("/api/v1/billing/wallet").await.ok()["availableMicroPix"])
}

fn rules(explanation: &Value) -> Vec<(&str, &str)> {
    let gate = explanation["gate"].as_array().unwrap();
    gate.iter().map(|decision| (text(&decision["rule"]), text(&decision["outcome"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_dialogue_answers_as_customers_are_answered_and_explains_itself() {
    let house = House::open_with(&[("SIMULATION_FREE_MICRO_PIX", "20000000")]).await;
    house.provider.on_model(MODEL, Behaviour::text(SAID));
    let (owner, assistant) = house.with_model(MODEL).await;
    let before = available(&owner).await;
    let (said, end) = simulate(&owner, &assistant, json!({"text": WORDS})).await;
    assert_eq!((said.as_str(), text(&end["turn"]["state"])), (SAID, "SIMULATED_TURN_STATE_ANSWERED"), "{end}");
    let cost = number(&end["turn"]["costMicroPix"]);
    assert!(cost > 0 && number(&end["turn"]["allowanceMicroPix"]) == cost, "{end}");
    assert_eq!(available(&owner).await, before, "the free allowance pays");

    // A customer gets the same, from the same passages with the same scores.
    let asked = owner.api.post("/api/v1/channels/api/messages", question(&assistant, "c1", "m1", WORDS)).await.ok();
    assert_eq!(asked["turn"]["answer"], SAID);
    house.quiet().await;
    let (chat, turn) = (text(&asked["conversationId"]), text(&asked["turn"]["id"]));
    let told = owner.api.get(&format!("/api/v1/chats/{chat}/turns/{turn}/explanation")).await.ok();
    let tested = &end["explanation"];
    assert_eq!(told["passages"], tested["passages"], "{told}\n{tested}");
    assert_eq!(told["passages"][0]["mark"], 1, "{told}");
    assert!(text(&told["passages"][0]["text"]).contains("14 дней"), "{told}");
    assert_eq!(told["costMicroPix"], asked["turn"]["costMicroPix"]);
    assert!(rules(&told).contains(&("GATE_RULE_BALANCE", "GATE_OUTCOME_PASSED")), "{told}");
    assert!(rules(tested).contains(&("GATE_RULE_STOP_WORDS", "GATE_OUTCOME_ABSENT")), "{tested}");
    let message = text(&asked["messageId"]);
    let same = owner.api.get(&format!("/api/v1/chats/{chat}/messages/{message}/explanation")).await.ok();
    assert_eq!(same, told);

    // No dialogue came of the test.
    let chats = owner.api.get("/api/v1/chats").await.ok();
    assert_eq!(chats["conversations"].as_array().unwrap().len(), 1, "{chats}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_dialogue_meets_the_drafts_own_rules_and_is_paid_by_the_wallet_beyond_its_allowance() {
    let house = House::open_with(&[("SIMULATION_FREE_MICRO_PIX", "1")]).await;
    house.provider.on_model(MODEL, Behaviour::text(SAID));
    let (owner, assistant) = house.with_model(MODEL).await;
    let before = available(&owner).await;
    let (_, end) = simulate(&owner, &assistant, json!({"text": WORDS})).await;
    let cost = number(&end["turn"]["costMicroPix"]);
    assert!(cost > 0 && number(&end["turn"]["allowanceMicroPix"]) == 0, "{end}");
    assert_eq!(available(&owner).await, before - cost);

    let word = json!({"pattern": "жалоба", "match": "STOP_WORD_MATCH_WORD_FORM",
        "action": "STOP_WORD_ACTION_FIXED_REPLY", "reply": "Передал коллегам."});
    let closed = json!({"timeZone": "UTC", "weekly": [], "exceptions": [], "awayMessage": "Мы спим"});
    let change = json!({"draft": {"stopWords": [word], "schedule": closed}, "etag": "*"});
    let path = format!("/api/v1/assistants/{assistant}");
    let _ = owner.api.patch(&path, change).await.ok();
    let (_, end) = simulate(&owner, &assistant, json!({"text": "У меня жалобы"})).await;
    let (turn, told) = (&end["turn"], &end["explanation"]);
    assert_eq!((text(&turn["answer"]), &turn["fixedReply"]), ("Передал коллегам.", &json!(true)), "{end}");
    assert_eq!((&told["cause"]["kind"], &told["cause"]["id"]), (&json!("CAUSE_KIND_STOP_WORD"), &json!(assistant)));
    assert!(rules(told).contains(&("GATE_RULE_SCHEDULE", "GATE_OUTCOME_WOULD_SILENCE")), "{told}");
    // The published version knows neither.
    let (said, _) = simulate(&owner, &assistant, json!({"text": "У меня жалобы", "version": 1})).await;
    assert_eq!(said, SAID);

    let list = format!("/api/v1/assistants/{assistant}/simulation/turns");
    assert_eq!(owner.api.get(&list).await.ok()["turns"].as_array().unwrap().len(), 3);
    let manager = house.colleague(&owner, Role::Manager).await;
    assert!(manager.api.get(&list).await.ok()["turns"].as_array().unwrap().is_empty(), "one's own only");
    let operator = house.colleague(&owner, Role::Operator).await;
    operator.api.get(&list).await.problem(403, "PERMISSION_DENIED");
    let reset = format!("/api/v1/assistants/{assistant}:resetSimulation");
    let _ = owner.api.post(&reset, json!({})).await.ok();
    assert!(owner.api.get(&list).await.ok()["turns"].as_array().unwrap().is_empty());
    house.close().await;
}
