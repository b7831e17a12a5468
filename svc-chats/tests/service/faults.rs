//! Workers that die, sleep or lose answers; a billing that is gone.

use std::time::Duration;

use futures::StreamExt as _;
use neipix_mesh::{TurnId, db::Tx};
use neipix_proto::chats::v1::{TurnState, ask_event::Event};
use svc_chats::{ask, turn::store};

use crate::{
    doubles::{Act, COST, Money},
    harness::{Test, eventually, eventually_within},
};

#[tokio::test(flavor = "multi_thread")]
async fn f_5_a_worker_that_died_is_replaced_and_its_answer_begins_anew() {
    // trust: F-5, P3
    let t = Test::start().await;
    // The process that takes the question has no workers, and dies with its turn at work.
    let dying = t.replica(false);
    t.assistants.acts(&[Act::Say("Начало "), Act::Wait, Act::Say("и конец.")]);
    let question = t.question("anna", "1", "Сколько?");
    let mut stream = ask::ask_stream(&dying, t.call("AskStream", question)).await.unwrap();
    let mut turn = String::new();
    loop {
        match stream.next().await.unwrap().unwrap().event.unwrap() {
            Event::Accepted(accepted) => turn = accepted.turn_id,
            Event::Delta(_) => break,
            _ => {}
        }
    }
    let id: TurnId = turn.parse().unwrap();
    // Its mark is written beside the stream.
    eventually("the answering is marked", async || t.steps(&turn).await.ends_with("answering").then_some(())).await;
    // As if SIGKILLed: it gives no sign of life any more, and its lease is over.
    steal(&t, id).await;
    t.assistants.acts(&[Act::Say("Совсем другой ответ.")]);
    let answered = eventually_within(Duration::from_secs(20), "another worker's answer", async || {
        let turn = t.ask("anna", "1", "Сколько?").await.turn.unwrap();
        (turn.state() == TurnState::Delivered).then_some(turn)
    })
    .await;
    assert_eq!(answered.answer, "Совсем другой ответ.");
    assert_eq!(t.billing.of(&turn).settles, 1);
    t.assistants.go_on();
    assert!(t.steps(&turn).await.contains("answering queued held answering stored settled delivered"));
    eventually("the sleeper noticed", async || {
        let one =
            t.number(&format!("SELECT count(*) FROM message WHERE turn_id = '{turn}' AND author = 'assistant'")).await;
        (one == 1).then_some(())
    })
    .await;
    t.verify().await;
}

/// Ends a lease, and lets its job come due.
async fn steal(t: &Test, turn: TurnId) {
    let ws = t.ws;
    t.chats
        .db
        .in_workspace_id(ws, "test.steal", async |tx: &mut Tx| store::let_go(tx, ws, turn, 1).await)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f_20_a_worker_that_slept_through_its_lease_changes_and_sends_nothing() {
    // trust: F-20
    let t = Test::start().await;
    t.assistants.acts(&[Act::Wait, Act::Say("От спящего.")]);
    let mut question = t.question("anna", "1", "Сколько?");
    question.wait_seconds = Some(0);
    let asked = ask::ask(&t.chats, t.call("Ask", question)).await.unwrap();
    let turn = asked.turn.unwrap().id;
    eventually("the sleeper's answer began", async || (t.assistants.replies().len() == 1).then_some(())).await;
    t.assistants.acts(&[Act::Say("От бодрого.")]);
    steal(&t, turn.parse().unwrap()).await;
    let answered = eventually_within(Duration::from_secs(10), "the other's answer", async || {
        let turn = t.ask("anna", "1", "Сколько?").await.turn.unwrap();
        (turn.state() == TurnState::Delivered).then_some(turn)
    })
    .await;
    assert_eq!(answered.answer, "От бодрого.");
    t.assistants.go_on();
    let again = t.ask("anna", "2", "Ещё?").await.turn.unwrap();
    assert_eq!(again.state(), TurnState::Delivered);
    assert_eq!(t.messages(&asked.conversation_id).await.len(), 4);
    assert_eq!(t.billing.of(&turn).settles, 1);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_7_a_settle_whose_answer_is_lost_is_settled_once() {
    // trust: F-6, F-7
    let t = Test::start().await;
    *t.billing.0.lose_settles.lock().unwrap() = 3;
    let turn = t.ask("anna", "1", "Сколько?").await.turn.unwrap();
    assert_eq!((turn.state(), turn.cost_micro_pix), (TurnState::Delivered, COST));
    let held = t.billing.of(&turn.id);
    assert!(held.settles > 1 && held.closed == Some("settle") && held.releases == 0);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_6_a_stored_answer_is_paid_when_billing_is_back() {
    // trust: F-6
    let t = Test::start().await;
    t.assistants.acts(&[Act::Wait, Act::Say("Готово.")]);
    let mut question = t.question("anna", "1", "Сколько?");
    question.wait_seconds = Some(0);
    let asked = ask::ask(&t.chats, t.call("Ask", question)).await.unwrap();
    let turn = asked.turn.unwrap().id;
    eventually("the answer began", async || (t.assistants.replies().len() == 1).then_some(())).await;
    t.billing.money(Money::Unreachable);
    t.assistants.go_on();
    let stored = format!("SELECT count(*) FROM turn WHERE id = '{turn}' AND state = 'stored'");
    eventually("stored", async || (t.number(&stored).await == 1).then_some(())).await;
    // The worker gives up waiting; the turn's job goes on.
    let free = format!("SELECT count(*) FROM turn WHERE id = '{turn}' AND lease_until < clock_timestamp()");
    eventually_within(Duration::from_secs(15), "let go", async || (t.number(&free).await == 1).then_some(())).await;
    t.billing.money(Money::Enough);
    let paid =
        format!("SELECT count(*) FROM turn WHERE id = '{turn}' AND state = 'delivered' AND cost_micro_pix = {COST}");
    eventually_within(Duration::from_secs(15), "paid", async || (t.number(&paid).await == 1).then_some(())).await;
    assert_eq!(t.assistants.replies().len(), 1, "the answer is not made again");
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_22_a_turn_waits_for_billing_and_is_answered_when_it_is_back() {
    // trust: F-22
    let t = Test::start().await;
    t.billing.money(Money::Unreachable);
    let back = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(t.assistants.replies().is_empty(), "no answer without a hold");
        t.billing.money(Money::Enough);
    };
    let (answer, ()) = futures::future::join(t.ask("anna", "1", "Сколько?"), back).await;
    assert_eq!(answer.turn.unwrap().state(), TurnState::Delivered);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_before_anything_was_shown_is_begun_anew() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Break]);
    let heal = async {
        eventually("the first try", async || (!t.assistants.replies().is_empty()).then_some(())).await;
        t.assistants.acts(&[Act::Say("Готово.")]);
    };
    let (answer, ()) = futures::future::join(t.ask("anna", "1", "Сколько?"), heal).await;
    let turn = answer.turn.unwrap();
    assert_eq!((turn.state(), turn.answer.as_str()), (TurnState::Delivered, "Готово."));
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_27_a_shown_answer_that_breaks_off_stays_as_it_was_shown_and_is_free() {
    // trust: F-27
    for acts in [[Act::Say("Доставка сто"), Act::Break], [Act::Say("Доставка сто"), Act::Interrupted]]
    {
        let t = Test::start().await;
        t.assistants.acts(&acts);
        let question = t.question("anna", "1", "Сколько?");
        let stream = ask::ask_stream(&t.chats, t.call("AskStream", question)).await.unwrap();
        let events: Vec<Event> = stream.map(|e| e.unwrap().event.unwrap()).collect().await;
        let Some(Event::Finished(turn)) = events.last() else { panic!("{events:?}") };
        assert_eq!((turn.state(), turn.reason.as_str()), (TurnState::Failed, "interrupted"));
        let Some(Event::Accepted(accepted)) = events.first() else { panic!("{events:?}") };
        let messages = t.messages(&accepted.conversation_id).await;
        assert!(messages[1].interrupted && messages[1].text == "Доставка сто");
        eventually("the release", async || (t.billing.of(&turn.id).closed == Some("release")).then_some(())).await;
        t.verify().await;
    }
}
