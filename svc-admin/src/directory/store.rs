//! The directory in Postgres.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use neipix_mesh::{
    UserId, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

use crate::schema::directory_workspace;

/// A user with the sum of the balances of the owned workspaces.
#[derive(Debug, QueryableByName)]
pub struct UserRow {
    /// Who.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: UserId,
    /// The role's name; empty = none.
    #[diesel(sql_type = Text)]
    pub platform_role: String,
    /// Whether the account is blocked.
    #[diesel(sql_type = Bool)]
    pub blocked: bool,
    /// When the account was made.
    #[diesel(sql_type = Timestamptz)]
    pub registered_at: DateTime<Utc>,
    /// Micro-pix.
    #[diesel(sql_type = BigInt)]
    pub available: i64,
}

/// How a page is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By registration.
    Registered {
        /// Newest first.
        desc: bool,
    },
    /// By balance.
    Available {
        /// Richest first.
        desc: bool,
    },
}

/// Adds a user; a repeat changes the role only.
///
/// # Errors
/// Storage.
pub async fn put_user(tx: &mut Tx, user: UserId, platform_role: &str) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO directory_user (user_id, platform_role, registered_at) VALUES ($1, $2, clock_timestamp()) \
         ON CONFLICT (user_id) DO UPDATE SET platform_role = excluded.platform_role",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<Text, _>(platform_role)
    .execute(tx)
    .await
    .map(|_| ())
}

/// Adds a workspace, or its owner where a wallet event came first.
///
/// # Errors
/// Storage.
pub async fn put_workspace(tx: &mut Tx, ws: WorkspaceId, owner: UserId) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO directory_workspace (workspace_id, owner_user_id) VALUES ($1, $2) \
         ON CONFLICT (workspace_id) DO UPDATE SET owner_user_id = excluded.owner_user_id",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(owner)
    .execute(tx)
    .await
    .map(|_| ())
}

/// Takes balances over, each with its version, unless a later one is known.
///
/// # Errors
/// Storage.
pub async fn put_balances(tx: &mut Tx, balances: &BTreeMap<WorkspaceId, (i64, i64)>) -> QueryResult<()> {
    let (workspaces, told): (Vec<WorkspaceId>, Vec<(i64, i64)>) =
        balances.iter().map(|(ws, told)| (*ws, *told)).unzip();
    diesel::sql_query(
        "INSERT INTO directory_workspace (workspace_id, wallet_version, available_micro_pix) \
         SELECT ws, version, available FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS t (ws, version, available) \
         ON CONFLICT (workspace_id) DO UPDATE SET available_micro_pix = excluded.available_micro_pix, \
         wallet_version = excluded.wallet_version WHERE directory_workspace.wallet_version < excluded.wallet_version",
    )
    .bind::<Array<SqlUuid>, _>(workspaces)
    .bind::<Array<BigInt>, _>(told.iter().map(|t| t.0).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(told.iter().map(|t| t.1).collect::<Vec<_>>())
    .kept()
    .execute(tx)
    .await
    .map(|_| ())
}

/// A page of users. `only` narrows to these ids; `after` is the last row's sort value and id.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    only: Option<Vec<Uuid>>,
    staff: bool,
    order: Order,
    after: Option<(i64, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<UserRow>> {
    // The sort value as a number, so that one comparison serves both orders; micro-seconds lose nothing here.
    let (value, desc) = match order {
        Order::Registered { desc } => ("(extract(epoch FROM registered_at) * 1000000)::bigint", desc),
        Order::Available { desc } => ("available", desc),
    };
    let (sign, way) = if desc { ("<", "DESC") } else { (">", "ASC") };
    let text = format!(
        "SELECT user_id, platform_role, blocked, registered_at, available FROM ( \
             SELECT u.*, coalesce((SELECT sum(w.available_micro_pix)::bigint FROM directory_workspace w \
                 WHERE w.owner_user_id = u.user_id), 0) AS available FROM directory_user u \
             WHERE ($1 IS FALSE OR u.user_id = ANY ($2)) AND ($3 IS FALSE OR u.platform_role <> '') \
         ) AS users WHERE $4 IS FALSE OR ({value}, user_id) {sign} ($5, $6) \
         ORDER BY {value} {way}, user_id {way} LIMIT $7"
    );
    let (key, id) = after.unwrap_or_default();
    diesel::sql_query(text)
        .bind::<Bool, _>(only.is_some())
        .bind::<Array<SqlUuid>, _>(only.unwrap_or_default())
        .bind::<Bool, _>(staff)
        .bind::<Bool, _>(after.is_some())
        .bind::<BigInt, _>(key)
        .bind::<SqlUuid, _>(id)
        .bind::<BigInt, _>(limit)
        .load(tx)
        .await
}

/// Workspaces that these users own, oldest first.
///
/// # Errors
/// Storage.
pub async fn owned(tx: &mut Tx, users: &[UserId]) -> QueryResult<Vec<(Uuid, WorkspaceId, i64, DateTime<Utc>)>> {
    let ids: Vec<Uuid> = users.iter().map(|u| u.0).collect();
    directory_workspace::table
        .filter(directory_workspace::owner_user_id.eq_any(ids))
        .order((directory_workspace::owner_user_id, directory_workspace::created_at))
        .select((
            directory_workspace::owner_user_id.assume_not_null(),
            directory_workspace::workspace_id,
            directory_workspace::available_micro_pix,
            directory_workspace::created_at,
        ))
        .load(tx)
        .await
}
