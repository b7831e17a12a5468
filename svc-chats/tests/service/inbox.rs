//! Operators: take over, answer, return, close.

use std::time::{Duration, Instant};

use chrono::Utc;
use diesel::{QueryableByName, sql_types::Json};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use futures::StreamExt as _;
use neipix_mesh::{AssistantId, Call, CallContext, ConversationId, WorkspaceId};
use neipix_proto::chats::v1::{
    CloseRequest, Conversation, GetTurnRequest, Handler, ListConversationsRequest, ListTurnsRequest, Message,
    ReturnRequest, SendMessageRequest, TakeOverRequest, TurnState, ask_event::Event,
};
use svc_chats::{
    ask,
    conversation::Status,
    conversations::{
        list::{Filter, page_sql},
        rpc,
    },
};
use uuid::Uuid;

use crate::{
    doubles::Act,
    harness::{Test, eventually, reason},
};

async fn take_over(t: &Test, role: &str, id: &str) -> Conversation {
    rpc::take_over(&t.chats, t.call_as(t.ws, role, "TakeOver", TakeOverRequest { id: id.into() })).await.unwrap()
}

async fn send(t: &Test, role: &str, id: &str, text: &str) -> Result<Message, neipix_mesh::Failure> {
    let request = SendMessageRequest { conversation_id: id.into(), text: text.into(), client_id: String::new() };
    rpc::send(&t.chats, t.call_as(t.ws, role, "SendMessage", request)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_silences_an_unclaimed_answer_and_frees_its_money() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Wait, Act::Say("Поздно.")]);
    let mut question = t.question("anna", "1", "Сколько?");
    question.wait_seconds = Some(0);
    let asked = ask::ask(&t.chats, t.call("Ask", question)).await.unwrap();
    eventually("the answer began", async || (t.assistants.replies().len() == 1).then_some(())).await;
    let taken = take_over(&t, "operator", &asked.conversation_id).await;
    assert_eq!((taken.handler(), taken.handler_epoch), (Handler::Operator, 2));
    t.assistants.go_on();
    let turn = t.ask("anna", "1", "Сколько?").await.turn.unwrap();
    assert_eq!((turn.state(), turn.reason.as_str()), (TurnState::Cancelled, "take_over"));
    eventually("the release", async || (t.billing.of(&turn.id).closed == Some("release")).then_some(())).await;
    assert_eq!(t.messages(&asked.conversation_id).await.len(), 1);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_cuts_a_shown_answer_within_a_second_and_it_is_free() {
    for redis in [true, false] {
        let t = Test::start().await;
        // Where Redis tells nobody, the worker looks by itself.
        let other = t.replica(false);
        let chats = if redis { t.chats.clone() } else { other };
        t.assistants.acts(&[Act::Say("Доставка сто"), Act::Wait, Act::Say("ит 300.")]);
        let question = t.question("anna", "1", "Сколько?");
        let mut stream = ask::ask_stream(&t.chats, t.call("AskStream", question)).await.unwrap();
        let mut conversation = String::new();
        loop {
            match stream.next().await.unwrap().unwrap().event.unwrap() {
                Event::Accepted(accepted) => conversation = accepted.conversation_id,
                Event::Delta(_) => break,
                _ => {}
            }
        }
        let began = Instant::now();
        let request = TakeOverRequest { id: conversation.clone() };
        rpc::take_over(&chats, t.call_as(t.ws, "operator", "TakeOver", request)).await.unwrap();
        let last = stream.next().await.unwrap().unwrap().event.unwrap();
        assert!(began.elapsed() < Duration::from_millis(1_300), "{:?}", began.elapsed());
        let Event::Finished(turn) = last else { panic!("{last:?}") };
        assert_eq!((turn.state(), turn.reason.as_str()), (TurnState::Failed, "take_over"));
        let messages = t.messages(&conversation).await;
        assert!(messages[1].interrupted && messages[1].text == "Доставка сто");
        eventually("the release", async || (t.billing.of(&turn.id).closed == Some("release")).then_some(())).await;
        t.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_dialogue_answers_in_it_and_nobody_else() {
    let t = Test::start().await;
    let id = t.ask("anna", "1", "Сколько?").await.conversation_id;
    assert_eq!(reason(send(&t, "operator", &id, "Здравствуйте").await), "NOT_HANDLER");
    take_over(&t, "operator", &id).await;
    let message = send(&t, "operator", &id, "Здравствуйте").await.unwrap();
    assert_eq!(message.seq, 3);
    let epoch = take_over(&t, "operator", &id).await.handler_epoch;
    assert_eq!(epoch, 2, "taking one's own changes nothing");
    assert_eq!(take_over(&t, "manager", &id).await.handler_epoch, 3);
    assert_eq!(reason(send(&t, "operator", &id, "Я тут").await), "NOT_HANDLER");
    let silent = t.ask("anna", "2", "Вы тут?").await.turn.unwrap();
    assert_eq!((silent.state(), silent.reason.as_str(), silent.id.as_str()), (TurnState::Skipped, "operator", ""));
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_dialogue_answers_what_nobody_answered_and_sees_the_operators_words() {
    let t = Test::start().await;
    let id = t.ask("anna", "1", "Сколько?").await.conversation_id;
    take_over(&t, "operator", &id).await;
    send(&t, "operator", &id, "Меня зовут Пётр.").await.unwrap();
    t.ask("anna", "2", "А по области?").await;
    t.ask("anna", "3", "И когда?").await;
    let back = rpc::give_back(&t.chats, t.call("Return", ReturnRequest { id: id.clone() })).await.unwrap();
    assert_eq!(back.handler(), Handler::Assistant);
    eventually("the answer", async || (t.messages(&id).await.len() == 6).then_some(())).await;
    let asked = t.assistants.replies().pop().unwrap();
    assert_eq!(asked.inputs, ["А по области?", "И когда?"]);
    assert!(asked.history.iter().any(|m| m.text == "Меня зовут Пётр."));
    eventually("settled", async || {
        (t.number("SELECT count(*) FROM turn WHERE ended_at IS NULL").await == 0).then_some(())
    })
    .await;
    let again = rpc::give_back(&t.chats, t.call("Return", ReturnRequest { id: id.clone() })).await.unwrap();
    assert_eq!(again.handler_epoch, back.handler_epoch);
    assert_eq!(t.messages(&id).await.len(), 6, "answered once");
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_dialogue_takes_no_operator_and_opens_again_for_its_customer() {
    let t = Test::start().await;
    let id = t.ask("anna", "1", "Сколько?").await.conversation_id;
    take_over(&t, "operator", &id).await;
    rpc::close(&t.chats, t.call("Close", CloseRequest { id: id.clone() })).await.unwrap();
    let refused = rpc::take_over(&t.chats, t.call("TakeOver", TakeOverRequest { id: id.clone() })).await;
    assert_eq!(reason(refused), "CONVERSATION_CLOSED");
    let again = t.ask("anna", "2", "Ещё вопрос").await;
    assert_eq!((again.conversation_id.as_str(), again.turn.unwrap().state()), (id.as_str(), TurnState::Delivered));
    assert_eq!(t.conversation(&id).await.status().as_str_name(), "CONVERSATION_STATUS_OPEN");
    t.verify().await;
}

/// Nine thousand nine hundred and ninety-nine more like the one that is there.
const MANY: &str = "
    CREATE TEMP TABLE more AS SELECT n, uuidv7() AS contact, uuidv7() AS id FROM generate_series(1, 9999) AS n;
    INSERT INTO contact (workspace_id, id, display_name)
        SELECT c.workspace_id, more.contact, 'Клиент ' || more.n FROM conversation c, more;
    INSERT INTO conversation (workspace_id, id, channel_id, contact_id, assistant_id, updated_at, created_at)
        SELECT c.workspace_id, more.id, c.channel_id, more.contact, c.assistant_id,
               c.updated_at - make_interval(secs => more.n), c.created_at FROM conversation c, more";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_ten_thousand_dialogues_reads_a_page() {
    let t = Test::start().await;
    t.ask("anna", "1", "Сколько?").await;
    let behind = Some((Utc::now(), ConversationId(Uuid::nil())));
    let filters = [
        Filter { after: behind, ..Filter::default() },
        Filter { after: behind, status: Some(Status::Open), ..Filter::default() },
        Filter { after: behind, assistant: Some(t.assistant), ..Filter::default() },
    ];
    let mut service = t.service().await;
    let run = |n| {
        format!("page_{n} ('{}', 'open', NULL, '{}', NULL, '', clock_timestamp(), '{}', 21)", t.ws, t.assistant, t.ws)
    };
    // Plans are made while there is next to nothing.
    for (n, filter) in filters.iter().enumerate() {
        let types = "uuid, text, text, uuid, uuid, text, timestamptz, uuid, bigint";
        let sql = format!("PREPARE page_{n} ({types}) AS {}; EXECUTE {}", page_sql(filter), run(n));
        service.batch_execute(&sql).await.unwrap();
    }
    service.batch_execute(MANY).await.unwrap();
    for n in 0..filters.len() {
        let plan: Plan = diesel::sql_query(format!("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {}", run(n)))
            .get_result(&mut service)
            .await
            .unwrap();
        let rows = rows_read(&plan.plan);
        assert!((21..1_000).contains(&rows), "{rows} rows were read for a page: {}", plan.plan);
    }
}

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Json, column_name = "QUERY PLAN")]
    plan: serde_json::Value,
}

/// Rows that the scans of a plan looked at.
fn rows_read(plan: &serde_json::Value) -> u64 {
    let number = |key: &str| plan[key].as_f64().unwrap_or(0.0);
    let own = match plan["Node Type"].as_str() {
        Some(node) if node.contains("Scan") => {
            ((number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops")) as u64
        }
        _ => 0,
    };
    let below = plan.as_array().into_iter().chain(plan["Plans"].as_array()).flatten();
    own + below.map(rows_read).sum::<u64>() + plan.get("Plan").map_or(0, rows_read)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_paged_and_closed_to_others() {
    let t = Test::start().await;
    let mut ids = vec![];
    for contact in ["anna", "boris", "clara"] {
        ids.push(t.ask(contact, &format!("{contact}-1"), "Сколько?").await.conversation_id);
    }
    take_over(&t, "operator", &ids[0]).await;
    let list = async |request| rpc::list(&t.chats, t.call("ListConversations", request)).await.unwrap();
    let first = list(ListConversationsRequest { page_size: 2, ..Default::default() }).await;
    assert_eq!(first.conversations.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), [&ids[0], &ids[2]]);
    assert!(first.conversations[1].last_message.as_ref().unwrap().text.contains("300"));
    let second =
        list(ListConversationsRequest { page_size: 2, page_token: first.next_page_token, ..Default::default() }).await;
    assert_eq!((second.conversations.len(), second.next_page_token.as_str()), (1, ""));
    let mine = ListConversationsRequest { handler: Handler::Operator.into(), ..Default::default() };
    assert_eq!(list(mine).await.conversations.len(), 1);

    let request = ListTurnsRequest { conversation_id: ids[1].clone(), ..Default::default() };
    let turns = rpc::turns(&t.chats, t.call("ListTurns", request)).await.unwrap().turns;
    let request = GetTurnRequest { conversation_id: ids[1].clone(), id: turns[0].id.clone() };
    let turn = rpc::turn(&t.chats, t.call("GetTurn", request.clone())).await.unwrap();
    assert_eq!((turn.attempts.len(), turn.attempts[0].charged, turn.version), (1, true, 3));

    // trust: T-1
    let other = WorkspaceId(Uuid::new_v4());
    assert_eq!(reason(rpc::turn(&t.chats, t.call_as(other, "owner", "GetTurn", request.clone())).await), "NOT_FOUND");
    let call = t.call("GetTurn", request);
    let narrowed = CallContext { assistant: Some(AssistantId(Uuid::now_v7())), ..(*call.context).clone() };
    let call = Call { message: call.message, context: std::sync::Arc::new(narrowed) };
    assert_eq!(reason(rpc::turn(&t.chats, call).await), "NOT_FOUND");
}
