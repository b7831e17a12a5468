//! The socket of operators: who may open it, what it says, what it refuses, and that whoever comes back misses nothing.

use std::time::Duration;

use http::Method;
use neipix_proto::auth::v1::Role;
use neipix_tests::{
    client::{Anonymous, Rest, Socket, Surface},
    provider::{Behaviour, Gate},
    trust,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::house::{House, Person, SOON, events_to, number_of, open_socket, question, ready_assistant, text, ticket};

const MODEL: &str = "test-priced";

/// Some question that nobody need answer well.
async fn asks(person: &Person, assistant: &str, contact: &str, id: &str) -> Value {
    let ask = question(assistant, contact, id, "За сколько дней можно вернуть товар?");
    person.api.post("/api/v1/channels/api/messages", ask).await.ok()
}

async fn last_number(house: &House) -> i64 {
    house.quiet().await;
    house.number("SELECT max(last_seq) FROM chats.event_head").await
}

/// The first frame of a type; others are passed over.
async fn frame(socket: &mut Socket, kind: &str) -> Value {
    socket.until(kind, |frame| frame["t"] == kind).await
}

#[tokio::test(flavor = "multi_thread")]
async fn r_1_a_socket_opens_by_a_fresh_ticket_of_an_own_page_alone() {
    trust!("R-1");
    let house = House::open().await;
    let owner = house.owner().await;
    let events = "/api/v1/events";
    let anonymous = house.at(Surface::Api);
    let opened = async |rest: &Rest<Anonymous>, path: &str, protocols: Option<String>| {
        rest.socket(path, protocols.as_deref()).await.map(|socket| socket.protocol().map(str::to_owned))
    };
    assert_eq!(opened(&anonymous, events, None).await, Err(401), "no ticket");
    assert_eq!(opened(&anonymous, events, Some("neipix.v1".into())).await, Err(401), "no ticket");
    let madeup = "neipix.v1, ticket.AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(opened(&anonymous, events, Some(madeup.into())).await, Err(401), "a made-up ticket");
    let spent = ticket(&owner.api).await;
    assert_eq!(opened(&anonymous, events, Some(spent.clone())).await, Ok(Some("neipix.v1".into())));
    assert_eq!(opened(&anonymous, events, Some(spent)).await, Err(401), "spent");
    let expired = ticket(&owner.api).await;
    house.as_owner("UPDATE auth.socket_ticket SET expires_at = clock_timestamp() - interval '1 second'").await;
    assert_eq!(opened(&anonymous, events, Some(expired)).await, Err(401), "expired");
    let fresh = ticket(&owner.api).await;
    let bare = fresh.rsplit('.').next().unwrap();
    for query in [format!("{events}?ticket={bare}"), format!("{events}?access_token=x")] {
        assert_eq!(opened(&anonymous, &query, Some(fresh.clone())).await, Err(401), "in the address: {query}");
    }
    for origin in ["https://evil.tld", "null", "http://api.localhost.evil.tld"] {
        let page = anonymous.clone().with_header("origin", origin);
        assert_eq!(opened(&page, events, Some(fresh.clone())).await, Err(403), "{origin}");
    }
    let own = anonymous.clone().with_header("origin", &anonymous.origin());
    assert_eq!(opened(&own, events, Some(fresh)).await, Ok(Some("neipix.v1".into())));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_2_what_is_not_there_or_not_a_number_is_an_error_frame_and_the_socket_lives() {
    trust!("R-2");
    let house = House::open().await;
    let (owner, other) = (house.owner().await, house.owner().await);
    let theirs = ready_assistant(&other.api).await;
    let foreign = text(&asks(&other, &theirs, "c1", "m1").await["conversationId"]).to_owned();
    let mut socket = house.socket(&owner).await;
    let mut refused = Vec::new();
    for conversation in [foreign, uuid::Uuid::now_v7().to_string()] {
        socket.send(&json!({"t": "watch", "conversation": conversation})).await;
        refused.push(frame(&mut socket, "error").await);
    }
    assert_eq!(refused[0], refused[1], "as one that is not there");
    assert_eq!(refused[0]["reason"], "NOT_FOUND");
    for after in ["-1", "9223372036854775808", "1.5", "\"x\""] {
        socket.send_text(&format!("{{\"t\":\"resume\",\"after\":{after}}}")).await;
        let error = frame(&mut socket, "error").await;
        assert!(matches!(text(&error["reason"]), "FIELD_INVALID" | "FRAME_UNKNOWN"), "{after}: {error}");
    }
    socket.send(&json!({"t": "watch", "conversation": "x' OR 1=1"})).await;
    assert_eq!(frame(&mut socket, "error").await["reason"], "FIELD_INVALID");
    for unknown in ["{\"t\":\"dance\"}", "[]", "not json", "{\"t\":\"hb\",\"t\":\"hb\"}"] {
        socket.send_text(unknown).await;
        assert_eq!(frame(&mut socket, "error").await["reason"], "FRAME_UNKNOWN", "{unknown}");
    }
    socket.send(&json!({"t": "resume", "after": 0})).await;
    let mine = events_to(&mut socket, 1).await;
    assert_eq!(number_of(&mine[0]), 1, "after all that it still tells: {mine:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_4_every_frame_is_checked_like_a_call_by_rest() {
    trust!("R-4");
    let house = House::open().await;
    let owner = house.owner().await;
    let assistant = ready_assistant(&owner.api).await;
    let chat = text(&asks(&owner, &assistant, "c1", "m1").await["conversationId"]).to_owned();
    let viewer = house.colleague(&owner, Role::Viewer).await;
    let (mut looks, mut acts) = (house.socket(&viewer).await, house.socket(&owner).await);
    let call = |rpc: &str| json!({"t": "call", "id": rpc, "rpc": rpc, "body": {"id": chat}});
    for rpc in ["TakeOver", "Return", "Close"] {
        looks.send(&call(&format!("chats.v1.ConversationService/{rpc}"))).await;
        let refused = frame(&mut looks, "error").await;
        assert_eq!(refused["reason"], "PERMISSION_DENIED", "{refused}");
        assert!(text(&refused["id"]).ends_with(rpc), "{refused}");
    }
    looks.send(&json!({"t": "typing", "conversation": chat})).await;
    assert_eq!(frame(&mut looks, "error").await["reason"], "PERMISSION_DENIED");
    let read =
        json!({"t": "call", "id": "1", "rpc": "chats.v1.ConversationService/GetConversation", "body": {"id": chat}});
    looks.send(&read).await;
    assert_eq!(frame(&mut looks, "result").await["body"]["handler"], "HANDLER_ASSISTANT", "nothing has changed");

    acts.send(&call("chats.v1.ConversationService/TakeOver")).await;
    let taken = frame(&mut acts, "result").await;
    assert_eq!((&taken["status"], &taken["body"]["handler"]), (&json!(200), &json!("HANDLER_OPERATOR")));
    // Nothing internal, no stream, nothing of another face, no body that REST would refuse.
    for rpc in
        ["chats.v1.IngestService/Ingest", "billing.v1.BillingService/Hold", "chats.v1.ConversationService/Watch", "x"]
    {
        acts.send(&json!({"t": "call", "id": "i", "rpc": rpc, "body": {}})).await;
        assert_eq!(frame(&mut acts, "error").await["reason"], "NOT_FOUND", "{rpc}");
    }
    let odd = json!({"t": "call", "id": "o", "rpc": "chats.v1.ConversationService/TakeOver", "body": {"id": "x"}});
    acts.send(&odd).await;
    assert_eq!(frame(&mut acts, "error").await["reason"], "FIELD_INVALID");
    house.close().await;
}

/// Reads until the reader has the whole text; answers it, from the frames alone.
async fn follow(socket: &mut Socket, mut have: String, whole: &str) -> String {
    while have != whole {
        let next = socket.until("text", |f| f["t"] == "partial" || f["t"] == "delta").await;
        let offset = usize::try_from(next["offset"].as_i64().unwrap()).unwrap();
        if next["t"] == "partial" {
            text(&next["text"]).clone_into(&mut have);
            assert_eq!(offset, have.len(), "a partial says where it ends: {next}");
        } else {
            assert_eq!(offset, have.len(), "deltas follow one another: {next}");
            have += text(&next["text"]);
        }
    }
    have
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_follow_an_answer_and_one_comes_back_in_its_middle() {
    trust!("INV-71");
    let house = House::open().await;
    let said = "Вернуть товар можно в течение четырнадцати дней со дня покупки [1].";
    let gates = [Gate::after(3), Gate::after(6)];
    house.provider.on_model(MODEL, Behaviour::text(said).gate(&gates[0]));
    let (owner, assistant) = house.with_model(MODEL).await;
    let operator = house.colleague(&owner, Role::Operator).await;
    let ask = question(&assistant, "c1", "m1", "За сколько дней можно вернуть товар?");
    let mut asked = owner.api.stream(Method::POST, "/api/v1/channels/api/messages:stream", Some(ask)).await;
    let chat = text(&asked.until("accepted").await.json()["conversationId"]).to_owned();
    gates[0].arrivals(1, SOON).await;

    let watch = json!({"t": "watch", "conversation": chat});
    let (mut one, mut two) = (house.socket(&owner).await, house.socket(&operator).await);
    let begun = "Вернуть товар можно ";
    for socket in [&mut one, &mut two] {
        socket.send(&watch).await;
        let partial = frame(socket, "partial").await;
        assert_eq!((&partial["text"], &partial["offset"]), (&json!(begun), &json!(begun.len())), "{partial}");
        assert_eq!(partial["conversation"], chat);
    }
    two.drop_connection();
    let mut back = house.socket(&operator).await;
    back.send(&watch).await;
    assert_eq!(frame(&mut back, "partial").await["text"], begun, "whoever reloads gets its beginning");
    let mut elsewhere = house.socket(&owner).await;
    gates[0].release();
    for socket in [&mut one, &mut back] {
        assert_eq!(follow(socket, begun.to_owned(), said).await, said);
    }
    assert_eq!(asked.until("finished").await.json()["answer"], said);
    elsewhere.send(&json!({"t": "hb"})).await;
    let seen = elsewhere.until("a sign of life", |f| f["t"] != "event").await;
    assert_eq!(seen["t"], "hb", "texts go only to whoever watches the dialogue");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_6_whoever_drops_again_and_again_holds_what_the_server_lists() {
    trust!("R-6", "INV-70", "INV-71");
    let house = House::open().await;
    let owner = house.owner().await;
    let assistant = ready_assistant(&owner.api).await;
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let asking = async {
        for n in 0..40 {
            let _ = asks(&owner, &assistant, &format!("c{}", n % 7), &format!("m{n}")).await;
        }
        last_number(&house).await
    };
    let reader = async {
        let (mut have, mut drops): (Vec<Value>, u32) = (vec![], 0);
        while drops < 60 {
            let mut socket = house.socket(&owner).await;
            let after = have.last().map_or(0, number_of);
            socket.send(&json!({"t": "resume", "after": after})).await;
            let most = chance.random_range(1..9);
            for _ in 0..most {
                let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(200), socket.next()).await else {
                    break;
                };
                if frame["t"] == "event" {
                    have.push(frame);
                }
            }
            socket.drop_connection();
            drops += 1;
        }
        have
    };
    let (last, mut have) = tokio::join!(asking, reader);
    if have.last().map_or(0, number_of) < last {
        let mut socket = house.socket(&owner).await;
        socket.send(&json!({"t": "resume", "after": have.last().map_or(0, number_of)})).await;
        have.extend(events_to(&mut socket, last).await);
    }
    assert_eq!(have.iter().map(number_of).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>(), "each once, in order");
    the_list_is_the_same(&owner, &have).await;

    // What was kept long enough is gone: whoever asks for it hears so and goes on from there.
    house.as_owner(&format!("DELETE FROM chats.event WHERE seq < {}", last - 5)).await;
    for (after, resets) in [(0, true), (last - 20, true), (last + 1_000, true), (last - 3, false)] {
        let mut socket = house.socket(&owner).await;
        socket.send(&json!({"t": "resume", "after": after})).await;
        let said = socket.until("a beginning", |f| f["t"] == "reset" || f["t"] == "event").await;
        assert_eq!(said["t"] == "reset", resets, "{after}: {said}");
        assert_eq!(said["seq"].as_i64().unwrap(), if resets { last } else { after + 1 });
    }
    house.stop().await;
}

/// The messages that the events told are those that REST lists.
async fn the_list_is_the_same(owner: &Person, events: &[Value]) {
    let mut told: Vec<(String, String)> = events
        .iter()
        .filter(|e| e["kind"] == "message.created")
        .map(|e| {
            let message = &e["data"]["message"];
            (text(&message["id"]).to_owned(), text(&message["text"]).to_owned())
        })
        .collect();
    let mut listed = vec![];
    let chats = owner.api.get("/api/v1/chats?pageSize=200").await.ok();
    for chat in chats["conversations"].as_array().unwrap() {
        let path = format!("/api/v1/chats/{}/messages?pageSize=200", text(&chat["id"]));
        let messages = owner.api.get(&path).await.ok();
        let all = messages["messages"].as_array().unwrap().iter();
        listed.extend(all.map(|m| (text(&m["id"]).to_owned(), text(&m["text"]).to_owned())));
    }
    told.sort();
    listed.sort();
    assert_eq!(told, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_nobody_in_particular_is_refused_at_other_hosts() {
    let house = House::open().await;
    let owner = house.owner().await;
    let protocols = ticket(&owner.api).await;
    for surface in [Surface::Admin, Surface::Files] {
        let refused = house.at(surface).socket("/api/v1/events", Some(&protocols)).await.map(|_| ());
        assert!(matches!(refused, Err(403 | 404)), "{surface:?}: {refused:?}");
    }
    assert!(open_socket(&owner.api).await.is_ok());
    house.close().await;
}
