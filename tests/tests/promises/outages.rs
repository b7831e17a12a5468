//! A dependency is gone for a while: what goes on, what is refused how, what is made up for afterwards.

use std::time::Duration;

use http::{Method, StatusCode};
use neipix_tests::{poll::eventually_within, proxy::Mode, trust};
use serde_json::json;

use crate::seed::{RULES, ask, database, lead, owner, proxy, seeded, seeded_through, upload};

/// How soon what was missed is made up for.
const SOON: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn f_23_without_redis_turns_go_on_and_afterwards_nothing_is_missing() {
    trust!("F-23");
    let redis = proxy("REDIS_URL").await;
    let direct = std::sync::OnceLock::new();
    let through = |name: &str, url: String| {
        if name == "REDIS_URL" { lead(direct.get_or_init(|| url), &redis) } else { url }
    };
    let seeded = seeded_through(&[], through).await;
    let chats = seeded.api.get("/api/v1/chats").await.ok();
    let chat = chats["conversations"][0]["id"].as_str().unwrap().to_owned();
    let mut events = seeded.api.stream(Method::GET, "/api/v1/events", None).await;
    let email = format!("leaving-{}@romashka.example", uuid::Uuid::now_v7());
    let leaving = owner(&seeded.product, &email).await;
    let login = json!({"email": email, "password": "long enough 1", "surface": "SURFACE_API"});
    let session = leaving.post("/api/v1/auth/login", login).await.ok();
    let leaving = leaving.bearer(session["accessToken"].as_str().unwrap());
    assert_eq!(leaving.get("/api/v1/auth/me").await.status, StatusCode::OK);
    redis.set(Mode::Refuse).await;

    // A turn is answered, paid, and seen by whoever watches: events come from Postgres.
    let _ = seeded.api.post(&format!("/api/v1/chats/{chat}:return"), json!({})).await.ok();
    let answered = ask(&seeded.api, &seeded.assistant, "without-redis").await;
    assert_eq!(answered["turn"]["state"], "TURN_STATE_DELIVERED", "{answered}");
    let turn = answered["turn"]["id"].as_str().unwrap().to_owned();
    loop {
        let event = events.next().await.expect("the stream stays");
        if event.event == "turn.settled" && event.data.contains(&turn) {
            break;
        }
    }

    // A session that ends now is ended everywhere, and so it stays when Redis comes back empty.
    let _ = leaving.post("/api/v1/auth/logout", json!({"refreshToken": session["refreshToken"]})).await.ok();
    let refused = async |when: &str| {
        eventually_within(Duration::from_secs(5), when, async || {
            let me = leaving.get("/api/v1/auth/me").await.status;
            let list = leaving.get("/api/v1/chats").await.status;
            (me == StatusCode::UNAUTHORIZED && list == StatusCode::UNAUTHORIZED).then_some(())
        })
        .await;
    };
    refused("refused without Redis").await;

    // Somebody registers: their wallet waits for an event that only Redis carries.
    let newcomer = owner(&seeded.product, &format!("new-{}@romashka.example", uuid::Uuid::now_v7())).await;
    // It is emptied while nobody reaches it: an event that was published and lost comes again only after half a minute.
    empty_redis(direct.get().unwrap()).await;
    redis.set(Mode::Forward).await;
    eventually_within(SOON, "the newcomer's wallet", async || {
        (newcomer.get("/api/v1/billing/wallet").await.status == StatusCode::OK).then_some(())
    })
    .await;
    refused("refused after Redis lost everything").await;
    let db = database(&seeded).await;
    // What Redis lost before anybody read it is published again after half a minute.
    eventually_within(Duration::from_secs(60), "every event was applied", async || {
        let open = "SELECT (SELECT count(*) FROM chats.outbox WHERE acked_at IS NULL)
            + (SELECT count(*) FROM auth.outbox WHERE acked_at IS NULL)
            + (SELECT count(*) FROM billing.outbox WHERE acked_at IS NULL)";
        (db.query_one(open, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    assert!(neipix_cli::verify::run(&seeded.product.verify_url, "").await.unwrap());
    seeded.product.product.stop().await;
}

/// Redis loses its data.
async fn empty_redis(url: &str) {
    let mut connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHDB").query_async::<()>(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f_24_without_postgres_calls_are_refused_for_now_and_go_on_by_themselves() {
    trust!("P5");
    let postgres = proxy("CHATS_DATABASE_URL").await;
    let through = |name: &str, url: String| if name == "CHATS_DATABASE_URL" { lead(&url, &postgres) } else { url };
    let seeded = seeded_through(&[], through).await;
    postgres.set(Mode::Refuse).await;
    let body =
        json!({"assistantId": seeded.assistant, "contactExternalId": "c2", "externalId": "gone", "text": "Есть кто?"});
    let refused = seeded.api.post("/api/v1/channels/api/messages", body.clone()).await;
    let _ = refused.problem(503, "UNAVAILABLE");
    assert_eq!(seeded.api.get("/api/v1/billing/wallet").await.status, StatusCode::OK, "others are not concerned");
    postgres.set(Mode::Forward).await;
    let answered = eventually_within(Duration::from_secs(5), "the same message is taken", async || {
        let answer = seeded.api.post("/api/v1/channels/api/messages", body.clone()).await;
        (answer.status == StatusCode::OK).then(|| answer.ok())
    })
    .await;
    assert_eq!(answered["turn"]["state"], "TURN_STATE_DELIVERED", "{answered}");
    seeded.product.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_26_without_storage_uploads_wait_and_conversations_do_not_notice() {
    trust!("F-26");
    let storage = proxy("S3_ENDPOINT").await;
    let address = lead(&std::env::var("S3_ENDPOINT").expect("run by `make test-it`"), &storage);
    let seeded = seeded(&[("S3_ENDPOINT", &address), ("S3_PUBLIC_ENDPOINT", &address)]).await;
    let files = format!("/api/v1/assistants/{}/files", seeded.assistant);
    let announce = async |name: &str| {
        let body = json!({"name": name, "sizeBytes": RULES.len().to_string()});
        seeded.api.post(&files, body).await
    };
    let sent = announce("до.txt").await.ok();
    assert!(upload(&sent["upload"]).await);
    let confirm = format!("{files}/{}:confirm", sent["file"]["id"].as_str().unwrap());
    storage.set(Mode::Refuse).await;

    let _ = seeded.api.post(&confirm, json!({})).await.problem(503, "STORAGE_UNAVAILABLE");
    let chats = seeded.api.get("/api/v1/chats").await.ok();
    let chat = chats["conversations"][0]["id"].as_str().unwrap();
    let _ = seeded.api.post(&format!("/api/v1/chats/{chat}:return"), json!({})).await.ok();
    let answered = ask(&seeded.api, &seeded.assistant, "without-storage").await;
    assert_eq!(answered["turn"]["state"], "TURN_STATE_DELIVERED", "{answered}");

    storage.set(Mode::Forward).await;
    eventually_within(SOON, "the file is ready after all", async || {
        let _ = seeded.api.post(&confirm, json!({})).await;
        let file = seeded.api.get(confirm.trim_end_matches(":confirm")).await.ok();
        (file["status"] == "FILE_STATUS_READY").then_some(())
    })
    .await;
    seeded.product.product.stop().await;
}
