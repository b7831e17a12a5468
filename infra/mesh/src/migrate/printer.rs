//! `schema.rs` of a service, printed from its migrated database.

use std::fmt::Write as _;

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};

use crate::{failure::Failure, secret::Secret};

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
