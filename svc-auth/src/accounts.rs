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
/// Letters to one address in an hour, known or not: nobody's mailbox is flooded, and no code is guessed by asking for many.
pub const LETTERS_AN_HOUR: i64 = 5;
/// The same in a day.
pub const LETTERS_A_DAY: i64 = 10;

/// Whether another letter may go to an address that got this many in the last hour and day.
#[must_use]
pub fn may_write(hour: i64, day: i64) -> bool {
    hour < LETTERS_AN_HOUR && day < LETTERS_A_DAY
}

/// What is stored of a code: it has six digits only, so a bare hash would be guessed.
#[must_use]
pub fn code_hmac(key: &[u8], registration: uuid::Uuid, code: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return vec![] };
    mac.update(b"code");
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

/// Whether a code confirms a registration. `given` is the code under each key that may have made it; the comparison takes
/// the same time for every code.
#[must_use]
pub fn confirms(waiting: &Waiting, given: &[Vec<u8>], now: DateTime<Utc>) -> bool {
    let right = given.iter().fold(false, |right, hmac| right | bool::from(waiting.code_hmac.ct_eq(hmac)));
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
        let right = [code_hmac(b"new", uuid::Uuid::nil(), "012345"), code_hmac(b"k", uuid::Uuid::nil(), "012345")];
        assert!(confirms(&waiting(), &right, now));
        assert!(!confirms(&waiting(), &[code_hmac(b"k", uuid::Uuid::nil(), "012346")], now));
        assert!(!confirms(&waiting(), &[code_hmac(b"k", uuid::Uuid::max(), "012345")], now));
        assert!(!confirms(&Waiting { used: true, ..waiting() }, &right, now));
        assert!(!confirms(&Waiting { tries: TRIES, ..waiting() }, &right, now));
        assert!(!confirms(&waiting(), &right, now + CODE_LIFE + Duration::seconds(1)));
    }

    #[test]
    fn a_9_no_code_works_for_a_known_address() {
        let right = [code_hmac(b"k", uuid::Uuid::nil(), "012345")];
        assert!(!confirms(&Waiting { known: true, ..waiting() }, &right, Utc::now()));
    }

    #[test]
    fn an_address_gets_few_letters() {
        assert!(may_write(0, 0) && may_write(LETTERS_AN_HOUR - 1, LETTERS_A_DAY - 1));
        assert!(!may_write(LETTERS_AN_HOUR, LETTERS_AN_HOUR) && !may_write(0, LETTERS_A_DAY));
    }
}
