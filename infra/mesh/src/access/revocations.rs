//! What ended before its token did: sessions, keys, memberships, workspaces.
//!
//! Heard from two sources, each enough alone: svc-auth's stream `WatchRevocations`, and Redis, which svc-auth writes to.
//! With neither heard for 2 s, calls by people are refused as UNAVAILABLE.

mod redis;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use neipix_proto::auth::v1::{Revocation, revocation::What};
use uuid::Uuid;

pub use redis::{KEEP, publish, read_redis, write_heartbeats};
pub use stream::watch;

/// Longer silence of both sources, and people's calls are refused.
pub const FRESH: Duration = Duration::from_secs(2);
/// How often a source shows that it lives.
pub const HEARTBEAT: Duration = Duration::from_millis(500);

/// A member's role as it was last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Version; a token of a lower one is out of date.
    pub version: i64,
    /// The role; empty = no longer a member.
    pub role: String,
}

/// All that was heard in the last quarter of an hour. Cheap to clone.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

struct Inner {
    heard: RwLock<Heard>,
    began: Instant,
    /// Milliseconds since `began` plus one; 0 = never.
    alive: AtomicU64,
    always: AtomicBool,
}

#[derive(Default)]
struct Heard {
    sessions: HashMap<String, Instant>,
    keys: HashMap<String, Instant>,
    workspaces: HashMap<Uuid, Instant>,
    members: HashMap<(Uuid, Uuid), (Membership, Instant)>,
    pruned: Option<Instant>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl Revocations {
    /// Nothing heard yet, so not fresh.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner {
            heard: RwLock::default(),
            began: Instant::now(),
            alive: AtomicU64::new(0),
            always: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Without sources: always fresh. For tests, and for svc-auth's own tools that know the truth at first hand.
    #[must_use]
    pub fn unwatched() -> Self {
        let revocations = Self::new();
        revocations.inner.always.store(true, Ordering::Release);
        revocations
    }

    /// Takes in what a source says. A heartbeat only shows that it lives.
    ///
    /// Ids that cannot be read are left out with a warning: one bad entry must not silence the rest.
    pub fn hear(&self, revocation: &Revocation) {
        let now = Instant::now();
        let mut heard = self.inner.heard.write().unwrap_or_else(PoisonError::into_inner);
        match &revocation.what {
            Some(What::SessionRevoked(s)) => {
                heard.sessions.insert(s.session_id.clone(), now);
            }
            Some(What::KeyRevoked(k)) => {
                heard.keys.insert(k.key_id.clone(), now);
            }
            Some(What::WorkspaceBlocked(w)) => match Uuid::parse_str(&w.workspace_id) {
                Ok(id) => {
                    heard.workspaces.insert(id, now);
                }
                Err(_) => tracing::warn!("a revocation names no workspace"),
            },
            Some(What::MembershipChanged(m)) => {
                let (Ok(ws), Ok(user)) = (Uuid::parse_str(&m.workspace_id), Uuid::parse_str(&m.user_id)) else {
                    tracing::warn!("a revocation names no member");
                    return;
                };
                let new = Membership { version: m.membership_version, role: m.role.clone() };
                let entry = heard.members.entry((ws, user)).or_insert_with(|| (new.clone(), now));
                // The sources may tell in another order.
                if new.version >= entry.0.version {
                    *entry = (new, now);
                }
            }
            Some(What::Heartbeat(_)) => {
                drop(heard);
                self.alive();
                return;
            }
            None => {}
        }
        prune(&mut heard, now);
    }

    /// A source showed that it lives and that all it knew was heard.
    pub fn alive(&self) {
        self.alive_before(Duration::ZERO);
    }

    /// The same, that long ago.
    fn alive_before(&self, age: Duration) {
        let at = self.inner.began.elapsed().saturating_sub(age);
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.inner.alive.fetch_max(at, Ordering::AcqRel);
    }

    /// Whether a source was heard in the last 2 s.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        if self.inner.always.load(Ordering::Acquire) {
            return true;
        }
        let alive = self.inner.alive.load(Ordering::Acquire);
        alive > 0 && self.inner.began.elapsed().saturating_sub(Duration::from_millis(alive - 1)) <= FRESH
    }

    /// Whether a session has ended (`sid` of a person's or a visitor's token).
    #[must_use]
    pub fn is_revoked(&self, session: &str) -> bool {
        self.read(|heard| heard.sessions.contains_key(session))
    }

    /// Whether an API key has ended (its id).
    #[must_use]
    pub fn is_key_revoked(&self, key: &str) -> bool {
        self.read(|heard| heard.keys.contains_key(key))
    }

    /// Whether a workspace was blocked.
    #[must_use]
    pub fn is_blocked(&self, workspace: Uuid) -> bool {
        self.read(|heard| heard.workspaces.contains_key(&workspace))
    }

    /// The member's role as last heard; none where nothing changed lately.
    #[must_use]
    pub fn membership(&self, workspace: Uuid, user: Uuid) -> Option<Membership> {
        self.read(|heard| heard.members.get(&(workspace, user)).map(|(membership, _)| membership.clone()))
    }

    fn read<R>(&self, look: impl FnOnce(&Heard) -> R) -> R {
        look(&self.inner.heard.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Forgets what is older than any token, once a minute.
fn prune(heard: &mut Heard, now: Instant) {
    if heard.pruned.is_some_and(|at| now.duration_since(at) < Duration::from_secs(60)) {
        return;
    }
    heard.pruned = Some(now);
    let young = |at: &Instant| now.duration_since(*at) < KEEP;
    heard.sessions.retain(|_, at| young(at));
    heard.keys.retain(|_, at| young(at));
    heard.workspaces.retain(|_, at| young(at));
    heard.members.retain(|_, (_, at)| young(at));
}
