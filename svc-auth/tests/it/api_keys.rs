//! CreateApiKey, ListApiKeys, RevokeApiKey, ExchangeApiKey.

use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    auth::v1::{
        CreateApiKeyRequest, CreateApiKeyResponse, ErrorReason, ExchangeApiKeyRequest, GetMeRequest,
        ListApiKeysRequest, RevokeApiKeyRequest, Role,
    },
};
use prost_types::Timestamp;
use uuid::Uuid;

use super::{
    house::{House, claims, eventually, refusal, signed},
    login::revoked,
};

fn key_of(permissions: &[&str]) -> CreateApiKeyRequest {
    CreateApiKeyRequest {
        name: "Касса".to_owned(),
        permissions: permissions.iter().map(|p| (*p).to_owned()).collect(),
        ..Default::default()
    }
}

async fn create(house: &House, token: &str, request: CreateApiKeyRequest) -> CreateApiKeyResponse {
    house.client().create_api_key(signed(token, request)).await.unwrap().into_inner()
}

fn exchange_of(secret: &str) -> ExchangeApiKeyRequest {
    ExchangeApiKeyRequest { workspace_id: String::new(), api_key: secret.to_owned() }
}

async fn exchange(house: &House, secret: &str) -> String {
    house.client().exchange_api_key(exchange_of(secret)).await.unwrap().into_inner().access_token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_exchanged_for_a_short_token_under_its_makers_role() {
    let house = House::start().await;
    let owner = house.person().await;
    let token = house.login(&owner).await.access_token;
    let assistant = Uuid::now_v7().to_string();
    let request = CreateApiKeyRequest { assistant_id: assistant.clone(), ..key_of(&["chats.read", "chats.ask"]) };
    let made = create(&house, &token, request).await;
    let key = made.api_key.unwrap();
    assert_eq!(key.permissions, ["chats.read", "chats.ask"]);
    assert!(made.secret.starts_with(&format!("{}_", key.prefix)) && made.secret.len() == 56, "{}", key.prefix);
    let key_token = exchange(&house, &made.secret).await;
    let claims = claims(&key_token);
    assert_eq!((claims["aud"].as_str(), claims["sub"].as_str()), (Some("api"), Some(&*format!("key:{}", key.id))));
    assert_eq!((claims["mkr"].as_str(), claims["role"].as_str()), (Some(&*owner.id), Some("owner")));
    assert_eq!((claims["ast"].as_str(), claims["ws"].as_str()), (Some(&*assistant), Some(&*owner.workspace)));
    assert_eq!(claims["scp"], serde_json::json!(["chats.read", "chats.ask"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    let me = house.client().get_me(signed(&key_token, GetMeRequest {})).await.unwrap().into_inner();
    assert_eq!(me.permissions, ["chats.ask", "chats.read"]);
    let refused = refusal(house.client().list_api_keys(signed(&key_token, ListApiKeysRequest::default())).await);
    assert!(refused.is(MeshReason::PermissionDenied));
    let used = "SELECT last_used_at FROM api_key";
    let first = house.one(used).await;
    exchange(&house, &made.secret).await;
    assert_eq!(house.one(used).await, first, "noted once a minute at most");
    let kinds = "SELECT string_agg(kind, ' ' ORDER BY id) FROM outbox WHERE kind LIKE 'a%'";
    assert_eq!(house.one(kinds).await, "api_key.created audit.recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_17_no_key_above_its_maker_or_above_keys() {
    // trust: A-17, INV-54
    let house = House::start().await;
    let owner = house.person().await;
    let manager = house.login(&house.colleague(&owner, Role::Manager).await).await.access_token;
    let viewer = house.login(&house.colleague(&owner, Role::Viewer).await).await.access_token;
    for permission in ["workspace.manage", "api_keys.manage", "billing.read", "nothing.known"] {
        let refused = refusal(house.client().create_api_key(signed(&manager, key_of(&[permission]))).await);
        assert!(refused.is(ErrorReason::PermissionAboveOwn), "{permission}");
        assert_eq!(refused.fields[0].field, "permissions");
    }
    for odd in [&["*"][..], &["platform.users.read"], &["chats.ask", "chats.ask"], &[]] {
        let refused = refusal(house.client().create_api_key(signed(&manager, key_of(odd))).await);
        assert!(refused.is(MeshReason::FieldInvalid), "{odd:?}");
    }
    let refused = refusal(house.client().create_api_key(signed(&viewer, key_of(&["chats.read"]))).await);
    assert!(refused.is(MeshReason::PermissionDenied));
    assert_eq!(house.one("SELECT count(*) || ' ' || (SELECT count(*) FROM api_key_route) FROM api_key").await, "0 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_19_a_demoted_makers_key_is_narrowed_within_two_seconds() {
    // trust: A-19, INV-54
    let house = House::start().await;
    let owner = house.person().await;
    let manager = house.colleague(&owner, Role::Manager).await;
    let token = house.login(&manager).await.access_token;
    let secret = create(&house, &token, key_of(&["chats.ask", "chats.read"])).await.secret;
    let old = exchange(&house, &secret).await;
    house
        .provision(|r| {
            r.email = manager.email.clone();
            r.join_workspace_id = owner.workspace.clone();
            r.set_role(Role::Viewer);
        })
        .await;
    let began = std::time::Instant::now();
    eventually("the old tokens are narrowed", async || {
        let mut client = house.client();
        let me = client.get_me(signed(&old, GetMeRequest {})).await.unwrap().into_inner();
        let create = client.create_api_key(signed(&token, key_of(&["chats.read"]))).await;
        me.permissions == ["chats.read"] && create.is_err()
    })
    .await;
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
    assert_eq!(claims(&exchange(&house, &secret).await)["role"], "viewer");
    // An owner is never demoted this way: no workspace is left without one.
    house
        .provision(|r| {
            r.email = owner.email.clone();
            r.join_workspace_id = owner.workspace.clone();
            r.set_role(Role::Viewer);
        })
        .await;
    let owners =
        format!("SELECT count(*) FROM membership WHERE role = 'owner' AND workspace_id = '{}'", owner.workspace);
    assert_eq!(house.one(&owners).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_4_a_revoked_key_ends_within_two_seconds_and_foreign_ones_are_not_there() {
    // trust: A-4, T-1
    let house = House::start().await;
    let (owner, stranger) = (house.person().await, house.person().await);
    let (token, strange) = (house.login(&owner).await.access_token, house.login(&stranger).await.access_token);
    let made = create(&house, &token, key_of(&["chats.ask"])).await;
    let id = made.api_key.unwrap().id;
    let key_token = exchange(&house, &made.secret).await;
    let revoke = |token: &str, id: &str| signed(token, RevokeApiKeyRequest { id: id.to_owned() });
    let foreign = refusal(house.client().revoke_api_key(revoke(&strange, &id)).await);
    let nowhere = refusal(house.client().revoke_api_key(revoke(&strange, &Uuid::now_v7().to_string())).await);
    assert!(foreign.is(MeshReason::NotFound) && foreign.message == nowhere.message);
    house.client().get_me(signed(&key_token, GetMeRequest {})).await.unwrap();
    for _ in 0..2 {
        let row = house.client().revoke_api_key(revoke(&token, &id)).await.unwrap().into_inner();
        assert!(row.revoke_time.is_some());
    }
    assert!(refusal(house.client().exchange_api_key(exchange_of(&made.secret)).await).is(ErrorReason::ApiKeyInvalid));
    revoked(&house, &key_token).await;
    assert_eq!(house.one("SELECT count(*) FROM outbox WHERE kind = 'api_key.revoked'").await, "1");
    for wrong in ["npk_", "x", &made.secret[..55], &made.secret.to_uppercase()] {
        assert!(refusal(house.client().exchange_api_key(exchange_of(wrong)).await).is(ErrorReason::ApiKeyInvalid));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_end_at_their_time_and_only_at_times_that_exist() {
    let house = House::start().await;
    let token = house.login(&house.person().await).await.access_token;
    for (seconds, nanos) in
        [(253_402_300_800, 0), (i64::MAX, 0), (4_000_000_000, -1), (4_000_000_000, 2_000_000_000), (1, 0)]
    {
        let request = CreateApiKeyRequest { expire_time: Some(Timestamp { seconds, nanos }), ..key_of(&["chats.ask"]) };
        let refused = refusal(house.client().create_api_key(signed(&token, request)).await);
        assert!(refused.is(MeshReason::FieldInvalid) || refused.is(MeshReason::BodyMalformed), "{seconds} {nanos}");
    }
    let expire_time = Some(Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let made = create(&house, &token, CreateApiKeyRequest { expire_time, ..key_of(&["chats.ask"]) }).await;
    assert_eq!(made.api_key.unwrap().expire_time.unwrap().seconds, 4_000_000_000);
    exchange(&house, &made.secret).await;
    house.sql("UPDATE api_key SET expires_at = clock_timestamp()").await;
    assert!(refusal(house.client().exchange_api_key(exchange_of(&made.secret)).await).is(ErrorReason::ApiKeyInvalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fiftieth_key_is_the_last_however_many_ask_at_once() {
    let house = House::start().await;
    let owner = house.person().await;
    let token = house.login(&owner).await.access_token;
    let fill = format!(
        "INSERT INTO api_key (workspace_id, id, name, prefix, permissions, maker_id) \
         SELECT '{}', gen_random_uuid(), 'x', 'npk_x', '{{chats.ask}}', '{}' FROM generate_series(1, 48)",
        owner.workspace, owner.id
    );
    house.sql(&fill).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (mut client, request) = (house.client(), signed(&token, key_of(&["chats.ask"])));
        calls.spawn(async move { client.create_api_key(request).await });
    }
    let (good, bad): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (2, 4));
    for answer in bad {
        assert!(refusal(answer).is(ErrorReason::ApiKeyLimit));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_repeated_creation_names_the_key_and_never_its_secret() {
    // trust: E-17
    let house = House::start().await;
    let token = house.login(&house.person().await).await.access_token;
    let with_key = |name: &str| {
        let mut request = signed(&token, CreateApiKeyRequest { name: name.to_owned(), ..key_of(&["chats.ask"]) });
        request.metadata_mut().insert("idempotency-key", "once".parse().unwrap());
        request
    };
    let made = house.client().create_api_key(with_key("a")).await.unwrap().into_inner();
    let repeat = refusal(house.client().create_api_key(with_key("a")).await);
    assert!(repeat.is(MeshReason::AlreadyDone));
    assert_eq!(repeat.object.unwrap(), format!("api_key:{}", made.api_key.unwrap().id));
    assert!(refusal(house.client().create_api_key(with_key("b")).await).is(MeshReason::IdempotencyKeyReused));
    assert_eq!(house.one("SELECT count(*) FROM api_key").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_by_pages_and_filtered_literally() {
    // trust: E-15, E-16
    let house = House::start().await;
    let (owner, stranger) = (house.person().await, house.person().await);
    let (token, strange) = (house.login(&owner).await.access_token, house.login(&stranger).await.access_token);
    for name in ["100%", "a_b", "anb", "plain"] {
        create(&house, &token, CreateApiKeyRequest { name: name.to_owned(), ..key_of(&["chats.ask"]) }).await;
    }
    let list = async |token: &str, request: ListApiKeysRequest| {
        house.client().list_api_keys(signed(token, request)).await.map(tonic::Response::into_inner)
    };
    let names = |answer: &neipix_proto::auth::v1::ListApiKeysResponse| -> Vec<String> {
        answer.api_keys.iter().map(|k| k.name.clone()).collect()
    };
    for (q, expected) in [("%", vec!["100%"]), ("a_", vec!["a_b"]), ("\\", vec![]), ("PLAIN", vec!["plain"])] {
        let answer = list(&token, ListApiKeysRequest { q: q.to_owned(), ..Default::default() }).await.unwrap();
        assert_eq!(names(&answer), expected, "{q}");
    }
    let first = list(&token, ListApiKeysRequest { page_size: 3, ..Default::default() }).await.unwrap();
    assert_eq!(names(&first), ["plain", "anb", "a_b"]);
    let next = ListApiKeysRequest { page_size: 3, page_token: first.next_page_token.clone(), ..Default::default() };
    let second = list(&token, next.clone()).await.unwrap();
    assert_eq!((names(&second), &*second.next_page_token), (vec!["100%".to_owned()], ""));
    assert!(refusal(list(&strange, next.clone()).await).is(MeshReason::PageTokenInvalid));
    let filtered = ListApiKeysRequest { q: "a".to_owned(), ..next };
    assert!(refusal(list(&token, filtered).await).is(MeshReason::PageTokenInvalid));
    assert!(list(&strange, ListApiKeysRequest::default()).await.unwrap().api_keys.is_empty());
}
