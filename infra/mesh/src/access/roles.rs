//! Roles and permissions: the one table, as it stands in the contract (§C2).

use std::fmt;

/// What the roles of a workspace hold: owner, manager, operator, viewer; and whether a key may hold it.
#[rustfmt::skip]
const WORKSPACE: &[(&str, [bool; 4], bool)] = &[
    ("assistants.read",    [true, true,  true,  true],  true),
    ("knowledge.read",     [true, true,  true,  true],  true),
    ("channels.read",      [true, true,  true,  true],  true),
    ("chats.read",         [true, true,  true,  true],  true),
    ("contacts.read",      [true, true,  true,  true],  true),
    ("chats.reply",        [true, true,  true,  false], true),
    ("chats.ask",          [true, true,  false, false], true),
    ("assistants.write",   [true, true,  false, false], false),
    ("assistants.publish", [true, true,  false, false], false),
    ("knowledge.write",    [true, true,  false, false], true),
    ("channels.manage",    [true, true,  false, false], false),
    ("api_keys.manage",    [true, true,  false, false], false),
    ("billing.read",       [true, true,  false, false], false),
    ("billing.pay",        [true, false, false, false], false),
    ("members.manage",     [true, false, false, false], false),
    ("audit.read",         [true, false, false, false], false),
    ("workspace.manage",   [true, false, false, false], false),
];

/// What visitors of the web widget hold, and nobody else.
const VISITORS: &[&str] = &["widget.chat"];

/// What the roles of the platform hold: superadmin, admin, billing, support, content.
#[rustfmt::skip]
const PLATFORM: &[(&str, [bool; 5])] = &[
    ("platform.users.read",       [true, true,  true,  true,  false]),
    ("platform.audit.read",       [true, true,  false, false, false]),
    ("platform.providers.manage", [true, true,  false, false, false]),
    ("platform.prices.manage",    [true, false, true,  false, false]),
];

/// The roles of a workspace, strongest first.
pub const ROLES: [&str; 4] = ["owner", "manager", "operator", "viewer"];
/// The roles of the platform.
pub const PLATFORM_ROLES: [&str; 5] = ["superadmin", "admin", "billing", "support", "content"];

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

impl Permissions {
    /// The empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// A set of names; those that this version does not know are left out.
    pub fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        names.into_iter().fold(Self::none(), |all, name| Self(all.0 | bit(name.as_ref())))
    }

    /// Whether it holds a permission; never one that the table does not know.
    #[must_use]
    pub fn has(self, permission: &str) -> bool {
        self.0 & bit(permission) != 0
    }

    /// What both hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, in the table's order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        all_permissions().filter(|name| self.has(name)).collect()
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn bit(name: &str) -> u64 {
    all_permissions().position(|known| known == name).map_or(0, |position| 1 << position)
}

/// Every permission there is: of workspaces, of the platform, of visitors.
pub fn all_permissions() -> impl Iterator<Item = &'static str> {
    WORKSPACE.iter().map(|row| row.0).chain(PLATFORM.iter().map(|row| row.0)).chain(VISITORS.iter().copied())
}

/// What a role of a workspace holds; nothing for a name that is not in the table.
#[must_use]
pub fn permissions_of_role(role: &str) -> Permissions {
    let Some(column) = ROLES.iter().position(|known| *known == role) else { return Permissions::none() };
    Permissions::of(WORKSPACE.iter().filter(|row| row.1[column]).map(|row| row.0))
}

/// What a role of the platform holds: never a permission in a workspace.
#[must_use]
pub fn permissions_of_platform_role(role: &str) -> Permissions {
    let Some(column) = PLATFORM_ROLES.iter().position(|known| *known == role) else { return Permissions::none() };
    Permissions::of(PLATFORM.iter().filter(|row| row.1[column]).map(|row| row.0))
}

/// Whether an API key may hold a permission.
#[must_use]
pub fn key_may_hold(permission: &str) -> bool {
    WORKSPACE.iter().any(|row| row.0 == permission && row.2)
}

/// All that an API key may hold.
#[must_use]
pub fn permissions_of_keys() -> Permissions {
    Permissions::of(WORKSPACE.iter().filter(|row| row.2).map(|row| row.0))
}

/// All that a visitor of the web widget may hold: no role and no key has any of it.
#[must_use]
pub fn permissions_of_visitors() -> Permissions {
    Permissions::of(VISITORS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's table, copied letter by letter.
    const CONTRACT: &str = "
| assistants.read, knowledge.read, channels.read, chats.read, contacts.read | ✓ | ✓ | ✓ | ✓ | ✓ |
| chats.reply | ✓ | ✓ | ✓ | | ✓ |
| chats.ask | ✓ | ✓ | | | ✓ |
| assistants.write, assistants.publish, knowledge.write, channels.manage, api_keys.manage | ✓ | ✓ | | | knowledge.write only |
| billing.read | ✓ | ✓ | | | |
| billing.pay, members.manage, audit.read, workspace.manage | ✓ | | | | |";
    const CONTRACT_PLATFORM: &str = "
| platform.users.read | ✓ | ✓ | ✓ | ✓ | |
| platform.audit.read | ✓ | ✓ | | | |
| platform.providers.manage | ✓ | ✓ | | | |
| platform.prices.manage | ✓ | | ✓ | | |";

    fn rows(table: &str) -> Vec<(Vec<&str>, Vec<&str>)> {
        let rows = table.lines().filter(|l| !l.is_empty()).map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            (cells.next().unwrap().split(", ").collect(), cells.collect())
        });
        rows.collect()
    }

    #[test]
    fn the_table_is_the_contracts() {
        let mut seen = 0;
        for (permissions, cells) in rows(CONTRACT) {
            for permission in permissions {
                seen += 1;
                for (role, cell) in ROLES.iter().zip(&cells) {
                    assert_eq!(permissions_of_role(role).has(permission), *cell == "✓", "{role} {permission}");
                }
                let key = cells[4] == "✓" || cells[4] == format!("{permission} only");
                assert_eq!(key_may_hold(permission), key, "{permission}");
                assert_eq!(permissions_of_keys().has(permission), key, "{permission}");
            }
        }
        for (permissions, cells) in rows(CONTRACT_PLATFORM) {
            seen += 1;
            for (role, cell) in PLATFORM_ROLES.iter().zip(&cells) {
                assert_eq!(permissions_of_platform_role(role).has(permissions[0]), *cell == "✓");
            }
            assert!(ROLES.iter().all(|role| !permissions_of_role(role).has(permissions[0])));
        }
        assert_eq!(seen + VISITORS.len(), all_permissions().count());
    }

    #[test]
    fn what_visitors_hold_is_in_no_role_and_in_no_key() {
        let visitors = permissions_of_visitors();
        assert_eq!(visitors.names(), ["widget.chat"]);
        for role in ROLES {
            assert!(permissions_of_role(role).and(visitors).is_empty(), "{role}");
        }
        for role in PLATFORM_ROLES {
            assert!(permissions_of_platform_role(role).and(visitors).is_empty(), "{role}");
        }
        assert!(permissions_of_keys().and(visitors).is_empty() && !key_may_hold("widget.chat"));
    }

    #[test]
    fn platform_and_workspace_never_mix() {
        for role in PLATFORM_ROLES {
            assert!(permissions_of_platform_role(role).names().iter().all(|name| name.starts_with("platform.")));
        }
        assert!(permissions_of_platform_role("owner").is_empty());
        assert!(permissions_of_role("superadmin").is_empty());
        assert!(permissions_of_role("").is_empty());
    }

    #[test]
    fn every_permission_of_the_protos_is_in_the_table() {
        for method in neipix_proto::methods().all() {
            if let neipix_proto::Who::Permission(permission) = &method.who {
                assert!(all_permissions().any(|known| known == permission), "{} needs {permission}", method.name);
            }
        }
    }

    #[test]
    fn unknown_names_give_nothing() {
        let set = Permissions::of(["chats.read", "chats.everything", "*"]);
        assert_eq!(set.names(), ["chats.read"]);
        assert!(!set.has("chats.everything") && !set.has("*"));
    }
}
