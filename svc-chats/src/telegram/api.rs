//! The Bot API. The token stands in the URL, so nothing of a URL is ever logged or told.

use std::time::Duration;

use neipix_mesh::{
    config::{ConfigError, Settings},
    egress::{Egress, EgressError, Limits},
    secret::Secret,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Long, so that an unknown outcome is rare.
const SEND: Duration = Duration::from_secs(35);
/// For calls that somebody waits for.
const ASK: Duration = Duration::from_secs(8);
/// Updates that we want.
const UPDATES: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Telegram cannot have seen it.
    #[error("Telegram cannot be reached")]
    NotSent(#[source] EgressError),
    /// It may have been done.
    #[error("Telegram did not answer")]
    Unknown(#[source] EgressError),
    /// Telegram said no.
    #[error("Telegram refused: {code} {description}")]
    Refused {
        /// As HTTP.
        code: u16,
        /// Words; matched by their beginning at most.
        description: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// The token has no shape of one.
    #[error("that is no bot token")]
    NoToken,
}

/// Who a bot is.
#[derive(Debug, Clone, Deserialize)]
pub struct Me {
    /// Its user id.
    pub id: i64,
    /// Its name with `@`.
    #[serde(default)]
    pub username: String,
}

/// How its webhook stands.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookInfo {
    /// Where updates go; empty = nowhere.
    #[serde(default)]
    pub url: String,
    /// Updates that wait.
    #[serde(default)]
    pub pending_update_count: i64,
    /// Why the last one was not delivered.
    #[serde(default)]
    pub last_error_message: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    ok: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize, Default)]
struct Parameters {
    retry_after: Option<u64>,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    egress: Egress,
    base: String,
}

/// The bot's id within a token, where it looks like one.
#[must_use]
pub fn bot_id(token: &str) -> Option<i64> {
    let (id, secret) = token.split_once(':')?;
    let good = secret.len() >= 20 && secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if good && id.len() <= 18 { id.parse().ok().filter(|id| *id > 0) } else { None }
}

impl Api {
    /// At TELEGRAM_API.
    ///
    /// # Errors
    /// Settings.
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self { egress: Egress::new(settings)?, base: settings.telegram_api.clone() })
    }

    async fn call(
        &self,
        token: &Secret<String>,
        method: &str,
        body: &Value,
        within: Duration,
    ) -> Result<Value, CallError> {
        if bot_id(token.expose()).is_none() {
            return Err(CallError::NoToken);
        }
        let url = format!("{}/bot{}/{method}", self.base, token.expose());
        let limits = Limits { plain_http: self.base.starts_with("http://"), ..Limits::API.within(within) };
        let request = self.egress.post(&url).map_err(CallError::NotSent)?.json(body).limits(limits).kept();
        let answer = request.send().await.map_err(failed)?;
        let (status, wait) = (answer.status, answer.retry_after());
        let reply: Reply = match answer.json().await {
            Ok(reply) => reply,
            // A gateway's page: nothing behind it has seen the call.
            Err(EgressError::NotJson { .. }) if status.is_server_error() => {
                return Err(refused(status.as_u16(), "no answer of the Bot API".to_owned(), wait));
            }
            Err(error) => return Err(CallError::Unknown(error)),
        };
        if reply.ok {
            return Ok(reply.result);
        }
        let code = if reply.error_code == 0 { status.as_u16() } else { reply.error_code };
        let wait = reply.parameters.retry_after.map(Duration::from_secs).or(wait);
        Err(refused(code, reply.description.chars().take(200).collect(), wait))
    }

    /// Who the bot is.
    ///
    /// # Errors
    /// See `CallError`.
    pub async fn get_me(&self, token: &Secret<String>) -> Result<Me, CallError> {
        read(self.call(token, "getMe", &json!({}), ASK).await?)
    }

    /// Sends updates to a hook from now on.
    ///
    /// # Errors
    /// See `CallError`.
    pub async fn set_webhook(&self, token: &Secret<String>, url: &str, secret: &str) -> Result<(), CallError> {
        let body = json!({"url": url, "secret_token": secret, "allowed_updates": UPDATES, "max_connections": 40});
        self.call(token, "setWebhook", &body, ASK).await.map(drop)
    }

    /// Sends updates nowhere.
    ///
    /// # Errors
    /// See `CallError`.
    pub async fn delete_webhook(&self, token: &Secret<String>) -> Result<(), CallError> {
        self.call(token, "deleteWebhook", &json!({}), ASK).await.map(drop)
    }

    /// How the webhook stands.
    ///
    /// # Errors
    /// See `CallError`.
    pub async fn webhook_info(&self, token: &Secret<String>) -> Result<WebhookInfo, CallError> {
        read(self.call(token, "getWebhookInfo", &json!({}), ASK).await?)
    }

    /// Sends a text. Answers the message's number in the chat.
    ///
    /// # Errors
    /// See `CallError`; `Unknown` must not be repeated.
    pub async fn send(
        &self,
        token: &Secret<String>,
        chat: &str,
        text: &str,
        entities: &Value,
    ) -> Result<i64, CallError> {
        let mut body = json!({"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": true}});
        if let (Some(body), true) = (body.as_object_mut(), entities.as_array().is_some_and(|e| !e.is_empty())) {
            body.insert("entities".to_owned(), entities.clone());
        }
        if let (Some(body), Ok(chat)) = (body.as_object_mut(), chat.parse::<i64>()) {
            body.insert("chat_id".to_owned(), json!(chat));
        }
        let sent = self.call(token, "sendMessage", &body, SEND).await?;
        // Sent, whatever its number is.
        Ok(sent.get("message_id").and_then(Value::as_i64).unwrap_or_default())
    }

    /// Shows that somebody types; nobody minds if it fails.
    pub async fn typing(&self, token: &Secret<String>, chat: &str) {
        let body = json!({"chat_id": chat, "action": "typing"});
        if let Err(error) = self.call(token, "sendChatAction", &body, ASK).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "typing was not shown");
        }
    }
}

fn failed(error: EgressError) -> CallError {
    if error.was_not_sent() { CallError::NotSent(error) } else { CallError::Unknown(error) }
}

fn refused(code: u16, description: String, retry_after: Option<Duration>) -> CallError {
    CallError::Refused { code, description, retry_after }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, CallError> {
    serde_json::from_value(value).map_err(|_| refused(502, "an answer without the expected fields".to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_shape() {
        assert_eq!(bot_id("7700000001:AAE-abcdefghijklmnopqrstuvwxyz_012345"), Some(7_700_000_001));
        for bad in
            ["", "x", "1:short", ":AAE-abcdefghijklmnopqrstuvwxyz_012345", "1:AAE/abcdefghijklmnopqrstuvwxyz_012345"]
        {
            assert_eq!(bot_id(bad), None, "{bad}");
        }
    }
}
