//! Telegram through the whole product: what comes in, what goes out and in which shape, and what Telegram's troubles do.

use std::time::Duration;

use neipix_tests::{
    client::{Bearer, Rest},
    poll::eventually_within,
    provider::Behaviour,
    telegram::{Chat, Fault, Rates, Update},
    trust,
};
use serde_json::{Value, json};

use crate::house::{House, Person, SOON, ready_assistant, text};

const MODEL: &str = "test-priced";

/// A connected bot and a customer.
struct Scene {
    house: House,
    owner: Person,
    assistant: String,
    channel: Value,
    bot: String,
    anna: Chat,
}

impl Scene {
    async fn open(answer: &str) -> Self {
        let house = House::open().await;
        house.provider.on_model(MODEL, Behaviour::text(answer));
        let (owner, assistant) = house.with_model(MODEL).await;
        let (channel, bot) = house.bot(&owner.api, &assistant).await;
        let anna = house.telegram.chat(5_501_234_567, "Анна");
        Self { house, owner, assistant, channel, bot, anna }
    }

    async fn says(&self, words: &str) {
        self.house.telegram.deliver(&self.bot, self.anna.text(words)).delivered().await;
    }

    /// The messages of the only dialogue, oldest first.
    async fn messages(&self) -> Vec<Value> {
        let chats = self.owner.api.get("/api/v1/chats").await.ok();
        let Some(chat) = chats["conversations"][0]["id"].as_str() else { return vec![] };
        let path = format!("/api/v1/chats/{chat}/messages?pageSize=200");
        let mut all = self.owner.api.get(&path).await.ok()["messages"].as_array().unwrap().clone();
        all.reverse();
        all
    }

    /// The last message once it stands so.
    async fn last_is(&self, state: &str) -> Value {
        eventually_within(SOON, state, async || self.messages().await.pop().filter(|m| m["deliveryState"] == state))
            .await
    }

    /// The bot as the list of connections shows it.
    async fn connection(&self) -> Value {
        let all = self.owner.api.get("/api/v1/integrations").await.ok();
        let found = all["connections"].as_array().unwrap().iter().find(|c| c["id"] == self.channel["id"]);
        found.expect("the bot is listed").clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c_1_a_stranger_at_the_webhook_leaves_nothing() {
    trust!("C-1");
    let scene = Scene::open("Здравствуйте!").await;
    let (_, other) = scene.house.bot(&scene.owner.api, &scene.assistant).await;
    let (_, foreign) = scene.house.telegram.webhook(&other).unwrap();
    let body = scene.house.telegram.numbered(scene.anna.text("Сколько?")).to_string();
    let (_, own) = scene.house.telegram.webhook(&scene.bot).unwrap();
    let own = own.unwrap();
    for secret in [None, Some(""), Some("x"), Some(&own[1..]), foreign.as_deref()] {
        assert_eq!(scene.house.telegram.post_raw(&scene.bot, secret, body.as_bytes()).await, 401, "{secret:?}");
    }
    scene.house.quiet().await;
    assert_eq!(scene.messages().await, Vec::<Value>::new());
    assert_eq!(scene.house.number("SELECT count(*) FROM chats.update_key").await, 0);
    assert_eq!(scene.house.telegram.post_raw(&scene.bot, Some(&own), body.as_bytes()).await, 200, "and with it");
    assert_eq!(scene.last_is("DELIVERY_STATE_SENT").await["text"], "Здравствуйте!");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_2_one_update_is_one_message_however_often_it_comes() {
    let scene = Scene::open("Здравствуйте!").await;
    let (_, secret) = scene.house.telegram.webhook(&scene.bot).unwrap();
    let body = scene.house.telegram.numbered(scene.anna.text("Сколько?")).to_string();
    let post = || scene.house.telegram.post_raw(&scene.bot, secret.as_deref(), body.as_bytes());
    let answers = futures::future::join_all((0..20).map(|_| post())).await;
    assert_eq!(answers, [200; 20]);
    scene.last_is("DELIVERY_STATE_SENT").await;
    assert_eq!(post().await, 200);
    scene.house.quiet().await;
    assert_eq!((scene.messages().await.len(), scene.house.telegram.sent_to(scene.anna.id()).len()), (2, 1));
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_3_what_cannot_be_read_is_a_visible_line_and_what_is_odd_is_acknowledged() {
    trust!("C-3");
    let scene = Scene::open("Вижу.").await;
    let telegram = &scene.house.telegram;
    let odd = [
        json!({"poll_answer": {"poll_id": "1"}}),
        json!({"message": 7}),
        json!({"message": {"message_id": 1}}),
        json!({"message": {"message_id": 2, "chat": {"id": 5, "type": "private"}, "from": {"id": 5, "is_bot": true}, "text": "я бот"}}),
        json!({"some_future_kind": {"a": [1, 2, {"b": null}]}}),
        json!({"edited_message": {"message_id": 99, "chat": {"id": 5, "type": "private"}, "from": {"id": 5, "is_bot": false}, "text": "нет такого"}}),
    ];
    for update in odd {
        let attempts = telegram.deliver(&scene.bot, Update::from_value(update.clone())).delivered().await;
        assert_eq!(attempts.len(), 1, "{update}");
    }
    let callback = telegram.deliver(&scene.bot, scene.anna.callback(1, "r1:forged:up")).delivered().await;
    assert_eq!(callback.len(), 1);
    let (_, secret) = telegram.webhook(&scene.bot).unwrap();
    for body in ["[]", "{}", "null", "{\"update_id\": \"x\"}"] {
        assert_eq!(telegram.post_raw(&scene.bot, secret.as_deref(), body.as_bytes()).await, 200, "{body}");
    }
    scene.house.quiet().await;
    assert_eq!(scene.messages().await, Vec::<Value>::new());

    for (update, line) in [
        (scene.anna.sticker("👍"), "[стикер]"),
        (scene.anna.poll("Когда?", &["сегодня", "завтра"]), "[опрос]"),
        (scene.anna.voice("voice-1", 4), "[голосовое сообщение]"),
        (scene.anna.photo("photo-1", Some("вот такой")), "[фото] вот такой"),
    ] {
        telegram.deliver(&scene.bot, update).delivered().await;
        scene.house.quiet().await;
        let seen = scene.messages().await;
        assert!(seen.iter().any(|m| m["author"] == "AUTHOR_CONTACT" && m["text"] == line), "{line}: {seen:?}");
    }
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_4_a_bot_that_is_connected_elsewhere_is_refused() {
    trust!("C-4");
    let scene = Scene::open("Да.").await;
    let other = scene.house.owner().await;
    let theirs = ready_assistant(&other.api).await;
    let connect = async |api: &Rest<Bearer>, assistant: &str, token: &str| {
        let body = json!({"kind": "CHANNEL_KIND_TELEGRAM", "botToken": token});
        api.post(&format!("/api/v1/assistants/{assistant}/channels"), body).await
    };
    let hook = scene.house.telegram.webhook(&scene.bot);
    let refused = connect(&other.api, &theirs, &scene.bot).await;
    let problem = refused.problem(409, "BOT_IN_USE");
    assert!(
        !problem.json.to_string().contains(&scene.bot) && !problem.json.to_string().contains(&scene.owner.workspace)
    );
    connect(&scene.owner.api, &scene.assistant, &scene.bot).await.problem(409, "BOT_IN_USE");
    assert_eq!(scene.house.telegram.webhook(&scene.bot), hook, "the webhook stays where it was");
    let listed = other.api.get("/api/v1/integrations").await.ok();
    assert!(!listed.to_string().contains("CHANNEL_KIND_TELEGRAM"), "{listed}");
    let unknown = "7700000002:AAE-abcdefghijklmnopqrstuvwxyz_012345";
    connect(&other.api, &theirs, unknown).await.problem(400, "BOT_TOKEN_INVALID");
    // Disconnected here, it is free there.
    let path = format!("/api/v1/assistants/{}/channels/{}", scene.assistant, text(&scene.channel["id"]));
    assert_eq!(scene.owner.api.delete(&path).await.ok()["state"], "CHANNEL_STATE_NOT_CONNECTED");
    assert_eq!(connect(&other.api, &theirs, &scene.bot).await.ok()["state"], "CHANNEL_STATE_CONNECTED");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_5_whoever_blocked_the_bot_is_left_in_peace_until_they_write_again() {
    trust!("C-5");
    let scene = Scene::open("Здравствуйте!").await;
    let telegram = &scene.house.telegram;
    telegram.fail_chat(scene.anna.id(), Fault::Blocked);
    scene.says("Сколько?").await;
    let failed = scene.last_is("DELIVERY_STATE_FAILED").await;
    assert_eq!(failed["deliveryError"], "blocked");
    let tries = telegram.calls_of("sendMessage").len();
    assert_eq!(tries, 1, "no second try");
    let chat = text(&failed["conversationId"]);
    let _ = scene.owner.api.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    let _ = scene.owner.api.post(&format!("/api/v1/chats/{chat}/messages"), json!({"text": "Вы тут?"})).await.ok();
    assert_eq!(scene.last_is("DELIVERY_STATE_FAILED").await["text"], "Вы тут?");
    assert_eq!(telegram.calls_of("sendMessage").len(), tries, "not even tried");
    telegram.heal_chat(scene.anna.id());
    scene.says("Я вернулась").await;
    let _ = scene.owner.api.post(&format!("/api/v1/chats/{chat}/messages"), json!({"text": "Отлично!"})).await.ok();
    assert_eq!(scene.last_is("DELIVERY_STATE_SENT").await["text"], "Отлично!");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_8_a_send_nobody_answered_is_shown_to_a_person_and_never_repeated_by_itself() {
    trust!("F-8");
    for (fault, there) in [(Fault::DoneThenHangUp, 1), (Fault::HangUp, 0)] {
        let scene = Scene::open("Здравствуйте!").await;
        let telegram = &scene.house.telegram;
        telegram.fail_next("sendMessage", fault);
        scene.says("Сколько?").await;
        let unknown = scene.last_is("DELIVERY_STATE_FAILED").await;
        assert_eq!(unknown["deliveryError"], "outcome_unknown");
        scene.house.quiet().await;
        assert_eq!(telegram.sent_to(scene.anna.id()).len(), there);
        assert_eq!(telegram.calls_of("sendMessage").len(), 1, "never again by itself");
        let chat = text(&unknown["conversationId"]);
        let dialogue = scene.owner.api.get(&format!("/api/v1/chats/{chat}")).await.ok();
        assert_eq!(dialogue["handler"], "HANDLER_NOBODY", "a person decides");
        let resend = format!("/api/v1/chats/{chat}/messages/{}:resend", text(&unknown["id"]));
        let _ = scene.owner.api.post(&resend, json!({})).await.ok();
        scene.last_is("DELIVERY_STATE_SENT").await;
        assert_eq!(telegram.sent_to(scene.anna.id()).len(), there + 1);
        scene.owner.api.post(&resend, json!({})).await.problem(409, "NOT_RESENDABLE");
        let statement = scene.owner.api.get("/api/v1/billing/statement").await.ok();
        assert_eq!(statement.to_string().matches("TRANSFER_KIND_SETTLE").count(), 1, "the answer was made: paid once");
        scene.house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f_31_telegram_that_is_down_is_waited_for_in_order_and_the_channel_says_so() {
    trust!("F-31");
    let scene = Scene::open("Здравствуйте!").await;
    let telegram = &scene.house.telegram;
    for _ in 0..2 {
        telegram.fail_next("sendMessage", Fault::ServerError);
    }
    telegram.fail_next("sendMessage", Fault::BadGateway);
    telegram.fail_next("sendMessage", Fault::RetryAfter(3));
    scene.says("Сколько?").await;
    let troubled = eventually_within(SOON, "the channel says so", async || {
        Some(scene.connection().await).filter(|c| c["state"] == "CHANNEL_STATE_ERROR")
    })
    .await;
    assert!(!text(&troubled["lastErrorRu"]).is_empty() && text(&troubled["lastErrorEn"]).is_ascii(), "{troubled}");
    let chat = text(&scene.messages().await[0]["conversationId"]).to_owned();
    let _ = scene.owner.api.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    for words in ["Второе", "Третье"] {
        let _ = scene.owner.api.post(&format!("/api/v1/chats/{chat}/messages"), json!({"text": words})).await.ok();
    }
    let sent = telegram.wait_for_sent_within(Duration::from_secs(90), scene.anna.id(), 3).await;
    let texts: Vec<&str> = sent.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["Здравствуйте!", "Второе", "Третье"]);
    assert!(telegram.early_calls().is_empty(), "the asked silence was kept");
    assert_eq!(telegram.calls_of("sendMessage").len(), 4 + 3, "no tight loop");
    eventually_within(SOON, "the channel is well again", async || {
        (scene.connection().await["state"] == "CHANNEL_STATE_CONNECTED").then_some(())
    })
    .await;
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_31_an_hour_of_silence_is_kept_by_the_whole_channel() {
    trust!("F-31");
    let scene = Scene::open("Здравствуйте!").await;
    let telegram = &scene.house.telegram;
    telegram.fail_next("sendMessage", Fault::RetryAfter(3_600));
    scene.says("Сколько?").await;
    eventually_within(SOON, "the channel says so", async || {
        (scene.connection().await["state"] == "CHANNEL_STATE_ERROR").then_some(())
    })
    .await;
    let boris = telegram.chat(5_501_234_568, "Борис");
    telegram.deliver(&scene.bot, boris.text("А мне?")).delivered().await;
    let waiting =
        "SELECT count(*) FROM chats.job WHERE kind = 'delivery.send' AND run_at > now() + interval '50 minutes'";
    eventually_within(SOON, "both answers wait", async || (scene.house.number(waiting).await == 2).then_some(())).await;
    assert_eq!(scene.house.number("SELECT count(*) FROM chats.delivery WHERE state = 'queued'").await, 2);
    assert_eq!(telegram.calls_of("sendMessage").len(), 1, "no tight loop");
    scene.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_stops_the_channel_and_its_owner_is_told() {
    let scene = Scene::open("Здравствуйте!").await;
    scene.house.telegram.revoke(&scene.bot);
    scene.says("Сколько?").await;
    assert_eq!(scene.last_is("DELIVERY_STATE_FAILED").await["deliveryError"], "channel_error");
    let connection = scene.connection().await;
    assert_eq!(connection["state"], "CHANNEL_STATE_ERROR");
    assert!(text(&connection["lastErrorRu"]).contains("@BotFather"), "{connection}");
    assert!(!connection.to_string().contains(&scene.bot), "no token");
    assert_eq!(scene.house.telegram.calls_of("sendMessage").len(), 1);
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_come_in_order_within_telegrams_limits() {
    let paragraph = "👍 Доставка стоит триста рублей и занимает один день. ".repeat(30);
    let long = (1..=9).map(|n| format!("{n}. {paragraph}")).collect::<Vec<_>>().join("\n\n");
    let scene = Scene::open(&long).await;
    let path = format!("/api/v1/assistants/{}", scene.assistant);
    let change = json!({"draft": {"maxOutputTokens": 8000}, "etag": "*"});
    let _ = scene.owner.api.patch(&path, change).await.ok();
    let _ = scene.owner.api.post(&format!("{path}:publish"), json!({})).await.ok();
    // A plan may be two seconds old, but not where its change was heard of.
    let heard = "SELECT count(*) FROM chats.event WHERE kind = 'assistant.published'";
    eventually_within(SOON, "the change is heard of", async || (scene.house.number(heard).await == 2).then_some(()))
        .await;
    scene.house.telegram.set_rates(Rates::default());
    scene.says("Расскажите всё").await;
    scene.last_is("DELIVERY_STATE_SENT").await;
    let sent = scene.house.telegram.sent_to(scene.anna.id());
    assert!(sent.len() >= 4, "{} parts", sent.len());
    assert!(sent.iter().all(|part| part.text.encode_utf16().count() <= 4096));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let all: Vec<String> = sent.iter().flat_map(|part| words(&part.text)).collect();
    assert_eq!(all, words(&long), "in order, nothing lost, nothing twice");
    assert!(scene.house.telegram.early_calls().is_empty(), "429 is obeyed");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l_3_what_a_model_writes_is_formatted_by_entities_and_nothing_is_fetched() {
    let pixel = neipix_tests::provider::Provider::start().await.unwrap();
    let evil = format!("![вид]({}/q?secret=1)", pixel.base_url());
    let answer = format!(
        "👍 **Срок:** 3 дня, `код` и [сайт](https://shop.example/a)\n\n{evil}\n\n[жми](javascript:alert(1)) <script>alert(1)</script>"
    );
    let scene = Scene::open(&answer).await;
    scene.says("Сколько?").await;
    let sent = scene.house.telegram.wait_for_sent_within(SOON, scene.anna.id(), 1).await.remove(0);
    assert!(sent.params.get("parse_mode").is_none(), "entities, no markup: {}", sent.params);
    assert_eq!(sent.params["link_preview_options"]["is_disabled"], true, "Telegram fetches nothing either");
    let entities = sent.entities.as_array().unwrap();
    let units: Vec<u16> = sent.text.encode_utf16().collect();
    let of = |kind: &str| {
        let found = entities.iter().filter(|e| e["type"] == kind);
        let cut = |e: &Value| {
            let at = usize::try_from(e["offset"].as_u64().unwrap()).unwrap();
            String::from_utf16(&units[at..at + usize::try_from(e["length"].as_u64().unwrap()).unwrap()]).unwrap()
        };
        found.map(cut).collect::<Vec<_>>()
    };
    assert_eq!((of("bold"), of("code")), (vec!["Срок:".to_owned()], vec!["код".to_owned()]), "{}", sent.text);
    assert_eq!(entities.iter().find(|e| e["type"] == "bold").unwrap()["offset"], 3, "in UTF-16 units");
    let links: Vec<&Value> = entities.iter().filter(|e| e["type"] == "text_link").collect();
    assert!(!links.iter().any(|l| text(&l["url"]).starts_with("javascript")), "{links:?}");
    assert!(sent.text.contains("<script>"), "markup is text: {}", sent.text);
    scene.house.quiet().await;
    assert!(pixel.exchanges().is_empty(), "no request leaves for a picture");
    scene.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_connections_tell_states_page_by_page() {
    let scene = Scene::open("Да.").await;
    let _ = scene.house.bot(&scene.owner.api, &scene.assistant).await;
    let all = scene.owner.api.get("/api/v1/integrations").await.ok();
    let kinds: Vec<&str> = all["connections"].as_array().unwrap().iter().map(|c| text(&c["kind"])).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "CHANNEL_KIND_TELEGRAM").count(), 2, "{all}");
    assert_eq!(kinds.iter().filter(|k| **k == "CHANNEL_KIND_API").count(), 1, "{all}");
    let first = scene.owner.api.get("/api/v1/integrations?pageSize=2").await.ok();
    let next = text(&first["nextPageToken"]);
    let second = scene.owner.api.get(&format!("/api/v1/integrations?pageSize=2&pageToken={next}")).await.ok();
    let mut paged = first["connections"].as_array().unwrap().clone();
    paged.extend(second["connections"].as_array().unwrap().clone());
    assert_eq!(Value::Array(paged), all["connections"]);
    assert!(all["connections"].as_array().unwrap().iter().all(|c| text(&c["state"]) == "CHANNEL_STATE_CONNECTED"));
    scene.house.close().await;
}
