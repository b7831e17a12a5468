//! A visitor's token: what it is, when it is replaced, when it is dead. No I/O.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

/// A token is replaced when it is used that long after it was made.
const ROTATES_AFTER: TimeDelta = TimeDelta::hours(24);
/// A token that was not used for that long is dead.
const IDLE_MOST: TimeDelta = TimeDelta::days(30);
/// Other tabs may come with a replaced token for so long.
pub const FORMER_LIFE: TimeDelta = TimeDelta::minutes(5);

/// A fresh token: 256 random bits.
#[must_use]
pub fn fresh() -> String {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes);
    format!("wv_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// What is stored of a token.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// How a visitor's token stands.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Whether the browser came with the token itself; else with the one before.
    pub current: bool,
    /// When the token was made.
    pub made_at: DateTime<Utc>,
    /// Whether the browser has come with it before.
    pub used: bool,
    /// Until when others may come with the one before.
    pub former_until: Option<DateTime<Utc>>,
    /// Last exchange.
    pub seen_at: DateTime<Utc>,
    /// Whether the visitor was reset.
    pub revoked: bool,
}

/// What happens to a token that a browser comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// It stays good.
    Keep,
    /// A fresh one takes its place.
    Rotate,
    /// The fresh one never arrived: another takes its place, and the one before stays the one before.
    Again,
    /// It is dead.
    Dead,
}

/// Decides by the database's clock.
#[must_use]
pub fn exchange(standing: Standing, now: DateTime<Utc>) -> Exchange {
    if standing.revoked || now - standing.seen_at > IDLE_MOST {
        return Exchange::Dead;
    }
    match standing {
        Standing { current: true, made_at, .. } if now - made_at > ROTATES_AFTER => Exchange::Rotate,
        Standing { current: true, .. } => Exchange::Keep,
        // Nobody came with the successor: its answer was lost.
        Standing { used: false, .. } => Exchange::Again,
        Standing { former_until: Some(until), .. } if now < until => Exchange::Keep,
        _ => Exchange::Dead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(hours: i64) -> (Standing, DateTime<Utc>) {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let made_at = now - TimeDelta::hours(hours);
        let standing =
            Standing { current: true, made_at, used: true, former_until: None, seen_at: made_at, revoked: false };
        (standing, now)
    }

    #[test]
    fn a_token_is_replaced_after_a_day_and_dies_after_thirty_idle_ones() {
        let at = |hours| {
            let (standing, now) = standing(hours);
            exchange(standing, now)
        };
        assert_eq!(at(23), Exchange::Keep);
        assert_eq!(at(25), Exchange::Rotate);
        assert_eq!(at(30 * 24), Exchange::Rotate);
        assert_eq!(at(30 * 24 + 1), Exchange::Dead);
        let (fine, now) = standing(1);
        assert_eq!(exchange(Standing { revoked: true, ..fine }, now), Exchange::Dead);
    }

    #[test]
    fn a_replaced_token_helps_where_the_answer_was_lost_and_ends_soon_after_it_was_not() {
        let (fine, now) = standing(1);
        let former = Standing { current: false, former_until: Some(now + FORMER_LIFE), ..fine };
        assert_eq!(exchange(Standing { used: false, ..former }, now), Exchange::Again);
        assert_eq!(exchange(former, now), Exchange::Keep);
        assert_eq!(exchange(former, now + FORMER_LIFE), Exchange::Dead);
    }

    #[test]
    fn tokens_are_256_bits_and_stored_hashed() {
        let (one, two) = (fresh(), fresh());
        assert!(one != two && one.len() == 3 + 43 && hash(&one) != hash(&two));
    }
}
