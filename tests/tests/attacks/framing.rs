//! E-9: requests whose end two readers could see in different places.

use std::time::Duration;

use neipix_tests::trust;

use crate::{raw::Raw, scene::Scene};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn e_9_ambiguous_framing_is_refused_and_the_connection_closed() {
    trust!("E-9");
    let scene = Scene::set().await;
    let before = scene.state().await;
    let (address, token) = (scene.test.product.address, &scene.owner.caller().0);
    let body = r#"{"draft":{"name":"smuggled"}}"#;
    let length = body.len();
    let head = |more: &str| {
        format!(
            "POST /api/v1/assistants HTTP/1.1\r\nHost: api.localhost:{}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{more}\r\n",
            address.port()
        )
    };
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let attacks = [
        ("length and chunks", head(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n")) + &chunked),
        ("chunks and length", head(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n")) + &chunked),
        ("two lengths", head(&format!("Content-Length: {length}\r\nContent-Length: 0\r\n")) + body),
        ("the same length twice", head(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n")) + body),
        ("a list of lengths", head(&format!("Content-Length: {length}, {length}\r\n")) + body),
        ("a signed length", head(&format!("Content-Length: +{length}\r\n")) + body),
        ("chunks that are not last", head("Transfer-Encoding: chunked, identity\r\n") + &chunked),
        ("a folded line", head(&format!("X-Folded: a\r\n b\r\nContent-Length: {length}\r\n")) + body),
        ("a folded encoding", head("Transfer-Encoding:\r\n chunked\r\n") + &chunked),
        ("a bare LF", head(&format!("X-Bare: a\nContent-Length: {length}\r\n")) + body),
        ("a bare CR", head(&format!("X-Bare: a\rContent-Length: {length}\r\n")) + body),
        ("a space before the colon", head(&format!("Content-Length : {length}\r\n")) + body),
    ];
    for (name, request) in attacks {
        let mut raw = Raw::to(address).await;
        raw.send(request.as_bytes()).await;
        let reply = raw.reply().await;
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
        raw.closes(SOON).await;
    }
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_request_behind_a_good_one_is_refused_too() {
    let scene = Scene::set().await;
    let address = scene.test.product.address;
    let good = format!("GET /healthz HTTP/1.1\r\nHost: api.localhost:{}\r\n\r\n", address.port());
    let bad = "GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n";
    let mut raw = Raw::to(address).await;
    raw.send(format!("{good}{good}{bad}").as_bytes()).await;
    let mut all = String::new();
    loop {
        let reply = raw.reply().await;
        if reply.text.is_empty() {
            break;
        }
        all += &reply.text;
    }
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 2, "{all}");
    assert_eq!(all.matches("HTTP/1.1 400 Bad Request").count(), 1, "{all}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_ends_its_connection() {
    let scene = Scene::set().await;
    let address = scene.test.product.address;
    let mut raw = Raw::to(address).await;
    let upgrade = format!(
        "GET /api/v1/auth/me HTTP/1.1\r\nHost: api.localhost:{}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        address.port()
    );
    raw.send(upgrade.as_bytes()).await;
    let reply = raw.reply().await;
    assert_eq!(reply.status, 401, "{reply:?}");
    raw.closes(SOON).await;
    scene.end().await;
}
