//! Revocations in Redis.
//!
//! `neipix:rev:{all}` is a sorted set: member = the encoded `Revocation`, score = Redis's own time in milliseconds; kept
//! 15 minutes. `neipix:rev:{all}:alive` exists while svc-auth writes (2 s). A Redis that lost its data lacks the second
//! key, so nobody takes its empty set for the truth, and svc-auth fills the set again before it writes that key.

use std::time::Duration;

use ::redis::{Script, pipe};
use neipix_proto::auth::v1::Revocation;
use prost::Message as _;

use super::{FRESH, HEARTBEAT, Revocations};
use crate::{failure::Failure, redis::Redis, shutdown::Shutdown};

/// How long revocations are kept: longer than any access token lives.
pub const KEEP: Duration = Duration::from_secs(15 * 60);

const SET: &str = "neipix:rev:{all}";
const ALIVE: &str = "neipix:rev:{all}:alive";
/// What is read again at each poll: a replica that became the primary may lack the last moments and get them later.
const OVERLAP_MS: u64 = 5_000;
/// A Redis that does not answer in this time counts as gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Encoded revocations with their times.
type Entries = Vec<(Vec<u8>, f64)>;

/// The clock is Redis's own, so that hosts need not agree.
const PUBLISH: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return now";

/// Tells all processes. Telling again is harmless.
///
/// # Errors
/// `UNAVAILABLE` where Redis does not answer; svc-auth's stream tells it all the same.
pub async fn publish(redis: &Redis, revocations: &[Revocation]) -> Result<(), Failure> {
    if revocations.is_empty() {
        return Ok(());
    }
    let script = Script::new(PUBLISH);
    let mut call = script.key(SET);
    call.arg(KEEP.as_millis().to_string());
    for revocation in revocations {
        call.arg(revocation.encode_to_vec());
    }
    patient(async {
        let mut connection = redis.connection().await?;
        call.invoke_async::<u64>(&mut connection).await.map_err(gone)?;
        Ok(())
    })
    .await
}

/// svc-auth's part: shows every 500 ms that it lives, and after a loss fills the set again first.
///
/// `recent` gives all revocations of the last 15 minutes, from the database.
pub async fn write_heartbeats<F>(redis: Redis, recent: F, shutdown: Shutdown)
where
    F: AsyncFn() -> Result<Vec<Revocation>, Failure>,
{
    let mut failing = false;
    loop {
        let beat = async {
            let lost = patient(async {
                let mut connection = redis.connection().await?;
                let there: bool = ::redis::cmd("EXISTS").arg(ALIVE).query_async(&mut connection).await.map_err(gone)?;
                Ok(!there)
            });
            if lost.await? {
                publish(&redis, &recent().await?).await?;
            }
            patient(async {
                let mut connection = redis.connection().await?;
                let mut set = ::redis::cmd("SET");
                set.arg(ALIVE).arg(1).arg("PX").arg(FRESH.as_millis().to_string());
                set.query_async::<()>(&mut connection).await.map_err(gone)
            })
            .await
        };
        let result: Result<(), Failure> = beat.await;
        if let (Err(failure), false) = (&result, failing) {
            tracing::warn!(error = failure as &dyn std::error::Error, "revocations do not reach Redis");
        }
        failing = result.is_err();
        if !shutdown.sleep(HEARTBEAT).await {
            return;
        }
    }
}

/// Everybody's part: reads what is new every 500 ms.
pub async fn read_redis(redis: Redis, revocations: Revocations, shutdown: Shutdown) {
    let mut newest = 0;
    let mut failing = false;
    loop {
        match poll(&redis, &revocations, newest).await {
            Ok(now) => {
                newest = now;
                failing = false;
            }
            Err(failure) => {
                if !failing {
                    tracing::warn!(error = &failure as &dyn std::error::Error, "revocations cannot be read from Redis");
                }
                failing = true;
            }
        }
        if !shutdown.sleep(HEARTBEAT).await {
            return;
        }
    }
}

/// One look; returns the newest entry's time, 0 to read everything at the next look.
async fn poll(redis: &Redis, revocations: &Revocations, newest: u64) -> Result<u64, Failure> {
    let from = newest.saturating_sub(OVERLAP_MS);
    let (entries, left) = patient(async {
        let mut connection = redis.connection().await?;
        let mut look = pipe();
        look.cmd("ZRANGEBYSCORE").arg(SET).arg(from).arg("+inf").arg("WITHSCORES").cmd("PTTL").arg(ALIVE);
        look.query_async::<(Entries, i64)>(&mut connection).await.map_err(gone)
    })
    .await?;
    let mut last = newest;
    for (entry, score) in entries {
        match Revocation::decode(entry.as_slice()) {
            Ok(revocation) => revocations.hear(&revocation),
            Err(_) => tracing::warn!("an entry of {SET} is no revocation"),
        }
        // Milliseconds since 1970: exact in a double.
        last = last.max(score as u64);
    }
    // Set and mark came in one answer, the set first: what svc-auth wrote before the mark is in it.
    // What is left of the mark tells how long ago svc-auth wrote it.
    if let Ok(left) = u64::try_from(left) {
        revocations.alive_before(FRESH.saturating_sub(Duration::from_millis(left)));
        return Ok(last);
    }
    // Perhaps another Redis with another clock: its times say nothing about ours.
    Ok(0)
}

async fn patient<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|late| Err(gone(late)))
}

fn gone(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::unavailable("Redis does not answer").with_source(source)
}
