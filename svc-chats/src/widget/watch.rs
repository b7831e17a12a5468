//! WatchVisitor: a visitor's dialogue from a message on, then as it happens.
//!
//! The truth is the tables: wake-ups only shorten the wait of two seconds at most. Numbers are the dialogue's own, so that a
//! visitor learns nothing of what else happens in the workspace. A reader that takes nothing is cut off and comes back.

use std::{collections::HashMap, sync::Arc, time::Duration};

use neipix_mesh::{Call, CallContext, ConversationId, Failure, Stream, TurnId, db::Tx};
use neipix_proto::chats::v1::{
    Author, Heartbeat, VisitorAnswer, VisitorAnswerEnded, VisitorConversation, VisitorDelta, VisitorEvent,
    VisitorMessage, VisitorReset, VisitorTyping, WatchVisitorRequest, visitor_event::Frame,
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    Visiting, read, revoked,
    store::{
        self,
        dialogue::{self, DialogueRow, Pending},
    },
    visiting,
};
use crate::{Chats, live::WorkspaceLive};

/// The net under the wake-ups.
const POLL: Duration = Duration::from_secs(2);
/// A workspace's events wake all its visitors: each looks no more often.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Frames that a slow reader is behind at most.
const BEHIND: usize = 16;
/// A reader that takes nothing for so long is cut off.
const READER_MOST: Duration = Duration::from_secs(10);
/// Texts go out no more often.
const TEXT_EVERY: Duration = Duration::from_millis(25);
/// Messages in one look.
const PAGE: i64 = 50;

/// Follows the visitor's dialogue.
///
/// # Errors
/// NOT_FOUND for a dialogue that is not the visitor's, SESSION_REVOKED, ORIGIN_FORBIDDEN.
pub async fn watch(chats: &Chats, call: Call<WatchVisitorRequest>) -> Result<Stream<VisitorEvent>, Failure> {
    let visiting = visiting(chats, &call.context, &call.key).await?;
    let (ws, of) = (visiting.page.workspace, visiting.of());
    let named = call.conversation_id.clone();
    let asked = async |tx: &mut Tx| read::dialogue(tx, ws, of, &named).await;
    let asked = chats.db.in_workspace_id(ws, "chats.visitor_watched", asked).await?;
    let (sender, receiver) = mpsc::channel(BEHIND);
    let watcher = Watcher {
        chats: chats.clone(),
        context: call.context.clone(),
        live: chats.live.workspace(ws),
        asked: asked.map(|row| row.id).filter(|_| !call.conversation_id.is_empty()),
        opened: false,
        visiting,
        shown: None,
        last: call.after,
        pending: HashMap::new(),
        over: None,
        told: Instant::now(),
        sender: sender.clone(),
    };
    chats.tasks.spawn("widget.watch", async move {
        match watcher.run().await {
            Ok(()) | Err(Stopped::Gone) => {}
            Err(Stopped::Failed(failure)) => {
                // Nobody listens: fine.
                let _ = sender.try_send(Err(failure));
            }
        }
    });
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

enum Stopped {
    Gone,
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How far the reader is in an answer that is on its way.
#[derive(Debug, Default)]
struct At {
    started: bool,
    restarts: u32,
    offset: usize,
    /// Whether its text began.
    begun: bool,
}

struct Watcher {
    chats: Chats,
    context: Arc<CallContext>,
    live: Arc<WorkspaceLive>,
    visiting: Visiting,
    /// The dialogue that the client says it shows.
    asked: Option<ConversationId>,
    /// Whether the first frame was told.
    opened: bool,
    /// The dialogue as it was told last.
    shown: Option<DialogueRow>,
    /// Number of the last message that was told; none = only what comes.
    last: Option<i64>,
    pending: HashMap<TurnId, At>,
    /// The turn that was told to be over last: nothing of it comes again.
    over: Option<TurnId>,
    told: Instant,
    sender: mpsc::Sender<Result<VisitorEvent, Failure>>,
}

/// What a look finds.
struct Look {
    revoked: bool,
    dialogue: Option<DialogueRow>,
    pending: Vec<Pending>,
    messages: Vec<VisitorMessage>,
}

impl Watcher {
    async fn tell(&mut self, frame: Frame) -> Result<(), Stopped> {
        self.told = Instant::now();
        let sent = self.sender.send_timeout(Ok(VisitorEvent { frame: Some(frame) }), READER_MOST).await;
        sent.map_err(|_| Stopped::Gone)
    }

    async fn run(mut self) -> Result<(), Stopped> {
        let (mut events, mut texts, mut typing) = (self.live.events(), self.live.ear(), self.live.typing());
        let (expires, shutdown) = (self.expires(), self.chats.shutdown.clone());
        let mut net = tokio::time::interval_at(Instant::now() + POLL, POLL);
        let (mut last_text, mut last_look) = (Instant::now(), Instant::now());
        self.look_around().await?;
        loop {
            let heartbeat = self.told + HEARTBEAT;
            tokio::select! {
                _ = events.changed() => {
                    tokio::time::sleep_until(last_look + LOOK_EVERY).await;
                    // What came meanwhile is in this look.
                    events.mark_unchanged();
                    self.look_around().await?;
                    last_look = Instant::now();
                }
                _ = texts.changed() => {
                    // A burst of deltas is one frame.
                    tokio::time::sleep_until(last_text + TEXT_EVERY).await;
                    texts.mark_unchanged();
                    self.tell_texts().await?;
                    last_text = Instant::now();
                }
                note = typing.recv() => {
                    let here = note.ok().filter(|note| note.author == Author::Operator);
                    if here.is_some_and(|note| self.shown.as_ref().is_some_and(|row| row.id == note.conversation)) {
                        self.tell(Frame::Typing(VisitorTyping { author: Author::Operator.into() })).await?;
                    }
                }
                _ = net.tick() => {
                    self.catch_up().await;
                    self.look_around().await?;
                }
                () = tokio::time::sleep_until(heartbeat) => self.tell(Frame::Heartbeat(Heartbeat {})).await?,
                () = self.sender.closed() => return Err(Stopped::Gone),
                () = tokio::time::sleep_until(expires) => return Ok(()),
                () = shutdown.wait() => return Ok(()),
            }
        }
    }

    /// Rights hold as long as the token: after it the client comes again with a fresh one.
    fn expires(&self) -> Instant {
        let left = self.context.caller.claims().map_or(0, |c| c.exp - self.chats.clock.now().timestamp());
        Instant::now() + Duration::from_secs(u64::try_from(left.clamp(0, 3_600)).unwrap_or(0))
    }

    async fn look(&self) -> Result<Look, Failure> {
        let (ws, of) = (self.visiting.page.workspace, self.visiting.of());
        let (shown, last) = (self.shown.as_ref().map(|row| row.id), self.last);
        self.chats
            .db
            .in_workspace_id(ws, "chats.visitor_watch", async |tx: &mut Tx| {
                let visitor = store::visitor(tx, ws, of.visitor).await?;
                let mut look = Look {
                    revoked: visitor.is_none_or(|visitor| visitor.revoked),
                    dialogue: dialogue::current(tx, ws, of).await?,
                    pending: vec![],
                    messages: vec![],
                };
                let Some(row) = &look.dialogue else { return Ok(look) };
                // Before the messages: an answer that ends in between is among them.
                look.pending = dialogue::pending(tx, ws, row.id).await?;
                let behind = if shown.is_none_or(|id| id == row.id) { last } else { Some(0) };
                if let Some(behind) = behind {
                    look.messages = dialogue::behind(tx, ws, row.id, behind, PAGE).await?;
                }
                Ok::<_, Failure>(look)
            })
            .await
    }

    /// Who answers, messages in their order, turns that began or ended.
    async fn look_around(&mut self) -> Result<(), Stopped> {
        loop {
            let look = match self.look().await {
                Ok(look) => look,
                Err(error) => {
                    // An outage of the database is waited for: the number keeps the place.
                    tracing::debug!(error = &error as &dyn std::error::Error, "a dialogue cannot be read");
                    return Ok(());
                }
            };
            if look.revoked {
                return Err(Stopped::Failed(revoked()));
            }
            let full = i64::try_from(look.messages.len()).unwrap_or(0) == PAGE;
            self.tell_look(look).await?;
            if !full {
                return self.tell_texts().await;
            }
        }
    }

    async fn tell_look(&mut self, look: Look) -> Result<(), Stopped> {
        let opened = std::mem::replace(&mut self.opened, true);
        let Some(row) = look.dialogue else {
            if !opened {
                // Whoever has no dialogue yet begins one with number 1. The first frame says that the stream stands.
                self.last = Some(0);
                self.tell(Frame::State(VisitorConversation::default())).await?;
            }
            return Ok(());
        };
        let another = match &self.shown {
            Some(shown) => shown.id != row.id,
            None => self.asked.is_some_and(|asked| asked != row.id),
        };
        let lost = another || self.last.is_some_and(|last| last > row.last_seq);
        if lost {
            // What was said so far is read as a list; here goes on what comes.
            self.pending.clear();
            self.last = Some(row.last_seq);
            self.tell(Frame::Reset(VisitorReset { conversation_id: row.id.to_string() })).await?;
        }
        let last = *self.last.get_or_insert(row.last_seq);
        if lost || self.shown.as_ref().is_none_or(|shown| shown.differs(&row)) {
            self.tell(Frame::State(row.shown())).await?;
        }
        self.shown = Some(row.clone());
        for message in look.messages.into_iter().filter(|message| !lost && message.seq > last) {
            self.last = Some(message.seq);
            self.tell(Frame::Message(message)).await?;
        }
        self.tell_pending(&row, look.pending).await
    }

    async fn tell_pending(&mut self, row: &DialogueRow, pending: Vec<Pending>) -> Result<(), Stopped> {
        let over: Vec<TurnId> =
            self.pending.keys().copied().filter(|id| pending.iter().all(|turn| turn.id != *id)).collect();
        for turn in over {
            self.pending.remove(&turn);
            self.over = Some(turn);
            let ws = self.visiting.page.workspace;
            let find = async |tx: &mut Tx| dialogue::answer_of(tx, ws, turn).await;
            let message = self.chats.db.in_workspace_id(ws, "chats.visitor_answer", find).await?;
            let ended = VisitorAnswerEnded {
                turn_id: turn.to_string(),
                message_id: message.map(|id| id.to_string()).unwrap_or_default(),
                to_person: row.is_with_person(),
            };
            self.tell(Frame::Ended(ended)).await?;
        }
        for turn in pending {
            let fresh = !self.pending.contains_key(&turn.id);
            let at = self.pending.entry(turn.id).or_default();
            let begins = turn.started && !at.started && !at.begun;
            at.started = turn.started;
            if fresh && turn.started {
                let live = self.chats.live.turn(self.visiting.page.workspace, turn.id, row.id);
                self.chats.live.catch_up(&live).await;
            }
            if fresh || begins {
                let frame = VisitorAnswer {
                    turn_id: turn.id.to_string(),
                    answering: turn.started,
                    text: String::new(),
                    offset: 0,
                };
                self.tell(Frame::Partial(frame)).await?;
            }
        }
        Ok(())
    }

    /// What another replica told while nobody could hear it.
    async fn catch_up(&self) {
        let Some(row) = &self.shown else { return };
        for (turn, at) in &self.pending {
            if at.started {
                let live = self.chats.live.turn(self.visiting.page.workspace, *turn, row.id);
                self.chats.live.catch_up(&live).await;
            }
        }
    }

    /// More text of the answer that is written, if the visitor may see it.
    async fn tell_texts(&mut self) -> Result<(), Stopped> {
        let Some(id) = self.shown.as_ref().map(|row| row.id) else { return Ok(()) };
        let Some(live) = self.live.answer(id) else { return Ok(()) };
        let fresh = !self.pending.contains_key(&live.turn);
        // One that is over and unknown was told as a message.
        if fresh && (live.is_over() || self.over == Some(live.turn)) {
            return Ok(());
        }
        let at = self.pending.entry(live.turn).or_default();
        let (restarts, offset) = if at.begun { (at.restarts, at.offset) } else { (live.look(0, 0).restarts, 0) };
        let seen = live.look(restarts, offset);
        if !seen.shown || (seen.text.is_empty() && !seen.restarted) {
            return Ok(());
        }
        let begins = !at.begun || seen.restarted;
        *at = At { started: true, restarts: seen.restarts, offset: seen.offset + seen.text.len(), begun: true };
        let (turn_id, bytes) = (live.turn.to_string(), |n: usize| i64::try_from(n).unwrap_or(i64::MAX));
        // A text that begins, or begins anew, comes whole.
        let frame = if begins {
            Frame::Partial(VisitorAnswer { turn_id, answering: true, offset: bytes(seen.text.len()), text: seen.text })
        } else {
            Frame::Delta(VisitorDelta { turn_id, offset: bytes(seen.offset), text: seen.text })
        };
        self.tell(frame).await
    }
}
