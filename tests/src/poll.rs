//! Waiting without sleeping blindly: ask again until it holds or the deadline has passed.

use std::time::{Duration, Instant};

/// How long [`eventually`] waits.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The pause between two questions: long enough to leave the machine to what is waited for.
const STEP: Duration = Duration::from_millis(20);

/// Asks until the answer is `Some`, at most five seconds.
///
/// # Panics
/// When the deadline passes; the message names `what`.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, ask).await
}

/// The same with another deadline. The question is asked at least once, and once more after the deadline.
///
/// # Panics
/// When the deadline passes; the message names `what`.
pub async fn eventually_within<T>(deadline: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let late = start.elapsed() >= deadline;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(!late, "{what}: not within {deadline:?}");
        tokio::time::sleep(STEP).await;
    }
}

/// Bounds a future that may wait for ever.
///
/// # Panics
/// When the deadline passes; the message names `what`.
pub async fn within<T>(deadline: Duration, what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(deadline, future).await.unwrap_or_else(|_| panic!("{what}: not within {deadline:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asks_until_it_holds() {
        let mut left = 3;
        let answer = eventually("three askings", async || {
            left -= 1;
            (left == 0).then_some("yes")
        })
        .await;
        assert_eq!(answer, "yes");
    }

    #[tokio::test]
    #[should_panic(expected = "a pig that flies: not within 50ms")]
    async fn names_what_did_not_come() {
        eventually_within(Duration::from_millis(50), "a pig that flies", async || None::<()>).await;
    }
}
