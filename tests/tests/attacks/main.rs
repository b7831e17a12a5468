//! Attacks on the edge, each with the exact answer that the trust model asks for.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod bodies;
mod faces;
mod fields;
mod files;
mod floods;
mod framing;
mod keys;
mod limits;
mod lists;
mod masks;
mod once;
mod origins;
mod pages;
mod paths;
mod process;
mod raw;
mod readers;
mod scene;
