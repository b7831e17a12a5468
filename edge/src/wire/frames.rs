//! Counts the frames of an HTTP/2 connection that cost us work and bring nothing: resets, pings, settings, priorities,
//! continuations, empty data. Cancelled calls and keep-alives of honest clients stay far below the limit.

use std::time::{Duration, Instant};

/// So many at once.
const BURST: u32 = 1_000;
/// And one more each.
const INTERVAL: Duration = Duration::from_millis(10);

const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;

/// Where in a connection's frames the bytes stand, and how many more idle frames it may send.
#[derive(Debug)]
pub struct Frames {
    head: [u8; HEAD],
    filled: usize,
    payload: usize,
    left: u32,
    counted: Option<Instant>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { head: [0; HEAD], filled: 0, payload: 0, left: BURST, counted: None }
    }
}

impl Frames {
    /// Whether a frame has begun that is not yet whole.
    #[must_use]
    pub fn midway(&self) -> bool {
        self.filled > 0 || self.payload > 0
    }

    /// Follows the next bytes; false when the connection sent too many idle frames.
    pub fn follow(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = &bytes[skipped..];
            let Some((byte, rest)) = bytes.split_first() else { break };
            self.head[self.filled] = *byte;
            self.filled += 1;
            bytes = rest;
            if self.filled == HEAD {
                self.filled = 0;
                let [a, b, c, kind, flags, ..] = self.head;
                self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if idle(kind, flags, self.payload) && !self.take(now) {
                    return false;
                }
            }
        }
        true
    }

    fn take(&mut self, now: Instant) -> bool {
        let since = self.counted.map_or(Duration::ZERO, |then| now.duration_since(then));
        let earned = u32::try_from(since.as_millis() / INTERVAL.as_millis()).unwrap_or(BURST);
        if earned > 0 || self.counted.is_none() {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.counted = Some(now);
        }
        let fine = self.left > 0;
        self.left = self.left.saturating_sub(1);
        fine
    }
}

fn idle(kind: u8, flags: u8, length: usize) -> bool {
    match kind {
        DATA => length == 0 && flags & END_STREAM == 0,
        HEADERS | WINDOW_UPDATE => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn e_10_idle_frames_run_out_and_come_back() {
        let start = Instant::now();
        for idle in [frame(6, 0, &[0; 8]), frame(3, 0, &[0; 4]), frame(0, 0, &[]), frame(9, 0, b"x")] {
            let mut frames = Frames::default();
            let taken = (0..BURST).filter(|_| frames.follow(&idle, start)).count();
            assert_eq!(taken, BURST as usize);
            assert!(frames.follow(&idle, start + INTERVAL));
            assert!(!frames.follow(&idle, start + INTERVAL), "one comes back for each interval");
        }
    }

    #[test]
    fn frames_that_bring_something_are_not_counted() {
        let mut frames = Frames::default();
        for useful in [frame(0, 0, b"x"), frame(0, END_STREAM, &[]), frame(1, 4, b"xyz"), frame(8, 0, &[0; 4])] {
            for _ in 0..2 * BURST {
                for byte in &useful {
                    assert!(frames.follow(&[*byte], Instant::now()));
                }
                assert!(!frames.midway());
            }
        }
    }
}
