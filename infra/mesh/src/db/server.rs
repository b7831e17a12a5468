//! What is asked about the server and the schema, outside any workspace.

use std::sync::OnceLock;

use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Bool, Text},
};
use diesel_async::RunQueryDsl as _;

use super::{Db, Keep as _, Tx};
use crate::{config::Durability, failure::Failure};

/// The schema that this process needs, and whether it was seen.
#[derive(Default)]
pub(super) struct Schema {
    needed: OnceLock<String>,
    seen: OnceLock<()>,
}

impl Db {
    /// The newest migration that was applied to this service's schema; empty = none.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn schema_version(&self) -> Result<String, Failure> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            version: String,
        }
        self.single(async |tx: &mut Tx| {
            #[derive(QueryableByName)]
            struct Made {
                #[diesel(sql_type = Bool)]
                made: bool,
            }
            let sql = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS made";
            if !diesel::sql_query(sql).get_result::<Made>(tx).await?.made {
                return Ok(String::new());
            }
            let sql = "SELECT version::text AS version FROM __diesel_schema_migrations ORDER BY version DESC LIMIT 1";
            let row: Option<Row> = diesel::sql_query(sql).get_result(tx).await.optional()?;
            Ok(row.map(|r| r.version).unwrap_or_default())
        })
        .await
    }

    /// Says which migration this process needs at least: `ping` is false until it was applied. A newer one is fine.
    pub fn need_schema(&self, version: String) {
        // A second one cannot differ: a process has one set of migrations per schema.
        let _ = self.schema.needed.set(version);
    }

    async fn has_schema(&self) -> bool {
        let Some(needed) = self.schema.needed.get() else { return true };
        if self.schema.seen.get().is_some() {
            return true;
        }
        let found = self.schema_version().await.unwrap_or_default();
        if found.as_str() < needed.as_str() {
            tracing::warn!(needed, found, "the schema is at {found:?}, this process needs {needed}: migrate first");
            return false;
        }
        let _ = self.schema.seen.set(());
        true
    }

    /// How durable the server is.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn durability(&self) -> Result<Durability, Failure> {
        const ASK: &str = "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS \
            synchronous_commit, current_setting('full_page_writes') AS full_page_writes";
        self.single(async |tx: &mut Tx| Ok(diesel::sql_query(ASK).get_result(tx).await?)).await
    }

    /// Whether Postgres answers, takes writes and has the schema that this process needs.
    pub async fn ping(&self) -> bool {
        let asked = self.single(async |tx: &mut Tx| {
            Ok(diesel::sql_query("SELECT 1 WHERE NOT pg_is_in_recovery()").kept().execute(tx).await?)
        });
        matches!(asked.await, Ok(1)) && self.has_schema().await
    }
}
