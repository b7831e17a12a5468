//! What ended before its time: told by the stream and by Redis, at every replica.

use std::time::{Duration, Instant};

use neipix_mesh::access::revocations::{Revocations, read_redis};
use neipix_proto::auth::v1::{
    BatchGetUsersRequest, LogoutRequest, SearchUsersRequest, SessionRevoked, WatchRevocationsRequest, revocation::What,
};

use super::house::{House, claims, eventually, fresh_email, refusal};

type Watched = tonic::Streaming<neipix_proto::auth::v1::Revocation>;

async fn watch(house: &House) -> Watched {
    house.as_service("svc-chats").watch_revocations(WatchRevocationsRequest::default()).await.unwrap().into_inner()
}

async fn next(stream: &mut Watched) -> What {
    let message = tokio::time::timeout(Duration::from_secs(2), stream.message()).await.expect("a sign of life");
    message.unwrap().unwrap().what.unwrap()
}

async fn log_out(house: &House) -> String {
    let tokens = house.login(&house.person().await).await;
    house.client().logout(LogoutRequest { refresh_token: tokens.refresh_token }).await.unwrap();
    claims(&tokens.access_token)["sid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_what_ended_lately_and_hears_the_other_replica() {
    let house = House::start().await;
    let replica = house.replica().await;
    let before = log_out(&house).await;
    let mut stream = watch(&replica).await;
    assert_eq!(next(&mut stream).await, What::SessionRevoked(SessionRevoked { session_id: before }));
    assert!(matches!(next(&mut stream).await, What::Heartbeat(_)));
    let ended = log_out(&house).await;
    let began = Instant::now();
    loop {
        match next(&mut stream).await {
            What::SessionRevoked(told) => {
                assert_eq!(told.session_id, ended);
                break;
            }
            What::Heartbeat(_) => assert!(began.elapsed() < Duration::from_secs(1), "not told"),
            other => panic!("{other:?}"),
        }
    }
    // Told once.
    for _ in 0..3 {
        assert!(matches!(next(&mut stream).await, What::Heartbeat(_)));
    }
    // Older than a quarter of an hour: no token lives that long.
    house.sql("UPDATE revocation SET at = at - interval '16 minutes'").await;
    assert!(matches!(next(&mut watch(&house).await).await, What::Heartbeat(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_id_that_commits_later_is_told_all_the_same() {
    let house = House::start().await;
    house.sql("ALTER TABLE revocation ALTER id RESTART WITH 100").await;
    let mut stream = watch(&house).await;
    log_out(&house).await;
    log_out(&house).await;
    let mut told = 0;
    while told < 2 {
        told += i32::from(matches!(next(&mut stream).await, What::SessionRevoked(_)));
    }
    let late = "INSERT INTO revocation (id, kind, subject) OVERRIDING SYSTEM VALUE VALUES (-3, 'session', '{\"session\": \"late\"}')";
    house.sql(&late.replace("-3", "(SELECT min(id) FROM revocation) - 1")).await;
    loop {
        if let What::SessionRevoked(revoked) = next(&mut stream).await {
            assert_eq!(revoked.session_id, "late");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f_23_an_emptied_redis_is_filled_again() {
    // trust: F-23
    let house = House::start().await;
    let ended = log_out(&house).await;
    let redis = house.parts.redis.clone();
    let hears = async || {
        let heard = Revocations::new();
        house.parts.tasks.spawn("reader", read_redis(redis.clone(), heard.clone(), house.parts.shutdown.clone()));
        eventually("Redis tells it", async || heard.is_fresh() && heard.is_revoked(&ended)).await;
    };
    hears().await;
    redis.run::<()>(&redis::cmd("FLUSHDB")).await.unwrap();
    hears().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_id_and_by_part_of_a_name() {
    let house = House::start().await;
    let anna = house.provision(|r| r.name = "Анна 50%_\\".to_owned()).await;
    let boris = house.provision(|r| (r.name, r.email) = ("Борис".to_owned(), fresh_email())).await;
    let mut admin = house.as_service("svc-admin");
    let search = |q: &str| SearchUsersRequest { workspace_id: String::new(), q: q.to_owned() };
    for (q, expected) in [("анн", vec![&anna]), ("%_\\", vec![&anna]), ("__", vec![]), ("@test", vec![&boris, &anna])]
    {
        let found = admin.search_users(search(q)).await.unwrap().into_inner().user_ids;
        assert_eq!(found, expected.iter().map(|p| p.id.clone()).collect::<Vec<_>>(), "{q}");
    }
    let user_ids = vec![boris.id.clone(), uuid::Uuid::now_v7().to_string()];
    let request = BatchGetUsersRequest { workspace_id: String::new(), user_ids };
    let users = admin.batch_get_users(request.clone()).await.unwrap().into_inner().users;
    assert_eq!((users.len(), &users[0].email), (1, &boris.email));
    let stranger = refusal(house.as_service("svc-chats").batch_get_users(request).await);
    assert!(stranger.is(neipix_proto::access::v1::ErrorReason::PermissionDenied));
}
