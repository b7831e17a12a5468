//! Working hours in a zone of the world, with days that differ. Hours are wall-clock hours: a change to summer time moves
//! nothing that a person would not expect to move.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use neipix_proto::assistants::v1 as proto;

/// How far back the last open minute is looked for.
const DAYS_BACK: u64 = 400;

/// Minutes from local midnight, `to` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    from: u32,
    to: u32,
}

/// When an assistant works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    zone: Tz,
    week: [Vec<Hours>; 7],
    days: Vec<(NaiveDate, Vec<Hours>)>,
    away_message: String,
}

impl Schedule {
    /// Of a published version. An unknown zone, which cannot be saved, reads as UTC; hours that cannot be are left out.
    #[must_use]
    pub fn of(schedule: &proto::Schedule) -> Self {
        let mut week: [Vec<Hours>; 7] = Default::default();
        for interval in &schedule.weekly {
            let day = usize::try_from(interval.weekday - 1).ok().and_then(|day| week.get_mut(day));
            if let (Some(day), Some(hours)) = (day, hours(interval)) {
                day.push(hours);
            }
        }
        let days = schedule
            .exceptions
            .iter()
            .filter_map(|e| Some((e.date.parse().ok()?, e.intervals.iter().filter_map(hours).collect())))
            .collect();
        Self {
            zone: schedule.time_zone.parse().unwrap_or(Tz::UTC),
            week,
            days,
            away_message: schedule.away_message.clone(),
        }
    }

    /// What is said outside working hours; may be empty.
    #[must_use]
    pub fn away_message(&self) -> &str {
        &self.away_message
    }

    /// Its zone's IANA name.
    #[must_use]
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    fn hours_of(&self, day: NaiveDate) -> &[Hours] {
        match self.days.iter().find(|(date, _)| *date == day) {
            Some((_, hours)) => hours,
            None => &self.week[day.weekday().num_days_from_monday() as usize],
        }
    }

    /// Since when it has been closed; none while it is open. A schedule that was never open is closed since 1970.
    #[must_use]
    pub fn closed_since(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&self.zone);
        let (today, minute) = (local.date_naive(), local.hour() * 60 + local.minute());
        if self.hours_of(today).iter().any(|h| h.from <= minute && minute < h.to) {
            return None;
        }
        let ends = (0..=DAYS_BACK).filter_map(|back| {
            let day = today.checked_sub_days(Days::new(back))?;
            self.hours_of(day).iter().map(|h| h.to).filter(|to| back > 0 || *to <= minute).max().map(|to| (day, to))
        });
        let last = ends.take(1).next().and_then(|(day, to)| self.instant(day, to));
        Some(last.unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// The instant of a wall-clock minute; one that a change of time skips is moved on by an hour.
    fn instant(&self, day: NaiveDate, minute: u32) -> Option<DateTime<Utc>> {
        let (day, minute) = if minute == 1_440 { (day.succ_opt()?, 0) } else { (day, minute) };
        let wall = day.and_time(NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)?);
        let found = self.zone.from_local_datetime(&wall);
        let later = || self.zone.from_local_datetime(&(wall + chrono::TimeDelta::hours(1))).earliest();
        found.earliest().or_else(later).map(|at| at.with_timezone(&Utc))
    }
}

fn hours(interval: &proto::WeeklyInterval) -> Option<Hours> {
    let (from, to) = (u32::try_from(interval.from_minute).ok()?, u32::try_from(interval.to_minute).ok()?);
    (from < to && to <= 1_440).then_some(Hours { from, to })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(zone: &str, weekly: &[(i32, i32, i32)], days: &[(&str, &[(i32, i32)])]) -> Schedule {
        let interval = |weekday, from_minute, to_minute| proto::WeeklyInterval { weekday, from_minute, to_minute };
        Schedule::of(&proto::Schedule {
            time_zone: zone.to_owned(),
            weekly: weekly.iter().map(|(d, f, t)| interval(*d, *f, *t)).collect(),
            exceptions: days
                .iter()
                .map(|(date, hours)| proto::DateException {
                    date: (*date).to_owned(),
                    intervals: hours.iter().map(|(f, t)| interval(1, *f, *t)).collect(),
                })
                .collect(),
            away_message: String::new(),
        })
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_that_differ_replace_the_week() {
        let office =
            schedule("Europe/Moscow", &[(2, 540, 1080)], &[("2026-11-24", &[]), ("2026-11-22", &[(600, 660)])]);
        assert!(office.closed_since(at("2026-11-24T08:00:00Z")).is_some(), "a Tuesday off");
        assert_eq!(office.closed_since(at("2026-11-22T07:30:00Z")), None, "a Sunday on");
        assert_eq!(office.closed_since(at("2026-11-24T08:00:00Z")), Some(at("2026-11-22T08:00:00Z")));
    }

    #[test]
    fn night_shifts_end_at_midnight_and_go_on_the_next_day() {
        let night = schedule("Asia/Vladivostok", &[(1, 1320, 1440), (2, 0, 360)], &[]);
        assert_eq!(night.closed_since(at("2026-11-23T13:59:00Z")), None);
        assert_eq!(night.closed_since(at("2026-11-23T14:00:00Z")), None);
        assert_eq!(night.closed_since(at("2026-11-23T20:00:00Z")), Some(at("2026-11-23T20:00:00Z")));
    }

    #[test]
    fn f_28_summer_time_moves_the_instant_and_not_the_hour() {
        // trust: F-28
        let berlin = schedule("Europe/Berlin", &[(6, 540, 1080), (7, 540, 1080)], &[]);
        assert_eq!(berlin.closed_since(at("2026-10-24T07:00:00Z")), None, "09:00 in summer");
        assert!(berlin.closed_since(at("2026-10-25T07:30:00Z")).is_some(), "08:30 in winter");
        assert_eq!(berlin.closed_since(at("2026-10-25T08:00:00Z")), None);
        let skipped = schedule("Europe/Berlin", &[(7, 60, 150)], &[]);
        assert_eq!(skipped.closed_since(at("2026-03-29T05:00:00Z")), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn a_schedule_without_hours_was_never_open() {
        let never = schedule("UTC", &[], &[]);
        assert_eq!(never.closed_since(at("2026-11-24T08:00:00Z")), Some(DateTime::UNIX_EPOCH));
    }

    proptest! {
        #[test]
        fn a_closed_period_began_before_now_and_is_the_same_all_along(
            minute in 0i64..60 * 24 * 800,
            from in 0i32..1439, length in 1i32..1440, weekday in 1i32..8,
        ) {
            let office = schedule("America/New_York", &[(weekday, from, (from + length).min(1440))], &[]);
            let now = at("2025-01-01T00:00:00Z") + chrono::TimeDelta::minutes(minute);
            if let Some(since) = office.closed_since(now) {
                prop_assert!(since <= now);
                if since > DateTime::UNIX_EPOCH {
                    let middle = since + (now - since) / 2;
                    prop_assert_eq!(office.closed_since(middle), Some(since));
                }
            }
        }
    }
}
