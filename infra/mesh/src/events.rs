//! Who consumes which events. One table for the whole mesh: a producer keeps an event until all of these confirmed it.

/// Shards of the outbox and of the streams.
pub const SHARDS: u8 = crate::redis::SHARDS;

/// Prefix of a kind (up to and with its dot, or whole) and the services that consume it.
const CONSUMERS: &[(&str, &[&str])] = &[
    ("audit.recorded", &["svc-admin"]),
    ("user.registered", &["svc-admin"]),
    ("workspace.created", &["svc-billing", "svc-admin"]),
    ("assistant.", &["svc-chats"]),
    ("file.", &["svc-chats"]),
    ("wallet.", &["svc-chats", "svc-admin"]),
];

/// The services that must confirm an event of this kind; none = it is only published.
#[must_use]
pub fn consumers(kind: &str) -> &'static [&'static str] {
    CONSUMERS.iter().find(|(prefix, _)| kind.starts_with(prefix)).map_or(&[], |(_, services)| services)
}

/// The Redis stream of a producer's shard; the shard is the hash tag.
#[must_use]
pub fn stream(service: &str, shard: u8) -> String {
    format!("neipix:ev:{service}:{{{shard:02x}}}")
}
