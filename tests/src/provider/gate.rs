//! A stream that stops in the middle until the test says go on.

use std::time::Duration;

use tokio::sync::watch;

use crate::poll::{DEADLINE, within};

/// Stops every stream that carries it after a number of tokens; one release opens it for good.
#[derive(Clone, Debug)]
pub struct Gate {
    after_tokens: usize,
    arrived: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Closed; lets `tokens` tokens pass first (0 = nothing but the headers).
    #[must_use]
    pub fn after(tokens: usize) -> Self {
        Self { after_tokens: tokens, arrived: watch::Sender::new(0), open: watch::Sender::new(false) }
    }

    /// Waits until a stream stands at the gate.
    ///
    /// # Panics
    /// When none comes within five seconds.
    pub async fn arrived(&self) {
        self.arrivals(1, DEADLINE).await;
    }

    /// Waits until that many streams have come to the gate, those that left it again included.
    ///
    /// # Panics
    /// When they do not come within the deadline.
    pub async fn arrivals(&self, count: usize, deadline: Duration) {
        let mut seen = self.arrived.subscribe();
        let came = seen.wait_for(|n| *n >= count);
        let came = within(deadline, "streams at the gate", came).await;
        drop(came.expect("the gate holds its own sender"));
    }

    /// Streams that have come so far.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.arrived.borrow()
    }

    /// Lets everybody pass, now and later.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub(super) fn stands_after(&self, tokens: usize) -> bool {
        self.after_tokens == tokens
    }

    pub(super) fn tokens(&self) -> usize {
        self.after_tokens
    }

    pub(super) async fn pass(&self) {
        self.arrived.send_modify(|n| *n += 1);
        let mut open = self.open.subscribe();
        let opened = open.wait_for(|open| *open).await;
        drop(opened.expect("the gate holds its own sender"));
    }
}
