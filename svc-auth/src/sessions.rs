//! Sessions: log-in, rotation of refresh tokens, the current workspace, socket tickets.

pub mod rpc;
pub mod store;

use chrono::{DateTime, Duration, Utc};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_7_wrong_passwords_slow_down_and_never_lock_out() {
        assert_eq!(delay(4), Duration::zero());
        assert_eq!(delay(5), Duration::seconds(1));
        assert_eq!(delay(1_000), Duration::seconds(32));
    }
}
