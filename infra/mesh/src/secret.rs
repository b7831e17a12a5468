//! A value that never shows itself: logs, errors and answers print `***`.

use std::fmt;

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

/// A secret in memory. `Debug` and `Display` print `***`, it cannot be serialized, its bytes are wiped when dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Whoever calls this sees to it that it reaches no log, event, error or answer.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    /// Takes the same time wherever the two differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

impl Secret<String> {
    /// The last four characters, for people to tell two secrets apart; nothing of one shorter than twelve.
    #[must_use]
    pub fn hint(&self) -> String {
        let characters: Vec<char> = self.0.chars().collect();
        if characters.len() < 12 {
            return "…".to_owned();
        }
        format!("…{}", characters[characters.len() - 4..].iter().collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_100_a_secret_prints_stars_wherever_it_lies() {
        // trust: INV-100
        #[derive(Debug)]
        #[expect(dead_code, reason = "only printed")]
        struct Holder {
            token: Secret<String>,
        }
        let token: Secret<String> = serde_json::from_str("\"canary-7f3a\"").unwrap();
        let printed = format!("{token} {token:?} {:?} {:#?}", Some(&token), Holder { token: token.clone() });
        assert!(!printed.contains("canary"), "{printed}");
        assert!(printed.contains("***"));
        assert_eq!(token.expose(), "canary-7f3a");
    }

    #[test]
    fn a_hint_shows_four_characters_at_most() {
        assert_eq!(Secret::from("123456:ABCDEFGH").hint(), "…EFGH");
        assert_eq!(Secret::from("short").hint(), "…");
    }
}
