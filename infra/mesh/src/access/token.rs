//! Access tokens (contract §A): EdDSA JWTs, verified with the keys that svc-auth publishes.

mod keys;
mod sign;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use neipix_proto::access::v1::{ErrorReason, Surface};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::failure::Failure;

pub use keys::{KeySource, Keys, PublicKey, RemoteKeys, StaticKeys};
pub use sign::{Signer, TYPE};

/// Clocks of two hosts may differ by so many seconds.
pub const LEEWAY_SECONDS: i64 = 5;
/// Verified tokens that are remembered; a token is about a kilobyte.
const CACHE_SIZE: usize = 10_000;
/// Nothing of ours is longer; a longer one is not even looked at.
const MAX_TOKEN: usize = 8 * 1024;

/// What an access token says. Exact types: an `exp` that is text or a fraction is no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it (`AUTH_ISSUER`).
    pub iss: String,
    /// Where it is good: `app`, `admin`, `api` or `widget`.
    pub aud: String,
    /// `user:<id>`, `key:<id>` or `visitor:<id>`.
    pub sub: String,
    /// The session, or the key.
    pub sid: String,
    /// The current workspace; absent for `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ws: Option<Uuid>,
    /// Role in the workspace; of a key: its maker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Role on the platform; only `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prole: Option<String>,
    /// Version of the membership that `role` is from.
    #[serde(default)]
    pub mv: i64,
    /// Permissions of keys and visitors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scp: Vec<String>,
    /// The only assistant of keys and visitors that are bound to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ast: Option<Uuid>,
    /// Who acts in the person's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// The key's maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mkr: Option<Uuid>,
    /// Issued, Unix seconds.
    pub iat: i64,
    /// Expires, Unix seconds.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
}

/// Somebody of the staff who acts as a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `user:<id>` of the one who acts.
    pub sub: String,
    /// Why.
    pub reason: String,
}

/// Who a token is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A person.
    User(Uuid),
    /// An API key.
    Key(Uuid),
    /// A visitor of the web widget.
    Visitor(Uuid),
}

impl Claims {
    /// The surface that `aud` names.
    #[must_use]
    pub fn surface(&self) -> Option<Surface> {
        match self.aud.as_str() {
            "app" => Some(Surface::App),
            "admin" => Some(Surface::Admin),
            "api" => Some(Surface::Api),
            "widget" => Some(Surface::Widget),
            _ => None,
        }
    }

    /// Who it is of; none where `sub` has another form.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        let (kind, id) = self.sub.split_once(':')?;
        let id = Uuid::parse_str(id).ok()?;
        match kind {
            "user" => Some(Subject::User(id)),
            "key" => Some(Subject::Key(id)),
            "visitor" => Some(Subject::Visitor(id)),
            _ => None,
        }
    }

    /// The member whose role counts: the person, or the key's maker.
    #[must_use]
    pub fn member(&self) -> Option<Uuid> {
        match self.subject()? {
            Subject::User(id) => Some(id),
            Subject::Key(_) => self.mkr,
            Subject::Visitor(_) => None,
        }
    }

    /// Whether kind of caller, audience and workspace fit together.
    fn fits(&self) -> bool {
        let (Some(surface), Some(subject)) = (self.surface(), self.subject()) else { return false };
        let place = match subject {
            Subject::User(_) => surface != Surface::Widget,
            Subject::Key(_) => surface == Surface::Api && self.mkr.is_some() && self.ws.is_some(),
            Subject::Visitor(_) => surface == Surface::Widget && self.ws.is_some(),
        };
        place && (surface != Surface::Admin || self.ws.is_none()) && self.ws != Some(Uuid::nil())
    }
}

/// Verifies access tokens. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

type Verified = (u64, Arc<Claims>);

struct Inner {
    issuer: String,
    keys: Keys,
    validation: Validation,
    /// By the token's hash, with the keys' version.
    verified: Mutex<HashMap<[u8; 32], Verified>>,
}

impl Verifier {
    /// `issuer` is `AUTH_ISSUER`.
    #[must_use]
    pub fn new(issuer: &str, keys: Keys) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // The claims are checked below, on the exact types; the library's own checks take fractions as times.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let inner = Inner { issuer: issuer.to_owned(), keys, validation, verified: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The keys, to refresh them in the background.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Verifies signature, type, issuer and times.
    ///
    /// # Errors
    /// `TOKEN_INVALID`; `TOKEN_EXPIRED` for a token that was good; `UNAVAILABLE` while no keys are known.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, Failure> {
        self.verify_at(token, chrono::Utc::now().timestamp()).await
    }

    /// The same with the time as a parameter, Unix seconds.
    ///
    /// # Errors
    /// As `verify`.
    pub async fn verify_at(&self, token: &str, now: i64) -> Result<Arc<Claims>, Failure> {
        if token.len() > MAX_TOKEN {
            return Err(invalid("the access token is too long to be ours"));
        }
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let version = self.inner.keys.version();
        let claims = match self.remembered(&hash, version) {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.verify_anew(token, now).await?);
                self.remember(hash, &claims, now);
                claims
            }
        };
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(Failure::new(ErrorReason::TokenExpired, "the access token has expired; refresh it"));
        }
        Ok(claims)
    }

    fn remembered(&self, hash: &[u8; 32], version: u64) -> Option<Arc<Claims>> {
        let verified = self.inner.verified.lock().unwrap_or_else(PoisonError::into_inner);
        // Other keys since then: the one that signed it may be gone.
        verified.get(hash).filter(|(then, _)| *then == version).map(|(_, claims)| claims.clone())
    }

    fn remember(&self, hash: [u8; 32], claims: &Arc<Claims>, now: i64) {
        let version = self.inner.keys.version();
        let mut verified = self.inner.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= CACHE_SIZE {
            verified.retain(|_, (then, claims)| *then == version && claims.exp > now);
            if verified.len() >= CACHE_SIZE {
                verified.clear();
            }
        }
        verified.insert(hash, (version, claims.clone()));
    }

    async fn verify_anew(&self, token: &str, now: i64) -> Result<Claims, Failure> {
        let header = decode_header(token).map_err(|e| invalid("the access token is not one of ours").with_source(e))?;
        // `jku`, `jwk` and `x5u` are never followed: keys come from svc-auth alone.
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return Err(invalid("the access token is not one of ours"));
        }
        let kid = header.kid.as_deref().filter(|kid| is_kid(kid)).ok_or_else(unknown_key)?;
        let key = self.inner.keys.find(kid).await?.ok_or_else(unknown_key)?;
        let claims = decode::<Claims>(token, &key, &self.inner.validation)
            .map_err(|e| invalid("the access token is not signed by us or lacks a claim").with_source(e))?
            .claims;
        if claims.iss != self.inner.issuer {
            return Err(invalid("the access token has another issuer"));
        }
        if !claims.fits() {
            return Err(invalid("the access token's audience and subject do not fit"));
        }
        if claims.iat > now.saturating_add(LEEWAY_SECONDS) || claims.exp <= claims.iat {
            return Err(invalid("the access token's times make no sense"));
        }
        Ok(claims)
    }
}

fn invalid(detail: &str) -> Failure {
    Failure::new(ErrorReason::TokenInvalid, detail)
}

fn unknown_key() -> Failure {
    invalid("the access token is signed by a key that is not known")
}

/// A kid that could be ours; others do not make anybody look for keys.
fn is_kid(kid: &str) -> bool {
    (1..=64).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
