//! Migrations: the owner's work, never a service's. One migrator works at a time.

mod printer;

use diesel::{
    OptionalExtension as _, QueryableByName,
    migration::{Migration, MigrationSource},
    pg::Pg,
    sql_types::{Bool, Nullable, Text},
};
use diesel_async::{
    AsyncConnection as _, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _};
use sha2::{Digest as _, Sha256};

pub use self::printer::print_schema;
use crate::{failure::Failure, secret::Secret};

/// What every schema has before its own migrations.
const MACHINERY: &str = include_str!("../sql/machinery.sql");
/// One migrator at a time, whatever it migrates.
const LOCK: i64 = 0x6e65_6970_6978;

/// The machinery of one schema: roles, functions, outbox, jobs, idempotency records.
#[must_use]
pub fn machinery_sql(schema: &str) -> String {
    MACHINERY.replace("{schema}", schema)
}

/// Brings a service's schema up to date with the owner's log-in. Needs a runtime of several threads.
///
/// Dying half-way leaves whole migrations only: the next run goes on. A machinery that is there already is not touched, so
/// that a start takes no lock on tables in use.
///
/// # Errors
/// When the schema's name is none, or Postgres refuses a statement; what was applied before stays.
pub async fn run(owner_url: &Secret<String>, schema: &str, migrations: EmbeddedMigrations) -> Result<(), Failure> {
    check_name(schema)?;
    let mut connection = AsyncPgConnection::establish(owner_url.expose()).await.map_err(Failure::internal)?;
    connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
    make_machinery(&mut connection, schema).await?;
    // Diesel keeps its own table in the schema too.
    connection.batch_execute(&format!("SET search_path = {schema}, public")).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = harness.run_pending_migrations(migrations).map_err(|e| Failure::internal(e.to_string()))?;
    if !applied.is_empty() {
        tracing::info!(schema, count = applied.len(), "applied {} migrations to {schema}", applied.len());
    }
    let mut connection = harness.into_inner();
    // What was applied is the owner's record: the service reads it and may not write it.
    connection
        .batch_execute(&format!(
            "REVOKE ALL ON {schema}.__diesel_schema_migrations FROM {schema}_service;
             GRANT SELECT ON {schema}.__diesel_schema_migrations TO {schema}_service;
             GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO neipix_verify"
        ))
        .await?;
    // Apart: within the batch it would let the next migrator in before the batch commits.
    connection.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).await?;
    Ok(())
}

/// Runs the machinery where its text is not the one that the schema was made with.
async fn make_machinery(connection: &mut AsyncPgConnection, schema: &str) -> Result<(), Failure> {
    #[derive(QueryableByName)]
    struct Told {
        #[diesel(sql_type = Nullable<Text>)]
        comment: Option<String>,
    }
    let sql = machinery_sql(schema);
    let mark = format!("Neipix; machinery {}", hex::encode(&Sha256::digest(sql.as_bytes())[..8]));
    let told: Told = diesel::sql_query("SELECT obj_description(to_regnamespace($1)::oid, 'pg_namespace') AS comment")
        .bind::<Text, _>(schema)
        .get_result(connection)
        .await?;
    if told.comment.as_deref() == Some(mark.as_str()) {
        return Ok(());
    }
    // One batch is one transaction: the mark stands only where all of it was done.
    connection.batch_execute(&format!("{sql};\nCOMMENT ON SCHEMA {schema} IS '{mark}'")).await?;
    Ok(())
}

/// A schema's name goes into SQL as it is.
fn check_name(schema: &str) -> Result<(), Failure> {
    let good = !schema.is_empty() && schema.len() <= 40 && schema.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if good { Ok(()) } else { Err(Failure::internal(format!("{schema:?} is no schema's name: a-z and _ only"))) }
}

/// The newest of a service's migrations: what its schema must have before the service serves.
///
/// # Errors
/// When the embedded migrations cannot be read.
pub fn newest(migrations: &EmbeddedMigrations) -> Result<String, Failure> {
    let all: Vec<Box<dyn Migration<Pg>>> =
        MigrationSource::<Pg>::migrations(migrations).map_err(|e| Failure::internal(e.to_string()))?;
    Ok(all.iter().map(|m| m.name().version().to_string()).max().unwrap_or_default())
}

/// The newest applied migration of a schema; empty = none.
///
/// # Errors
/// When Postgres does not answer.
pub async fn schema_version(url: &Secret<String>, schema: &str) -> Result<String, Failure> {
    #[derive(QueryableByName)]
    struct Made {
        #[diesel(sql_type = Bool)]
        made: bool,
    }
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        version: String,
    }
    check_name(schema)?;
    let mut connection = AsyncPgConnection::establish(url.expose()).await.map_err(Failure::internal)?;
    let made: Made = diesel::sql_query("SELECT to_regclass($1 || '.__diesel_schema_migrations') IS NOT NULL AS made")
        .bind::<Text, _>(schema)
        .get_result(&mut connection)
        .await?;
    if !made.made {
        return Ok(String::new());
    }
    let sql = format!(
        "SELECT version::text AS version FROM {schema}.__diesel_schema_migrations ORDER BY version DESC LIMIT 1"
    );
    let row: Option<Row> = diesel::sql_query(sql).get_result(&mut connection).await.optional()?;
    Ok(row.map(|r| r.version).unwrap_or_default())
}
