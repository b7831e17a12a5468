//! The whole path by REST alone: register, assistant, file, publish, question, cited answer, ledger, take-over, hand-back,
//! and an operator's socket that saw it all. Once with the built-in answerer, once with a model that costs.

use std::collections::BTreeSet;

use http::Method;
use neipix_proto::auth::v1::Role;
use neipix_tests::{
    client::{Bearer, Mailbox, Rest, Socket, Surface},
    poll::eventually_within,
    provider::Behaviour,
    telegram::Chat,
    trust,
};
use serde_json::{Value, json};

use crate::house::{
    GRANT, House, Model, Person, SOON, asking_key, events_to, number, number_of, question, ready_assistant, text,
};

/// Who answers.
#[derive(Clone, Copy, PartialEq)]
enum Answerer {
    /// Out of the file, free.
    BuiltIn,
    /// An OpenAI-compatible server with a price.
    Priced,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_path_with_the_built_in_answerer() {
    trust!("C-12", "INV-2", "INV-70", "INV-71");
    journey(Answerer::BuiltIn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_path_with_a_priced_model() {
    trust!("INV-20", "INV-21", "INV-22", "INV-24", "INV-70", "INV-71");
    journey(Answerer::Priced).await;
}

/// What the customer reads: the model says this, the built-in answerer quotes the file.
const SAID: &str = "Вернуть товар можно за 14 дней [1].";
const MODEL: &str = "test-priced";

/// What the journey tells whoever watches.
const KINDS: [&str; 13] = [
    "assistant.created",
    "assistant.published",
    "channel.state_changed",
    "conversation.opened",
    "file.status_changed",
    "handler.changed",
    "message.created",
    "message.delivery_changed",
    "turn.queued",
    "turn.settled",
    "turn.started",
    "turn.stored",
    "wallet.opened",
];

async fn journey(answerer: Answerer) {
    let house = House::open().await;
    if answerer == Answerer::Priced {
        let base_url = house.provider.base_url();
        house.provider.on_model(MODEL, Behaviour::text(SAID));
        let model = Model { name: MODEL, base_url: &base_url, priority: 1, first_token_timeout_ms: 0 };
        let _ = house.model(&house.staff().await, model).await;
    }
    let owner = registers(&house, answerer).await;
    let operator = house.colleague(&owner, Role::Operator).await;
    let mut early = house.socket(&operator).await;
    early.send(&json!({"t": "resume", "after": 0})).await;

    let assistant = ready_assistant(&owner.api).await;
    let streamed = asks_by_stream(&owner.api, &assistant, answerer).await;
    repeats(&owner.api, &assistant, &streamed).await;
    let (chat, bot) = telegram_answers(&house, &owner.api, &assistant).await;
    takes_over_and_hands_back(&house, (&owner, &operator), &assistant, &streamed).await;
    takes_over_in_telegram(&house, &operator.api, &chat, &bot).await;
    house.quiet().await;
    the_ledger_agrees(&owner.api, answerer).await;
    the_socket_saw_it_all(&house, &operator, early, answerer).await;
    house.close().await;
}

/// Registers by mail and waits for the wallet with its welcome grant.
async fn registers(house: &House, answerer: Answerer) -> Person {
    let email = format!("anna-{}@romashka.example", if answerer == Answerer::Priced { "priced" } else { "free" });
    let api = house.at(Surface::Api);
    let body = json!({"email": email, "password": "long enough 1", "name": "Анна", "workspaceName": "Ромашка"});
    let registered = api.post("/api/v1/auth/register", body).await.ok();
    let mailbox = Mailbox::new(&std::env::var("MAILBOX_URL").expect("MAILBOX_URL: run by `make test-it`"));
    let code = mailbox.code_for(&email).await;
    let body = json!({"registrationId": registered["registrationId"], "code": code});
    let tokens = api.post("/api/v1/auth/confirm-email", body).await.ok();
    let api = api.bearer(text(&tokens["accessToken"]));
    let wallet = eventually_within(SOON, "the wallet", async || {
        let answer = api.get("/api/v1/billing/wallet").await;
        (answer.status == 200).then(|| answer.ok())
    })
    .await;
    assert_eq!(number(&wallet["availableMicroPix"]), GRANT);
    let workspace = text(&api.get("/api/v1/auth/me").await.ok()["workspace"]["id"]).to_owned();
    Person { workspace, api }
}

/// A question by an integrator's key, read as it is written.
async fn asks_by_stream(api: &Rest<Bearer>, assistant: &str, answerer: Answerer) -> Value {
    let key = asking_key(api, assistant).await;
    let ask = question(assistant, "c1", "m1", "За сколько дней можно вернуть товар?");
    let mut stream = key.stream(Method::POST, "/api/v1/channels/api/messages:stream", Some(ask)).await;
    let (mut answer, mut accepted) = (String::new(), Value::Null);
    let finished = loop {
        let event = stream.next_within(SOON).await.expect("an event");
        match event.event.as_str() {
            "accepted" => accepted = event.json(),
            "delta" => {
                let delta = event.json();
                assert_eq!(delta["offset"], answer.len().to_string(), "deltas follow one another");
                answer += text(&delta["text"]);
            }
            "finished" => break event.json(),
            other => panic!("{other}: {}", event.data),
        }
    };
    assert_eq!(stream.next_within(SOON).await, None, "nothing follows the end");
    assert_eq!((&finished["state"], &finished["answer"]), (&json!("TURN_STATE_DELIVERED"), &json!(answer)));
    assert!(answer.contains("14 дней"), "{finished}");
    assert_eq!(finished["citations"][0]["title"], "правила.txt", "{finished}");
    match answerer {
        Answerer::BuiltIn => assert_eq!(number(&finished["costMicroPix"]), 0),
        Answerer::Priced => {
            assert_eq!(answer, SAID);
            assert!(number(&finished["costMicroPix"]) > 0, "{finished}");
        }
    }
    json!({"accepted": accepted, "turn": finished})
}

/// The same external id is the same message and the same turn, whatever its text.
async fn repeats(api: &Rest<Bearer>, assistant: &str, first: &Value) {
    let again = api.post("/api/v1/channels/api/messages", question(assistant, "c1", "m1", "другое")).await.ok();
    assert_eq!(again["messageId"], first["accepted"]["messageId"]);
    assert_eq!((&again["turn"]["id"], &again["turn"]["answer"]), (&first["turn"]["id"], &first["turn"]["answer"]));
}

/// The same question in Telegram.
async fn telegram_answers(house: &House, api: &Rest<Bearer>, assistant: &str) -> (Chat, String) {
    let (channel, bot) = house.bot(api, assistant).await;
    let connections = api.get("/api/v1/integrations").await.ok();
    let listed = connections["connections"].as_array().unwrap();
    let mine = listed.iter().find(|c| c["id"] == channel["id"]).expect("the bot is listed");
    assert_eq!((&mine["kind"], &mine["state"]), (&json!("CHANNEL_KIND_TELEGRAM"), &json!("CHANNEL_STATE_CONNECTED")));
    let chat = house.telegram.chat(5_501_234_567, "Анна");
    let delivered = house.telegram.deliver(&bot, chat.text("За сколько дней можно вернуть товар?")).delivered().await;
    assert_eq!(delivered.len(), 1, "acknowledged at the first try");
    let sent = house.telegram.wait_for_sent_within(SOON, chat.id(), 1).await;
    assert!(sent[0].text.contains("14 дней"), "{sent:?}");
    (chat, bot)
}

/// An operator takes the dialogue of the API: the assistant is silent and says why; handed back, it answers what is owed.
async fn takes_over_and_hands_back(house: &House, people: (&Person, &Person), assistant: &str, first: &Value) {
    let (owner, operator) = people;
    let chat = text(&first["accepted"]["conversationId"]);
    let asked = house.provider.chats().len();
    let taken = operator.api.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    assert_eq!(taken["handler"], "HANDLER_OPERATOR");
    let again = "И за сколько дней можно вернуть товар?";
    let ask = question(assistant, "c1", "m2", again);
    operator.api.post("/api/v1/channels/api/messages", ask.clone()).await.problem(403, "PERMISSION_DENIED");
    let silent = owner.api.post("/api/v1/channels/api/messages", ask).await.ok();
    let turn = &silent["turn"];
    assert_eq!((&turn["state"], &turn["reason"]), (&json!("TURN_STATE_SKIPPED"), &json!("operator")), "{silent}");
    assert_eq!(house.provider.chats().len(), asked, "no model was asked");
    let _ = operator.api.post(&format!("/api/v1/chats/{chat}:return"), json!({})).await.ok();
    eventually_within(SOON, "the owed answer", async || {
        let messages = operator.api.get(&format!("/api/v1/chats/{chat}/messages")).await.ok();
        let (answer, asked) = (&messages["messages"][0], &messages["messages"][1]);
        let owed = answer["author"] == "AUTHOR_ASSISTANT" && asked["text"] == again;
        owed.then(|| assert!(text(&answer["text"]).contains("14 дней"), "{messages}"))
    })
    .await;
}

/// The same in Telegram: what the operator writes reaches the customer, the assistant writes again after the hand-back.
async fn takes_over_in_telegram(house: &House, operator: &Rest<Bearer>, chat: &Chat, bot: &str) {
    let listed = operator.get("/api/v1/chats?pageSize=50").await.ok();
    let all = listed["conversations"].as_array().unwrap();
    let dialogue = all.iter().find(|c| c["channelKind"] == "CHANNEL_KIND_TELEGRAM").expect("the dialogue is listed");
    let id = text(&dialogue["id"]);
    assert_eq!(dialogue["contact"]["displayName"], "Анна", "{dialogue}");
    let _ = operator.post(&format!("/api/v1/chats/{id}:takeOver"), json!({})).await.ok();
    house.telegram.deliver(bot, chat.text("Тут есть живой человек?")).delivered().await;
    let says = json!({"text": "Есть. Чем помочь?"});
    let own = operator.post(&format!("/api/v1/chats/{id}/messages"), says).await.ok();
    assert_eq!(own["author"], "AUTHOR_OPERATOR");
    let sent = house.telegram.wait_for_sent_within(SOON, chat.id(), 2).await;
    assert_eq!(sent[1].text, "Есть. Чем помочь?");
    let _ = operator.post(&format!("/api/v1/chats/{id}:return"), json!({})).await.ok();
    house.telegram.deliver(bot, chat.text("За сколько дней можно вернуть товар?")).delivered().await;
    let sent = house.telegram.wait_for_sent_within(SOON, chat.id(), 3).await;
    assert!(sent[2].text.contains("14 дней"), "{sent:?}");
    house.quiet().await;
    assert_eq!(house.telegram.sent_to(chat.id()).len(), 3, "the assistant was silent while the operator had it");
    let messages = operator.get(&format!("/api/v1/chats/{id}/messages")).await.ok();
    let authors: Vec<&str> = messages["messages"].as_array().unwrap().iter().map(|m| text(&m["author"])).collect();
    let expected = ["ASSISTANT", "CONTACT", "OPERATOR", "CONTACT", "ASSISTANT", "CONTACT"];
    assert_eq!(authors, expected.map(|a| format!("AUTHOR_{a}")));
}

/// The statement by REST: every transfer sums to zero, each hold is closed once, and the wallet is what is left.
async fn the_ledger_agrees(api: &Rest<Bearer>, answerer: Answerer) {
    let statement = api.get("/api/v1/billing/statement?pageSize=200").await.ok();
    let transfers = statement["transfers"].as_array().unwrap();
    let (mut holds, mut closes, mut spent) = (vec![], vec![], 0);
    for transfer in transfers {
        let whole = api.get(&format!("/api/v1/billing/transfers/{}", text(&transfer["id"]))).await.ok();
        let postings = whole["postings"].as_array().unwrap();
        assert!(postings.len() > 1, "{whole}");
        assert_eq!(postings.iter().map(|p| number(&p["amountMicroPix"])).sum::<i64>(), 0, "{whole}");
        match text(&transfer["kind"]) {
            "TRANSFER_KIND_HOLD" => holds.push(text(&transfer["turnId"])),
            "TRANSFER_KIND_SETTLE" => {
                closes.push(text(&transfer["turnId"]));
                spent += earned(postings);
            }
            "TRANSFER_KIND_GRANT" => assert_eq!(number(&transfer["amountMicroPix"]), GRANT),
            other => panic!("{other}: {whole}"),
        }
    }
    holds.sort_unstable();
    closes.sort_unstable();
    assert_eq!(holds, closes);
    // Four answers: two by the API, two in Telegram.
    assert_eq!(holds.len(), if answerer == Answerer::Priced { 4 } else { 0 });
    let wallet = api.get("/api/v1/billing/wallet").await.ok();
    assert_eq!((number(&wallet["availableMicroPix"]), number(&wallet["heldMicroPix"])), (GRANT - spent, 0));
    assert_eq!(spent > 0, answerer == Answerer::Priced);
}

/// What a settle brought to our side.
fn earned(postings: &[Value]) -> i64 {
    let revenue = postings.iter().filter(|p| p["account"] == "ACCOUNT_REVENUE");
    revenue.map(|p| number(&p["amountMicroPix"])).sum()
}

/// The operator's socket, open from the beginning, has every event in order; one that resumes gets exactly the rest.
async fn the_socket_saw_it_all(house: &House, operator: &Person, mut early: Socket, answerer: Answerer) {
    let last = house.number("SELECT max(last_seq) FROM chats.event_head").await;
    let all = events_to(&mut early, last).await;
    assert_eq!(all.iter().map(number_of).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    let kinds: BTreeSet<&str> = all.iter().map(|e| text(&e["kind"])).collect();
    let mut expected = BTreeSet::from(KINDS);
    if answerer == Answerer::Priced {
        expected.extend(["wallet.changed"]);
    }
    assert_eq!(kinds, expected);
    for event in &all {
        let readable = !text(&event["kind"]).starts_with("wallet.");
        assert_eq!(event["data"].is_object(), readable, "what an operator may read, and no more: {event}");
    }
    let told =
        |events: &[Value]| events.iter().map(|e| (number_of(e), text(&e["kind"]).to_owned())).collect::<Vec<_>>();
    for after in [0, last / 2, last - 1] {
        let expected = &told(&all)[usize::try_from(after).unwrap()..];
        let mut late = house.socket(operator).await;
        late.send(&json!({"t": "resume", "after": after})).await;
        assert_eq!(told(&events_to(&mut late, last).await), expected);
        // The other face of the same stream; a browser that comes back has its old address and its last number.
        let returning = operator.api.clone().with_header("last-event-id", &after.to_string());
        let mut sse = returning.stream(Method::GET, "/api/v1/events?after=0", None).await;
        let mut read = vec![];
        while read.len() < expected.len() {
            let event = sse.next_within(SOON).await.expect("an event");
            read.extend(event.id.map(|id| (id.parse::<i64>().unwrap(), event.event)));
        }
        assert_eq!(read, expected);
    }
}
