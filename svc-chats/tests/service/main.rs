//! The service on real servers, with stand-ins for svc-assistants, svc-billing and Telegram at their protocols.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod asking;
mod completions;
mod doubles;
mod explaining;
mod faults;
mod harness;
mod inbox;
mod telegram;
mod visitors;
mod watching;
mod widget_channels;
mod widget_house;
mod widget_limits;
