//! Hold, Settle, Release: read, decide, write.

use chrono::Utc;
use neipix_mesh::{
    Call, CallContext, Failure, TransferId, TurnId, WorkspaceId, crash,
    db::{self, Tx},
    outbox::{self, Told},
    telemetry,
};
use neipix_proto::billing::{
    events::v1::{TurnClosed, WalletChanged},
    v1::{
        ChargedAttempt, CloseResponse, HoldRequest, HoldResponse, PricedModel, ReleaseRequest, SettleRequest,
        TransferKind,
    },
};
use prost::Message as _;
use prost_types::Timestamp;
use uuid::Uuid;

use super::{
    LedgerError, MicroPix, Price, Tokens, close, cost, hold_amount,
    store::{self, Closed, Ending, Held, Hold},
};
use crate::Billing;

/// Reserves the most that a turn can cost; a repeat renews.
///
/// # Errors
/// INSUFFICIENT_FUNDS, UNPRICED, WALLET_NOT_READY, HOLD_NOT_FOUND (the turn was closed).
pub async fn hold(billing: &Billing, call: Call<HoldRequest>) -> Result<HoldResponse, Failure> {
    let turn = parse(&call.turn_id)?;
    let bound = Tokens { input: call.input_tokens_max, output: call.output_tokens_max, ..Tokens::default() };
    let result = match take(billing, &call, turn, bound, billing.prices.recent(&call.models)).await {
        // Prices have changed since they were read.
        Ok(Taken::Not(Held::Repriced, _)) => take(billing, &call, turn, bound, None).await,
        result => result,
    };
    let result = match result {
        Ok(Taken::Hold(hold)) => Ok(hold),
        Ok(Taken::Not(held, amount)) => renew(billing, &call, turn, held, amount).await,
        Err(error) => Err(error),
    };
    crash::point("hold.committed").await?;
    let hold = result.map_err(LedgerError::into_failure)?;
    billing.holds.put(call.context.workspace, &hold);
    answer_hold(hold)
}

/// What came of a first look at a hold.
enum Taken {
    /// It is there.
    Hold(Hold),
    /// It could not be taken, with what was needed.
    Not(Held, MicroPix),
}

async fn take(
    billing: &Billing,
    call: &Call<HoldRequest>,
    turn: TurnId,
    bound: Tokens,
    recent: Option<Vec<Price>>,
) -> Result<Taken, LedgerError> {
    let ws = call.context.workspace;
    billing
        .db
        .in_workspace(&call.context, "billing.hold", async |tx: &mut Tx| {
            let prices = match &recent {
                Some(prices) => prices.clone(),
                None => billing.prices.read(tx, &call.models).await?,
            };
            if prices.is_empty()
                && let Some(hold) = store::renew(tx, ws, turn).await?
            {
                return Ok(Taken::Hold(hold));
            }
            let amount = hold_amount(&prices, &call.models, bound)?;
            match store::take(tx, ws, turn, TransferId::new(Utc::now()), amount, &prices).await? {
                Held::Taken { taken, expires_at } => Ok(Taken::Hold(Hold {
                    turn,
                    taken,
                    priced: prices.into_iter().map(|p: Price| (p.model, p.id)).collect(),
                    expires_at,
                    closed: false,
                })),
                Held::NoWallet => Err(LedgerError::WalletNotReady),
                held => Ok(Taken::Not(held, amount)),
            }
        })
        .await
}

/// What is there already holds on. The money that is missing may be what this very turn holds.
async fn renew(
    billing: &Billing,
    call: &Call<HoldRequest>,
    turn: TurnId,
    held: Held,
    needed: MicroPix,
) -> Result<Hold, LedgerError> {
    let ws = call.context.workspace;
    let renewed = billing
        .db
        .in_workspace(&call.context, "billing.renew", async |tx: &mut Tx| {
            Ok::<_, LedgerError>(store::renew(tx, ws, turn).await?)
        })
        .await?;
    renewed.ok_or(match held {
        Held::Short { available } => LedgerError::InsufficientFunds { needed, available },
        Held::Repriced => LedgerError::Unpriced { models: call.models.clone() },
        _ => LedgerError::HoldNotFound,
    })
}

fn answer_hold(hold: Hold) -> Result<HoldResponse, Failure> {
    Ok(HoldResponse {
        amount_micro_pix: hold.taken.total().get(),
        priced: hold
            .priced
            .iter()
            .map(|(model, price)| PricedModel { model: model.clone(), price_id: price.to_string() })
            .collect(),
        expire_time: Some(stamp(hold.expires_at)),
    })
}

/// Charges what a turn cost, at most its hold.
///
/// # Errors
/// HOLD_NOT_FOUND; FIELD_INVALID for an attempt that the hold knows no price of.
pub async fn settle(billing: &Billing, call: Call<SettleRequest>) -> Result<CloseResponse, Failure> {
    let turn = parse(&call.turn_id)?;
    let attempts = call.attempts.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
    let result = close_charged(billing, &call.context, turn, &attempts).await;
    if result.as_ref().is_ok_and(|closed| closed.kind != "settle") {
        tracing::error!(turn.id = %turn, "turn {turn} was released before it could be settled: its answer is free");
    }
    crash::point("settle.committed").await?;
    Ok(answer(&result.map_err(LedgerError::into_failure)?))
}

async fn close_charged(
    billing: &Billing,
    context: &CallContext,
    turn: TurnId,
    attempts: &[(Uuid, String, Tokens)],
) -> Result<Closed, LedgerError> {
    let ws = context.workspace;
    let traceparent = telemetry::onward(&context.traceparent);
    // Only its end ever changes, and closing looks at that itself.
    let known = billing.holds.take(ws, turn);
    if let Some(hold) = &known
        && let Some(prices) = billing.prices.of_ids(&price_ids(hold))
    {
        let ending = settled(ws, hold, &prices, attempts, &traceparent)?;
        if let Some(closed) = billing.closing.submit(ending).await? {
            return Ok(closed);
        }
    }
    billing
        .unhurried
        .in_workspace(context, "billing.settle", async |tx: &mut Tx| {
            let hold = match &known {
                Some(hold) => Some(hold.clone()),
                None => store::hold_of(tx, ws, turn).await?,
            };
            let Some(hold) = hold.filter(|hold| !hold.closed) else {
                return store::closed(tx, ws, turn).await?.ok_or(LedgerError::HoldNotFound);
            };
            let prices = billing.prices.by_ids(tx, &price_ids(&hold)).await?;
            close_one(tx, settled(ws, &hold, &prices, attempts, &traceparent)?).await
        })
        .await
}

fn price_ids(hold: &Hold) -> Vec<Uuid> {
    hold.priced.iter().map(|(_, id)| id.0).collect()
}

/// The end of a hold that is charged.
fn settled(
    workspace: WorkspaceId,
    hold: &Hold,
    prices: &[Price],
    attempts: &[(Uuid, String, Tokens)],
    traceparent: &str,
) -> Result<Ending, LedgerError> {
    let charged: Vec<(String, Tokens)> = attempts.iter().map(|(_, m, t)| (m.clone(), *t)).collect();
    let closing = close(hold.taken, cost(prices, &charged)?);
    if closing.above_hold > MicroPix::ZERO {
        tracing::error!(turn.id = %hold.turn, above_hold_micro_pix = closing.above_hold.get(),
            "turn {} cost more than its hold; the difference is ours", hold.turn);
    }
    Ok(Ending {
        workspace,
        turn: hold.turn,
        transfer: TransferId::new(Utc::now()),
        held: hold.taken.total(),
        closing,
        charge: Some(store::charge_record(attempts, &hold.priced, closing)),
        traceparent: traceparent.to_owned(),
    })
}

/// Frees a turn's hold.
///
/// # Errors
/// Storage only: releasing twice, or without a hold, is no error.
pub async fn release(billing: &Billing, call: Call<ReleaseRequest>) -> Result<CloseResponse, Failure> {
    let (ws, turn) = (call.context.workspace, parse(&call.turn_id)?);
    let result = billing
        .db
        .in_workspace(&call.context, "billing.release", async |tx: &mut Tx| release_in(tx, ws, turn).await)
        .await;
    crash::point("release.committed").await?;
    Ok(result.map_err(LedgerError::into_failure)?.map_or_else(CloseResponse::default, |closed| answer(&closed)))
}

/// The same for the sweeper. None where the turn never held.
///
/// # Errors
/// Storage.
pub async fn release_in(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Option<Closed>, LedgerError> {
    if let Some(closed) = store::closed(tx, ws, turn).await? {
        return Ok(Some(closed));
    }
    let Some(hold) = store::hold_of(tx, ws, turn).await? else {
        if store::mark_closed(tx, ws, turn).await? {
            return Ok(None);
        }
        // A hold committed between the two looks: a serialization failure makes the mesh run all of it again.
        return Err(LedgerError::Store(neipix_mesh::db::retry_error()));
    };
    let ending = Ending {
        workspace: ws,
        turn,
        transfer: TransferId::new(Utc::now()),
        held: hold.taken.total(),
        closing: close(hold.taken, MicroPix::ZERO),
        charge: None,
        traceparent: db::traceparent(),
    };
    close_one(tx, ending).await.map(Some)
}

/// Closes one hold, or finds who was first.
async fn close_one(tx: &mut Tx, ending: Ending) -> Result<Closed, LedgerError> {
    let (ws, turn) = (ending.workspace, ending.turn);
    match close_all(tx, &[ending]).await?.pop().flatten() {
        Some(closed) => Ok(closed),
        None => store::closed(tx, ws, turn).await?.ok_or(LedgerError::HoldNotFound),
    }
}

/// Closes holds and tells of it; none where one was closed before. Where any was closed, its last statement ends the transaction.
///
/// # Errors
/// Storage.
pub async fn close_all(tx: &mut Tx, endings: &[Ending]) -> Result<Vec<Option<Closed>>, Failure> {
    let closed = store::close(tx, endings).await?;
    let mut events = Vec::with_capacity(2 * endings.len());
    for (ending, closed) in endings.iter().zip(&closed) {
        let Some(closed) = closed else { continue };
        let Some((available, held)) = closed.after else { continue };
        let changed = WalletChanged { available_micro_pix: available.get(), held_micro_pix: held.get() };
        let turn = TurnClosed {
            turn_id: ending.turn.to_string(),
            transfer_id: closed.transfer.to_string(),
            cost_micro_pix: closed.charged.get(),
        };
        let kind = if closed.kind == "settle" { "turn.charged" } else { "turn.released" };
        let told = |kind, payload| Told {
            workspace: ending.workspace,
            kind,
            object_version: closed.version,
            payload,
            traceparent: ending.traceparent.clone(),
        };
        events.extend([told("wallet.changed", changed.encode_to_vec()), told(kind, turn.encode_to_vec())]);
    }
    if !events.is_empty() {
        tx.last(outbox::PUSH_ALL);
        outbox::push_all(tx, events).await?;
    }
    Ok(closed)
}

fn answer(closed: &Closed) -> CloseResponse {
    let kind = if closed.kind == "settle" { TransferKind::Settle } else { TransferKind::Release };
    CloseResponse { transfer_id: closed.transfer.to_string(), cost_micro_pix: closed.charged.get(), kind: kind.into() }
}

/// An attempt of a request.
///
/// # Errors
/// FIELD_INVALID.
pub(super) fn attempt(attempt: &ChargedAttempt) -> Result<(Uuid, String, Tokens), Failure> {
    let id = attempt.attempt_id.parse().map_err(|_| Failure::invalid("attempts.attempt_id", "must be a UUID"))?;
    let tokens = Tokens {
        input: attempt.input_tokens,
        cached_input: attempt.cached_input_tokens,
        cache_write: attempt.cache_write_tokens,
        output: attempt.output_tokens,
    };
    Ok((id, attempt.model.clone(), tokens))
}

fn parse(turn: &str) -> Result<TurnId, Failure> {
    turn.parse().map_err(|_| Failure::invalid("turn_id", "must be a UUID"))
}

/// `google.protobuf.Timestamp` of an instant.
pub(crate) fn stamp(at: chrono::DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}
