//! The API channel under callers that repeat, flood, hang up or are machines themselves.

use http::Method;
use neipix_tests::{
    provider::{Behaviour, Gate},
    trust,
};
use serde_json::{Value, json};

use crate::house::{GRANT, House, SOON, number, question, ready_assistant, text};

const MODEL: &str = "test-priced";
const ASK: &str = "/api/v1/channels/api/messages";
const STREAM: &str = "/api/v1/channels/api/messages:stream";
const WORDS: &str = "За сколько дней можно вернуть товар?";

#[tokio::test(flavor = "multi_thread")]
async fn c_12_an_external_id_is_the_first_message_whatever_follows_under_it() {
    trust!("C-12");
    let house = House::open().await;
    house.provider.on_model(MODEL, Behaviour::text("Вернуть товар можно за 14 дней [1]."));
    let (owner, assistant) = house.with_model(MODEL).await;
    let at_once = (0..10).map(|n| {
        let ask = question(&assistant, "c1", "m1", &format!("{WORDS} {n}"));
        let api = owner.api.clone();
        async move { api.post(ASK, ask).await.ok() }
    });
    let answers = futures::future::join_all(at_once).await;
    for answer in &answers {
        assert_eq!((&answer["messageId"], &answer["turn"]), (&answers[0]["messageId"], &answers[0]["turn"]));
    }
    let chat = text(&answers[0]["conversationId"]);
    let messages = owner.api.get(&format!("/api/v1/chats/{chat}/messages")).await.ok();
    assert_eq!(messages["messages"].as_array().unwrap().len(), 2, "{messages}");
    let later = owner.api.post(ASK, question(&assistant, "c1", "m1", "совсем другое")).await.ok();
    assert_eq!(later["turn"]["answer"], answers[0]["turn"]["answer"]);
    assert_eq!(house.provider.chats().len(), 1, "one question to the model");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_13_a_contact_that_floods_is_refused_and_others_are_not() {
    trust!("C-13");
    let house = House::open().await;
    let owner = house.owner().await;
    let assistant = ready_assistant(&owner.api).await;
    let ask = |contact: &str, id: usize| {
        let body = json!({"assistantId": assistant, "contactExternalId": contact, "externalId": format!("{contact}/{id}"),
            "text": WORDS, "waitSeconds": 0});
        let api = owner.api.clone();
        async move { api.post(ASK, body).await }
    };
    // Far faster than the two messages a second that go on and on; a few at a time, so that nothing else is short.
    let (mut taken, mut refused) = (0, vec![]);
    for round in 0..40 {
        let answers = futures::future::join_all((0..10).map(|n| ask("flood", round * 10 + n))).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        taken += good.len();
        refused.extend(bad);
        if !refused.is_empty() {
            break;
        }
    }
    assert!(!refused.is_empty(), "400 messages without a pause are a flood");
    assert!(taken >= 110, "people are not stopped: {taken} taken, then {}", refused[0]);
    for answer in &refused {
        answer.problem(429, "CONTACT_FLOOD");
    }
    for other in ["anna", "boris"] {
        assert_eq!(ask(other, 0).await.status, 200, "{other} is no flood");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_14_two_machines_that_talk_to_each_other_are_given_to_a_person() {
    trust!("C-14");
    let house = House::open().await;
    house.provider.on_model(MODEL, Behaviour::text("Спасибо за обращение! Чем ещё я могу вам помочь?"));
    let (owner, assistant) = house.with_model(MODEL).await;
    let words = "Спасибо за ваш ответ, он очень помог! Чем ещё могу быть вам полезен сегодня?";
    let mut answered = 0;
    let last = loop {
        let ask = question(&assistant, "robot", &format!("m{answered}"), words);
        let answer = owner.api.post(ASK, ask).await.ok();
        if answer["turn"]["state"] != "TURN_STATE_DELIVERED" {
            break answer;
        }
        answered += 1;
        assert!(answered < 20, "machines talk for ever");
    };
    assert_eq!(answered, 10, "{last}");
    let chat = text(&last["conversationId"]);
    let dialogue = owner.api.get(&format!("/api/v1/chats/{chat}")).await.ok();
    assert_eq!(dialogue["handler"], "HANDLER_NOBODY", "{dialogue}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_15_a_stream_that_was_cut_and_asked_again_is_one_answer_and_one_charge() {
    trust!("C-15");
    let house = House::open().await;
    let said = "Вернуть товар можно за 14 дней [1].";
    let gate = Gate::after(3);
    house.provider.on_model(MODEL, Behaviour::text(said).gate(&gate));
    let (owner, assistant) = house.with_model(MODEL).await;
    let ask = question(&assistant, "c1", "m1", WORDS);
    let mut cut = owner.api.stream(Method::POST, STREAM, Some(ask.clone())).await;
    let first = cut.until("delta").await.json();
    assert_eq!(first["offset"], "0");
    gate.arrivals(1, SOON).await;
    drop(cut);

    let mut again = owner.api.stream(Method::POST, STREAM, Some(ask.clone())).await;
    let partial = again.until("partial").await.json();
    let mut have = text(&partial["text"]).to_owned();
    assert!(said.starts_with(&have) && !have.is_empty(), "{partial}");
    assert_eq!(partial["offset"], have.len().to_string());
    gate.release();
    let finished = loop {
        let event = again.next_within(SOON).await.expect("an event");
        match event.event.as_str() {
            "delta" => {
                let delta = event.json();
                assert_eq!(delta["offset"], have.len().to_string(), "no hole, nothing twice");
                have += text(&delta["text"]);
            }
            "finished" => break event.json(),
            other => panic!("{other}"),
        }
    };
    assert_eq!((have.as_str(), &finished["answer"]), (said, &json!(said)));
    let stored = owner.api.stream(Method::POST, STREAM, Some(ask)).await.rest(SOON).await;
    assert_eq!(stored.last().unwrap().json()["id"], finished["id"]);
    assert_eq!(house.provider.chats().len(), 1);
    house.quiet().await;
    let statement = owner.api.get("/api/v1/billing/statement").await.ok();
    assert_eq!(statement.to_string().matches("TRANSFER_KIND_SETTLE").count(), 1, "{statement}");
    let wallet = owner.api.get("/api/v1/billing/wallet").await.ok();
    assert_eq!(number(&wallet["availableMicroPix"]), GRANT - number(&finished["costMicroPix"]));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_2_what_belongs_to_another_workspace_is_not_there() {
    trust!("T-2");
    let house = House::open().await;
    let (mine, other) = (house.owner().await, house.owner().await);
    let (own, theirs) = (ready_assistant(&mine.api).await, ready_assistant(&other.api).await);
    let nobody = uuid::Uuid::now_v7().to_string();
    let shape = |answer: &neipix_tests::client::Answer| {
        let mut problem = answer.problem(404, "NOT_FOUND").json;
        problem["trace_id"] = Value::Null;
        problem
    };
    let foreign = mine.api.post(ASK, question(&theirs, "c1", "m1", WORDS)).await;
    let unknown = mine.api.post(ASK, question(&nobody, "c1", "m1", WORDS)).await;
    assert_eq!(shape(&foreign), shape(&unknown), "a dialogue with another's assistant");
    let bot = house.telegram.bot(7_799_999_999, "their_bot");
    for assistant in [&theirs, &nobody] {
        let body = json!({"kind": "CHANNEL_KIND_TELEGRAM", "botToken": bot});
        let refused = mine.api.post(&format!("/api/v1/assistants/{assistant}/channels"), body).await;
        assert_eq!(shape(&refused), shape(&unknown), "a bot for another's assistant");
    }
    let file = crate::house::announce(&other.api, &theirs, "a.txt", 10).await["file"]["id"].clone();
    for id in [text(&file), &nobody] {
        let body = json!({"name": "b.txt", "sizeBytes": "10", "replacesId": id});
        let refused = mine.api.post(&format!("/api/v1/assistants/{own}/files"), body).await;
        assert_eq!(shape(&refused), shape(&unknown), "a file in place of another's");
    }
    assert!(house.telegram.webhook(&bot).is_none(), "no bot was set up");
    house.close().await;
}
