//! One hash over all rows of a workspace: what is refused must leave it as it is.

use std::{collections::BTreeMap, time::Duration};

use neipix_tests::poll::eventually_within;

use crate::place::Place;

/// Tables with row security, partitioned ones as a whole.
const TABLES: &str = "SELECT c.oid::regclass::text FROM pg_class c \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' \
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND NOT c.relispartition ORDER BY 1";

/// Equal readings after which nothing is under way any more.
const STILL: usize = 8;

/// The digest once everything that was begun has ended: turns settled, events passed on.
pub async fn settled(place: &Place, workspace: &str) -> BTreeMap<String, String> {
    let (mut last, mut same) = (BTreeMap::new(), 0);
    eventually_within(Duration::from_secs(20), "the workspace is at rest", async || {
        let now = digest(place, workspace).await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same >= STILL).then(|| last.clone())
    })
    .await
}

/// Table → hash of the workspace's rows.
async fn digest(place: &Place, workspace: &str) -> BTreeMap<String, String> {
    let database = place.database().await;
    let mut all = BTreeMap::new();
    for row in database.query(TABLES, &[]).await.expect("the tables") {
        let table: String = row.get(0);
        let sql = format!(
            "SELECT count(*)::text || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) \
             FROM {table} t WHERE workspace_id = $1::text::uuid"
        );
        let hash: String = database.query_one(&sql, &[&workspace]).await.expect("a table's rows").get(0);
        all.insert(table, hash);
    }
    assert!(all.len() > 15, "the tables were not found: {all:?}");
    all
}
