//! svc-billing behind its access layer, on a Postgres and Redis of `neipix-local with-services`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod harness;
mod ledger;
mod machine;
