//! Watch: the workspace's numbered events after a number, then as they happen, with the running texts of watched dialogues.
//!
//! The truth is the table: wake-ups only shorten the wait of two seconds at most. A reader that takes nothing is cut off
//! and goes on by its number; nothing is buffered for it beyond some kilobytes.

pub mod fill;
pub mod store;

use std::{collections::HashMap, sync::Arc, time::Duration};

use neipix_mesh::{Call, CallContext, ConversationId, Failure, Stream, TurnId, db::Tx};
use neipix_proto::chats::v1::{
    AnswerDelta, Heartbeat, Partial, Reset, Typing, WatchRequest, WatchResponse, watch_response::Frame,
};
use prost::Message as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError, mpsc},
    time::Instant,
};

use crate::{
    Chats,
    conversations::list,
    live::{LiveTurn, WorkspaceLive},
};

/// Events in one look: one at first, more where they are small.
const PAGE_FIRST: i64 = 1;
const PAGE: i64 = 200;
/// What a look should bring, in bytes: so much lies in memory while its reader reads nothing.
const PAGE_BYTES: usize = 16 * 1024;
/// The net under the wake-ups.
const POLL: Duration = Duration::from_secs(2);
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Frames that a slow reader is behind at most, and their bytes; a larger frame waits alone.
const BEHIND: usize = 32;
const BEHIND_BYTES: u32 = 16 * 1024;
/// A reader that takes nothing for so long is cut off.
const READER_MOST: Duration = Duration::from_secs(10);
/// Texts go out no more often.
const TEXT_EVERY: Duration = Duration::from_millis(25);

/// Follows the workspace.
///
/// # Errors
/// NOT_FOUND for a dialogue that the caller does not see.
pub async fn watch(chats: &Chats, call: Call<WatchRequest>) -> Result<Stream<WatchResponse>, Failure> {
    let ids = call.conversation_ids.iter().map(|id| id.parse()).collect::<Result<Vec<ConversationId>, _>>();
    let ids = ids.map_err(|_| Failure::invalid("conversation_ids", "must be UUIDs"))?;
    let ws = call.context.workspace;
    let rows = chats
        .db
        .in_workspace(&call.context, "chats.watched", async |tx: &mut Tx| list::conversations(tx, ws, &ids).await)
        .await?;
    if rows.len() < ids.len() || rows.iter().any(|row| call.context.sees_assistant(row.assistant_id).is_err()) {
        return Err(Failure::not_found());
    }
    let (sender, receiver) = mpsc::channel(BEHIND);
    let live = chats.live.workspace(ws);
    let watcher = Watcher {
        chats: chats.clone(),
        context: call.context.clone(),
        live,
        ids,
        texts: HashMap::new(),
        last: 0,
        page: PAGE_FIRST,
        told: Instant::now(),
        room: Arc::new(Semaphore::new(BEHIND_BYTES as usize)),
        sender: sender.clone(),
    };
    let after = call.after;
    chats.tasks.spawn("watch", async move {
        match watcher.run(after).await {
            Ok(()) | Err(Stopped::Gone) => {}
            Err(Stopped::Failed(failure)) => {
                // Nobody listens: fine.
                let _ = sender.try_send(Box::new((Err(failure), None)));
            }
        }
    });
    // Who asks for the next frame has done with the one before, which makes room for it.
    Ok(Box::pin(futures::stream::unfold((receiver, None), async |(mut receiver, done)| {
        drop(done);
        let (frame, room) = *receiver.recv().await?;
        Some((frame, (receiver, room)))
    })))
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

/// How many events to look for after a look that brought so many bytes.
fn next_page(most: i64, full: bool, bytes: usize) -> i64 {
    if bytes > PAGE_BYTES {
        (most / 2).max(1)
    } else if full {
        (most * 2).min(PAGE)
    } else {
        most
    }
}

/// How far a reader is in a running text.
#[derive(Default)]
struct At {
    turn: Option<TurnId>,
    restarts: u32,
    offset: usize,
}

struct Watcher {
    chats: Chats,
    context: Arc<CallContext>,
    live: Arc<WorkspaceLive>,
    ids: Vec<ConversationId>,
    texts: HashMap<ConversationId, At>,
    last: i64,
    /// Events in the next look.
    page: i64,
    told: Instant,
    room: Arc<Semaphore>,
    sender: mpsc::Sender<Told>,
}

/// A frame, and the room that it takes. Boxed: a channel keeps place for 32 at once, which is sixteen kilobytes of frames.
type Told = Box<(Result<WatchResponse, Failure>, Option<OwnedSemaphorePermit>)>;

impl Watcher {
    async fn tell(&mut self, frame: Frame) -> Result<(), Stopped> {
        self.told = Instant::now();
        let frame = WatchResponse { frame: Some(frame) };
        let bytes = u32::try_from(frame.encoded_len()).unwrap_or(u32::MAX).min(BEHIND_BYTES);
        let sent = async {
            let room = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| Stopped::Gone)?;
            self.sender.send(Box::new((Ok(frame), Some(room)))).await.map_err(|_| Stopped::Gone)
        };
        tokio::time::timeout(READER_MOST, sent).await.map_err(|_| Stopped::Gone)?
    }

    /// Waits until the reader has taken everything: what is looked up earlier would only lie beside what lies there unread.
    async fn taken(&self) -> Result<(), Stopped> {
        let all = tokio::time::timeout(READER_MOST, self.room.acquire_many(BEHIND_BYTES)).await;
        all.map_err(|_| Stopped::Gone)?.map(drop).map_err(|_| Stopped::Gone)
    }

    async fn run(mut self, after: Option<i64>) -> Result<(), Stopped> {
        let mut events = self.live.events();
        let mut texts = self.live.ear();
        let mut typing = self.live.typing();
        self.begin(after).await?;
        self.find_running().await?;
        let expires = self.expires();
        let shutdown = self.chats.shutdown.clone();
        let mut last_text = Instant::now();
        let mut net = tokio::time::interval_at(Instant::now() + POLL, POLL);
        loop {
            self.tell_news().await?;
            let heartbeat = self.told + HEARTBEAT;
            tokio::select! {
                _ = events.changed() => {}
                _ = texts.changed(), if !self.ids.is_empty() => {
                    // A burst of deltas is one frame.
                    tokio::time::sleep_until(last_text + TEXT_EVERY).await;
                    last_text = Instant::now();
                }
                note = typing.recv() => if let Some(frame) = self.typing(note) {
                    self.tell(frame).await?;
                },
                // What another replica told while nobody could hear it is found by looking.
                _ = net.tick() => self.find_running().await?,
                () = tokio::time::sleep_until(heartbeat) => self.tell(Frame::Heartbeat(Heartbeat {})).await?,
                () = self.sender.closed() => return Err(Stopped::Gone),
                () = tokio::time::sleep_until(expires) => return Ok(()),
                () = shutdown.wait() => return Ok(()),
            }
        }
    }

    /// Rights hold as long as the token: after it the client comes again with a fresh one.
    fn expires(&self) -> Instant {
        let left = self.context.caller.claims().map_or(3_600, |c| c.exp - self.chats.clock.now().timestamp());
        Instant::now() + Duration::from_secs(u64::try_from(left.clamp(0, 3_600)).unwrap_or(0))
    }

    async fn begin(&mut self, after: Option<i64>) -> Result<(), Stopped> {
        let ws = self.context.workspace;
        let bounds = self
            .chats
            .db
            .in_workspace(&self.context, "chats.watch_bounds", async |tx: &mut Tx| store::bounds(tx, ws).await)
            .await?;
        self.last = match after {
            None => bounds.last,
            Some(after) if after > bounds.last || after + 1 < bounds.first => {
                self.last = bounds.last;
                return self.tell(Frame::Reset(Reset { seq: bounds.last })).await;
            }
            Some(after) => after,
        };
        // The first frame says that the stream stands.
        self.tell(Frame::Heartbeat(Heartbeat {})).await
    }

    /// Events, and texts in front of them: a message is told behind the last words that it consists of.
    async fn tell_news(&mut self) -> Result<(), Stopped> {
        loop {
            self.taken().await?;
            let (ws, last, most) = (self.context.workspace, self.last, self.page);
            let context = self.context.clone();
            let page = self
                .chats
                .db
                .in_workspace(&context, "chats.watch", async |tx: &mut Tx| {
                    let rows = store::page(tx, ws, last, most).await?;
                    fill::fill(tx, &context, rows).await
                })
                .await;
            self.tell_texts().await?;
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    // An outage of the database is waited for: the number keeps the place.
                    tracing::debug!(error = &error as &dyn std::error::Error, "events cannot be read");
                    return Ok(());
                }
            };
            let full = i64::try_from(page.len()).unwrap_or(0) == most;
            self.page = next_page(most, full, page.iter().map(prost::Message::encoded_len).sum());
            for event in page {
                self.last = event.seq;
                self.tell(Frame::Event(event)).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Answers that run and that this stream knows nothing of.
    async fn find_running(&mut self) -> Result<(), Stopped> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let (ws, ids) = (self.context.workspace, self.ids.clone());
        let context = self.context.clone();
        let running = self
            .chats
            .db
            .in_workspace(&context, "chats.running", async |tx: &mut Tx| store::running(tx, ws, &ids).await)
            .await;
        // An outage is waited for.
        let Ok(running) = running else { return Ok(()) };
        for row in running {
            let live = self.chats.live.turn(ws, row.id, row.conversation_id);
            self.chats.live.catch_up(&live).await;
            self.tell_text(&live).await?;
        }
        Ok(())
    }

    async fn tell_texts(&mut self) -> Result<(), Stopped> {
        for id in self.ids.clone() {
            if let Some(live) = self.live.answer(id) {
                self.tell_text(&live).await?;
            }
        }
        Ok(())
    }

    async fn tell_text(&mut self, live: &Arc<LiveTurn>) -> Result<(), Stopped> {
        let at = self.texts.entry(live.conversation).or_default();
        let fresh = at.turn != Some(live.turn);
        if fresh && live.is_over() {
            return Ok(());
        }
        let (restarts, offset) = if fresh { (live.look(0, 0).restarts, 0) } else { (at.restarts, at.offset) };
        let seen = live.look(restarts, offset);
        // A turn without a text yet stays fresh: its first frame is a whole text.
        if seen.text.is_empty() && !seen.restarted {
            return Ok(());
        }
        *at = At { turn: Some(live.turn), restarts: seen.restarts, offset: seen.offset + seen.text.len() };
        let (turn_id, conversation_id) = (live.turn.to_string(), live.conversation.to_string());
        let bytes = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        // A text that begins, or begins anew, comes whole.
        let frame = if fresh || seen.restarted {
            Frame::Partial(Partial { turn_id, conversation_id, offset: bytes(seen.text.len()), text: seen.text })
        } else {
            Frame::Delta(AnswerDelta { turn_id, conversation_id, offset: bytes(seen.offset), text: seen.text })
        };
        self.tell(frame).await
    }

    fn typing(&self, note: Result<crate::live::TypingNote, RecvError>) -> Option<Frame> {
        let note = note.ok().filter(|note| self.ids.contains(&note.conversation))?;
        Some(Frame::Typing(Typing {
            conversation_id: note.conversation.to_string(),
            author: note.author.into(),
            member_id: note.member,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_grows_where_events_are_small_and_shrinks_where_they_are_not() {
        let mut most = PAGE_FIRST;
        for _ in 0..10 {
            most = next_page(most, true, 1_000);
        }
        assert_eq!(most, PAGE);
        assert_eq!(next_page(8, false, 1_000), 8, "nothing more was there");
        for _ in 0..10 {
            most = next_page(most, true, PAGE_BYTES + 1);
        }
        assert_eq!(most, 1, "one at least");
    }
}
