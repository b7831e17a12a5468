//! Hold, settle, release: repeated, raced, late and impossible.

use futures::future::join_all;
use neipix_proto::billing::v1::TransferKind;
use uuid::Uuid;

use crate::harness::{Test, eventually, reason};

#[tokio::test(flavor = "multi_thread")]
async fn m_1_a_hundred_turns_at_once_hold_what_there_is_for_three() {
    // trust: M-1, INV-22
    let test = Test::start().await;
    let wallet = test.wallet(350).await;
    let turns: Vec<Uuid> = (0..100).map(|_| Uuid::now_v7()).collect();
    let answers = join_all(turns.iter().map(|turn| wallet.hold(*turn, 100))).await;
    let held = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(held, 3);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_eq!(reason(refused), "INSUFFICIENT_FUNDS");
    }
    assert_eq!(wallet.balance().await, (50, 300));
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_23_a_hold_asked_for_fifty_times_at_once_is_one() {
    // trust: INV-23
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    let turn = Uuid::now_v7();
    for answer in join_all((0..50).map(|_| wallet.hold(turn, 700))).await {
        assert_eq!(answer.unwrap().amount_micro_pix, 700);
    }
    assert_eq!((wallet.balance().await, wallet.transfers("hold").await), ((300, 700), 1));
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn m_10_the_first_close_stands_whatever_comes_after() {
    // trust: M-10
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    let (paid, freed, never) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    wallet.hold(paid, 100).await.unwrap();
    let first = wallet.settle(paid, 60).await.unwrap();
    assert_eq!((first.cost_micro_pix, first.kind()), (60, TransferKind::Settle));
    assert_eq!(wallet.settle(paid, 90).await.unwrap(), first, "another amount");
    assert_eq!(wallet.release(paid).await.unwrap(), first);

    wallet.hold(freed, 100).await.unwrap();
    let first = wallet.release(freed).await.unwrap();
    let late = wallet.settle(freed, 60).await.unwrap();
    assert_eq!((&late, late.kind(), late.cost_micro_pix), (&first, TransferKind::Release, 0));

    assert_eq!(reason(wallet.settle(never, 60).await), "HOLD_NOT_FOUND");
    wallet.release(never).await.unwrap();
    assert_eq!(reason(wallet.hold(never, 10).await), "HOLD_NOT_FOUND", "a hold that comes after its release");
    assert_eq!(wallet.balance().await, (940, 0));
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_24_settle_and_release_at_once_close_a_hold_once() {
    // trust: INV-24
    let test = Test::start().await;
    let wallet = test.wallet(10_000).await;
    for _ in 0..20 {
        let turn = Uuid::now_v7();
        wallet.hold(turn, 100).await.unwrap();
        let (settled, released) = tokio::join!(wallet.settle(turn, 40), wallet.release(turn));
        assert_eq!(settled.unwrap(), released.unwrap(), "both name the one that was first");
    }
    assert_eq!(wallet.transfers("settle").await + wallet.transfers("release").await, 20);
    assert_eq!(wallet.balance().await.1, 0);
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_of_many_wallets_that_end_at_once_are_each_charged_its_own() {
    let test = Test::start().await;
    let mut ends = vec![];
    for n in 1..=6 {
        let wallet = test.wallet(1_000).await;
        for cost in [10 * n, 20 * n] {
            let turn = Uuid::now_v7();
            wallet.hold(turn, 200).await.unwrap();
            // Each twice: the second finds what the first one did.
            ends.extend([(wallet, turn, cost), (wallet, turn, cost)]);
        }
    }
    let never = Uuid::now_v7();
    let (answers, none) = tokio::join!(
        join_all(ends.iter().map(|(wallet, turn, cost)| wallet.settle(*turn, *cost))),
        ends[0].0.settle(never, 5)
    );
    assert_eq!(reason(none), "HOLD_NOT_FOUND");
    for (answer, (_, _, cost)) in answers.iter().zip(&ends) {
        assert_eq!(answer.as_ref().unwrap().cost_micro_pix, *cost);
    }
    for (n, wallet) in (1..=6).zip(ends.iter().step_by(4).map(|(wallet, ..)| wallet)) {
        assert_eq!((wallet.balance().await, wallet.transfers("settle").await), ((1_000 - 30 * n, 0), 2));
    }
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn m_11_a_settle_past_the_end_counts_until_the_sweep_and_never_after() {
    // trust: M-11
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    let (late, swept) = (Uuid::now_v7(), Uuid::now_v7());
    wallet.hold(late, 100).await.unwrap();
    test.sql("UPDATE hold SET expires_at = clock_timestamp() - interval '1 minute'").await;
    assert_eq!(wallet.settle(late, 30).await.unwrap().cost_micro_pix, 30);
    wallet.hold(swept, 100).await.unwrap();
    test.sql(
        "UPDATE hold SET expires_at = clock_timestamp() - interval '1 minute' WHERE closed_at IS NULL;
         UPDATE job SET run_at = clock_timestamp()",
    )
    .await;
    eventually("the sweep", async || wallet.transfers("release").await == 1).await;
    let after = wallet.settle(swept, 30).await.unwrap();
    assert_eq!((after.cost_micro_pix, after.kind()), (0, TransferKind::Release), "the answer is free");
    assert_eq!(wallet.balance().await, (970, 0));
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn m_13_a_price_that_changes_between_hold_and_settle_does_not_count() {
    // trust: M-13, INV-25
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    let turn = Uuid::now_v7();
    let held = wallet.hold(turn, 100).await.unwrap();
    let newer = test.price(5_000_000, 5_000_000).await;
    assert_ne!(held.priced[0].price_id, newer.to_string());
    assert_eq!(wallet.settle(turn, 50).await.unwrap().cost_micro_pix, 50);
    let next = wallet.hold(Uuid::now_v7(), 100).await.unwrap();
    assert_eq!((next.amount_micro_pix, next.priced[0].price_id.as_str()), (500, newer.to_string().as_str()));
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_ended_a_moment_ago_holds_nothing() {
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    let first = Uuid::now_v7();
    wallet.hold(first, 100).await.unwrap();
    test.sql("UPDATE price SET valid_to = clock_timestamp()").await;
    assert_eq!(reason(wallet.hold(Uuid::now_v7(), 100).await), "UNPRICED", "though it was read just before");
    assert_eq!(wallet.balance().await, (900, 100), "nothing changed");
    let again = wallet.hold(first, 100).await.unwrap();
    assert_eq!(again.amount_micro_pix, 100, "what is held already stays held, at its price");
    assert_eq!(wallet.settle(first, 50).await.unwrap().cost_micro_pix, 50);
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_replica_closes_what_another_one_held() {
    let test = Test::start().await;
    let other = test.replica().await;
    let here = test.wallet(1_000).await;
    let there = here.at(&other);
    let turns: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    for turn in &turns {
        here.hold(*turn, 100).await.unwrap();
    }
    assert_eq!(there.settle(turns[0], 30).await.unwrap().cost_micro_pix, 30);
    // The one that held still remembers an open hold.
    assert_eq!(here.settle(turns[0], 70).await.unwrap().cost_micro_pix, 30, "the first close stands");
    assert_eq!(here.release(turns[0]).await.unwrap().cost_micro_pix, 30);
    assert_eq!(there.release(turns[1]).await.unwrap().kind(), TransferKind::Release);
    let after = here.settle(turns[1], 30).await.unwrap();
    assert_eq!((after.cost_micro_pix, after.kind()), (0, TransferKind::Release), "the answer is free");
    let (one, two) = tokio::join!(here.settle(turns[2], 10), there.settle(turns[2], 20));
    assert_eq!(one.unwrap(), two.unwrap(), "both name the one that was first");
    let (one, two) = tokio::join!(here.settle(turns[3], 10), there.release(turns[3]));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(here.balance().await.1, 0);
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cost_above_the_hold_is_ours_and_a_negative_number_is_refused() {
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    let turn = Uuid::now_v7();
    wallet.hold(turn, 100).await.unwrap();
    assert_eq!(reason(wallet.settle(turn, -1).await), "FIELD_INVALID");
    assert_eq!(wallet.balance().await, (900, 100), "nothing changed");
    assert_eq!(wallet.settle(turn, 250).await.unwrap().cost_micro_pix, 100);
    assert_eq!(test.broken().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_26_what_was_booked_cannot_be_changed_by_the_service_nor_unbalanced_by_anybody() {
    // trust: INV-20, INV-26
    let test = Test::start().await;
    let wallet = test.wallet(1_000).await;
    wallet.hold(Uuid::now_v7(), 100).await.unwrap();
    for denied in [
        "UPDATE posting SET amount_micro_pix = 0",
        "DELETE FROM posting",
        "TRUNCATE transfer CASCADE",
        "UPDATE transfer SET amount_micro_pix = 0",
        "DELETE FROM transfer_key",
        "DELETE FROM wallet",
        "UPDATE price SET input_micro_pix_per_million = 0",
    ] {
        let refused = test.as_service(wallet.ws, denied).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{denied}: {refused}");
    }
    let lone = format!(
        "INSERT INTO posting (workspace_id, transfer_id, n, account, amount_micro_pix)
         SELECT workspace_id, id, 9, 'bonus', 5 FROM transfer WHERE workspace_id = '{}' AND kind = 'hold'",
        wallet.ws
    );
    let refused = test.as_service(wallet.ws, &lone).await.unwrap_err().to_string();
    assert!(refused.contains("does not balance"), "{refused}");
    for (rule, broken) in [
        ("wallet_sound_ck", "wallet SET bonus = bonus - 5000, held = held + 5000"),
        ("wallet_sound_ck", "wallet SET bonus = bonus + 1"),
        ("hold_sound_ck", "hold SET amount_micro_pix = amount_micro_pix + 1"),
        ("hold_sound_ck", "hold SET models = array_append(models, 'another')"),
    ] {
        let refused = test.as_service(wallet.ws, &format!("UPDATE {broken}")).await.unwrap_err().to_string();
        assert!(refused.contains(rule), "{broken}: {refused}");
    }
    assert_eq!(test.broken().await, [""; 0]);
}
