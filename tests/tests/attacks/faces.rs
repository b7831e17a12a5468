//! The other faces: native gRPC and gRPC-Web pass through, probes answer, the documents are there. E-2 as gRPC.

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use neipix_proto::auth::v1::{GetJwksRequest, auth_service_client::AuthServiceClient};
use neipix_tests::client::{Rest, Surface};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::scene::Scene;

/// One gRPC call over HTTP/2, as the owner; the message bytes of the answer, or code and reason.
pub async fn grpc(scene: &Scene, path: &str, message: Vec<u8>) -> Result<Bytes, (Code, String)> {
    grpc_with(scene, path, &frame(0, &message), &[]).await
}

/// A message with its head.
pub fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

/// The same with any bytes as body and more headers.
pub async fn grpc_with(
    scene: &Scene,
    path: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Result<Bytes, (Code, String)> {
    let address = scene.test.product.address;
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let request = http::Request::post(format!("http://api.localhost:{}{path}", address.port()));
    let mut request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    let authorization = format!("Bearer {}", scene.owner.caller().0);
    let usual = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", authorization.as_str())];
    for (name, value) in usual.iter().chain(headers) {
        request.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let answer = sender.send_request(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned();
    let status = trailers.iter().find_map(Status::from_header_map).or_else(|| Status::from_header_map(&parts.headers));
    let status = status.expect("a gRPC status");
    if status.code() != Code::Ok {
        let reason = status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
        return Err((status.code(), reason));
    }
    Ok(collected.to_bytes().slice(5..))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_client_calls_through_the_edge() {
    let scene = Scene::set().await;
    let address = scene.test.product.address;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .origin(format!("http://api.localhost:{}", address.port()).parse().unwrap())
        .connect()
        .await
        .unwrap();
    let jwks = AuthServiceClient::new(channel).get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    let rest = scene.owner.get("/.well-known/jwks.json").await.ok();
    assert_eq!(jwks.keys[0].kid, rest["keys"][0]["kid"].as_str().unwrap());

    let me = grpc(&scene, "/neipix.auth.v1.AuthService/GetMe", vec![]).await.unwrap();
    let me = neipix_proto::auth::v1::Me::decode(me).unwrap();
    assert_eq!(me.user.unwrap().email, "owner@romashka.example");
    let forged = [("authorization", "Bearer x")];
    let refused = grpc_with(&scene, "/neipix.auth.v1.AuthService/GetMe", &frame(0, &[]), &forged).await.unwrap_err();
    assert_eq!(refused, (Code::Unauthenticated, "TOKEN_INVALID".to_owned()));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_calls_by_grpc_web() {
    let scene = Scene::set().await;
    let path = "/neipix.auth.v1.AuthService/GetMe";
    for media_type in ["application/grpc-web+proto", "application/grpc-web-text"] {
        let text = media_type.ends_with("text");
        let encode = |bytes: &[u8]| {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            if text { STANDARD.encode(bytes).into_bytes() } else { bytes.to_vec() }
        };
        let body = Some(encode(&frame(0, &[])));
        let answer = scene.owner.try_bytes(Method::POST, path, media_type, body).await.unwrap();
        assert_eq!(answer.status, 200, "{answer}");
        assert!(answer.header("content-type").starts_with("application/grpc-web"), "{answer}");
        if !text {
            let length = usize::try_from(u32::from_be_bytes(answer.body[1..5].try_into().unwrap())).unwrap();
            let me = neipix_proto::auth::v1::Me::decode(answer.body.slice(5..5 + length)).unwrap();
            assert_eq!(me.user.unwrap().email, "owner@romashka.example");
            assert!(answer.text().contains("grpc-status:0"), "{answer}");
        }
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_2_a_compressed_grpc_message_is_refused_unread() {
    let scene = Scene::set().await;
    let before = scene.state().await;
    let path = "/neipix.assistants.v1.AssistantService/CreateAssistant";
    let too_large = Err((Code::ResourceExhausted, "BODY_TOO_LARGE".to_owned()));
    let bomb = crate::bodies::BOMB;
    assert_eq!(grpc_with(&scene, path, &frame(1, bomb), &[("grpc-encoding", "gzip")]).await, too_large);
    assert_eq!(grpc_with(&scene, path, &frame(0, bomb), &[("grpc-encoding", "gzip")]).await, too_large);
    assert_eq!(grpc_with(&scene, path, &frame(1, bomb), &[]).await, too_large);
    // A length that is only announced, and a message that is really that long.
    let announced = [&[0, 0x7f, 0xff, 0xff, 0xff][..], b"{}"].concat();
    assert_eq!(grpc_with(&scene, path, &announced, &[]).await, too_large);
    assert_eq!(grpc_with(&scene, path, &frame(0, &vec![0; 1024 * 1024 + 1]), &[]).await, too_large);
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_documents_are_there() {
    let scene = Scene::set().await;
    let api = Rest::at(scene.test.product.address, Surface::Api);
    assert_eq!(api.get("/healthz").await.text(), "ok");
    assert_eq!(api.get("/readyz").await.text(), "ready");
    let document = api.get("/api/v1/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    assert_eq!(document.ok()["openapi"], "3.1.0");
    let page = api.get("/docs").await;
    assert!(page.status == 200 && page.header("content-type").starts_with("text/html"), "{page}");
    assert!(page.text().contains("/api/v1/assistants/{id}:publish") && !page.text().contains("<script"), "{page}");
    let about = api.get("/errors/RATE_LIMITED").await;
    assert!(about.status == 200 && about.text().contains("RATE_LIMITED"), "{about}");
    api.get("/errors/NOTHING_OF_OURS").await.problem(404, "NOT_FOUND");
    scene.end().await;
}
