//! Dialogues, messages, turns: read, and moved between assistant and people.

pub mod rpc;
pub mod store;
pub mod wire;
