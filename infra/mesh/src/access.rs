//! Who may call: field rules, tokens, roles, revocations, and the layer that puts them before every rpc.

pub mod guard;
pub mod layer;
pub mod revocations;
pub mod roles;
pub mod rules;
pub mod token;
