//! A database for each test: a copy of one that was migrated once, gone with the test.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::OnceCell;
use tokio_postgres::{NoTls, error::SqlState};
use uuid::Uuid;

/// A template has another session for a moment, and is copied by one at a time.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(20);

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A database of one test. It goes with this value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    owner: String,
}

impl TestDatabase {
    /// A copy of what `migrate` makes of an empty database. It gets that database's address and runs once per process:
    /// all tests of a program share one template.
    ///
    /// `owner` is the address of a database on the server, of a role that may make more of them.
    ///
    /// # Errors
    /// When the server refuses, or `migrate` fails.
    pub async fn new(owner: &str, migrate: impl AsyncFnOnce(String) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let template = TEMPLATE
            .get_or_try_init(|| async {
                let name = format!("template_{}", Uuid::now_v7().simple());
                execute(owner, &format!("CREATE DATABASE {name}")).await?;
                migrate(in_database(owner, &name)).await?;
                anyhow::Ok(name)
            })
            .await?;
        Self::copy(owner, template).await
    }

    /// One where nothing was migrated.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn empty(owner: &str) -> anyhow::Result<Self> {
        Self::copy(owner, "template1").await
    }

    async fn copy(owner: &str, template: &str) -> anyhow::Result<Self> {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = execute(owner, &sql).await {
            let busy = error.downcast_ref().and_then(tokio_postgres::Error::code) == Some(&SqlState::OBJECT_IN_USE);
            if !busy || Instant::now() > deadline {
                return Err(error).with_context(|| format!("copy the database {template}"));
            }
            tokio::time::sleep(STEP).await;
        }
        Ok(Self { name, owner: owner.to_owned() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of a role on the server, for this database.
    #[must_use]
    pub fn at(&self, url: &str) -> String {
        in_database(url, &self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let owner = std::mem::take(&mut self.owner);
        // The test's own runtime is ending, so that this needs another one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&owner, &sql))
        });
        // The server's data go with the run where this fails.
        drop(dropping.join());
    }
}

/// The same server and role, another database.
#[must_use]
pub fn in_database(url: &str, database: &str) -> String {
    let (base, options) = url.split_once('?').map_or((url, None), |(base, options)| (base, Some(options)));
    let authority = base.find("://").map_or(0, |at| at + 3);
    let end = base[authority..].find('/').map_or(base.len(), |at| authority + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{database}{options}", &base[..end])
}

async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::select! {
        done = client.batch_execute(sql) => Ok(done?),
        _ = connection => anyhow::bail!("the connection ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_server_role_and_options() {
        for (url, expected) in [
            ("postgres://a:b@h:1/x", "postgres://a:b@h:1/y"),
            ("postgres://a:b@h:1", "postgres://a:b@h:1/y"),
            ("postgres://a:b@h:1/x?options=-c%20a=/b", "postgres://a:b@h:1/y?options=-c%20a=/b"),
        ] {
            assert_eq!(in_database(url, "y"), expected);
        }
    }
}
