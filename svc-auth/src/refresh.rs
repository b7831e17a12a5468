//! Refresh tokens: `rt_<kid>_<43>`; only hashes are stored, the successor is derived.
//!
//! Pure. A repeat within 30 s, while the successor is unused, gets the same successor (answers get lost); any other use of
//! a used token ends the family.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// How long a repeat gets the same successor.
pub const GRACE: Duration = Duration::seconds(30);

/// SHA-256 of a token.
pub type Hash = [u8; 32];

/// The hash that is stored of a token.
#[must_use]
pub fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// A first token of random bytes.
#[must_use]
pub fn first(kid: &str, random: [u8; 32]) -> String {
    format!("rt_{kid}_{}", URL_SAFE_NO_PAD.encode(random))
}

/// The successor: `HMAC-SHA256(key, "next" ‖ token)`.
#[must_use]
pub fn successor(kid: &str, key: &[u8], token: &str) -> String {
    let mut out = [0; 32];
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        mac.update(b"next");
        mac.update(token.as_bytes());
        out = mac.finalize().into_bytes().into();
    }
    first(kid, out)
}

/// A token as it lies in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// With which key its successor was derived.
    pub successor_kid: Option<String>,
    /// Whether its successor was used.
    pub successor_used: bool,
    /// Whether its session was revoked.
    pub revoked: bool,
}

/// What to do with a token that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Use it and give its successor.
    Rotate,
    /// Give the same successor again, derived with this key.
    Same(String),
    /// Somebody has a copy: end the family.
    Reused,
    /// It ended.
    Invalid,
}

/// Decides.
#[must_use]
pub fn decide(stored: &Stored, now: DateTime<Utc>) -> Verdict {
    if stored.revoked || stored.expires_at <= now {
        return Verdict::Invalid;
    }
    match (stored.used_at, &stored.successor_kid) {
        (None, _) => Verdict::Rotate,
        (Some(used), Some(kid)) if now - used <= GRACE && !stored.successor_used => Verdict::Same(kid.clone()),
        (Some(_), _) => Verdict::Reused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Stored {
        let now = Utc::now();
        Stored {
            used_at: None,
            expires_at: now + Duration::days(1),
            successor_kid: None,
            successor_used: false,
            revoked: false,
        }
    }

    #[test]
    fn a_6_a_repeat_gets_the_same_successor_for_thirty_seconds_while_it_is_unused() {
        let now = Utc::now();
        let used = Stored { used_at: Some(now), successor_kid: Some("k".into()), ..stored() };
        assert_eq!(decide(&used, now + Duration::seconds(29)), Verdict::Same("k".into()));
        assert_eq!(decide(&used, now + Duration::seconds(31)), Verdict::Reused);
        assert_eq!(decide(&Stored { successor_used: true, ..used }, now), Verdict::Reused);
    }

    #[test]
    fn a_5_an_old_token_ends_the_family_and_a_dead_one_is_only_invalid() {
        let now = Utc::now();
        assert_eq!(decide(&stored(), now), Verdict::Rotate);
        assert_eq!(decide(&Stored { revoked: true, ..stored() }, now), Verdict::Invalid);
        assert_eq!(decide(&Stored { expires_at: now, ..stored() }, now), Verdict::Invalid);
    }

    #[test]
    fn a_successor_is_the_same_for_the_same_key_only() {
        let token = first("a", [7; 32]);
        assert_eq!(successor("a", b"key", &token), successor("a", b"key", &token));
        assert_ne!(successor("a", b"key", &token), successor("a", b"other", &token));
        assert_eq!(token.split('_').nth(2).unwrap().len(), 43);
    }

    /// A family as the table keeps it, moved by the same decisions as the rpc.
    #[derive(Debug, Default)]
    struct Family {
        rows: Vec<(String, Option<DateTime<Utc>>)>,
        dead: bool,
    }

    impl Family {
        fn stored(&self, at: usize, now: DateTime<Utc>) -> Stored {
            Stored {
                used_at: self.rows[at].1,
                expires_at: now + Duration::days(1),
                successor_kid: self.rows[at].1.map(|_| "k".to_owned()),
                successor_used: self.rows[at + 1..].iter().any(|(_, used)| used.is_some()),
                revoked: self.dead,
            }
        }

        fn present(&mut self, at: usize, now: DateTime<Utc>) -> Option<String> {
            match decide(&self.stored(at, now), now) {
                Verdict::Rotate => {
                    let next = successor("k", b"key", &self.rows[at].0);
                    self.rows[at].1 = Some(now);
                    self.rows.push((next.clone(), None));
                    Some(next)
                }
                Verdict::Same(_) => Some(successor("k", b"key", &self.rows[at].0)),
                Verdict::Reused => {
                    self.dead = true;
                    self.rows.iter_mut().for_each(|row| row.1 = row.1.or(Some(now)));
                    None
                }
                Verdict::Invalid => None,
            }
        }
    }

    proptest::proptest! {
        /// Whatever is presented and whenever: at most one unused token, whoever got a token got the newest one, and
        /// after a reuse nothing works.
        #[test]
        fn inv_52_a_family_has_at_most_one_unused_token(
            steps in proptest::collection::vec((0_usize..6, 0_i64..45), 1..40)
        ) {
            // trust: INV-52
            let mut now = Utc::now();
            let mut family = Family { rows: vec![(first("k", [1; 32]), None)], dead: false };
            for (back, seconds) in steps {
                now += Duration::seconds(seconds);
                let newest = family.rows.len() - 1;
                let at = newest.saturating_sub(back);
                let used_before = family.rows[at].1;
                let dead_before = family.dead;
                let got = family.present(at, now);
                let unused = family.rows.iter().filter(|row| row.1.is_none()).count();
                proptest::prop_assert_eq!(unused, usize::from(!family.dead));
                match got {
                    Some(token) => {
                        proptest::prop_assert!(!dead_before && !family.dead);
                        proptest::prop_assert_eq!(&token, &family.rows[family.rows.len() - 1].0);
                        proptest::prop_assert!(used_before.is_none_or(|used| now - used <= GRACE));
                    }
                    None => proptest::prop_assert!(family.dead),
                }
            }
        }
    }
}
