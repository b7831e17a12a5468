//! E-7: paths that try to reach another route; O-2: what belongs to the inside is not found outside.

use neipix_tests::{
    client::{Rest, Surface},
    trust,
};

use crate::{faces, raw::exchange, scene::Scene};

#[tokio::test(flavor = "multi_thread")]
async fn e_7_a_twisted_path_reaches_no_other_route() {
    trust!("E-7");
    let scene = Scene::set().await;
    let id = scene.assistant("А").await;
    let before = scene.state().await;
    let address = scene.test.product.address;
    let twisted = [
        ("GET", "/api/v1/assistants/%2e%2e%2fadmin%2fusers".to_owned()),
        ("GET", "/api/v1/assistants/../admin/users".to_owned()),
        ("GET", "/api/v1/assistants/%2e%2e/admin/users".to_owned()),
        ("GET", "//api/v1/assistants".to_owned()),
        ("GET", "/api/v1//assistants".to_owned()),
        ("GET", "/api/v1/assistants/".to_owned()),
        ("GET", format!("/api/v1/assistants/{id}%00")),
        ("GET", format!("/api/v1/assistants/%00{id}")),
        ("GET", format!("/api/v1/assistants/{id}%2fversions")),
        ("GET", format!("/api/v1/assistants/{id};x=y")),
        ("GET", format!("/API/v1/assistants/{id}")),
        ("POST", format!("/api/v1/assistants/{id}%3Apublish")),
        ("POST", format!("/api/v1/assistants/{id}%3apublish")),
        ("POST", format!("/api/v1/assistants/{id}:publish%00")),
        ("POST", format!("/api/v1/assistants/{id}:%70ublish")),
        ("POST", format!("/api/v1/assistants%2f{id}:publish")),
    ];
    for (verb, path) in twisted {
        let request = format!(
            "{verb} {path} HTTP/1.1\r\nHost: api.localhost:{}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            address.port(),
            scene.owner.caller().0
        );
        let reply = exchange(address, &request).await;
        assert!([400, 404, 405].contains(&reply.status), "{verb} {path}: {reply:?}");
        assert!(reply.status == 400 || !reply.text.contains(&id), "{verb} {path}: {reply:?}");
        assert!(reply.text.contains("application/problem+json"), "{verb} {path}: {reply:?}");
    }
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o_2_the_inside_is_not_found_from_a_public_host() {
    trust!("O-2");
    let scene = Scene::set().await;
    for surface in [Surface::App, Surface::Admin, Surface::Api, Surface::Widget, Surface::Files] {
        let host = Rest::at(scene.test.product.address, surface);
        for path in
            ["/metrics", "/mailbox", "/messages", "/api/v1/messages", "/debug/pprof", "/grpc.health.v1.Health/Check"]
        {
            host.get(path).await.problem(404, "NOT_FOUND");
        }
    }
    for path in [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Check",
    ] {
        let refused = faces::grpc(&scene, path, vec![]).await.unwrap_err();
        assert_eq!(refused.0, tonic::Code::Unimplemented, "{path}: {refused:?}");
    }
    scene.end().await;
}
