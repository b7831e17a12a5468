//! Why an outgoing call has no answer.

use std::error::Error;

/// Never holds more of a URL than its host.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The URL leads inside, or breaks the rules for scheme, port or user. Tell the caller no more than that.
    #[error("{host} may not be called from here")]
    Forbidden {
        /// The host as written.
        host: String,
    },
    /// It is no URL, or the request cannot be sent.
    #[error("{what}")]
    Invalid {
        /// What is wrong.
        what: &'static str,
    },
    /// More redirects than allowed, or one that would carry the body to another origin.
    #[error("{host} redirects where we do not follow")]
    Redirects {
        /// The host that redirects.
        host: String,
    },
    /// The answer is longer than allowed.
    #[error("{host} answers with more than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// Bytes.
        limit: u64,
    },
    /// The time is over.
    #[error("{host} did not answer in time")]
    Timeout {
        /// The host.
        host: String,
        /// Whether the request may have arrived.
        began: bool,
    },
    /// No connection came about: no such name, refused, wrong certificate.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// The cause, without the URL.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The connection broke after the request was begun.
    #[error("the connection to {host} broke")]
    Broken {
        /// The host.
        host: String,
        /// The cause, without the URL.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is not the JSON that was expected.
    #[error("{host} does not answer with the expected JSON")]
    NotJson {
        /// The host.
        host: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

/// A name resolved to an address that is not allowed.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that may not be called")]
pub(super) struct ForbiddenAddress;

impl EgressError {
    /// Whether the other side cannot have seen the request: repeating it is safe.
    #[must_use]
    pub fn was_not_sent(&self) -> bool {
        matches!(
            self,
            Self::Forbidden { .. }
                | Self::Invalid { .. }
                | Self::Unreachable { .. }
                | Self::Timeout { began: false, .. }
        )
    }

    /// Whether a later repeat may do better.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unreachable { .. } | Self::Broken { .. })
    }

    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "forbidden",
            Self::Invalid { .. } => "invalid",
            Self::Redirects { .. } => "redirects",
            Self::TooLarge { .. } => "too_large",
            Self::Timeout { .. } => "timeout",
            Self::Unreachable { .. } => "unreachable",
            Self::Broken { .. } => "broken",
            Self::NotJson { .. } => "not_json",
        }
    }

    pub(super) fn of(error: reqwest::Error, host: String) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if inner.is::<ForbiddenAddress>() {
                return Self::Forbidden { host };
            }
            cause = inner.source();
        }
        let (timeout, connect, builder) = (error.is_timeout(), error.is_connect(), error.is_builder());
        let source: Box<dyn Error + Send + Sync> = Box::new(error.without_url());
        match (builder, connect, timeout) {
            (true, ..) => Self::Invalid { what: "the request cannot be sent" },
            (_, true, true) => Self::Timeout { host, began: false },
            (_, true, false) => Self::Unreachable { host, source: Some(source) },
            (_, false, true) => Self::Timeout { host, began: true },
            (_, false, false) => Self::Broken { host, source },
        }
    }
}
