//! The schemas of all services as their migrations make them: what the code believes, and who may touch what.

use std::path::Path;

use neipix_local::product;
use neipix_mesh::{migrate::print_schema, secret::Secret};
use neipix_testdb::TestDatabase;

const SERVICES: [&str; 5] = ["auth", "assistants", "billing", "chats", "admin"];

#[expect(clippy::disallowed_methods, reason = "a test learns its servers this way")]
fn owner() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL: run by `make test-it`")
}

/// Whether `make schema` asks for the files.
fn writes() -> bool {
    std::env::var_os("NEIPIX_TEST_WRITE_SCHEMA").is_some()
}

async fn query(url: &str, sql: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    drop(neipix_local::tasks::spawn(connection));
    let rows = client.simple_query(sql).await.unwrap();
    let rows = rows.into_iter().filter_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

/// A migrated database of this test's own, and its address.
async fn migrated() -> (TestDatabase, String) {
    let database = TestDatabase::new(&owner(), async |url| product::migrate(&url).await).await.unwrap();
    let url = database.at(&owner());
    (database, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_rs_of_each_service_is_what_its_migrated_database_says() {
    let (_database, url) = migrated().await;
    let url = Secret::new(url);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut drifted = vec![];
    for service in SERVICES {
        let printed = print_schema(&url, service).await.unwrap();
        let path = root.join(format!("svc-{service}/src/schema.rs"));
        if writes() {
            std::fs::write(&path, &printed).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != printed {
            drifted.push(service);
        }
    }
    assert!(drifted.is_empty(), "{drifted:?} drifted from their migrations: run `make schema`");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_40_every_tenant_table_is_fenced_but_the_listed_ones() {
    // trust: INV-40
    let (_database, url) = migrated().await;
    let open = query(
        &url,
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
         WHERE n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin') AND c.relkind IN ('r', 'p')
           AND c.relname NOT IN ('outbox', 'consumed_event', 'job')
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1",
    )
    .await;
    let listed = [
        "admin.directory_workspace",
        "auth.api_key_route",
        "auth.session",
        "chats.bot_route",
        "chats.hook_route",
        "chats.widget_route",
    ];
    assert_eq!(open, listed);
    let half = query(
        &url,
        "SELECT polrelid::regclass::text FROM pg_policy
         WHERE (polcmd <> 'r' AND polwithcheck IS NULL) OR polqual IS NULL OR NOT polpermissive",
    )
    .await;
    assert_eq!(half, [""; 0], "a policy without USING or WITH CHECK");
    let owned = query(
        &url,
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
         WHERE r.rolname LIKE '%\\_service' OR r.rolname LIKE '%\\_search' OR r.rolname = 'neipix_verify'",
    )
    .await;
    assert_eq!(owned, [""; 0], "a table of a service's own");
    let strong = query(
        &url,
        "SELECT rolname FROM pg_roles WHERE (rolname LIKE '%\\_service' AND (rolbypassrls OR rolsuper)) \
        OR (rolname = 'neipix_verify' AND (rolsuper OR rolcreaterole OR rolcreatedb))",
    )
    .await;
    assert_eq!(strong, [""; 0], "a role that passes row security by");
    let reached = query(
        &url,
        "SELECT c.oid::regclass::text || ' by ' || r.rolname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN pg_roles r WHERE c.relispartition AND c.relkind = 'r' AND n.nspname || '_service' = r.rolname
         AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')",
    )
    .await;
    assert_eq!(reached, [""; 0], "a partition is reached past its parent");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_schema_reaches_into_another() {
    let (_database, url) = migrated().await;
    let keys = query(
        &url,
        "SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
         WHERE k.contype = 'f' AND c.relnamespace <> p.relnamespace",
    )
    .await;
    assert_eq!(keys, [""; 0], "a foreign key that leaves its schema");
    let rights = query(
        &url,
        "SELECT r.rolname || ' in ' || n.nspname FROM pg_roles r CROSS JOIN pg_namespace n
         WHERE r.rolname IN ('auth_service', 'assistants_service', 'billing_service', 'chats_service', 'admin_service')
           AND n.nspname IN ('auth', 'assistants', 'billing', 'chats', 'admin')
           AND r.rolname <> n.nspname || '_service' AND has_schema_privilege(r.oid, n.oid, 'USAGE')",
    )
    .await;
    assert_eq!(rights, [""; 0], "a service that sees another's schema");
}
