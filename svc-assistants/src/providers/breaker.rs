//! Stops calling a provider that fails, and tries again one call at a time. The core: time is passed in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Calls that are looked back at.
const WINDOW: Duration = Duration::from_secs(60);
/// Fewer calls than this open nothing by their share of failures.
const CALLS_MIN: usize = 5;
/// Calls that are remembered.
const CALLS_MAX: usize = 200;
/// First pause; doubled each time the probe fails.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest pause that a share of failures makes.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A probe that never reported back counts as lost after this.
const PROBE: Duration = Duration::from_secs(120);

/// What a call came to, as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It went well, or failed through our own fault.
    Good,
    /// It failed in a way that counts.
    Bad,
    /// It said to stay away that long.
    StayAway(Duration),
}

/// Closed: all calls pass. Open: none until a time, then one probe.
#[derive(Debug, Default)]
pub struct Breaker {
    calls: VecDeque<(Instant, bool)>,
    open_until: Option<Instant>,
    pause: Option<Duration>,
    probing: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made; taking the answer `true` while open makes it the probe.
    pub fn admits(&mut self, now: Instant) -> bool {
        let Some(until) = self.open_until else { return true };
        if now < until || self.probing.is_some_and(|since| now < since + PROBE) {
            return false;
        }
        self.probing = Some(now);
        true
    }

    /// Tells what a call came to.
    pub fn report(&mut self, outcome: Outcome, now: Instant) {
        let was_open = self.open_until.is_some();
        self.probing = None;
        match outcome {
            Outcome::Good if was_open => *self = Self::default(),
            Outcome::Good => self.remember(now, true),
            Outcome::Bad if was_open => {
                let pause = self.pause.map_or(PAUSE, |p| (p * 2).min(PAUSE_MAX));
                self.open(now, pause);
            }
            Outcome::Bad => {
                self.remember(now, false);
                let failed = self.calls.iter().filter(|(_, good)| !good).count();
                if self.calls.len() >= CALLS_MIN && failed * 2 > self.calls.len() {
                    self.open(now, PAUSE);
                }
            }
            Outcome::StayAway(time) => self.open(now, time),
        }
    }

    fn open(&mut self, now: Instant, pause: Duration) {
        self.open_until = Some(now + pause);
        self.pause = Some(pause.min(PAUSE_MAX));
    }

    fn remember(&mut self, now: Instant, good: bool) {
        self.calls.push_back((now, good));
        while self.calls.len() > CALLS_MAX || self.calls.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_few_failures_open_nothing_and_most_of_five_do() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..4 {
            breaker.report(Outcome::Bad, start);
            assert!(breaker.admits(start));
        }
        breaker.report(Outcome::Bad, start);
        assert!(!breaker.admits(start + seconds(4)));
        assert!(breaker.admits(start + seconds(5)), "the probe");
        assert!(!breaker.admits(start + seconds(5)), "one probe at a time");
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_a_good_probe_closes() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        (0..5).for_each(|_| breaker.report(Outcome::Bad, now));
        for pause in [5, 10, 20, 40, 60, 60] {
            assert!(!breaker.admits(now + seconds(pause) - Duration::from_millis(1)), "{pause}");
            now += seconds(pause);
            assert!(breaker.admits(now), "{pause}");
            breaker.report(Outcome::Bad, now);
        }
        now += seconds(60);
        assert!(breaker.admits(now));
        breaker.report(Outcome::Good, now);
        assert!(breaker.admits(now) && breaker.admits(now));
    }

    #[test]
    fn a_rate_limit_is_obeyed_to_the_second() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        breaker.report(Outcome::StayAway(seconds(38)), now);
        assert!(!breaker.admits(now + seconds(37)));
        assert!(breaker.admits(now + seconds(38)));
    }

    #[test]
    fn a_lost_probe_does_not_keep_a_provider_out_for_ever() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        breaker.report(Outcome::StayAway(seconds(1)), now);
        assert!(breaker.admits(now + seconds(1)));
        assert!(!breaker.admits(now + seconds(100)));
        assert!(breaker.admits(now + seconds(121)));
    }

    #[test]
    fn old_failures_are_forgotten() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        (0..4).for_each(|_| breaker.report(Outcome::Bad, now));
        breaker.report(Outcome::Bad, now + seconds(61));
        assert!(breaker.admits(now + seconds(61)));
    }
}
