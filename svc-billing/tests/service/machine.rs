//! Any sequence of calls against a ledger of a few lines: same answers, same balances, no invariant broken.

use std::collections::HashMap;

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRng, TestRunner},
};
use uuid::Uuid;

use crate::harness::{Test, Wallet, reason};

/// Sequences per run.
const CASES: u32 = 24;
const OPENING: i64 = 1_000;

#[derive(Debug, Clone, Copy)]
enum Act {
    Hold { turn: usize, tokens: i64 },
    Settle { turn: usize, tokens: i64 },
    Release { turn: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let turn = 0_usize..6;
    let act = prop_oneof![
        3 => (turn.clone(), 0_i64..600).prop_map(|(turn, tokens)| Act::Hold { turn, tokens }),
        2 => (turn.clone(), 0_i64..700).prop_map(|(turn, tokens)| Act::Settle { turn, tokens }),
        1 => turn.prop_map(|turn| Act::Release { turn }),
    ];
    proptest::collection::vec(act, 1..25)
}

/// What a turn is to the ledger.
#[derive(Debug, Clone, Copy)]
enum State {
    Held(i64),
    Closed(i64),
    /// Released before it held.
    Marked,
}

#[derive(Debug)]
struct Model {
    available: i64,
    turns: HashMap<usize, State>,
}

impl Model {
    fn held(&self) -> i64 {
        self.turns.values().map(|state| if let State::Held(amount) = state { *amount } else { 0 }).sum()
    }

    /// The amount that the call should answer, or why it is refused.
    fn play(&mut self, act: Act) -> Result<i64, &'static str> {
        match act {
            Act::Hold { turn, tokens } => match self.turns.get(&turn) {
                Some(State::Held(amount)) => Ok(*amount),
                Some(State::Closed(_) | State::Marked) if tokens.max(1) > self.available => Err("INSUFFICIENT_FUNDS"),
                Some(State::Closed(_) | State::Marked) => Err("HOLD_NOT_FOUND"),
                None if tokens.max(1) > self.available => Err("INSUFFICIENT_FUNDS"),
                None => {
                    self.available -= tokens.max(1);
                    self.turns.insert(turn, State::Held(tokens.max(1)));
                    Ok(tokens.max(1))
                }
            },
            Act::Settle { turn, tokens } => match self.turns.get(&turn).copied() {
                Some(State::Held(amount)) => {
                    let cost = tokens.min(amount);
                    self.available += amount - cost;
                    self.turns.insert(turn, State::Closed(cost));
                    Ok(cost)
                }
                Some(State::Closed(cost)) => Ok(cost),
                Some(State::Marked) | None => Err("HOLD_NOT_FOUND"),
            },
            Act::Release { turn } => match self.turns.get(&turn).copied() {
                Some(State::Held(amount)) => {
                    self.available += amount;
                    self.turns.insert(turn, State::Closed(0));
                    Ok(0)
                }
                Some(State::Closed(cost)) => Ok(cost),
                Some(State::Marked) | None => {
                    self.turns.insert(turn, State::Marked);
                    Ok(0)
                }
            },
        }
    }
}

async fn play(wallet: Wallet<'_>, ids: &[Uuid], act: Act) -> Result<i64, String> {
    let why = |status| reason::<()>(Err(status));
    match act {
        Act::Hold { turn, tokens } => wallet.hold(ids[turn], tokens).await.map(|a| a.amount_micro_pix).map_err(why),
        Act::Settle { turn, tokens } => wallet.settle(ids[turn], tokens).await.map(|a| a.cost_micro_pix).map_err(why),
        Act::Release { turn } => wallet.release(ids[turn]).await.map(|a| a.cost_micro_pix).map_err(why),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_21_the_ledger_answers_as_its_model_whatever_the_order_of_calls() {
    // trust: INV-20, INV-21
    let test = Test::start().await;
    let seed: [u8; 32] = rand::random();
    let rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..CASES {
        let acts = acts().new_tree(&mut runner).unwrap().current();
        let wallet = test.wallet(OPENING).await;
        let ids: Vec<Uuid> = (0..6).map(|_| Uuid::now_v7()).collect();
        let mut model = Model { available: OPENING, turns: HashMap::new() };
        for (n, act) in acts.iter().enumerate() {
            let (said, expected) = (play(wallet, &ids, *act).await, model.play(*act));
            assert_eq!(said, expected.map_err(str::to_owned), "seed {seed:?}, call {n} of {acts:?}");
        }
        assert_eq!(wallet.balance().await, (model.available, model.held()), "seed {seed:?}, after {acts:?}");
    }
    assert_eq!(test.broken().await, [""; 0], "seed {seed:?}");
}
