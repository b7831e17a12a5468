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
/// KEYS[1] the bucket; ARGV: emission interval and burst tolerance in microseconds, and how many are wanted. Answers the wait
/// for one in microseconds, or less than zero: how many were taken. The clock is Redis's own, so that processes need not
/// agree on the time.
const SCRIPT: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local tat = tonumber(redis.call('GET', KEYS[1])) or now
if tat < now then tat = now end
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = tat + interval - tolerance - now
if wait > 0 then return wait end
local taken = math.min(tonumber(ARGV[3]), math.floor((now + tolerance - tat) / interval))
tat = tat + taken * interval
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
return -taken
";

/// Local buckets beyond this many are forgotten at once.
const LOCAL_MOST: usize = 100_000;
/// A busy process takes so much of a bucket at once at most: a part of what it holds.
const LEASE_PART: u32 = 100;
/// What is not spent by then is lost, in microseconds.
const LEASE: i64 = 5_000_000;
/// How long Redis may take to answer, in microseconds.
const PATIENCE: i64 = 300_000;

/// The buckets that a process takes from. Together they never give more than there is; who takes often takes up to a
/// hundredth of a bucket at once, and then asks Redis that much less often.
pub struct Buckets {
    redis: Redis,
    script: redis::Script,
    local: Mutex<HashMap<String, Local>>,
    away_until: AtomicI64,
}

/// What a process knows of a bucket.
#[derive(Default)]
struct Local {
    /// Its own count, for when Redis is away.
    full_at: i64,
    /// Taken already and not spent.
    left: u32,
    /// How many were asked for last.
    size: u32,
    /// What is left may be spent until then.
    until: i64,
    /// Somebody asks for many until then; who comes meanwhile asks for one. Else a crowd would take the whole bucket.
    asking: i64,
}

impl Local {
    /// Spends one of what was taken before; none = so many are to be taken now.
    fn spend(&mut self, now: i64, most: u32) -> Option<u32> {
        let current = now < self.until;
        if current && self.left > 0 {
            self.left -= 1;
            return None;
        }
        self.left = 0;
        if now < self.asking {
            return Some(1);
        }
        self.asking = now + PATIENCE;
        // Used up before its time: twice as many.
        self.size = if current { (self.size * 2).clamp(1, most) } else { 1 };
        Some(self.size)
    }
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
        // Counted here each time: should Redis go away, nobody starts anew.
        let (wanted, alone) = self.own(&key, |own, now| {
            (own.spend(now, (count / LEASE_PART).max(1)), gcra(&mut own.full_at, now, interval, tolerance))
        });
        // None: it was taken before.
        let wanted = wanted?;
        let wait = match self.shared(&key, interval, tolerance, wanted).await {
            Some(wait) if wait > 0 => wait,
            Some(taken) => {
                self.own(&key, |own, now| {
                    own.left += u32::try_from(-taken).unwrap_or(1).saturating_sub(1);
                    own.until = now + LEASE;
                    // Not by one of those who asked for one beside it.
                    if wanted > 1 || own.size == 1 {
                        own.asking = 0;
                    }
                });
                0
            }
            None => alone,
        };
        (wait > 0).then(|| Duration::from_micros(wait.unsigned_abs()))
    }

    async fn shared(&self, key: &str, interval: i64, tolerance: i64, wanted: u32) -> Option<i64> {
        if self.away_until.load(Ordering::Relaxed) > now() {
            return None;
        }
        let asked = async {
            let mut connection = self.redis.connection().await.ok()?;
            let mut call = self.script.key(key);
            call.arg(interval).arg(tolerance).arg(wanted).invoke_async::<i64>(&mut connection).await.ok()
        };
        let answer = tokio::time::timeout(Duration::from_micros(PATIENCE.unsigned_abs()), asked).await.ok().flatten();
        if answer.is_none() {
            // Asking a dead Redis again for each call would make every call slow.
            self.away_until.store(now() + 1_000_000, Ordering::Relaxed);
        }
        answer
    }

    fn own<T>(&self, key: &str, what: impl FnOnce(&mut Local, i64) -> T) -> T {
        let mut buckets = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = buckets.get_mut(key) {
            return what(own, now());
        }
        if buckets.len() >= LOCAL_MOST {
            buckets.clear();
        }
        what(buckets.entry(key.to_owned()).or_default(), now())
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
