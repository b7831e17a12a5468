//! Keys of access tokens.

use neipix_proto::auth::v1::{GetJwksRequest, GetMeRequest};

use super::house::{House, signed};

async fn kids(house: &House) -> Vec<String> {
    let jwks = house.client().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    jwks.keys.into_iter().map(|k| k.kid).collect()
}

fn kid_of(token: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let head: serde_json::Value = serde_json::from_slice(&head).unwrap();
    assert_eq!((head["typ"].as_str(), head["alg"].as_str()), (Some("at+jwt"), Some("EdDSA")));
    head["kid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn o_4_keys_are_rotated_without_a_refused_token() {
    // trust: O-4
    let house = House::start().await;
    let replica = house.replica().await;
    let person = house.person().await;
    let old = house.login(&person).await.access_token;
    let first = kids(&house).await;
    assert_eq!(first, [kid_of(&old)], "two replicas at once make one key");
    assert_eq!(kids(&replica).await, first);
    let signing = svc_auth::signing::Signing::new(house.parts.db.clone(), house.parts.sealer.clone());
    // Shortly before its end the next key is published, and does not sign yet.
    house.sql("UPDATE signing_key SET signs_from = signs_from - interval '29 days 23 hours 55 minutes'").await;
    signing.refresh().await.unwrap();
    let both = kids(&house).await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    assert_eq!(kid_of(&house.login(&person).await.access_token), first[0]);
    signing.refresh().await.unwrap();
    assert_eq!(kids(&house).await, both, "one next key is enough");
    // Its time comes: the old one stays published for the tokens it signed.
    house.sql("UPDATE signing_key SET signs_from = signs_from - interval '11 minutes', retired_at = retired_at - interval '11 minutes'").await;
    let after = house.replica().await;
    let new = after.login(&person).await.access_token;
    assert_eq!(kid_of(&new), both[1]);
    assert_eq!(kids(&after).await, [both[1].clone(), both[0].clone()]);
    for token in [&old, &new] {
        after.client().get_me(signed(token, GetMeRequest {})).await.unwrap();
    }
    house.sql("UPDATE signing_key SET retired_at = retired_at - interval '1 hour'").await;
    assert_eq!(kids(&after).await, [both[1].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_101_nothing_secret_lies_in_a_table() {
    // trust: INV-101, O-3
    use neipix_proto::auth::v1::{CreateApiKeyRequest, CreateSocketTicketRequest, RefreshRequest};
    let house = House::start().await;
    let person = house.person().await;
    let tokens = house.login(&person).await;
    let request = RefreshRequest { refresh_token: tokens.refresh_token.clone() };
    let next = house.client().refresh(request).await.unwrap().into_inner();
    let key = CreateApiKeyRequest { name: "x".into(), permissions: vec!["chats.ask".into()], ..Default::default() };
    let mut key = signed(&tokens.access_token, key);
    key.metadata_mut().insert("idempotency-key", "k".parse().unwrap());
    let secret = house.client().create_api_key(key).await.unwrap().into_inner().secret;
    let ticket = signed(&tokens.access_token, CreateSocketTicketRequest {});
    let ticket = house.client().create_socket_ticket(ticket).await.unwrap().into_inner().ticket;
    // The 43 characters may hold `_` themselves, so the last `_` is not where they begin.
    let random = |text: &str| text[text.len() - 43..].to_owned();
    let secrets = [
        super::house::PASSWORD.to_owned(),
        random(&tokens.refresh_token),
        random(&next.refresh_token),
        tokens.access_token.rsplit('.').next().unwrap().to_owned(),
        secret[13..].to_owned(),
        ticket,
    ];
    let tables = house.one("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'auth'").await;
    assert!(tables.split(' ').count() > 15, "{tables}");
    for table in tables.split(' ') {
        for secret in &secrets {
            let hex = hex::encode(secret);
            let sql = format!(
                "SELECT count(*) FROM {table} t WHERE strpos(t::text, '{secret}') + strpos(t::text, '{hex}') > 0"
            );
            assert_eq!(house.one(&sql).await, "0", "{table}");
        }
    }
}
