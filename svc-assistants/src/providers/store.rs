//! Providers in Postgres.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension as _, prelude::*};
use diesel_async::RunQueryDsl;
use neipix_mesh::{ProviderId, db::Tx};

use super::EXTRACTIVE;
use crate::schema::provider;

/// A provider as it lies in the table.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = provider, treat_none_as_null = true)]
pub struct ProviderRow {
    /// The row.
    pub id: ProviderId,
    /// For staff.
    pub name: String,
    /// `OPENAI_COMPATIBLE` or `EXTRACTIVE`.
    pub kind: String,
    /// Base address.
    pub base_url: String,
    /// Sent to the provider; also the key of the price list.
    pub model: String,
    /// Sealed; none = no key is sent.
    pub sealed_key: Option<Vec<u8>>,
    /// Of the key.
    pub key_last4: String,
    /// Smaller is tried earlier.
    pub priority: i32,
    /// Not tried.
    pub disabled: bool,
    /// Milliseconds; 0 = the usual.
    pub first_token_timeout_ms: i32,
    /// Grows with every write.
    pub etag: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl ProviderRow {
    /// Whether it is the built-in answerer.
    #[must_use]
    pub fn is_extractive(&self) -> bool {
        self.kind == EXTRACTIVE
    }

    /// What its key is sealed for.
    #[must_use]
    pub fn seal_context(&self) -> String {
        neipix_mesh::seal::context("provider.sealed_key", neipix_mesh::WorkspaceId::PLATFORM, self.id)
    }
}

/// All that are tried, in their order; the extractive answerer is the last whatever its priority says.
///
/// # Errors
/// Storage.
pub async fn enabled(mut tx: &Tx) -> QueryResult<Vec<ProviderRow>> {
    let mut rows: Vec<ProviderRow> =
        provider::table.filter(provider::disabled.eq(false)).select(ProviderRow::as_select()).load(&mut tx).await?;
    rows.sort_by_key(|row| (row.is_extractive(), row.priority, row.id));
    Ok(rows)
}

/// One, locked until the transaction ends.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, id: ProviderId) -> QueryResult<Option<ProviderRow>> {
    provider::table.find(id).select(ProviderRow::as_select()).for_update().first(tx).await.optional()
}

/// One.
///
/// # Errors
/// Storage.
pub async fn find(tx: &mut Tx, id: ProviderId) -> QueryResult<Option<ProviderRow>> {
    provider::table.find(id).select(ProviderRow::as_select()).first(tx).await.optional()
}

/// A page by priority.
///
/// # Errors
/// Storage.
pub async fn page(tx: &mut Tx, after: Option<(i32, uuid::Uuid)>, limit: i64) -> QueryResult<Vec<ProviderRow>> {
    let mut query = provider::table.select(ProviderRow::as_select()).into_boxed();
    if let Some((priority, id)) = after {
        query =
            query.filter(provider::priority.gt(priority).or(provider::priority.eq(priority).and(provider::id.gt(id))));
    }
    query.order((provider::priority, provider::id)).limit(limit).load(tx).await
}

/// Adds one.
///
/// # Errors
/// Storage.
pub async fn insert(tx: &mut Tx, row: &ProviderRow) -> QueryResult<()> {
    diesel::insert_into(provider::table).values(row).execute(tx).await.map(|_| ())
}

/// Writes one anew.
///
/// # Errors
/// Storage.
pub async fn write(tx: &mut Tx, row: &ProviderRow) -> QueryResult<()> {
    diesel::update(provider::table.find(row.id)).set(row).execute(tx).await.map(|_| ())
}

/// Removes one.
///
/// # Errors
/// Storage.
pub async fn delete(tx: &mut Tx, id: ProviderId) -> QueryResult<()> {
    diesel::delete(provider::table.find(id)).execute(tx).await.map(|_| ())
}
