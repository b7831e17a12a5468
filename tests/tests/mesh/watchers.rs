//! An edge that dies under its watchers: they go on at the other one from the last number they have.

use http::Method;
use neipix_tests::{
    client::{Bearer, Rest, Socket, Sse, Surface},
    poll::within,
    trust,
};
use serde_json::{Value, json};

use crate::house::{House, OWNER, PASSWORD, SOON, in_house};

/// The last number that was given in the house's workspace.
async fn head(house: &House) -> i64 {
    let workspace =
        format!("SELECT workspace_id FROM chats.channel WHERE assistant_id = '{}' LIMIT 1", house.assistant);
    let head = format!("SELECT coalesce(max(last_seq), 0) FROM chats.event_head WHERE workspace_id IN ({workspace})");
    house.look(&head).await.parse().unwrap()
}

async fn log_in(house: &House) -> Rest<Bearer> {
    let api = house.mesh.rest(1, Surface::Api);
    let body = json!({"email": OWNER, "password": PASSWORD, "surface": "SURFACE_API"});
    let tokens = api.post("/api/v1/auth/login", body).await.ok();
    api.bearer(tokens["accessToken"].as_str().unwrap())
}

async fn stream(house: &House, owner: &Bearer, edge: usize, after: i64) -> Sse {
    let watcher = house.mesh.rest(edge, Surface::Api).acting(owner.clone());
    watcher.stream(Method::GET, &format!("/api/v1/events?after={after}"), None).await
}

/// Numbers up to the end of the turn that is under way.
async fn numbers_of_stream(stream: &mut Sse) -> Vec<i64> {
    let mut numbers = vec![];
    loop {
        let event = stream.next_within(SOON).await.expect("the stream goes on");
        let Some(number) = event.id.as_ref().and_then(|id| id.parse().ok()) else { continue };
        numbers.push(number);
        if event.event == "turn.settled" {
            return numbers;
        }
    }
}

async fn socket(house: &House, owner: &Bearer, edge: usize, after: i64) -> Socket {
    let watcher = house.mesh.rest(edge, Surface::Api).acting(owner.clone());
    let ticket = watcher.post("/api/v1/auth/socket-tickets", json!({})).await.ok();
    let protocols = format!("neipix.v1, ticket.{}", ticket["ticket"].as_str().unwrap());
    let mut socket = watcher.socket("/api/v1/events", Some(&protocols)).await.unwrap();
    socket.send(&json!({"t": "resume", "after": after})).await;
    socket
}

async fn numbers_of_socket(socket: &mut Socket) -> Vec<i64> {
    let mut numbers = vec![];
    loop {
        let frame: Value = socket.next_within(SOON).await.expect("the socket goes on");
        assert_ne!(frame["t"], "error", "{frame}");
        if frame["t"] == "event" {
            numbers.push(frame["seq"].as_i64().unwrap());
            if frame["kind"] == "turn.settled" {
                return numbers;
            }
        }
    }
}

#[test]
fn f_15_watchers_of_a_dead_edge_go_on_at_the_other_and_miss_nothing() {
    trust!("F-15");
    in_house(async |house| {
        let owner = log_in(house).await.caller().clone();
        let first = head(house).await;
        let mut streamed = stream(house, &owner, 0, first).await;
        let mut socketed = socket(house, &owner, 0, first).await;
        house.ask("watched", "m1").await;
        let mut by_stream = within(SOON, "the turn by stream", numbers_of_stream(&mut streamed)).await;
        let mut by_socket = within(SOON, "the turn by socket", numbers_of_socket(&mut socketed)).await;
        house.mesh.kill("edge", 0).await;
        // Both break off; what happens meanwhile is told later.
        while let Ok(Some(_)) = streamed.try_next().await {}
        while socketed.next_within(SOON).await.is_some() {}
        house.ask("watched", "m2").await;
        let mut streamed = stream(house, &owner, 1, *by_stream.last().unwrap()).await;
        let mut socketed = socket(house, &owner, 1, *by_socket.last().unwrap()).await;
        by_stream.extend(within(SOON, "the stream's rest", numbers_of_stream(&mut streamed)).await);
        by_socket.extend(within(SOON, "the socket's rest", numbers_of_socket(&mut socketed)).await);
        for numbers in [by_stream, by_socket] {
            let dense: Vec<i64> = (first + 1..=*numbers.last().unwrap()).collect();
            assert_eq!(numbers, dense, "each once, in order, none missed");
        }
    });
}
