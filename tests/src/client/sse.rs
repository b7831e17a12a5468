//! Server-sent events, read as they come.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;

use crate::poll::{DEADLINE, within};

/// One event; comments are not events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    pub id: Option<String>,
    /// Empty where the event has no name.
    pub event: String,
    /// Data lines joined by a line break.
    pub data: String,
}

impl SseEvent {
    /// # Panics
    /// When the data is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

/// Bytes in, events out. Works on bytes: a border may fall into a letter or between CR and LF.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    after_cr: bool,
    event: SseEvent,
    has_data: bool,
    ready: VecDeque<SseEvent>,
    comments: usize,
}

impl SseParser {
    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' => self.end_line(),
                b'\r' => {
                    self.after_cr = true;
                    self.end_line();
                }
                other => {
                    self.after_cr = false;
                    self.line.push(*other);
                }
            }
        }
    }

    /// The next complete event.
    pub fn pop(&mut self) -> Option<SseEvent> {
        self.ready.pop_front()
    }

    fn end_line(&mut self) {
        let line = String::from_utf8(std::mem::take(&mut self.line)).expect("a stream of events is UTF-8");
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                self.ready.push_back(event);
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => self.comments += 1,
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            _ => {}
        }
    }
}

/// An open stream of events.
#[derive(Debug)]
pub struct Sse {
    response: reqwest::Response,
    parser: SseParser,
}

impl Sse {
    pub(super) fn new(response: reqwest::Response) -> Self {
        Self { response, parser: SseParser::default() }
    }

    /// The next event, within five seconds; none at a clean end.
    ///
    /// # Panics
    /// When nothing comes in time or the connection breaks.
    pub async fn next(&mut self) -> Option<SseEvent> {
        self.next_within(DEADLINE).await
    }

    /// The same with another deadline.
    ///
    /// # Panics
    /// When nothing comes in time or the connection breaks.
    pub async fn next_within(&mut self, deadline: Duration) -> Option<SseEvent> {
        within(deadline, "an event", self.try_next()).await.expect("the stream is whole")
    }

    /// The next event, however long it takes.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn try_next(&mut self) -> reqwest::Result<Option<SseEvent>> {
        loop {
            if let Some(event) = self.parser.pop() {
                return Ok(Some(event));
            }
            let Some(bytes) = self.response.chunk().await? else { return Ok(None) };
            self.parser.push(&bytes);
        }
    }

    /// The first event of that name; others before it are passed over.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn until(&mut self, event: &str) -> SseEvent {
        loop {
            let next = self.next().await.unwrap_or_else(|| panic!("the stream ended before «{event}»"));
            if next.event == event {
                return next;
            }
        }
    }

    /// All events to the clean end, each within the deadline.
    ///
    /// # Panics
    /// When one is late or the connection breaks.
    pub async fn rest(&mut self, deadline: Duration) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next_within(deadline).await {
            events.push(event);
        }
        events
    }

    /// Comments seen so far: the pings.
    #[must_use]
    pub fn comments(&self) -> usize {
        self.parser.comments
    }
}
