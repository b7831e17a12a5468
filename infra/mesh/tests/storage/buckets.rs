//! Buckets that refill, taken from by many processes.

use std::time::Duration;

use neipix_mesh::redis::Buckets;

use crate::support::{no_redis, redis};

const TEN_IN_TEN_MINUTES: (u32, u32) = (10, 600);

async fn taken(buckets: &Buckets, key: &str, tries: usize) -> usize {
    let mut taken = 0;
    for _ in 0..tries {
        match buckets.take(key.to_owned(), TEN_IN_TEN_MINUTES).await {
            None => taken += 1,
            Some(wait) => assert!(wait <= Duration::from_secs(60), "{wait:?} until the next one"),
        }
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_take_from_one_bucket_and_each_key_has_its_own() {
    let shared = redis(13).await;
    let (one, other) = (Buckets::new(shared.clone()), Buckets::new(shared));
    assert_eq!(taken(&one, "a", 6).await + taken(&other, "a", 20).await, 10);
    assert_eq!(taken(&other, "b", 20).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_process_counts_for_itself() {
    let (one, other) = (Buckets::new(no_redis()), Buckets::new(no_redis()));
    assert_eq!((taken(&one, "a", 20).await, taken(&other, "a", 20).await), (10, 10));
}
