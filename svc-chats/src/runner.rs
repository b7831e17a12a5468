//! Works on a turn: gate, hold beside retrieval, answer, store, settle. One worker at a time, by lease.
//!
//! A turn that is called for starts in the transaction that stored its message; others are found by their job. Dying
//! anywhere leaves the turn to the next worker, ten seconds later.

mod billing;
mod endings;
mod reply;
mod steps;
mod together;

pub use billing::release;
pub use together::Together;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use neipix_mesh::{
    AssistantId, ConversationId, Failure, TurnId, WorkspaceId,
    db::Tx,
    jobs::{JobEnd, JobRun},
};
use neipix_proto::chats::v1::AskTurn;

use crate::{
    Chats,
    conversation::Handler,
    ingest::{Arrival, Taken},
    live::LiveTurn,
    retrieval::Sought,
    turn::{
        Notes, State,
        store::{self, Lease, Leased, read::Context},
    },
};

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(3);
/// After that long without one, this worker must not show anything.
const LEASE: Duration = Duration::from_secs(8);
/// A turn that gets nowhere for that long has failed.
const GIVE_UP: Duration = Duration::from_secs(600);

/// A turn at work.
pub struct Run {
    chats: Chats,
    ws: WorkspaceId,
    turn: TurnId,
    conversation: ConversationId,
    assistant: AssistantId,
    epoch: i64,
    handler: Handler,
    handler_epoch: i64,
    streamed: bool,
    /// Another worker had it before: a hold may exist.
    again: bool,
    state: State,
    request: Option<serde_json::Value>,
    away_since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    /// Known where the message has just come in and nothing was said before it.
    context: Option<Context>,
    /// The words of this turn, where they are known before the context.
    inputs: Option<Vec<String>>,
    /// Their passages, where they are looked for already.
    sought: Option<Sought>,
    live: Arc<LiveTurn>,
    began: Instant,
    beaten: Arc<Mutex<Instant>>,
    /// What the turn's explanation needs.
    notes: Notes,
}

/// How work on a turn ended.
#[derive(Debug)]
enum Worked {
    /// The turn ended; another one of the dialogue may be due. Without an end whoever waits was told before.
    Ended { end: Option<AskTurn>, next: Option<TurnId> },
    /// The turn is not this worker's any more, or somebody else ended it.
    Gone,
    /// The answer is stored and billing does not answer: later.
    Later(Duration),
}

/// Starts working on a turn that a call has just begun. Answers its live place, to be read from.
#[must_use]
pub fn start(chats: &Chats, arrival: &Arrival, taken: &Taken) -> Option<Arc<LiveTurn>> {
    let begun = taken.begun.as_ref()?;
    let live = chats.live.turn(arrival.workspace, begun.turn, taken.conversation);
    let fresh = begun.seq == 1;
    let run = Run {
        chats: chats.clone(),
        ws: arrival.workspace,
        turn: begun.turn,
        conversation: taken.conversation,
        assistant: arrival.place.assistant,
        epoch: 1,
        handler: Handler::Assistant,
        handler_epoch: begun.handler_epoch,
        streamed: begun.streamed,
        again: false,
        state: State::Queued,
        request: arrival.request.clone(),
        away_since: begun.away_since,
        now: begun.now,
        context: fresh.then(|| Context {
            inputs: vec![arrival.text.clone()],
            history: vec![],
            contact_name: arrival.identity.name.clone(),
            channel: arrival.place.channel,
            channel_kind: "api".to_owned(),
            address: arrival.place.address.clone(),
        }),
        inputs: Some(vec![arrival.text.clone()]),
        sought: begun.sought.clone(),
        live: live.clone(),
        began: Instant::now(),
        beaten: Arc::new(Mutex::new(Instant::now())),
        notes: Notes::new(begun.handler_epoch),
    };
    let chats = chats.clone();
    chats.tasks.clone().spawn("turn", async move {
        let (ws, mut next) = (run.ws, run.finish().await);
        // The dialogue's next turn, if it is due, goes on here; its job is the net.
        while let Some(turn) = next.take() {
            if let Ok(Lease::Taken(leased)) = take(&chats, ws, turn).await {
                next = Run::of(&chats, ws, turn, *leased).finish().await;
            }
        }
    });
    Some(live)
}

/// Job `turn.run`: takes the turn, if it is due and nobody has it, and works on it to its end.
///
/// # Errors
/// Storage.
pub async fn job(chats: Chats, run: JobRun) -> Result<JobEnd, Failure> {
    let turn: TurnId = run.text("turn_id").parse().map_err(Failure::internal)?;
    let ws = run.workspace_id;
    let leased = match take(&chats, ws, turn).await? {
        Lease::Over => return Ok(JobEnd::Done),
        Lease::NotYet(wait) => return Ok(JobEnd::Again(wait)),
        Lease::Taken(leased) => leased,
    };
    let run = Run::of(&chats, ws, turn, *leased);
    match run.work().await {
        Ok(Worked::Ended { end, next }) => {
            run.tell_end(end);
            // Its job is due and finds a worker by itself.
            let _ = next;
            Ok(JobEnd::Done)
        }
        Ok(Worked::Gone) => Ok(JobEnd::Again(Duration::from_secs(1))),
        Ok(Worked::Later(wait)) => {
            run.let_go().await;
            Ok(JobEnd::Again(wait))
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, turn.id = %turn, "turn {turn} was dropped");
            run.let_go().await;
            Ok(JobEnd::Again(Duration::from_secs(2)))
        }
    }
}

async fn take(chats: &Chats, ws: WorkspaceId, turn: TurnId) -> Result<Lease, Failure> {
    let owner = chats.owner.clone();
    chats.db.in_workspace_id(ws, "chats.lease", async |tx: &mut Tx| store::lease(tx, ws, turn, &owner).await).await
}

impl Run {
    fn of(chats: &Chats, ws: WorkspaceId, turn: TurnId, leased: Leased) -> Self {
        let live = chats.live.turn(ws, turn, leased.conversation);
        if leased.restarted {
            chats.live.rewind(&live, 0);
        }
        let waited = (leased.now - leased.started_at).to_std().unwrap_or_default();
        Self {
            chats: chats.clone(),
            ws,
            turn,
            conversation: leased.conversation,
            assistant: leased.assistant,
            epoch: leased.epoch,
            handler: leased.handler,
            handler_epoch: leased.handler_epoch,
            streamed: leased.streamed,
            again: leased.again,
            state: leased.state,
            request: leased.request,
            away_since: leased.away_since,
            now: leased.now,
            context: None,
            inputs: None,
            sought: None,
            live,
            began: Instant::now().checked_sub(waited).unwrap_or_else(Instant::now),
            beaten: Arc::new(Mutex::new(Instant::now())),
            notes: Notes::new(leased.handler_epoch),
        }
    }

    /// Works to the end and tells whoever waits; answers the dialogue's next turn, if one is due.
    async fn finish(self) -> Option<TurnId> {
        match self.work().await {
            Ok(Worked::Ended { end, next }) => {
                self.tell_end(end);
                next
            }
            Ok(Worked::Gone) => None,
            Ok(Worked::Later(_)) => {
                self.let_go().await;
                None
            }
            Err(error) => {
                let turn = self.turn;
                tracing::error!(error = &error as &dyn std::error::Error, turn.id = %turn, "turn {turn} was dropped");
                self.let_go().await;
                None
            }
        }
    }

    fn tell_end(&self, end: Option<AskTurn>) {
        if let Some(end) = end {
            self.chats.live.finish(&self.live, end);
        }
    }

    /// The work, as long as the lease lives.
    async fn work(&self) -> Result<Worked, Failure> {
        tokio::select! {
            biased;
            () = self.lost() => {
                tracing::warn!(turn.id = %self.turn, "another worker has turn {} now", self.turn);
                Ok(Worked::Gone)
            }
            worked = self.steps() => worked,
        }
    }

    /// Gives signs of life; returns when the turn is not this worker's any more.
    async fn lost(&self) {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.beat().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no sign of life could be given");
                }
            }
        }
    }

    async fn beat(&self) -> Result<bool, Failure> {
        let asked = Instant::now();
        let mine = self
            .chats
            .db
            .in_workspace_id(self.ws, "chats.beat", async |tx: &mut Tx| {
                store::beat(tx, self.ws, self.turn, self.epoch).await
            })
            .await?;
        if mine {
            *self.beaten.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        }
        Ok(mine)
    }

    /// Whether the turn is surely this worker's: one that slept asks before it shows anything.
    async fn is_mine(&self) -> bool {
        let beaten = *self.beaten.lock().unwrap_or_else(PoisonError::into_inner);
        beaten.elapsed() < LEASE || self.beat().await.unwrap_or(false)
    }

    /// Lets the next worker have it at once.
    async fn let_go(&self) {
        let freed = self
            .chats
            .db
            .in_workspace_id(self.ws, "chats.let_go", async |tx: &mut Tx| {
                store::let_go(tx, self.ws, self.turn, self.epoch).await
            })
            .await;
        if let Err(error) = freed {
            tracing::debug!(error = &error as &dyn std::error::Error, "the lease runs out by itself");
        }
    }
}
