//! The client against small servers of its own.

use axum::{
    Router,
    extract::{Query, WebSocketUpgrade, ws},
    response::IntoResponse,
    routing::{any, get},
};
use serde_json::json;

use super::*;
use crate::server::{Server, json as json_answer};

async fn serve(router: Router) -> Server {
    Server::start(router).await.unwrap()
}

fn problem(status: u16, detail: &str) -> axum::response::Response {
    let body = json!({
        "type": "http://api.localhost/errors/FIELD_INVALID", "title": "Поле неверно", "status": status, "detail": detail,
        "reason": "FIELD_INVALID", "trace_id": "t1", "errors": [{"field": "name", "message": "от 1 до 100 знаков"}],
    });
    let mut answer = json_answer(status, &body);
    answer.headers_mut().insert("content-type", "application/problem+json".parse().unwrap());
    answer
}

#[tokio::test]
async fn says_host_and_identity() {
    let echo = async |headers: HeaderMap| {
        let shown: serde_json::Map<String, Value> =
            headers.iter().map(|(k, v)| (k.to_string(), v.to_str().unwrap().into())).collect();
        json_answer(200, &Value::Object(shown))
    };
    let server = serve(Router::new().fallback(any(echo))).await;
    let app = Rest::at(server.addr(), Surface::App);
    let seen = app.get("/x").await.ok();
    assert_eq!(seen["host"], format!("app.localhost:{}", server.addr().port()));
    assert_eq!(seen.get("authorization"), None);
    assert_eq!(app.bearer("t").post("/x", json!({})).await.ok()["authorization"], "Bearer t");
    assert_eq!(app.api_key("npk_1").get("/x").await.ok()["authorization"], "Bearer npk_1");
    assert_eq!(app.browser().get("/x").await.ok()["origin"], app.origin());
    let evil = app.clone().with_host("evil.tld").with_header("x-forwarded-host", "evil.tld");
    assert_eq!(evil.get("/x").await.ok()["host"], "evil.tld");
    assert_eq!(app.post_once("/x", "k1", json!({})).await.ok()["idempotency-key"], "k1");
}

#[tokio::test]
async fn a_browser_keeps_and_drops_cookies() {
    let set = || async { [("set-cookie", "__Host-r=1; Path=/; Secure; HttpOnly; SameSite=Lax")] };
    let clear = || async { [("set-cookie", "__Host-r=; Max-Age=0")] };
    let show =
        async |headers: HeaderMap| headers.get("cookie").map_or(String::new(), |c| c.to_str().unwrap().to_owned());
    let routes = Router::new().route("/set", get(set)).route("/clear", get(clear)).route("/show", get(show));
    let server = serve(routes).await;
    let browser = Rest::at(server.addr(), Surface::App).browser();
    browser.get("/set").await;
    assert!(browser.caller().cookies()[0].attributes.contains(&"HttpOnly".to_owned()));
    assert_eq!(browser.get("/show").await.text(), "__Host-r=1");
    browser.get("/clear").await;
    assert_eq!(browser.get("/show").await.text(), "");
}

#[tokio::test]
async fn a_problem_is_checked() {
    let server = serve(Router::new().fallback(any(|| async { problem(400, "name") }))).await;
    let answer = Rest::at(server.addr(), Surface::Api).get("/x").await;
    let problem = answer.problem(400, "FIELD_INVALID");
    assert_eq!(problem.names("name").fields(), ["name"]);
    assert_eq!(problem.without_trace().get("trace_id"), None);
}

#[tokio::test]
#[should_panic(expected = "leaks «select »")]
async fn a_leak_in_a_problem_is_found() {
    let server = serve(Router::new().fallback(any(|| async { problem(400, "SELECT 1") }))).await;
    Rest::at(server.addr(), Surface::Api).get("/x").await.problem(400, "FIELD_INVALID");
}

#[tokio::test]
async fn reads_events_as_they_come() {
    let text = "id: 7\nevent: delta\ndata: {\"text\":\"Да\"}\n\n: ping\n\ndata: 1\ndata: 2\n\nevent: finished\r\ndata: {}\r\n\r\n";
    let stream = move || async move { ([("content-type", "text/event-stream")], text) };
    let server = serve(Router::new().fallback(any(stream))).await;
    let mut sse = Rest::at(server.addr(), Surface::Api).stream(Method::POST, "/x", Some(json!({}))).await;
    let first = sse.next().await.unwrap();
    assert_eq!(
        (first.id.as_deref(), first.event.as_str(), first.json()["text"].as_str()),
        (Some("7"), "delta", Some("Да"))
    );
    assert_eq!(sse.next().await.unwrap().data, "1\n2");
    assert_eq!((sse.until("finished").await.data.as_str(), sse.comments()), ("{}", 1));
    assert_eq!(sse.next().await, None);
}

#[test]
fn events_survive_any_border() {
    let text = "data: Дa\r\n\r\nevent: x\ndata:б\n\n".as_bytes();
    for border in 0..text.len() {
        let mut parser = SseParser::default();
        parser.push(&text[..border]);
        parser.push(&text[border..]);
        let found: Vec<String> = std::iter::from_fn(|| parser.pop()).map(|e| e.data).collect();
        assert_eq!(found, ["Дa", "б"], "border {border}");
    }
}

#[tokio::test]
async fn a_socket_talks_and_tells_its_end() {
    let talk = async |headers: HeaderMap, upgrade: WebSocketUpgrade| {
        if headers.get("sec-websocket-protocol").is_none() {
            return http::StatusCode::UNAUTHORIZED.into_response();
        }
        upgrade.protocols(["neipix.v1"]).on_upgrade(async |mut socket| {
            socket.send(ws::Message::text(r#"{"t":"hb"}"#)).await.unwrap();
            let said = socket.recv().await.unwrap().unwrap();
            socket.send(said).await.unwrap();
            let frame = ws::CloseFrame { code: 4001, reason: "".into() };
            socket.send(ws::Message::Close(Some(frame))).await.unwrap();
        })
    };
    let server = serve(Router::new().route("/events", any(talk))).await;
    let app = Rest::at(server.addr(), Surface::App);
    assert_eq!(app.socket("/events", None).await.unwrap_err(), 401);
    let mut socket = app.socket("/events", Some("neipix.v1, ticket.abc")).await.unwrap();
    assert_eq!(socket.protocol(), Some("neipix.v1"));
    socket.send(&json!({"t": "resume", "after": 5})).await;
    assert_eq!(socket.until("the echo", |frame| frame["t"] == "resume").await["after"], 5);
    assert_eq!(socket.closed_within(Duration::from_secs(5)).await, Some(4001));
}

#[tokio::test]
async fn the_mailbox_gives_codes() {
    let list = async |Query(asked): Query<std::collections::HashMap<String, String>>| {
        let text = format!("Здравствуйте, {}! Ваш код 123456, он живёт 30 минут.", asked["to"]);
        json_answer(200, &json!({"messages": [{"subject": "Код", "text": text}]}))
    };
    let server = serve(Router::new().route("/mailbox/api/messages", get(list))).await;
    let mailbox = Mailbox::new(&format!("http://{}/", server.addr()));
    assert_eq!(mailbox.code_for("a+b@x.ru").await, "123456");
    assert!(mailbox.wait_for("a+b@x.ru", 1).await[0].text.contains("a+b@x.ru"));
}
