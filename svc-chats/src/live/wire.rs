//! The hub's wire to other replicas: Redis channels per shard, texts twenty times a second at most, all of it dispensable.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use bytes::Bytes;
use neipix_mesh::{
    ConversationId, TurnId, WorkspaceId,
    redis::{Heard, Redis, SHARDS, shard, shard_channel, workspace_key},
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::chats::v1::Author;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{Hub, LiveTurn, TypingNote, lock};

/// How often texts go out.
const EVERY: Duration = Duration::from_millis(50);
/// How long Redis keeps the text of a running answer.
const PARTIAL_SECONDS: u64 = 180;
/// Frames that wait; more are dropped, polling finds what they told.
const MOST: usize = 10_000;

/// A frame between replicas.
#[derive(Debug, Serialize, Deserialize)]
struct Frame {
    /// Which process sent it.
    o: u64,
    ws: WorkspaceId,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
enum What {
    Wake,
    Text { turn: TurnId, conversation: ConversationId, restarts: u32, shown: bool, offset: usize, text: String },
    Done { turn: TurnId },
    Cancel { turn: TurnId },
    Typing { conversation: ConversationId, author: i32, member: String },
}

#[derive(Default)]
struct Queue {
    wakes: HashSet<WorkspaceId>,
    texts: HashMap<TurnId, Weak<LiveTurn>>,
    frames: Vec<(WorkspaceId, What)>,
}

/// The sending end. Cheap to clone.
#[derive(Clone)]
pub struct Wire {
    origin: u64,
    redis: Redis,
    queue: Arc<Mutex<Queue>>,
    woken: Arc<Notify>,
}

impl Wire {
    /// Of this process.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { origin: rand::random(), redis, queue: Arc::default(), woken: Arc::default() }
    }

    pub(super) fn dirty(&self, live: &Arc<LiveTurn>) {
        lock(&self.queue).texts.insert(live.turn, Arc::downgrade(live));
        self.woken.notify_one();
    }

    pub(super) fn wake(&self, ws: WorkspaceId) {
        lock(&self.queue).wakes.insert(ws);
        self.woken.notify_one();
    }

    pub(super) fn done(&self, live: &LiveTurn) {
        lock(&self.queue).texts.remove(&live.turn);
        self.push(live.workspace, What::Done { turn: live.turn });
    }

    pub(super) fn cancel(&self, ws: WorkspaceId, turn: TurnId) {
        self.push(ws, What::Cancel { turn });
    }

    pub(super) fn typing(&self, ws: WorkspaceId, note: &TypingNote) {
        let (author, member) = (i32::from(note.author), note.member.clone());
        self.push(ws, What::Typing { conversation: note.conversation, author, member });
    }

    fn push(&self, ws: WorkspaceId, what: What) {
        let mut queue = lock(&self.queue);
        if queue.frames.len() < MOST {
            queue.frames.push((ws, what));
        }
        drop(queue);
        self.woken.notify_one();
    }

    /// The text of a turn that runs elsewhere.
    pub async fn partial(&self, ws: WorkspaceId, turn: TurnId) -> Option<(u32, bool, String)> {
        let raw: Option<Vec<u8>> = self.redis.run(redis::cmd("GET").arg(partial_key(ws, turn))).await.ok()?;
        serde_json::from_slice(&raw?).ok()
    }

    async fn send(&self) {
        let (mut out, mut kept) = (vec![], vec![]);
        {
            let mut queue = lock(&self.queue);
            let queue = std::mem::take(&mut *queue);
            out.extend(queue.wakes.into_iter().map(|ws| (ws, What::Wake)));
            for live in queue.texts.into_values().filter_map(|live| live.upgrade()) {
                let mut state = lock(&live.state);
                let offset = state.published.min(state.text.len());
                let text = state.text[offset..].to_owned();
                state.published = state.text.len();
                let (restarts, shown) = (state.restarts, state.shown);
                kept.push((partial_key(live.workspace, live.turn), (restarts, shown, state.text.clone())));
                let (turn, conversation) = (live.turn, live.conversation);
                out.push((live.workspace, What::Text { turn, conversation, restarts, shown, offset, text }));
            }
            out.extend(queue.frames);
        }
        let mut pipe = redis::pipe();
        for (key, partial) in &kept {
            if let Ok(bytes) = serde_json::to_vec(partial) {
                pipe.cmd("SET").arg(key).arg(bytes).arg("EX").arg(PARTIAL_SECONDS).ignore();
            }
        }
        for (ws, what) in out {
            if let Ok(bytes) = serde_json::to_vec(&Frame { o: self.origin, ws, what }) {
                pipe.cmd("PUBLISH").arg(shard_channel("live", shard(ws))).arg(bytes).ignore();
            }
        }
        let Ok(mut connection) = self.redis.connection().await else { return };
        if let Err(error) = pipe.query_async::<()>(&mut connection).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "live frames were lost");
        }
    }
}

fn partial_key(ws: WorkspaceId, turn: TurnId) -> String {
    workspace_key("partial", ws, &turn.to_string())
}

/// Sends and hears until shutdown.
pub fn start(hub: &Hub, redis: &Redis, tasks: &Tasks, shutdown: &Shutdown) {
    let (wire, until) = (hub.wire().clone(), shutdown.clone());
    let tidied = hub.clone();
    tasks.spawn("live.send", async move {
        let mut last_tidy = tokio::time::Instant::now();
        while !until.begun() {
            tokio::select! {
                () = wire.woken.notified() => wire.send().await,
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
                () = until.wait() => {}
            }
            if last_tidy.elapsed() > Duration::from_secs(5) {
                last_tidy = tokio::time::Instant::now();
                tidied.tidy();
            }
            until.sleep(EVERY).await;
        }
        wire.send().await;
    });
    let channels = (0..SHARDS).map(|n| shard_channel("live", n)).collect();
    let listener = redis.listen(channels, tasks, shutdown);
    let (hub, until) = (hub.clone(), shutdown.clone());
    tasks.spawn("live.hear", async move {
        let mut ear = listener.ear();
        loop {
            tokio::select! {
                heard = ear.recv() => match heard {
                    Ok(Heard::Message { payload, .. }) => hub.heard(&payload),
                    Ok(Heard::Again) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => hub.wake_all(),
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                },
                () = until.wait() => return,
            }
        }
    });
}

impl Hub {
    fn heard(&self, payload: &Bytes) {
        let Ok(frame) = serde_json::from_slice::<Frame>(payload) else { return };
        if frame.o == self.wire().origin {
            return;
        }
        match frame.what {
            What::Wake => self.wake_here(frame.ws),
            What::Cancel { turn } => self.cancel_here(turn),
            What::Done { turn } => {
                if let Some(live) = self.known(turn) {
                    live.change(|state| state.ended_elsewhere = true);
                    self.tell_watchers(&live, true);
                }
            }
            What::Typing { conversation, author, member } => {
                let author = Author::try_from(author).unwrap_or_default();
                self.typing_here(frame.ws, TypingNote { conversation, author, member });
            }
            What::Text { turn, conversation, restarts, shown, offset, text } => {
                let live = match (self.known(turn), self.watched(frame.ws)) {
                    (Some(live), _) => live,
                    (None, Some(_)) => self.turn(frame.ws, turn, conversation),
                    (None, None) => return,
                };
                self.heard_text(&live, restarts, shown, offset, &text);
            }
        }
    }

    /// Takes a text of another replica; a hole is filled from Redis by whoever reads.
    pub(crate) fn heard_text(&self, live: &Arc<LiveTurn>, restarts: u32, shown: bool, offset: usize, text: &str) {
        live.change(|state| {
            if restarts != state.restarts {
                state.restarts = restarts;
                state.text.clear();
            }
            state.shown |= shown;
            if offset <= state.text.len() && state.text.is_char_boundary(offset) {
                state.text.truncate(offset);
                state.text.push_str(text);
            }
        });
        self.tell_watchers(live, false);
    }

    /// Brings a turn's place up to date with what Redis keeps of it; never back.
    pub async fn catch_up(&self, live: &Arc<LiveTurn>) {
        let Some((restarts, shown, text)) = self.wire().partial(live.workspace, live.turn).await else { return };
        let known = live.look(0, 0);
        if (restarts, text.len()) > (known.restarts, live.text().len()) {
            self.heard_text(live, restarts, shown, 0, &text);
        }
    }
}
