//! What the product promises of its data and its health, tried on a whole product.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod health;
mod outages;
mod seed;
mod transactions;
mod verify;
