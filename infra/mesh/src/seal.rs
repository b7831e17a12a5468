//! Envelope encryption of other people's secrets at rest: bot tokens, provider keys, OAuth tokens.
//!
//! Each record has a data key of its own, wrapped by the master key whose id stands in the record. The context (table,
//! column, workspace, id) is authenticated, so that a sealed value moved to another row does not open.

use std::sync::Arc;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use neipix_proto::{Reason as _, ReasonInfo, access::v1::ErrorReason};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{config::Keyring, failure::HasReason, secret::Secret};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const KEY: usize = 32;
const TAG: usize = 16;

/// Why a sealed value does not open. Names keys and contexts, never contents.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// The master key is not among SEAL_KEYS any more.
    #[error("sealed with key `{kid}`, which SEAL_KEYS does not hold: add it behind the first")]
    UnknownKey {
        /// The key's id.
        kid: String,
    },
    /// The bytes are cut, changed, or belong to another row.
    #[error("what is sealed for {context} does not open: it was changed, cut or moved from another row")]
    Broken {
        /// The context given.
        context: String,
    },
}

impl HasReason for SealError {
    fn reason(&self) -> &'static ReasonInfo {
        ErrorReason::Internal.info()
    }
}

/// Seals with the first key of SEAL_KEYS, opens with any of them.
#[derive(Clone)]
pub struct Sealer(Arc<Keyring>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.0.kids().collect::<Vec<_>>().join(", "))
    }
}

/// The context of a sealed column: `table.column:workspace:id`.
#[must_use]
pub fn context(column: &str, workspace: crate::WorkspaceId, id: impl std::fmt::Display) -> String {
    format!("{column}:{workspace}:{id}")
}

impl Sealer {
    /// Of the keys of SEAL_KEYS, each 32 bytes.
    #[must_use]
    pub fn new(keys: Keyring) -> Self {
        Self(Arc::new(keys))
    }

    /// Seals a value for one place. The same value sealed twice looks different.
    #[must_use]
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let (kid, master) = self.0.first();
        let mut data_key = Zeroizing::new([0u8; KEY]);
        rand::fill(&mut data_key[..]);
        let mut sealed = Vec::with_capacity(2 + kid.len() + 2 * (NONCE + TAG) + KEY + plain.len());
        sealed.push(VERSION);
        // A kid is at most 32 bytes long: the rule of SEAL_KEYS.
        sealed.push(u8::try_from(kid.len()).unwrap_or(u8::MAX));
        sealed.extend_from_slice(kid.as_bytes());
        encrypt(master.expose(), wrapping(kid, context).as_bytes(), &data_key[..], &mut sealed);
        encrypt(&data_key[..], context.as_bytes(), plain, &mut sealed);
        sealed
    }

    /// The same for a text.
    #[must_use]
    pub fn seal_text(&self, context: &str, plain: &Secret<String>) -> Vec<u8> {
        self.seal(context, plain.expose().as_bytes())
    }

    /// Opens what was sealed for this very place.
    ///
    /// # Errors
    /// `UnknownKey` when the key was taken out of SEAL_KEYS, `Broken` when anything else is wrong.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let broken = || SealError::Broken { context: context.to_owned() };
        let (kid, rest) = split(sealed).ok_or_else(broken)?;
        let master = self.0.get(kid).ok_or_else(|| SealError::UnknownKey { kid: kid.to_owned() })?;
        let (wrapped, rest) = rest.split_at_checked(NONCE + KEY + TAG).ok_or_else(broken)?;
        let data_key = decrypt(master.expose(), wrapping(kid, context).as_bytes(), wrapped).ok_or_else(broken)?;
        let data_key = Zeroizing::new(data_key);
        decrypt(&data_key, context.as_bytes(), rest).map(Secret::new).ok_or_else(broken)
    }

    /// The same for a text.
    ///
    /// # Errors
    /// As `open`; also `Broken` when it is not UTF-8.
    pub fn open_text(&self, context: &str, sealed: &[u8]) -> Result<Secret<String>, SealError> {
        let bytes = self.open(context, sealed)?;
        let text = std::str::from_utf8(bytes.expose()).map(str::to_owned);
        text.map(Secret::new).map_err(|_| SealError::Broken { context: context.to_owned() })
    }

    /// Whether the value should be sealed again, since the first key of SEAL_KEYS is another by now.
    #[must_use]
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        split(sealed).is_some_and(|(kid, _)| kid != self.0.first().0)
    }
}

fn wrapping(kid: &str, context: &str) -> String {
    format!("neipix seal 1:{kid}:{context}")
}

fn split(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let [VERSION, length, rest @ ..] = sealed else { return None };
    let (kid, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(kid).ok()?, rest))
}

#[expect(clippy::expect_used, reason = "fails only for a wrong key length, which the rule excludes, or above 256 GB")]
fn encrypt(key: &[u8], aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
    let cipher = XChaCha20Poly1305::new_from_slice(key).expect("a key of 32 bytes");
    let mut nonce = [0u8; NONCE];
    rand::fill(&mut nonce[..]);
    let text = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad }).expect("a short text");
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&text);
    nonce.zeroize();
}

fn decrypt(key: &[u8], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new_from_slice(key).ok()?;
    let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[(&str, u8)]) -> Keyring {
        Keyring::new(list.iter().map(|(kid, byte)| ((*kid).to_owned(), Secret::new(vec![*byte; 32]))).collect())
            .unwrap()
    }

    #[test]
    fn a_value_opens_in_its_own_row_only() {
        let sealer = Sealer::new(keys(&[("k1", 1)]));
        let sealed = sealer.seal("channel.token:ws:7", b"123:ABC");
        assert_eq!(sealer.open("channel.token:ws:7", &sealed).unwrap().expose(), b"123:ABC");
        let moved = sealer.open("channel.token:ws:8", &sealed).unwrap_err();
        assert_eq!(moved, SealError::Broken { context: "channel.token:ws:8".into() });
        assert_ne!(sealed, sealer.seal("channel.token:ws:7", b"123:ABC"));
        assert!(!sealed.windows(7).any(|w| w == b"123:ABC"));
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let sealer = Sealer::new(keys(&[("k1", 1)]));
        let sealed = sealer.seal("c", b"plain text");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.open("c", &changed).is_err(), "byte {at} changed");
            assert!(sealer.open("c", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn keys_rotate_the_first_seals_and_all_open() {
        let old = Sealer::new(keys(&[("k1", 1)]));
        let new = Sealer::new(keys(&[("k2", 2), ("k1", 1)]));
        let sealed = old.seal("c", b"x");
        assert_eq!(new.open("c", &sealed).unwrap().expose(), b"x");
        assert!(new.is_stale(&sealed) && !new.is_stale(&new.seal("c", b"x")));
        let lost = Sealer::new(keys(&[("k2", 2)])).open("c", &sealed).unwrap_err();
        assert_eq!(lost, SealError::UnknownKey { kid: "k1".into() });
        assert_eq!(format!("{new:?}"), "Sealer(k2, k1)");
    }

    #[test]
    fn a_key_of_the_same_id_but_other_bytes_opens_nothing() {
        let sealed = Sealer::new(keys(&[("k1", 1)])).seal("c", b"x");
        assert!(matches!(Sealer::new(keys(&[("k1", 9)])).open("c", &sealed), Err(SealError::Broken { .. })));
    }
}
