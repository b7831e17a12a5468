//! What the gate looked at, as a turn's record keeps it.

use chrono::{DateTime, Utc};
use neipix_proto::assistants::v1::{
    AssistantLook, AssistantSpec, BalanceLook, DialogueHolder, GateDecision, GateOutcome, GateRule, HandlerLook,
    ScheduleLook, StopWordLook, gate_decision::Looked,
};

use super::{Question, Verdict};
use crate::{conversation::Handler, plan::Plan, stamp, turn::Reason};

/// One look.
#[must_use]
pub fn decision(rule: GateRule, outcome: GateOutcome, looked: Option<Looked>) -> GateDecision {
    GateDecision { rule: rule.into(), outcome: outcome.into(), looked }
}

/// Who answers, as callers see it.
#[must_use]
pub fn holder(handler: Handler) -> DialogueHolder {
    match handler {
        Handler::Assistant => DialogueHolder::Assistant,
        Handler::Operator => DialogueHolder::Operator,
        Handler::Nobody => DialogueHolder::Nobody,
    }
}

/// Looks of the gate up to the one that silenced the assistant, in their order. `epoch` is the period of the dialogue.
#[must_use]
pub fn decisions(question: &Question<'_>, epoch: i64, plan: &Plan, verdict: &Verdict) -> Vec<GateDecision> {
    let silenced_by = match verdict {
        Verdict::Go => None,
        Verdict::Skip { reason, .. } => Some(*reason),
    };
    let of = |reason: Reason| if silenced_by == Some(reason) { GateOutcome::Silenced } else { GateOutcome::Passed };
    let handler = HandlerLook { holder: holder(question.handler).into(), epoch, ..HandlerLook::default() };
    let assistant = AssistantLook { status: plan.answer.status, version: plan.answer.version };
    let all = [
        (Reason::Operator, decision(GateRule::Handler, of(Reason::Operator), Some(Looked::Handler(handler)))),
        (Reason::Paused, decision(GateRule::Assistant, of(Reason::Paused), Some(Looked::Assistant(assistant)))),
        (Reason::Schedule, schedule(question, of(Reason::Schedule), verdict)),
        (Reason::StopWord, stop_words(plan.answer.spec.as_ref(), GateRule::StopWords, verdict.stop_word())),
    ];
    let last = all.iter().position(|(reason, _)| silenced_by == Some(*reason)).map_or(all.len(), |at| at + 1);
    all.into_iter().take(last).map(|(_, decision)| decision).collect()
}

/// A person has it since: found by the period's number when it is asked for.
#[must_use]
pub fn silenced_by_person(epoch: i64) -> GateDecision {
    let looked = HandlerLook { holder: DialogueHolder::Operator.into(), epoch, ..HandlerLook::default() };
    decision(GateRule::Handler, GateOutcome::Silenced, Some(Looked::Handler(looked)))
}

fn schedule(question: &Question<'_>, outcome: GateOutcome, verdict: &Verdict) -> GateDecision {
    let Some(schedule) = question.schedule else { return decision(GateRule::Schedule, GateOutcome::Absent, None) };
    let (closed_since, said) = match verdict {
        Verdict::Skip { away_since, reply, .. } => (*away_since, reply.is_some()),
        Verdict::Go => (None, false),
    };
    decision(GateRule::Schedule, outcome, Some(Looked::Schedule(schedule_look(schedule.zone(), closed_since, said))))
}

/// What working hours said.
#[must_use]
pub fn schedule_look(zone: &str, closed_since: Option<DateTime<Utc>>, away_message_said: bool) -> ScheduleLook {
    ScheduleLook { time_zone: zone.to_owned(), closed_since: closed_since.map(stamp), away_message_said }
}

/// What stop words said: the place of the one that matched, from 0.
#[must_use]
pub fn stop_words(spec: Option<&AssistantSpec>, rule: GateRule, met: Option<usize>) -> GateDecision {
    let all = spec.map(|spec| spec.stop_words.as_slice()).unwrap_or_default();
    let looked_for = all.iter().filter(|word| rule != GateRule::AnswerStopWords || word.check_answer).count();
    if looked_for == 0 {
        return decision(rule, GateOutcome::Absent, None);
    }
    let count = i32::try_from(looked_for).unwrap_or(i32::MAX);
    let word = met.and_then(|at| all.get(at));
    let (Some(at), Some(word)) = (met.and_then(|at| i32::try_from(at).ok()), word) else {
        let look = StopWordLook { count, ..StopWordLook::default() };
        return decision(rule, GateOutcome::Passed, Some(Looked::StopWord(look)));
    };
    let look = StopWordLook {
        count,
        index: Some(at),
        pattern: word.pattern.clone(),
        r#match: word.r#match,
        action: word.action,
    };
    decision(rule, GateOutcome::Silenced, Some(Looked::StopWord(look)))
}

/// What money said.
#[must_use]
pub fn balance(outcome: GateOutcome, look: BalanceLook) -> GateDecision {
    decision(GateRule::Balance, outcome, Some(Looked::Balance(look)))
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1::{
        AnswerPlan, AssistantStatus, StopWord, StopWordAction, StopWordMatch, WeeklyInterval,
    };

    use super::*;
    use crate::gate::decide;

    fn plan(stop: &[&str], hours: Option<(i32, i32)>) -> Plan {
        let word = |pattern: &&str| StopWord {
            pattern: (*pattern).to_owned(),
            r#match: StopWordMatch::WordForm.into(),
            action: StopWordAction::Silent.into(),
            ..StopWord::default()
        };
        let schedule = hours.map(|(from_minute, to_minute)| neipix_proto::assistants::v1::Schedule {
            time_zone: "UTC".to_owned(),
            weekly: (1..=7).map(|weekday| WeeklyInterval { weekday, from_minute, to_minute }).collect(),
            ..Default::default()
        });
        Plan::of(AnswerPlan {
            status: AssistantStatus::Published.into(),
            version: 3,
            spec: Some(AssistantSpec {
                stop_words: stop.iter().map(word).collect(),
                schedule,
                ..AssistantSpec::default()
            }),
            ..AnswerPlan::default()
        })
    }

    fn looked(plan: &Plan, handler: Handler, text: &str) -> Vec<(GateRule, GateOutcome)> {
        let texts = [text.to_owned()];
        let question = Question {
            answers: plan.answers(),
            handler,
            schedule: plan.schedule.as_ref(),
            stop_words: &plan.stop_words,
            texts: &texts,
            away_since: None,
            now: "2026-11-20T20:00:00Z".parse().unwrap(),
        };
        let verdict = decide(&question);
        decisions(&question, 7, plan, &verdict).iter().map(|d| (d.rule(), d.outcome())).collect()
    }

    #[test]
    fn the_looks_end_with_the_one_that_silenced() {
        use GateOutcome::{Absent, Passed, Silenced};
        use GateRule::{Assistant, Handler as Who, Schedule, StopWords};
        let words = plan(&["возврат", "жалоба"], None);
        let good = looked(&words, Handler::Assistant, "Сколько стоит?");
        assert_eq!(good, [(Who, Passed), (Assistant, Passed), (Schedule, Absent), (StopWords, Passed)]);
        let met = looked(&words, Handler::Assistant, "У меня жалобы!");
        assert_eq!(met.last(), Some(&(StopWords, Silenced)));
        assert_eq!(looked(&words, Handler::Nobody, "жалоба"), [(Who, Silenced)]);
        let closed = looked(&plan(&["жалоба"], Some((0, 60))), Handler::Assistant, "жалоба");
        assert_eq!(closed, [(Who, Passed), (Assistant, Passed), (Schedule, Silenced)]);
    }

    #[test]
    fn the_word_that_matched_is_named_by_its_place_in_the_version() {
        let words = plan(&["возврат", "жалоба"], None);
        let met = words.stop_words.find_in_question("Пишу жалобу").map(|met| met.place);
        let look = stop_words(words.answer.spec.as_ref(), GateRule::StopWords, met);
        let Some(Looked::StopWord(look)) = look.looked else { panic!("stop words were looked at") };
        assert_eq!((look.count, look.index, look.pattern.as_str()), (2, Some(1), "жалоба"));
    }
}
