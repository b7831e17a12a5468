//! Telegram: calls of the Bot API, and updates read tolerantly.
//!
//! The token is in every URL: no URL is ever logged.

pub mod hook;

use std::time::Duration;

use neipix_mesh::{
    egress::{Egress, EgressError, Limits},
    secret::Secret,
};
use serde_json::{Value, json};

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The token is unknown or revoked.
    Token,
    /// The person blocked the bot, or never started it.
    Blocked,
    /// Wait that long.
    Wait(Duration),
    /// Nothing was sent; a repeat is safe.
    NotSent,
    /// Perhaps it was sent, perhaps not.
    Unknown,
    /// It will never work.
    Refused(String),
}

/// The Bot API of one bot.
#[derive(Clone)]
pub struct Api {
    egress: Egress,
    base: String,
}

impl Api {
    /// At the configured base.
    #[must_use]
    pub fn new(egress: Egress, base: &str) -> Self {
        Self { egress, base: base.to_owned() }
    }

    /// Calls a method.
    ///
    /// # Errors
    /// What the answer, or its absence, means.
    pub async fn call(&self, token: &Secret<String>, method: &str, body: &Value) -> Result<Value, ApiError> {
        let url = format!("{}/bot{}/{method}", self.base, token.expose());
        let sent = async { self.egress.post(&url)?.json(body).limits(Limits::API).kept().send().await };
        let answer = sent.await.map_err(|e| unanswered(&e))?;
        let status = answer.status.as_u16();
        let value: Value =
            answer.json().await.map_err(|_| if status >= 500 { ApiError::Unknown } else { unread(status) })?;
        if value.get("ok") == Some(&Value::Bool(true)) {
            return Ok(value.get("result").cloned().unwrap_or(Value::Null));
        }
        Err(refused(status, &value))
    }

    /// Who the bot is: id and `@name`.
    ///
    /// # Errors
    /// As `call`.
    pub async fn me(&self, token: &Secret<String>) -> Result<(i64, String), ApiError> {
        let me = self.call(token, "getMe", &json!({})).await?;
        let id = me.get("id").and_then(Value::as_i64).ok_or(ApiError::Unknown)?;
        let name = me.get("username").and_then(Value::as_str).unwrap_or("bot");
        Ok((id, format!("@{name}")))
    }
}

fn unread(status: u16) -> ApiError {
    if status == 429 { ApiError::Wait(Duration::from_secs(5)) } else { ApiError::Unknown }
}

fn unanswered(error: &EgressError) -> ApiError {
    match error {
        EgressError::Forbidden { .. } | EgressError::Invalid { .. } => ApiError::Refused("forbidden".into()),
        e if e.was_not_sent() => ApiError::NotSent,
        _ => ApiError::Unknown,
    }
}

/// Codes first, then words in lower case: descriptions are no contract.
fn refused(status: u16, value: &Value) -> ApiError {
    let words = value.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let wait = value.get("parameters").and_then(|p| p.get("retry_after")).and_then(Value::as_u64);
    match status {
        401 | 404 => ApiError::Token,
        403 => ApiError::Blocked,
        429 => ApiError::Wait(Duration::from_secs(wait.unwrap_or(1).clamp(1, 3_600))),
        500.. => ApiError::NotSent,
        _ if words.contains("chat not found") || words.contains("peer_id_invalid") => ApiError::Blocked,
        _ => ApiError::Refused(words.chars().take(200).collect()),
    }
}

/// A customer's message out of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromCustomer {
    /// The chat, and with it the dialogue.
    pub chat: i64,
    /// Who wrote.
    pub from: i64,
    /// Their name.
    pub name: String,
    /// The message within the chat.
    pub message_id: i64,
    /// The words, or a visible line where we cannot read it.
    pub text: String,
}

/// Reads an update: its id, and the message where it is one of a private chat.
#[must_use]
pub fn read(update: &Value) -> Option<(i64, Option<FromCustomer>)> {
    let id = update.get("update_id")?.as_i64()?;
    Some((id, update.get("message").and_then(message)))
}

fn message(message: &Value) -> Option<FromCustomer> {
    let from = message.get("from")?;
    if from.get("is_bot") == Some(&Value::Bool(true)) {
        return None;
    }
    let part = |name: &str| from.get(name).and_then(Value::as_str).unwrap_or_default();
    Some(FromCustomer {
        chat: message.get("chat")?.get("id")?.as_i64()?,
        from: from.get("id")?.as_i64()?,
        name: format!("{} {}", part("first_name"), part("last_name")).trim().chars().take(200).collect(),
        message_id: message.get("message_id")?.as_i64()?,
        text: words(message),
    })
}

/// The words of a message; a visible line for kinds that we cannot read.
fn words(message: &Value) -> String {
    let text = ["text", "caption"].iter().find_map(|n| message.get(*n).and_then(Value::as_str)).unwrap_or_default();
    let kinds = [
        ("sticker", "[стикер]"),
        ("voice", "[голосовое сообщение]"),
        ("audio", "[аудио]"),
        ("photo", "[фото]"),
        ("video", "[видео]"),
        ("video_note", "[видеосообщение]"),
        ("document", "[файл]"),
        ("poll", "[опрос]"),
        ("location", "[геопозиция]"),
        ("contact", "[контакт]"),
        ("animation", "[анимация]"),
        ("dice", "[кубик]"),
    ];
    let kind = kinds.iter().find(|(name, _)| message.get(*name).is_some()).map_or("", |(_, line)| line);
    match (kind, text) {
        ("", "") => "[сообщение, которое мы не умеем читать]".to_owned(),
        ("", text) => text.chars().take(20_000).collect(),
        (kind, "") => kind.to_owned(),
        (kind, text) => format!("{kind} {text}").chars().take(20_000).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_3_odd_kinds_leave_a_visible_line_and_never_fail() {
        let update = |body: Value| {
            let mut message =
                json!({"message_id": 5, "chat": {"id": 7}, "from": {"id": 7, "is_bot": false, "first_name": "Анна"}});
            for (k, v) in body.as_object().unwrap() {
                message[k] = v.clone();
            }
            read(&json!({"update_id": 1, "message": message})).unwrap().1.unwrap().text
        };
        assert_eq!(update(json!({"text": "Привет"})), "Привет");
        assert_eq!(update(json!({"sticker": {}})), "[стикер]");
        assert_eq!(update(json!({"photo": [], "caption": "вот"})), "[фото] вот");
        assert!(update(json!({"something_new": {}})).starts_with("[сообщение"));
        assert_eq!(read(&json!({"update_id": 2, "my_chat_member": {}})), Some((2, None)));
        assert_eq!(read(&json!({"nothing": 1})), None);
    }

    #[test]
    fn c_5_answers_are_read_by_code_first() {
        assert_eq!(refused(403, &json!({"description": "Forbidden: bot was blocked by the user"})), ApiError::Blocked);
        assert_eq!(refused(429, &json!({"parameters": {"retry_after": 7}})), ApiError::Wait(Duration::from_secs(7)));
        assert_eq!(refused(401, &json!({})), ApiError::Token);
    }
}
