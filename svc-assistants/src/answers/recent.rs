//! What was read a moment ago: an answer follows its search at once, and most often in the same process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use neipix_mesh::{AssistantId, PassageId, WorkspaceId};

use crate::{providers::store::ProviderRow, search::store::PassageRow};

/// How long it is believed. A file or provider that is switched off answers no longer than this.
pub const GOOD_FOR: Duration = Duration::from_secs(2);
/// Searches remembered at once; beyond, all are read again.
const REMEMBERED_MAX: usize = 1_000;

type Asked = (WorkspaceId, AssistantId, Vec<PassageId>);

/// Passages by search, and the enabled providers.
#[derive(Debug, Default)]
pub struct Recent {
    passages: Mutex<HashMap<Asked, (Instant, Vec<PassageRow>)>>,
    providers: Mutex<Option<(Instant, Vec<ProviderRow>)>>,
}

impl Recent {
    /// Remembers what a search found.
    pub fn found(&self, ws: WorkspaceId, assistant: AssistantId, ids: Vec<PassageId>, rows: Vec<PassageRow>) {
        let mut passages = lock(&self.passages);
        if passages.len() >= REMEMBERED_MAX {
            passages.retain(|_, (at, _)| at.elapsed() < GOOD_FOR);
        }
        if passages.len() < REMEMBERED_MAX {
            passages.insert((ws, assistant, ids), (Instant::now(), rows));
        }
    }

    /// The passages of a search, with these ids in this order.
    #[must_use]
    pub fn passages(&self, ws: WorkspaceId, assistant: AssistantId, ids: &[PassageId]) -> Option<Vec<PassageRow>> {
        fresh(lock(&self.passages).get(&(ws, assistant, ids.to_vec())))
    }

    /// Remembers the enabled providers.
    pub fn enabled(&self, rows: &[ProviderRow]) {
        *lock(&self.providers) = Some((Instant::now(), rows.to_vec()));
    }

    /// The enabled providers.
    #[must_use]
    pub fn providers(&self) -> Option<Vec<ProviderRow>> {
        fresh(lock(&self.providers).as_ref())
    }

    /// Forgets the providers: one has changed.
    pub fn providers_changed(&self) {
        *lock(&self.providers) = None;
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fresh<T: Clone>(known: Option<&(Instant, T)>) -> Option<T> {
    known.filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, what)| what.clone())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use neipix_mesh::FileId;

    use super::*;

    #[test]
    fn an_answer_gets_what_its_own_search_found_and_nothing_else() {
        let now = Utc::now();
        let (ws, assistant, file) = (WorkspaceId::new(now), AssistantId::new(now), FileId::new(now));
        let (first, second) = (PassageId::new(now), PassageId::new(now));
        let row = |id| PassageRow {
            id,
            file_id: file,
            file_name: "price.txt".into(),
            page: 1,
            start: 0,
            headings: vec![],
            body: "text".into(),
            indexed: "text".into(),
            n: 1,
        };
        let recent = Recent::default();
        recent.found(ws, assistant, vec![first, second], vec![row(first), row(second)]);
        let found = recent.passages(ws, assistant, &[first, second]).expect("just found");
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [first, second]);
        assert!(recent.passages(ws, assistant, &[first]).is_none());
        assert!(recent.passages(ws, AssistantId::new(now), &[first, second]).is_none());
        assert!(recent.passages(WorkspaceId::new(now), assistant, &[first, second]).is_none());
        recent.enabled(&[]);
        assert!(recent.providers().is_some());
        recent.providers_changed();
        assert!(recent.providers().is_none());
    }
}
