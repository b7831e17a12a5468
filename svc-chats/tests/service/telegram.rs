//! Telegram: connecting a bot, its updates, sending.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use neipix_proto::chats::v1::{
    Channel, ChannelKind, ChannelState, CheckChannelRequest, CreateChannelRequest, DeleteChannelRequest, DeliveryState,
    IngestRequest, ResendMessageRequest, SendMessageRequest, TakeOverRequest, UpdateChannelRequest,
};
use serde_json::{Value, json};
use svc_chats::{channels, conversations, ingest};

use crate::harness::{Test, eventually, eventually_within, reason};

const TOKEN: &str = "7700000001:AAE-abcdefghijklmnopqrstuvwxyz_012345";

/// What Telegram does with the next sends.
#[derive(Debug, Clone)]
enum Reply {
    Refuse(u16, Value),
    /// Takes it and never answers.
    Swallow,
}

#[derive(Default)]
struct Bot {
    calls: Mutex<Vec<(String, Value)>>,
    replies: Mutex<VecDeque<Reply>>,
    hook: Mutex<Value>,
}

impl Bot {
    fn sent(&self) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(method, _)| method == "sendMessage").map(|(_, body)| body.clone()).collect()
    }
    fn next(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
    }
}

async fn serve(State(bot): State<Arc<Bot>>, uri: Uri, body: Bytes) -> axum::response::Response {
    let path = uri.path().to_owned();
    let Some(method) = path.strip_prefix(&format!("/bot{TOKEN}/")) else {
        let refused = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
        return (StatusCode::UNAUTHORIZED, refused.to_string()).into_response();
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    bot.calls.lock().unwrap().push((method.to_owned(), body.clone()));
    let result = match method {
        "getMe" => json!({"id": 7_700_000_001i64, "is_bot": true, "username": "shop_bot"}),
        "setWebhook" => {
            *bot.hook.lock().unwrap() = body;
            json!(true)
        }
        "getWebhookInfo" => json!({"url": bot.hook.lock().unwrap()["url"], "pending_update_count": 0}),
        "sendMessage" => {
            let reply = bot.replies.lock().unwrap().pop_front();
            match reply {
                Some(Reply::Swallow) => std::future::pending().await,
                Some(Reply::Refuse(code, more)) => {
                    let mut refused = json!({"ok": false, "error_code": code, "description": "refused"});
                    refused.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                    return (StatusCode::from_u16(code).unwrap(), refused.to_string()).into_response();
                }
                None => json!({"message_id": 1_000 + bot.sent().len()}),
            }
        }
        _ => json!(true),
    };
    json!({"ok": true, "result": result}).to_string().into_response()
}

struct Scene {
    t: Test,
    bot: Arc<Bot>,
    channel: Channel,
    hook: String,
    secret: String,
}

impl Scene {
    async fn start() -> Self {
        let bot = Arc::new(Bot::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = Router::new().fallback(serve).with_state(bot.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let t = Test::with(&[("EGRESS_ALLOW", &address), ("TELEGRAM_API", &format!("http://{address}"))]).await;
        let channel = connect(&t, TOKEN).await.unwrap();
        let hook = bot.hook.lock().unwrap().clone();
        let url = hook["url"].as_str().unwrap();
        let id = url.rsplit('/').next().unwrap().to_owned();
        let secret = hook["secret_token"].as_str().unwrap().to_owned();
        Self { t, bot, channel, hook: id, secret }
    }

    async fn update(&self, update: Value) -> Result<bool, neipix_mesh::Failure> {
        self.update_with(&self.secret, update).await
    }

    async fn update_with(&self, secret: &str, update: Value) -> Result<bool, neipix_mesh::Failure> {
        let request = IngestRequest {
            workspace_id: String::new(),
            hook_id: self.hook.clone(),
            secret: secret.to_owned(),
            update: update.to_string().into_bytes(),
        };
        let call = self.t.call_as(neipix_mesh::WorkspaceId::PLATFORM, "owner", "Ingest", request);
        ingest::rpc::ingest(&self.t.chats, call).await.map(|answer| answer.duplicate)
    }

    async fn says(&self, id: i64, text: &str) -> bool {
        self.update(message(id, text)).await.unwrap()
    }

    async fn conversation(&self) -> String {
        let mut connection = self.t.owner().await;
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            id: String,
        }
        let row: Row = diesel_async::RunQueryDsl::get_result(
            diesel::sql_query("SELECT id::text FROM conversation LIMIT 1"),
            &mut connection,
        )
        .await
        .unwrap();
        row.id
    }
}

fn message(id: i64, text: &str) -> Value {
    json!({"update_id": 900 + id, "message": {"message_id": id, "date": 1, "chat": {"id": 55, "type": "private"},
        "from": {"id": 55, "is_bot": false, "first_name": "Анна"}, "text": text}})
}

async fn connect(t: &Test, token: &str) -> Result<Channel, neipix_mesh::Failure> {
    let request = CreateChannelRequest {
        assistant_id: t.assistant.to_string(),
        kind: ChannelKind::Telegram.into(),
        bot_token: token.into(),
        widget: None,
    };
    channels::rpc::create(&t.chats, t.call("CreateChannel", request)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_connected_answers_and_its_token_is_shown_to_nobody() {
    let s = Scene::start().await;
    assert_eq!((s.channel.state(), s.channel.title.as_str()), (ChannelState::Connected, "@shop_bot"));
    assert_eq!((s.channel.bot_token.as_str(), s.channel.bot_token_last4.as_str()), ("", "2345"));
    assert!(!s.says(1, "Сколько стоит доставка?").await);
    eventually("the answer", async || (s.bot.sent().len() == 1).then_some(())).await;
    let sent = &s.bot.sent()[0];
    assert_eq!((&sent["chat_id"], &sent["text"]), (&json!(55), &json!("Доставка стоит 300 рублей.")));
    let delivered = "SELECT count(*) FROM turn WHERE state = 'delivered'";
    eventually("delivered", async || (s.t.number(delivered).await == 1).then_some(())).await;
    let messages = s.t.messages(&s.conversation().await).await;
    assert_eq!(messages[1].delivery_state(), DeliveryState::Sent);
    s.t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_2_the_same_update_is_one_message() {
    // trust: C-2
    let s = Scene::start().await;
    let answers = futures::future::join_all((0..20).map(|_| s.update(message(1, "Сколько?")))).await;
    let fresh = answers.into_iter().map(Result::unwrap).filter(|duplicate| !duplicate).count();
    assert_eq!(fresh, 1);
    assert!(s.says(1, "Сколько?").await);
    eventually("one answer", async || (s.bot.sent().len() == 1).then_some(())).await;
    assert_eq!(s.t.number("SELECT count(*) FROM message WHERE author = 'contact'").await, 1);
    s.t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_1_a_wrong_secret_stores_nothing() {
    // trust: C-1
    let s = Scene::start().await;
    for secret in ["", "x", &s.secret[1..]] {
        assert_eq!(reason(s.update_with(secret, message(1, "Сколько?")).await), "HOOK_SECRET");
    }
    assert_eq!(s.t.number("SELECT count(*) FROM message").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_lines_are_one_turn_and_an_edit_before_it_starts_counts() {
    let s = Scene::start().await;
    s.t.assistants.spec(|spec| spec.answer_delay_seconds = Some(1));
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    s.says(1, "Здравствуйте").await;
    s.says(2, "Сколко стоит").await;
    let mut edited = message(2, "Сколько стоит");
    let inner = edited.as_object_mut().unwrap().remove("message").unwrap();
    edited["edited_message"] = inner;
    edited["update_id"] = json!(999);
    s.update(edited).await.unwrap();
    s.says(3, "доставка?").await;
    eventually_within(std::time::Duration::from_secs(8), "the answer", async || {
        (s.bot.sent().len() == 1).then_some(())
    })
    .await;
    assert_eq!(s.t.assistants.replies()[0].inputs, ["Здравствуйте", "Сколько стоит", "доставка?"]);
    s.t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_31_telegram_asks_for_silence_and_gets_it_in_order() {
    // trust: F-31
    let s = Scene::start().await;
    s.bot.next(Reply::Refuse(429, json!({"parameters": {"retry_after": 2}})));
    s.bot.next(Reply::Refuse(500, json!({})));
    let began = std::time::Instant::now();
    s.says(1, "Сколько?").await;
    eventually_within(std::time::Duration::from_secs(20), "the answer", async || {
        (s.t.number("SELECT count(*) FROM delivery WHERE state = 'sent'").await == 1).then_some(())
    })
    .await;
    assert!(began.elapsed().as_secs() >= 2 && s.bot.sent().len() == 3);
    s.t.verify().await;
}

/// Somebody else writes, in a chat of their own.
fn message_in(chat: i64, id: i64, text: &str) -> Value {
    let mut update = message(id, text);
    update["message"]["chat"] = json!({"id": chat, "type": "private"});
    update["message"]["from"] = json!({"id": chat, "is_bot": false, "first_name": "Борис"});
    update
}

#[tokio::test(flavor = "multi_thread")]
async fn f_31_silence_in_one_chat_holds_up_no_other() {
    // trust: F-31
    let s = Scene::start().await;
    s.bot.next(Reply::Refuse(429, json!({"parameters": {"retry_after": 600}})));
    // A full group is no silence of the bot.
    let mut group = message_in(-55, 1, "@shop_bot сколько?");
    group["message"]["chat"]["type"] = json!("supergroup");
    group["message"]["from"]["id"] = json!(55);
    s.update(group).await.unwrap();
    eventually("refused", async || (s.bot.sent().len() == 1).then_some(())).await;
    let waits = "SELECT count(*) FROM delivery WHERE state = 'queued' AND attempt = 1";
    eventually("it waits", async || (s.t.number(waits).await == 1).then_some(())).await;
    s.update(message_in(56, 2, "Сколько?")).await.unwrap();
    let sent = "SELECT count(*) FROM delivery WHERE state = 'sent'";
    eventually("the other chat has its answer", async || (s.t.number(sent).await == 1).then_some(())).await;
    assert_eq!(s.bot.sent()[1]["chat_id"], 56);
    let request = CheckChannelRequest { assistant_id: String::new(), id: s.channel.id.clone() };
    let checked = channels::rpc::check(&s.t.chats, s.t.call("CheckChannel", request)).await.unwrap();
    assert_eq!(checked.state(), ChannelState::Connected);
    // What is asked of the bot in a private chat holds for all.
    s.bot.next(Reply::Refuse(429, json!({"parameters": {"retry_after": 600}})));
    s.update(message_in(57, 3, "Сколько?")).await.unwrap();
    let paused = "SELECT count(*) FROM channel WHERE state = 'error' AND paused_until > clock_timestamp() + interval '9 minutes'";
    eventually("the bot is silent", async || (s.t.number(paused).await == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_writes_no_faster_than_telegram_takes_it() {
    let s = Scene::start().await;
    let bucket = neipix_mesh::redis::workspace_key("tg", s.t.ws, &s.channel.id);
    // As if other replicas had sent what the bot may send within three seconds: the next one goes when a second of them is left.
    let began = std::time::Instant::now();
    for _ in 0..75 {
        assert_eq!(s.t.chats.sends.take(bucket.clone(), (75, 3)).await, None);
    }
    s.says(1, "Сколько?").await;
    eventually_within(std::time::Duration::from_secs(20), "the answer", async || {
        (s.bot.sent().len() == 1).then_some(())
    })
    .await;
    assert!(began.elapsed() >= std::time::Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_changed_below_its_own_assistant_only() {
    let s = Scene::start().await;
    let update = |assistant: &str, paths: &[&str]| UpdateChannelRequest {
        channel: Some(Channel {
            id: s.channel.id.clone(),
            assistant_id: assistant.to_owned(),
            etag: "*".into(),
            bot_token: TOKEN.into(),
            ..Channel::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }),
    };
    let call = |request| s.t.call("UpdateChannel", request);
    let foreign = uuid::Uuid::now_v7().to_string();
    assert_eq!(reason(channels::rpc::update(&s.t.chats, call(update(&foreign, &["bot_token"]))).await), "NOT_FOUND");
    for own in ["", &s.t.assistant.to_string()] {
        channels::rpc::update(&s.t.chats, call(update(own, &["bot_token"]))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c_5_a_customer_who_blocked_the_bot_is_not_bothered() {
    // trust: C-5
    let s = Scene::start().await;
    s.bot.next(Reply::Refuse(403, json!({})));
    s.says(1, "Сколько?").await;
    let failed = "SELECT count(*) FROM delivery WHERE state = 'failed' AND error = 'blocked'";
    eventually("failed", async || (s.t.number(failed).await == 1).then_some(())).await;
    let ended = "SELECT count(*) FROM turn WHERE state = 'delivered'";
    eventually("the answer was made: it is charged", async || (s.t.number(ended).await == 1).then_some(())).await;
    let conversation = s.conversation().await;
    let take = TakeOverRequest { id: conversation.clone() };
    conversations::rpc::take_over(&s.t.chats, s.t.call("TakeOver", take)).await.unwrap();
    let request =
        SendMessageRequest {
            conversation_id: conversation.clone(), text: "Вы тут?".into(), client_id: String::new()
        };
    conversations::rpc::send(&s.t.chats, s.t.call("SendMessage", request)).await.unwrap();
    eventually("not even tried", async || (s.t.number(failed).await == 2).then_some(())).await;
    assert_eq!(s.bot.sent().len(), 1);
    s.t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_8_a_send_without_an_answer_is_of_unknown_outcome_until_a_person_resends_it() {
    // trust: F-8
    let s = Scene::start().await;
    s.bot.next(Reply::Swallow);
    s.says(1, "Сколько?").await;
    eventually("sending", async || (s.bot.sent().len() == 1).then_some(())).await;
    // As if the worker had died here: its lease is over.
    let ws = s.t.ws;
    s.t.chats
        .db
        .in_workspace_id(ws, "test.orphan", async |tx: &mut neipix_mesh::db::Tx| {
            for sql in [
                "UPDATE delivery SET lease_until = clock_timestamp() - interval '1 second'",
                "UPDATE job SET lease_until = NULL, lease_epoch = lease_epoch + 1, run_at = clock_timestamp() WHERE kind = 'delivery.send'",
            ] {
                diesel_async::RunQueryDsl::execute(diesel::sql_query(sql), tx).await?;
            }
            Ok::<_, neipix_mesh::Failure>(())
        })
        .await
        .unwrap();
    let unknown = "SELECT count(*) FROM delivery WHERE state = 'failed' AND error = 'outcome_unknown'";
    eventually("unknown", async || (s.t.number(unknown).await == 1).then_some(())).await;
    let id = s.conversation().await;
    assert_eq!(s.t.conversation(&id).await.handler().as_str_name(), "HANDLER_NOBODY");
    let failed = s.t.messages(&id).await.remove(1);
    assert_eq!((failed.delivery_state(), failed.delivery_error.as_str()), (DeliveryState::Failed, "outcome_unknown"));
    assert_eq!(s.bot.sent().len(), 1, "never again by itself");
    let request = ResendMessageRequest { conversation_id: id.clone(), id: failed.id.clone() };
    conversations::rpc::resend(&s.t.chats, s.t.call("ResendMessage", request.clone())).await.unwrap();
    eventually("sent", async || (s.bot.sent().len() == 2).then_some(())).await;
    eventually("noted", async || (s.t.messages(&id).await[1].delivery_state() == DeliveryState::Sent).then_some(()))
        .await;
    let again = conversations::rpc::resend(&s.t.chats, s.t.call("ResendMessage", request)).await;
    assert_eq!(reason(again), "NOT_RESENDABLE");
    s.t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_4_a_bot_is_connected_once_and_comes_back_as_the_same_channel() {
    // trust: C-4
    let s = Scene::start().await;
    assert_eq!(reason(connect(&s.t, TOKEN).await), "BOT_IN_USE");
    assert_eq!(reason(connect(&s.t, "7700000002:AAE-abcdefghijklmnopqrstuvwxyz_012345").await), "BOT_TOKEN_INVALID");
    let check = CheckChannelRequest { assistant_id: String::new(), id: s.channel.id.clone() };
    let checked = channels::rpc::check(&s.t.chats, s.t.call("CheckChannel", check.clone())).await.unwrap();
    assert_eq!(checked.state(), ChannelState::Connected);
    *s.bot.hook.lock().unwrap() = json!({"url": "https://elsewhere.example"});
    let checked = channels::rpc::check(&s.t.chats, s.t.call("CheckChannel", check)).await.unwrap();
    assert_eq!(checked.state(), ChannelState::Error);
    assert!(!checked.last_error_ru.is_empty() && !checked.last_error_en.is_empty());
    let delete = DeleteChannelRequest { assistant_id: String::new(), id: s.channel.id.clone() };
    let gone = channels::rpc::delete(&s.t.chats, s.t.call("DeleteChannel", delete)).await.unwrap();
    assert_eq!(gone.state(), ChannelState::NotConnected);
    assert_eq!(reason(s.update(message(1, "Сколько?")).await), "HOOK_SECRET");
    let back = connect(&s.t, TOKEN).await.unwrap();
    assert_eq!((back.id.as_str(), back.state()), (s.channel.id.as_str(), ChannelState::Connected));
}
