//! E-18: a limit is one limit, whichever edge is asked.

use std::time::Instant;

use futures::{StreamExt as _, future::join_all, stream};
use neipix_local::testing;
use neipix_tests::{
    client::{Rest, Surface},
    trust,
};
use serde_json::json;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn e_18_two_edges_count_together() {
    trust!("E-18");
    let scene = Scene::set().await;
    let other = testing::replica(&scene.test.settings).await.expect("a second edge");
    let host = format!("api.localhost:{}", scene.test.product.address.port());
    let edges = [scene.test.product.address, other.address];

    // By address: ten a minute.
    let before = scene.state().await;
    let body = json!({"registrationId": uuid::Uuid::now_v7().to_string()});
    let calls = (0..100).map(|n| {
        let edge = Rest::at(edges[n % 2], Surface::Api).with_host(&host);
        let body = body.clone();
        async move { edge.post("/api/v1/auth/resend-code", body).await }
    });
    let mut admitted = 0;
    for answer in join_all(calls).await {
        if answer.status == 200 {
            admitted += 1;
            continue;
        }
        answer.problem(429, "RATE_LIMITED");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{answer}");
    }
    // One comes back every six seconds.
    assert!((10..=12).contains(&admitted), "{admitted}");
    scene.unchanged(&before).await;

    // By person: sixty a minute, and somebody else has their own.
    let stranger = scene.stranger().await;
    let switch = json!({"workspaceId": uuid::Uuid::now_v7().to_string()});
    let calls = (0..600).map(|n| {
        let token = scene.owner.caller().0.clone();
        let edge = Rest::at(edges[n % 2], Surface::Api).with_host(&host).bearer(&token);
        let switch = switch.clone();
        async move { edge.post("/api/v1/auth/switch-workspace", switch).await }
    });
    let began = Instant::now();
    let answers: Vec<_> = stream::iter(calls).buffer_unordered(16).collect().await;
    let limited = answers.iter().filter(|a| a.status == 429).inspect(|a| drop(a.problem(429, "RATE_LIMITED"))).count();
    // One comes back every second.
    let most = 61 + usize::try_from(began.elapsed().as_secs()).unwrap();
    let admitted = 600 - limited;
    assert!((60..=most).contains(&admitted), "{admitted} of 600");
    stranger.post("/api/v1/auth/switch-workspace", switch).await.problem(404, "NOT_FOUND");
    other.stop().await;
    scene.end().await;
}
