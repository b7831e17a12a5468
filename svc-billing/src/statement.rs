//! What a workspace sees of its money: wallet, statement, one transfer.

pub mod rpc;
pub mod store;
