//! F-21: a client that is not heard of any more, though nobody closed its connection.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use neipix_tests::{
    client::{Anonymous, Rest, Surface},
    poll::eventually_within,
    proxy::{Mode, Proxy},
    trust,
};
use serde_json::json;
use tokio::net::TcpStream;

use crate::seed::owner;

/// As promised for clients' connections.
const FOUND_WITHIN: Duration = Duration::from_secs(60);

/// Reads what came, and waits for more; none where the stream has ended.
async fn last_event(answer: &mut Incoming) -> Option<()> {
    while let Some(Ok(_)) = answer.frame().await {}
    None
}

async fn events_over_http2(way: &Proxy, edge: SocketAddr, token: &str) -> Incoming {
    let stream = TokioIo::new(TcpStream::connect(way.addr()).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://api.localhost:{}/api/v1/events", edge.port()));
    let request = request.header("authorization", format!("Bearer {token}")).body(Empty::<Bytes>::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

#[tokio::test(flavor = "multi_thread")]
async fn f_21_a_half_open_socket_is_closed_within_a_minute_and_one_that_answers_pings_is_not() {
    trust!("F-21");
    let product = neipix_local::testing::start(&[]).await.expect("the product");
    let edge = product.product.address;
    let api = owner(&product, &format!("anna-{}@romashka.example", uuid::Uuid::now_v7())).await;
    let (lost, listening) = (Proxy::start(edge).await.unwrap(), Proxy::start(edge).await.unwrap());
    let mut sockets = vec![];
    for proxy in [&lost, &listening] {
        let ticket = api.post("/api/v1/auth/socket-tickets", json!({})).await.ok();
        let protocols = format!("neipix.v1, ticket.{}", ticket["ticket"].as_str().unwrap());
        let host = format!("api.localhost:{}", edge.port());
        let there = Rest::at(proxy.addr(), Surface::Api).with_host(&host).acting(Anonymous);
        let mut socket = there.socket("/api/v1/events", Some(&protocols)).await.unwrap();
        assert_eq!(socket.next().await.unwrap()["t"], "hb");
        sockets.push(socket);
    }

    // A streaming client over HTTP/2 answers no ping either.
    let stream = Proxy::start(edge).await.unwrap();
    let mut answer = events_over_http2(&stream, edge, &api.caller().0).await;

    lost.set(Mode::HalfOpen).await;
    stream.set(Mode::HalfOpen).await;
    let mut silent = sockets.remove(0);
    let mut heard = sockets.remove(0);
    let found = eventually_within(FOUND_WITHIN, "the edge gives both up", async || {
        // The other client only listens; its library answers pings while it reads.
        let _ = tokio::time::timeout(Duration::from_millis(200), heard.next()).await;
        (lost.given_up() == 1 && stream.given_up() == 1).then_some(())
    });
    found.await;
    assert_eq!(listening.given_up(), 0, "a client that lives is not given up");
    // The lost ones have heard nothing of it.
    let waits = Duration::from_millis(100);
    assert!(tokio::time::timeout(waits, silent.next()).await.is_err());
    assert!(tokio::time::timeout(waits, last_event(&mut answer)).await.is_err());
    product.product.stop().await;
}
