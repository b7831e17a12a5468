//! What models cost, from one instant to another. A price is never changed, only ended; a turn keeps the ids it used.

pub mod rpc;
pub mod store;

use std::{collections::HashMap, sync::Mutex};

use neipix_mesh::{Failure, HasReason, db::Tx};
use neipix_proto::{Reason as _, ReasonInfo, billing::v1::ErrorReason};
use uuid::Uuid;

use crate::ledger::Price;

/// Prices by id, remembered for ever: what an id costs never changes.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<Uuid, Price>>);

/// Prices remembered at once; beyond, all are read again.
const MOST: usize = 10_000;

impl Known {
    /// The prices of a hold; read where they are not known yet.
    ///
    /// # Errors
    /// Storage.
    pub async fn by_ids(&self, tx: &mut Tx, ids: &[Uuid]) -> diesel::QueryResult<Vec<Price>> {
        if let Some(all) = self.all(ids) {
            return Ok(all);
        }
        let found = store::by_ids(tx, ids).await?;
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() > MOST {
            known.clear();
        }
        known.extend(found.iter().map(|p| (p.id.0, p.clone())));
        Ok(found)
    }

    fn all(&self, ids: &[Uuid]) -> Option<Vec<Price>> {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ids.iter().map(|id| known.get(id).cloned()).collect()
    }
}

/// Why a price is refused.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// Another price of the model holds at a time of this one.
    #[error("another price of {model} holds at a time of this one: end it first")]
    Overlap {
        /// The model.
        model: String,
    },
    /// It has ended.
    #[error("the price ended before: what was charged with it stands")]
    Ended,
    /// Its end lies before its beginning, or before now.
    #[error("valid_to must lie after valid_from and not in the past")]
    BadEnd,
    /// Storage.
    #[error("price storage")]
    Store(#[from] diesel::result::Error),
    /// The mesh.
    #[error("price mesh: {0}")]
    Mesh(#[source] Failure),
}

impl From<Failure> for PriceError {
    fn from(failure: Failure) -> Self {
        Self::Mesh(failure)
    }
}

impl PriceError {
    /// As the callers see it.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Mesh(failure) => failure,
            Self::Store(error) => Failure::from(error),
            Self::BadEnd => Failure::invalid("valid_to", "must lie after valid_from and not in the past"),
            other => Failure::from(Refused(other)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Refused(PriceError);

impl HasReason for Refused {
    fn reason(&self) -> &'static ReasonInfo {
        match &self.0 {
            PriceError::Overlap { .. } => ErrorReason::PriceOverlap.info(),
            PriceError::Ended => ErrorReason::PriceEnded.info(),
            PriceError::BadEnd | PriceError::Store(_) | PriceError::Mesh(_) => {
                neipix_proto::access::v1::ErrorReason::Internal.info()
            }
        }
    }
}
