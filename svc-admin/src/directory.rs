//! The platform's users as staff see them: ids, states, sums and dates of our own, filled by events; names and e-mails of
//! a page come from svc-auth by one call.

pub mod consumer;
pub mod rpc;
pub mod store;
