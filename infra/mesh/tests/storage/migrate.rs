//! Migrations: roles, rights, partitions, comments.

use diesel_async::SimpleAsyncConnection as _;
use neipix_mesh::{migrate, secret::Secret};

use crate::support::{MIGRATIONS, SCHEMA, TestDb, connect, eventually, number, workspace};

/// What Postgres says to the service's role.
async fn refused(t: &TestDb, sql: &str) -> String {
    let mut service = connect(&t.service_url()).await;
    service.batch_execute(sql).await.expect_err(sql).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn migrators_may_come_together_and_again() {
    let t = TestDb::bare().await;
    let url = t.owner_url();
    let (one, other) = tokio::join!(migrate::run(&url, SCHEMA, MIGRATIONS), migrate::run(&url, SCHEMA, MIGRATIONS));
    one.unwrap();
    other.unwrap();
    assert_eq!(migrate::schema_version(&url, SCHEMA).await.unwrap(), migrate::newest(&MIGRATIONS).unwrap());
    // A further run waits for no table in use.
    let mut busy = t.owner().await;
    busy.batch_execute("BEGIN; LOCK TABLE sample.idempotency_record, sample.outbox, sample.job IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let again = tokio::time::timeout(std::time::Duration::from_secs(5), migrate::run(&url, SCHEMA, MIGRATIONS));
    again.await.expect("no lock is waited for").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a migration blocks its thread, and the test is no service")]
async fn f_14_a_migration_that_died_is_finished_by_the_next_run() {
    // trust: F-14
    let t = TestDb::bare().await;
    let mut rival = t.owner().await;
    rival.batch_execute(&migrate::machinery_sql(SCHEMA)).await.unwrap();
    // The migration makes its tables up to the one whose name is taken by somebody who has not committed.
    rival.batch_execute("BEGIN; CREATE TABLE sample.tally (n int)").await.unwrap();
    let url = t.owner_url();
    let dying = tokio::spawn({
        let url = url.clone();
        async move { migrate::run(&url, SCHEMA, MIGRATIONS).await }
    });
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let pid = eventually("the migration is half-way", async || Some(t.number(waits).await).filter(|p| *p > 0)).await;
    assert_eq!(t.number(&format!("SELECT pg_terminate_backend({pid})::int")).await, 1);
    dying.await.unwrap().unwrap_err();
    rival.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(t.text("SELECT to_regclass('sample.note')").await, "", "half a migration is none");
    migrate::run(&url, SCHEMA, MIGRATIONS).await.unwrap();
    assert_eq!(migrate::schema_version(&url, SCHEMA).await.unwrap(), migrate::newest(&MIGRATIONS).unwrap());
    assert_eq!(t.number("SELECT count(*) FROM tally").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_without_migrations_has_no_version_and_a_bad_name_is_refused() {
    let t = TestDb::bare().await;
    assert_eq!(migrate::schema_version(&t.owner_url(), SCHEMA).await.unwrap(), "");
    for bad in ["", "a;drop", "Sample", "a-b"] {
        migrate::run(&t.owner_url(), bad, MIGRATIONS).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_can_neither_make_nor_rewrite_what_is_not_its_own_to_change() {
    let t = TestDb::new().await;
    for sql in [
        "UPDATE outbox SET payload = ''",
        "UPDATE outbox SET kind = 'x'",
        "DELETE FROM outbox_ack",
        "UPDATE outbox_ack SET consumer = 'x'",
        "UPDATE consumed_event SET consumer = 'x'",
        "DELETE FROM consumed_event",
        "TRUNCATE job",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('9')",
        "DELETE FROM __diesel_schema_migrations",
        "SELECT make_tenant('note'::regclass)",
        "SELECT close_partition('tale_default')",
    ] {
        let said = refused(&t, sql).await;
        assert!(said.contains("permission denied"), "{sql}: {said}");
    }
    for sql in [
        "CREATE TABLE sample.x (id int)",
        "ALTER TABLE note DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON note",
        "CREATE SCHEMA mine",
        "SET ROLE neipix_verify",
        "ALTER ROLE sample_service BYPASSRLS",
    ] {
        let said = refused(&t, sql).await;
        let refusals = ["permission denied", "must be owner", "must be superuser"];
        assert!(refusals.iter().any(|refusal| said.contains(refusal)), "{sql}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_tables_and_partitions_force_row_security() {
    let t = TestDb::new().await;
    let open = "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c \
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' \
                WHERE c.relnamespace = 'sample'::regnamespace AND c.relkind IN ('r', 'p') \
                AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    assert_eq!(t.text(open).await, "consumed_event job outbox");
    let half = "SELECT count(*) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid \
                WHERE c.relnamespace = 'sample'::regnamespace AND (polqual IS NULL OR polwithcheck IS NULL)";
    assert_eq!(t.number(half).await, 0);
    let owned = "SELECT count(*) FROM pg_class WHERE relowner = 'sample_service'::regrole";
    assert_eq!(t.number(owned).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_the_next_months_are_there_by_utc_months() {
    let t = TestDb::new().await;
    let names = "SELECT string_agg(to_char(m, 'YYYY_MM'), ' ' ORDER BY m) FROM generate_series( \
                 date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month', \
                 date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months', interval '1 month') m";
    let made = "SELECT string_agg(substr(relname, 6), ' ' ORDER BY relname) FROM pg_class \
                WHERE relispartition AND relkind = 'r' AND relname LIKE 'tale\\_20%'";
    assert_eq!(t.text(made).await, t.text(names).await);
    // The months of a session far from UTC, with summer time, are the same.
    t.sql("SET timezone = 'America/New_York'; SELECT make_partitions('tale', 24)").await;
    let months = "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'tale\\_20%'";
    assert_eq!(t.number(months).await, 26, "last month, this one and 24 more");
    let bounds = "SELECT count(*) FROM pg_class c, uuid_v7_floor(date_trunc('month', to_date(substr(c.relname, 6), 'YYYY_MM') \
                  ::timestamp) AT TIME ZONE 'UTC') AS floor WHERE relispartition AND relkind = 'r' \
                  AND relname LIKE 'tale\\_20%' AND pg_get_expr(relpartbound, c.oid) LIKE '%(''' || floor || ''') TO%'";
    assert_eq!(t.number(bounds).await, 26);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_land_in_the_month_of_their_id_and_the_default_stays_empty() {
    let t = TestDb::new().await;
    let ws = workspace();
    t.sql(&format!("INSERT INTO tale VALUES ('{ws}', '{}', 1)", uuid::Uuid::now_v7())).await;
    let month = t.text("SELECT 'tale_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')").await;
    assert_eq!(t.text("SELECT tableoid::regclass FROM tale").await, month);
    // The instant that begins a month belongs to it.
    let floor = "uuid_v7_floor(date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')";
    t.sql(&format!("INSERT INTO tale VALUES ('{ws}', {floor}, 2)")).await;
    assert_eq!(t.number(&format!("SELECT count(*) FROM {month}")).await, 2);
    assert_eq!(t.number("SELECT count(*) FROM tale_default").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_make_each_partition_once() {
    let t = TestDb::new().await;
    let make = async || {
        let mut service = connect(&t.service_url()).await;
        service.batch_execute("SELECT make_partitions('tale', 12)").await
    };
    let (a, b, c) = tokio::join!(make(), make(), make());
    for made in [a, b, c] {
        made.unwrap();
    }
    for bad in ["note", "nothing", "tale; drop table note", "pg_class"] {
        let said = refused(&t, &format!("SELECT make_partitions('{bad}')")).await;
        assert!(said.contains("no partitioned table"), "{said}");
    }
    assert!(refused(&t, "SELECT make_partitions('tale', 1000000)").await.contains("0 to 24"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_machinery_table_and_column_is_described_and_every_constraint_named() {
    let t = TestDb::new().await;
    let machinery = "('outbox', 'outbox_ack', 'consumed_event', 'job', 'idempotency_record')";
    let mute = format!(
        "SELECT string_agg(c.relname || '.' || a.attname, ' ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
         AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relnamespace = 'sample'::regnamespace AND c.relname IN {machinery} \
         AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)"
    );
    assert_eq!(t.text(&mute).await, "");
    let unnamed = format!(
        "SELECT string_agg(conname, ' ') FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
         WHERE c.relnamespace = 'sample'::regnamespace AND c.relname IN {machinery} AND k.contype <> 'n' \
         AND conname !~ '_(pk|uq|ck|fk)$'"
    );
    assert_eq!(t.text(&unnamed).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verifier_reads_everything_and_writes_nothing() {
    let t = TestDb::new().await;
    let ws = workspace();
    // A table of a later migration too.
    t.sql(&format!("CREATE TABLE later (id int); INSERT INTO note VALUES ('{ws}', '{ws}', 'x')")).await;
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'sample'::regnamespace AND relkind IN ('r', 'p')";
    let readable = format!("{tables} AND has_table_privilege('neipix_verify', oid, 'SELECT')");
    assert_eq!(t.number(&readable).await, t.number(tables).await);
    let writable =
        format!("{tables} AND has_table_privilege('neipix_verify', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')");
    assert_eq!(t.number(&writable).await, 0);
    let power = "SELECT count(*) FROM pg_roles WHERE rolname = 'neipix_verify' AND rolbypassrls AND NOT rolsuper \
                 AND NOT rolcreaterole AND NOT rolcreatedb";
    assert_eq!(t.number(power).await, 1);
    let mut service = connect(&t.service_url()).await;
    assert_eq!(number(&mut service, "SELECT count(*) FROM note").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_printed_the_same_each_time_without_machinery_and_partitions() {
    let t = TestDb::new().await;
    let url: Secret<String> = t.owner_url();
    let printed = migrate::print_schema(&url, SCHEMA).await.unwrap();
    assert_eq!(printed, migrate::print_schema(&url, SCHEMA).await.unwrap());
    assert_eq!(printed, PRINTED);
}

const PRINTED: &str = "\
// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.

diesel::table! {
    note (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        text -> Text,
        marks -> Array<Text>,
        seen_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    number (workspace_id, seq) {
        workspace_id -> Uuid,
        seq -> Int8,
        event_id -> Uuid,
    }
}

diesel::table! {
    number_head (workspace_id) {
        workspace_id -> Uuid,
        last_seq -> Int8,
    }
}

diesel::table! {
    tale (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        amount -> Int8,
    }
}

diesel::table! {
    tally (name) {
        name -> Text,
        n -> Int8,
    }
}
";
