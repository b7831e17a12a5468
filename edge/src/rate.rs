//! Rate limits per principal or address, counted together over all edges in Redis; locally while Redis is away.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use neipix_mesh::{Failure, redis::Redis};
use neipix_proto::access::v1::ErrorReason;

/// GCRA: one number per key, the time at which the bucket will be full again.
///
/// KEYS[1] the bucket; ARGV: emission interval and burst tolerance in microseconds. Answers the wait in microseconds, 0 =
/// go. The clock is Redis's own, so that edges need not agree on the time.
const SCRIPT: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local tat = tonumber(redis.call('GET', KEYS[1])) or now
if tat < now then tat = now end
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = tat + interval - tolerance - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', tat + interval), 'PX', math.ceil((tat + interval - now) / 1000) + 1)
return 0
";

/// Local buckets beyond this many are forgotten at once; they only count while Redis is away.
const LOCAL_MOST: usize = 100_000;

/// The limiter of one edge.
pub struct Limiter {
    redis: Redis,
    script: redis::Script,
    local: Mutex<HashMap<String, i64>>,
    away_until: AtomicI64,
}

impl Limiter {
    /// Over a pool.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, script: redis::Script::new(SCRIPT), local: Mutex::default(), away_until: AtomicI64::new(0) }
    }

    /// Takes one of `count` calls per `seconds` for this principal.
    ///
    /// # Errors
    /// RATE_LIMITED with the wait.
    pub async fn take(&self, rpc: &str, principal: &str, (count, seconds): (u32, u32)) -> Result<(), Failure> {
        let interval = i64::from(seconds) * 1_000_000 / i64::from(count.max(1));
        let tolerance = i64::from(seconds) * 1_000_000;
        let key = format!("neipix:rl:{rpc}:{principal}");
        let wait = match self.shared(&key, interval, tolerance).await {
            Some(wait) => {
                if wait <= 0 {
                    // Should Redis go away, nobody starts anew.
                    self.alone(key, interval, tolerance);
                }
                wait
            }
            None => self.alone(key, interval, tolerance),
        };
        if wait <= 0 {
            return Ok(());
        }
        let wait = Duration::from_micros(wait.unsigned_abs());
        Err(Failure::new(ErrorReason::RateLimited, format!("at most {count} calls in {seconds} s; wait and try again"))
            .with_retry_after(wait.max(Duration::from_secs(1))))
    }

    async fn shared(&self, key: &str, interval: i64, tolerance: i64) -> Option<i64> {
        if self.away_until.load(Ordering::Relaxed) > now() {
            return None;
        }
        let asked = async {
            let mut connection = self.redis.connection().await.ok()?;
            self.script.key(key).arg(interval).arg(tolerance).invoke_async::<i64>(&mut connection).await.ok()
        };
        let wait = tokio::time::timeout(Duration::from_millis(300), asked).await.ok().flatten();
        if wait.is_none() {
            // Asking a dead Redis again for each call would make every call slow.
            self.away_until.store(now() + 1_000_000, Ordering::Relaxed);
        }
        wait
    }

    fn alone(&self, key: String, interval: i64, tolerance: i64) -> i64 {
        let mut buckets = self.local.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() > LOCAL_MOST {
            buckets.clear();
        }
        gcra(buckets.entry(key).or_insert(0), now(), interval, tolerance)
    }
}

/// The same decision as the script's.
fn gcra(full_at: &mut i64, now: i64, interval: i64, tolerance: i64) -> i64 {
    let from = (*full_at).max(now);
    let wait = from + interval - tolerance - now;
    if wait <= 0 {
        *full_at = from + interval;
    }
    wait.max(0)
}

fn now() -> i64 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
    i64::try_from(micros).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_per_interval() {
        let (mut bucket, second) = (0, 1_000_000);
        let taken = (0..100).filter(|_| gcra(&mut bucket, 5 * second, second, 10 * second) == 0).count();
        assert_eq!(taken, 10);
        assert_eq!(gcra(&mut bucket, 6 * second, second, 10 * second), 0);
        assert!(gcra(&mut bucket, 6 * second, second, 10 * second) > 0);
    }
}
