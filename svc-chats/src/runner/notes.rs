//! Gathers notes of turns that are paid and over, whose callers were told: nobody waits for one of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use neipix_mesh::{
    db::{Db, Tx},
    tasks::Tasks,
};
use tokio::sync::oneshot;

use crate::turn::store::notes::{self, Note, Settled};

/// How long notes are gathered: the dialogue's next turn waits for it, if one is due.
const GATHER: Duration = Duration::from_millis(20);
/// Notes in one transaction.
const TOGETHER_MOST: usize = 100;

/// Notes that wait to be written. Cheap to clone.
#[derive(Clone)]
pub struct Notes {
    db: Db,
    tasks: Tasks,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

struct Waiting {
    note: Note,
    told: oneshot::Sender<Settled>,
}

impl Notes {
    /// None yet.
    #[must_use]
    pub fn new(db: Db, tasks: Tasks) -> Self {
        Self { db, tasks, waiting: Arc::default() }
    }

    /// Writes a note together with others. None where they could not be written; the caller may then write its own. A caller
    /// that goes away is written for all the same.
    pub async fn settled(&self, note: Note) -> Option<Settled> {
        let (told, written) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(Waiting { note, told });
            waiting.len() == 1
        };
        if first {
            let notes = self.clone();
            self.tasks.spawn("turn.notes", async move {
                tokio::time::sleep(GATHER).await;
                notes.write().await;
            });
        }
        written.await.ok()
    }

    async fn write(&self) {
        let mut waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        while !waiting.is_empty() {
            let batch = waiting.split_off(waiting.len().saturating_sub(TOGETHER_MOST));
            let rows = batch.iter().map(|one| one.note).collect::<Vec<_>>();
            let written = self.db.platform("chats.settled", async |tx: &mut Tx| notes::settle(tx, &rows).await).await;
            match written {
                Ok(done) => {
                    for Waiting { note, told } in batch {
                        // Whoever asked may be gone.
                        let _ = told.send(Settled::of(&done, note.turn));
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        turns = rows.len(),
                        "notes were not written"
                    );
                }
            }
        }
    }
}
