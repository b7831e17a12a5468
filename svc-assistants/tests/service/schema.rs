//! The schema keeps its promises.

use neipix_mesh::secret::Secret;

use crate::harness::Test;

#[tokio::test(flavor = "multi_thread")]
async fn schema_rs_is_what_the_migrated_database_prints() {
    let t = Test::start().await;
    let printed = neipix_mesh::migrate::print_schema(&Secret::new(t.owner_url.clone()), "assistants").await.unwrap();
    assert_eq!(include_str!("../../src/schema.rs"), printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_40_every_tenant_table_has_forced_row_security() {
    let t = Test::start().await;
    let open = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'assistants' \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' WHERE c.relkind IN ('r', 'p') \
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND c.relname NOT IN ('outbox', 'consumed_event', 'job')";
    assert_eq!(t.number(open).await, 0);
    let owned = "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname IN ('assistants_service', 'assistants_search')";
    assert_eq!(t.number(owned).await, 0, "neither role owns a table");
    let searching = "SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE r.rolname = 'assistants_search' AND p.prosecdef";
    assert_eq!(
        t.number(searching).await,
        2,
        "definer functions are the search by trigrams and the search of the former version"
    );
    let login = "SELECT count(*) FROM pg_roles WHERE rolname = 'assistants_search' AND rolcanlogin";
    assert_eq!(t.number(login).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_42_without_a_context_nothing_is_read() {
    let t = Test::start().await;
    let id = t.published(crate::harness::spec("A")).await;
    t.file(id, "a.md", &["Доставка стоит 300 рублей."]).await;
    for table in ["assistant", "assistant_version", "knowledge_file", "passage"] {
        let seen = t
            .state
            .db
            .platform("test.count", async |tx: &mut neipix_mesh::db::Tx| {
                use diesel_async::RunQueryDsl as _;
                let sql = format!("SELECT 1 FROM {table}");
                Ok::<_, neipix_mesh::Failure>(diesel::sql_query(sql).execute(tx).await?)
            })
            .await
            .unwrap();
        assert_eq!(seen, 0, "{table}");
    }
}
