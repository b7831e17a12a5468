//! Migrations: the owner's work, never a service's. One migrator works at a time.

use std::fmt::Write as _;

use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{
    AsyncConnection as _, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _};

use crate::{failure::Failure, secret::Secret};

/// What every schema has before its own migrations.
const MACHINERY: &str = include_str!("../sql/machinery.sql");
/// One migrator at a time, whatever it migrates.
const LOCK: i64 = 0x6e65_6970_6978;

/// Brings a service's schema up to date with the owner's log-in. Needs a runtime of several threads.
///
/// # Errors
/// When Postgres refuses a statement; what was applied before stays.
pub async fn run(owner_url: &Secret<String>, schema: &str, migrations: EmbeddedMigrations) -> Result<(), Failure> {
    let mut connection = AsyncPgConnection::establish(owner_url.expose()).await.map_err(Failure::internal)?;
    connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
    connection.batch_execute(&MACHINERY.replace("{schema}", schema)).await?;
    // Diesel keeps its own table in the schema too.
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = harness.run_pending_migrations(migrations).map_err(|e| Failure::internal(e.to_string()))?;
    if !applied.is_empty() {
        tracing::info!(schema, count = applied.len(), "applied {} migrations to {schema}", applied.len());
    }
    let mut connection = harness.into_inner();
    // Functions that migrations made are for their service only.
    connection
        .batch_execute(&format!(
            "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO neipix_verify; SELECT pg_advisory_unlock({LOCK})"
        ))
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    nullable: i64,
}

const COLUMNS: &str = "
SELECT c.relname::text AS relation, a.attname::text AS name, format_type(a.atttypid, NULL)::text AS kind,
       coalesce(array_position(i.indkey::int2[], a.attnum), -1)::bigint AS key, (NOT a.attnotnull)::int::bigint AS nullable
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE '\\_\\_diesel%'
  AND c.relname NOT IN ('outbox', 'outbox_ack', 'consumed_event', 'job', 'idempotency_record')
ORDER BY c.relname, a.attnum";

/// The diesel schema of a migrated database, as `src/schema.rs` of the service should read. The shared machinery is left
/// out: the mesh reaches it.
///
/// # Errors
/// When Postgres does not answer, or a column has a type that no table of ours should have.
pub async fn print_schema(url: &Secret<String>, schema: &str) -> Result<String, Failure> {
    let mut connection = AsyncPgConnection::establish(url.expose()).await.map_err(Failure::internal)?;
    let rows: Vec<ColumnRow> = diesel::sql_query(COLUMNS).bind::<Text, _>(schema).load(&mut connection).await?;
    let mut text =
        String::from("// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.\n");
    let mut at = 0;
    while at < rows.len() {
        let relation = &rows[at].relation;
        let columns: Vec<&ColumnRow> = rows[at..].iter().take_while(|r| r.relation == *relation).collect();
        let mut keys: Vec<&&ColumnRow> = columns.iter().filter(|c| c.key >= 0).collect();
        keys.sort_by_key(|c| c.key);
        let keys: Vec<&str> = keys.iter().map(|c| c.name.as_str()).collect();
        let _ = write!(text, "\ndiesel::table! {{\n    {relation} ({}) {{\n", keys.join(", "));
        for column in &columns {
            let mut kind = rust_type(&column.kind)?;
            if column.nullable == 1 {
                kind = format!("Nullable<{kind}>");
            }
            let _ = writeln!(text, "        {} -> {kind},", column.name);
        }
        text.push_str("    }\n}\n");
        at += columns.len();
    }
    Ok(text)
}

fn rust_type(kind: &str) -> Result<String, Failure> {
    if let Some(inner) = kind.strip_suffix("[]") {
        return Ok(format!("Array<{}>", rust_type(inner)?));
    }
    let name = match kind {
        "uuid" => "Uuid",
        "text" => "Text",
        "smallint" => "Int2",
        "integer" => "Int4",
        "bigint" => "Int8",
        "boolean" => "Bool",
        "timestamp with time zone" => "Timestamptz",
        "date" => "Date",
        "jsonb" => "Jsonb",
        "bytea" => "Bytea",
        "double precision" => "Float8",
        "real" => "Float4",
        "tsvector" => "Text",
        other => return Err(Failure::internal(format!("{other} is no type of our tables"))),
    };
    Ok(name.to_owned())
}

/// The newest applied migration of a schema; empty = none.
///
/// # Errors
/// When Postgres does not answer.
pub async fn schema_version(url: &Secret<String>, schema: &str) -> Result<String, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let mut connection = AsyncPgConnection::establish(url.expose()).await.map_err(Failure::internal)?;
    let sql = format!(
        "SELECT version::text AS version FROM {schema}.__diesel_schema_migrations ORDER BY version DESC LIMIT 1"
    );
    let row: Option<Row> = diesel::sql_query(sql).get_result(&mut connection).await.optional()?;
    Ok(row.map(|r| r.version).unwrap_or_default())
}
