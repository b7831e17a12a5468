//! Steps of turns that go together with those of other turns: one call and one commit for what comes at the same time.

use std::time::Duration;

use futures::FutureExt as _;
use neipix_mesh::{
    db::{Db, Tx},
    gather::Gather,
    tasks::Tasks,
};

use crate::turn::store::{
    self, Answering,
    notes::{self, Note, Settled},
    stored::{self, Stored},
};

/// Turns that begin to answer together.
const BEGIN_MOST: usize = 4;
/// Answers that are stored together. More would save more, but who hears of an end together asks together, and then waits for
/// the others before the first word.
const STORE_MOST: usize = 2;
/// Notes in one transaction.
const NOTES_MOST: usize = 100;
/// How long notes are gathered, whose callers were told: the dialogue's next turn waits for it, if one is due.
const NOTES_GAP: Duration = Duration::from_millis(20);

/// Lines before the steps. Cheap to clone.
#[derive(Clone)]
pub struct Together {
    /// `queued → held → answering`. False where the turn is not this worker's any more, or somebody took over.
    pub begin: Gather<Answering, bool>,
    /// `answering → stored`. False likewise.
    pub store: Gather<Stored, bool>,
    /// `stored → settled`, of turns whose callers were told: nobody waits for one of them.
    pub notes: Gather<Note, Settled>,
}

impl Together {
    /// Nothing waits yet. `unhurried` is for what follows an answer's last word.
    #[must_use]
    pub fn new(db: &Db, unhurried: &Db, tasks: &Tasks) -> Self {
        let (hurried, after, later) = (db.clone(), unhurried.clone(), unhurried.clone());
        Self {
            begin: Gather::new("chats.answering", tasks.clone(), BEGIN_MOST, Duration::ZERO, move |turns| {
                let db = hurried.clone();
                async move { db.call("chats.answering", async |tx: &mut Tx| store::begin(tx, turns).await).await }
                    .boxed()
            }),
            store: Gather::new("chats.stored", tasks.clone(), STORE_MOST, Duration::ZERO, move |answers| {
                let db = after.clone();
                async move { db.call("chats.stored", async |tx: &mut Tx| stored::store(tx, answers).await).await }
                    .boxed()
            }),
            notes: Gather::new("chats.settled", tasks.clone(), NOTES_MOST, NOTES_GAP, move |notes| {
                let db = later.clone();
                async move { db.call("chats.settled", async |tx: &mut Tx| notes::settle(tx, notes).await).await }
                    .boxed()
            }),
        }
    }
}
