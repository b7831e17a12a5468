//! The roles that services run as.
//!
//! Migrations make them without a log-in; only the launcher lets them in, each with
//! a password of its own.

use anyhow::Context;

use super::{connect, exists};
use crate::secrets::Secrets;

/// Setting and role of each service, and of the read-only verifier.
pub const SERVICES: [(&str, &str); 6] = [
    ("AUTH_DATABASE_URL", "auth_service"),
    ("ASSISTANTS_DATABASE_URL", "assistants_service"),
    ("BILLING_DATABASE_URL", "billing_service"),
    ("CHATS_DATABASE_URL", "chats_service"),
    ("ADMIN_DATABASE_URL", "admin_service"),
    ("VERIFY_DATABASE_URL", VERIFIER),
];

const VERIFIER: &str = "neipix_verify";

/// Lets every service role in, making those that are missing; answers setting and address of each.
///
/// # Errors
/// When `owner_url` cannot be reached, or its role may not make roles.
pub async fn provision_roles(owner_url: &str, secrets: &Secrets) -> anyhow::Result<Vec<(&'static str, String)>> {
    let owner = connect(owner_url).await.context("connect as the database's owner")?;
    let mut addresses = Vec::with_capacity(SERVICES.len());
    for (setting, role) in SERVICES {
        let password = secrets.get(role)?;
        if !exists(&owner, "select 1 from pg_roles where rolname = $1", role).await? {
            // Sees every row, changes none: its grants are SELECT.
            let power = if role == VERIFIER { " bypassrls" } else { "" };
            owner
                .batch_execute(&format!("create role {role} nologin{power}"))
                .await
                .with_context(|| format!("make role {role}: the owner needs CREATEROLE"))?;
        }
        // Role and password are ours: nothing in them needs quoting.
        owner
            .batch_execute(&format!("alter role {role} login password '{password}'"))
            .await
            .with_context(|| format!("let role {role} in: the owner must be its maker or a superuser"))?;
        addresses.push((setting, with_login(owner_url, role, &password)?));
    }
    Ok(addresses)
}

/// The same server and database under another log-in; options of the address stay.
fn with_login(address: &str, role: &str, password: &str) -> anyhow::Result<String> {
    let (scheme, rest) = address.split_once("://").context("a database address begins with postgres://")?;
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Ok(format!("{scheme}://{role}:{password}@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_log_in_of_an_address_changes() {
        let changed = |address| with_login(address, "chats_service", "p").unwrap();
        assert_eq!(
            changed("postgres://me:s%40t@db:5432/neipix?sslmode=require"),
            "postgres://chats_service:p@db:5432/neipix?sslmode=require"
        );
        assert_eq!(changed("postgres://db/x"), "postgres://chats_service:p@db/x");
        assert_eq!(changed("postgresql://db?x=a@b"), "postgresql://chats_service:p@db?x=a@b");
        assert!(with_login("host=db", "r", "p").is_err());
    }
}
