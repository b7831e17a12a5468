//! The product as processes that die: a journey through the mesh, who may call whom in it, and what is left after kills.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods, reason = "tests")]

mod auditor;
mod crash;
mod house;
mod identity;
mod journey;
mod kills;
mod once;
mod silence;
mod storm;
mod watchers;
