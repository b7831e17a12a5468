//! CreatePrice, ListPrices, EndPrice: staff's.

use chrono::{DateTime, Utc};
use neipix_mesh::{
    Call, Failure, PriceId,
    db::{Tx, constraint_name},
    idempotency, outbox, page,
};
use neipix_proto::billing::v1::{
    CreatePriceRequest, EndPriceRequest, ListPricesRequest, ListPricesResponse, Price as Wire,
};
use prost_types::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{
    PriceError,
    store::{self, PriceRow},
};
use crate::{Billing, ledger::rpc::stamp};

/// Adds a price; from now on where no beginning is named.
///
/// # Errors
/// PRICE_OVERLAP, FIELD_INVALID.
pub async fn create(billing: &Billing, call: Call<CreatePriceRequest>) -> Result<Wire, Failure> {
    let wire = call.price.clone().unwrap_or_default();
    let from = instant(wire.valid_from.as_ref(), "price.valid_from")?;
    let to = instant(wire.valid_to.as_ref(), "price.valid_to")?;
    idempotency::once(&billing.db, &billing.sealer, &call, "billing.create_price", async |tx: &mut Tx| {
        let row = PriceRow {
            id: PriceId::new(Utc::now()),
            model: wire.model.clone(),
            input_micro_pix_per_million: wire.input_micro_pix,
            cached_input_micro_pix_per_million: wire.cached_input_micro_pix,
            cache_write_micro_pix_per_million: wire.cache_write_micro_pix,
            output_micro_pix_per_million: wire.output_micro_pix,
            markup_bp: wire.markup_bp,
            valid_from: match from {
                Some(at) => at,
                None => store::now(tx).await.map_err(Failure::from)?,
            },
            valid_to: to,
        };
        store::insert(tx, &row).await.map_err(|e| refused(e, &row.model).into_failure())?;
        outbox::audit(tx, &call.context, &format!("price:{}", row.id), json!({"after": shown(&row)})).await?;
        Ok::<Wire, Failure>(to_wire(row))
    })
    .await
}

/// A page of prices, newest first.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn list(billing: &Billing, call: Call<ListPricesRequest>) -> Result<ListPricesResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let after: Option<(DateTime<Utc>, Uuid)> = billing.pages.decode(&call.context, &call.page_token)?;
    let mut rows = billing
        .db
        .in_workspace(&call.context, "billing.list_prices", async |tx: &mut Tx| {
            store::page(tx, &call.q, call.current, after, size.fetch()).await.map_err(Failure::from)
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| (last.valid_from, last.id.0));
    Ok(ListPricesResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| billing.pages.encode(&call.context, &key))?,
        prices: rows.into_iter().map(to_wire).collect(),
    })
}

/// Ends a price, now or later; the same end again changes nothing.
///
/// # Errors
/// NOT_FOUND, PRICE_ENDED, FIELD_INVALID.
pub async fn end(billing: &Billing, call: Call<EndPriceRequest>) -> Result<Wire, Failure> {
    let id: PriceId = call.id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?;
    let asked = instant(call.valid_to.as_ref(), "valid_to")?;
    billing
        .db
        .in_workspace(&call.context, "billing.end_price", async |tx: &mut Tx| {
            let before = store::lock(tx, id).await.map_err(Failure::from)?.ok_or_else(Failure::not_found)?;
            let now = store::now(tx).await.map_err(Failure::from)?;
            let at = asked.unwrap_or(now);
            if before.valid_to.is_some_and(|end| end <= now) {
                let repeated = asked.is_none_or(|a| before.valid_to == Some(a));
                return if repeated { Ok(to_wire(before)) } else { Err(PriceError::Ended.into_failure()) };
            }
            if at < now || at <= before.valid_from {
                return Err(PriceError::BadEnd.into_failure());
            }
            let after = store::end(tx, id, at).await.map_err(|e| refused(e, &before.model).into_failure())?;
            let detail = json!({"before": shown(&before), "after": shown(&after)});
            outbox::audit(tx, &call.context, &format!("price:{id}"), detail).await?;
            Ok(to_wire(after))
        })
        .await
}

fn refused(error: diesel::result::Error, model: &str) -> PriceError {
    match constraint_name(&error) {
        Some("price_overlap_ex") => PriceError::Overlap { model: model.to_owned() },
        Some("price_valid_ck") => PriceError::BadEnd,
        _ => PriceError::Store(error),
    }
}

fn shown(row: &PriceRow) -> serde_json::Value {
    json!({
        "model": row.model, "input": row.input_micro_pix_per_million, "output": row.output_micro_pix_per_million,
        "markup_bp": row.markup_bp, "valid_from": row.valid_from, "valid_to": row.valid_to,
    })
}

fn to_wire(row: PriceRow) -> Wire {
    Wire {
        id: row.id.to_string(),
        model: row.model,
        input_micro_pix: row.input_micro_pix_per_million,
        cached_input_micro_pix: row.cached_input_micro_pix_per_million,
        cache_write_micro_pix: row.cache_write_micro_pix_per_million,
        output_micro_pix: row.output_micro_pix_per_million,
        markup_bp: row.markup_bp,
        valid_from: Some(stamp(row.valid_from)),
        valid_to: row.valid_to.map(stamp),
    }
}

fn instant(at: Option<&Timestamp>, field: &str) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(at) = at else { return Ok(None) };
    u32::try_from(at.nanos)
        .ok()
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .map(Some)
        .ok_or_else(|| Failure::invalid(field, "must be an instant between the years 1 and 9999"))
}
