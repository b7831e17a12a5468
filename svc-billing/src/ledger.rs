//! Money of a turn: what it may cost, what it did cost, and where that is taken from.
//!
//! Pure: no database, no clock. Lock order of this service: nothing before the wallet's row, which is taken last and alone.

pub mod quote;
pub mod recent;
pub mod rpc;
pub mod store;

use neipix_mesh::{Failure, FieldProblem, HasReason, PriceId};
use neipix_proto::{Reason as _, ReasonInfo, billing::v1::ErrorReason};

/// An amount in micro-pix (1 pix = 1,000,000). Checked arithmetic only; no float ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MicroPix(i64);

impl MicroPix {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Of a whole number of micro-pix.
    #[must_use]
    pub const fn new(micro_pix: i64) -> Self {
        Self(micro_pix)
    }

    /// The whole number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Sum; none where it does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference; none where it does not fit.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

/// Tokens of one attempt by kind; `input` does not hold the cached ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Read at the full price.
    pub input: i64,
    /// Read from a cache.
    pub cached_input: i64,
    /// Written to a cache.
    pub cache_write: i64,
    /// Made.
    pub output: i64,
}

/// What a model costs; micro-pix per 1,000,000 tokens, markup in basis points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The row.
    pub id: PriceId,
    /// The model.
    pub model: String,
    /// Per million tokens read.
    pub input: i64,
    /// Per million tokens read from a cache.
    pub cached_input: i64,
    /// Per million tokens written to a cache.
    pub cache_write: i64,
    /// Per million tokens made.
    pub output: i64,
    /// 10,000 = the price itself.
    pub markup_bp: i32,
}

/// Micro-pix per million tokens times basis points: what one micro-pix is of the exact product.
const SCALE: i128 = 10_000_000_000;

/// Why the ledger refuses.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The available balance is too small.
    #[error("the turn needs {} micro-pix, the wallet has {}: top up the wallet", needed.get(), available.get())]
    InsufficientFunds {
        /// What the hold asks for.
        needed: MicroPix,
        /// What there is.
        available: MicroPix,
    },
    /// No candidate has a price.
    #[error("none of the models {models:?} has a price now")]
    Unpriced {
        /// The candidates.
        models: Vec<String>,
    },
    /// The wallet does not exist yet.
    #[error("the wallet of this workspace is being opened; try again soon")]
    WalletNotReady,
    /// The turn has no open hold.
    #[error("the turn has no hold that could be used: it was closed, or never made")]
    HoldNotFound,
    /// A number is outside what a turn can be.
    #[error("{field} does not fit: {why}")]
    OutOfRange {
        /// Field of the request.
        field: &'static str,
        /// The rule.
        why: &'static str,
    },
    /// A charged attempt names a model that the hold knows no price of.
    #[error("model {0} is not among those that the hold was made for")]
    ForeignModel(String),
    /// Storage.
    #[error("ledger storage")]
    Store(#[from] diesel::result::Error),
    /// The mesh.
    #[error("ledger mesh: {0}")]
    Mesh(#[source] Failure),
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        Self::Mesh(failure)
    }
}

impl LedgerError {
    /// As the callers see it.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Mesh(failure) => failure,
            Self::Store(error) => Failure::from(error),
            other => Failure::from(Refused(other)),
        }
    }
}

/// A refusal of the ledger with its reason.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Refused(LedgerError);

impl HasReason for Refused {
    fn reason(&self) -> &'static ReasonInfo {
        match &self.0 {
            LedgerError::InsufficientFunds { .. } => ErrorReason::InsufficientFunds.info(),
            LedgerError::Unpriced { .. } => ErrorReason::Unpriced.info(),
            LedgerError::WalletNotReady => ErrorReason::WalletNotReady.info(),
            LedgerError::HoldNotFound => ErrorReason::HoldNotFound.info(),
            LedgerError::OutOfRange { .. } | LedgerError::ForeignModel(_) => {
                neipix_proto::access::v1::ErrorReason::FieldInvalid.info()
            }
            LedgerError::Store(_) | LedgerError::Mesh(_) => neipix_proto::access::v1::ErrorReason::Internal.info(),
        }
    }

    fn fields(&self) -> Vec<FieldProblem> {
        match &self.0 {
            LedgerError::OutOfRange { field, why } => {
                vec![FieldProblem { field: (*field).to_owned(), message: (*why).to_owned() }]
            }
            // Numbers that the turn's record keeps: how much was missing.
            LedgerError::InsufficientFunds { needed, available } => {
                let number = |field: &str, amount: &MicroPix| FieldProblem {
                    field: field.to_owned(),
                    message: amount.get().to_string(),
                };
                vec![number("needed_micro_pix", needed), number("available_micro_pix", available)]
            }
            LedgerError::ForeignModel(_) => {
                vec![FieldProblem { field: "attempts".to_owned(), message: "must name a model of the hold".to_owned() }]
            }
            _ => vec![],
        }
    }
}

/// The exact product of tokens, price and markup, in parts of a micro-pix, `SCALE` to one.
fn exact(price: &Price, tokens: Tokens) -> Option<i128> {
    [
        (tokens.input, price.input),
        (tokens.cached_input, price.cached_input),
        (tokens.cache_write, price.cache_write),
        (tokens.output, price.output),
    ]
    .into_iter()
    .try_fold(0_i128, |sum, (count, per_million)| {
        i128::from(count).checked_mul(i128::from(per_million)).and_then(|p| sum.checked_add(p))
    })?
    .checked_mul(i128::from(price.markup_bp))
}

/// What a turn costs: Σ of its charged attempts, rounded up once.
///
/// # Errors
/// Where an attempt's model is not priced, or the sum does not fit.
pub fn cost(prices: &[Price], attempts: &[(String, Tokens)]) -> Result<MicroPix, LedgerError> {
    let too_much = LedgerError::OutOfRange { field: "attempts", why: "the sum is too large to be true" };
    let mut sum = 0_i128;
    for (model, tokens) in attempts {
        let price =
            prices.iter().find(|p| p.model == *model).ok_or_else(|| LedgerError::ForeignModel(model.clone()))?;
        let Some(part) = exact(price, *tokens).and_then(|p| sum.checked_add(p)) else { return Err(too_much) };
        sum = part;
    }
    i64::try_from((sum + SCALE - 1).div_euclid(SCALE)).map(MicroPix).map_err(|_| too_much)
}

/// What to reserve: the dearest priced model at the bound. At least one micro-pix, so that each priced turn has a hold.
///
/// # Errors
/// `Unpriced` without a price; a bound that does not fit.
pub fn hold_amount(prices: &[Price], models: &[String], bound: Tokens) -> Result<MicroPix, LedgerError> {
    let mut most: Option<MicroPix> = None;
    for price in prices {
        let amount = cost(std::slice::from_ref(price), &[(price.model.clone(), dearest(price, bound))])?;
        most = most.max(Some(amount));
    }
    most.map(|m| m.max(MicroPix(1))).ok_or_else(|| LedgerError::Unpriced { models: models.to_vec() })
}

/// The bound with each read token at the dearest way to read it: a cache write may cost more than reading.
fn dearest(price: &Price, bound: Tokens) -> Tokens {
    let input = bound.input;
    if price.cache_write > price.input.max(price.cached_input) {
        return Tokens { cache_write: input, output: bound.output, ..Tokens::default() };
    }
    if price.cached_input > price.input {
        return Tokens { cached_input: input, output: bound.output, ..Tokens::default() };
    }
    bound
}

/// What a hold took, bucket by bucket, in the order of spending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Split {
    /// From bonus.
    pub bonus: MicroPix,
    /// From the plan.
    pub plan: MicroPix,
    /// From what was bought.
    pub purchased: MicroPix,
}

impl Split {
    /// Σ.
    #[must_use]
    pub fn total(self) -> MicroPix {
        MicroPix(self.bonus.0 + self.plan.0 + self.purchased.0)
    }
}

/// How a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// What is charged; never above the hold.
    pub charged: MicroPix,
    /// What the turn cost beyond the hold; ours to pay, and worth an alert.
    pub above_hold: MicroPix,
    /// What goes back, bucket by bucket.
    pub back: Split,
}

/// Closes a hold at a cost (zero = release). What was taken first is spent first: the rest goes back to bought pix
/// first, then to the plan, then to bonus.
#[must_use]
pub fn close(taken: Split, cost: MicroPix) -> Closing {
    let charged = MicroPix(cost.0.clamp(0, taken.total().0));
    let mut rest = taken.total().0 - charged.0;
    let mut give = |bucket: MicroPix| {
        let back = bucket.0.min(rest);
        rest -= back;
        MicroPix(back)
    };
    let (purchased, plan) = (give(taken.purchased), give(taken.plan));
    let back = Split { purchased, plan, bonus: give(taken.bonus) };
    Closing { charged, above_hold: MicroPix((cost.0 - taken.total().0).max(0)), back }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use proptest::prelude::*;

    use super::*;

    fn price(model: &str, input: i64, output: i64, markup_bp: i32) -> Price {
        Price {
            id: PriceId::new(Utc::now()),
            model: model.into(),
            input,
            cached_input: input / 10,
            cache_write: input,
            output,
            markup_bp,
        }
    }

    #[test]
    fn a_cost_is_rounded_up_once_per_turn() {
        // Two attempts of a third of a micro-pix each: one micro-pix, not two.
        let prices = [price("m", 333_333, 0, 10_000)];
        let third = ("m".to_owned(), Tokens { input: 1, ..Tokens::default() });
        assert_eq!(cost(&prices, &[third.clone(), third]).unwrap(), MicroPix::new(1));
        assert_eq!(cost(&prices, &[]).unwrap(), MicroPix::ZERO);
    }

    #[test]
    fn the_markup_is_in_basis_points() {
        let prices = [price("m", 1_000_000, 2_000_000, 15_000)];
        let used = Tokens { input: 100, output: 50, ..Tokens::default() };
        assert_eq!(cost(&prices, &[("m".into(), used)]).unwrap(), MicroPix::new(300));
    }

    #[test]
    fn a_model_without_a_price_never_runs() {
        let error = hold_amount(&[], &["m".into()], Tokens::default()).unwrap_err();
        assert!(matches!(error, LedgerError::Unpriced { .. }));
    }

    #[test]
    fn numbers_that_cannot_be_true_are_refused_and_do_not_wrap() {
        let prices = [price("m", 1_000_000_000_000_000, 0, 1_000_000)];
        let used = Tokens { input: i64::MAX, ..Tokens::default() };
        assert!(matches!(cost(&prices, &[("m".into(), used)]), Err(LedgerError::OutOfRange { .. })));
    }

    proptest! {
        #[test]
        fn closing_gives_back_what_was_taken_and_charges_at_most_that(
            bonus in 0_i64..1_000_000, plan in 0_i64..1_000_000, purchased in 0_i64..1_000_000, cost in 0_i64..4_000_000,
        ) {
            let taken = Split { bonus: MicroPix(bonus), plan: MicroPix(plan), purchased: MicroPix(purchased) };
            let closing = close(taken, MicroPix(cost));
            prop_assert_eq!(closing.charged.get() + closing.back.total().get(), taken.total().get());
            prop_assert_eq!(closing.charged.get() + closing.above_hold.get(), cost);
            prop_assert!(closing.back.bonus <= taken.bonus && closing.back.plan <= taken.plan);
            prop_assert!(closing.back.purchased <= taken.purchased);
            // Bonus is spent before anything that was bought.
            prop_assert!(closing.back.bonus == MicroPix::ZERO || closing.back.purchased == taken.purchased);
        }

        #[test]
        fn a_hold_covers_every_way_to_read_its_bound(
            input in 0_i64..1_000_000, output in 0_i64..100_000, cached in 0_i64..1_000_000, written in 0_i64..1_000_000,
            markup in 1_i32..50_000,
        ) {
            let prices = [Price { cached_input: cached, cache_write: written, ..price("m", input, 3_000_000, markup) }];
            let bound = Tokens { input: 1_000, output, ..Tokens::default() };
            let held = hold_amount(&prices, &["m".into()], bound).unwrap();
            for used in [
                Tokens { input: 1_000, output, ..Tokens::default() },
                Tokens { cached_input: 1_000, output, ..Tokens::default() },
                Tokens { cache_write: 400, input: 600, output, ..Tokens::default() },
            ] {
                prop_assert!(cost(&prices, &[("m".into(), used)]).unwrap() <= held);
            }
        }
    }
}
