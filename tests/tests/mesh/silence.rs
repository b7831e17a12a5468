//! F-21: connections between our processes that lose answers, are slow, or are not heard of any more.

use std::time::{Duration, Instant};

use neipix_tests::{
    poll::eventually_within,
    proxy::{Mode, Proxy},
    trust,
};

use crate::{
    auditor::Journal,
    crash::Dialogue,
    house::{House, SOON, in_house},
};

/// As promised between our processes.
const FOUND_WITHIN: Duration = Duration::from_secs(20);

/// An answer is paid once, a moment after it was given.
async fn settles(house: &House, dialogue: &Dialogue) {
    let began = Instant::now();
    loop {
        let transfers = dialogue.transfers().await;
        if transfers == "hold settle" {
            return;
        }
        let turn = dialogue.turn("t.state || ' ' || coalesce(t.reason, '')").await;
        assert!(began.elapsed() < SOON, "a turn {turn:?} has {transfers:?}\n{}", house.mesh.last_words());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn f_21_lost_answers_latency_and_half_open_connections_are_found_and_retries_keep_their_key() {
    trust!("F-21");
    in_house(async |house| {
        // The only way from chats to billing leads through the proxy.
        let billing = Proxy::start(house.mesh.replica("svc-billing", 0).address).await.unwrap();
        house.mesh.kill("svc-chats", 1).await;
        let way = billing.addr().to_string();
        house.mesh.restart("svc-chats", 0, &[("BILLING_ADDRS", way.as_str())]).await;
        let mut journal = Journal::default();

        // Two seconds there and back.
        billing.set(Mode::Delay(Duration::from_secs(1))).await;
        let slow = Dialogue::new(house, "slow");
        journal.acknowledged(&slow.contact, "m1", &slow.ask("m1").await.unwrap());
        settles(house, &slow).await;

        // Billing does what it is told, and nobody hears of it: the turn asks again by the same key.
        billing.set(Mode::DropResponses).await;
        let lost = Dialogue::new(house, "lost");
        let asked = lost.ask("m1");
        let held = async || (lost.transfers().await == "hold").then_some(());
        eventually_within(SOON, "a hold whose answer is lost", held).await;
        let before = billing.accepted();
        let again = async || (billing.accepted() > before).then_some(());
        eventually_within(FOUND_WITHIN, "a connection without answers is left", again).await;
        assert_eq!(lost.turn("t.state || coalesce(t.hold_id::text, '')").await, "queued", "chats knows of no hold");
        billing.set(Mode::Forward).await;
        billing.cut();
        journal.acknowledged(&lost.contact, "m1", &asked.await.unwrap());
        settles(house, &lost).await;

        // Nobody closes it, nothing passes.
        billing.set(Mode::HalfOpen).await;
        let before = billing.accepted();
        let silent = Dialogue::new(house, "silent");
        let asked = silent.ask("m1");
        let again = async || (billing.accepted() > before).then_some(());
        eventually_within(FOUND_WITHIN, "a half-open connection is left", again).await;
        assert_eq!(silent.transfers().await, "", "nothing arrived");
        billing.set(Mode::Forward).await;
        billing.cut();
        journal.acknowledged(&silent.contact, "m1", &asked.await.unwrap());
        settles(house, &silent).await;

        house.heal().await;
        journal.audit(house).await;
    });
}
