//! Row security as each service's own role meets it: their rows cannot be written, read or reached by a side door.

use neipix_tests::trust;
use tokio_postgres::{Client, error::SqlState};

use crate::{
    place::{Place, connect, fresh_email},
    world::member,
};

const SERVICES: [&str; 5] = ["AUTH", "ASSISTANTS", "BILLING", "CHATS", "ADMIN"];

/// Tables of a schema that carry a workspace and are fenced; partitions by themselves.
const FENCED: &str = "SELECT c.oid::regclass::text, c.relispartition FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped \
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity ORDER BY 1";

/// What an SQL statement ends with: rows, or the refusal's code and words.
async fn outcome(client: &Client, sql: &str) -> Result<u64, (SqlState, String)> {
    client.execute(sql, &[]).await.map_err(|error| {
        let refused = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
        (refused.code().clone(), refused.message().to_owned())
    })
}

/// The statement is refused by row security or for want of the right.
async fn refused(client: &Client, sql: &str) {
    match outcome(client, sql).await {
        Err((code, _)) if code == SqlState::INSUFFICIENT_PRIVILEGE => {}
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_6_a_services_role_writes_and_reads_nothing_of_another_workspace() {
    trust!("T-6", "INV-42");
    let place = Place::one_process_with(&[]).await;
    let ours = member(&place, &fresh_email(), None).await;
    let theirs = member(&place, &fresh_email(), None).await;
    let owner = place.database().await;
    for service in SERVICES {
        let schema = service.to_lowercase();
        let client = connect(place.settings().service(&schema).unwrap().database_url.expose()).await;
        let tables = owner.query(FENCED, &[&schema]).await.unwrap();
        assert!(!tables.is_empty(), "{schema} has no fenced table");
        let mut partitions = 0;
        for row in &tables {
            let (table, partition): (String, bool) = (row.get(0), row.get(1));
            let count = format!("SELECT FROM {table}");
            if partition {
                partitions += 1;
                // Its policy is the parent's business: by its own name a partition is closed.
                refused(&client, &count).await;
                refused(&client, &format!("INSERT INTO {table} (workspace_id) VALUES ('{ours}')")).await;
                continue;
            }
            // After one use the setting of a pooled connection is empty, not absent.
            let none = "SELECT set_config('neipix.workspace_id', '', false), set_config('neipix.user_id', '', false)";
            let _ = client.query(none, &[]).await.unwrap();
            assert_eq!(outcome(&client, &count).await, Ok(0), "{table} without a workspace");
            let context = format!("SELECT set_config('neipix.workspace_id', '{ours}', false)");
            let _ = client.query(&context, &[]).await.unwrap();
            refused(&client, &format!("INSERT INTO {table} (workspace_id) VALUES ('{theirs}')")).await;
            let seen = outcome(&client, &format!("SELECT FROM {table} WHERE workspace_id = '{theirs}'")).await;
            assert_eq!(seen, Ok(0), "{table}");
            for sql in [
                format!("UPDATE {table} SET workspace_id = workspace_id WHERE workspace_id = '{theirs}'"),
                format!("DELETE FROM {table} WHERE workspace_id = '{theirs}'"),
            ] {
                match outcome(&client, &sql).await {
                    Ok(0) => {}
                    Err((code, _)) if code == SqlState::INSUFFICIENT_PRIVILEGE => {}
                    other => panic!("{sql}: {other:?}"),
                }
            }
        }
        let parted = ["billing", "chats", "admin"].contains(&schema.as_str());
        assert_eq!(partitions > 0, parted, "{schema}: {partitions} partitions");
        // Nor by becoming somebody else.
        for sql in [
            "SET ROLE postgres",
            "SET ROLE neipix_verify",
            "SET row_security = off",
            "ALTER TABLE outbox DISABLE ROW LEVEL SECURITY",
        ] {
            let code = outcome(&client, sql).await.map_err(|(code, _)| code);
            let harmless = sql.contains("row_security");
            assert!(harmless || code.is_err(), "{schema}: {sql}");
        }
        client.batch_execute("SET row_security = off").await.unwrap();
        let first: String = tables.iter().find(|row| !row.get::<_, bool>(1)).unwrap().get(0);
        refused(&client, &format!("SELECT FROM {first}")).await;
    }
    // Their row stands where it stood.
    let sql = "SELECT count(*) FROM auth.workspace WHERE workspace_id = $1::text::uuid";
    let count: i64 = owner.query_one(sql, &[&theirs]).await.unwrap().get(0);
    assert_eq!(count, 1);
    place.stop().await;
}

/// Machinery, routes, sessions and the staff's directory: ids, states, sums and dates, no content.
const OPEN: [&str; 5] = ["consumed_event", "directory_workspace", "job", "outbox", "session"];

#[tokio::test(flavor = "multi_thread")]
async fn inv_40_every_table_with_a_workspace_is_fenced_and_no_service_owns_or_passes_a_fence() {
    trust!("INV-40");
    let place = Place::one_process_with(&[]).await;
    let owner = place.database().await;
    for service in SERVICES.map(str::to_lowercase) {
        let texts = async |sql: &str| -> Vec<String> {
            let rows = owner.query(sql, &[&service]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            rows.iter().map(|row| row.get(0)).collect()
        };
        let unfenced = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped \
            WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
        let strange =
            texts(unfenced).await.into_iter().filter(|name| !OPEN.contains(&name.as_str()) && !is_route(name));
        assert_eq!(strange.collect::<Vec<_>>(), Vec::<String>::new(), "{service}: tables without a fence");
        // A fence asks for the workspace on reading and on writing. Only the search role, which nobody can be, reads all.
        let gaps = "SELECT p.tablename || ' ' || p.policyname FROM pg_policies p WHERE p.schemaname = $1 AND ( \
            p.cmd = 'ALL' AND (coalesce(p.qual, '') NOT LIKE '%neipix.workspace_id%' \
                OR coalesce(p.with_check, '') NOT LIKE '%neipix.workspace_id%') \
            OR p.cmd = 'SELECT' AND p.qual NOT LIKE '%neipix.user_id%' AND p.roles <> ARRAY[($1 || '_search')::name] \
            OR p.cmd NOT IN ('ALL', 'SELECT'))";
        assert_eq!(texts(gaps).await, Vec::<String>::new(), "{service}: policies with a gap");
        let bare = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relrowsecurity AND NOT c.relispartition \
            AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*')";
        assert_eq!(texts(bare).await, Vec::<String>::new(), "{service}: fenced tables without a policy");
        let mighty = "SELECT r.rolname::text FROM pg_roles r WHERE r.rolname LIKE $1 || '\\_%' AND \
            (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolname LIKE '%\\_search' AND r.rolcanlogin)";
        assert_eq!(texts(mighty).await, Vec::<String>::new(), "{service}: roles that pass fences");
        let owned = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner \
            WHERE r.rolname LIKE $1 || '\\_%'";
        assert_eq!(texts(owned).await, Vec::<String>::new(), "{service}: tables of a service's role");
    }
    place.stop().await;
}

/// Routes lead from an outside key to a workspace and an id.
fn is_route(table: &str) -> bool {
    ["api_key_route", "hook_route", "bot_route", "widget_route"].contains(&table)
}
