//! The stand-in against the rules of the Bot API.

use serde_json::json;

use super::*;
use crate::client::http;

const TOKEN_ID: i64 = 7_700_000_001;
const ANNA: i64 = 5_501_234_567;

async fn with_bot() -> (Telegram, String) {
    let telegram = Telegram::start().await.unwrap();
    let token = telegram.bot(TOKEN_ID, "neipix_bot");
    (telegram, token)
}

async fn call(telegram: &Telegram, token: &str, method: &str, params: Value) -> (u16, Value) {
    let url = format!("{}/bot{token}/{method}", telegram.base_url());
    let answer = http().post(url).json(&params).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn send(telegram: &Telegram, token: &str, params: Value) -> (u16, Value) {
    call(telegram, token, "sendMessage", params).await
}

#[tokio::test]
async fn knows_tokens_and_methods() {
    let (telegram, token) = with_bot().await;
    let (status, me) = call(&telegram, &token, "getMe", json!({})).await;
    assert_eq!((status, &me["result"]["id"], &me["result"]["username"]), (200, &json!(TOKEN_ID), &json!("neipix_bot")));
    assert_eq!(call(&telegram, "1:x", "getMe", json!({})).await.0, 401);
    let (status, body) = call(&telegram, &token, "sendTelepathy", json!({})).await;
    assert_eq!((status, &body["ok"], &body["error_code"]), (404, &json!(false), &json!(404)));
    telegram.revoke(&token);
    assert_eq!(call(&telegram, &token, "getMe", json!({})).await.1["description"], "Unauthorized");
}

#[tokio::test]
async fn takes_json_and_forms() {
    let (telegram, token) = with_bot().await;
    let url = format!("{}/bot{token}/sendMessage", telegram.base_url());
    let form = "chat_id=5501234567&text=%D0%94%D0%B0&entities=%5B%7B%22type%22%3A%22bold%22%2C%22offset%22%3A0%2C%22length%22%3A2%7D%5D";
    let answer =
        http().post(url).header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(send(&telegram, &token, json!({"chat_id": ANNA, "text": "Нет"})).await.0, 200);
    let sent = telegram.wait_for_sent(ANNA, 2).await;
    assert_eq!((sent[0].text.as_str(), sent[1].text.as_str()), ("Да", "Нет"));
    assert_eq!(sent[0].entities[0]["type"], "bold");
    assert_eq!(sent[1].message_id, sent[0].message_id + 1);
}

#[tokio::test]
async fn counts_utf16_units() {
    let (telegram, token) = with_bot().await;
    let text = |text: &str| json!({"chat_id": ANNA, "text": text});
    assert_eq!(send(&telegram, &token, text(&"👍".repeat(2048))).await.0, 200);
    let (status, body) = send(&telegram, &token, text(&"👍".repeat(2049))).await;
    assert_eq!((status, &body["description"]), (400, &json!("Bad Request: message is too long")));
    let (status, body) = send(&telegram, &token, text(" \n ")).await;
    assert_eq!((status, &body["description"]), (400, &json!("Bad Request: message text is empty")));
}

#[tokio::test]
async fn checks_entities() {
    let (telegram, token) = with_bot().await;
    let entity = |kind: &str, offset: i64, length: i64| json!({"type": kind, "offset": offset, "length": length});
    let cases = [
        (vec![entity("bold", 3, 5)], 200),
        (vec![entity("bold", 0, 14), entity("italic", 3, 5)], 200),
        (vec![entity("bold", 1, 5)], 400),
        (vec![entity("bold", 3, 50)], 400),
        (vec![entity("bold", -1, 2)], 400),
        (vec![entity("bold", 3, 0)], 400),
        (vec![entity("shiny", 3, 5)], 400),
        (vec![entity("text_link", 3, 5)], 400),
        (vec![entity("bold", 3, 5), entity("italic", 5, 5)], 400),
        (vec![entity("code", 3, 5), entity("bold", 4, 2)], 400),
    ];
    for (entities, expected) in cases {
        let params = json!({"chat_id": ANNA, "text": "👍 Срок: 3 дня!", "entities": entities});
        let (status, body) = send(&telegram, &token, params.clone()).await;
        assert_eq!(status, expected, "{params} {body}");
    }
    let params = json!({"chat_id": ANNA, "text": "<b>да</b>", "parse_mode": "HTML"});
    assert_eq!(send(&telegram, &token, params).await.0, 400);
    let button = json!({"inline_keyboard": [[{"text": "да", "callback_data": "x".repeat(65)}]]});
    assert_eq!(send(&telegram, &token, json!({"chat_id": ANNA, "text": "?", "reply_markup": button})).await.0, 400);
}

#[tokio::test]
async fn limits_rates_and_marks_early_sends() {
    let (telegram, token) = with_bot().await;
    telegram.set_rates(Rates { chat_burst: 2, ..Rates::default() });
    for expected in [200, 200, 429, 429] {
        let (status, body) = send(&telegram, &token, json!({"chat_id": ANNA, "text": "раз"})).await;
        assert_eq!(status, expected);
        assert!(expected == 200 || body["parameters"]["retry_after"] == 1);
    }
    assert_eq!(telegram.early_calls().len(), 1);
    assert_eq!(send(&telegram, &token, json!({"chat_id": 1, "text": "раз"})).await.0, 200);
    telegram.fail_next("sendMessage", Fault::RetryAfter(7));
    let (_, body) = send(&telegram, &token, json!({"chat_id": 2, "text": "раз"})).await;
    assert_eq!(body["parameters"]["retry_after"], 7);
    assert_eq!(send(&telegram, &token, json!({"chat_id": 2, "text": "раз"})).await.0, 429);
    assert_eq!(telegram.early_calls().len(), 2);
}

#[tokio::test]
async fn fails_as_scripted() {
    let (telegram, token) = with_bot().await;
    let text = json!({"chat_id": ANNA, "text": "раз"});
    telegram.fail_chat(ANNA, Fault::Blocked);
    let (status, body) = send(&telegram, &token, text.clone()).await;
    assert_eq!((status, &body["description"]), (403, &json!("Forbidden: bot was blocked by the user")));
    telegram.heal_chat(ANNA);
    telegram.fail_next("sendMessage", Fault::ServerError);
    assert_eq!(send(&telegram, &token, text.clone()).await.0, 500);
    telegram.fail_next("sendMessage", Fault::Migrated { to: -100 });
    assert_eq!(send(&telegram, &token, text.clone()).await.1["parameters"]["migrate_to_chat_id"], -100);
    assert!(telegram.sent_to(ANNA).is_empty());
    let url = format!("{}/bot{token}/sendMessage", telegram.base_url());
    for (fault, arrived) in [(Fault::HangUp, 0), (Fault::DoneThenHangUp, 1)] {
        telegram.fail_next("sendMessage", fault);
        let lost = http().post(&url).json(&text).send().await;
        assert!(lost.is_err_and(|e| !e.is_connect()), "bytes were written, no answer came");
        assert_eq!(telegram.sent_to(ANNA).len(), arrived);
    }
    assert_eq!(telegram.calls_of("sendmessage").iter().map(|c| c.code).collect::<Vec<_>>(), [403, 500, 400, 0, 0]);
}

#[tokio::test]
async fn keeps_the_webhook_and_gives_files() {
    let (telegram, token) = with_bot().await;
    let hook = json!({"url": "http://api.localhost:9/webhooks/telegram/1", "secret_token": "s-1", "allowed_updates": ["message"]});
    assert_eq!(call(&telegram, &token, "setWebhook", hook.clone()).await.0, 200);
    let info = call(&telegram, &token, "getWebhookInfo", json!({})).await.1;
    assert_eq!((&info["result"]["url"], &info["result"]["max_connections"]), (&hook["url"], &json!(40)));
    assert_eq!(telegram.webhook(&token).unwrap().1.as_deref(), Some("s-1"));
    assert_eq!(call(&telegram, &token, "getUpdates", json!({})).await.0, 409);
    assert_eq!(call(&telegram, &token, "setWebhook", json!({"url": "http://a.b/", "secret_token": "да"})).await.0, 400);
    telegram.require_public_webhook();
    assert_eq!(call(&telegram, &token, "setWebhook", json!({"url": "http://a.b/"})).await.0, 400);
    call(&telegram, &token, "deleteWebhook", json!({})).await;
    assert_eq!(telegram.webhook(&token), None);
    telegram.put_file("voice-1", "OggS");
    let file = call(&telegram, &token, "getFile", json!({"file_id": "voice-1"})).await.1;
    let path = file["result"]["file_path"].as_str().unwrap();
    let bytes = http().get(format!("{}/file/bot{token}/{path}", telegram.base_url())).send().await.unwrap();
    assert_eq!(bytes.text().await.unwrap(), "OggS");
}

mod delivering {
    use std::sync::atomic::AtomicUsize;

    use axum::extract::{Request, State};

    use super::*;
    use crate::server::whole_body;

    type Seen = Arc<Mutex<Vec<(String, String, Value)>>>;

    /// Answers 500 to the first `bad` posts.
    async fn hook(bad: usize) -> (Server, Seen) {
        let seen = Seen::default();
        let left = Arc::new(AtomicUsize::new(bad));
        let handler = async |State((seen, left)): State<(Seen, Arc<AtomicUsize>)>, request: Request| {
            let (head, body) = request.into_parts();
            let body = serde_json::from_slice(&whole_body(body).await).unwrap();
            let header = |name: &str| head.headers.get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
            let (host, secret) = (header("host"), header("x-telegram-bot-api-secret-token"));
            seen.lock().unwrap().push((host, secret, body));
            let failed = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
            if failed { http::StatusCode::INTERNAL_SERVER_ERROR } else { http::StatusCode::OK }
        };
        let router = Router::new().fallback(handler).with_state((seen.clone(), left));
        (Server::start(router).await.unwrap(), seen)
    }

    #[tokio::test]
    async fn repeats_until_success_and_keeps_the_order_of_a_chat() {
        let (telegram, token) = with_bot().await;
        let (server, seen) = hook(2).await;
        let host = format!("api.localhost:{}", server.addr().port());
        let url = format!("http://{host}/webhooks/telegram/1");
        call(&telegram, &token, "setWebhook", json!({"url": url, "secret_token": "s-1"})).await;
        let anna = telegram.chat(ANNA, "Анна");
        let first = telegram.deliver(&token, anna.text("раз"));
        let second = telegram.deliver(&token, anna.text("два"));
        assert_eq!(
            first.delivered().await.iter().map(|a| a.status).collect::<Vec<_>>(),
            [Some(500), Some(500), Some(200)]
        );
        assert_eq!(second.delivered().await.len(), 1);
        let seen = seen.lock().unwrap();
        let texts: Vec<&str> = seen.iter().map(|(_, _, body)| body["message"]["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["раз", "раз", "раз", "два"]);
        assert_eq!(seen[0].2["update_id"], seen[2].2["update_id"]);
        assert!(seen.iter().all(|(h, secret, _)| *h == host && secret == "s-1"));
    }

    #[tokio::test]
    async fn a_stranger_posts_what_he_likes() {
        let (telegram, token) = with_bot().await;
        let (server, seen) = hook(0).await;
        call(
            &telegram,
            &token,
            "setWebhook",
            json!({"url": format!("http://{}/x", server.addr()), "secret_token": "s"}),
        )
        .await;
        let body = telegram.numbered(telegram.chat(ANNA, "Анна").sticker("👍")).to_string();
        assert_eq!(telegram.post_raw(&token, None, body.as_bytes()).await, 200);
        assert_eq!(seen.lock().unwrap()[0].1, "");
    }
}

#[test]
fn builders_have_the_fields_of_the_api() {
    let anna = Chat::private(ANNA, "Анна");
    let start = anna.text("/start ws_1").into_value();
    assert_eq!(start["message"]["entities"], json!([{"offset": 0, "length": 6, "type": "bot_command"}]));
    let album = anna.album(&["a", "b"], "наше");
    let groups: Vec<Value> = album.into_iter().map(|u| u.into_value()["message"]["media_group_id"].clone()).collect();
    assert!(groups[0].is_string() && groups[0] == groups[1]);
    assert_eq!(anna.blocks(7).into_value()["my_chat_member"]["new_chat_member"]["status"], "kicked");
    assert_eq!(anna.in_group(-1005, "Склад").text("да").into_value()["message"]["chat"]["id"], -1005);
    assert_eq!(anna.edited(60, "нет").message_id(), Some(60));
    assert_eq!(anna.callback(60, "r1:up").into_value()["callback_query"]["data"], "r1:up");
    assert_eq!(anna.poll("Да?", &["да", "нет"]).number(5).into_value()["update_id"], 5);
    assert_eq!(anna.voice("v", 4).into_value()["message"]["voice"]["duration"], 4);
}
