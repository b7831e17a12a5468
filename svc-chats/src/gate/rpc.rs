//! Judge: the gate's schedule and stop words, asked for the test dialogue.

use neipix_mesh::{Call, Failure};
use neipix_proto::{
    assistants::v1::{GateOutcome, GateRule, gate_decision::Looked},
    chats::v1::{JudgeRequest, JudgeResponse},
};

use super::{Schedule, look};
use crate::{
    Chats,
    stopwords::{Action, StopWords},
};

/// What the rules of a specification would say about a question, or about an answer. Working hours silence nothing here: an
/// owner tests at night, and is told that a customer would hear the away message.
///
/// # Errors
/// FIELD_INVALID without a specification.
pub async fn judge(chats: &Chats, call: Call<JudgeRequest>) -> Result<JudgeResponse, Failure> {
    let spec = call.spec.as_ref().ok_or_else(|| Failure::invalid("spec", "is required"))?;
    let (words, _) = StopWords::of(&spec.stop_words);
    let mut decisions = vec![];
    let met = if call.answer.is_empty() {
        decisions.push(match spec.schedule.as_ref().map(Schedule::of) {
            None => look::decision(GateRule::Schedule, GateOutcome::Absent, None),
            Some(schedule) => {
                let closed = schedule.closed_since(chats.clock.now());
                let outcome = if closed.is_some() { GateOutcome::WouldSilence } else { GateOutcome::Passed };
                let looked = Looked::Schedule(look::schedule_look(schedule.zone(), closed, false));
                look::decision(GateRule::Schedule, outcome, Some(looked))
            }
        });
        words.find_in_question(&call.question)
    } else {
        words.find_in_answer(&call.answer)
    };
    let rule = if call.answer.is_empty() { GateRule::StopWords } else { GateRule::AnswerStopWords };
    decisions.push(look::stop_words(Some(spec), rule, met.map(|met| met.place)));
    let reply = match met.map(|met| met.action) {
        Some(Action::FixedReply(reply)) => reply.clone(),
        Some(Action::Silent | Action::Handoff) | None => String::new(),
    };
    Ok(JudgeResponse {
        decisions,
        silenced: met.is_some(),
        reply,
        to_person: met.is_some_and(|met| *met.action == Action::Handoff),
        checks_answers: words.check_answers(),
    })
}
