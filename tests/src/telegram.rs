//! A stand-in for the Bot API: it checks what it is sent as the real one would, fails on demand, and delivers
//! updates to the webhook that was set, one in flight per queue, again until it hears 2xx.
//!
//! Of formatting it knows entities only: we promise to send without `parse_mode`, so one that comes is refused.

mod api;
mod bot;
mod delivery;
mod send;
#[cfg(test)]
mod tests;
mod update;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use serde_json::Value;

use self::bot::World;
pub use self::{
    bot::{Call, Fault, Rates, Sent},
    delivery::{Attempt, Delivery},
    update::{Chat, Update},
};
use crate::{
    poll::{DEADLINE, eventually_within},
    server::Server,
};

/// The running stand-in. Dropping it closes the port and ends deliveries.
#[derive(Debug)]
pub struct Telegram {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    updates: AtomicI64,
    deliveries: delivery::Queues,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telegram {
    /// Knows no bot yet: every token gets 401.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            world: Mutex::default(),
            updates: AtomicI64::new(812_345_001),
            deliveries: delivery::Queues::default(),
        });
        let router = Router::new().fallback(api::serve).with_state(shared.clone());
        Ok(Self { server: Server::start(router).await?, shared })
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// What `TELEGRAM_API` takes.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Makes a bot and gives its token.
    pub fn bot(&self, id: i64, username: &str) -> String {
        let token = format!("{id}:AA{:0>33}", id);
        self.shared.world().add_bot(&token, id, username);
        token
    }

    /// From now on the token gets 401.
    pub fn revoke(&self, token: &str) {
        self.shared.world().revoke(token);
    }

    /// Limits of sending; without a call of this there are none.
    pub fn set_rates(&self, rates: Rates) {
        self.shared.world().rates = Some(rates);
    }

    /// Real Telegram takes only public HTTPS addresses as a webhook. Off unless set.
    pub fn require_public_webhook(&self) {
        self.shared.world().public_webhook = true;
    }

    /// The next call of the method, by any bot, gets the fault; several queue up.
    pub fn fail_next(&self, method: &str, fault: Fault) {
        self.shared.world().fail_next(method, fault);
    }

    /// Every sending into the chat gets the fault until [`Telegram::heal_chat`].
    pub fn fail_chat(&self, chat_id: i64, fault: Fault) {
        self.shared.world().chat_faults.insert(chat_id, fault);
    }

    pub fn heal_chat(&self, chat_id: i64) {
        self.shared.world().chat_faults.remove(&chat_id);
    }

    /// A file that `getFile` and the download find.
    pub fn put_file(&self, file_id: &str, bytes: impl Into<bytes::Bytes>) {
        self.shared.world().files.insert(file_id.to_owned(), bytes.into());
    }

    /// Every call with its outcome, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.world().calls.clone()
    }

    /// The calls of one method.
    #[must_use]
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.method.eq_ignore_ascii_case(method));
        calls
    }

    /// The messages that the chat's person can read: accepted, whatever the sender was told.
    #[must_use]
    pub fn sent_to(&self, chat_id: i64) -> Vec<Sent> {
        let mut sent = self.shared.world().sent.clone();
        sent.retain(|message| message.chat_id == chat_id);
        sent
    }

    /// Waits until the chat holds so many messages and gives them.
    ///
    /// # Panics
    /// When they do not come within five seconds.
    pub async fn wait_for_sent(&self, chat_id: i64, count: usize) -> Vec<Sent> {
        self.wait_for_sent_within(DEADLINE, chat_id, count).await
    }

    /// The same with another deadline.
    ///
    /// # Panics
    /// When they do not come within it.
    pub async fn wait_for_sent_within(&self, deadline: Duration, chat_id: i64, count: usize) -> Vec<Sent> {
        let what = format!("{count} messages in chat {chat_id}");
        eventually_within(deadline, &what, async || Some(self.sent_to(chat_id)).filter(|s| s.len() >= count)).await
    }

    /// Calls that came before a `retry_after` had passed: each is a fault of the sender.
    #[must_use]
    pub fn early_calls(&self) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.early);
        calls
    }

    /// The URL and the secret of the bot's webhook.
    #[must_use]
    pub fn webhook(&self, token: &str) -> Option<(String, Option<String>)> {
        self.shared.world().webhook(token)
    }

    /// A private chat of the person; builds updates with ids of their own.
    #[must_use]
    pub fn chat(&self, person_id: i64, first_name: &str) -> Chat {
        Chat::private(person_id, first_name)
    }

    /// Queues the update for the bot's webhook: one in flight per chat and kind, again until 2xx.
    ///
    /// # Panics
    /// When no webhook is set.
    pub fn deliver(&self, token: &str, update: Update) -> Delivery {
        let (url, secret) = self.webhook(token).expect("a webhook is set");
        let body = self.numbered(update);
        self.shared.deliveries.push(token, delivery::Target { url, secret }, body)
    }

    /// Posts any bytes once, with any secret, and gives the status: what a stranger would do.
    ///
    /// # Panics
    /// When no webhook is set or it cannot be reached.
    pub async fn post_raw(&self, token: &str, secret: Option<&str>, body: &[u8]) -> u16 {
        let (url, _) = self.webhook(token).expect("a webhook is set");
        let target = delivery::Target { url, secret: secret.map(str::to_owned) };
        delivery::post(&target, body.to_vec()).await.expect("the webhook answers").status
    }

    /// The update with its number: a new one unless it has one already.
    #[must_use]
    pub fn numbered(&self, update: Update) -> Value {
        let mut body = update.into_value();
        if body.get("update_id").is_none() {
            body["update_id"] = self.shared.updates.fetch_add(1, Ordering::SeqCst).into();
        }
        body
    }

    /// The pause before the first repetition; it doubles up to a minute. One second at the real Telegram, 50 ms here.
    pub fn set_first_retry(&self, pause: Duration) {
        self.shared.deliveries.set_first_retry(pause);
    }
}
