//! Keys that sign access tokens: Ed25519, sealed, rotated on a schedule.
//!
//! A new key is published before it signs, and stays published after it stopped, so that no verifier meets an unknown key.

pub mod store;

use std::sync::{Arc, RwLock};

use chrono::{DateTime, Duration, Utc};
use neipix_mesh::{
    Failure,
    access::token::{Claims, Signer},
    db::Db,
    seal::Sealer,
};

/// How long a key signs.
pub const SIGNS_FOR: Duration = Duration::days(30);
/// How long a key is published before it signs: longer than verifiers keep a key set.
pub const PUBLISHED_BEFORE: Duration = Duration::minutes(10);
/// How long a key stays published after it stopped: twice a token's life.
pub const PUBLISHED_AFTER: Duration = Duration::minutes(20);

/// A key as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// Its id.
    pub kid: String,
    /// When it begins to sign.
    pub signs_from: DateTime<Utc>,
}

/// What a look at the keys asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A first key that signs at once.
    First,
    /// A next key that signs from that instant.
    Next(DateTime<Utc>),
}

/// Decides what to make. `keys` are those not retired, in any order.
#[must_use]
pub fn need(keys: &[KeyState], now: DateTime<Utc>) -> Need {
    let Some(newest) = keys.iter().map(|k| k.signs_from).max() else { return Need::First };
    let next = newest + SIGNS_FOR;
    if now >= next - PUBLISHED_BEFORE { Need::Next(next.max(now + PUBLISHED_BEFORE)) } else { Need::Nothing }
}

/// The key that signs now: the newest that has begun. Where a clock is behind the one that made the keys, the oldest.
#[must_use]
pub fn signing(keys: &[KeyState], now: DateTime<Utc>) -> Option<&KeyState> {
    let begun = keys.iter().filter(|k| k.signs_from <= now).max_by_key(|k| k.signs_from);
    begun.or_else(|| keys.iter().min_by_key(|k| k.signs_from))
}

/// The signer of this process, renewed from the table.
#[derive(Clone)]
pub struct Signing {
    db: Db,
    sealer: Sealer,
    current: Arc<RwLock<Option<Arc<Signer>>>>,
}

impl Signing {
    /// Not loaded yet.
    #[must_use]
    pub fn new(db: Db, sealer: Sealer) -> Self {
        Self { db, sealer, current: Arc::default() }
    }

    /// Makes what is needed, and takes over the key that signs now.
    ///
    /// # Errors
    /// Storage; a key that was sealed with a lost master key.
    pub async fn refresh(&self) -> Result<(), Failure> {
        store::keep(&self.db, &self.sealer).await?;
        let keys = store::all(&self.db).await?;
        let states: Vec<KeyState> = keys.iter().map(|k| k.state.clone()).collect();
        let Some(now) = signing(&states, Utc::now()) else { return Ok(()) };
        let Some(key) = keys.iter().find(|k| k.state.kid == now.kid) else { return Ok(()) };
        let plain = self.sealer.open(&store::seal_context(&key.state.kid), &key.sealed).map_err(Failure::internal)?;
        let signer = Signer::new(&key.state.kid, plain.expose())?;
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(signer));
        Ok(())
    }

    /// Signs claims.
    ///
    /// # Errors
    /// UNAVAILABLE before the first key was loaded.
    pub async fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        let current = || self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        if current().is_none() {
            self.refresh().await?;
        }
        current().ok_or_else(|| Failure::unavailable("no signing key yet; try again"))?.sign(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_key_is_published_before_the_old_one_stops() {
        let now = Utc::now();
        assert_eq!(need(&[], now), Need::First);
        let key = |age: Duration| KeyState { kid: "k".into(), signs_from: now - age };
        assert_eq!(need(&[key(Duration::days(1))], now), Need::Nothing);
        let Need::Next(from) = need(&[key(SIGNS_FOR - Duration::minutes(5))], now) else { panic!("no next key") };
        assert!(from - now >= PUBLISHED_BEFORE);
        let waiting = KeyState { kid: "next".into(), signs_from: from };
        assert_eq!(need(&[key(SIGNS_FOR), waiting.clone()], now), Need::Nothing);
        assert_eq!(signing(&[key(SIGNS_FOR), waiting.clone()], now).unwrap().kid, "k");
        assert_eq!(signing(&[waiting], now).unwrap().kid, "next");
    }
}
