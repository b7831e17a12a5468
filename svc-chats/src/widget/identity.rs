//! Identity tokens: JWTs by which a site's own server vouches for a visitor. HS256 and nothing else.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use neipix_mesh::{Failure, secret::Secret};
use neipix_proto::chats::v1::ErrorReason;
use serde::Deserialize;
use sha2::Sha256;

/// Clocks of two hosts may differ by so many seconds.
const LEEWAY: i64 = 60;
/// The longest life of a token, seconds.
const LIFE_MOST: i64 = 24 * 3_600;
/// The longest `sub`, characters.
const SUB_MOST: usize = 128;
/// Shorter secrets are none.
const SECRET_LEAST: usize = 16;

/// A secret of a widget.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its `kid`.
    pub kid: String,
    /// The secret.
    pub secret: Secret<String>,
}

/// Who a visitor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The site's id of the person.
    pub sub: String,
    /// Their name; may be empty.
    pub name: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// Exact types: an `exp` that is text or a fraction is none.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(default)]
    name: String,
}

fn invalid(detail: &'static str) -> Failure {
    Failure::new(ErrorReason::IdentityInvalid, detail)
}

/// Verifies a token for the widget `key`, at `now` in Unix seconds.
///
/// # Errors
/// IDENTITY_INVALID that says which rule is broken.
pub fn verify(token: &str, keys: &[Key], key: &str, now: i64) -> Result<Identity, Failure> {
    let malformed = || invalid("the identity token is no JWT of three parts");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
    if header.alg != "HS256" || header.crit.is_some() {
        return Err(invalid("sign the identity token with HS256"));
    }
    let kid =
        header.kid.ok_or_else(|| invalid("the identity token's header lacks the `kid` of the widget's secret"))?;
    let known = keys.iter().find(|known| known.kid == kid && known.secret.expose().len() >= SECRET_LEAST);
    let known = known.ok_or_else(|| invalid("the identity token's `kid` is of no secret that this widget has now"))?;
    let signature = decode(signature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(known.secret.expose().as_bytes()).map_err(Failure::internal)?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&signature).map_err(|_| invalid("the identity token is not signed with the widget's secret"))?;
    let claims: Claims = serde_json::from_slice(&decode(payload)?)
        .map_err(|_| invalid("the identity token needs `sub` and `aud` as text, `iat` and `exp` as whole seconds"))?;
    check(claims, key, now)
}

fn check(claims: Claims, key: &str, now: i64) -> Result<Identity, Failure> {
    if claims.aud != key {
        return Err(invalid("the identity token's `aud` is not this widget's key"));
    }
    if claims.sub.trim().is_empty() || claims.sub.chars().count() > SUB_MOST || claims.sub.chars().any(char::is_control)
    {
        return Err(invalid("the identity token's `sub` must be 1 to 128 characters"));
    }
    let life = claims.exp.checked_sub(claims.iat).filter(|life| (1..=LIFE_MOST).contains(life));
    if life.is_none() {
        return Err(invalid("the identity token's `exp` must be behind `iat`, by 24 hours at most"));
    }
    if claims.iat > now.saturating_add(LEEWAY) {
        return Err(invalid("the identity token's `iat` is in the future"));
    }
    if claims.exp.saturating_add(LEEWAY) <= now {
        return Err(invalid("the identity token has expired; sign a fresh one for each page"));
    }
    let name = claims.name.chars().filter(|c| !c.is_control()).take(100).collect();
    Ok(Identity { sub: claims.sub, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wid_secret_for_tests_only_0123456789";
    /// The specification's own.
    const VECTOR: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJzdWIiOiJ1LTQyIiwiYXVkIjoid2tfdGVzdF8xIiwiaWF0IjoxNzY0MDAwMDAwLCJleHAiOjE3NjQwMDM2MDAsIm5hbWUiOiJBbm5hIn0.0ma8u0-TC4Fjd38dCKBjLcw0ifRbYfm1zQpmyb12bg8";
    const NOW: i64 = 1_764_000_100;

    fn keys(secret: &str) -> Vec<Key> {
        vec![Key { kid: "k1".into(), secret: Secret::new(secret.into()) }]
    }

    fn signed(header: &serde_json::Value, claims: &serde_json::Value, secret: &[u8]) -> String {
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn with(change: impl FnOnce(&mut serde_json::Value)) -> Result<Identity, Failure> {
        let mut claims = serde_json::json!({"sub": "u-42", "aud": "wk_test_1", "iat": NOW - 10, "exp": NOW + 600});
        change(&mut claims);
        let header = serde_json::json!({"alg": "HS256", "kid": "k1"});
        verify(&signed(&header, &claims, SECRET.as_bytes()), &keys(SECRET), "wk_test_1", NOW)
    }

    #[test]
    fn the_specifications_token_is_anna() {
        let anna = verify(VECTOR, &keys(SECRET), "wk_test_1", NOW).unwrap();
        assert_eq!(anna, Identity { sub: "u-42".into(), name: "Anna".into() });
        assert!(verify(VECTOR, &keys(SECRET), "wk_test_1", 1_764_003_600 + 59).is_ok(), "leeway");
        assert!(verify(VECTOR, &keys(SECRET), "wk_test_1", 1_764_003_600 + 60).is_err(), "expired");
    }

    #[test]
    fn c_10_a_token_that_somebody_made_up_is_refused() {
        // trust: C-10
        let refused = |token: &str, keys: &[Key]| {
            verify(token, keys, "wk_test_1", NOW).is_err_and(|f| f.is(ErrorReason::IdentityInvalid))
        };
        let claims = serde_json::json!({"sub": "u-42", "aud": "wk_test_1", "iat": NOW, "exp": NOW + 600});
        let header = |alg: &str, kid: &str| serde_json::json!({"alg": alg, "kid": kid});
        let none = signed(&header("none", "k1"), &claims, SECRET.as_bytes());
        let unsigned = format!("{}.", none.rsplit_once('.').unwrap().0);
        for (what, token) in [
            ("none", none.clone()),
            ("none without signature", unsigned),
            ("RS256", signed(&header("RS256", "k1"), &claims, SECRET.as_bytes())),
            ("other key's secret", signed(&header("HS256", "k1"), &claims, b"another_secret_that_is_long")),
            ("empty secret", signed(&header("HS256", "k1"), &claims, b"")),
            ("unknown kid", signed(&header("HS256", "k9"), &claims, SECRET.as_bytes())),
            ("no kid", signed(&serde_json::json!({"alg": "HS256"}), &claims, SECRET.as_bytes())),
            ("no JWT", "abc".to_owned()),
            ("empty parts", "..".to_owned()),
        ] {
            assert!(refused(&token, &keys(SECRET)), "{what}");
        }
        let empty = signed(&header("HS256", "k1"), &claims, b"");
        assert!(refused(&empty, &keys("")), "a signature over an empty secret");
        assert!(refused(VECTOR, &[]), "a widget without secrets");
        assert!(verify(VECTOR, &keys(SECRET), "wk_test_2", NOW).is_err(), "another widget's");
    }

    #[test]
    fn claims_keep_to_their_rules() {
        assert!(with(|_| {}).is_ok());
        assert!(with(|c| c["exp"] = (NOW + LIFE_MOST).into()).is_err(), "lives for more than a day");
        assert!(with(|c| c["exp"] = (NOW - 10).into()).is_err(), "exp is not behind iat");
        assert!(with(|c| c["iat"] = (NOW + 61).into()).is_err(), "from the future");
        assert!(with(|c| c["exp"] = "9999999999".into()).is_err(), "a text");
        assert!(with(|c| c["exp"] = 1e300.into()).is_err(), "not whole");
        assert!(with(|c| c["aud"] = serde_json::json!(["wk_test_1"])).is_err(), "a list");
        assert!(with(|c| c["sub"] = " ".into()).is_err(), "nobody");
        assert!(with(|c| c["sub"] = "x".repeat(129).into()).is_err(), "too long");
        assert!(with(|c| *c = serde_json::json!({"sub": "u"})).is_err(), "claims are missing");
    }
}
