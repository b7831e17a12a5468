//! Attacks on tokens (trust.md A-1 to A-3), and a maker of tokens for other tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use futures::future::BoxFuture;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://auth.neipix.test";

/// Signs tokens with a key of its own.
pub(crate) struct Maker {
    signer: Signer,
    pkcs8: Vec<u8>,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let pkcs8 = Signer::generate().unwrap();
        Self { signer: Signer::new("k1", &pkcs8).unwrap(), pkcs8 }
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(ISSUER, Keys::new(StaticKeys(vec![self.signer.public()])))
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        self.signer.sign(claims).unwrap()
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        (header.typ, header.kid) = (Some(TYPE.to_owned()), Some("k1".to_owned()));
        header
    }

    fn sign_any(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }

    /// Any header and any body text, rightly signed.
    fn sign_raw(&self, header: &str, body: &str) -> String {
        let signed = format!("{}.{}", B64.encode(header), B64.encode(body));
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap();
        format!("{signed}.{}", B64.encode(pair.sign(signed.as_bytes())))
    }
}

pub(crate) fn member_claims() -> Claims {
    let now = chrono::Utc::now().timestamp();
    Claims {
        iss: ISSUER.to_owned(),
        aud: "app".to_owned(),
        sub: format!("user:{}", Uuid::now_v7()),
        sid: Uuid::now_v7().to_string(),
        ws: Some(Uuid::now_v7()),
        role: Some("owner".to_owned()),
        prole: None,
        mv: 3,
        scp: vec![],
        ast: None,
        act: None,
        mkr: None,
        iat: now,
        exp: now + 600,
        jti: Uuid::now_v7().to_string(),
    }
}

pub(crate) fn key_claims() -> Claims {
    let key = Uuid::now_v7();
    Claims {
        aud: "api".to_owned(),
        sub: format!("key:{key}"),
        sid: key.to_string(),
        scp: vec!["chats.read".to_owned()],
        mkr: Some(Uuid::now_v7()),
        ..member_claims()
    }
}

pub(crate) fn visitor_claims() -> Claims {
    let sub = format!("visitor:{}", Uuid::now_v7());
    Claims { aud: "widget".to_owned(), sub, role: None, scp: vec!["chats.ask".to_owned()], ..member_claims() }
}

async fn refused(maker: &Maker, token: &str, why: &str) {
    let failure = maker.verifier().verify(token).await.expect_err(why);
    assert!(failure.is(ErrorReason::TokenInvalid), "{why}: {failure}");
}

fn as_json(claims: &Claims) -> Value {
    serde_json::to_value(claims).unwrap()
}

#[tokio::test]
async fn good_tokens_are_taken_and_remembered() {
    let maker = Maker::new();
    let verifier = maker.verifier();
    for claims in [member_claims(), key_claims(), visitor_claims()] {
        let token = maker.sign(&claims);
        let first = verifier.verify(&token).await.unwrap();
        assert_eq!(*first, claims);
        assert!(Arc::ptr_eq(&first, &verifier.verify(&token).await.unwrap()));
    }
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let maker = Maker::new();
    let verifier = maker.verifier();
    let claims = member_claims();
    let token = maker.sign(&claims);
    assert!(verifier.verify_at(&token, claims.iat).await.is_ok());
    assert!(verifier.verify_at(&token, claims.exp + LEEWAY_SECONDS - 1).await.is_ok());
    let late = verifier.verify_at(&token, claims.exp + LEEWAY_SECONDS).await.unwrap_err();
    assert!(late.is(ErrorReason::TokenExpired));
    let early = maker.verifier().verify_at(&token, claims.iat - LEEWAY_SECONDS - 1).await.unwrap_err();
    assert!(early.is(ErrorReason::TokenInvalid));
}

#[tokio::test]
async fn a_1_unsigned_hmac_and_foreign_signatures() {
    let maker = Maker::new();
    let body = serde_json::to_string(&member_claims()).unwrap();
    for alg in ["none", "None", "NONE", ""] {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"k1"}}"#);
        let token = format!("{}.{}.", B64.encode(header), B64.encode(&body));
        refused(&maker, &token, alg).await;
    }
    let mut header = Header::new(Algorithm::HS256);
    (header.typ, header.kid) = (Some(TYPE.to_owned()), Some("k1".to_owned()));
    let public = maker.signer.public();
    for secret in [public.key.clone(), B64.encode(&public.key).into_bytes()] {
        let token = encode(&header, &member_claims(), &EncodingKey::from_secret(&secret)).unwrap();
        refused(&maker, &token, "HS256 with our public key").await;
    }
    refused(&maker, &Maker::new().sign(&member_claims()), "another key with our kid").await;
    let good = maker.sign(&member_claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = B64.decode(signature).unwrap();
    bytes[10] ^= 1;
    refused(&maker, &format!("{head}.{}", B64.encode(&bytes)), "a flipped bit").await;
    refused(&maker, &format!("{head}."), "no signature").await;
    refused(&maker, head, "two parts").await;
}

#[tokio::test]
async fn a_2_signed_but_wrong_claims() {
    let maker = Maker::new();
    let good = as_json(&member_claims());
    assert!(maker.verifier().verify(&maker.sign_any(&maker.header(), &good)).await.is_ok());
    for missing in ["iss", "aud", "sub", "sid", "iat", "exp", "jti"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(missing);
        refused(&maker, &maker.sign_any(&maker.header(), &claims), missing).await;
    }
    for (name, value) in [
        ("exp", json!("4102444800")),
        ("exp", json!(1e300)),
        ("exp", json!(4_102_444_800.5)),
        ("exp", json!(null)),
        ("iat", json!(4_102_444_800_i64)),
        ("aud", json!(["app", "admin"])),
        ("aud", json!("refresh")),
        ("aud", json!("admin")),
        ("aud", json!("widget")),
        ("iss", json!("https://evil.test")),
        ("iss", json!([ISSUER])),
        ("sub", json!("user:1")),
        ("sub", json!("service:svc-auth")),
        ("sub", json!(format!("key:{}", Uuid::now_v7()))),
        ("ws", json!("not-a-uuid")),
        ("ws", json!(Uuid::nil())),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        refused(&maker, &maker.sign_any(&maker.header(), &claims), &format!("{name} = {value}")).await;
    }
    let body = serde_json::to_string(&good).unwrap();
    let twice = body.replacen('{', r#"{"exp":4102444800,"#, 1);
    refused(&maker, &maker.sign_raw(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, &twice), "exp twice").await;
    refused(&maker, "rt_k1_0123456789012345678901234567890123456789012", "a refresh token").await;
    refused(&maker, "npk_12345678_0123456789012345678901234567890123456789012", "an API key").await;
    refused(&maker, "", "nothing").await;
    refused(&maker, &"a".repeat(100_000), "a long text").await;
}

#[tokio::test]
async fn a_2_other_types_of_token_are_no_access_tokens() {
    let maker = Maker::new();
    let good = as_json(&member_claims());
    for typ in [None, Some("JWT"), Some("reset+jwt"), Some("AT+JWT")] {
        let mut header = maker.header();
        header.typ = typ.map(str::to_owned);
        refused(&maker, &maker.sign_any(&header, &good), &format!("{typ:?}")).await;
    }
    let mut header = maker.header();
    header.crit = Some(vec!["b64".to_owned()]);
    refused(&maker, &maker.sign_any(&header, &good), "crit").await;
}

/// Counts how often it is asked.
struct Counting(PublicKey, Arc<AtomicUsize>);

impl KeySource for Counting {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, Failure>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(vec![self.0.clone()]) })
    }
}

#[tokio::test]
async fn a_3_foreign_keys_and_kids_fetch_nothing() {
    let maker = Maker::new();
    let fetched = Arc::new(AtomicUsize::new(0));
    let verifier = Verifier::new(ISSUER, Keys::new(Counting(maker.signer.public(), fetched.clone())));
    let good = as_json(&member_claims());
    assert!(verifier.verify(&maker.sign_any(&maker.header(), &good)).await.is_ok());
    assert_eq!(fetched.load(Ordering::SeqCst), 1);

    let attacker = Maker::new();
    let mut header = attacker.header();
    header.jku = Some("https://evil.test/jwks.json".to_owned());
    header.x5u = Some("https://evil.test/cert.pem".to_owned());
    let token = attacker.sign_any(&header, &good);
    assert!(verifier.verify(&token).await.unwrap_err().is(ErrorReason::TokenInvalid));
    let jwk = attacker.signer.public();
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1",
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": B64.encode(&jwk.key), "use": "sig"}});
    let token = attacker.sign_raw(&header.to_string(), &good.to_string());
    assert!(verifier.verify(&token).await.unwrap_err().is(ErrorReason::TokenInvalid));

    for kid in ["../../x", "", "k1\0", "k 1", &"k".repeat(65)] {
        let mut header = maker.header();
        header.kid = Some(kid.to_owned());
        let failure = verifier.verify(&maker.sign_any(&header, &good)).await.unwrap_err();
        assert!(failure.is(ErrorReason::TokenInvalid), "{kid}");
    }
    for n in 0..1_000 {
        let mut header = maker.header();
        header.kid = Some(format!("unknown-{n}"));
        let failure = verifier.verify(&maker.sign_any(&header, &good)).await.unwrap_err();
        assert!(failure.is(ErrorReason::TokenInvalid));
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1, "at most one reload a minute");
}

#[test]
fn published_keys_are_read_back() {
    let public = Maker::new().signer.public();
    assert_eq!(PublicKey::from_jwk(&public.to_jwk()), Some(public.clone()));
    let mut other = public.to_jwk();
    other.crv = "X25519".to_owned();
    assert_eq!(PublicKey::from_jwk(&other), None);
    let mut short = public.to_jwk();
    short.x = "AAAA".to_owned();
    assert_eq!(PublicKey::from_jwk(&short), None);
}
