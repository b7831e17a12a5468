//! Sessions: log-in, rotation of refresh tokens, the current workspace, socket tickets.

pub mod rpc;
pub mod store;

use chrono::{DateTime, Duration, Utc};
use neipix_mesh::SessionId;
use sha2::{Digest as _, Sha256};

/// Life of an access token.
pub const ACCESS_LIFE: Duration = Duration::minutes(10);
/// Life of a session that remembers.
pub const REMEMBERED: Duration = Duration::days(30);
/// Idle life of one that does not.
pub const IDLE: Duration = Duration::hours(24);
/// Life of a socket ticket.
pub const TICKET_LIFE: Duration = Duration::seconds(30);

/// When a session's next refresh token ends.
#[must_use]
pub fn ends(remember: bool, now: DateTime<Utc>) -> DateTime<Utc> {
    now + if remember { REMEMBERED } else { IDLE }
}

/// How long wrong passwords of one address make the next try wait. Short, and never a lock-out: the owner waits seconds.
#[must_use]
pub fn delay(failures: i32) -> Duration {
    match failures {
        ..5 => Duration::zero(),
        n => Duration::seconds(1_i64 << (n - 5).min(5)),
    }
}

/// What a log-in may do before its password is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Try; a wrong password is counted afterwards.
    Open,
    /// Try, counted as wrong until it proves right: one at a time gets through, however many ask at once.
    Counted,
    /// Too early.
    Wait(Duration),
}

/// Decides by the wrong passwords of the last hour and the time since the last of them.
#[must_use]
pub fn gate(failures: i32, since: Duration) -> Gate {
    match delay(failures) {
        zero if zero.is_zero() => Gate::Open,
        delay if since < delay => Gate::Wait(delay - since),
        _ => Gate::Counted,
    }
}

/// What wrong passwords are counted under: the address, known or not; for a device that signed in before, that device, so
/// that strangers who guess do not make it wait.
#[must_use]
pub fn failure_key(email_key: &str, device: Option<SessionId>) -> Vec<u8> {
    let named = device.map_or_else(|| format!("address:{email_key}"), |family| format!("device:{family}"));
    Sha256::digest(named.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_7_wrong_passwords_slow_down_and_never_lock_out() {
        assert_eq!(delay(4), Duration::zero());
        assert_eq!(delay(5), Duration::seconds(1));
        assert_eq!(delay(1_000), Duration::seconds(32));
    }

    #[test]
    fn a_7_after_five_wrong_passwords_one_try_at_a_time_gets_through() {
        assert_eq!(gate(4, Duration::zero()), Gate::Open);
        assert_eq!(gate(6, Duration::milliseconds(500)), Gate::Wait(Duration::milliseconds(1_500)));
        assert_eq!(gate(6, Duration::seconds(2)), Gate::Counted);
    }

    #[test]
    fn a_7_a_known_device_is_counted_by_itself() {
        let family = SessionId::new(Utc::now());
        assert_ne!(failure_key("a@x.ru", Some(family)), failure_key("a@x.ru", None));
        assert_eq!(failure_key("a@x.ru", Some(family)), failure_key("b@x.ru", Some(family)));
    }
}
