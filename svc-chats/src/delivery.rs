//! Messages on their way to the customer, part by part, each at most once.
//!
//! Telegram cannot tell a repeated send from a new one. So the intent `sending` is committed first; what was written and
//! not answered is of unknown outcome, is shown to a person and never sent again by itself.

pub mod send;
pub mod store;

use chrono::Utc;
use neipix_mesh::DeliveryId;
use uuid::Uuid;

use crate::telegram;

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its delivery.
    pub id: Uuid,
    /// Plain text.
    pub text: String,
    /// Styles, as the Bot API takes them.
    pub entities: serde_json::Value,
}

/// The parts in which a channel sends a text; none where the channel reads by itself.
#[must_use]
pub fn parts(channel_kind: &str, address: &str, text: &str) -> Vec<Part> {
    if channel_kind != "telegram" || address.is_empty() {
        return vec![];
    }
    let part = |formatted: telegram::format::Formatted| Part {
        id: DeliveryId::new(Utc::now()).0,
        text: formatted.text,
        entities: serde_json::to_value(formatted.entities).unwrap_or_default(),
    };
    telegram::parts(text).into_iter().map(part).collect()
}

/// How the parts of a message stand, as one word for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// The channel reads by itself.
    None,
    /// Waits.
    Queued,
    /// Is being sent.
    Sending,
    /// All parts are there.
    Sent,
    /// A part failed for good.
    Failed,
    /// Not sent any more.
    Cancelled,
}

/// Sums up the states of a message's parts.
#[must_use]
pub fn overall<'a>(states: impl IntoIterator<Item = &'a str>) -> Overall {
    let states: Vec<&str> = states.into_iter().collect();
    let any = |state: &str| states.contains(&state);
    if states.is_empty() {
        Overall::None
    } else if any("failed") {
        Overall::Failed
    } else if any("cancelled") {
        Overall::Cancelled
    } else if states.iter().all(|s| *s == "sent") {
        Overall::Sent
    } else if any("sending") || any("sent") {
        Overall::Sending
    } else {
        Overall::Queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_good_as_its_worst_part() {
        assert_eq!(overall([]), Overall::None);
        assert_eq!(overall(["sent", "queued"]), Overall::Sending);
        assert_eq!(overall(["sent", "sent"]), Overall::Sent);
        assert_eq!(overall(["sent", "failed", "cancelled"]), Overall::Failed);
        assert_eq!(overall(["queued", "queued"]), Overall::Queued);
    }

    #[test]
    fn only_channels_that_deliver_have_parts() {
        assert!(parts("api", "", "Привет").is_empty());
        assert_eq!(parts("telegram", "55", &"слово ".repeat(2_000)).len(), 4);
    }
}
