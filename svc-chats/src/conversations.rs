//! The inbox: dialogues, their messages and turns, and what operators do with them.

pub mod act;
pub mod list;
pub mod rpc;
pub mod store;
