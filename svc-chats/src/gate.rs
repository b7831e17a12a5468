//! The gate: whether the assistant may speak at all. Asked once, when a turn starts; refusals are free.

pub mod look;
pub mod rpc;
pub mod schedule;

use chrono::{DateTime, Utc};

use crate::{
    conversation::Handler,
    stopwords::{Action, Met, StopWords},
    turn::Reason,
};

pub use schedule::Schedule;

/// What the gate looks at.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whether the assistant is published and not paused.
    pub answers: bool,
    /// Who answers in the dialogue.
    pub handler: Handler,
    /// Working hours; none = always.
    pub schedule: Option<&'a Schedule>,
    /// Stop words.
    pub stop_words: &'a StopWords,
    /// The customer's messages of this turn.
    pub texts: &'a [String],
    /// The closed period whose away message this dialogue got last.
    pub away_since: Option<DateTime<Utc>>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Answer.
    Go,
    /// Say nothing of the assistant's own.
    Skip {
        /// Which rule.
        reason: Reason,
        /// An away message or fixed reply of the product.
        reply: Option<String>,
        /// The closed period, where it is to be noted in the dialogue.
        away_since: Option<DateTime<Utc>>,
        /// Whether a person must take over.
        to_person: bool,
        /// Whether the dialogue waits in the inbox while the assistant stays in charge.
        pending: bool,
        /// Place of the stop word that matched in the version's list, from 0.
        stop_word: Option<usize>,
    },
}

impl Verdict {
    /// Place of the stop word that matched, from 0.
    #[must_use]
    pub fn stop_word(&self) -> Option<usize> {
        match self {
            Self::Go => None,
            Self::Skip { stop_word, .. } => *stop_word,
        }
    }

    fn silent(reason: Reason) -> Self {
        Self::Skip { reason, reply: None, away_since: None, to_person: false, pending: false, stop_word: None }
    }
}

/// Decides.
#[must_use]
pub fn decide(question: &Question<'_>) -> Verdict {
    if question.handler != Handler::Assistant {
        return Verdict::silent(Reason::Operator);
    }
    if !question.answers {
        return Verdict::Skip {
            reason: Reason::Paused,
            reply: None,
            away_since: None,
            to_person: false,
            pending: true,
            stop_word: None,
        };
    }
    if let Some(schedule) = question.schedule
        && let Some(closed_since) = schedule.closed_since(question.now)
    {
        let told = question.away_since == Some(closed_since);
        let reply = (!told && !schedule.away_message().is_empty()).then(|| schedule.away_message().to_owned());
        return Verdict::Skip {
            reason: Reason::Schedule,
            reply,
            away_since: Some(closed_since),
            to_person: false,
            pending: true,
            stop_word: None,
        };
    }
    match question.texts.iter().find_map(|text| question.stop_words.find_in_question(text)) {
        None => Verdict::Go,
        Some(met) => stopped(met),
    }
}

fn stopped(met: Met<'_>) -> Verdict {
    let (reply, hands_over) = match met.action {
        Action::Silent => (None, false),
        Action::Handoff => (None, true),
        Action::FixedReply(reply) => (Some(reply.clone()), false),
    };
    Verdict::Skip {
        reason: Reason::StopWord,
        reply,
        away_since: None,
        to_person: hands_over,
        pending: hands_over,
        stop_word: Some(met.place),
    }
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1 as proto;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn office() -> Schedule {
        Schedule::of(&proto::Schedule {
            time_zone: "Europe/Moscow".to_owned(),
            weekly: (1..=5)
                .map(|weekday| proto::WeeklyInterval { weekday, from_minute: 540, to_minute: 1080 })
                .collect(),
            exceptions: vec![],
            away_message: "Мы отвечаем с 9 до 18".to_owned(),
        })
    }

    fn ask<'a>(schedule: &'a Schedule, words: &'a StopWords, texts: &'a [String], now: &str) -> Question<'a> {
        Question {
            answers: true,
            handler: Handler::Assistant,
            schedule: Some(schedule),
            stop_words: words,
            texts,
            away_since: None,
            now: at(now),
        }
    }

    #[test]
    fn the_away_message_is_said_once_per_closed_period() {
        let (office, words, texts) = (office(), StopWords::default(), vec!["Вы тут?".to_owned()]);
        let mut question = ask(&office, &words, &texts, "2026-11-20T20:00:00Z");
        let Verdict::Skip { reason: Reason::Schedule, reply: Some(_), away_since: Some(since), pending: true, .. } =
            decide(&question)
        else {
            panic!("closed on Friday evening")
        };
        assert_eq!(since, at("2026-11-20T15:00:00Z"));
        question.away_since = Some(since);
        question.now = at("2026-11-22T10:00:00Z");
        assert!(matches!(decide(&question), Verdict::Skip { reply: None, reason: Reason::Schedule, .. }));
        question.now = at("2026-11-23T20:00:00Z");
        assert!(
            matches!(decide(&question), Verdict::Skip { reply: Some(_), .. }),
            "the next evening is another period"
        );
        question.now = at("2026-11-24T08:00:00Z");
        assert_eq!(decide(&question), Verdict::Go);
    }

    #[test]
    fn a_person_in_charge_comes_before_every_other_rule() {
        let (office, words, texts) = (office(), StopWords::default(), vec![]);
        let mut question = ask(&office, &words, &texts, "2026-11-20T20:00:00Z");
        question.answers = false;
        question.handler = Handler::Operator;
        assert_eq!(decide(&question), Verdict::silent(Reason::Operator));
        question.handler = Handler::Assistant;
        assert!(matches!(decide(&question), Verdict::Skip { reason: Reason::Paused, reply: None, .. }));
    }
}
