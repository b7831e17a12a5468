//! Why an answer is as it is, and why there was none.

use neipix_mesh::{CallContext, Failure, WorkspaceId};
use neipix_proto::{
    assistants::v1::{
        AssistantStatus, CauseKind, DialogueHolder, DropRule, Explanation, FinishKind, GateOutcome, GateRule, Schedule,
        SilenceReason, SourceState, StopWord, StopWordAction, StopWordMatch, gate_decision::Looked,
    },
    chats::v1::{AskTurn, ExplainMessageRequest, ExplainTurnRequest, TakeOverRequest},
};
use svc_chats::{ask, conversations::rpc, explain};
use uuid::Uuid;

use crate::{
    doubles::{Act, COST, Money},
    harness::{Test, eventually, reason},
};

async fn explained(t: &Test, conversation: &str, turn: &str) -> Explanation {
    let request = ExplainTurnRequest { conversation_id: conversation.into(), id: turn.into() };
    explain::turn(&t.chats, t.call_as(t.ws, "viewer", "ExplainTurn", request)).await.unwrap()
}

/// Asks once and explains what came of it.
async fn asked(t: &Test, id: &str, text: &str) -> (AskTurn, Explanation) {
    let asked = t.ask("anna", id, text).await;
    let turn = asked.turn.unwrap();
    t.noted().await;
    let told = explained(t, &asked.conversation_id, &turn.id).await;
    (turn, told)
}

fn looked(told: &Explanation) -> Vec<(GateRule, GateOutcome)> {
    told.gate.iter().map(|decision| (decision.rule(), decision.outcome())).collect()
}

fn cause(told: &Explanation) -> (SilenceReason, CauseKind, &str) {
    let cause = told.cause.as_ref().unwrap();
    (told.reason(), cause.kind(), cause.id.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_tells_what_it_saw_what_decided_and_what_it_cost() {
    let t = Test::start().await;
    let (turn, told) = asked(&t, "1", "Сколько стоит доставка?").await;
    assert_eq!(
        (told.turn_id.as_str(), told.reason(), told.cause.as_ref()),
        (turn.id.as_str(), SilenceReason::Unspecified, None)
    );
    assert_eq!((told.version, told.cost_micro_pix, told.held_micro_pix, told.recorded), (3, COST, 9_000, true));
    assert_eq!((told.finish(), told.prompt_hash.len()), (FinishKind::Complete, 64));
    assert!(told.input_tokens_max > 0 && told.output_tokens_max > 0);
    let rules: Vec<_> = told.passages.iter().map(|p| (p.dropped(), p.mark, p.state())).collect();
    assert_eq!(
        rules,
        [
            (DropRule::Unspecified, 1, SourceState::Present),
            (DropRule::Tokens, 0, SourceState::Present),
            (DropRule::Limit, 0, SourceState::Present)
        ]
    );
    assert_eq!((told.passages[0].score, told.passages[0].parts[0].share), (0.5, 0.5));
    let [attempt] = told.attempts.as_slice() else { panic!("{:?}", told.attempts) };
    assert!(attempt.charged && !attempt.price_id.is_empty() && attempt.error.is_empty());
    assert_eq!((attempt.provider.as_str(), attempt.usage.unwrap().output_tokens), ("Stand-in", 20));
    assert_eq!(
        looked(&told),
        [
            (GateRule::Handler, GateOutcome::Passed),
            (GateRule::Assistant, GateOutcome::Passed),
            (GateRule::Schedule, GateOutcome::Absent),
            (GateRule::StopWords, GateOutcome::Absent),
            (GateRule::Balance, GateOutcome::Passed),
            (GateRule::AnswerStopWords, GateOutcome::Absent),
        ]
    );
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_silence_of_the_gate_names_the_very_rule_behind_it() {
    let t = Test::start().await;
    let assistant = t.assistant.to_string();
    let word = |pattern: &str, action: StopWordAction, check_answer| StopWord {
        pattern: pattern.into(),
        r#match: StopWordMatch::WordForm.into(),
        action: action.into(),
        check_answer,
        ..StopWord::default()
    };
    t.assistants.spec(|spec| {
        spec.stop_words = vec![
            word("возврат", StopWordAction::Silent, false),
            word("жалоба", StopWordAction::Silent, false),
            word("доставка", StopWordAction::Silent, true),
        ];
    });
    let (_, told) = asked(&t, "1", "У меня жалобы").await;
    assert_eq!(cause(&told), (SilenceReason::StopWord, CauseKind::StopWord, assistant.as_str()));
    assert_eq!(told.cause.as_ref().unwrap().index, 1);
    let Some(Looked::StopWord(word)) = &told.gate.last().unwrap().looked else { panic!("{:?}", told.gate) };
    assert_eq!((word.pattern.as_str(), word.count), ("жалоба", 3));
    assert!(told.attempts.is_empty() && told.passages.is_empty());

    let (_, told) = asked(&t, "2", "Сколько стоит?").await;
    assert_eq!((told.reason(), told.cause.as_ref().unwrap().index), (SilenceReason::StopWord, 2));
    assert_eq!(looked(&told).last(), Some(&(GateRule::AnswerStopWords, GateOutcome::Silenced)));
    assert!(told.attempts.len() == 1 && !told.attempts[0].charged && told.passages.len() == 3);

    t.assistants.spec(|spec| {
        spec.stop_words = vec![];
        spec.schedule =
            Some(Schedule { time_zone: "UTC".into(), away_message: "Спим".into(), ..Schedule::default() });
    });
    t.chats.plans.forget(t.ws, t.assistant);
    let (_, told) = asked(&t, "3", "Сколько стоит?").await;
    assert_eq!(cause(&told), (SilenceReason::Schedule, CauseKind::Schedule, assistant.as_str()));
    let Some(Looked::Schedule(hours)) = &told.gate.last().unwrap().looked else { panic!("{:?}", told.gate) };
    assert!(hours.closed_since.is_some() && hours.away_message_said && hours.time_zone == "UTC");

    t.assistants.status(AssistantStatus::Paused);
    t.chats.plans.forget(t.ws, t.assistant);
    let (_, told) = asked(&t, "4", "Сколько стоит?").await;
    assert_eq!(cause(&told), (SilenceReason::Paused, CauseKind::Assistant, assistant.as_str()));
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_wallet_is_told_with_how_much_was_missing() {
    let t = Test::start().await;
    t.billing.money(Money::Short);
    let (_, told) = asked(&t, "1", "Сколько стоит?").await;
    assert_eq!(cause(&told), (SilenceReason::NoFunds, CauseKind::Wallet, t.ws.to_string().as_str()));
    let Some(Looked::Balance(money)) = &told.gate.last().unwrap().looked else { panic!("{:?}", told.gate) };
    assert_eq!((money.needed_micro_pix, money.available_micro_pix, money.missing_micro_pix), (9_000, 4_000, 5_000));
    assert!(told.reason_ru.contains("пиксов") && told.reason_en.contains("pix"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_asks_for_a_person_is_told_with_its_reason() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Say("Не знаю."), Act::Handoff]);
    let (_, told) = asked(&t, "1", "Позовите человека").await;
    assert_eq!((told.reason(), told.handoff.as_str()), (SilenceReason::Handoff, "customer_asked"));
    assert_eq!(told.cause.as_ref().unwrap().kind(), CauseKind::Conversation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_and_the_messages_behind_it_name_the_person() {
    let t = Test::start().await;
    t.assistants.acts(&[Act::Wait, Act::Say("Поздно.")]);
    let mut question = t.question("anna", "1", "Сколько?");
    question.wait_seconds = Some(0);
    let first = ask::ask(&t.chats, t.call("Ask", question)).await.unwrap();
    eventually("the answer began", async || (t.assistants.replies().len() == 1).then_some(())).await;
    let request = TakeOverRequest { id: first.conversation_id.clone() };
    let taken = rpc::take_over(&t.chats, t.call_as(t.ws, "operator", "TakeOver", request)).await.unwrap();
    t.assistants.go_on();
    let turn = t.ask("anna", "1", "Сколько?").await.turn.unwrap();
    let told = explained(&t, &first.conversation_id, &turn.id).await;
    assert_eq!(cause(&told), (SilenceReason::TakeOver, CauseKind::Operator, taken.handler_member_id.as_str()));

    // A message to a person has no turn, and is explained all the same.
    let second = t.ask("anna", "2", "Вы тут?").await;
    let request = ExplainMessageRequest { conversation_id: second.conversation_id, id: second.message_id };
    let told = explain::message(&t.chats, t.call("ExplainMessage", request)).await.unwrap();
    assert_eq!(cause(&told), (SilenceReason::Operator, CauseKind::Operator, taken.handler_member_id.as_str()));
    let Some(Looked::Handler(handler)) = &told.gate[0].looked else { panic!("{:?}", told.gate) };
    assert_eq!((handler.holder(), handler.epoch), (DialogueHolder::Operator, taken.handler_epoch));
    assert!(handler.since.is_some() && told.turn_id.is_empty());

    // The question's own message leads to its turn.
    let request = ExplainMessageRequest { conversation_id: first.conversation_id, id: first.message_id };
    let told = explain::message(&t.chats, t.call("ExplainMessage", request)).await.unwrap();
    assert_eq!(told.turn_id, turn.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_the_explanation_of_a_dialogue_that_is_not_theirs() {
    let t = Test::start().await;
    let asked = t.ask("anna", "1", "Сколько?").await;
    let other = t.ask("boris", "2", "Сколько?").await;
    let turn = asked.turn.unwrap().id;
    let request = ExplainTurnRequest { conversation_id: asked.conversation_id.clone(), id: turn.clone() };
    let stranger = WorkspaceId(Uuid::new_v4());
    let call = t.call_as(stranger, "owner", "ExplainTurn", request.clone());
    assert_eq!(reason(explain::turn(&t.chats, call).await), "NOT_FOUND");
    let message = ExplainMessageRequest { conversation_id: asked.conversation_id.clone(), id: asked.message_id };
    let call = t.call_as(stranger, "owner", "ExplainMessage", message);
    assert_eq!(reason(explain::message(&t.chats, call).await), "NOT_FOUND");
    let elsewhere = ExplainTurnRequest { conversation_id: other.conversation_id, id: turn };
    assert_eq!(reason(explain::turn(&t.chats, t.call("ExplainTurn", elsewhere)).await), "NOT_FOUND");
    let call = t.call("ExplainTurn", request);
    let narrowed = CallContext { assistant: Some(neipix_mesh::AssistantId(Uuid::now_v7())), ..(*call.context).clone() };
    let call = neipix_mesh::Call { message: call.message, context: std::sync::Arc::new(narrowed) };
    let refused: Result<_, Failure> = explain::turn(&t.chats, call).await;
    assert_eq!(reason(refused), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_former_program_stores_answers_in_the_new_schema() {
    let t = Test::start().await;
    let empty = std::iter::repeat_n("'{}'", 32).collect::<Vec<_>>().join(", ");
    let stored = t.number(&format!("SELECT count(*) FROM chats.store_answers({empty})")).await;
    assert_eq!(stored, 0, "the signature of before is still there");
    let asked = t.ask("anna", "1", "Сколько?").await;
    t.noted().await;
    let kept = "SELECT count(*) FROM chats.turn_step WHERE record IS NOT NULL";
    assert_eq!(t.number(kept).await, 1, "one record a turn, with the step that stores its answer");
    let most = "SELECT max(octet_length(record)) FROM chats.turn_step";
    assert!(t.number(most).await < 600, "{}", t.number(most).await);
    assert!(asked.turn.is_some());
}
