//! Why a call failed, and the only place that makes a gRPC status of it.

use std::{error::Error, time::Duration};

use neipix_proto::{Reason, ReasonInfo, access::v1::ErrorReason, reason_named};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Path in proto names, such as `draft.stop_words[1].pattern`.
    pub field: String,
    /// The rule and the fix, in words.
    pub message: String,
}

/// A failed call: a reason of the proto, words for the caller, and the cause for our logs.
#[derive(Debug)]
pub struct Failure {
    reason: &'static ReasonInfo,
    detail: String,
    fields: Vec<FieldProblem>,
    retry_after: Option<Duration>,
    object: Option<String>,
    challenge: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// An error of a room: knows which reason of the proto it is.
///
/// `From<E> for Failure` exists for each: the error's text becomes the answer's detail, unless the reason is INTERNAL or
/// UNAVAILABLE, whose words never leave the house.
pub trait HasReason: Error {
    /// The reason that callers see.
    fn reason(&self) -> &'static ReasonInfo;
    /// The fields that broke a rule.
    fn fields(&self) -> Vec<FieldProblem> {
        vec![]
    }
    /// When a repeat makes sense.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

impl Failure {
    /// A refusal with words for the caller.
    pub fn new(reason: impl Reason, detail: impl Into<String>) -> Self {
        Self::of(reason.info(), detail)
    }

    /// The same for a reason already looked up.
    pub fn of(reason: &'static ReasonInfo, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            fields: vec![],
            retry_after: None,
            object: None,
            challenge: None,
            source: None,
        }
    }

    /// One field breaks a rule.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorReason::FieldInvalid, "the request has a field that breaks its rule").with_field(field, message)
    }

    /// Something broke on our side.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorReason::Internal, "internal error; the trace id finds it").with_source(source)
    }

    /// A part of the product cannot be reached; callers may try again in a second.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ErrorReason::Unavailable, detail).with_retry_after(Duration::from_secs(1))
    }

    /// Nothing the caller may see has that id. Never repeats the id, so that all such answers are the same.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(ErrorReason::NotFound, "nothing with that id is visible to you")
    }

    /// Somebody else wrote the row since it was read.
    #[must_use]
    pub fn etag_mismatch() -> Self {
        Self::new(
            ErrorReason::EtagMismatch,
            "the object was changed meanwhile: read it again, or send etag `*` to overwrite",
        )
        .with_field("etag", "must be the etag of the last read, or `*`")
    }

    /// Adds a field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.fields.push(FieldProblem { field: field.into(), message: message.into() });
        self
    }

    /// Adds fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldProblem>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Adds the cause, for our logs only.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says when a repeat makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Names the object that the first call made (ALREADY_DONE).
    #[must_use]
    pub fn with_object(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Says what must be solved first (PROOF_REQUIRED).
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// What must be solved first.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.challenge.as_deref()
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &'static ReasonInfo {
        self.reason
    }

    /// Whether it is this reason.
    pub fn is(&self, reason: impl Reason) -> bool {
        self.reason == reason.info()
    }

    /// The words for the caller.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The fields that broke a rule.
    #[must_use]
    pub fn fields(&self) -> &[FieldProblem] {
        &self.fields
    }

    /// When a repeat makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The gRPC status: code of the reason, ErrorInfo, BadRequest and RetryInfo.
    #[must_use]
    pub fn into_status(self) -> Status {
        let mut metadata = std::collections::HashMap::new();
        if let Some(object) = self.object {
            metadata.insert("object".to_owned(), object);
        }
        if let Some(challenge) = self.challenge {
            metadata.insert("challenge".to_owned(), challenge);
        }
        let mut details = ErrorDetails::with_error_info(self.reason.name, self.reason.package, metadata);
        for problem in self.fields {
            details.add_bad_request_violation(problem.field, problem.message);
        }
        if let Some(after) = self.retry_after {
            details.set_retry_info(Some(after));
        }
        let mut status = Status::with_error_details(Code::from_i32(self.reason.code), self.detail, details);
        if let Some(source) = self.source {
            status.set_source(source.into());
        }
        status
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason.name, self.detail)?;
        for problem in &self.fields {
            write!(f, "; {} {}", problem.field, problem.message)?;
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

impl<E: HasReason + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let reason = error.reason();
        let fields = error.fields();
        let retry_after = error.retry_after();
        let mut failure = match reason.name {
            "INTERNAL" => Self::internal(error),
            "UNAVAILABLE" => Self::unavailable("temporarily not reachable; try again").with_source(error),
            _ => Self::of(reason, error.to_string()).with_source(error),
        };
        failure.fields = fields;
        failure.retry_after = retry_after.or(failure.retry_after);
        failure
    }
}

/// What a status of another process says.
#[derive(Debug, Clone)]
pub struct Reading {
    /// gRPC code.
    pub code: Code,
    /// The reason, where the status came from a process of ours.
    pub reason: Option<&'static ReasonInfo>,
    /// The words.
    pub message: String,
    /// The fields that broke a rule.
    pub fields: Vec<FieldProblem>,
    /// When a repeat makes sense.
    pub retry_after: Option<Duration>,
    /// The object of ALREADY_DONE.
    pub object: Option<String>,
    /// What must be solved first (PROOF_REQUIRED).
    pub challenge: Option<String>,
}

impl Reading {
    /// Whether it is this reason.
    pub fn is(&self, reason: impl Reason) -> bool {
        self.reason == Some(reason.info())
    }

    /// The reason, or the mesh's own for statuses that no process of ours made.
    #[must_use]
    pub fn reason_or_standard(&self) -> &'static ReasonInfo {
        self.reason.unwrap_or_else(|| standard_reason(self.code).info())
    }
}

/// Reads reason, fields and delay out of a status.
#[must_use]
pub fn read_status(status: &Status) -> Reading {
    let details = status.get_error_details();
    let info = details.error_info();
    Reading {
        code: status.code(),
        reason: info.and_then(|i| reason_named(&i.domain, &i.reason)),
        message: status.message().to_owned(),
        fields: details.bad_request().map_or_else(Vec::new, |b| {
            b.field_violations
                .iter()
                .map(|v| FieldProblem { field: v.field.clone(), message: v.description.clone() })
                .collect()
        }),
        retry_after: details.retry_info().and_then(|r| r.retry_delay),
        object: info.and_then(|i| i.metadata.get("object").cloned()),
        challenge: info.and_then(|i| i.metadata.get("challenge").cloned()),
    }
}

fn standard_reason(code: Code) -> ErrorReason {
    match code {
        Code::InvalidArgument => ErrorReason::BodyMalformed,
        Code::DeadlineExceeded | Code::Cancelled => ErrorReason::Deadline,
        Code::NotFound | Code::Unimplemented => ErrorReason::NotFound,
        Code::PermissionDenied => ErrorReason::PermissionDenied,
        Code::Unauthenticated => ErrorReason::TokenInvalid,
        Code::ResourceExhausted => ErrorReason::RateLimited,
        Code::Unavailable => ErrorReason::Unavailable,
        _ => ErrorReason::Internal,
    }
}

/// A call to another service failed: its reachable reasons stay, the rest becomes UNAVAILABLE or INTERNAL.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let reading = read_status(&status);
        let reason = reading.reason_or_standard();
        let mut failure = match reason.name {
            "INTERNAL" => Self::internal(status),
            _ => Self::of(reason, reading.message).with_source(status),
        };
        failure.fields = reading.fields;
        failure.retry_after = reading.retry_after;
        failure.object = reading.object;
        failure.challenge = reading.challenge;
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_wire_with_reason_fields_and_delay() {
        let sent = Failure::new(neipix_proto::billing::v1::ErrorReason::InsufficientFunds, "need 3, have 1")
            .with_field("amount", "must be covered")
            .with_retry_after(Duration::from_secs(7));
        let read = read_status(&sent.into_status());
        assert!(read.is(neipix_proto::billing::v1::ErrorReason::InsufficientFunds));
        assert_eq!(read.code, Code::FailedPrecondition);
        assert_eq!(read.fields, vec![FieldProblem { field: "amount".into(), message: "must be covered".into() }]);
        assert_eq!(read.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(read.reason_or_standard().status(), 402);
    }

    #[test]
    fn the_cause_of_an_internal_failure_stays_inside() {
        let status = Failure::internal(std::io::Error::other("password=hunter2")).into_status();
        assert!(!status.message().contains("hunter2"));
        assert!(!String::from_utf8_lossy(status.details()).contains("hunter2"));
    }
}
