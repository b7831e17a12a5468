//! The gate: whether a turn is answered, and if not, which rule silences it.
//!
//! Pure. Reads the dialogue's handler, the assistant's status, its schedule and its stop words.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use chrono_tz::Tz;
use neipix_proto::assistants::v1::{AssistantStatus, Schedule, StopWordAction, WeeklyInterval};

use crate::stopwords;

/// What the gate looks at.
#[derive(Debug)]
pub struct Question<'a> {
    /// `assistant`, `operator` or `nobody`.
    pub handler: &'a str,
    /// The assistant's status.
    pub status: AssistantStatus,
    /// Its schedule.
    pub schedule: Option<&'a Schedule>,
    /// Its stop words.
    pub stop_words: &'a [neipix_proto::assistants::v1::StopWord],
    /// The customer's words of this turn.
    pub text: &'a str,
    /// Closed period whose away message was sent in this dialogue.
    pub away_key: &'a str,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Answer.
    Open,
    /// Say nothing, or something fixed.
    Silent {
        /// The rule.
        reason: &'static str,
        /// The fixed reply or away message.
        reply: Option<String>,
        /// A person should look at it.
        pending: bool,
        /// The assistant hands the dialogue over.
        hand_over: bool,
        /// The closed period, where its away message is sent.
        away_key: Option<String>,
    },
}

fn silent(reason: &'static str) -> Gate {
    Gate::Silent { reason, reply: None, pending: false, hand_over: false, away_key: None }
}

/// Decides.
#[must_use]
pub fn decide(q: &Question<'_>) -> Gate {
    match q.handler {
        "operator" => return silent("operator"),
        "nobody" => return silent("nobody"),
        _ => {}
    }
    match q.status {
        AssistantStatus::Published => {}
        AssistantStatus::Draft | AssistantStatus::Unspecified => return silent("not_published"),
        AssistantStatus::Paused | AssistantStatus::Archived => return silent("paused"),
    }
    if let Some(word) = stopwords::find(q.stop_words, q.text, false) {
        let hand_over = word.action() == StopWordAction::Handoff;
        let reply = (word.action() == StopWordAction::FixedReply).then(|| word.reply.clone()).filter(|r| !r.is_empty());
        return Gate::Silent { reason: "stop_word", reply, pending: hand_over, hand_over, away_key: None };
    }
    if let Some(schedule) = q.schedule
        && let Some(period) = closed_period(schedule, q.now)
    {
        let fresh = period != q.away_key;
        let reply = Some(schedule.away_message.clone()).filter(|m| fresh && !m.is_empty());
        return Gate::Silent { reason: "schedule", reply, pending: true, hand_over: false, away_key: Some(period) };
    }
    Gate::Open
}

/// The closed period an instant lies in, named by its local day and the interval that comes next; none while it is open. A
/// schedule whose zone is unknown is open: silence by mistake is worse.
#[must_use]
pub fn closed_period(schedule: &Schedule, now: DateTime<Utc>) -> Option<String> {
    let zone: Tz = schedule.time_zone.parse().ok()?;
    let local = now.with_timezone(&zone);
    let date = local.format("%Y-%m-%d").to_string();
    let minute = i32::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
    let weekday = i32::try_from(local.weekday().number_from_monday()).unwrap_or(1);
    let today: Vec<&WeeklyInterval> = match schedule.exceptions.iter().find(|e| e.date == date) {
        Some(exception) => exception.intervals.iter().collect(),
        None => schedule.weekly.iter().filter(|i| i.weekday == weekday).collect(),
    };
    if today.iter().any(|i| (i.from_minute..i.to_minute).contains(&minute)) {
        return None;
    }
    let next = today.iter().map(|i| i.from_minute).filter(|from| *from > minute).min();
    Some(format!("{date}/{}", next.map_or_else(|| "end".to_owned(), |m| m.to_string())))
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1::DateException;

    use super::*;

    fn weekdays() -> Schedule {
        Schedule {
            time_zone: "Europe/Moscow".into(),
            weekly: (1..=5).map(|weekday| WeeklyInterval { weekday, from_minute: 540, to_minute: 1080 }).collect(),
            exceptions: vec![DateException { date: "2026-12-31".into(), intervals: vec![] }],
            away_message: "Мы на связи с 9 до 18".into(),
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn hours_are_local_hours() {
        let schedule = weekdays();
        // Tuesday, 24 November 2026: 06:00 UTC is nine in Moscow.
        assert_eq!(closed_period(&schedule, at("2026-11-24T06:00:00Z")), None);
        assert!(closed_period(&schedule, at("2026-11-24T05:59:00Z")).is_some());
        assert!(closed_period(&schedule, at("2026-11-24T15:00:00Z")).is_some());
        assert!(closed_period(&schedule, at("2026-11-28T09:00:00Z")).is_some(), "Saturday");
        assert!(closed_period(&schedule, at("2026-12-31T09:00:00Z")).is_some(), "an exception");
    }

    #[test]
    fn the_away_message_goes_once_per_closed_period() {
        let schedule = weekdays();
        let mut question = Question {
            handler: "assistant",
            status: AssistantStatus::Published,
            schedule: Some(&schedule),
            stop_words: &[],
            text: "?",
            away_key: "",
            now: at("2026-11-24T20:00:00Z"),
        };
        let Gate::Silent { reply, away_key, pending, .. } = decide(&question) else { panic!("open") };
        assert!(reply.is_some() && pending);
        let key = away_key.unwrap();
        question.away_key = &key;
        assert!(matches!(decide(&question), Gate::Silent { reply: None, .. }));
    }

    #[test]
    fn an_operator_silences_before_anything_else() {
        let question = Question {
            handler: "operator",
            status: AssistantStatus::Paused,
            schedule: None,
            stop_words: &[],
            text: "",
            away_key: "",
            now: Utc::now(),
        };
        assert!(matches!(decide(&question), Gate::Silent { reason: "operator", .. }));
    }
}
