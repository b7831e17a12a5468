//! Password hashes: argon2id, off the async threads, few at once.

use std::{sync::Arc, thread::available_parallelism};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use neipix_mesh::{Failure, config::Argon2Cost};
use neipix_proto::access::v1::ErrorReason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Callers that hash or wait for a place; more are refused, so that other work keeps its share.
const CALLERS_MOST: usize = 64;

/// Hashes at once: each takes a core and 19 MiB for tens of milliseconds, and half of the cores stay free for other calls.
fn at_once() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// A place among those who hash or wait for it.
#[derive(Debug)]
pub struct Place {
    _held: OwnedSemaphorePermit,
}

/// Makes and checks hashes. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    hasher: Argon2<'static>,
    places: Arc<Semaphore>,
    callers: Arc<Semaphore>,
    /// Compared with where the account does not exist, so that both take the same time.
    nobody: Arc<str>,
}

impl Passwords {
    /// With the configured cost.
    ///
    /// # Errors
    /// A cost that argon2 refuses.
    pub fn new(cost: Argon2Cost) -> Result<Self, Failure> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|e| Failure::internal(e.to_string()))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hasher.hash_password(b"nobody has this").map_err(|e| Failure::internal(e.to_string()))?;
        Ok(Self {
            nobody: Arc::from(nobody.to_string()),
            hasher,
            places: Arc::new(Semaphore::new(at_once())),
            callers: Arc::new(Semaphore::new(CALLERS_MOST)),
        })
    }

    /// A place for one password. Taken before anything else is done for it: a flood of log-ins must not reach the database
    /// either.
    ///
    /// # Errors
    /// RATE_LIMITED where too many wait already.
    pub fn enter(&self) -> Result<Place, Failure> {
        let held = self.callers.clone().try_acquire_owned();
        held.map(|held| Place { _held: held }).map_err(|_| {
            Failure::new(ErrorReason::RateLimited, "too many log-ins at once; wait and try again")
                .with_retry_after(std::time::Duration::from_secs(1))
        })
    }

    /// The hash of a password.
    ///
    /// # Errors
    /// INTERNAL where argon2 refuses.
    pub async fn hash(&self, place: Place, password: String) -> Result<String, Failure> {
        self.off_thread(place, move |hasher| {
            hasher
                .hash_password(password.as_bytes())
                .map(|h| h.to_string())
                .map_err(|e| Failure::internal(e.to_string()))
        })
        .await?
    }

    /// Whether the password is right; without a stored hash it works as long and says no.
    ///
    /// # Errors
    /// INTERNAL where the work ends without a word.
    pub async fn verify(&self, place: Place, password: String, stored: Option<String>) -> Result<bool, Failure> {
        let nobody = self.nobody.clone();
        self.off_thread(place, move |hasher| {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| nobody.to_string());
            let parsed = PasswordHash::new(&stored);
            known & parsed.is_ok_and(|hash| hasher.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let core = self.places.clone().acquire_owned().await.map_err(Failure::internal)?;
        let hasher = self.hasher.clone();
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the call: a caller that goes away does not make room while its hash still runs.
            let _held = (place, core);
            work(&hasher)
        })
        .await
        .map_err(Failure::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_an_account_is_right() {
        let passwords = Passwords::new(Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }).unwrap();
        let place = || passwords.enter().unwrap();
        let hash = passwords.hash(place(), "correct horse".into()).await.unwrap();
        assert!(passwords.verify(place(), "correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(place(), "wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify(place(), "nobody has this".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_15_surplus_callers_are_refused_before_they_hash() {
        // trust: A-15
        let passwords = Passwords::new(Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }).unwrap();
        let taken: Vec<_> = (0..CALLERS_MOST).map(|_| passwords.enter().unwrap()).collect();
        let refused = passwords.enter().unwrap_err();
        assert!(refused.is(ErrorReason::RateLimited) && refused.retry_after().is_some());
        drop(taken);
        assert!(passwords.hash(passwords.enter().unwrap(), "correct horse".into()).await.is_ok());
    }
}
