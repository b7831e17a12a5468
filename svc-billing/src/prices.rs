//! What models cost, from one instant to another. A price is never changed, only ended; a turn keeps the ids it used.

pub mod rpc;
pub mod store;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use neipix_mesh::{Failure, HasReason, db::Tx};
use neipix_proto::{Reason as _, ReasonInfo, billing::v1::ErrorReason};
use uuid::Uuid;

use crate::ledger::Price;

/// Prices by id, remembered for ever, since what an id costs never changes; and which of them held a moment ago.
#[derive(Debug, Default)]
pub struct Known {
    by_id: Mutex<HashMap<Uuid, Price>>,
    current: Mutex<HashMap<Vec<String>, Read>>,
}

/// Prices, and when they were read.
type Read = (Instant, Vec<Price>);

/// Entries remembered at once; beyond, all are read again.
const MOST: usize = 10_000;
/// How long current prices are believed to be all of them; that they still hold is seen when they are used.
const GOOD_FOR: Duration = Duration::from_secs(5);

impl Known {
    /// The prices of a hold; read where they are not known yet.
    ///
    /// # Errors
    /// Storage.
    pub async fn by_ids(&self, tx: &mut Tx, ids: &[Uuid]) -> diesel::QueryResult<Vec<Price>> {
        if let Some(all) = self.of_ids(ids) {
            return Ok(all);
        }
        let found = store::by_ids(tx, ids).await?;
        self.remember(&found);
        Ok(found)
    }

    /// The prices of a hold; none where one of them is not known yet.
    #[must_use]
    pub fn of_ids(&self, ids: &[Uuid]) -> Option<Vec<Price>> {
        let by_id = lock(&self.by_id);
        ids.iter().map(|id| by_id.get(id).cloned()).collect()
    }

    fn remember(&self, prices: &[Price]) {
        let mut by_id = lock(&self.by_id);
        if by_id.len() > MOST {
            by_id.clear();
        }
        by_id.extend(prices.iter().map(|p| (p.id.0, p.clone())));
    }

    /// Prices of these models that held a moment ago; none where they must be read. Whoever uses them looks whether they
    /// still hold.
    #[must_use]
    pub fn recent(&self, models: &[String]) -> Option<Vec<Price>> {
        let current = lock(&self.current);
        current.get(models).filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, prices)| prices.clone())
    }

    /// Reads the prices of these models that hold now. Remembered where each of them has one: a price that comes is seen
    /// at once.
    ///
    /// # Errors
    /// Storage.
    pub async fn read(&self, tx: &mut Tx, models: &[String]) -> diesel::QueryResult<Vec<Price>> {
        let found = store::current(tx, models).await?;
        if !models.is_empty() && models.iter().all(|model| found.iter().any(|p| p.model == *model)) {
            self.remember(&found);
            let mut current = lock(&self.current);
            if current.len() > MOST {
                current.clear();
            }
            current.insert(models.to_vec(), (Instant::now(), found.clone()));
        }
        Ok(found)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
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
