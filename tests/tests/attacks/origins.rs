//! E-19: pages of other sites; what our own pages get.

use http::Method;
use neipix_tests::{
    client::{Anonymous, Answer, Rest, Surface},
    trust,
};

use crate::scene::Scene;

async fn preflight(host: &Rest<Anonymous>, origin: &str) -> Answer {
    let host = host.clone().with_header("origin", origin).with_header("access-control-request-method", "POST");
    host.call(Method::OPTIONS, "/api/v1/assistants", None).await
}

fn cross_origin_headers(answer: &Answer) -> Vec<String> {
    let names = answer.headers.keys().map(|name| name.as_str().to_owned());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn e_19_a_foreign_origin_gets_no_cors_headers() {
    trust!("E-19");
    let scene = Scene::set().await;
    let port = scene.test.product.address.port();
    let foreign = [
        "https://app.localhost.evil.tld".to_owned(),
        format!("http://app.localhost:{port}.evil.tld"),
        format!("https://app.localhost:{port}"),
        format!("http://evil.app.localhost:{port}"),
        "http://app.localhost".to_owned(),
        "null".to_owned(),
        "*".to_owned(),
    ];
    for surface in [Surface::App, Surface::Admin, Surface::Api, Surface::Widget] {
        let host = Rest::at(scene.test.product.address, surface);
        for origin in &foreign {
            let answer = preflight(&host, origin).await;
            assert_eq!(cross_origin_headers(&answer), Vec::<String>::new(), "{origin}: {answer}");
            let answer = host.clone().with_header("origin", origin).get("/api/v1/auth/me").await;
            assert_eq!(cross_origin_headers(&answer), Vec::<String>::new(), "{origin}: {answer}");
        }
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_pages_may_call_the_api_host_without_cookies() {
    let scene = Scene::set().await;
    let port = scene.test.product.address.port();
    let api = Rest::at(scene.test.product.address, Surface::Api);
    let own = format!("http://app.localhost:{port}");
    let answer = preflight(&api, &own).await;
    assert_eq!(answer.status, 204, "{answer}");
    assert_eq!(answer.header("access-control-allow-origin"), own);
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.header("access-control-allow-methods").contains("PATCH"), "{answer}");
    assert!(answer.header("access-control-allow-headers").contains("idempotency-key"), "{answer}");
    assert!(answer.header("vary").contains("origin"), "{answer}");
    let answer = api.clone().with_header("origin", &own).get("/api/v1/auth/me").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (401, own.as_str()), "{answer}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let scene = Scene::set().await;
    for surface in [Surface::App, Surface::Admin, Surface::Api, Surface::Files] {
        let host = Rest::at(scene.test.product.address, surface);
        for path in ["/healthz", "/api/v1/auth/me", "/nothing", "/api/v1/openapi.json"] {
            let answer = host.get(path).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("x-frame-options", "DENY"),
            ] {
                assert_eq!(answer.header(name), value, "{name}: {answer}");
            }
            assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{answer}");
        }
    }
    let answer = scene.owner.get("/api/v1/auth/me").await;
    assert_eq!(answer.header("cache-control"), "no-store", "{answer}");
    scene.end().await;
}
