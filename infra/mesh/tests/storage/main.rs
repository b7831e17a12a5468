//! The data rules of the mesh against a real Postgres and Redis, as the service's role.
//!
//! `make test-it` gives `DATABASE_URL` (the owner, who may make databases) and `REDIS_URL`. Each test has a database of its
//! own.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod buckets;
mod consumer;
mod db;
mod idempotency;
mod jobs;
mod migrate;
mod outbox;
mod relay;
mod support;
