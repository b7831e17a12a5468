//! What the staff's command line does, apart from reading its arguments: tests check a database with the same code.

#![expect(clippy::print_stdout, reason = "a command line prints")]

pub mod health;
pub mod verify;
