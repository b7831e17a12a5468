//! svc-auth behind its access layer, on a Postgres, Redis and mailbox of `neipix-local with-services`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod api_keys;
mod house;
mod login;
mod registration;
mod revocations;
mod schema;
mod sessions;
mod signing;
mod tickets;
