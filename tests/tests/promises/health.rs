//! gRPC health: what a stopped Postgres or Redis turns NOT_SERVING, and back.

use std::time::Duration;

use neipix_local::testing::{self, TestProduct};
use neipix_tests::{poll::eventually_within, proxy::Mode, trust};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::seed::{lead, proxy};

const AUTH: [&str; 2] = ["neipix.auth.v1.AuthService", "neipix.auth.v1.AuthEventService"];
const BILLING: [&str; 3] =
    ["neipix.billing.v1.BillingService", "neipix.billing.v1.PriceService", "neipix.billing.v1.BillingEventService"];
const CHATS: [&str; 5] = [
    "neipix.chats.v1.ChannelService",
    "neipix.chats.v1.ConversationService",
    "neipix.chats.v1.AskService",
    "neipix.chats.v1.IngestService",
    "neipix.chats.v1.ChatEventService",
];

async fn status(product: &TestProduct, process: &str, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(product.product.cli.background(process)).check(request).await.unwrap();
    answer.into_inner().status()
}

/// Waits until exactly the `down` ones of a process do not serve.
async fn only(product: &TestProduct, process: &str, services: &[&str], down: &[&str]) {
    eventually_within(Duration::from_secs(10), &format!("{process} without {down:?}"), async || {
        for service in services {
            let serving = status(product, process, service).await == ServingStatus::Serving;
            if serving == down.contains(service) {
                return None;
            }
        }
        Some(())
    })
    .await;
    let whole = status(product, process, "").await == ServingStatus::Serving;
    assert_eq!(whole, down.len() < services.len(), "{process} as a whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn f_24_a_stopped_postgres_or_redis_silences_what_needs_it_and_nothing_else() {
    trust!("F-24");
    let (postgres, redis) = (proxy("BILLING_DATABASE_URL").await, proxy("REDIS_URL").await);
    let product = testing::start_through(&[], |name, url| match name {
        "BILLING_DATABASE_URL" => lead(&url, &postgres),
        "REDIS_URL" => lead(&url, &redis),
        _ => url,
    })
    .await
    .expect("the product");
    let all = [("svc-auth", &AUTH[..]), ("svc-billing", &BILLING[..]), ("svc-chats", &CHATS[..])];
    for (process, services) in all {
        only(&product, process, services, &[]).await;
    }

    // Postgres of one service: it as a whole, and nobody else.
    postgres.set(Mode::Refuse).await;
    only(&product, "svc-billing", &BILLING, &BILLING).await;
    only(&product, "svc-chats", &CHATS, &[]).await;
    postgres.set(Mode::Forward).await;
    only(&product, "svc-billing", &BILLING, &[]).await;

    // Redis carries events: only who hands them on stops serving.
    redis.set(Mode::Refuse).await;
    only(&product, "svc-chats", &CHATS, &["neipix.chats.v1.ChatEventService"]).await;
    only(&product, "svc-billing", &BILLING, &["neipix.billing.v1.BillingEventService"]).await;
    only(&product, "svc-auth", &AUTH, &["neipix.auth.v1.AuthEventService"]).await;
    redis.set(Mode::Forward).await;
    for (process, services) in all {
        only(&product, process, services, &[]).await;
    }
    product.product.stop().await;
}
