//! The turn: one answer's way from question to delivery, as a state machine.
//!
//! Between `answering` and `settled` stands the claim. Only a claimed turn settles; only an unclaimed one is skipped or
//! cancelled. Which transaction writes which step stands in the contract (§E).

pub mod reason;
pub mod record;
pub mod store;

use neipix_proto::chats::v1::TurnState;

pub use reason::Reason;
pub use record::Notes;

/// How far a turn got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for the answer delay, the former turn, or at the gate.
    Queued,
    /// Its money is reserved, or none is needed.
    Held,
    /// Is being answered.
    Answering,
    /// The answer is stored and claimed.
    Stored,
    /// The answer is paid.
    Settled,
    /// The customer has it.
    Delivered,
    /// Nothing of the assistant is said.
    Skipped,
    /// Stopped before it was said.
    Cancelled,
    /// Went wrong.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Held,
        Self::Answering,
        Self::Stored,
        Self::Settled,
        Self::Delivered,
        Self::Skipped,
        Self::Cancelled,
        Self::Failed,
    ];

    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Answering => "answering",
            Self::Stored => "stored",
            Self::Settled => "settled",
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// From the table; a text that the table cannot hold reads as `failed`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|s| s.as_str() == text).unwrap_or(Self::Failed)
    }

    /// As callers see it.
    #[must_use]
    pub fn to_proto(self) -> TurnState {
        match self {
            Self::Queued => TurnState::Queued,
            Self::Held => TurnState::Held,
            Self::Answering => TurnState::Answering,
            Self::Stored => TurnState::Stored,
            Self::Settled => TurnState::Settled,
            Self::Delivered => TurnState::Delivered,
            Self::Skipped => TurnState::Skipped,
            Self::Cancelled => TurnState::Cancelled,
            Self::Failed => TurnState::Failed,
        }
    }

    /// Whether the turn does not run any more (`ended_at` is set).
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Settled | Self::Delivered | Self::Skipped | Self::Cancelled | Self::Failed)
    }
}

/// What happens to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Hold answered, or none is needed.
    Held,
    /// The answer begins.
    Answering,
    /// The answer may reach the customer from now on.
    Claimed,
    /// The answer is stored; an unclaimed one is claimed by that.
    Stored,
    /// The close of its hold answered.
    Settled,
    /// The last part reached the customer, or never will.
    Delivered,
    /// The gate or billing refuses.
    Skipped(Reason),
    /// Stopped.
    Cancelled(Reason),
    /// Went wrong.
    Failed(Reason),
    /// A worker died: another begins the answer anew.
    Restarted,
}

/// A turn as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How far it got.
    pub state: State,
    /// Whether the answer was claimed for delivery.
    pub claimed: bool,
}

/// A step that the graph does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a turn that is {from:?} (claimed: {claimed}) cannot become {happening:?}")]
pub struct TurnError {
    from: State,
    claimed: bool,
    happening: Happening,
}

impl Progress {
    /// A new turn.
    pub const NEW: Self = Self { state: State::Queued, claimed: false };

    /// The turn after something happened. What happened before is an answer, not an error, where it changes nothing.
    ///
    /// # Errors
    /// The graph has no such step.
    pub fn after(self, happening: Happening) -> Result<Self, TurnError> {
        use Happening as H;
        use State as S;
        let open = matches!(self.state, S::Queued | S::Held | S::Answering);
        let next = match (self.state, happening) {
            (S::Queued, H::Held) => Self { state: S::Held, ..self },
            (S::Held, H::Answering) => Self { state: S::Answering, ..self },
            (S::Held | S::Answering, H::Claimed) => Self { claimed: true, ..self },
            (S::Answering, H::Stored) => Self { state: S::Stored, claimed: true },
            (S::Stored, H::Settled) if self.claimed => Self { state: S::Settled, ..self },
            (S::Settled, H::Delivered) => Self { state: S::Delivered, ..self },
            (S::Queued, H::Skipped(reason)) if reason.may_skip() => Self { state: S::Skipped, claimed: false },
            (_, H::Cancelled(reason)) if open && !self.claimed && reason.may_cancel() => {
                Self { state: S::Cancelled, claimed: false }
            }
            (_, H::Failed(reason)) if open && reason.may_fail(self.claimed) => Self { state: S::Failed, ..self },
            // The text that was shown is forgotten, so its claim is too: the next worker claims anew.
            (_, H::Restarted) if open => Self { state: S::Queued, claimed: false },
            (from, happening) => return Err(TurnError { from, claimed: self.claimed, happening }),
        };
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(happenings: &[Happening]) -> Result<Progress, TurnError> {
        happenings.iter().try_fold(Progress::NEW, |turn, h| turn.after(*h))
    }

    #[test]
    fn a_whole_answer_is_claimed_by_storing_it() {
        use Happening as H;
        let turn = after(&[H::Held, H::Answering, H::Stored, H::Settled, H::Delivered]).unwrap();
        assert_eq!(turn, Progress { state: State::Delivered, claimed: true });
    }

    #[test]
    fn a_claimed_turn_is_never_cancelled_and_an_unclaimed_one_never_settled() {
        use Happening as H;
        assert!(after(&[H::Held, H::Answering, H::Claimed, H::Cancelled(Reason::TakeOver)]).is_err());
        assert!(after(&[H::Held, H::Answering, H::Settled]).is_err());
        assert!(after(&[H::Held, H::Answering, H::Claimed, H::Failed(Reason::TakeOver)]).is_ok());
        assert!(after(&[H::Held, H::Answering, H::Failed(Reason::TakeOver)]).is_err());
    }

    #[test]
    fn a_turn_that_may_hold_money_is_never_skipped() {
        use Happening as H;
        assert!(after(&[H::Held, H::Skipped(Reason::NoFunds)]).is_err());
        assert!(after(&[H::Skipped(Reason::BillingUnavailable)]).is_err());
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let reason = || proptest::sample::select(Reason::ALL.to_vec());
        prop_oneof![
            Just(Happening::Held),
            Just(Happening::Answering),
            Just(Happening::Claimed),
            Just(Happening::Stored),
            Just(Happening::Settled),
            Just(Happening::Delivered),
            Just(Happening::Restarted),
            reason().prop_map(Happening::Skipped),
            reason().prop_map(Happening::Cancelled),
            reason().prop_map(Happening::Failed),
        ]
    }

    proptest! {
        #[test]
        fn inv_8_whatever_happens_the_rules_of_claims_and_ends_hold(all in proptest::collection::vec(happening(), 0..40)) {
            // trust: INV-8
            let mut turn = Progress::NEW;
            for one in all {
                let Ok(next) = turn.after(one) else { continue };
                prop_assert!(!turn.state.has_ended() || (turn.state, next.state) == (State::Settled, State::Delivered));
                if matches!(next.state, State::Stored | State::Settled | State::Delivered) {
                    prop_assert!(next.claimed);
                }
                if matches!(next.state, State::Skipped | State::Cancelled) {
                    prop_assert!(!next.claimed);
                }
                turn = next;
            }
        }
    }

    #[test]
    fn states_read_back_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), state);
        }
    }
}
