//! GetWallet, ListStatement, GetTransfer, BatchGetBalances.

use chrono::{DateTime, Utc};
use neipix_mesh::{Call, Failure, TransferId, WorkspaceId, db::Tx, page};
use neipix_proto::billing::v1::{
    Account, Balance, BatchGetBalancesRequest, BatchGetBalancesResponse, Charge, ChargedAttempt, ErrorReason,
    GetTransferRequest, GetWalletRequest, ListStatementRequest, ListStatementResponse, Posting, Transfer, TransferKind,
    Wallet,
};
use prost_types::Timestamp;

use super::store::{self, Filter, TransferRow, WalletRow};
use crate::{Billing, ledger::rpc::stamp};

/// The wallet of the current workspace.
///
/// # Errors
/// WALLET_NOT_READY in the moments before it is opened.
pub async fn get_wallet(billing: &Billing, call: Call<GetWalletRequest>) -> Result<Wallet, Failure> {
    let row = billing
        .db
        .read(&call.context, "billing.get_wallet", async |tx: &mut Tx| {
            store::wallet_of(tx, call.context.workspace).await.map_err(Failure::from)
        })
        .await?;
    row.map(wallet).ok_or_else(|| {
        Failure::new(ErrorReason::WalletNotReady, "the wallet of this workspace is being opened; try again soon")
            .with_retry_after(std::time::Duration::from_secs(1))
    })
}

/// The wallet's transfers, newest first.
///
/// # Errors
/// PAGE_TOKEN_INVALID, FIELD_INVALID.
pub async fn list(billing: &Billing, call: Call<ListStatementRequest>) -> Result<ListStatementResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let before: Option<i64> = billing.pages.decode(&call.context, &call.page_token)?;
    let filter = Filter {
        kind: kind_name(call.kind()),
        turn: match call.turn_id.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| Failure::invalid("turn_id", "must be a UUID"))?),
        },
        from: instant(call.from_time.as_ref(), "from_time")?,
        to: instant(call.to_time.as_ref(), "to_time")?,
    };
    let mut rows = billing
        .db
        .in_workspace(&call.context, "billing.list_statement", async |tx: &mut Tx| {
            store::page(tx, call.context.workspace, &filter, before, size.fetch()).await.map_err(Failure::from)
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| last.n);
    Ok(ListStatementResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |n| billing.pages.encode(&call.context, &n))?,
        transfers: rows.into_iter().map(transfer).collect(),
    })
}

/// One transfer with its postings and, for a settle, how it was counted.
///
/// # Errors
/// NOT_FOUND.
pub async fn get_transfer(billing: &Billing, call: Call<GetTransferRequest>) -> Result<Transfer, Failure> {
    let id: TransferId = call.id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?;
    let ws = call.context.workspace;
    billing
        .db
        .in_workspace(&call.context, "billing.get_transfer", async |tx: &mut Tx| {
            let row = store::transfer_of(tx, ws, id).await.map_err(Failure::from)?.ok_or_else(Failure::not_found)?;
            let charge = row.charge.as_ref().map(charge);
            let postings = store::postings(tx, ws, id).await.map_err(Failure::from)?;
            let postings = postings
                .into_iter()
                .map(|(account, amount)| Posting { account: account_named(&account).into(), amount_micro_pix: amount });
            Ok(Transfer { postings: postings.collect(), charge, ..transfer(row) })
        })
        .await
}

/// Available balances of many workspaces, for the platform's list. Each is read in its own tenant context.
///
/// # Errors
/// FIELD_INVALID.
pub async fn balances(
    billing: &Billing,
    call: Call<BatchGetBalancesRequest>,
) -> Result<BatchGetBalancesResponse, Failure> {
    let mut balances = Vec::with_capacity(call.workspace_ids.len());
    for id in &call.workspace_ids {
        let ws: WorkspaceId = id.parse().map_err(|_| Failure::invalid("workspace_ids", "must be UUIDs"))?;
        let row = billing
            .db
            .in_workspace_id(ws, "billing.balance", async |tx: &mut Tx| {
                store::wallet_of(tx, ws).await.map_err(Failure::from)
            })
            .await?;
        if let Some(row) = row {
            balances.push(Balance { workspace_id: id.clone(), available_micro_pix: available(&row) });
        }
    }
    Ok(BatchGetBalancesResponse { balances })
}

fn available(row: &WalletRow) -> i64 {
    row.bonus + row.plan + row.purchased
}

fn wallet(row: WalletRow) -> Wallet {
    Wallet {
        available_micro_pix: available(&row),
        bonus_micro_pix: row.bonus,
        plan_micro_pix: row.plan,
        purchased_micro_pix: row.purchased,
        held_micro_pix: row.held,
        spent_micro_pix: row.revenue,
        update_time: Some(stamp(row.updated_at)),
    }
}

fn transfer(row: TransferRow) -> Transfer {
    Transfer {
        id: row.id.to_string(),
        kind: kind_named(&row.kind).into(),
        turn_id: row.turn_id.map(|t| t.to_string()).unwrap_or_default(),
        amount_micro_pix: row.amount_micro_pix,
        balance_micro_pix: row.balance_micro_pix,
        postings: vec![],
        charge: None,
        create_time: Some(stamp(row.created_at)),
    }
}

fn charge(record: &serde_json::Value) -> Charge {
    let number = |value: &serde_json::Value, key: &str| value[key].as_i64().unwrap_or(0);
    let attempts = record["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    Charge {
        attempts: attempts
            .iter()
            .map(|a| ChargedAttempt {
                attempt_id: a["attempt_id"].as_str().unwrap_or_default().to_owned(),
                model: a["model"].as_str().unwrap_or_default().to_owned(),
                input_tokens: number(a, "input"),
                cached_input_tokens: number(a, "cached_input"),
                cache_write_tokens: number(a, "cache_write"),
                output_tokens: number(a, "output"),
            })
            .collect(),
        cost_micro_pix: number(record, "cost_micro_pix"),
        above_hold_micro_pix: number(record, "above_hold_micro_pix"),
    }
}

const KINDS: [(&str, TransferKind); 7] = [
    ("grant", TransferKind::Grant),
    ("hold", TransferKind::Hold),
    ("settle", TransferKind::Settle),
    ("release", TransferKind::Release),
    ("credit", TransferKind::Credit),
    ("refund", TransferKind::Refund),
    ("adjustment", TransferKind::Adjustment),
];

fn kind_name(kind: TransferKind) -> Option<&'static str> {
    KINDS.iter().find(|(_, k)| *k == kind).map(|(name, _)| *name)
}

fn kind_named(name: &str) -> TransferKind {
    KINDS.iter().find(|(n, _)| *n == name).map_or(TransferKind::Unspecified, |(_, kind)| *kind)
}

fn account_named(name: &str) -> Account {
    Account::from_str_name(&format!("ACCOUNT_{}", name.to_uppercase())).unwrap_or(Account::Unspecified)
}

fn instant(at: Option<&Timestamp>, field: &str) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(at) = at else { return Ok(None) };
    u32::try_from(at.nanos)
        .ok()
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .map(Some)
        .ok_or_else(|| Failure::invalid(field, "must be an instant between the years 1 and 9999"))
}
