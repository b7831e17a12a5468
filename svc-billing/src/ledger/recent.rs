//! Holds that this process made: a turn is settled most often where it was held, and needs no look at its hold then.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use neipix_mesh::{TurnId, WorkspaceId};

use super::store::Hold;

/// Holds remembered at once; beyond, the others are read when they are settled.
const MOST: usize = 4_096;
/// As long as a hold lives without a renewal.
const GOOD_FOR: Duration = Duration::from_secs(15 * 60);

/// Open holds by turn.
#[derive(Debug, Default)]
pub struct Holds(Mutex<HashMap<(WorkspaceId, TurnId), (Instant, Hold)>>);

impl Holds {
    /// Remembers a hold that was committed.
    pub fn put(&self, ws: WorkspaceId, hold: &Hold) {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if holds.len() >= MOST {
            holds.retain(|_, (at, _)| at.elapsed() < GOOD_FOR);
        }
        if holds.len() < MOST {
            holds.insert((ws, hold.turn), (Instant::now(), hold.clone()));
        }
    }

    /// The hold of a turn, once.
    #[must_use]
    pub fn take(&self, ws: WorkspaceId, turn: TurnId) -> Option<Hold> {
        let (at, hold) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(ws, turn))?;
        (at.elapsed() < GOOD_FOR).then_some(hold)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::{super::Split, *};

    #[test]
    fn a_hold_is_remembered_for_its_own_turn_and_once() {
        let now = Utc::now();
        let (ws, turn) = (WorkspaceId::new(now), TurnId::new(now));
        let holds = Holds::default();
        let hold = Hold { turn, taken: Split::default(), priced: vec![], expires_at: now, closed: false };
        holds.put(ws, &hold);
        assert!(holds.take(WorkspaceId::new(now), turn).is_none());
        assert_eq!(holds.take(ws, turn).expect("just put").turn, turn);
        assert!(holds.take(ws, turn).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let now = Utc::now();
        let (ws, holds) = (WorkspaceId::new(now), Holds::default());
        for _ in 0..=MOST {
            let turn = TurnId::new(now);
            holds.put(ws, &Hold { turn, taken: Split::default(), priced: vec![], expires_at: now, closed: false });
        }
        assert_eq!(holds.0.lock().unwrap().len(), MOST);
    }
}
