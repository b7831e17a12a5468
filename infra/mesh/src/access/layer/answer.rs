//! The answer on its way out: deadline until its first message, rights that end, panics, and the closing line.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use neipix_proto::Method;
use tokio::time::Sleep;
use tonic::{Code, Status, body::Body};

use super::{late, panicked, standing::Standing};
use crate::{
    failure::{Failure, read_status},
    ids::WorkspaceId,
};

/// What the closing line will say. Written when dropped, so an abandoned call is told too.
pub(super) struct Closing {
    method: &'static Method,
    began: Instant,
    request_id: String,
    span: tracing::Span,
    pub workspace: Option<WorkspaceId>,
    /// None until the status is known.
    code: Option<Code>,
    reason: &'static str,
    cause: Option<String>,
}

impl Closing {
    pub fn new(method: &'static Method, began: Instant, request_id: String, span: tracing::Span) -> Self {
        Self { method, began, request_id, span, workspace: None, code: None, reason: "", cause: None }
    }

    /// The status of an answer without messages stands in its head.
    pub fn read_head(&mut self, parts: &response::Parts) {
        match parts.extensions.get::<Status>() {
            Some(status) => self.read_status(status),
            None => self.read_map(&parts.headers),
        }
    }

    fn read_map(&mut self, map: &HeaderMap) {
        let Some(code) = map.get("grpc-status") else { return };
        match Code::from_bytes(code.as_bytes()) {
            Code::Ok => self.code = Some(Code::Ok),
            _ => {
                if let Some(status) = Status::from_header_map(map) {
                    self.read_status(&status);
                }
            }
        }
    }

    fn read_status(&mut self, status: &Status) {
        self.code = Some(status.code());
        if status.code() != Code::Ok {
            self.reason = read_status(status).reason_or_standard().name;
            self.cause = std::error::Error::source(status).map(chain);
        }
    }
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl Drop for Closing {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        let reason = if self.code.is_none() { "ABANDONED" } else { self.reason };
        let elapsed = self.began.elapsed();
        let rpc = self.method.name.as_str();
        metrics::counter!("neipix_rpc_total", "rpc" => rpc, "code" => code_name(code)).increment(1);
        metrics::histogram!("neipix_rpc_seconds", "rpc" => rpc).record(elapsed.as_secs_f64());
        let duration_ms = (elapsed.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
        let workspace = self.workspace.map(|ws| ws.to_string()).unwrap_or_default();
        let cause = self.cause.as_deref().unwrap_or_default();
        let request_id = self.request_id.as_str();
        let _in_span = self.span.enter();
        match code {
            Code::Internal | Code::Unknown | Code::DataLoss => {
                tracing::error!(
                    rpc,
                    workspace.id = workspace,
                    code = code_name(code),
                    reason,
                    duration_ms,
                    request_id,
                    cause,
                    "{rpc} failed"
                );
            }
            Code::Unavailable | Code::DeadlineExceeded => {
                tracing::warn!(
                    rpc,
                    workspace.id = workspace,
                    code = code_name(code),
                    reason,
                    duration_ms,
                    request_id,
                    cause,
                    "{rpc} not answered"
                );
            }
            _ => {
                tracing::info!(
                    rpc,
                    workspace.id = workspace,
                    code = code_name(code),
                    reason,
                    duration_ms,
                    request_id,
                    "{rpc} done"
                );
            }
        }
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An answer's body under watch.
pub(super) struct Watched {
    body: Body,
    closing: Closing,
    /// Runs until the first message.
    limit: Option<Pin<Box<Sleep>>>,
    /// The rights without which a stream does not go on.
    standing: Option<Standing>,
    ended: bool,
}

impl Watched {
    pub fn new(body: Body, closing: Closing, deadline: Instant) -> Self {
        let ended = body.is_end_stream();
        let limit = (!ended).then(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        Self { body, closing, limit, standing: None, ended }
    }

    /// The same, ended when those rights do.
    pub fn standing(mut self, standing: Option<Standing>) -> Self {
        self.standing = standing;
        self
    }

    /// Ends the answer with a status of ours.
    fn end_with(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended = true;
        self.limit = None;
        let status = failure.into_status();
        self.closing.read_status(&status);
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some(failure) = this.standing.as_mut().and_then(|standing| standing.lost(context)) {
            return this.end_with(failure);
        }
        let span = this.closing.span.clone();
        let body = &mut this.body;
        let polled =
            span.in_scope(|| std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context))));
        let Ok(polled) = polled else { return this.end_with(panicked()) };
        if polled.is_pending() {
            if let Some(limit) = &mut this.limit {
                ready!(limit.as_mut().poll(context));
                return this.end_with(late());
            }
            return Poll::Pending;
        }
        this.limit = None;
        let frame = ready!(polled);
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.closing.read_map(trailers);
                }
            }
            Some(Err(status)) => this.closing.read_status(status),
            None => this.ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
