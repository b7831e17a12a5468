//! Journeys through the whole product by its outer faces, and what goes wrong on the way: a provider that fails, a
//! reader that drops, a stranger at a webhook, a hostile file. Every database is checked at the end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests, whose seeds are printed"
)]

// Office archives whose directory can lie, as the tests of extraction make them.
#[expect(dead_code, reason = "not every attack is repeated here")]
#[path = "../../../svc-assistants/tests/extraction/archive.rs"]
mod archive;
mod asking;
mod faults;
mod files;
mod house;
mod openai;
mod path;
mod prompts;
mod simulating;
mod telegram;
mod watching;
mod widget;
