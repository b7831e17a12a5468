//! `backend verify`: every invariant as a query that must find nothing.

use anyhow::Context as _;
use tokio_postgres::NoTls;

include!(concat!(env!("OUT_DIR"), "/invariants.rs"));

/// Rows printed of a broken invariant.
const SHOWN: i64 = 20;

/// Runs them all; false where one is broken.
///
/// # Errors
/// When the database does not answer, or a query cannot run.
pub async fn run(database_url: &str, only: &str) -> anyhow::Result<bool> {
    let (client, connection) = tokio_postgres::connect(database_url, NoTls).await.context("cannot connect")?;
    let driver = async {
        let _ = connection.await;
    };
    let work = async {
        client.batch_execute("SET default_transaction_read_only = on; SET statement_timeout = '60s'").await?;
        let (mut checked, mut broken) = (0, 0);
        for (name, sql) in INVARIANTS.iter().filter(|(name, _)| name.contains(only)) {
            let query = format!("SELECT to_jsonb(q) FROM ({sql}) AS q LIMIT {SHOWN}");
            let rows = client.query(&query, &[]).await.with_context(|| format!("{name} cannot run"))?;
            checked += 1;
            if rows.is_empty() {
                continue;
            }
            broken += 1;
            println!("BROKEN {name}: {}", title(sql));
            for row in rows {
                println!("  {}", row.get::<_, serde_json::Value>(0));
            }
        }
        println!("{checked} invariants checked, {broken} broken");
        anyhow::Ok(broken == 0)
    };
    tokio::select! {
        result = work => result,
        () = driver => anyhow::bail!("the database closed the connection"),
    }
}

fn title(sql: &str) -> &str {
    sql.lines().next().unwrap_or_default().trim_start_matches("--").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invariant_says_its_id_first() {
        assert!(!INVARIANTS.is_empty());
        for (name, sql) in INVARIANTS {
            assert!(title(sql).starts_with("INV-"), "{name}");
        }
    }
}
