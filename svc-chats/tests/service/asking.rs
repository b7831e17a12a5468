//! Ask and AskStream: one answer, one charge, whatever is repeated.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use futures::StreamExt as _;
use neipix_mesh::{AssistantId, ChannelId, MessageId, db::Tx};
use neipix_proto::{
    assistants::v1::{AssistantStatus, DialogueRole, Schedule, StopWord, StopWordAction, StopWordMatch},
    chats::v1::{AskEvent, AskRequest, AskTurn, TurnState, ask_event::Event},
};
use svc_chats::{
    ask,
    turn::store::{
        notes::{Note, settle},
        stored::{Stored, store},
    },
};
use uuid::Uuid;

use crate::{
    doubles::{Act, COST, Money},
    harness::{Test, eventually, eventually_within, reason},
};

async fn streamed(t: &Test, contact: &str, id: &str, text: &str) -> Vec<Event> {
    let stream = ask::ask_stream(&t.chats, t.call("AskStream", t.question(contact, id, text))).await.unwrap();
    let events: Vec<AskEvent> = stream.map(|e| e.unwrap()).collect().await;
    events.into_iter().map(|e| e.event.unwrap()).collect()
}

fn text(events: &[Event]) -> String {
    let piece = |e: &Event| match e {
        Event::Delta(delta) => delta.text.clone(),
        Event::Partial(partial) => partial.text.clone(),
        _ => String::new(),
    };
    events.iter().map(piece).collect()
}

fn end(events: &[Event]) -> AskTurn {
    match events.last() {
        Some(Event::Finished(turn)) => turn.clone(),
        other => panic!("not finished: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_cited_and_paid_once() {
    let t = Test::start().await;
    let answer = t.ask("anna", "1", "Сколько стоит доставка?").await;
    let turn = answer.turn.unwrap();
    assert_eq!((turn.state(), turn.answer.as_str()), (TurnState::Delivered, "Доставка стоит 300 рублей."));
    assert_eq!((turn.cost_micro_pix, turn.citations[0].title.as_str()), (COST, "shop.md"));
    assert_eq!((turn.answered_by.as_str(), turn.usage.unwrap().input_tokens), ("assistant", 400));
    let held = t.billing.of(&turn.id);
    assert_eq!((held.holds, held.settles, held.releases), (1, 1, 0));
    assert_eq!(t.steps(&turn.id).await, "held answering stored settled delivered");
    let messages = t.messages(&answer.conversation_id).await;
    assert_eq!(messages.iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(messages[1].citations[0].quote, "300 рублей");
    let asked = &t.assistants.replies()[0];
    assert_eq!((asked.inputs[0].as_str(), asked.version, asked.passage_ids.len()), ("Сколько стоит доставка?", 3, 2));
    assert_eq!(asked.input_tokens_max, 100 + 2_000 + 2_500 + 11);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_question_sees_what_was_said_before() {
    let t = Test::start().await;
    let first = t.ask("anna", "1", "Сколько стоит доставка?").await;
    let second = t.ask("anna", "2", "А по области?").await;
    assert_eq!(first.conversation_id, second.conversation_id);
    let asked = &t.assistants.replies()[1];
    let history: Vec<_> = asked.history.iter().map(|m| (m.role(), m.text.as_str())).collect();
    assert_eq!(
        history,
        [(DialogueRole::Customer, "Сколько стоит доставка?"), (DialogueRole::Assistant, "Доставка стоит 300 рублей.")]
    );
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_searches_once_and_a_repeat_not_at_all() {
    let t = Test::start().await;
    let first = t.ask("anna", "1", "Сколько стоит доставка?").await;
    assert_eq!(first, t.ask("anna", "1", "Сколько стоит доставка?").await);
    streamed(&t, "boris", "2", "А самовывоз?").await;
    assert_eq!(t.assistants.searches(), ["Сколько стоит доставка?", "А самовывоз?"]);
    t.assistants.status(AssistantStatus::Paused);
    t.chats.plans.forget(t.ws, t.assistant);
    let silent = t.ask("vera", "3", "Есть кто?").await;
    assert_eq!(silent.turn.unwrap().state(), TurnState::Skipped);
    assert_eq!(t.assistants.searches().len(), 2, "nobody is searched for who gets no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn c_12_the_same_external_id_is_the_first_message_whatever_its_text() {
    // trust: C-12
    let t = Test::start().await;
    let first = t.ask("anna", "1", "Сколько стоит доставка?").await;
    let again = t.ask("anna", "1", "Совсем другое").await;
    assert_eq!(first, again);
    assert_eq!(t.assistants.replies().len(), 1);
    assert_eq!(t.messages(&first.conversation_id).await[0].text, "Сколько стоит доставка?");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_2_twenty_calls_at_once_are_one_message_one_answer_one_charge() {
    // trust: INV-2, INV-4, INV-6
    let t = Test::start().await;
    let calls = (0..20).map(|_| t.ask("anna", "1", "Сколько стоит доставка?"));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(|a| a.message_id == answers[0].message_id));
    let turn = answers[0].turn.clone().unwrap();
    assert!(answers.iter().all(|a| a.turn.as_ref().unwrap().answer == turn.answer));
    assert_eq!((t.billing.of(&turn.id).settles, t.assistants.replies().len()), (1, 1));
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_5_questions_at_once_in_one_dialogue_are_answered_one_after_another() {
    // trust: INV-5
    let t = Test::start().await;
    let calls = (0..6).map(|n| async move { (n, n.to_string()) });
    let ids = futures::future::join_all(calls).await;
    let answers = futures::future::join_all(ids.iter().map(|(n, id)| {
        let t = &t;
        async move { t.ask("anna", id, &format!("Вопрос номер {n}")).await }
    }))
    .await;
    for answer in &answers {
        assert_eq!(answer.conversation_id, answers[0].conversation_id);
        assert_eq!(answer.turn.as_ref().unwrap().state(), TurnState::Delivered, "{answer:?}");
    }
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_brings_the_text_piece_by_piece_and_its_price_at_the_end() {
    let t = Test::start().await;
    let events = streamed(&t, "anna", "1", "Сколько стоит доставка?").await;
    assert!(matches!(&events[0], Event::Accepted(a) if !a.turn_id.is_empty()));
    assert_eq!(text(&events), "Доставка стоит 300 рублей.");
    assert_eq!((end(&events).cost_micro_pix, end(&events).state()), (COST, TurnState::Delivered));
    let claimed = "SELECT count(*) FROM turn WHERE streamed AND claimed_handler_epoch = 1";
    assert_eq!(t.number(claimed).await, 1);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_15_a_stream_asked_again_joins_the_running_answer_and_pays_once() {
    // trust: C-15
    let t = Test::start().await;
    t.assistants.acts(&[Act::Say("Доставка "), Act::Wait, Act::Say("стоит 300 рублей.")]);
    let question = t.question("anna", "1", "Сколько стоит доставка?");
    let mut first = ask::ask_stream(&t.chats, t.call("AskStream", question)).await.unwrap();
    while !matches!(first.next().await.unwrap().unwrap().event.unwrap(), Event::Delta(_)) {}
    drop(first);
    let again = async { streamed(&t, "anna", "1", "Сколько стоит доставка?").await };
    let (events, ()) = futures::future::join(again, async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        t.assistants.go_on();
    })
    .await;
    assert!(matches!(&events[1], Event::Partial(p) if p.text == "Доставка "), "{events:?}");
    assert_eq!(text(&events), "Доставка стоит 300 рублей.");
    assert_eq!(t.billing.of(&end(&events).id).settles, 1);
    let later = streamed(&t, "anna", "1", "x").await;
    assert_eq!((text(&later), end(&later).id), (text(&events), end(&events).id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_at_another_replica_gets_the_same_answer() {
    let t = Test::start().await;
    let other = t.replica(true);
    t.assistants.acts(&[Act::Say("Доставка "), Act::Wait, Act::Say("стоит 300 рублей.")]);
    let question = t.question("anna", "1", "Сколько стоит доставка?");
    let mut first = ask::ask_stream(&t.chats, t.call("AskStream", question.clone())).await.unwrap();
    while !matches!(first.next().await.unwrap().unwrap().event.unwrap(), Event::Delta(_)) {}
    let mut second = ask::ask_stream(&other, t.call("AskStream", question)).await.unwrap();
    let mut seen = vec![];
    while let Some(event) = second.next().await {
        let event = event.unwrap().event.unwrap();
        if matches!(event, Event::Partial(_)) {
            t.assistants.go_on();
        }
        seen.push(event);
    }
    assert_eq!(text(&seen), "Доставка стоит 300 рублей.", "{seen:?}");
    assert_eq!(end(&seen).cost_micro_pix, COST);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_funds_skips_the_turn_leaves_no_money_trace_and_calls_a_person() {
    // trust: INV-11
    let t = Test::start().await;
    t.billing.money(Money::Short);
    let answer = t.ask("anna", "1", "Сколько стоит доставка?").await;
    let turn = answer.turn.unwrap();
    assert_eq!((turn.state(), turn.reason.as_str(), turn.answer.as_str()), (TurnState::Skipped, "no_funds", ""));
    assert_eq!(t.billing.of(&turn.id).closed, None);
    let conversation = t.conversation(&answer.conversation_id).await;
    assert_eq!(
        (conversation.handler().as_str_name(), conversation.status().as_str_name()),
        ("HANDLER_NOBODY", "CONVERSATION_STATUS_PENDING")
    );
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_free_candidates_need_no_wallet() {
    let t = Test::start().await;
    t.billing.money(Money::Unreachable);
    t.assistants.only_free();
    let turn = t.ask("anna", "1", "Сколько стоит доставка?").await.turn.unwrap();
    assert_eq!((turn.state(), turn.cost_micro_pix), (TurnState::Delivered, 0));
    assert_eq!(t.number("SELECT count(*) FROM turn WHERE hold_id IS NOT NULL").await, 0);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_words_silence_and_reply_before_any_money_moves() {
    let t = Test::start().await;
    t.assistants.spec(|spec| {
        spec.stop_words = vec![StopWord {
            pattern: "жалоба".into(),
            r#match: StopWordMatch::WordForm.into(),
            action: StopWordAction::FixedReply.into(),
            reply: "Передали вашу жалобу руководителю.".into(),
            check_answer: false,
        }];
    });
    let answer = t.ask("anna", "1", "У меня жaлoбы").await;
    let turn = answer.turn.unwrap();
    assert_eq!((turn.state(), turn.reason.as_str()), (TurnState::Skipped, "stop_word"));
    assert_eq!((turn.answer.as_str(), turn.answered_by.as_str()), ("Передали вашу жалобу руководителю.", "system"));
    assert!(t.assistants.replies().is_empty() && t.billing.of(&turn.id).holds == 0);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_word_in_the_answer_cancels_it_free_and_nothing_of_it_is_streamed() {
    let t = Test::start().await;
    t.assistants.spec(|spec| {
        spec.stop_words = vec![StopWord {
            pattern: "рубль".into(),
            r#match: StopWordMatch::WordForm.into(),
            action: StopWordAction::Silent.into(),
            reply: String::new(),
            check_answer: true,
        }];
    });
    t.assistants.acts(&[Act::Say("Это рубли.")]);
    let events = streamed(&t, "anna", "1", "Сколько стоит доставка?").await;
    let turn = end(&events);
    assert_eq!((text(&events).as_str(), turn.state(), turn.reason.as_str()), ("", TurnState::Cancelled, "stop_word"));
    eventually("the release", async || (t.billing.of(&turn.id).closed == Some("release")).then_some(())).await;
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_working_hours_the_away_message_is_said_once() {
    let t = Test::start().await;
    t.assistants.spec(|spec| {
        spec.schedule =
            Some(Schedule {
                time_zone: "Europe/Moscow".into(), away_message: "Мы спим".into(), ..Schedule::default()
            });
    });
    let first = t.ask("anna", "1", "Вы тут?").await;
    let turn = first.turn.clone().unwrap();
    assert_eq!((turn.state(), turn.reason.as_str(), turn.answer.as_str()), (TurnState::Skipped, "schedule", "Мы спим"));
    let second = t.ask("anna", "2", "Ау?").await.turn.unwrap();
    assert_eq!((second.reason.as_str(), second.answer.as_str()), ("schedule", ""));
    let conversation = t.conversation(&first.conversation_id).await;
    assert_eq!(
        (conversation.handler().as_str_name(), conversation.status().as_str_name()),
        ("HANDLER_ASSISTANT", "CONVERSATION_STATUS_PENDING")
    );
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_assistant_is_silent_and_an_unknown_one_is_not_there() {
    let t = Test::start().await;
    t.assistants.status(AssistantStatus::Paused);
    let turn = t.ask("anna", "1", "Вы тут?").await.turn.unwrap();
    assert_eq!((turn.state(), turn.reason.as_str()), (TurnState::Skipped, "paused"));
    *t.assistants.0.known.lock().unwrap() = Some(t.assistant.to_string());
    let mut question = t.question("anna", "2", "Вы тут?");
    question.assistant_id = AssistantId(Uuid::now_v7()).to_string();
    assert_eq!(reason(ask::ask(&t.chats, t.call("Ask", question)).await), "NOT_FOUND");
    let mut question = t.question("anna", "2", "Вы тут?");
    question.assistant_id.clear();
    assert_eq!(reason(ask::ask(&t.chats, t.call("Ask", question)).await), "ASSISTANT_REQUIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_cancels_an_answer_that_nobody_has_seen() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Say("Сейчас позову."), Act::Handoff]);
    let answer = t.ask("anna", "1", "Позовите человека").await;
    let turn = answer.turn.unwrap();
    assert_eq!((turn.state(), turn.reason.as_str(), turn.answer.as_str()), (TurnState::Cancelled, "handoff", ""));
    assert_eq!(t.conversation(&answer.conversation_id).await.handler().as_str_name(), "HANDLER_NOBODY");
    eventually("the release", async || (t.billing.of(&turn.id).closed == Some("release")).then_some(())).await;
    assert_eq!(t.messages(&answer.conversation_id).await.len(), 1);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_answers_in_time_where_the_turn_is_slow_and_a_repeat_finds_the_answer() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Wait, Act::Say("Готово.")]);
    let mut question = t.question("anna", "1", "Сколько?");
    question.wait_seconds = Some(0);
    let early = ask::ask(&t.chats, t.call("Ask", question)).await.unwrap().turn.unwrap();
    assert!(matches!(early.state(), TurnState::Queued | TurnState::Answering), "{early:?}");
    t.assistants.go_on();
    let late = t.ask("anna", "1", "Сколько?").await.turn.unwrap();
    assert_eq!((late.state(), late.answer.as_str()), (TurnState::Delivered, "Готово."));
}

#[tokio::test(flavor = "multi_thread")]
async fn c_13_a_contact_that_floods_is_refused_and_others_are_not() {
    // trust: C-13
    let t = Test::start().await;
    t.assistants.status(AssistantStatus::Paused);
    let mut refused = 0;
    for n in 0..140 {
        let answer = t.try_ask("anna", &n.to_string(), "спам").await;
        refused += i32::from(answer.is_err_and(|e| e.reason().name == "CONTACT_FLOOD"));
    }
    assert!(refused > 10, "{refused}");
    assert!(t.try_ask("boris", "1", "Вы тут?").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_break_a_rule_are_refused() {
    let t = Test::start().await;
    t.ask("anna", "1", "Сколько?").await;
    t.noted().await;
    for (rule, broken) in [
        ("turn_sound_ck", "turn SET state = 'lost'"),
        ("turn_sound_ck", "turn SET reason = 'operator'"),
        ("turn_sound_ck", "turn SET ended_at = NULL"),
        ("turn_sound_ck", "turn SET claimed_handler_epoch = NULL"),
        ("turn_sound_ck", "turn SET state = 'skipped', reason = 'operator', cost_micro_pix = 0"),
        ("turn_sound_ck", "turn SET state = 'failed', reason = 'internal', cost_micro_pix = 5"),
        ("turn_sound_ck", "turn SET cost_micro_pix = -1"),
        ("message_sound_ck", "message SET author = 'nobody'"),
        ("message_sound_ck", "message SET claimed_handler_epoch = NULL WHERE author = 'assistant'"),
        ("message_sound_ck", "message SET author_member_id = id WHERE author = 'contact'"),
        ("conversation_sound_ck", "conversation SET status = 'lost'"),
        ("conversation_sound_ck", "conversation SET handler = 'lost'"),
        ("conversation_sound_ck", "conversation SET handler = 'operator'"),
    ] {
        let refused = t.service().await.batch_execute(&format!("UPDATE {broken}")).await.unwrap_err().to_string();
        assert!(refused.contains(rule), "{broken}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_that_end_together_are_noted_in_one_transaction_each_by_its_own_worker_only() {
    let t = Test::start().await;
    // Billing settles, and its answers are lost: the turns stay stored.
    *t.billing.0.lose_settles.lock().unwrap() = u32::MAX;
    let asked = ["anna", "boris", "vera", "gleb"].map(|contact| {
        let question = AskRequest { wait_seconds: Some(0), ..t.question(contact, contact, "Сколько?") };
        ask::ask(&t.chats, t.call("Ask", question))
    });
    let asked = futures::future::try_join_all(asked).await.unwrap();
    let stored = "SELECT count(*) FROM turn WHERE state = 'stored'";
    eventually("stored", async || (t.number(stored).await == 4).then_some(())).await;
    let mut notes = vec![];
    for answer in &asked {
        let turn = &answer.turn.as_ref().unwrap().id;
        notes.push(Note {
            workspace: t.ws,
            conversation: answer.conversation_id.parse().unwrap(),
            turn: turn.parse().unwrap(),
            epoch: t.number(&format!("SELECT lease_epoch FROM turn WHERE id = '{turn}'")).await,
            cost_micro_pix: COST,
            delivered: true,
        });
    }
    notes[3].epoch += 7;
    let together = notes.as_slice();
    let settled = t.chats.db.call("test.settled", async |tx: &mut Tx| settle(tx, together).await).await.unwrap();
    let settled: Vec<_> = settled.into_iter().map(|settled| settled.done).collect();
    assert_eq!(settled, [true, true, true, false]);
    assert_eq!(t.number("SELECT count(DISTINCT xmin::text) FROM turn WHERE state = 'delivered'").await, 1);
    assert_eq!(t.number("SELECT count(*) FROM turn WHERE state = 'delivered' AND cost_micro_pix > 0").await, 3);
    assert_eq!(t.number("SELECT count(*) FROM outbox WHERE kind = 'turn.settled'").await, 3);
    let again = t.chats.together.notes.submit(notes[0]).await.unwrap();
    assert!(!again.done, "a turn ends once");
    *t.billing.0.lose_settles.lock().unwrap() = 0;
    let over = "SELECT count(*) FROM turn WHERE state = 'delivered'";
    eventually_within(Duration::from_secs(15), "the fourth", async || (t.number(over).await == 4).then_some(())).await;
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_that_store_one_turn_together_only_its_own_does() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Wait, Act::Say("Готово.")]);
    let question = AskRequest { wait_seconds: Some(0), ..t.question("anna", "1", "Сколько?") };
    let asked = ask::ask(&t.chats, t.call("Ask", question)).await.unwrap();
    let turn = asked.turn.unwrap().id;
    let answering = format!("SELECT count(*) FROM turn WHERE id = '{turn}' AND state = 'answering'");
    eventually("answering", async || (t.number(&answering).await == 1).then_some(())).await;
    let epoch = t.number(&format!("SELECT lease_epoch FROM turn WHERE id = '{turn}'")).await;
    let answer = |epoch, text: &str| Stored {
        workspace: t.ws,
        conversation: asked.conversation_id.parse().unwrap(),
        channel: ChannelId(Uuid::now_v7()),
        turn: turn.parse().unwrap(),
        epoch,
        handler_epoch: 1,
        message: MessageId(Uuid::now_v7()),
        text: text.to_owned(),
        citations: serde_json::json!([]),
        attempts: vec![],
        parts: vec![],
        record: vec![],
    };
    let both = [answer(epoch + 1, "Чужой."), answer(epoch, "Свой.")];
    let both = both.as_slice();
    let stored = t.chats.db.call("test.stored", async |tx: &mut Tx| store(tx, both).await).await.unwrap();
    assert_eq!(stored, [false, true]);
    let said = t.messages(&asked.conversation_id).await;
    assert_eq!((said.len(), said[1].text.as_str()), (2, "Свой."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_right_behind_an_answer_is_answered_in_turn() {
    let t = Test::start().await;
    // Between the word of the end and its note: the dialogue still has a turn.
    for n in 1..=5 {
        let answer = t.ask("anna", &n.to_string(), "Сколько?").await;
        assert_eq!(answer.turn.unwrap().state(), TurnState::Delivered, "question {n}");
    }
    t.noted().await;
    assert_eq!(t.number("SELECT count(*) FROM turn WHERE state = 'delivered'").await, 5);
    t.verify().await;
}
