//! Events that could not be applied yet: kept in memory with their next try. Bounded; the producer's outbox is the truth.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::wire::{EventRow, Place};
use crate::ids::EventId;

/// Failed events of one producer that are kept; what is beyond comes again from its outbox.
const MOST: usize = 1_000;
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

struct Tried {
    place: Place,
    event: EventRow,
    times: u32,
    next: Instant,
}

/// What is to be done with an entry that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Its event is not waiting: apply it.
    Fresh,
    /// It is the entry that waits.
    Waits,
    /// Another entry of the same event waits: this one is of no use.
    Spare,
}

/// The failed events of one producer.
#[derive(Default)]
pub(super) struct Retries(HashMap<EventId, Tried>);

impl Retries {
    pub(super) fn entry(&self, event: EventId, place: &Place) -> Entry {
        match self.0.get(&event) {
            None => Entry::Fresh,
            Some(tried) if tried.place == *place => Entry::Waits,
            Some(_) => Entry::Spare,
        }
    }

    /// Notes a failed try; false where there is no room, so that the entry is not to be kept either.
    pub(super) fn failed(&mut self, place: Place, event: EventRow, now: Instant) -> bool {
        let known = self.0.contains_key(&event.event_id);
        if !known && self.0.len() >= MOST {
            return false;
        }
        let tried = self.0.entry(event.event_id).or_insert(Tried { place, event, times: 0, next: now });
        tried.next = now + pause(tried.times);
        tried.times = tried.times.saturating_add(1);
        true
    }

    /// Forgets an event: it was applied.
    pub(super) fn applied(&mut self, event: EventId) {
        self.0.remove(&event);
    }

    /// What is to be tried now.
    pub(super) fn due(&self, now: Instant) -> Vec<(Place, EventRow)> {
        let due = self.0.values().filter(|tried| tried.next <= now);
        due.map(|tried| (tried.place.clone(), tried.event.clone())).collect()
    }
}

fn pause(times: u32) -> Duration {
    FIRST.saturating_mul(1 << times.min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkspaceId;

    fn event(n: u128) -> EventRow {
        EventRow {
            service: "svc-auth".into(),
            outbox_id: 1,
            event_id: EventId(uuid::Uuid::from_u128(n)),
            workspace: WorkspaceId::PLATFORM,
            kind: "user.registered".into(),
            object_version: 1,
            payload: vec![],
            traceparent: String::new(),
        }
    }

    fn place(entry: &str) -> Place {
        Place { stream: 0, entry: entry.into() }
    }

    #[test]
    fn one_entry_of_a_failing_event_waits_and_its_repeats_are_spare() {
        let (mut retries, now) = (Retries::default(), Instant::now());
        let failing = event(1);
        let id = failing.event_id;
        assert_eq!(retries.entry(id, &place("1-0")), Entry::Fresh);
        assert!(retries.failed(place("1-0"), failing, now));
        assert_eq!(retries.entry(id, &place("1-0")), Entry::Waits);
        assert_eq!(retries.entry(id, &place("2-0")), Entry::Spare);
        retries.applied(id);
        assert_eq!(retries.entry(id, &place("2-0")), Entry::Fresh);
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let (mut retries, mut now) = (Retries::default(), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(retries.failed(place("1-0"), event(1), now));
            let just_before = now + Duration::from_secs(seconds) - Duration::from_millis(1);
            assert!(retries.due(just_before).is_empty(), "not before {seconds} s");
            now += Duration::from_secs(seconds);
            assert_eq!(retries.due(now).len(), 1, "after {seconds} s");
        }
    }

    #[test]
    fn memory_is_bounded_and_what_it_holds_may_go_on_failing() {
        let (mut retries, now) = (Retries::default(), Instant::now());
        for n in 0..MOST as u128 {
            assert!(retries.failed(place("1-0"), event(n), now));
        }
        assert!(!retries.failed(place("1-0"), event(u128::MAX), now));
        assert!(retries.failed(place("1-0"), event(0), now));
        assert_eq!(retries.0.len(), MOST);
    }
}
