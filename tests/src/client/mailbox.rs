//! Reads the development mailbox over HTTP.

use serde_json::Value;

use super::http;
use crate::poll::eventually;

/// The mailbox at `MAILBOX_URL`.
#[derive(Clone, Debug)]
pub struct Mailbox {
    url: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// As the mailbox shows it.
    pub json: Value,
}

impl Mail {
    fn read(json: &Value) -> Self {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self { subject: text("subject"), text: text("text"), json: json.clone() }
    }

    /// The first run of exactly six digits.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        let runs = self.text.split(|letter: char| !letter.is_ascii_digit());
        runs.into_iter().find(|run| run.len() == 6).map(str::to_owned)
    }
}

impl Mailbox {
    /// `http://127.0.0.1:8025`, without a path.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned() }
    }

    /// Everything sent to the address, in the order of the mailbox.
    ///
    /// # Panics
    /// When the mailbox does not answer with a list (bare, or under `messages`).
    pub async fn to(&self, address: &str) -> Vec<Mail> {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("to", address).finish();
        let url = format!("{}/mailbox/api/messages?{query}", self.url);
        let answer = http().get(url).send().await.expect("the mailbox answers");
        let json: Value = answer.json().await.expect("a list of messages");
        let list = json.as_array().or_else(|| json["messages"].as_array());
        list.expect("a list of messages").iter().map(Mail::read).collect()
    }

    /// Waits until the address has that many messages.
    ///
    /// # Panics
    /// When they do not come within five seconds.
    pub async fn wait_for(&self, address: &str, count: usize) -> Vec<Mail> {
        let what = format!("{count} mails to {address}");
        eventually(&what, async || Some(self.to(address).await).filter(|mails| mails.len() >= count)).await
    }

    /// Waits for a mail with a six-digit code and gives the code.
    ///
    /// # Panics
    /// When none comes within five seconds.
    pub async fn code_for(&self, address: &str) -> String {
        let what = format!("a code by mail to {address}");
        eventually(&what, async || self.to(address).await.iter().find_map(Mail::code)).await
    }
}
