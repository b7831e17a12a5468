//! Rate limits per principal or address, counted together over all edges.

use std::time::Duration;

use neipix_mesh::{
    Failure,
    redis::{Buckets, Redis},
};
use neipix_proto::access::v1::ErrorReason;

/// The limiter of one edge.
pub struct Limiter(Buckets);

impl Limiter {
    /// Over a pool.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self(Buckets::new(redis))
    }

    /// Takes one of `count` calls per `seconds` for this principal.
    ///
    /// # Errors
    /// RATE_LIMITED with the wait.
    pub async fn take(&self, rpc: &str, principal: &str, (count, seconds): (u32, u32)) -> Result<(), Failure> {
        match self.0.take(format!("neipix:rl:{rpc}:{principal}"), (count, seconds)).await {
            None => Ok(()),
            Some(wait) => Err(Failure::new(
                ErrorReason::RateLimited,
                format!("at most {count} calls in {seconds} s; wait and try again"),
            )
            .with_retry_after(wait.max(Duration::from_secs(1)))),
        }
    }
}
