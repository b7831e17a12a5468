//! The AI providers of the platform: who they are, in which order they are tried, and how they fare.

pub mod breaker;
pub mod rpc;
pub mod store;
pub mod trial;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use neipix_mesh::HasReason;
use neipix_proto::{Reason as _, ReasonInfo, assistants::v1::ErrorReason};
use uuid::Uuid;

use self::breaker::Breaker;
use crate::openai::Quirks;

/// Name of the kind in rows: speaks OpenAI's chat completions.
pub const OPENAI_COMPATIBLE: &str = "openai_compatible";
/// Name of the kind in rows: built in.
pub const EXTRACTIVE: &str = "extractive";
/// Longest wait for the first token where a row says nothing, in milliseconds.
pub const FIRST_TOKEN_TIMEOUT_MS: i32 = 15_000;

/// Longest wait for the first token of a trial: shorter than the rpc's own time.
const TRIAL: std::time::Duration = std::time::Duration::from_secs(30);

/// Why a provider cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Its address leads inside.
    #[error("the address leads to a place that may not be called from here")]
    UrlForbidden,
    /// The built-in answerer stays.
    #[error("the built-in extractive answerer is the last resort: it cannot be added, deleted or disabled")]
    BuiltIn,
}

impl HasReason for ProviderError {
    fn reason(&self) -> &'static ReasonInfo {
        match self {
            Self::UrlForbidden => ErrorReason::UrlForbidden.info(),
            Self::BuiltIn => ErrorReason::ProviderBuiltIn.info(),
        }
    }
}

/// A provider's model under one version of its row: a new key or address starts with a clean slate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HealthKey {
    /// The row.
    pub provider: Uuid,
    /// Its version.
    pub etag: i64,
}

/// How providers fare, as this process saw it. Another replica learns the same from its own calls.
#[derive(Debug, Default)]
pub struct Health(Mutex<HashMap<HealthKey, Known>>);

/// What is known of one.
#[derive(Debug, Default)]
pub struct Known {
    /// Whether it is tried.
    pub breaker: Breaker,
    /// Parameters that it refuses.
    pub quirks: Quirks,
}

impl Health {
    /// Looks at or changes what is known of one.
    pub fn of<R>(&self, key: &HealthKey, body: impl FnOnce(&mut Known) -> R) -> R {
        let mut all: MutexGuard<'_, HashMap<HealthKey, Known>> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Staff have a handful of providers; old versions of their rows need not pile up.
        if all.len() > 1_000 {
            all.clear();
        }
        body(all.entry(key.clone()).or_default())
    }
}
