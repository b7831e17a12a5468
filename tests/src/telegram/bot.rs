//! What the stand-in knows: bots, chats, limits, faults, and everything that was called.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;

/// One call of a method.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Instant,
    pub token: String,
    pub method: String,
    /// Parameters as JSON, whether they came as JSON or as a form.
    pub params: Value,
    /// The code answered: 200, 4xx, 5xx; 0 where the connection was closed instead.
    pub code: u16,
    /// Came before a `retry_after` had passed.
    pub early: bool,
}

/// A message in a chat.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Instant,
    pub token: String,
    pub chat_id: i64,
    pub message_id: i64,
    pub text: String,
    /// As they came; empty array where there were none.
    pub entities: Value,
    pub params: Value,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 403 Forbidden: bot was blocked by the user.
    Blocked,
    /// 401 Unauthorized.
    Unauthorized,
    /// 429; calls before the seconds have passed are refused and marked early.
    RetryAfter(u32),
    /// 500 Internal Server Error.
    ServerError,
    /// 502 with a page instead of JSON.
    BadGateway,
    /// Done and answered, but that late.
    SlowAnswer(Duration),
    /// Done, then the connection is closed without an answer: the message is in the chat, the sender cannot know.
    DoneThenHangUp,
    /// Not done, and the connection is closed without an answer: to the sender the same as the last.
    HangUp,
    /// 400 with `parameters.migrate_to_chat_id`.
    Migrated { to: i64 },
    /// Anything else: code and description.
    Error(u16, String),
}

/// Limits of sending; a second in each is a real second.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Messages that a chat takes at once; then one a second.
    pub chat_burst: u32,
    /// Messages of a bot in a second.
    pub bot_per_second: u32,
    /// Messages into a group in a minute.
    pub group_per_minute: u32,
}

impl Default for Rates {
    /// What Telegram's FAQ says, with a burst of three in a chat.
    fn default() -> Self {
        Self { chat_burst: 3, bot_per_second: 30, group_per_minute: 20 }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Webhook {
    pub url: String,
    pub secret: Option<String>,
    pub allowed_updates: Value,
    pub max_connections: i64,
}

#[derive(Debug)]
pub(super) struct Bot {
    pub id: i64,
    pub username: String,
    pub revoked: bool,
    pub webhook: Option<Webhook>,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub bots: BTreeMap<String, Bot>,
    pub calls: Vec<Call>,
    pub sent: Vec<Sent>,
    pub rates: Option<Rates>,
    pub public_webhook: bool,
    pub chat_faults: HashMap<i64, Fault>,
    pub files: HashMap<String, Bytes>,
    method_faults: HashMap<String, VecDeque<Fault>>,
    message_ids: HashMap<i64, i64>,
    blocked_until: HashMap<(String, i64), Instant>,
}

impl World {
    pub fn add_bot(&mut self, token: &str, id: i64, username: &str) {
        let bot = Bot { id, username: username.to_owned(), revoked: false, webhook: None };
        self.bots.insert(token.to_owned(), bot);
    }

    pub fn revoke(&mut self, token: &str) {
        if let Some(bot) = self.bots.get_mut(token) {
            bot.revoked = true;
        }
    }

    pub fn webhook(&self, token: &str) -> Option<(String, Option<String>)> {
        let webhook = self.bots.get(token)?.webhook.as_ref()?;
        Some((webhook.url.clone(), webhook.secret.clone()))
    }

    pub fn fail_next(&mut self, method: &str, fault: Fault) {
        self.method_faults.entry(method.to_lowercase()).or_default().push_back(fault);
    }

    pub fn take_fault(&mut self, method: &str) -> Option<Fault> {
        self.method_faults.get_mut(method)?.pop_front()
    }

    pub fn next_message_id(&mut self, chat_id: i64) -> i64 {
        let id = self.message_ids.entry(chat_id).or_insert(1000);
        *id += 1;
        *id
    }

    /// Refuses further sends into the chat until the time has passed.
    pub fn block(&mut self, token: &str, chat_id: i64, seconds: u32) {
        let until = Instant::now() + Duration::from_secs(seconds.into());
        self.blocked_until.insert((token.to_owned(), chat_id), until);
    }

    /// Seconds until the chat takes a message again, rounded up, where it was told so before.
    pub fn blocked_for(&self, token: &str, chat_id: i64) -> Option<u32> {
        let until = self.blocked_until.get(&(token.to_owned(), chat_id))?;
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// Seconds to wait where one more message would break a limit.
    pub fn over_limit(&self, token: &str, chat_id: i64) -> Option<u32> {
        let rates = self.rates?;
        let now = Instant::now();
        let count = |seconds: u64, of_chat: bool| {
            let since = |sent: &&Sent| now.duration_since(sent.at) < Duration::from_secs(seconds);
            let wanted = |sent: &&Sent| sent.token == token && (!of_chat || sent.chat_id == chat_id);
            u32::try_from(self.sent.iter().filter(wanted).filter(since).count()).unwrap_or(u32::MAX)
        };
        if chat_id < 0 && count(60, true) >= rates.group_per_minute {
            return Some(60);
        }
        // A burst that is used up fills again by one a second.
        let chat_full = count(rates.chat_burst.into(), true) >= rates.chat_burst;
        (chat_full || count(1, false) >= rates.bot_per_second).then_some(1)
    }
}
