//! How fast one contact may write (C-13): a bucket of messages that refills.
//!
//! Buckets are this process's own. Only a contact who has used half of theirs is counted in Redis too, together with the
//! other replicas; so people who write like people cost no round trip, and without Redis the limit is local.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use neipix_mesh::{
    Failure, WorkspaceId,
    redis::{Redis, workspace_key},
};
use neipix_proto::chats::v1::ErrorReason;
use sha2::{Digest as _, Sha256};

/// Messages at once.
const BURST: f64 = 120.0;
/// Messages a second, on and on.
const PER_SECOND: f64 = 2.0;
/// Buckets kept.
const MOST: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> Result<f64, Duration> {
        self.left = (self.left + now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND).min(BURST);
        self.at = now;
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / PER_SECOND));
        }
        self.left -= 1.0;
        Ok(self.left)
    }
}

/// The buckets of this process. Cheap to clone.
#[derive(Clone)]
pub struct Flood {
    redis: Redis,
    buckets: Arc<Mutex<HashMap<[u8; 16], Bucket>>>,
}

impl Flood {
    /// All full.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, buckets: Arc::default() }
    }

    /// Counts a message of a contact; `who` names kind, scope and value of its identity.
    ///
    /// # Errors
    /// CONTACT_FLOOD with the time to wait.
    pub async fn check(&self, ws: WorkspaceId, who: &str) -> Result<(), Failure> {
        let hash: [u8; 32] = Sha256::new().chain_update(ws.0.as_bytes()).chain_update(who).finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        let left = self.local(key, Instant::now()).map_err(refused)?;
        if left > BURST / 2.0 {
            return Ok(());
        }
        match self.shared(ws, &hex::encode(key)).await {
            Some(wait) => Err(refused(wait)),
            None => Ok(()),
        }
    }

    fn local(&self, key: [u8; 16], now: Instant) -> Result<f64, Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            // Full ones say nothing; what remains is who wrote a lot.
            buckets.retain(|_, b| b.left + now.saturating_duration_since(b.at).as_secs_f64() * PER_SECOND < BURST);
        }
        buckets.entry(key).or_insert(Bucket { left: BURST, at: now }).take(now)
    }

    /// How long to wait by the count of all replicas: messages in the running minute.
    async fn shared(&self, ws: WorkspaceId, key: &str) -> Option<Duration> {
        const WINDOW: i64 = 60;
        let name = workspace_key("flood", ws, key);
        let mut connection = self.redis.connection().await.ok()?;
        let mut pipe = redis::pipe();
        pipe.cmd("SET").arg(&name).arg(0).arg("EX").arg(WINDOW).arg("NX").ignore();
        pipe.cmd("INCR").arg(&name).cmd("TTL").arg(&name);
        let (count, left): (i64, i64) = pipe.query_async(&mut connection).await.ok()?;
        // Counted from half a bucket on.
        let most = BURST / 2.0 + PER_SECOND * 60.0;
        #[expect(clippy::cast_precision_loss, reason = "a count of a minute")]
        let over = count as f64 > most;
        over.then(|| Duration::from_secs(u64::try_from(left.clamp(1, WINDOW)).unwrap_or(1)))
    }
}

fn refused(wait: Duration) -> Failure {
    Failure::new(ErrorReason::ContactFlood, "this contact writes faster than a person can; wait and send less")
        .with_retry_after(wait.max(Duration::from_secs(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_13_a_flood_is_refused_and_a_person_is_not() {
        // trust: C-13
        let start = Instant::now();
        let mut bucket = Bucket { left: BURST, at: start };
        let at = |ms: u64| start + Duration::from_millis(ms);
        let passed = (0..10_000u64).filter(|n| bucket.take(at(n * 6)).is_ok()).count();
        assert!((200..=242).contains(&passed), "{passed} of 10,000 in a minute");
        let mut calm = Bucket { left: BURST, at: start };
        assert!((0..600u64).all(|n| calm.take(at(n * 1_500)).is_ok()));
        let _ = bucket.take(at(60_001));
        assert!(bucket.take(at(60_002)).is_err_and(|wait| wait <= Duration::from_secs(1)));
    }
}
