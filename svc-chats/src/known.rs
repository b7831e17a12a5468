//! Built-in channels that were seen: they never go away, so they are remembered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use neipix_mesh::{AssistantId, ChannelId, WorkspaceId};

/// How many are remembered.
const MOST: usize = 100_000;

/// Cheap to clone.
#[derive(Clone, Default, Debug)]
pub struct ApiChannels(Arc<Mutex<HashMap<(WorkspaceId, AssistantId), ChannelId>>>);

impl ApiChannels {
    /// The channel, if it was seen.
    #[must_use]
    pub fn get(&self, ws: WorkspaceId, assistant: AssistantId) -> Option<ChannelId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(ws, assistant)).copied()
    }

    /// Remembers it.
    pub fn put(&self, ws: WorkspaceId, assistant: AssistantId, channel: ChannelId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert((ws, assistant), channel);
    }
}
