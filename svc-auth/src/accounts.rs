//! Accounts: registration with a code by e-mail, and what other services ask about people.
//!
//! Pure: the rules of codes.

pub mod rpc;
pub mod store;

use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How long a code works.
pub const CODE_LIFE: Duration = Duration::minutes(15);
/// Wrong codes that end a registration.
pub const TRIES: i32 = 5;
/// Letters of one registration.
pub const SENDS: i32 = 5;

/// What is stored of a code: it has six digits only, so a bare hash would be guessed.
#[must_use]
pub fn code_hmac(key: &[u8], registration: uuid::Uuid, code: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return vec![] };
    mac.update(registration.as_bytes());
    mac.update(code.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// A registration as it waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Of its code.
    pub code_hmac: Vec<u8>,
    /// The address had an account: no code works.
    pub known: bool,
    /// Wrong codes so far.
    pub tries: i32,
    /// Whether it was used.
    pub used: bool,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Whether a code confirms a registration. The comparison takes the same time for every code.
#[must_use]
pub fn confirms(waiting: &Waiting, given: &[u8], now: DateTime<Utc>) -> bool {
    let right: bool = waiting.code_hmac.ct_eq(given).into();
    right && !waiting.known && !waiting.used && waiting.tries < TRIES && waiting.expires_at > now
}

/// Six digits of a random number.
#[must_use]
pub fn code(random: u32) -> String {
    format!("{:06}", random % 1_000_000)
}

/// The form of an address that look-ups use.
#[must_use]
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Waiting {
        Waiting {
            code_hmac: code_hmac(b"k", uuid::Uuid::nil(), "012345"),
            known: false,
            tries: 0,
            used: false,
            expires_at: Utc::now() + CODE_LIFE,
        }
    }

    #[test]
    fn a_11_a_code_works_once_in_its_time_and_not_after_five_wrong_ones() {
        let now = Utc::now();
        let right = code_hmac(b"k", uuid::Uuid::nil(), "012345");
        assert!(confirms(&waiting(), &right, now));
        assert!(!confirms(&waiting(), &code_hmac(b"k", uuid::Uuid::nil(), "012346"), now));
        assert!(!confirms(&Waiting { used: true, ..waiting() }, &right, now));
        assert!(!confirms(&Waiting { tries: TRIES, ..waiting() }, &right, now));
        assert!(!confirms(&waiting(), &right, now + CODE_LIFE + Duration::seconds(1)));
    }

    #[test]
    fn a_9_no_code_works_for_a_known_address() {
        let right = code_hmac(b"k", uuid::Uuid::nil(), "012345");
        assert!(!confirms(&Waiting { known: true, ..waiting() }, &right, Utc::now()));
    }
}
