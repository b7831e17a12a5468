//! Assistants: what an assistant may be and how it moves from draft to archive.

pub mod draft;
pub mod rpc;
pub mod store;
pub mod versions;

use neipix_mesh::{FieldProblem, HasReason};
use neipix_proto::{
    Reason as _, ReasonInfo,
    assistants::v1::{AssistantSpec, AssistantStatus, ErrorReason},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// Assistants of a workspace that are not archived.
pub const ASSISTANTS_MAX: i64 = 200;

/// Where an assistant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never published.
    Draft,
    /// Answers.
    Published,
    /// Published, but silent.
    Paused,
    /// Silent for good.
    Archived,
}

/// What a person asks of an assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Change the draft.
    Edit,
    /// Freeze the draft.
    Publish,
    /// Fall silent.
    Pause,
    /// Answer again.
    Resume,
    /// End for good.
    Archive,
}

impl Status {
    /// The name in rows and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Paused => "paused",
            Self::Archived => "archived",
        }
    }

    /// The reverse of `as_str`; the table's check allows no other name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "published" => Self::Published,
            "paused" => Self::Paused,
            "archived" => Self::Archived,
            _ => Self::Draft,
        }
    }

    /// As callers see it.
    #[must_use]
    pub fn to_wire(self) -> AssistantStatus {
        match self {
            Self::Draft => AssistantStatus::Draft,
            Self::Published => AssistantStatus::Published,
            Self::Paused => AssistantStatus::Paused,
            Self::Archived => AssistantStatus::Archived,
        }
    }

    /// As callers name it in a filter; none where they name nothing.
    #[must_use]
    pub fn from_wire(status: AssistantStatus) -> Option<Self> {
        match status {
            AssistantStatus::Unspecified => None,
            AssistantStatus::Draft => Some(Self::Draft),
            AssistantStatus::Published => Some(Self::Published),
            AssistantStatus::Paused => Some(Self::Paused),
            AssistantStatus::Archived => Some(Self::Archived),
        }
    }

    /// Where a verb leads; the same status where it was so already.
    ///
    /// # Errors
    /// `State` where the verb makes no sense there.
    pub fn after(self, verb: Verb) -> Result<Self, AssistantError> {
        use Status::{Archived, Draft, Paused, Published};
        match (self, verb) {
            (Draft | Published | Paused, Verb::Edit) => Ok(self),
            (Draft | Published, Verb::Publish) | (Published | Paused, Verb::Resume) => Ok(Published),
            (Paused, Verb::Publish) | (Published | Paused, Verb::Pause) => Ok(Paused),
            (Draft | Published | Paused | Archived, Verb::Archive) => Ok(Archived),
            (Draft, Verb::Pause | Verb::Resume)
            | (Archived, Verb::Edit | Verb::Publish | Verb::Pause | Verb::Resume) => {
                Err(AssistantError::State { is: self, verb })
            }
        }
    }
}

/// Why an assistant cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AssistantError {
    /// Its status does not allow this.
    #[error("{}", state_text(*is, *verb))]
    State {
        /// Where it stands.
        is: Status,
        /// What was asked.
        verb: Verb,
    },
    /// Too many.
    #[error("a workspace has at most {ASSISTANTS_MAX} assistants that are not archived: archive one first")]
    Limit,
    /// The draft cannot be used.
    #[error("the draft cannot be used: see the fields")]
    Draft(Vec<FieldProblem>),
    /// There is no such version.
    #[error("the assistant has no such published version: publish it first")]
    NotPublished,
}

fn state_text(is: Status, verb: Verb) -> &'static str {
    match (is, verb) {
        (Status::Archived, _) => "the assistant is archived: make a new one instead",
        (_, Verb::Pause | Verb::Resume) => "the assistant was never published: publish it first",
        _ => "the assistant's status does not allow this",
    }
}

impl HasReason for AssistantError {
    fn reason(&self) -> &'static ReasonInfo {
        match self {
            Self::State { .. } => ErrorReason::AssistantState.info(),
            Self::Limit => ErrorReason::AssistantLimit.info(),
            Self::Draft(_) => ErrorReason::DraftInvalid.info(),
            Self::NotPublished => ErrorReason::NotPublished.info(),
        }
    }

    fn fields(&self) -> Vec<FieldProblem> {
        match self {
            Self::Draft(fields) => fields.clone(),
            Self::State { .. } | Self::Limit | Self::NotPublished => vec![],
        }
    }
}

/// SHA-256 of a specification as proto bytes: equal hashes mean that there is nothing to publish.
#[must_use]
pub fn spec_hash(spec: &AssistantSpec) -> Vec<u8> {
    Sha256::digest(spec.encode_to_vec()).to_vec()
}

/// A specification with every default filled in.
#[must_use]
pub fn with_defaults(mut spec: AssistantSpec) -> AssistantSpec {
    spec.temperature.get_or_insert(0.3);
    spec.answer_delay_seconds.get_or_insert(5);
    spec.max_output_tokens.get_or_insert(700);
    spec.history_tokens.get_or_insert(2_000);
    spec.passage_tokens.get_or_insert(2_500);
    spec.auto_return_minutes.get_or_insert(30);
    spec
}

/// Whether a write may go on: the etag is that of the row, or `*`.
///
/// # Errors
/// FIELD_INVALID where there is none, ETAG_MISMATCH where it is stale.
pub fn check_etag(field: &str, sent: &str, is: i64) -> Result<(), neipix_mesh::Failure> {
    match sent {
        "" => Err(neipix_mesh::Failure::invalid(field, "is required: the etag of the last read, or `*` to overwrite")),
        "*" => Ok(()),
        etag if etag == is.to_string() => Ok(()),
        _ => Err(neipix_mesh::Failure::etag_mismatch()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_assistant_stays_paused_when_published() {
        assert_eq!(Status::Paused.after(Verb::Publish).unwrap(), Status::Paused);
        assert_eq!(Status::Draft.after(Verb::Publish).unwrap(), Status::Published);
        assert_eq!(Status::Archived.after(Verb::Archive).unwrap(), Status::Archived);
    }

    #[test]
    fn nothing_changes_an_archived_assistant_and_a_draft_cannot_be_paused() {
        for verb in [Verb::Edit, Verb::Publish, Verb::Pause, Verb::Resume] {
            assert!(matches!(Status::Archived.after(verb), Err(AssistantError::State { .. })));
        }
        assert!(Status::Draft.after(Verb::Pause).is_err());
        assert!(Status::Draft.after(Verb::Resume).is_err());
    }

    #[test]
    fn an_etag_is_needed_and_a_stale_one_is_refused() {
        let named = |sent| check_etag("assistant.etag", sent, 7).map_err(|f| f.reason().name);
        assert_eq!(named(""), Err("FIELD_INVALID"));
        assert_eq!(named("6"), Err("ETAG_MISMATCH"));
        assert_eq!(named("7"), Ok(()));
        assert_eq!(named("*"), Ok(()));
    }
}
