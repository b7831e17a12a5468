//! Wallets and transfers, read.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension as _, prelude::*};
use diesel_async::RunQueryDsl;
use neipix_mesh::{TransferId, TurnId, WorkspaceId, db::Tx};

use crate::schema::{posting, transfer, wallet};

/// A wallet.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = wallet)]
pub struct WalletRow {
    /// Micro-pix.
    pub purchased: i64,
    /// Micro-pix.
    pub plan: i64,
    /// Micro-pix.
    pub bonus: i64,
    /// Micro-pix.
    pub held: i64,
    /// Micro-pix.
    pub revenue: i64,
    /// Last change.
    pub updated_at: DateTime<Utc>,
}

/// A transfer.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = transfer)]
pub struct TransferRow {
    /// Its id.
    pub id: TransferId,
    /// Place in the ledger.
    pub n: i64,
    /// Why.
    pub kind: String,
    /// Of which turn.
    pub turn_id: Option<TurnId>,
    /// Micro-pix.
    pub amount_micro_pix: i64,
    /// Micro-pix.
    pub balance_micro_pix: i64,
    /// Of a settle: the count.
    pub charge: Option<serde_json::Value>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What a statement is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<&'static str>,
    /// Only this turn.
    pub turn: Option<TurnId>,
    /// At or after.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// The wallet of a workspace.
///
/// # Errors
/// Storage.
pub async fn wallet_of(tx: &mut Tx, ws: WorkspaceId) -> QueryResult<Option<WalletRow>> {
    wallet::table.find(ws).select(WalletRow::as_select()).first(tx).await.optional()
}

/// A page of transfers, newest first.
///
/// # Errors
/// Storage.
pub async fn page(
    tx: &mut Tx,
    ws: WorkspaceId,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> QueryResult<Vec<TransferRow>> {
    let mut query = transfer::table.filter(transfer::workspace_id.eq(ws)).select(TransferRow::as_select()).into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(transfer::kind.eq(kind));
    }
    if let Some(turn) = filter.turn {
        query = query.filter(transfer::turn_id.eq(turn));
    }
    if let Some(from) = filter.from {
        query = query.filter(transfer::created_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(transfer::created_at.lt(to));
    }
    if let Some(n) = before {
        query = query.filter(transfer::n.lt(n));
    }
    query.order(transfer::n.desc()).limit(limit).load(tx).await
}

/// One transfer.
///
/// # Errors
/// Storage.
pub async fn transfer_of(tx: &mut Tx, ws: WorkspaceId, id: TransferId) -> QueryResult<Option<TransferRow>> {
    transfer::table.find((ws, id)).select(TransferRow::as_select()).first(tx).await.optional()
}

/// The postings of a transfer, in order.
///
/// # Errors
/// Storage.
pub async fn postings(tx: &mut Tx, ws: WorkspaceId, id: TransferId) -> QueryResult<Vec<(String, i64)>> {
    posting::table
        .filter(posting::workspace_id.eq(ws))
        .filter(posting::transfer_id.eq(id))
        .order(posting::n)
        .select((posting::account, posting::amount_micro_pix))
        .load(tx)
        .await
}
