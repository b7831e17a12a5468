//! Forged and bent access tokens, at every service and at the edge.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use neipix_mesh::{access::token::Signer, seal::Sealer};
use neipix_proto::{Method, access::v1::Surface as Audience, auth::v1::PlatformRole, methods};
use neipix_tests::{client::Surface, faces::rest_calls, trust};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use crate::{
    mesh::in_mesh,
    place::{Place, fresh_email},
    world::{member, staff},
};

/// An rpc of each service that an owner may call, without a row.
pub const PROBES: [&str; 5] = [
    "/neipix.auth.v1.AuthService/GetMe",
    "/neipix.assistants.v1.AssistantService/ListAssistants",
    "/neipix.billing.v1.BillingService/ListStatement",
    "/neipix.chats.v1.ConversationService/ListConversations",
    "/neipix.admin.v1.AdminService/ListWorkspaceAudit",
];

/// Status and reason of each probe with a token: directly, and through the edge's host by REST and by gRPC, at each
/// process of a service and each edge.
pub async fn probed(place: &Place, token: &str) -> Vec<(String, u16, String)> {
    let mut all = Vec::new();
    for (number, view) in place.views().iter().enumerate() {
        for path in PROBES {
            let method: &'static Method = methods().get(path).unwrap();
            let request = DynamicMessage::new(method.descriptor.input());
            let call = rest_calls(method, &request).remove(0);
            let outcomes = [
                ("directly", view.direct("edge", method, &request, Some(token)).await),
                ("by REST", view.rest_call(Surface::Api, &call, Some(token)).await),
                ("by gRPC", view.grpc(Surface::Api, method, &request, Some(token)).await),
            ];
            for (door, outcome) in outcomes {
                let (status, reason) = outcome.short();
                all.push((format!("{} {door} at {number}", method.name), status, reason.to_owned()));
            }
        }
    }
    all
}

/// The token is refused by every door, for that reason.
pub async fn refused(place: &Place, token: &str, reason: &str, why: &str) {
    for (door, status, said) in probed(place, token).await {
        assert_eq!((status, said.as_str()), (401, reason), "{why}: {door}");
    }
}

/// The token is good at every door.
pub async fn welcome(place: &Place, token: &str) {
    for (door, status, reason) in probed(place, token).await {
        assert_eq!(status, 200, "{door}: {reason}");
    }
}

/// A key that signs, with its id.
struct Key {
    kid: String,
    pkcs8: Vec<u8>,
}

impl Key {
    /// The product's own, opened with the settings that this product was started with.
    async fn of(place: &Place) -> Self {
        let row = place.database().await;
        let row = row.query_one("SELECT kid, sealed FROM auth.signing_key ORDER BY signs_from", &[]).await.unwrap();
        let (kid, sealed): (String, Vec<u8>) = (row.get(0), row.get(1));
        let sealer = Sealer::new(place.settings().seal_keys().unwrap().clone());
        let pkcs8 = sealer.open(&format!("signing_key.sealed:{kid}"), &sealed).unwrap().expose().clone();
        Self { kid, pkcs8 }
    }

    /// Somebody's own, under any id.
    fn foreign(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pkcs8: Signer::generate().unwrap() }
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    /// Any header over any claims, rightly signed.
    fn sign(&self, header: &Value, claims: &str) -> String {
        let signed = unsigned(header, claims);
        let key = EncodingKey::from_ed_der(&self.pkcs8);
        let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        format!("{signed}.{signature}")
    }
}

fn unsigned(header: &Value, claims: &str) -> String {
    format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims))
}

/// The claims of a token, unchecked.
fn claims(token: &str) -> Value {
    serde_json::from_slice(&B64.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// A product with an owner who is signed in.
struct Scene<'a> {
    place: &'a Place,
    key: Key,
    claims: Value,
}

impl<'a> Scene<'a> {
    async fn set(place: &'a Place) -> Self {
        let email = fresh_email();
        let _ = member(place, &email, None).await;
        let token = place.login(&email, Audience::Api).await.access_token;
        welcome(place, &token).await;
        let key = Key::of(place).await;
        let claims = claims(&token);
        // What follows is about what is wrong with a token, so this way of making one must be right.
        welcome(place, &key.sign(&key.header(), &claims.to_string())).await;
        Self { place, key, claims }
    }
}

async fn unsigned_or_of_another_key(scene: &Scene<'_>) {
    let Scene { place, key, claims } = scene;
    let claims = claims.to_string();
    for algorithm in ["none", "None", "NONE", ""] {
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": key.kid});
        for signature in ["", ".", ".AAAA"] {
            let token = format!("{}{signature}", unsigned(&header, &claims));
            refused(place, &token, "TOKEN_INVALID", algorithm).await;
        }
    }
    let jwks = place.rest(Surface::Api).get("/.well-known/jwks.json").await.ok();
    let jwk = &jwks["keys"][0];
    let x = jwk["x"].as_str().unwrap().to_owned();
    let raw = B64.decode(&x).unwrap();
    let spki = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &raw].concat();
    for secret in [raw, spki, x.clone().into_bytes(), jwk.to_string().into_bytes()] {
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": key.kid});
        let signed = unsigned(&header, &claims);
        let mac = crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(&secret), Algorithm::HS256).unwrap();
        refused(place, &format!("{signed}.{mac}"), "TOKEN_INVALID", "HS256 with the public key").await;
    }
    let other = Key::foreign(&key.kid);
    refused(place, &other.sign(&other.header(), &claims), "TOKEN_INVALID", "another key").await;
    let good = key.sign(&key.header(), &claims);
    let cut = good.rsplit_once('.').unwrap().0;
    refused(place, &format!("{cut}."), "TOKEN_INVALID", "without its signature").await;
}

async fn with_wrong_claims(scene: &Scene<'_>) {
    let Scene { place, key, claims } = scene;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut other = claims.clone();
        change(&mut other);
        key.sign(&key.header(), &other.to_string())
    };
    let without = |name: &str| with(&|c| drop(c.as_object_mut().unwrap().remove(name)));
    for name in ["exp", "aud", "iss", "sub", "sid", "iat"] {
        refused(place, &without(name), "TOKEN_INVALID", name).await;
    }
    let later = (claims["exp"].as_i64().unwrap() + 3_600).to_string();
    for exp in [json!(later), json!(1e300), json!(4e9 + 0.5), json!(null), json!([]), json!(true)] {
        refused(place, &with(&|c| c["exp"] = exp.clone()), "TOKEN_INVALID", &format!("exp {exp}")).await;
    }
    for aud in [json!("admin"), json!("widget"), json!("neipix"), json!(["api"]), json!("")] {
        refused(place, &with(&|c| c["aud"] = aud.clone()), "TOKEN_INVALID", &format!("aud {aud}")).await;
    }
    for iss in ["http://evil.tld", "", "http://api.localhost"] {
        refused(place, &with(&|c| c["iss"] = json!(iss)), "TOKEN_INVALID", iss).await;
    }
    for typ in ["JWT", "rt+jwt", ""] {
        let token = key.sign(&json!({"alg": "EdDSA", "typ": typ, "kid": key.kid}), &claims.to_string());
        refused(place, &token, "TOKEN_INVALID", typ).await;
    }
    // The same member twice: whoever reads the first and whoever reads the last must not differ.
    let doubled = claims.to_string().replacen('{', r#"{"aud":"admin","#, 1);
    refused(place, &key.sign(&key.header(), &doubled), "TOKEN_INVALID", "two audiences").await;
    let past = |hours: i64| json!(claims["iat"].as_i64().unwrap() - hours * 3_600);
    let expired = with(&|c| (c["iat"], c["exp"]) = (past(2), past(1)));
    refused(place, &expired, "TOKEN_EXPIRED", "an hour ago").await;
    let email = fresh_email();
    let _ = member(place, &email, None).await;
    let tokens = place.login(&email, Audience::Api).await;
    refused(place, &tokens.refresh_token, "TOKEN_INVALID", "a refresh token").await;
    let staff = place.login(&staff(place, PlatformRole::Superadmin).await, Audience::Admin).await.access_token;
    for (door, status, reason) in probed(place, &staff).await {
        // GetMe is for staff too, at their own host; through the api host it is not.
        let own = door.contains("GetMe directly");
        assert_eq!(status, if own { 200 } else { 401 }, "{door}: {reason}");
    }
}

async fn with_keys_of_its_own(scene: &Scene<'_>) {
    let Scene { place, key, claims } = scene;
    let claims = claims.to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let foreign = Key::foreign("of-mine");
    let public = Signer::new("of-mine", &foreign.pkcs8).unwrap().public().to_jwk();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": public.x, "kid": "of-mine", "use": "sig", "alg": "EdDSA"});
    for kid in ["of-mine", &key.kid] {
        for (name, value) in [("jku", json!(url)), ("x5u", json!(url)), ("jwk", jwk.clone()), ("crit", json!(["exp"]))]
        {
            let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid, name: value});
            refused(place, &foreign.sign(&header, &claims), "TOKEN_INVALID", name).await;
        }
    }
    for kid in
        [json!("../../x"), json!(""), json!(null), json!(7), json!(format!("{}\0", key.kid)), json!("' OR 1=1--")]
    {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid});
        refused(place, &key.sign(&header, &claims), "TOKEN_INVALID", &kid.to_string()).await;
    }
    let probes = PROBES.map(|path| methods().get(path).unwrap());
    for n in 0..1_000 {
        let token = foreign.sign(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": format!("k{n}")}), &claims);
        let method = probes[n % probes.len()];
        let request = DynamicMessage::new(method.descriptor.input());
        let outcome = match n % 3 {
            0 => place.grpc(Surface::Api, method, &request, Some(&token)).await,
            _ => place.direct("edge", method, &request, Some(&token)).await,
        };
        assert_eq!(outcome.short(), (401, "TOKEN_INVALID"), "{}", method.name);
    }
    let came = tokio::time::timeout(std::time::Duration::from_millis(1), listener.accept()).await;
    assert!(came.is_err(), "somebody fetched a stranger's keys: {came:?}");
    welcome(place, &key.sign(&key.header(), &claims)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_1_tokens_unsigned_or_signed_by_another_key_are_refused_everywhere() {
    trust!("A-1");
    let place = Place::one_process_with(&[]).await;
    unsigned_or_of_another_key(&Scene::set(&place).await).await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_2_rightly_signed_tokens_with_wrong_claims_are_refused_everywhere() {
    trust!("A-2");
    let place = Place::one_process_with(&[]).await;
    with_wrong_claims(&Scene::set(&place).await).await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_3_keys_that_a_token_brings_along_are_neither_believed_nor_fetched() {
    trust!("A-3");
    let place = Place::one_process_with(&[]).await;
    with_keys_of_its_own(&Scene::set(&place).await).await;
    place.stop().await;
}

#[test]
fn a_1_a_2_a_3_forged_and_bent_tokens_are_refused_by_every_process_of_the_mesh() {
    trust!("A-1", "A-2", "A-3");
    in_mesh(async |place, _| {
        let scene = Scene::set(place).await;
        unsigned_or_of_another_key(&scene).await;
        with_wrong_claims(&scene).await;
        with_keys_of_its_own(&scene).await;
    });
}
