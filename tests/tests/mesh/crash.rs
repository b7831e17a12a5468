//! Crash points: a process dies at a named step, alone of its kind, so that what it left can be looked at; then all come
//! back, and everything ends as if nothing had been.

use std::{path::PathBuf, time::Duration};

use http::Method;
use neipix_tests::{
    client::{Rest, Surface},
    poll::eventually_within,
    provider::{Behaviour, Gate},
    trust,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    auditor::Journal,
    house::{ANSWER, House, MODEL, PASSWORD, SOON, external_id, in_house},
};

/// A process that is to die at a point, the only one of its service.
struct Armed {
    house: &'static House,
    service: &'static str,
    point: &'static str,
    log: PathBuf,
}

impl Armed {
    async fn new(house: &'static House, service: &'static str, point: &'static str) -> Self {
        house.mesh.kill(service, 1).await;
        let log = house.mesh.dir().join(format!("{point}-{}.crash", Uuid::now_v7().simple()));
        let (arm, path) = (format!("{point}=abort@1"), log.display().to_string());
        let envs = [("NEIPIX_CRASHPOINTS", arm.as_str()), ("NEIPIX_CRASHPOINT_LOG", path.as_str())];
        house.mesh.restart(service, 0, &envs).await;
        Self { house, service, point, log }
    }

    /// Waits for its death; the log proves that it was at the point.
    async fn dies(&self) {
        self.house.mesh.gone(self.service, 0).await;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().last().unwrap_or_default();
        assert!(last.starts_with(self.point) && last.ends_with("1 Some(Abort)"), "died elsewhere: {log}");
    }
}

/// A dialogue of a test.
#[derive(Clone)]
pub struct Dialogue {
    house: &'static House,
    pub contact: String,
}

impl Dialogue {
    pub fn new(house: &'static House, name: &str) -> Self {
        Self { house, contact: format!("{name}-{}", Uuid::now_v7().simple()) }
    }

    /// A patient sender.
    pub fn ask(&self, id: &'static str) -> JoinHandle<Value> {
        let this = self.clone();
        tokio::spawn(async move { this.house.ask(&this.contact, id).await })
    }

    /// Of this dialogue's turns: what the query says, where `t` is the turn.
    pub async fn turn(&self, what: &str) -> String {
        let sql = format!("SELECT {what} FROM chats.turn t WHERE t.conversation_id IN ({})", self.conversations());
        self.house.look(&sql).await
    }

    fn conversations(&self) -> String {
        let scope = "i.contact_id = c.contact_id AND i.workspace_id = c.workspace_id";
        format!(
            "SELECT c.id FROM chats.conversation c JOIN chats.contact_identity i ON {scope} WHERE i.value = '{}'",
            self.contact
        )
    }

    /// Of this dialogue's messages of an author.
    async fn messages(&self, author: &str) -> String {
        let sql = "SELECT count(*) FROM chats.message m WHERE m.author";
        self.house.look(&format!("{sql} = '{author}' AND m.conversation_id IN ({})", self.conversations())).await
    }

    /// Transfers of this dialogue's turns, by kind, in order.
    pub async fn transfers(&self) -> String {
        self.turn("(SELECT string_agg(x.kind, ' ' ORDER BY x.n) FROM billing.transfer x WHERE x.turn_id = t.id)").await
    }
}

/// The state of a turn with its hold's: `stored open`.
const STATE: &str = "t.state || coalesce((SELECT CASE WHEN h.closed_at IS NULL THEN ' open' ELSE ' closed' END
    FROM billing.hold h WHERE h.turn_id = t.id), '')";

/// One question: the process dies at the point, the turn is as said, then all is well.
async fn dies_and_recovers(
    house: &'static House,
    service: &'static str,
    point: &'static str,
    left: (&str, &str),
) -> Dialogue {
    let dialogue = Dialogue::new(house, point);
    let armed = Armed::new(house, service, point).await;
    let asked = dialogue.ask("m1");
    armed.dies().await;
    let (state, transfers) = left;
    let found = eventually_within(SOON, "the state that was left", async || {
        let found = (dialogue.turn(STATE).await, dialogue.transfers().await);
        // Where another service died, the turn's own one is still at work.
        (service == "svc-chats" || found.1 == transfers).then_some(found)
    });
    assert_eq!(found.await, (state.to_owned(), transfers.to_owned()), "what {point} leaves");
    house.heal().await;
    let mut journal = Journal::default();
    journal.acknowledged(&dialogue.contact, "m1", &asked.await.unwrap());
    journal.audit(house).await;
    assert_eq!(dialogue.turn("t.state").await, "delivered");
    assert_eq!(dialogue.transfers().await, "hold settle");
    assert_eq!(dialogue.messages("assistant").await, "1");
    dialogue
}

#[test]
fn f_1_a_death_before_the_commit_leaves_nothing_and_the_retry_makes_one_message() {
    trust!("F-1", "INV-1");
    in_house(async |house| {
        let dialogue = dies_and_recovers(house, "svc-chats", "ingest.before_commit", ("", "")).await;
        assert_eq!(dialogue.messages("contact").await, "1");
    });
}

#[test]
fn f_2_a_death_before_the_acknowledgement_gives_the_retry_the_same_message() {
    trust!("F-2", "INV-1");
    in_house(async |house| {
        let dialogue = Dialogue::new(house, "ingest.after_commit");
        let armed = Armed::new(house, "svc-chats", "ingest.after_commit").await;
        let asked = dialogue.ask("m1");
        armed.dies().await;
        let stored =
            format!("SELECT m.id FROM chats.message m WHERE m.conversation_id IN ({})", dialogue.conversations());
        let stored = house.look(&stored).await;
        assert_eq!(dialogue.turn(STATE).await, "queued");
        house.heal().await;
        let answer = asked.await.unwrap();
        assert_eq!(answer["messageId"], stored, "{answer}");
        let mut journal = Journal::default();
        journal.acknowledged(&dialogue.contact, "m1", &answer);
        journal.audit(house).await;
        assert_eq!(dialogue.messages("contact").await, "1");
        assert_eq!(dialogue.transfers().await, "hold settle");
    });
}

#[test]
fn f_3_a_death_during_the_answer_delay_keeps_the_delay_of_the_last_message() {
    trust!("F-3");
    in_house(async |house| {
        let (chat, dialogue) = (house.telegram.chat(31, "Борис"), Dialogue { house, contact: "31".to_owned() });
        let _ = house.telegram.deliver(&house.bot, chat.text("За сколько дней")).delivered().await;
        let _ = house.telegram.deliver(&house.bot, chat.text("можно вернуть товар?")).delivered().await;
        for number in [0, 1] {
            house.mesh.kill("svc-chats", number).await;
        }
        assert_eq!(
            dialogue.turn("t.state || (t.started_at IS NULL) || (t.due_at > clock_timestamp())").await,
            "queuedtruetrue"
        );
        house.heal().await;
        let sent = house.telegram.wait_for_sent_within(SOON, chat.id(), 1).await;
        assert_eq!(sent.len(), 1);
        Journal::default().audit(house).await;
        // One turn for both messages, begun when the delay after the second one was over.
        let last = "(SELECT max(m.created_at) FROM chats.message m JOIN chats.turn_input i ON i.message_id = m.id WHERE i.turn_id = t.id)";
        let inputs = "(SELECT count(*) FROM chats.turn_input i WHERE i.turn_id = t.id)";
        let found = dialogue.turn(&format!("{inputs} || ' ' || (t.started_at >= {last} + interval '3 seconds')")).await;
        assert_eq!(found, "2 true");
    });
}

#[test]
fn f_4_a_hold_that_chats_does_not_know_of_is_found_again() {
    trust!("F-4");
    in_house(async |house| {
        dies_and_recovers(house, "svc-chats", "turn.after_hold", ("queued open", "hold")).await;
        dies_and_recovers(house, "svc-billing", "hold.committed", ("queued open", "hold")).await;
    });
}

#[test]
fn f_5_a_death_in_the_middle_of_an_answer_starts_it_over_at_our_cost() {
    trust!("F-5");
    in_house(async |house| {
        let dialogue = dies_and_recovers(house, "svc-chats", "turn.mid_stream", ("answering open", "hold")).await;
        let restarted = "SELECT count(*) FROM chats.event e WHERE e.kind = 'turn.restarted' AND e.object_id IN (SELECT t.id FROM chats.turn t";
        let restarted = format!("{restarted} WHERE t.conversation_id IN ({}))", dialogue.conversations());
        assert_eq!(house.look(&restarted).await, "1", "watchers are told");
        let paid =
            "(SELECT count(*) || ' ' || min(a.epoch) FROM chats.turn_attempt a WHERE a.turn_id = t.id AND a.charged)";
        assert_eq!(dialogue.turn(paid).await, "1 2", "only the second worker's attempt is charged");

        // The whole answer was there, and nothing of it stored.
        dies_and_recovers(house, "svc-chats", "turn.replied", ("answering open", "hold")).await;
    });
}

#[test]
fn f_5_a_streaming_caller_asks_again_and_gets_the_whole_answer() {
    in_house(async |house| {
        let dialogue = Dialogue::new(house, "stream");
        let armed = Armed::new(house, "svc-chats", "turn.mid_stream").await;
        let body = json!({"assistantId": house.assistant, "contactExternalId": dialogue.contact, "externalId": external_id(&dialogue.contact, "m1"),
                          "text": "За сколько дней можно вернуть товар?"});
        let path = "/api/v1/channels/api/messages:stream";
        let mut broken = house.asker(0).stream(Method::POST, path, Some(body.clone())).await;
        armed.dies().await;
        assert_eq!(
            dialogue.turn("t.state || ' ' || t.claimed_handler_epoch").await,
            "answering 1",
            "claimed while it is shown"
        );
        while let Some(event) = broken.next_within(SOON).await {
            assert_ne!(event.event, "finished", "{}", event.data);
        }
        house.heal().await;
        let whole = eventually_within(SOON, "the whole answer", async || {
            let mut stream = house.asker(1).try_stream(Method::POST, path, Some(body.clone())).await.ok()?.ok()?;
            while let Some(event) = stream.next_within(SOON).await {
                if event.event == "finished" {
                    return Some(event.json());
                }
            }
            None
        });
        assert_eq!(whole.await["answer"], ANSWER);
        Journal::default().audit(house).await;
        assert_eq!(dialogue.transfers().await, "hold settle");
        assert_eq!(dialogue.messages("contact").await, "1");
    });
}

#[test]
fn f_6_a_stored_answer_that_was_not_settled_is_settled_once() {
    trust!("F-6");
    in_house(async |house| {
        dies_and_recovers(house, "svc-chats", "turn.stored", ("stored open", "hold")).await;
    });
}

#[test]
fn f_7_a_settle_that_was_not_recorded_is_not_repeated() {
    trust!("F-7");
    in_house(async |house| {
        dies_and_recovers(house, "svc-chats", "turn.settled_unrecorded", ("stored closed", "hold settle")).await;
        dies_and_recovers(house, "svc-billing", "settle.committed", ("stored closed", "hold settle")).await;
    });
}

#[test]
fn f_8_a_death_around_a_send_leaves_an_unknown_outcome_that_nobody_resends() {
    trust!("F-8");
    in_house(async |house| {
        let chats = [("delivery.sending", 81, 0), ("delivery.sent_unrecorded", 82, 1)];
        let state = |person: i64| {
            format!(
                "SELECT d.state || ' ' || d.error FROM chats.delivery d JOIN chats.conversation c ON c.id = d.conversation_id
                 JOIN chats.contact_identity i ON i.contact_id = c.contact_id WHERE i.value = '{person}'"
            )
        };
        for (point, person, seen) in chats {
            let armed = Armed::new(house, "svc-chats", point).await;
            let _ = house.telegram.deliver(&house.bot, house.telegram.chat(person, "Вера").text("Как вернуть?"));
            armed.dies().await;
            assert_eq!(house.look(&state(person)).await, "sending ", "the intent is committed at {point}");
            assert_eq!(house.telegram.sent_to(person).len(), seen, "what the customer has at {point}");
        }
        house.heal().await;
        for (point, person, _) in chats {
            let what = format!("a person is asked about what {point} left");
            let within = Duration::from_secs(120);
            eventually_within(within, &what, async || {
                (house.look(&state(person)).await == "failed outcome_unknown").then_some(())
            })
            .await;
        }
        Journal::default().audit(house).await;
        for (point, person, seen) in chats {
            assert_eq!(house.telegram.sent_to(person).len(), seen, "nothing was sent again after {point}");
        }
    });
}

/// An account that waits for its code.
struct Newcomer {
    email: String,
    confirm: Value,
}

impl Newcomer {
    async fn new(house: &House, name: &str) -> Self {
        let email = format!("{name}@romashka.example");
        let body = json!({"email": email, "password": PASSWORD, "name": "Глеб", "workspaceName": "Василёк"});
        let registered = house.mesh.rest(0, Surface::Api).post("/api/v1/auth/register", body).await.ok();
        let code = house.mesh.mailbox().code_for(&email).await;
        Self { email, confirm: json!({"registrationId": registered["registrationId"], "code": code}) }
    }

    /// The workspace comes to be, whether its maker hears of it or not.
    async fn confirm(&self, house: &House) {
        let api: Rest<_> = house.mesh.rest(0, Surface::Api);
        let _ = api.try_call(Method::POST, "/api/v1/auth/confirm-email", Some(self.confirm.clone())).await;
    }

    /// Of this one's workspace `w`.
    async fn look(&self, house: &House, what: &str) -> String {
        let sql = format!(
            "SELECT {what} FROM auth.membership w JOIN auth.user_account u ON u.id = w.user_id WHERE u.email_key = '{}'",
            self.email
        );
        house.look(&sql).await
    }
}

const GRANTS: &str =
    "(SELECT count(*) FROM billing.transfer x WHERE x.workspace_id = w.workspace_id AND x.kind = 'grant')";
const CREATED: &str = "o.workspace_id = w.workspace_id AND o.kind = 'workspace.created'";

#[test]
fn f_9_an_event_that_was_published_and_not_marked_has_its_effect_once() {
    trust!("F-9");
    in_house(async |house| {
        let newcomer = Newcomer::new(house, "published").await;
        let armed = Armed::new(house, "svc-auth", "relay.published").await;
        newcomer.confirm(house).await;
        armed.dies().await;
        let unmarked = format!("(SELECT count(*) FROM auth.outbox o WHERE {CREATED} AND o.published_at IS NULL)");
        assert_eq!(newcomer.look(house, &unmarked).await, "1");
        let granted = async || (newcomer.look(house, GRANTS).await == "1").then_some(());
        eventually_within(SOON, "the grant, out of what was published", granted).await;
        house.heal().await;
        let told = format!("(SELECT count(*) FROM auth.outbox o WHERE {CREATED} AND o.acked_at IS NOT NULL)");
        let acked = async || (newcomer.look(house, &told).await == "1").then_some(());
        eventually_within(SOON, "every consumer has it", acked).await;
        assert_eq!(newcomer.look(house, GRANTS).await, "1");
    });
}

#[test]
fn f_10_an_effect_whose_event_was_not_confirmed_is_not_repeated() {
    trust!("F-10");
    in_house(async |house| {
        let newcomer = Newcomer::new(house, "applied").await;
        let armed = Armed::new(house, "svc-billing", "consumer.applied").await;
        newcomer.confirm(house).await;
        armed.dies().await;
        assert_eq!(newcomer.look(house, GRANTS).await, "1", "the effect is committed");
        let heard = "(SELECT count(*) FROM auth.outbox_ack a JOIN auth.outbox o ON o.id = a.outbox_id";
        let heard = format!("{heard} WHERE {CREATED} AND a.consumer = 'svc-billing')");
        assert_eq!(newcomer.look(house, &heard).await, "0", "and nobody was told");
        house.heal().await;
        let told = async || (newcomer.look(house, &heard).await == "1").then_some(());
        eventually_within(Duration::from_secs(90), "billing confirms", told).await;
        assert_eq!(newcomer.look(house, GRANTS).await, "1");
    });
}

#[test]
fn f_20_a_worker_that_slept_through_its_lease_changes_nothing_and_sends_nothing() {
    trust!("F-20");
    in_house(async |house| {
        let dialogue = Dialogue::new(house, "sleeper");
        house.mesh.kill("svc-chats", 1).await;
        let gate = Gate::after(0);
        house.provider.next(Behaviour::text("Ответ спящего.").gate(&gate));
        let before = house.provider.chats().len();
        let asked = dialogue.ask("m1");
        let _ = house.provider.wait_for_chats_within(SOON, before + 1).await;
        house.mesh.signal("svc-chats", 0, libc::SIGSTOP);
        house.mesh.start_again("svc-chats", 1, &[]).await;
        let over = async || (dialogue.turn("t.state").await == "delivered").then_some(());
        eventually_within(SOON, "the other worker has answered", over).await;
        gate.release();
        house.mesh.signal("svc-chats", 0, libc::SIGCONT);
        let mut journal = Journal::default();
        journal.acknowledged(&dialogue.contact, "m1", &asked.await.unwrap());
        journal.audit(house).await;
        assert_eq!(dialogue.messages("assistant").await, "1");
        let text = "(SELECT m.text FROM chats.message m WHERE m.id = t.answer_message_id)";
        assert_eq!(dialogue.turn(text).await, ANSWER);
        assert_eq!(dialogue.transfers().await, "hold settle");
        house.provider.on_model(MODEL, Behaviour::text(ANSWER));
    });
}
