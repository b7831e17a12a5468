//! The public keys, and how they are fetched.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use jsonwebtoken::DecodingKey;
use neipix_proto::auth::v1::{GetJwksRequest, Jwk, auth_service_client::AuthServiceClient};

use crate::{client::Mesh, failure::Failure, shutdown::Shutdown};

/// An unknown kid makes the keys be fetched at most this often.
pub const RELOAD_EVERY: Duration = Duration::from_secs(60);
/// The keys are fetched this often without a reason, so that a withdrawn key is forgotten.
pub const REFRESH_EVERY: Duration = Duration::from_secs(300);
/// While no keys are known at all, at most this often.
const FIRST_EVERY: Duration = Duration::from_millis(500);

/// A public Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id.
    pub kid: String,
    /// The 32 bytes.
    pub key: Vec<u8>,
}

impl PublicKey {
    /// As svc-auth publishes it (RFC 8037).
    #[must_use]
    pub fn to_jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(&self.key),
            kid: self.kid.clone(),
            r#use: "sig".to_owned(),
            alg: "EdDSA".to_owned(),
        }
    }

    /// Reads a published key; none for keys of another kind.
    #[must_use]
    pub fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let key = URL_SAFE_NO_PAD.decode(&jwk.x).ok().filter(|key| key.len() == 32)?;
        (jwk.kty == "OKP" && jwk.crv == "Ed25519").then(|| Self { kid: jwk.kid.clone(), key })
    }
}

/// Where public keys come from.
pub trait KeySource: Send + Sync {
    /// All keys that are good now.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, Failure>>;
}

/// Keys that never change.
#[derive(Debug, Clone)]
pub struct StaticKeys(pub Vec<PublicKey>);

impl KeySource for StaticKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, Failure>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// The keys of svc-auth, by `GetJwks`.
#[derive(Clone)]
pub struct RemoteKeys(pub Mesh);

impl KeySource for RemoteKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, Failure>> {
        Box::pin(async {
            let mut client = AuthServiceClient::new(self.0.background("svc-auth"));
            let answer = client.get_jwks(GetJwksRequest {}).await.map_err(keys_unavailable)?;
            Ok(answer.into_inner().keys.iter().filter_map(PublicKey::from_jwk).collect())
        })
    }
}

fn keys_unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::unavailable("log-ins cannot be checked now; try again").with_source(source)
}

/// The keys known now. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<KeysInner>,
}

struct KeysInner {
    source: Box<dyn KeySource>,
    known: RwLock<HashMap<String, Arc<DecodingKey>>>,
    version: AtomicU64,
    /// When they were last asked for; held while somebody asks, so that one asks for all.
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl Keys {
    /// None known yet; the first token makes them be fetched.
    pub fn new(source: impl KeySource + 'static) -> Self {
        let inner = KeysInner {
            source: Box::new(source),
            known: RwLock::default(),
            version: AtomicU64::new(0),
            asked: tokio::sync::Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Changes when the keys do.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.version.load(Ordering::Acquire)
    }

    /// The key of that id.
    ///
    /// # Errors
    /// `UNAVAILABLE` while no key at all is known and none can be fetched.
    pub async fn find(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, Failure> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let mut asked = self.inner.asked.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let none = self.is_empty();
        let pause = if none { FIRST_EVERY } else { RELOAD_EVERY };
        if asked.is_some_and(|at| at.elapsed() < pause) {
            return if none { Err(keys_unavailable("the keys were just asked for")) } else { Ok(None) };
        }
        *asked = Some(Instant::now());
        match self.load().await {
            Ok(()) => Ok(self.known(kid)),
            Err(failure) if none => Err(failure),
            Err(failure) => {
                tracing::warn!(error = &failure as &dyn std::error::Error, "the token keys cannot be fetched");
                Ok(None)
            }
        }
    }

    /// Fetches the keys now and then until shutdown.
    pub async fn refresh(&self, shutdown: Shutdown) {
        loop {
            let mut asked = self.inner.asked.lock().await;
            *asked = Some(Instant::now());
            let result = self.load().await;
            drop(asked);
            if let Err(failure) = &result {
                tracing::debug!(error = failure as &dyn std::error::Error, "the token keys cannot be fetched");
            }
            let pause = if self.is_empty() { FIRST_EVERY } else { REFRESH_EVERY };
            if !shutdown.sleep(pause).await {
                return;
            }
        }
    }

    fn known(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.inner.known.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned()
    }

    fn is_empty(&self) -> bool {
        self.inner.known.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    async fn load(&self) -> Result<(), Failure> {
        let fetched = self.inner.source.fetch().await?;
        // An empty answer is a fault of the source: forgetting all keys would end everybody's log-in.
        if fetched.is_empty() {
            return Err(keys_unavailable("svc-auth publishes no keys"));
        }
        let new = |k: &PublicKey| (k.kid.clone(), Arc::new(DecodingKey::from_ed_der(&k.key)));
        let new: HashMap<_, _> = fetched.iter().map(new).collect();
        let mut known = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
        let bytes = |key: &DecodingKey| key.try_get_as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
        let same = known.len() == new.len()
            && new.iter().all(|(kid, key)| known.get(kid).is_some_and(|old| bytes(old) == bytes(key)));
        if !same {
            *known = new;
            self.inner.version.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }
}
