//! The caller's credential: a bearer token as it came, or the token that an API key is exchanged for.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, header};
use neipix_mesh::{Failure, client::Mesh, failure::read_status};
use neipix_proto::{
    access::v1::ErrorReason,
    auth::v1::{ErrorReason as AuthReason, ExchangeApiKeyRequest, auth_service_client::AuthServiceClient},
};
use sha2::{Digest as _, Sha256};

/// Keys remembered at once; beyond, all are asked for again.
const MOST: usize = 50_000;
/// How long an unknown key stays unknown, so that guessing does not reach svc-auth.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

type KeyHash = [u8; 32];

/// Exchanged keys, by hash, until their tokens end.
#[derive(Default)]
pub struct Keys(Mutex<HashMap<KeyHash, (Instant, Option<HeaderValue>)>>);

/// The bearer token of a request; API keys come back as they are.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}

impl Keys {
    /// The header that goes on to the services: the JWT of the request, or of its API key. None = nobody signed in.
    ///
    /// # Errors
    /// TOKEN_INVALID for a key that is unknown, expired or revoked; UNAVAILABLE where svc-auth does not answer.
    pub async fn authorization(&self, headers: &HeaderMap, mesh: &Mesh) -> Result<Option<HeaderValue>, Failure> {
        let Some(token) = bearer(headers) else {
            return if headers.contains_key(header::AUTHORIZATION) { Err(invalid()) } else { Ok(None) };
        };
        if !token.starts_with("npk_") {
            return HeaderValue::from_str(&format!("Bearer {token}")).map(Some).map_err(|_| invalid());
        }
        let hash: KeyHash = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.remembered(&hash) {
            return known.map(Some).ok_or_else(invalid);
        }
        self.exchange(hash, token, mesh).await.map(Some)
    }

    fn remembered(&self, hash: &KeyHash) -> Option<Option<HeaderValue>> {
        let keys = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.get(hash).filter(|(until, _)| *until > Instant::now()).map(|(_, token)| token.clone())
    }

    fn remember(&self, hash: KeyHash, until: Instant, token: Option<HeaderValue>) {
        let mut keys = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if keys.len() >= MOST {
            keys.clear();
        }
        keys.insert(hash, (until, token));
    }

    async fn exchange(&self, hash: KeyHash, key: &str, mesh: &Mesh) -> Result<HeaderValue, Failure> {
        let mut auth = AuthServiceClient::new(mesh.background("svc-auth"));
        let request = ExchangeApiKeyRequest { workspace_id: String::new(), api_key: key.to_owned() };
        match auth.exchange_api_key(request).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                let header = HeaderValue::from_str(&format!("Bearer {}", answer.access_token));
                let header = header.map_err(Failure::internal)?;
                // A token is renewed a little before it ends, so that none expires on its way.
                let life = u64::try_from(answer.expires_in_seconds).unwrap_or(0).saturating_sub(10);
                self.remember(hash, Instant::now() + Duration::from_secs(life), Some(header.clone()));
                Ok(header)
            }
            Err(status) if read_status(&status).is(AuthReason::ApiKeyInvalid) => {
                self.remember(hash, Instant::now() + UNKNOWN_FOR, None);
                Err(invalid())
            }
            Err(status) => Err(status.into()),
        }
    }

    /// Forgets a key whose token was refused: it may have been revoked meanwhile.
    pub fn forget(&self, headers: &HeaderMap) {
        if let Some(token) = bearer(headers) {
            let hash: KeyHash = Sha256::digest(token.as_bytes()).into();
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&hash);
        }
    }
}

fn invalid() -> Failure {
    Failure::new(ErrorReason::TokenInvalid, "send a valid access token or API key as `Authorization: Bearer …`")
}
