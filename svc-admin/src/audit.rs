//! The audit trail: one hash chain per workspace and one for the platform.
//!
//! Pure: what a record hashes to. One writer appends, under the head's row lock.

pub mod rpc;
pub mod store;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash before the first record of a chain.
pub const GENESIS: Hash = [0; 32];

/// What a record says, as it enters the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The chain: a workspace, or the nil UUID for the platform.
    pub workspace: Uuid,
    /// Place in the chain, from 1.
    pub seq: i64,
    /// The service that tells.
    pub service: String,
    /// The event that told it.
    pub event_id: Uuid,
    /// Who.
    pub actor: String,
    /// Whom the actor stood for.
    pub on_behalf_of: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// The given reason.
    pub reason: String,
    /// The request.
    pub request_id: String,
    /// When, to the microsecond.
    pub happened_at: DateTime<Utc>,
    /// See `commitment`.
    pub commitment: Hash,
}

/// SHA-256(salt ‖ detail): the chain holds it, so that detail and salt can be erased without breaking the chain.
#[must_use]
pub fn commitment(salt: &[u8; 16], detail: &str) -> Hash {
    Sha256::new().chain_update(salt).chain_update(detail.as_bytes()).finalize().into()
}

/// The hash of a record after `prev`. Every field goes in with its length before it, so that no two records look alike.
#[must_use]
pub fn chain(prev: &Hash, entry: &Entry) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(prev);
    hasher.update(entry.workspace.as_bytes());
    hasher.update(entry.seq.to_be_bytes());
    hasher.update(entry.event_id.as_bytes());
    hasher.update(entry.happened_at.timestamp_micros().to_be_bytes());
    hasher.update(entry.commitment);
    for text in [
        &entry.service,
        &entry.actor,
        &entry.on_behalf_of,
        &entry.action,
        &entry.object,
        &entry.reason,
        &entry.request_id,
    ] {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            workspace: Uuid::from_u128(1),
            seq: 1,
            service: "svc-billing".into(),
            event_id: Uuid::from_u128(2),
            actor: "user:a".into(),
            on_behalf_of: String::new(),
            action: "billing.v1.PriceService/CreatePrice".into(),
            object: "price:b".into(),
            reason: String::new(),
            request_id: "r".into(),
            happened_at: DateTime::from_timestamp(1_764_000_000, 123_456_000).unwrap(),
            commitment: commitment(&[7; 16], "{}"),
        }
    }

    #[test]
    fn inv_60_any_changed_field_changes_the_hash() {
        let honest = chain(&GENESIS, &entry());
        let forgeries: [fn(&mut Entry); 8] = [
            |e| e.actor = "user:z".into(),
            |e| e.action.push('x'),
            |e| e.object = "price:c".into(),
            |e| e.seq = 2,
            |e| e.happened_at += chrono::Duration::microseconds(1),
            |e| e.commitment[0] ^= 1,
            |e| e.workspace = Uuid::from_u128(9),
            |e| e.reason = "because".into(),
        ];
        for forge in forgeries {
            let mut forged = entry();
            forge(&mut forged);
            assert_ne!(chain(&GENESIS, &forged), honest);
        }
        assert_ne!(chain(&[1; 32], &entry()), honest);
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        let (mut a, mut b) = (entry(), entry());
        (a.action, a.object) = ("ab".into(), "c".into());
        (b.action, b.object) = ("a".into(), "bc".into());
        assert_ne!(chain(&GENESIS, &a), chain(&GENESIS, &b));
    }
}
