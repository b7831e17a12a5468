//! Watch: dense numbers, filled for whoever may read, resumable, with running texts.

use futures::StreamExt as _;
use neipix_mesh::{Stream, access::roles::Permissions};
use neipix_proto::chats::v1::{
    Event, NotifyTypingRequest, WatchRequest, WatchResponse, event_data::Object, watch_response::Frame,
};
use svc_chats::{conversations, watch};

use crate::{
    doubles::Act,
    harness::{Test, eventually, reason},
};

async fn follow(t: &Test, after: Option<i64>, ids: &[&str]) -> Stream<WatchResponse> {
    let request = WatchRequest { after, conversation_ids: ids.iter().map(|i| (*i).to_owned()).collect() };
    watch::watch(&t.chats, t.call("Watch", request)).await.unwrap()
}

async fn frame(stream: &mut Stream<WatchResponse>) -> Frame {
    let next = tokio::time::timeout(std::time::Duration::from_secs(5), stream.next());
    next.await.expect("a frame").unwrap().unwrap().frame.unwrap()
}

async fn events(stream: &mut Stream<WatchResponse>, most: usize) -> Vec<Event> {
    let mut all = vec![];
    while all.len() < most {
        if let Frame::Event(event) = frame(stream).await {
            all.push(event);
        }
    }
    all
}

async fn numbered(t: &Test, most: i64) {
    eventually("numbers", async || (t.number("SELECT count(*) FROM event").await >= most).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_70_a_question_is_told_in_dense_numbers_with_its_objects() {
    // trust: INV-70
    let t = Test::start().await;
    let mut stream = follow(&t, Some(0), &[]).await;
    let answer = t.ask("anna", "1", "Сколько?").await;
    let all = events(&mut stream, 6).await;
    let kinds: Vec<&str> = all.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["conversation.opened", "message.created", "turn.started", "message.created", "turn.stored", "turn.settled"]
    );
    assert_eq!(all.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let objects: Vec<&Object> = all.iter().map(|e| e.data.as_ref().unwrap().object.as_ref().unwrap()).collect();
    assert!(matches!(objects[0], Object::Conversation(c) if c.id == answer.conversation_id));
    assert!(matches!(objects[3], Object::Message(m) if m.text.contains("300") && m.seq == 2));
    assert!(matches!(objects[5], Object::Turn(turn) if turn.cost_micro_pix > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn r_6_a_reader_that_comes_back_gets_exactly_what_it_missed_or_a_reset() {
    // trust: R-6, INV-71
    let t = Test::start().await;
    t.ask("anna", "1", "Сколько?").await;
    numbered(&t, 6).await;
    let missed = events(&mut follow(&t, Some(4), &[]).await, 2).await;
    assert_eq!(missed.iter().map(|e| e.seq).collect::<Vec<_>>(), [5, 6]);
    let mut ahead = follow(&t, Some(1_000), &[]).await;
    assert!(matches!(frame(&mut ahead).await, Frame::Reset(reset) if reset.seq == 6));
    t.ask("anna", "2", "А ещё?").await;
    assert_eq!(events(&mut ahead, 1).await[0].seq, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_reach_the_readers_of_another_replica() {
    let t = Test::start().await;
    let other = t.replica(false);
    let request = WatchRequest { after: Some(0), conversation_ids: vec![] };
    let mut stream = watch::watch(&other, t.call("Watch", request)).await.unwrap();
    t.ask("anna", "1", "Сколько?").await;
    assert_eq!(events(&mut stream, 6).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_read_an_object_gets_its_number_and_nothing_else() {
    let t = Test::start().await;
    t.ask("anna", "1", "Сколько?").await;
    numbered(&t, 6).await;
    let ws = t.ws;
    let payload = neipix_proto::billing::events::v1::WalletChanged { available_micro_pix: 7, held_micro_pix: 1 };
    t.chats
        .db
        .in_workspace_id(ws, "test.wallet", async |tx: &mut neipix_mesh::db::Tx| {
            let payload = prost::Message::encode_to_vec(&payload);
            let id = neipix_mesh::EventId(uuid::Uuid::now_v7());
            let event =
                svc_chats::events::Heard { workspace: ws, id, kind: "wallet.changed", version: 1, payload: &payload };
            svc_chats::events::line_up(tx, &[event]).await
        })
        .await
        .unwrap();
    numbered(&t, 7).await;
    let wallet = async |role: &str| {
        let request = WatchRequest { after: Some(6), conversation_ids: vec![] };
        let mut stream = watch::watch(&t.chats, t.call_as(t.ws, role, "Watch", request)).await.unwrap();
        events(&mut stream, 1).await.remove(0)
    };
    let owner = wallet("owner").await;
    assert!(matches!(owner.data.unwrap().object.unwrap(), Object::Wallet(w) if w.available_micro_pix == 7));
    let operator = wallet("operator").await;
    assert_eq!((operator.kind.as_str(), operator.data), ("wallet.changed", None));
    let published = "SELECT count(*) FROM outbox WHERE kind = 'wallet.changed' AND acked_at IS NOT NULL";
    assert_eq!(t.number(published).await, 1, "it is not told to others again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_dialogue_shows_its_running_answer_from_wherever_it_runs() {
    let t = Test::start().await;
    let id = t.ask("anna", "1", "Сколько?").await.conversation_id;
    t.assistants.acts(&[Act::Say("Начало "), Act::Wait, Act::Say("и конец.")]);
    let other = t.replica(false);
    let mut request = t.question("anna", "2", "А ещё?");
    request.wait_seconds = Some(0);
    svc_chats::ask::ask(&t.chats, t.call("Ask", request)).await.unwrap();
    eventually("the answer began", async || (t.assistants.replies().len() == 2).then_some(())).await;
    for chats in [&t.chats, &other] {
        let request = WatchRequest { after: None, conversation_ids: vec![id.clone()] };
        let mut stream = watch::watch(chats, t.call("Watch", request)).await.unwrap();
        let partial = loop {
            if let Frame::Partial(partial) = frame(&mut stream).await {
                break partial;
            }
        };
        assert_eq!((partial.text.as_str(), partial.offset), ("Начало ", 13));
    }
    let mut stream = follow(&t, None, &[&id]).await;
    while !matches!(frame(&mut stream).await, Frame::Partial(_)) {}
    t.assistants.go_on();
    let delta = loop {
        if let Frame::Delta(delta) = frame(&mut stream).await {
            break delta;
        }
    };
    assert_eq!((delta.offset, delta.text.as_str()), (13, "и конец."));
    let request = NotifyTypingRequest { id: id.clone() };
    conversations::rpc::typing(&t.chats, t.call("NotifyTyping", request)).await.unwrap();
    while !matches!(frame(&mut stream).await, Frame::Typing(_)) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn r_2_a_dialogue_of_others_is_not_there() {
    // trust: R-2
    let t = Test::start().await;
    let id = t.ask("anna", "1", "Сколько?").await.conversation_id;
    let request = WatchRequest { after: None, conversation_ids: vec![id] };
    let ws = neipix_mesh::WorkspaceId(uuid::Uuid::new_v4());
    let call = t.call_as(ws, "owner", "Watch", request);
    assert_eq!(reason(watch::watch(&t.chats, call).await.map(|_| ())), "NOT_FOUND");
    assert!(!Permissions::none().has("chats.read"));
}
