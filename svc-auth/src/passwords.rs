//! Password hashes: argon2id, off the async threads, few at once.

use std::sync::{Arc, LazyLock};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use neipix_mesh::{Failure, config::Argon2Cost};
use neipix_proto::access::v1::ErrorReason;
use tokio::sync::Semaphore;

/// Hashes at once; a hash takes a core and 19 MiB for tens of milliseconds.
const AT_ONCE: usize = 4;
/// Callers that may wait for a place; more are refused, so that other work keeps its share.
const WAITING_MOST: usize = 64;

/// Makes and checks hashes. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    hasher: Argon2<'static>,
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// Compared with where the account does not exist, so that both take the same time.
static NOBODY: LazyLock<std::sync::Mutex<Option<String>>> = LazyLock::new(Default::default);

impl Passwords {
    /// With the configured cost.
    ///
    /// # Errors
    /// A cost that argon2 refuses.
    pub fn new(cost: Argon2Cost) -> Result<Self, Failure> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|e| Failure::internal(e.to_string()))?;
        Ok(Self {
            hasher: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING_MOST)),
        })
    }

    /// The hash of a password.
    ///
    /// # Errors
    /// RATE_LIMITED where too many wait already.
    pub async fn hash(&self, password: String) -> Result<String, Failure> {
        self.off_thread(move |hasher| {
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
    /// RATE_LIMITED where too many wait already.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Failure> {
        self.off_thread(move |hasher| {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| nobody(hasher));
            let parsed = PasswordHash::new(&stored);
            known & parsed.is_ok_and(|hash| hasher.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let Ok(_waits) = self.waiting.clone().try_acquire_owned() else {
            return Err(Failure::new(ErrorReason::RateLimited, "too many log-ins at once; wait and try again")
                .with_retry_after(std::time::Duration::from_secs(1)));
        };
        let place = self.places.clone().acquire_owned().await.map_err(Failure::internal)?;
        let hasher = self.hasher.clone();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&hasher)
        })
        .await
        .map_err(Failure::internal)
    }
}

fn nobody(hasher: &Argon2<'_>) -> String {
    let mut hash = NOBODY.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    hash.get_or_insert_with(|| hasher.hash_password(b"nobody has this").map(|h| h.to_string()).unwrap_or_default())
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_an_account_is_right() {
        let passwords = Passwords::new(Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }).unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody has this".into(), None).await.unwrap());
    }
}
