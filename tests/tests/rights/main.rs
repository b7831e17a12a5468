//! Rights and access: who may call what, in every way that there is, and what happens to those who try otherwise.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod callers;
mod digest;
mod doors;
mod files;
mod foreign;
mod matrix;
mod mesh;
mod open;
mod place;
mod requests;
mod sessions;
mod tenancy;
mod tokens;
mod world;
