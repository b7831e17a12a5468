//! Answers while they are being written: text so far and deltas, for watchers and askers of this process and, through
//! Redis, of others. Ephemeral: what counts is stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use neipix_mesh::{ConversationId, TurnId, WorkspaceId};
use tokio::sync::broadcast;

/// Deltas that a slow listener may lag behind; beyond, it reads the partial again.
const BACKLOG: usize = 1_024;

/// Something to show now.
#[derive(Debug, Clone)]
pub enum Live {
    /// More text.
    Delta {
        /// The turn.
        turn: TurnId,
        /// The dialogue.
        conversation: ConversationId,
        /// Bytes before it.
        offset: i64,
        /// The text.
        text: String,
    },
    /// The answer starts over.
    Restarted {
        /// The turn.
        turn: TurnId,
    },
    /// Somebody types.
    Typing {
        /// The dialogue.
        conversation: ConversationId,
        /// The operator; empty = the assistant.
        member: String,
    },
    /// New numbered events lie in the table.
    Events,
    /// A turn's row changed: look at it.
    Turn {
        /// The turn.
        turn: TurnId,
    },
}

#[derive(Default)]
struct Room {
    sender: Option<broadcast::Sender<Live>>,
    partials: HashMap<TurnId, (ConversationId, String)>,
}

/// One room per workspace. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub(Arc<Mutex<HashMap<WorkspaceId, Room>>>);

impl Hub {
    fn rooms(&self) -> std::sync::MutexGuard<'_, HashMap<WorkspaceId, Room>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Listens to a workspace.
    #[must_use]
    pub fn listen(&self, ws: WorkspaceId) -> broadcast::Receiver<Live> {
        let mut rooms = self.rooms();
        let room = rooms.entry(ws).or_default();
        room.sender.get_or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Tells a workspace's listeners.
    pub fn tell(&self, ws: WorkspaceId, live: Live) {
        let mut rooms = self.rooms();
        let Some(room) = rooms.get_mut(&ws) else { return };
        if let Some(sender) = &room.sender
            && sender.send(live).is_err()
        {
            room.sender = None;
            if room.partials.is_empty() {
                rooms.remove(&ws);
            }
        }
    }

    /// Adds text to an answer and tells it.
    pub fn delta(&self, ws: WorkspaceId, turn: TurnId, conversation: ConversationId, text: &str) {
        let offset = {
            let mut rooms = self.rooms();
            let partial =
                rooms.entry(ws).or_default().partials.entry(turn).or_insert_with(|| (conversation, String::new()));
            let offset = i64::try_from(partial.1.len()).unwrap_or(0);
            partial.1.push_str(text);
            offset
        };
        self.tell(ws, Live::Delta { turn, conversation, offset, text: text.to_owned() });
    }

    /// The text so far of an answer that is being written here.
    #[must_use]
    pub fn partial(&self, ws: WorkspaceId, turn: TurnId) -> Option<String> {
        self.rooms().get(&ws).and_then(|r| r.partials.get(&turn)).map(|(_, text)| text.clone())
    }

    /// All answers that are being written here, with their dialogues.
    #[must_use]
    pub fn partials(&self, ws: WorkspaceId) -> Vec<(TurnId, ConversationId, String)> {
        let rooms = self.rooms();
        let Some(room) = rooms.get(&ws) else { return vec![] };
        room.partials.iter().map(|(turn, (conversation, text))| (*turn, *conversation, text.clone())).collect()
    }

    /// Forgets an answer's text: it is stored, or starts over.
    pub fn forget(&self, ws: WorkspaceId, turn: TurnId) {
        let mut rooms = self.rooms();
        if let Some(room) = rooms.get_mut(&ws) {
            room.partials.remove(&turn);
            if room.partials.is_empty() && room.sender.is_none() {
                rooms.remove(&ws);
            }
        }
    }
}
