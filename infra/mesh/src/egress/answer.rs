//! An answer from outside, read within its limits.

use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{EgressError, Limits};

/// Status and headers are there, the body is still to be read.
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    left: u64,
    limits: Limits,
    deadline: Instant,
    host: String,
}

impl Answer {
    pub(super) fn new(
        response: reqwest::Response,
        limits: Limits,
        deadline: Instant,
        host: String,
    ) -> Result<Self, EgressError> {
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, response, left: limits.bytes, limits, deadline, host })
    }

    /// The host that answered, as written in the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Seconds of a `Retry-After` header given as a number.
    #[must_use]
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        let value = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        value.trim().parse().ok().map(std::time::Duration::from_secs)
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// `Timeout` after too long a silence or at the deadline, `TooLarge` above the limit, `Broken` when cut.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        let until = self.deadline.min(Instant::now() + self.limits.idle);
        let piece = match tokio::time::timeout_at(until, self.response.chunk()).await {
            Err(_) => return Err(EgressError::Timeout { host: self.host.clone(), began: true }),
            Ok(Err(error)) => return Err(self.broken(error)),
            Ok(Ok(piece)) => piece,
        };
        let Some(piece) = piece else { return Ok(None) };
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(self.too_large()),
        }
        Ok(Some(piece))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As `chunk`; a declared length above the limit is refused before anything is read.
    pub async fn bytes(mut self) -> Result<Bytes, EgressError> {
        if self.response.content_length().is_some_and(|length| length > self.limits.bytes) {
            return Err(self.too_large());
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The beginning of the body, at most the limit, and whether that was all. The rest is never read.
    ///
    /// # Errors
    /// As `chunk`, without `TooLarge`.
    pub async fn beginning(mut self) -> Result<(Bytes, bool), EgressError> {
        let mut all = BytesMut::new();
        loop {
            let room = usize::try_from(self.left).unwrap_or(usize::MAX);
            // One byte more than allowed tells whether there is more.
            self.left = u64::MAX;
            let Some(piece) = self.chunk().await? else { return Ok((all.freeze(), true)) };
            all.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                return Ok((all.freeze(), false));
            }
            self.left = (room - piece.len()) as u64;
        }
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// As `bytes`, and `NotJson`.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, EgressError> {
        let host = self.host.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|source| EgressError::NotJson { host, source })
    }

    /// The body piece by piece; ends after the first error.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, EgressError>> + Send + 'static {
        futures::stream::unfold(Some(self), |answer| async move {
            let mut answer = answer?;
            match answer.chunk().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(answer))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    fn too_large(&self) -> EgressError {
        EgressError::TooLarge { host: self.host.clone(), limit: self.limits.bytes }
    }

    fn broken(&self, error: reqwest::Error) -> EgressError {
        EgressError::Broken { host: self.host.clone(), source: Box::new(error.without_url()) }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} from {})", self.status, self.host)
    }
}
