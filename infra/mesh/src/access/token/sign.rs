//! Signing; svc-auth alone does it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::{Claims, PublicKey};
use crate::failure::Failure;

/// The header's `typ` of an access token (RFC 9068): no other token of ours can be taken for one.
pub const TYPE: &str = "at+jwt";

/// A private key that signs access tokens.
#[derive(Clone)]
pub struct Signer {
    kid: String,
    key: EncodingKey,
    public: Vec<u8>,
}

impl Signer {
    /// `pkcs8` is an Ed25519 private key, PKCS#8 DER.
    ///
    /// # Errors
    /// INTERNAL where the bytes are no such key.
    pub fn new(kid: &str, pkcs8: &[u8]) -> Result<Self, Failure> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|e| Failure::internal(e.to_string()))?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self { kid: kid.to_owned(), key: EncodingKey::from_ed_der(pkcs8), public })
    }

    /// A fresh private key, PKCS#8 DER.
    ///
    /// # Errors
    /// INTERNAL where the system gives no randomness.
    pub fn generate() -> Result<Vec<u8>, Failure> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(|e| Failure::internal(e.to_string()))?;
        Ok(document.as_ref().to_vec())
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What is published of it.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { kid: self.kid.clone(), key: self.public.clone() }
    }

    /// The access token of these claims.
    ///
    /// # Errors
    /// INTERNAL where the key does not sign.
    pub fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.key).map_err(Failure::internal)
    }
}
