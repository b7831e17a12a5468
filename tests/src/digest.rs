//! The state digest: one hash over all that the product keeps, but for log-ins and counters.

use std::{collections::BTreeMap, time::Duration};

use tokio_postgres::{Client, NoTls};

use crate::poll::eventually;

/// Log-ins, and what moves by itself: leases of jobs, progress of events, marks of migrations.
const LEFT_OUT: [&str; 8] = [
    "session",
    "refresh_token",
    "login_failure",
    "signing_key",
    "job",
    "outbox_ack",
    "consumed_event",
    "__diesel_schema_migrations",
];

/// Rows of an event are told once and then carried along; that there is none more is enough.
const COUNTED: [&str; 1] = ["outbox"];

/// A hash for each table.
pub type Digest = BTreeMap<String, String>;

/// Reads the database of one test as the role that sees every tenant.
pub struct State(Client);

impl State {
    /// Connects by the address of the role `neipix_verify`.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn of(verify_url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(verify_url, NoTls).await.expect("the database of a test");
        tokio::spawn(async move { drop(connection.await) });
        Self(client)
    }

    /// The digest once nothing moves any more.
    ///
    /// # Panics
    /// When something moves for more than five seconds.
    pub async fn settled(&self) -> Digest {
        let mut before = self.now().await;
        eventually("a state that rests", async || {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let after = self.now().await;
            let rests = after == before;
            before = after;
            rests.then(|| before.clone())
        })
        .await
    }

    /// Nothing has changed since, and nothing changes any more.
    ///
    /// # Panics
    /// When it has; the tables are named.
    pub async fn is_still(&self, before: &Digest) {
        let after = self.settled().await;
        let changed: Vec<&String> =
            after.iter().filter(|(t, hash)| before.get(*t) != Some(hash)).map(|(t, _)| t).collect();
        assert!(changed.is_empty(), "changed: {changed:?}");
    }

    async fn now(&self) -> Digest {
        let sql = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
                   AND n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin')";
        let rows = self.0.query(sql, &[]).await.expect("the tables");
        let mut parts = vec![];
        for row in rows {
            let (schema, table): (String, String) = (row.get(0), row.get(1));
            let place = format!("{schema}.{table}");
            let read = if COUNTED.contains(&table.as_str()) {
                "count(*)::text"
            } else if LEFT_OUT.contains(&table.as_str()) {
                continue;
            } else {
                "coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')"
            };
            parts.push(format!("SELECT '{place}', {read} FROM {schema}.\"{table}\" t"));
        }
        let rows = self.0.query(parts.join(" UNION ALL ").as_str(), &[]).await.expect("the state");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}
