//! Prices in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _,
    prelude::*,
    sql_types::{Array, Text},
};
use diesel_async::RunQueryDsl;
use neipix_mesh::{
    PriceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

use crate::{ledger::Price, schema::price};

/// A price with its validity.
#[derive(Debug, Clone, Queryable, QueryableByName, Selectable, Insertable)]
#[diesel(table_name = price)]
pub struct PriceRow {
    /// The row.
    pub id: PriceId,
    /// The model.
    pub model: String,
    /// Micro-pix per million tokens read.
    pub input_micro_pix_per_million: i64,
    /// Micro-pix per million tokens read from a cache.
    pub cached_input_micro_pix_per_million: i64,
    /// Micro-pix per million tokens written to a cache.
    pub cache_write_micro_pix_per_million: i64,
    /// Micro-pix per million tokens made.
    pub output_micro_pix_per_million: i64,
    /// Basis points.
    pub markup_bp: i32,
    /// From.
    pub valid_from: DateTime<Utc>,
    /// Up to; none = open.
    pub valid_to: Option<DateTime<Utc>>,
}

impl From<PriceRow> for Price {
    fn from(row: PriceRow) -> Self {
        Self {
            id: row.id,
            model: row.model,
            input: row.input_micro_pix_per_million,
            cached_input: row.cached_input_micro_pix_per_million,
            cache_write: row.cache_write_micro_pix_per_million,
            output: row.output_micro_pix_per_million,
            markup_bp: row.markup_bp,
        }
    }
}

diesel::define_sql_function! {
    /// The database's clock, after locks.
    fn clock_timestamp() -> Timestamptz;
}

/// Prices of these models that hold now, by the database's clock.
///
/// # Errors
/// Storage.
pub async fn current(tx: &mut Tx, models: &[String]) -> QueryResult<Vec<Price>> {
    // A text of its own: what the query builder makes of it is planned anew for each turn.
    let rows: Vec<PriceRow> = diesel::sql_query(
        "SELECT id, model, input_micro_pix_per_million, cached_input_micro_pix_per_million, \
         cache_write_micro_pix_per_million, output_micro_pix_per_million, markup_bp, valid_from, valid_to FROM price \
         WHERE model = ANY ($1) AND valid_from <= clock_timestamp() AND (valid_to IS NULL OR valid_to > clock_timestamp())",
    )
    .bind::<Array<Text>, _>(models)
    .kept()
    .load(tx)
    .await?;
    Ok(rows.into_iter().map(Price::from).collect())
}

/// Prices by id.
///
/// # Errors
/// Storage.
pub async fn by_ids(tx: &mut Tx, ids: &[Uuid]) -> QueryResult<Vec<Price>> {
    let rows = price::table.filter(price::id.eq_any(ids)).select(PriceRow::as_select()).load(tx).await?;
    Ok(rows.into_iter().map(Price::from).collect())
}

/// Adds a price.
///
/// # Errors
/// `price_overlap_ex`, `price_valid_ck`.
pub async fn insert(tx: &mut Tx, row: &PriceRow) -> QueryResult<()> {
    diesel::insert_into(price::table).values(row).execute(tx).await.map(|_| ())
}

/// A page of prices, newest first.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    q: &str,
    only_current: bool,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<PriceRow>> {
    let mut query = price::table.select(PriceRow::as_select()).into_boxed();
    if !q.is_empty() {
        let escaped = q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query = query.filter(price::model.ilike(format!("%{escaped}%")));
    }
    if only_current {
        query = query
            .filter(price::valid_from.le(clock_timestamp()))
            .filter(price::valid_to.is_null().or(price::valid_to.assume_not_null().gt(clock_timestamp())));
    }
    if let Some((from, id)) = after {
        query = query.filter(price::valid_from.lt(from).or(price::valid_from.eq(from).and(price::id.lt(id))));
    }
    query.order((price::valid_from.desc(), price::id.desc())).limit(limit).load(tx).await
}

/// One price, locked.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, id: PriceId) -> QueryResult<Option<PriceRow>> {
    price::table.find(id).select(PriceRow::as_select()).for_update().first(tx).await.optional()
}

/// Ends a price.
///
/// # Errors
/// `price_valid_ck`.
pub async fn end(tx: &mut Tx, id: PriceId, at: DateTime<Utc>) -> QueryResult<PriceRow> {
    diesel::update(price::table.find(id))
        .set(price::valid_to.eq(at))
        .returning(PriceRow::as_returning())
        .get_result(tx)
        .await
}

/// The database's time.
///
/// # Errors
/// Storage.
pub async fn now(tx: &mut Tx) -> QueryResult<DateTime<Utc>> {
    diesel::select(clock_timestamp()).get_result(tx).await
}
