//! The test dialogue: answered as customers are, paid from the allowance and then from the wallet, seen by its person only.

use futures::StreamExt as _;
use neipix_mesh::{AssistantId, Failure, TurnId, UserId, WorkspaceId, db::Tx};
use neipix_proto::assistants::v1::{
    AssistantSpec, CauseKind, CreateProviderRequest, ExplainSimulatedTurnRequest, GateOutcome, GateRule,
    GetSourcesRequest, ListSimulatedTurnsRequest, ListSimulatedTurnsResponse, Provider, ProviderKind, RecordedPassage,
    ResetSimulationRequest, SilenceReason, SimulateEvent, SimulateRequest, SimulatedTurnState, SimulationEnd,
    SourceState, StopWord, StopWordAction, StopWordMatch, simulate_event::Event,
};
use svc_assistants::{
    providers, simulation,
    simulation::store::{self, NewTurn, Whose},
    sources,
};
use uuid::Uuid;

use crate::{
    doubles::{BOUND, COST, Others},
    harness::{Test, eventually, reason, spec},
    peer::{Act, Peer},
};

const DELIVERY: &str = "Доставка по Москве стоит 300 рублей.";

struct Scene {
    t: Test,
    others: Others,
    assistant: AssistantId,
    person: Uuid,
}

impl Scene {
    async fn with(acts: &[Act], free: &str, spec: AssistantSpec) -> Self {
        let (_, address) = Peer::start(acts).await;
        let others = Others::default();
        let pairs = [("EGRESS_ALLOW", address.as_str()), ("SIMULATION_FREE_MICRO_PIX", free)];
        let t = Test::beside(&pairs, others.upstreams()).await;
        let assistant: AssistantId = t.assistant(spec).await.id.parse().unwrap();
        t.file(assistant, "shop.md", &[DELIVERY]).await;
        let provider = Provider {
            name: "Stand-in".into(),
            kind: ProviderKind::OpenaiCompatible.into(),
            base_url: format!("http://{address}/v1"),
            model: "m-1".into(),
            api_key: "sk-1".into(),
            priority: 10,
            ..Provider::default()
        };
        let request = CreateProviderRequest { provider: Some(provider) };
        providers::rpc::create(&t.state, t.call("CreateProvider", request)).await.unwrap();
        Self { t, others, assistant, person: Uuid::new_v4() }
    }

    fn question(&self, text: &str) -> SimulateRequest {
        SimulateRequest { id: self.assistant.to_string(), text: text.into(), ..SimulateRequest::default() }
    }

    async fn try_ask(&self, request: SimulateRequest) -> Result<Vec<SimulateEvent>, Failure> {
        let call = self.t.call_as(self.t.ws, self.person, "Simulate", request);
        let stream = simulation::rpc::simulate(&self.t.state, call).await?;
        Ok(stream.map(Result::unwrap).collect().await)
    }

    async fn ask(&self, text: &str) -> (String, SimulationEnd) {
        read(self.try_ask(self.question(text)).await.unwrap())
    }

    async fn list(&self, ws: WorkspaceId, person: Uuid) -> Result<ListSimulatedTurnsResponse, Failure> {
        let request = ListSimulatedTurnsRequest { assistant_id: self.assistant.to_string() };
        simulation::rpc::list(&self.t.state, self.t.call_as(ws, person, "ListSimulatedTurns", request)).await
    }

    async fn reset(&self) {
        let request = ResetSimulationRequest { id: self.assistant.to_string() };
        let call = self.t.call_as(self.t.ws, self.person, "ResetSimulation", request);
        simulation::rpc::reset(&self.t.state, call).await.unwrap();
    }
}

/// The text of the deltas, and the end.
fn read(events: Vec<SimulateEvent>) -> (String, SimulationEnd) {
    let mut text = String::new();
    let mut events = events.into_iter().map(|e| e.event.unwrap());
    assert!(matches!(events.next(), Some(Event::Accepted(_))));
    for event in events {
        match event {
            Event::Delta(delta) => {
                text.truncate(usize::try_from(delta.offset).unwrap());
                text.push_str(&delta.text);
            }
            Event::Finished(end) => return (text, end),
            Event::Accepted(_) => panic!("accepted twice"),
        }
    }
    panic!("no end after {text:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_answers_from_its_knowledge_and_the_allowance_pays() {
    let s = Scene::with(&[Act::Say("Доставка стоит 300 рублей [1].")], "20000", spec("Магазин")).await;
    let (text, end) = s.ask("Сколько стоит доставка по Москве?").await;
    let (turn, told) = (end.turn.unwrap(), end.explanation.unwrap());
    assert_eq!((text.as_str(), turn.state()), (turn.answer.as_str(), SimulatedTurnState::Answered));
    assert_eq!((turn.version, turn.number, turn.cost_micro_pix, turn.allowance_micro_pix), (0, 1, COST, COST));
    assert_eq!(turn.citations.len(), 1);
    assert!(turn.usage.unwrap().output_tokens > 0);
    assert_eq!(end.allowance.unwrap().left_micro_pix, 20_000 - COST);
    let [passage] = told.passages.as_slice() else { panic!("{:?}", told.passages) };
    assert_eq!((passage.text.as_str(), passage.mark, passage.state()), (DELIVERY, 1, SourceState::Present));
    let sum: f32 = passage.parts.iter().map(|p| p.share).sum();
    assert!(!passage.parts.is_empty() && (f64::from(sum) - passage.score).abs() < 1e-6, "{passage:?}");
    assert!(told.attempts.len() == 1 && told.attempts[0].charged && told.prompt_hash.len() == 64);
    let money = told.gate.iter().find(|d| d.rule() == GateRule::Balance).unwrap();
    assert_eq!(money.outcome(), GateOutcome::Passed);
    let assistant = told.gate.iter().find(|d| d.rule() == GateRule::Assistant).unwrap();
    assert_eq!(assistant.outcome(), GateOutcome::WouldSilence, "a draft answers no customer");
    assert!(s.others.seen(|seen| seen.holds.is_empty()));
    assert_eq!(s.t.number("SELECT count(*) FROM job WHERE kind = 'simulation.close'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_allowance_the_wallet_pays_and_an_empty_one_is_told() {
    let say = Act::Say("Доставка стоит 300 рублей [1].");
    let s = Scene::with(&[say.clone(), say.clone(), say], &BOUND.to_string(), spec("Магазин")).await;
    assert_eq!(s.ask("Сколько стоит доставка?").await.1.turn.unwrap().allowance_micro_pix, COST);
    let paid = s.ask("Сколько стоит доставка?").await.1.turn.unwrap();
    assert_eq!((paid.cost_micro_pix, paid.allowance_micro_pix), (COST, 0));
    assert_eq!(
        s.others.seen(|seen| (seen.holds.clone(), seen.settled.clone())),
        (vec![paid.id.clone()], vec![paid.id])
    );
    s.others.seen(|seen| seen.is_poor = true);
    let (text, end) = s.ask("Сколько стоит доставка?").await;
    let (turn, told) = (end.turn.unwrap(), end.explanation.unwrap());
    assert_eq!((text.as_str(), turn.state(), turn.reason()), ("", SimulatedTurnState::Silent, SilenceReason::NoFunds));
    assert_eq!(told.cause.unwrap().kind(), CauseKind::Wallet);
    assert_eq!(s.t.number("SELECT count(*) FROM simulated_turn WHERE NOT closed").await, 0);
    let taken = s.t.number("SELECT sum(taken_micro_pix) FROM simulation_day").await;
    assert_eq!(taken, COST, "what was reserved and not spent is there again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_word_says_its_fixed_reply_and_names_itself() {
    let word = StopWord {
        pattern: "жалоба".into(),
        r#match: StopWordMatch::Phrase.into(),
        action: StopWordAction::FixedReply.into(),
        reply: "Напишите нам.".into(),
        ..StopWord::default()
    };
    let s = Scene::with(&[], "20000", AssistantSpec { stop_words: vec![word], ..spec("Магазин") }).await;
    let (_, end) = s.ask("У меня жалоба").await;
    let (turn, told) = (end.turn.unwrap(), end.explanation.unwrap());
    assert_eq!((turn.answer.as_str(), turn.fixed_reply, turn.cost_micro_pix), ("Напишите нам.", true, 0));
    assert_eq!((turn.reason(), told.cause.unwrap().kind()), (SilenceReason::StopWord, CauseKind::StopWord));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialogue_remembers_itself_until_it_is_reset_and_holds_twenty_turns() {
    let s = Scene::with(&[Act::Say("Первый."), Act::Say("Второй.")], "1000000", spec("Магазин")).await;
    s.ask("Сколько стоит доставка?").await;
    let (_, end) = s.ask("А завтра?").await;
    assert_eq!(end.turn.unwrap().number, 2);
    let listed = s.list(s.t.ws, s.person).await.unwrap();
    let said: Vec<_> = listed.turns.iter().map(|t| (t.question.as_str(), t.answer.as_str())).collect();
    assert_eq!(said, [("Сколько стоит доставка?", "Первый."), ("А завтра?", "Второй.")]);
    s.t.as_owner("UPDATE assistants.simulated_turn SET number = 20 WHERE number = 2").await;
    assert_eq!(reason(s.try_ask(s.question("Ещё?")).await), "SIMULATION_FULL");
    s.reset().await;
    assert!(s.list(s.t.ws, s.person).await.unwrap().turns.is_empty());
    assert_eq!(s.t.number("SELECT count(*) FROM simulated_turn").await, 2, "the log stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_question_is_the_same_turn_and_is_not_paid_twice() {
    let s = Scene::with(&[Act::Say("Триста.")], "1000000", spec("Магазин")).await;
    let request = SimulateRequest {
        request_id: Uuid::new_v4().to_string(), ..s.question("Сколько стоит доставка?")
    };
    let (first, one) = read(s.try_ask(request.clone()).await.unwrap());
    let (again, two) = read(s.try_ask(request).await.unwrap());
    assert_eq!((first, one.turn), (again, two.turn));
    assert_eq!(s.t.number("SELECT sum(taken_micro_pix) FROM simulation_day").await, COST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_process_died_fails_and_gives_its_money_back() {
    let s = Scene::with(&[], "1000000", spec("Магазин")).await;
    let whose = Whose { workspace: s.t.ws, assistant: s.assistant, member: UserId(s.person) };
    let id = TurnId(Uuid::now_v7());
    s.t.state
        .db
        .in_workspace_id(s.t.ws, "test.open", async |tx: &mut Tx| {
            let new = NewTurn { id, request: id.0, version: 0, question: "Сколько?" };
            store::open(tx, whose, &[], &new).await?;
            store::will_hold(tx, s.t.ws, id).await
        })
        .await
        .unwrap();
    assert_eq!(reason(s.try_ask(s.question("Ещё?")).await), "SIMULATION_BUSY");
    s.others.seen(|seen| seen.is_down = true);
    s.t.as_owner("UPDATE assistants.job SET run_at = clock_timestamp() WHERE kind = 'simulation.close'").await;
    s.t.work();
    let failed = eventually("the turn failed", async || {
        let turn = s.list(s.t.ws, s.person).await.unwrap().turns.pop().unwrap();
        (turn.state() == SimulatedTurnState::Failed).then_some(turn)
    })
    .await;
    assert_eq!(failed.reason(), SilenceReason::Internal);
    s.others.seen(|seen| seen.is_down = false);
    eventually("the release", async || s.others.seen(|seen| (seen.released == [id.to_string()]).then_some(()))).await;
    let open = "SELECT count(*) FROM simulated_turn WHERE NOT closed";
    eventually("the note of it", async || (s.t.number(open).await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_disturbs_the_test_dialogue_of_another_person() {
    let s = Scene::with(&[Act::Say("Триста.")], "1000000", spec("Магазин")).await;
    let (_, end) = s.ask("Сколько стоит доставка?").await;
    let turn = end.turn.unwrap().id;
    let (colleague, stranger) = (Uuid::new_v4(), WorkspaceId(Uuid::new_v4()));
    assert!(s.list(s.t.ws, colleague).await.unwrap().turns.is_empty());
    assert_eq!(reason(s.list(stranger, s.person).await), "NOT_FOUND");
    let request = ExplainSimulatedTurnRequest { assistant_id: s.assistant.to_string(), id: turn };
    for (ws, person) in [(s.t.ws, colleague), (stranger, s.person)] {
        let call = s.t.call_as(ws, person, "ExplainSimulatedTurn", request.clone());
        assert_eq!(reason(simulation::rpc::explain(&s.t.state, call).await), "NOT_FOUND");
    }
    let call = s.t.call_as(stranger, s.person, "Simulate", s.question("Сколько?"));
    let refused = simulation::rpc::simulate(&s.t.state, call).await.map(drop);
    assert_eq!(reason(refused), "NOT_FOUND");
    let missing = SimulateRequest { version: 7, ..s.question("Сколько?") };
    assert_eq!(reason(s.try_ask(missing).await), "FIELD_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_were_deleted_are_shown_as_what_they_were_and_unknown_ones_as_gone() {
    let t = Test::start().await;
    let assistant = t.published(spec("Магазин")).await;
    let file = t.file(assistant, "shop.md", &[DELIVERY]).await;
    let found = {
        let request = neipix_proto::assistants::v1::RetrieveRequest {
            workspace_id: t.ws.to_string(),
            assistant_id: assistant.to_string(),
            question: "Сколько стоит доставка?".into(),
            limit: 0,
        };
        svc_assistants::search::rpc::retrieve(&t.state, t.call("Retrieve", request)).await.unwrap()
    };
    let id: Uuid = found.passages[0].passage_id.parse().unwrap();
    let recorded = |id: Uuid| RecordedPassage { id: id.as_bytes().to_vec(), score: 0.5, ..RecordedPassage::default() };
    let request = GetSourcesRequest {
        workspace_id: t.ws.to_string(),
        assistant_id: assistant.to_string(),
        passages: vec![recorded(Uuid::now_v7()), recorded(id)],
    };
    let states = async |ws: WorkspaceId| {
        let got = sources::get(&t.state, t.call_in(ws, "GetSources", request.clone())).await.unwrap();
        got.passages.iter().map(|p| (p.state(), p.text.clone())).collect::<Vec<_>>()
    };
    let gone = (SourceState::Gone, String::new());
    assert_eq!(states(t.ws).await, [gone.clone(), (SourceState::Present, DELIVERY.to_owned())]);
    t.as_owner(&format!("UPDATE assistants.knowledge_file SET disabled = true WHERE id = '{file}'")).await;
    assert_eq!(states(t.ws).await, [gone.clone(), (SourceState::Retired, DELIVERY.to_owned())]);
    assert_eq!(states(WorkspaceId(Uuid::new_v4())).await, [gone.clone(), gone]);
}
