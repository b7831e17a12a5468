//! E-1, E-2, E-3, E-4, E-6, E-8: bodies that are too large, too deep, ambiguous, no text, no JSON.

use http::Method;
use neipix_tests::{
    client::{Answer, Bearer, Rest},
    trust,
};

use crate::{raw::Raw, scene::Scene};

const LIMIT: usize = 1024 * 1024;
const PATH: &str = "/api/v1/assistants";
/// Gzip within gzip: 10 GiB of zeros in 17 KB.
pub const BOMB: &[u8] = include_bytes!("bomb.gz.gz");

async fn send(owner: &Rest<Bearer>, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    owner.try_bytes(Method::POST, PATH, media_type, Some(body.into())).await.unwrap()
}

fn padded(length: usize) -> String {
    let json = r#"{"draft": {"name": "a"}}"#;
    format!("{json}{}", " ".repeat(length - json.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn e_1_a_body_one_byte_too_large_is_refused_and_not_waited_for() {
    trust!("E-1");
    let scene = Scene::set().await;
    let before = scene.state().await;
    send(&scene.owner, "application/json", padded(LIMIT + 1)).await.problem(413, "BODY_TOO_LARGE");

    // With a length, the refusal comes before the first byte of the body; in chunks, before the body has an end.
    let (address, token) = (scene.test.product.address, &scene.owner.caller().0);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: api.localhost:{}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n",
        address.port()
    );
    let mut raw = Raw::to(address).await;
    raw.send(format!("{head}Content-Length: {}\r\n\r\n", LIMIT + 1).as_bytes()).await;
    let reply = raw.reply().await;
    assert!(reply.status == 413 && reply.text.contains("BODY_TOO_LARGE"), "{reply:?}");

    let mut raw = Raw::to(address).await;
    raw.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", LIMIT + 1).as_bytes()).await;
    raw.send(padded(LIMIT + 1).as_bytes()).await;
    let reply = raw.reply().await;
    assert!(reply.status == 413 && reply.text.contains("BODY_TOO_LARGE"), "{reply:?}");
    scene.unchanged(&before).await;

    let _ = send(&scene.owner, "application/json", padded(LIMIT)).await.ok();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_2_a_compressed_body_is_refused_unread() {
    let scene = Scene::set().await;
    let before = scene.state().await;
    for encoding in ["gzip", "gzip, gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"] {
        let owner = scene.owner.clone().with_header("content-encoding", encoding);
        send(&owner, "application/json", BOMB).await.problem(415, "MEDIA_TYPE");
    }
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_3_nesting_ten_thousand_deep_is_refused() {
    trust!("E-3");
    let scene = Scene::set().await;
    let before = scene.state().await;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = open.repeat(10_000) + "1" + &close.repeat(10_000);
        for body in [deep.clone(), format!(r#"{{"draft": {deep}}}"#)] {
            send(&scene.owner, "application/json", body).await.problem(400, "BODY_MALFORMED");
        }
    }
    // The same as protobuf: groups of an unknown field.
    let deep = [vec![0x7b; 10_000], vec![0x7c; 10_000]].concat();
    let status = crate::faces::grpc(&scene, "/neipix.assistants.v1.AssistantService/CreateAssistant", deep).await;
    assert_eq!(status.unwrap_err(), (tonic::Code::InvalidArgument, "BODY_MALFORMED".to_owned()));
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_4_a_field_stands_once_under_one_name_that_exists() {
    trust!("E-4");
    let scene = Scene::set().await;
    let before = scene.state().await;
    let twice = r#"{"draft": {"name": "a", "name": "b"}}"#;
    send(&scene.owner, "application/json", twice).await.problem(400, "BODY_MALFORMED");
    let two_names = r#"{"draft": {"name": "a", "answerDelaySeconds": 1, "answer_delay_seconds": 2}}"#;
    let refused = send(&scene.owner, "application/json", two_names).await.problem(400, "FIELD_INVALID");
    refused.names("draft.answerDelaySeconds");
    let unknown = r#"{"draft": {"name": "a", "displayName": "b"}}"#;
    send(&scene.owner, "application/json", unknown).await.problem(400, "FIELD_INVALID").names("draft.displayName");
    let unknown = r#"{"draft": {"name": "a"}, "isStaff": true}"#;
    send(&scene.owner, "application/json", unknown).await.problem(400, "FIELD_INVALID").names("isStaff");
    // No request of today has a oneof; one that gets one is refused by the transcoder: see edge/src/transcode.rs.
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_6_text_that_is_no_text_is_refused() {
    trust!("E-6");
    let scene = Scene::set().await;
    let before = scene.state().await;
    let mut broken = br#"{"draft": {"name": "a"#.to_vec();
    broken.extend([0xff, 0xfe]);
    broken.extend(br#""}}"#);
    send(&scene.owner, "application/json", broken).await.problem(400, "BODY_MALFORMED");
    for surrogate in [r#"{"draft": {"name": "\ud800"}}"#, r#"{"draft": {"name": "\udc00\ud800"}}"#] {
        send(&scene.owner, "application/json", surrogate).await.problem(400, "BODY_MALFORMED");
    }
    let nul = r#"{"draft": {"name": "a\u0000b"}}"#;
    send(&scene.owner, "application/json", nul).await.problem(400, "FIELD_INVALID").names("draft.name");
    scene.owner.get(&format!("{PATH}?q=%ff")).await.problem(400, "FIELD_INVALID").names("q");
    scene.owner.get(&format!("{PATH}?q=a%00b")).await.problem(400, "FIELD_INVALID").names("q");
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_8_json_goes_by_its_own_media_type() {
    trust!("E-8");
    let scene = Scene::set().await;
    let before = scene.state().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"] {
        send(&scene.owner, media_type, r#"{"draft": {"name": "a"}}"#).await.problem(415, "MEDIA_TYPE");
    }
    scene.unchanged(&before).await;
    scene.end().await;
}
