//! The test dialogue.

pub mod rpc;
