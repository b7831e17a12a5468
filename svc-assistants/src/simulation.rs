//! The test dialogue: an owner talks to the own assistant before customers do. Answered by the function that answers customers;
//! kept in its own log; paid from a free allowance of each day, then from the wallet.

mod explanation;
pub mod money;
pub mod rpc;
mod run;
pub mod store;

use std::time::Duration;

use neipix_mesh::HasReason;
use neipix_proto::{
    Reason as _, ReasonInfo,
    assistants::v1::{AssistantSpec, ErrorReason, SilenceReason, SimulatedTurnState},
};

use crate::answers::prompt;

/// Turns of a test dialogue until it is reset.
pub const TURNS_MAX: i32 = 20;
/// Tokens of a turn beside the instruction: history, material, question and answer. An instruction that was cut in half would
/// test another assistant.
pub const TURN_TOKENS: i32 = 4_000;
/// A turn takes no longer.
pub const RUN_MOST: Duration = Duration::from_secs(120);
/// When a turn is looked after whose process may have died.
pub const LOOK_AFTER: Duration = Duration::from_secs(150);

/// How far a turn got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Is being answered.
    Running,
    /// Answered.
    Answered,
    /// The assistant said nothing of its own.
    Silent,
    /// Went wrong.
    Failed,
}

impl State {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Answered => "answered",
            Self::Silent => "silent",
            Self::Failed => "failed",
        }
    }

    /// From the table; its check allows no other name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "running" => Self::Running,
            "answered" => Self::Answered,
            "silent" => Self::Silent,
            _ => Self::Failed,
        }
    }

    /// As callers see it.
    #[must_use]
    pub fn to_wire(self) -> SimulatedTurnState {
        match self {
            Self::Running => SimulatedTurnState::Running,
            Self::Answered => SimulatedTurnState::Answered,
            Self::Silent => SimulatedTurnState::Silent,
            Self::Failed => SimulatedTurnState::Failed,
        }
    }
}

/// Bounds of a turn in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of the prompt, the instruction included.
    pub input: i32,
    /// Of the answer.
    pub output: i32,
}

impl Bounds {
    /// Of a specification with its defaults: the answer gets what the version gives it, at most half of the turn.
    #[must_use]
    pub fn of(spec: &AssistantSpec) -> Self {
        let output = spec.max_output_tokens.unwrap_or(TURN_TOKENS).clamp(1, TURN_TOKENS / 2);
        Self { input: prompt::fixed_tokens_max(spec).saturating_add(TURN_TOKENS - output), output }
    }
}

/// Why a question is refused.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// One is being answered.
    #[error("the former question is still being answered: wait for its end, or reset the test dialogue")]
    Busy,
    /// No room.
    #[error("a test dialogue has at most {TURNS_MAX} turns: reset it to begin anew")]
    Full,
}

impl HasReason for SimulationError {
    fn reason(&self) -> &'static ReasonInfo {
        match self {
            Self::Busy => ErrorReason::SimulationBusy.info(),
            Self::Full => ErrorReason::SimulationFull.info(),
        }
    }

    fn fields(&self) -> Vec<neipix_mesh::FieldProblem> {
        vec![]
    }
}

/// Why nothing, or not all, was said, in Russian and in English.
#[must_use]
pub fn texts(reason: SilenceReason) -> (&'static str, &'static str) {
    match reason {
        SilenceReason::Unspecified => ("", ""),
        SilenceReason::StopWord => ("Сработало стоп-слово", "A stop word matched"),
        SilenceReason::NoFunds => (
            "Бесплатный лимит на сегодня исчерпан, а в кошельке не хватает пиксов",
            "Today's free allowance is spent, and the wallet has not enough pix",
        ),
        SilenceReason::Unpriced => ("Ни у одной модели нет цены", "No model has a price"),
        SilenceReason::Handoff => ("Нужен человек", "A person should answer"),
        SilenceReason::BillingUnavailable => ("Биллинг не отвечает", "The billing does not answer"),
        SilenceReason::Timeout => ("Ответ не успел в срок", "The answer did not come in time"),
        SilenceReason::Interrupted => ("Ответ оборвался на полуслове", "The answer broke off in the middle"),
        // What only customers' dialogues know ends none here.
        SilenceReason::Internal
        | SilenceReason::Operator
        | SilenceReason::Schedule
        | SilenceReason::Paused
        | SilenceReason::Budget
        | SilenceReason::TakeOver
        | SilenceReason::Closed => ("Внутренняя ошибка", "Internal error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assistants::with_defaults;

    #[test]
    fn a_turn_is_bounded_beside_its_instruction_however_large_the_version_is() {
        let mut spec = with_defaults(AssistantSpec { name: "А".into(), ..AssistantSpec::default() });
        let fixed = prompt::fixed_tokens_max(&spec);
        assert_eq!(Bounds::of(&spec), Bounds { input: fixed + 3_300, output: 700 });
        spec.max_output_tokens = Some(8_000);
        assert_eq!(Bounds::of(&spec), Bounds { input: fixed + 2_000, output: 2_000 });
    }

    #[test]
    fn states_read_back_as_they_are_written() {
        for state in [State::Running, State::Answered, State::Silent, State::Failed] {
            assert_eq!(State::parse(state.as_str()), state);
        }
    }
}
