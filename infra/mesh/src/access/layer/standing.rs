//! The rights behind an open stream: it may outlive a session, a role or a key by many minutes.

use std::{sync::Arc, task::Context, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::{access::guard::Guard, context::CallContext, failure::Failure};

/// How often they are looked at: with what a revocation takes to be heard, well within its two seconds.
pub(super) const EVERY: Duration = Duration::from_millis(500);

/// Looked at again and again, for as long as the stream is read.
pub(super) struct Standing {
    guard: Arc<Guard>,
    context: Arc<CallContext>,
    again: Interval,
}

impl Standing {
    /// Of a stream that somebody with a token opened. Any other answer is over before its rights are, and a process keeps
    /// its rights for as long as its certificate.
    pub fn of(guard: &Arc<Guard>, context: &Arc<CallContext>) -> Option<Self> {
        let streams = context.method.descriptor.is_server_streaming() && context.caller.claims().is_some();
        streams.then(|| {
            let mut again = interval_at(Instant::now() + EVERY, EVERY);
            again.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Self { guard: guard.clone(), context: context.clone(), again }
        })
    }

    /// Why the stream may not go on, where it is time to ask.
    pub fn lost(&mut self, context: &mut Context<'_>) -> Option<Failure> {
        while self.again.poll_tick(context).is_ready() {
            if let Err(failure) = self.guard.still_admits(&self.context) {
                return Some(failure);
            }
        }
        None
    }
}
