//! What Postgres says, and what it means for a transaction and for the caller.

use std::error::Error;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::deadpool::PoolError;

use crate::failure::Failure;

/// The name of the constraint that a statement broke.
#[must_use]
pub fn constraint_name(error: &DieselError) -> Option<&str> {
    match error {
        DieselError::DatabaseError(_, info) => info.constraint_name(),
        _ => None,
    }
}

/// An error that makes `in_workspace` run the whole transaction again: somebody committed between two looks.
#[must_use]
pub fn retry_error() -> DieselError {
    let info: Box<dyn DatabaseErrorInformation + Send + Sync> = Box::new("somebody committed in between".to_owned());
    DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, info)
}

/// 40001 and 40P01, wherever they stand among the causes. Diesel keeps no SQLSTATE for the second: its text is all there is.
pub(super) fn is_retryable(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(DieselError::DatabaseError(kind, info)) = error.downcast_ref::<DieselError>() {
            return matches!(kind, DatabaseErrorKind::SerializationFailure) || info.message() == "deadlock detected";
        }
        next = error.source();
    }
    false
}

/// Whether the connection itself is gone.
pub(super) fn is_lost(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
        | DieselError::BrokenTransactionManager => true,
        DieselError::DatabaseError(_, info) => {
            ["terminating connection", "connection closed", "error communicating with the server"]
                .iter()
                .any(|part| info.message().contains(part))
        }
        _ => false,
    }
}

/// Whether Postgres, not the statement, is the trouble: gone, starting, full, read-only, or a lock held for too long.
fn is_outage(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => true,
        DieselError::DatabaseError(_, info) => {
            is_lost(error)
                || [
                    "the database system is",
                    "canceling statement due to",
                    "remaining connection slots",
                    "sorry, too many clients",
                    "No space left on device",
                    // A disk whose last piece is smaller than a page.
                    "could not extend file",
                ]
                .iter()
                .any(|part| info.message().contains(part))
        }
        _ => is_lost(error),
    }
}

pub(super) fn unreachable_pool(error: PoolError) -> Failure {
    Failure::unavailable("the database does not answer; try again").with_source(error)
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        if is_outage(&error) {
            return Self::unavailable("the database does not answer; try again").with_source(error);
        }
        match error {
            DieselError::NotFound => Self::not_found(),
            other => Self::internal(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: DatabaseErrorKind, message: &str) -> DieselError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn a_repeat_is_worth_it_only_where_somebody_came_in_between() {
        assert!(is_retryable(&retry_error()));
        assert!(is_retryable(&said(DatabaseErrorKind::Unknown, "deadlock detected")));
        assert!(is_retryable(&Failure::from(retry_error())), "found below its wrapping");
        assert!(!is_retryable(&said(DatabaseErrorKind::UniqueViolation, "duplicate key")));
        assert!(!is_retryable(&Failure::not_found()));
    }

    #[test]
    fn f_24_an_outage_is_unavailable_with_a_delay_and_a_mistake_is_internal() {
        // trust: F-24
        let outages = [
            said(DatabaseErrorKind::ReadOnlyTransaction, "cannot execute INSERT in a read-only transaction"),
            said(DatabaseErrorKind::Unknown, "canceling statement due to lock timeout"),
            said(DatabaseErrorKind::Unknown, "the database system is starting up"),
            said(DatabaseErrorKind::Unknown, "terminating connection due to administrator command"),
            said(
                DatabaseErrorKind::Unknown,
                "could not extend file \"base/5/16\": wrote only 4096 of 8192 bytes at block 7",
            ),
            said(DatabaseErrorKind::UnableToSendCommand, "connection closed"),
            DieselError::BrokenTransactionManager,
        ];
        for error in outages {
            let failure = Failure::from(error);
            assert_eq!(failure.reason().name, "UNAVAILABLE", "{failure:?}");
            assert!(failure.retry_after().is_some());
        }
        assert_eq!(Failure::from(said(DatabaseErrorKind::Unknown, "syntax error")).reason().name, "INTERNAL");
        assert_eq!(Failure::from(DieselError::NotFound).reason().name, "NOT_FOUND");
    }
}
