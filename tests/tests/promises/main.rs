//! What the product promises of its data and its health, tried on a whole product.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod extraction;
mod full;
mod health;
mod outages;
mod places;
#[expect(dead_code, reason = "not every suite reads its memory or its words")]
#[path = "../attacks/process.rs"]
mod process;
mod seed;
mod silence;
mod transactions;
mod verify;
