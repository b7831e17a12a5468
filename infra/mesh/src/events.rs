//! Who consumes which events. One table for the whole mesh: a producer keeps an event until all of these confirmed it.

/// Shards of the outbox and of the streams.
pub const SHARDS: u8 = crate::redis::SHARDS;

/// Prefix of a kind (up to and with its dot, or whole) and the services that consume it.
pub const CONSUMERS: &[(&str, &[&str])] = &[
    ("audit.recorded", &["svc-admin"]),
    ("user.registered", &["svc-admin"]),
    ("workspace.created", &["svc-billing", "svc-admin"]),
    ("assistant.", &["svc-chats"]),
    ("file.", &["svc-chats"]),
    ("wallet.", &["svc-chats", "svc-admin"]),
];

/// The services that must confirm an event of this kind; none = it is not published.
#[must_use]
pub fn consumers(kind: &str) -> &'static [&'static str] {
    CONSUMERS.iter().find(|(prefix, _)| kind.starts_with(prefix)).map_or(&[], |(_, services)| services)
}

pub use crate::redis::stream_key as stream;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_the_consumers_of_its_first_matching_prefix() {
        assert_eq!(consumers("workspace.created"), ["svc-billing", "svc-admin"]);
        assert_eq!(consumers("assistant.published"), ["svc-chats"]);
        assert_eq!(consumers("audit.recorded"), ["svc-admin"]);
        assert!(consumers("message.created").is_empty());
        assert_eq!(stream("svc-auth", 0x3f), "neipix:ev:svc-auth:{3f}");
    }
}
