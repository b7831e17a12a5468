//! What the staff's command line does, for the command line and for tests that end with it.

#![expect(clippy::print_stdout, reason = "a command line prints")]

pub mod health;
pub mod verify;
