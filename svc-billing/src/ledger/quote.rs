//! Quote: what a turn can cost, and what attempts did cost. Moves nothing.

use neipix_mesh::{Call, Failure, db::Tx};
use neipix_proto::billing::v1::{PricedModel, QuoteRequest, QuoteResponse};

use super::{LedgerError, Tokens, cost, hold_amount, rpc::attempt};
use crate::Billing;

/// The bound that Hold would reserve, and the cost that Settle would charge, at the prices of now.
///
/// # Errors
/// UNPRICED; FIELD_INVALID for an attempt of a model that has no price.
pub async fn quote(billing: &Billing, call: Call<QuoteRequest>) -> Result<QuoteResponse, Failure> {
    let attempts = call.attempts.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
    let bound = Tokens { input: call.input_tokens_max, output: call.output_tokens_max, ..Tokens::default() };
    let prices = billing
        .db
        .read(&call.context, "billing.quote", async |tx: &mut Tx| {
            Ok::<_, Failure>(billing.prices.read(tx, &call.models).await?)
        })
        .await?;
    let charged: Vec<_> = attempts.into_iter().map(|(_, model, tokens)| (model, tokens)).collect();
    let bound = hold_amount(&prices, &call.models, bound).map_err(LedgerError::into_failure)?;
    let spent = cost(&prices, &charged).map_err(LedgerError::into_failure)?;
    let priced = prices.into_iter().map(|p| PricedModel { model: p.model, price_id: p.id.to_string() });
    Ok(QuoteResponse { bound_micro_pix: bound.get(), cost_micro_pix: spent.get(), priced: priced.collect() })
}
