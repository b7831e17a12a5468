//! Kills at random moments: the short form in every run, the long one by `make faults`.

use std::time::{Duration, Instant};

use neipix_tests::trust;

use crate::{
    house::{House, in_house},
    storm::{Fate, round},
};

/// Blows of one round of the long form.
const BLOWS: usize = 12;

/// The seed of this run: a given one, or a new one.
fn seed() -> u64 {
    let given = std::env::var("NEIPIX_TEST_SEED").ok().filter(|text| !text.is_empty());
    given.map_or_else(rand::random, |text| text.parse().expect("NEIPIX_TEST_SEED is a number"))
}

/// Turns that did not end with an answer, with their reasons.
async fn unanswered(house: &House) -> String {
    let sql = "SELECT string_agg(q.what, ', ') FROM (SELECT t.state || ' ' || t.reason || ': ' || count(*) AS what FROM chats.turn t
               WHERE t.state NOT IN ('settled', 'delivered') GROUP BY t.state, t.reason) q";
    house.look(sql).await
}

#[test]
fn each_role_and_server_dies_once_while_twenty_conversations_go_on() {
    trust!("INV-1", "INV-6", "INV-7");
    in_house(async |house| {
        let seed = seed();
        println!("NEIPIX_TEST_SEED={seed}");
        let blows = Fate::of(seed).each_once();
        let journal = round(house, &blows).await;
        assert!(journal.len() >= 100, "{} messages", journal.len());
        assert_eq!(unanswered(house).await, "", "every turn was answered");
    });
}

#[test]
#[ignore = "the long form: make faults"]
fn kills_pauses_and_restarts_until_the_time_is_over() {
    in_house(async |house| {
        let minutes = std::env::var("NEIPIX_TEST_MINUTES").unwrap_or_default().parse().unwrap_or(60);
        let (began, limit) = (Instant::now(), Duration::from_secs(60 * minutes));
        let seed = seed();
        println!("seed {seed}, {minutes} minutes; again: make faults SEED={seed} MINUTES={minutes}");
        let mut fate = Fate::of(seed);
        let (mut blows_fallen, mut messages) = (0, 0);
        for n in 1.. {
            let blows = fate.any(BLOWS);
            println!("round {n}: {}", blows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
            messages += round(house, &blows).await.len();
            blows_fallen += blows.len();
            let unanswered = unanswered(house).await;
            println!(
                "round {n} is clean: {blows_fallen} blows, {messages} messages, {} s; not answered: {}",
                began.elapsed().as_secs(),
                if unanswered.is_empty() { "none" } else { &unanswered }
            );
            if began.elapsed() > limit {
                break;
            }
        }
    });
}
