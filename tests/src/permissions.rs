//! Who may do what, as `permissions.toml` says, and the comparison of everything else with it.

mod matrix;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use neipix_proto::{Method, Who as ProtoWho, access::v1::Surface};
use serde::Deserialize;

pub use matrix::{access_matrix, write_access_matrix};

const CHECKED_IN: &str = include_str!("permissions.toml");

/// The roles of a workspace.
pub const ROLES: [&str; 4] = ["owner", "manager", "operator", "viewer"];
/// The roles of the platform.
pub const PLATFORM_ROLES: [&str; 5] = ["superadmin", "admin", "billing", "support", "content"];
/// The column that says what an API key may hold.
pub const KEY: &str = "key";
/// The column of visitors of the web widget, who have no role.
pub const VISITOR: &str = "visitor";

/// Who may call an rpc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Public,
    SignedIn,
    /// Signed in, and not a key.
    Person,
    Permission(String),
    Internal(BTreeSet<String>),
}

/// Who may call an rpc, and with tokens of which surfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub who: Who,
    pub surfaces: BTreeSet<&'static str>,
}

/// The expected table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Permission → columns that hold it.
    permissions: BTreeMap<String, BTreeSet<String>>,
    /// `chats.v1.AskService/Ask` → its rule.
    rules: BTreeMap<String, Rule>,
}

#[derive(Deserialize)]
struct File {
    permissions: BTreeMap<String, String>,
    rpcs: BTreeMap<String, BTreeMap<String, String>>,
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn surface(name: &str) -> &'static str {
    ["app", "admin", "api", "widget"].into_iter().find(|known| *known == name).unwrap_or("unknown")
}

/// A surface as tokens and the table name it.
#[must_use]
pub fn surface_name(of: Surface) -> &'static str {
    match of {
        Surface::App => "app",
        Surface::Admin => "admin",
        Surface::Api => "api",
        Surface::Widget => "widget",
        Surface::Unspecified => "unknown",
    }
}

impl Rule {
    fn read(text: &str) -> Self {
        let (who, list) = text.split_once(':').unwrap_or((text, ""));
        let who = match who {
            "public" => Who::Public,
            "signed_in" => Who::SignedIn,
            "person" => Who::Person,
            "internal" => Who::Internal(words(list)),
            permission => Who::Permission(permission.to_owned()),
        };
        let usual: &[&str] = match &who {
            Who::Public | Who::Internal(_) => &["app", "admin", "api", "widget"],
            Who::SignedIn | Who::Person => &["app", "admin", "api"],
            Who::Permission(name) if name.starts_with("platform.") => &["admin"],
            Who::Permission(_) => &["app", "api"],
        };
        let given: BTreeSet<&'static str> = match &who {
            Who::Internal(_) => BTreeSet::new(),
            _ => list.split_whitespace().map(surface).collect(),
        };
        let surfaces = if given.is_empty() { usual.iter().map(|name| surface(name)).collect() } else { given };
        Self { who, surfaces }
    }

    fn of(method: &Method) -> Self {
        let who = match &method.who {
            ProtoWho::Public => Who::Public,
            ProtoWho::SignedIn => Who::SignedIn,
            ProtoWho::Permission(name) => Who::Permission(name.clone()),
            ProtoWho::Internal(callers) => Who::Internal(callers.iter().cloned().collect()),
        };
        Self { who, surfaces: method.surfaces.iter().map(|s| surface_name(*s)).collect() }
    }

    /// What a descriptor can say: that a key is no person, only the running product shows.
    fn as_described(&self) -> Self {
        let who = if self.who == Who::Person { Who::SignedIn } else { self.who.clone() };
        Self { who, surfaces: self.surfaces.clone() }
    }
}

impl Table {
    /// As it is checked in.
    ///
    /// # Panics
    /// When the file is malformed.
    #[must_use]
    pub fn checked_in() -> Self {
        let file: File = toml::from_str(CHECKED_IN).expect("permissions.toml is well-formed");
        let rules = file.rpcs.iter().flat_map(|(service, rpcs)| {
            rpcs.iter().map(move |(rpc, rule)| (format!("{service}/{rpc}"), Rule::read(rule)))
        });
        Self {
            permissions: file.permissions.iter().map(|(name, holders)| (name.clone(), words(holders))).collect(),
            rules: rules.collect(),
        }
    }

    /// Every permission.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.permissions.keys().map(String::as_str)
    }

    /// The rule of an rpc.
    ///
    /// # Panics
    /// When the table does not have it.
    #[must_use]
    pub fn rule(&self, rpc: &str) -> &Rule {
        self.rules.get(rpc).unwrap_or_else(|| panic!("{rpc} is not in permissions.toml"))
    }

    /// Whether a role, or a key, holds a permission.
    #[must_use]
    pub fn holds(&self, column: &str, permission: &str) -> bool {
        self.permissions.get(permission).is_some_and(|holders| holders.contains(column))
    }

    /// The same table with one cell turned over.
    #[must_use]
    pub fn with_flipped(&self, column: &str, permission: &str) -> Self {
        let mut other = self.clone();
        let holders = other.permissions.entry(permission.to_owned()).or_default();
        if !holders.remove(column) {
            holders.insert(column.to_owned());
        }
        other
    }

    /// The same table with another permission for an rpc.
    #[must_use]
    pub fn with_permission(&self, rpc: &str, permission: &str) -> Self {
        let mut other = self.clone();
        if let Some(rule) = other.rules.get_mut(rpc) {
            rule.who = Who::Permission(permission.to_owned());
        }
        other
    }

    /// Whether somebody holds one of two permissions and not the other; keys hold each by itself.
    #[must_use]
    pub fn differ(&self, one: &str, other: &str) -> bool {
        self.permissions.get(one) != self.permissions.get(other) || one != other && self.holds(KEY, one)
    }

    /// Where descriptors say something else; empty = all agree.
    #[must_use]
    pub fn against_descriptors(&self, methods: &[&Method]) -> Vec<String> {
        let mut found = Vec::new();
        for method in methods {
            let described = Rule::of(method);
            match self.rules.get(&method.name) {
                None => found.push(format!("{}: not in the table", method.name)),
                Some(rule) if rule.as_described() != described => {
                    found.push(format!("{}: the table says {rule:?}, the descriptor {described:?}", method.name));
                }
                Some(_) => {}
            }
            if let Who::Permission(permission) = &described.who
                && !self.permissions.contains_key(permission)
            {
                found.push(format!("{}: {permission} is no permission of the table", method.name));
            }
        }
        let gone = self.rules.keys().filter(|rpc| !methods.iter().any(|method| method.name == **rpc));
        found.extend(gone.map(|rpc| format!("{rpc}: no such rpc")));
        found
    }

    /// Where a guard's table says something else. `known` are its permissions, `holds` its cells by column and permission.
    #[must_use]
    pub fn against_guard(&self, known: &[&str], holds: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for permission in self.permissions.keys() {
            for column in ROLES.into_iter().chain(PLATFORM_ROLES).chain([KEY, VISITOR]) {
                let (ours, theirs) = (self.holds(column, permission), holds(column, permission));
                if ours != theirs {
                    found.push(format!("{column} {permission}: the table says {ours}, the guard {theirs}"));
                }
            }
        }
        let unknown = known.iter().filter(|name| !self.permissions.contains_key(**name));
        found.extend(unknown.map(|name| format!("{name}: the guard knows it, the table does not")));
        found
    }
}
