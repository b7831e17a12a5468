//! API keys: `npk_<8 public>_<43 secret>`; only hashes are stored.

pub mod rpc;
pub mod store;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use neipix_mesh::access::roles;

/// Live keys of a workspace.
pub const LIMIT: i64 = 50;

/// A fresh key of random bytes, and its public beginning.
#[must_use]
pub fn make(public: [u8; 6], secret: [u8; 32]) -> (String, String) {
    let public: String = URL_SAFE_NO_PAD.encode(public).replace(['-', '_'], "x");
    let prefix = format!("npk_{public}");
    (format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(secret)), prefix)
}

/// The permissions that a maker with this role cannot give to a key; empty = all may be given.
#[must_use]
pub fn refused(asked: &[String], own: roles::Permissions) -> Vec<&str> {
    asked.iter().map(String::as_str).filter(|p| !(own.has(p) && roles::key_may_hold(p))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_17_a_key_holds_nothing_above_its_maker_and_nothing_a_key_may_not() {
        let manager = roles::permissions_of_role("manager");
        let asked: Vec<String> =
            ["chats.ask", "workspace.manage", "api_keys.manage", "*"].iter().map(|p| (*p).to_owned()).collect();
        assert_eq!(refused(&asked, manager), ["workspace.manage", "api_keys.manage", "*"]);
        let viewer = roles::permissions_of_role("viewer");
        assert_eq!(refused(&["chats.ask".to_owned()], viewer), ["chats.ask"]);
    }

    #[test]
    fn a_key_has_its_shape() {
        let (key, prefix) = make([1; 6], [2; 32]);
        assert!(key.starts_with(&prefix));
        assert_eq!((prefix.len(), key.len()), (12, 12 + 1 + 43));
    }
}
