//! The protos of Neipix as Rust: messages, clients, servers, descriptors and the rules that stand in their options.
//!
//! The proto is the single source of truth: who may call an rpc, how it behaves and what it may answer is read from here
//! by the edge, by every service and by the tests. Nothing here knows a transport's configuration or a database.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

#[cfg(test)]
mod check;
#[cfg(test)]
mod check_tests;
mod method;
mod reason;

pub use method::{Binding, Method, Methods, Who, methods};
pub use reason::{Reason, ReasonInfo, reason_named};

include!("modules.rs");

/// The encoded `FileDescriptorSet` of all protos with their comments, imports included.
pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/neipix.fds"));

/// All descriptors.
#[expect(clippy::expect_used, reason = "the build has decoded the same bytes")]
pub static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the built-in descriptor set"));
