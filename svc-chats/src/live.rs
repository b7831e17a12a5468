//! What happens right now: texts of running answers, who types, wake-ups. Nothing here is needed for correctness.
//!
//! A reader of an answer keeps an offset and takes what is new, so that a slow one costs nothing and holds no buffer.
//! Other replicas hear the same over Redis.

pub mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use neipix_mesh::{ConversationId, TurnId, WorkspaceId};
use neipix_proto::chats::v1::{AskTurn, Author};
use tokio::sync::{broadcast, watch};

use self::wire::Wire;

/// A running answer's text is forgotten after that long a silence.
const STALE: Duration = Duration::from_secs(150);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running turn.
#[derive(Debug)]
pub struct LiveTurn {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The turn.
    pub turn: TurnId,
    /// Its dialogue.
    pub conversation: ConversationId,
    state: Mutex<LiveState>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct LiveState {
    text: String,
    /// Counts how often the text began anew.
    restarts: u32,
    /// Whether the customer may see it (claimed).
    shown: bool,
    cancelled: bool,
    finished: Option<Arc<AskTurn>>,
    /// Ended elsewhere: its end stands in the table.
    ended_elsewhere: bool,
    published: usize,
    touched: Instant,
}

/// What a reader sees.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Restarts so far.
    pub restarts: u32,
    /// Whether the text began anew since the reader's last look.
    pub restarted: bool,
    /// Where `text` begins, in bytes.
    pub offset: usize,
    /// What is new.
    pub text: String,
    /// Whether the customer may see it.
    pub shown: bool,
    /// The end.
    pub finished: Option<Arc<AskTurn>>,
    /// The end stands in the table.
    pub ended_elsewhere: bool,
}

impl LiveTurn {
    fn new(workspace: WorkspaceId, turn: TurnId, conversation: ConversationId) -> Arc<Self> {
        let state = LiveState {
            text: String::new(),
            restarts: 0,
            shown: false,
            cancelled: false,
            finished: None,
            ended_elsewhere: false,
            published: 0,
            touched: Instant::now(),
        };
        Arc::new(Self { workspace, turn, conversation, state: Mutex::new(state), changed: watch::channel(0).0 })
    }

    fn change(&self, change: impl FnOnce(&mut LiveState)) {
        let mut state = lock(&self.state);
        change(&mut state);
        state.touched = Instant::now();
        drop(state);
        self.changed.send_modify(|n| *n += 1);
    }

    /// Woken by every change.
    #[must_use]
    pub fn ear(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What is new after an offset.
    #[must_use]
    pub fn look(&self, restarts: u32, offset: usize) -> Seen {
        let state = lock(&self.state);
        let restarted = state.restarts != restarts || offset > state.text.len();
        let offset = if restarted || !state.text.is_char_boundary(offset) { 0 } else { offset };
        Seen {
            restarts: state.restarts,
            restarted,
            offset,
            text: state.text[offset..].to_owned(),
            shown: state.shown,
            finished: state.finished.clone(),
            ended_elsewhere: state.ended_elsewhere,
        }
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> String {
        lock(&self.state).text.clone()
    }

    /// Whether it is over, here or elsewhere.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let state = lock(&self.state);
        state.finished.is_some() || state.ended_elsewhere
    }

    /// Whether somebody asked the worker to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        lock(&self.state).cancelled
    }

    /// The customer may see it from now on.
    pub fn show(&self) {
        self.change(|state| state.shown = true);
    }
}

/// Who types.
#[derive(Debug, Clone)]
pub struct TypingNote {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub author: Author,
    /// The operator; empty otherwise.
    pub member: String,
}

/// What watchers of a workspace look at.
#[derive(Debug)]
pub struct WorkspaceLive {
    answers: Mutex<HashMap<ConversationId, Arc<LiveTurn>>>,
    changed: watch::Sender<u64>,
    events: watch::Sender<u64>,
    typing: broadcast::Sender<TypingNote>,
}

impl WorkspaceLive {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            changed: watch::channel(0).0,
            events: watch::channel(0).0,
            typing: broadcast::channel(64).0,
        })
    }

    /// Woken by every text.
    #[must_use]
    pub fn ear(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Woken when events were numbered.
    #[must_use]
    pub fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Hears who types.
    #[must_use]
    pub fn typing(&self) -> broadcast::Receiver<TypingNote> {
        self.typing.subscribe()
    }

    /// The running answer of a dialogue, or the last one, for a while.
    #[must_use]
    pub fn answer(&self, conversation: ConversationId) -> Option<Arc<LiveTurn>> {
        lock(&self.answers).get(&conversation).cloned()
    }
}

/// The running turns of this process and what it hears of others'. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    turns: Mutex<HashMap<TurnId, Weak<LiveTurn>>>,
    workspaces: Mutex<HashMap<WorkspaceId, Weak<WorkspaceLive>>>,
    wire: Wire,
}

impl Hub {
    /// Empty.
    #[must_use]
    pub fn new(wire: Wire) -> Self {
        Self(Arc::new(Inner { turns: Mutex::default(), workspaces: Mutex::default(), wire }))
    }

    /// A turn's place; made where it is not there.
    #[must_use]
    pub fn turn(&self, ws: WorkspaceId, turn: TurnId, conversation: ConversationId) -> Arc<LiveTurn> {
        let mut turns = lock(&self.0.turns);
        if let Some(live) = turns.get(&turn).and_then(Weak::upgrade) {
            return live;
        }
        let live = LiveTurn::new(ws, turn, conversation);
        turns.insert(turn, Arc::downgrade(&live));
        live
    }

    /// A turn's place, if somebody has it.
    #[must_use]
    pub fn known(&self, turn: TurnId) -> Option<Arc<LiveTurn>> {
        lock(&self.0.turns).get(&turn).and_then(Weak::upgrade)
    }

    /// A workspace's place; made where it is not there.
    #[must_use]
    pub fn workspace(&self, ws: WorkspaceId) -> Arc<WorkspaceLive> {
        let mut all = lock(&self.0.workspaces);
        if let Some(live) = all.get(&ws).and_then(Weak::upgrade) {
            return live;
        }
        let live = WorkspaceLive::new();
        all.insert(ws, Arc::downgrade(&live));
        live
    }

    fn watched(&self, ws: WorkspaceId) -> Option<Arc<WorkspaceLive>> {
        lock(&self.0.workspaces).get(&ws).and_then(Weak::upgrade)
    }

    /// An answer that ended stays a while for those who have not taken its last words.
    fn tell_watchers(&self, live: &Arc<LiveTurn>, ended: bool) {
        let Some(watched) = self.watched(live.workspace) else { return };
        if !ended {
            lock(&watched.answers).insert(live.conversation, live.clone());
        }
        watched.changed.send_modify(|n| *n += 1);
    }

    /// More text of a local answer.
    pub fn append(&self, live: &Arc<LiveTurn>, text: &str) {
        live.change(|state| state.text.push_str(text));
        self.tell_watchers(live, false);
        self.0.wire.dirty(live);
    }

    /// A local answer begins anew, or goes on from an earlier place.
    pub fn rewind(&self, live: &Arc<LiveTurn>, to: usize) {
        live.change(|state| {
            let to = if state.text.is_char_boundary(to) { to } else { 0 };
            state.text.truncate(to);
            state.restarts += 1;
            state.published = 0;
        });
        self.tell_watchers(live, false);
        self.0.wire.dirty(live);
    }

    /// A local turn ended, and its row says so.
    pub fn finish(&self, live: &Arc<LiveTurn>, end: AskTurn) {
        self.finish_here(live, end);
        self.finish_elsewhere(live);
    }

    /// A local turn ended, for readers of this process: its row does not say so yet.
    pub fn finish_here(&self, live: &Arc<LiveTurn>, end: AskTurn) {
        live.change(|state| state.finished = Some(Arc::new(end)));
        self.tell_watchers(live, true);
    }

    /// The row of a local turn says that it ended: readers of other processes read it there.
    pub fn finish_elsewhere(&self, live: &LiveTurn) {
        self.0.wire.done(live);
    }

    /// Asks whoever works on a turn to look whether it may go on.
    pub fn cancel(&self, ws: WorkspaceId, turn: TurnId) {
        self.cancel_here(turn);
        self.0.wire.cancel(ws, turn);
    }

    fn cancel_here(&self, turn: TurnId) {
        if let Some(live) = self.known(turn) {
            live.change(|state| state.cancelled = true);
        }
    }

    /// Somebody types.
    pub fn typing(&self, ws: WorkspaceId, note: &TypingNote) {
        self.typing_here(ws, note.clone());
        self.0.wire.typing(ws, note);
    }

    fn typing_here(&self, ws: WorkspaceId, note: TypingNote) {
        if let Some(watched) = self.watched(ws) {
            // Nobody listens: fine.
            let _ = watched.typing.send(note);
        }
    }

    /// Events of a workspace were numbered.
    pub fn numbered(&self, ws: WorkspaceId) {
        self.wake_here(ws);
        self.0.wire.wake(ws);
    }

    fn wake_here(&self, ws: WorkspaceId) {
        if let Some(watched) = self.watched(ws) {
            watched.events.send_modify(|n| *n += 1);
        }
    }

    /// Wakes everybody: messages may have been missed.
    fn wake_all(&self) {
        let all: Vec<_> = lock(&self.0.workspaces).values().filter_map(Weak::upgrade).collect();
        for watched in all {
            watched.events.send_modify(|n| *n += 1);
            watched.changed.send_modify(|n| *n += 1);
        }
    }

    /// Forgets what nobody has any more.
    pub fn tidy(&self) {
        lock(&self.0.turns).retain(|_, live| live.strong_count() > 0);
        let mut workspaces = lock(&self.0.workspaces);
        workspaces.retain(|_, live| live.strong_count() > 0);
        for watched in workspaces.values().filter_map(Weak::upgrade) {
            lock(&watched.answers).retain(|_, live| lock(&live.state).touched.elapsed() < STALE);
        }
    }

    /// The wire to other replicas.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.0.wire
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn live() -> Arc<LiveTurn> {
        let now = Utc::now();
        LiveTurn::new(WorkspaceId::new(now), TurnId::new(now), ConversationId::new(now))
    }

    #[test]
    fn a_slow_reader_gets_everything_at_once_and_a_restart_from_its_beginning() {
        let live = live();
        live.change(|s| s.text.push_str("При"));
        let first = live.look(0, 0);
        assert_eq!((first.offset, first.text.as_str(), first.restarted), (0, "При", false));
        live.change(|s| s.text.push_str("вет"));
        assert_eq!(live.look(0, first.text.len()).text, "вет");
        live.change(|s| {
            s.text = "Нет".to_owned();
            s.restarts += 1;
        });
        let again = live.look(0, 12);
        assert!(again.restarted && again.offset == 0 && again.text == "Нет");
    }

    #[test]
    fn an_offset_within_a_letter_reads_from_the_beginning() {
        let live = live();
        live.change(|s| s.text.push('Ы'));
        assert_eq!(live.look(0, 1).text, "Ы");
    }
}
