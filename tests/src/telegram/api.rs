//! `POST /bot<token>/<method>`: from bytes to an answer.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Shared,
    bot::{Bot, Call, Fault, Webhook, World},
    send,
};
use crate::server::{hang_up, json as json_answer, whole_body};

/// An answer of the API.
pub(super) struct Answer {
    pub code: u16,
    pub body: Value,
}

pub(super) fn ok(result: Value) -> Answer {
    Answer { code: 200, body: json!({"ok": true, "result": result}) }
}

pub(super) fn error(code: u16, description: &str) -> Answer {
    Answer { code, body: json!({"ok": false, "error_code": code, "description": description}) }
}

pub(super) fn bad(what: &str) -> Answer {
    error(400, &format!("Bad Request: {what}"))
}

pub(super) fn too_many(seconds: u32) -> Answer {
    let mut answer = error(429, &format!("Too Many Requests: retry after {seconds}"));
    answer.body["parameters"] = json!({"retry_after": seconds});
    answer
}

pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let kind = head.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let body = whole_body(body).await;
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return download(&shared, rest);
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return finish(error(404, "Not Found"));
    };
    let params = match parse(&kind, &query, &body) {
        Ok(params) => params,
        Err(what) => return finish(bad(&what)),
    };
    let call =
        Call { at: Instant::now(), token: token.to_owned(), method: method.to_owned(), params, code: 0, early: false };
    answer(&shared, call).await
}

fn finish(answer: Answer) -> Response {
    json_answer(answer.code, &answer.body)
}

async fn answer(shared: &Shared, mut call: Call) -> Response {
    let method = call.method.to_lowercase();
    let fault = scripted(&mut shared.world(), &method, &call);
    let done = |call: &mut Call| {
        let answer = run(&mut shared.world(), call);
        call.code = answer.code;
        answer
    };
    let (answer, hangs_up) = match fault {
        None => (done(&mut call), false),
        Some(Fault::SlowAnswer(time)) => {
            let answer = done(&mut call);
            shared.world().calls.push(call);
            tokio::time::sleep(time).await;
            return finish(answer);
        }
        Some(Fault::DoneThenHangUp) => (done(&mut call), true),
        Some(Fault::HangUp) => (error(500, "hung up"), true),
        Some(Fault::BadGateway) => {
            call.code = 502;
            shared.world().calls.push(call);
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            return (http::StatusCode::BAD_GATEWAY, [("content-type", "text/html")], page).into_response();
        }
        Some(fault) => (refused(&mut shared.world(), &call, &fault), false),
    };
    call.code = if hangs_up { 0 } else { answer.code };
    shared.world().calls.push(call);
    if hangs_up { hang_up() } else { finish(answer) }
}

/// The fault of the method's queue, else of the chat. A token that is not known has none: it gets 401 anyway.
fn scripted(world: &mut World, method: &str, call: &Call) -> Option<Fault> {
    world.bots.get(&call.token).filter(|bot| !bot.revoked)?;
    if let Some(fault) = world.take_fault(method) {
        return Some(fault);
    }
    if !send::is_sending(method) {
        return None;
    }
    world.chat_faults.get(&send::chat_id(&call.params)?).cloned()
}

fn refused(world: &mut World, call: &Call, fault: &Fault) -> Answer {
    match fault {
        Fault::Blocked => error(403, "Forbidden: bot was blocked by the user"),
        Fault::Unauthorized => error(401, "Unauthorized"),
        Fault::RetryAfter(seconds) => {
            if let Some(chat_id) = send::chat_id(&call.params) {
                world.block(&call.token, chat_id, *seconds);
            }
            too_many(*seconds)
        }
        Fault::Migrated { to } => {
            let mut answer = bad("group chat was upgraded to a supergroup chat");
            answer.body["parameters"] = json!({"migrate_to_chat_id": to});
            answer
        }
        Fault::Error(code, description) => error(*code, description),
        _ => error(500, "Internal Server Error"),
    }
}

/// Does what the method says, and nothing where it refuses.
fn run(world: &mut World, call: &mut Call) -> Answer {
    let token = call.token.clone();
    let Some(bot) = world.bots.get_mut(&token).filter(|bot| !bot.revoked) else {
        return error(401, "Unauthorized");
    };
    let params = &call.params;
    match call.method.to_lowercase().as_str() {
        "getme" => ok(json!({
            "id": bot.id, "is_bot": true, "first_name": bot.username, "username": bot.username,
            "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_topics_enabled": false, "can_manage_bots": false,
        })),
        "setwebhook" => {
            let public = world.public_webhook;
            set_webhook(bot, params, public)
        }
        "deletewebhook" => {
            bot.webhook = None;
            ok(json!(true))
        }
        "getwebhookinfo" => webhook_info(bot),
        "getupdates" if bot.webhook.is_some() => error(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        ),
        "getupdates" => ok(json!([])),
        "getfile" => get_file(world, params),
        "answercallbackquery" | "deletemessage" => ok(json!(true)),
        method if send::is_sending(method) => send::run(world, call),
        _ => error(404, "Not Found"),
    }
}

fn set_webhook(bot: &mut Bot, params: &Value, public: bool) -> Answer {
    let url = params["url"].as_str().unwrap_or_default();
    if url.is_empty() {
        bot.webhook = None;
        return ok(json!(true));
    }
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return bad("bad webhook: invalid webhook URL specified");
    };
    if public && parsed.scheme() != "https" {
        return bad("bad webhook: An HTTPS URL must be provided for webhook");
    }
    if public && !matches!(parsed.port_or_known_default(), Some(443 | 80 | 88 | 8443)) {
        return bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443");
    }
    let secret = params["secret_token"].as_str().map(str::to_owned);
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if secret.as_ref().is_some_and(|s| s.is_empty() || s.len() > 256) {
        return bad("secret token must be 1-256 characters long");
    }
    if secret.as_ref().is_some_and(|s| !s.chars().all(allowed)) {
        return bad("secret token contains unallowed characters");
    }
    let max_connections = number(&params["max_connections"]).unwrap_or(40);
    if !(1..=100).contains(&max_connections) {
        return bad("max_connections must be between 1 and 100");
    }
    let before = bot.webhook.take().map_or(Value::Null, |w| w.allowed_updates);
    let allowed_updates = params.get("allowed_updates").cloned().unwrap_or(before);
    bot.webhook = Some(Webhook { url: url.to_owned(), secret, allowed_updates, max_connections });
    ok(json!(true))
}

fn webhook_info(bot: &Bot) -> Answer {
    let webhook = bot.webhook.clone().unwrap_or_default();
    let mut info = json!({"url": webhook.url, "has_custom_certificate": false, "pending_update_count": 0});
    if bot.webhook.is_some() {
        info["max_connections"] = webhook.max_connections.into();
        info["allowed_updates"] = webhook.allowed_updates;
    }
    ok(info)
}

/// Downloads above it are refused, bytes.
const FILE_BYTES_MAX: usize = 20 << 20;

fn get_file(world: &World, params: &Value) -> Answer {
    let id = params["file_id"].as_str().unwrap_or_default();
    match world.files.get(id) {
        None => bad("invalid file_id"),
        Some(bytes) if bytes.len() > FILE_BYTES_MAX => bad("file is too big"),
        Some(bytes) => ok(json!({
            "file_id": id, "file_unique_id": format!("u{id}"), "file_size": bytes.len(), "file_path": format!("files/{id}"),
        })),
    }
}

fn download(shared: &Shared, rest: &str) -> Response {
    let found = rest.split_once("/files/").and_then(|(token, id)| {
        let world = shared.world();
        world.bots.get(token).filter(|bot| !bot.revoked)?;
        world.files.get(id).cloned()
    });
    match found {
        Some(bytes) => ([("content-type", "application/octet-stream")], bytes).into_response(),
        None => finish(error(404, "Not Found")),
    }
}

/// A number, or a number as text: forms have no other.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// JSON, a form or a query. Objects and arrays inside a form are JSON texts.
fn parse(kind: &str, query: &str, body: &[u8]) -> Result<Value, String> {
    if kind.starts_with("application/json") {
        let value = serde_json::from_slice(body).map_err(|e| format!("can't parse JSON: {e}"))?;
        return if matches!(value, Value::Object(_)) {
            Ok(value)
        } else {
            Err("can't parse JSON: object expected".into())
        };
    }
    let form = if kind.starts_with("application/x-www-form-urlencoded") { body } else { query.as_bytes() };
    let mut params = Map::new();
    for (name, value) in form_urlencoded::parse(form) {
        let structured = value.starts_with('{') || value.starts_with('[');
        let value = match structured.then(|| serde_json::from_str(&value)) {
            Some(Ok(json)) => json,
            _ => Value::from(value.into_owned()),
        };
        params.insert(name.into_owned(), value);
    }
    Ok(Value::Object(params))
}
