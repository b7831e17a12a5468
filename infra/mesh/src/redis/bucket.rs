//! Buckets that refill, counted together over all processes in Redis; by each for itself while Redis is away.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Redis;

/// GCRA: one number per key, the time at which the bucket will be full again.
///
/// KEYS[1] the bucket; ARGV: emission interval and burst tolerance in microseconds. Answers the wait in microseconds, 0 =
/// go. The clock is Redis's own, so that processes need not agree on the time.
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

/// The buckets that a process takes from.
pub struct Buckets {
    redis: Redis,
    script: redis::Script,
    local: Mutex<HashMap<String, i64>>,
    away_until: AtomicI64,
}

impl Buckets {
    /// Over a pool.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, script: redis::Script::new(SCRIPT), local: Mutex::default(), away_until: AtomicI64::new(0) }
    }

    /// Takes one from a bucket that holds `count` and fills within so many seconds. Answers how long to wait for the next one;
    /// none = taken.
    pub async fn take(&self, key: String, (count, seconds): (u32, u32)) -> Option<Duration> {
        let interval = i64::from(seconds) * 1_000_000 / i64::from(count.max(1));
        let tolerance = i64::from(seconds) * 1_000_000;
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
        (wait > 0).then(|| Duration::from_micros(wait.unsigned_abs()))
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
        let mut buckets = self.local.lock().unwrap_or_else(PoisonError::into_inner);
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
