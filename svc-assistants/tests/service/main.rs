//! svc-assistants on real Postgres, Redis and S3: run beside `neipix-local with-services`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod answers;
mod assistants;
mod doubles;
mod harness;
mod knowledge;
mod peer;
mod providers;
mod schema;
mod search;
mod simulation;
