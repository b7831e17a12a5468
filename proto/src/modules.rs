// Generated code, in modules shaped like the packages of the protos.

/// Packages of Google that our options use.
pub mod google {
    /// HTTP rules.
    pub mod api {
        include!(concat!(env!("OUT_DIR"), "/google.api.rs"));
    }
    /// gRPC codes.
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

#[expect(clippy::all, clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated code")]
/// Our packages; also reachable from the crate's root.
pub mod neipix {
    /// Who may call what.
    pub mod access {
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.access.v1.rs"));
        }
    }
    /// What outbox and audit need.
    pub mod events {
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.events.v1.rs"));
        }
    }
    /// Accounts, sessions, keys.
    pub mod auth {
        /// Its events.
        pub mod events {
            /// Version 1.
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/neipix.auth.events.v1.rs"));
            }
        }
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.auth.v1.rs"));
        }
    }
    /// Assistants, knowledge, providers.
    pub mod assistants {
        /// Its events.
        pub mod events {
            /// Version 1.
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/neipix.assistants.events.v1.rs"));
            }
        }
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.assistants.v1.rs"));
        }
    }
    /// Wallets, ledger, prices.
    pub mod billing {
        /// Its events.
        pub mod events {
            /// Version 1.
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/neipix.billing.events.v1.rs"));
            }
        }
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.billing.v1.rs"));
        }
    }
    /// Dialogues, turns, channels.
    pub mod chats {
        /// Its events.
        pub mod events {
            /// Version 1.
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/neipix.chats.events.v1.rs"));
            }
        }
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.chats.v1.rs"));
        }
    }
    /// Directory and audit trail.
    pub mod admin {
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/neipix.admin.v1.rs"));
        }
    }
}

pub use neipix::{access, admin, assistants, auth, billing, chats, events};

include!(concat!(env!("OUT_DIR"), "/reasons.rs"));
