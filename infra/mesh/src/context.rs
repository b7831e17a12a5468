//! What travels with a call: who calls, in which workspace, until when.

use std::{
    net::IpAddr,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderValue;
use neipix_proto::{Method, methods};

use crate::{
    access::{roles::Permissions, token::Claims},
    failure::Failure,
    ids::{AssistantId, KeyId, SessionId, UserId, WorkspaceId},
};

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody signed in.
    Anonymous,
    /// A person (`sub` `user:<id>`).
    Member(Arc<Claims>),
    /// An API key (`sub` `key:<id>`).
    Key(Arc<Claims>),
    /// A visitor of the web widget (`sub` `visitor:<id>`).
    Visitor(Arc<Claims>),
    /// A process of the mesh, such as `svc-chats`.
    Service(String),
}

impl Caller {
    /// The verified claims, where there is a token.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Member(c) | Self::Key(c) | Self::Visitor(c) => Some(c),
            Self::Anonymous | Self::Service(_) => None,
        }
    }
}

/// What is known of a call. Made by the access layer only, or by `background` for work that no call started.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The rpc and its rules.
    pub method: &'static Method,
    /// Who calls.
    pub caller: Caller,
    /// The tenant; `WorkspaceId::PLATFORM` for platform work.
    pub workspace: WorkspaceId,
    /// The only assistant this caller may touch (`ast` of keys and visitors); none = all.
    pub assistant: Option<AssistantId>,
    /// The effective rights.
    pub permissions: Permissions,
    /// When the answer is worthless.
    pub deadline: Instant,
    /// W3C trace context.
    pub traceparent: String,
    /// The id by which on-call finds the request.
    pub request_id: String,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// The request message as it came.
    pub body: Bytes,
    /// The caller's credential, passed on to rpcs of other services that are not internal.
    pub authorization: Option<HeaderValue>,
    /// Where the request came from, as the edge saw it; none for calls that did not pass the edge.
    pub address: Option<IpAddr>,
    /// The page that the browser names in `Origin`, as it came; none where there is no such header.
    pub origin: Option<String>,
}

impl CallContext {
    /// The context of a job, a consumer or another piece of work of ours.
    ///
    /// `method_name` names it in logs and audit: an rpc's path where one fits.
    #[must_use]
    pub fn background(service: &str, workspace: WorkspaceId, time: Duration) -> Arc<Self> {
        Arc::new(Self {
            method: background_method(),
            caller: Caller::Service(service.to_owned()),
            workspace,
            assistant: None,
            permissions: Permissions::none(),
            deadline: Instant::now() + time,
            traceparent: crate::telemetry::new_traceparent(),
            request_id: String::new(),
            idempotency_key: None,
            body: Bytes::new(),
            authorization: None,
            address: None,
            origin: None,
        })
    }

    /// `user:<id>`, `key:<id>`, `visitor:<id>`, `service:<name>` or `anonymous`.
    #[must_use]
    pub fn actor(&self) -> String {
        match &self.caller {
            Caller::Anonymous => "anonymous".to_owned(),
            Caller::Service(name) => format!("service:{name}"),
            caller => caller.claims().map(|c| c.sub.clone()).unwrap_or_default(),
        }
    }

    /// The member who acts: the person, or the maker of the key.
    #[must_use]
    pub fn member_id(&self) -> Option<UserId> {
        match &self.caller {
            Caller::Member(claims) => claims.sub.strip_prefix("user:").and_then(|id| id.parse().ok()),
            Caller::Key(claims) => claims.mkr.map(UserId),
            _ => None,
        }
    }

    /// The API key that calls.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        match &self.caller {
            Caller::Key(claims) => claims.sub.strip_prefix("key:").and_then(|id| id.parse().ok()),
            _ => None,
        }
    }

    /// The session behind the token; for a key the key's id.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        self.caller.claims().and_then(|c| c.sid.parse().ok())
    }

    /// Time left for the answer; zero when it is too late.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the caller holds a permission.
    #[must_use]
    pub fn has(&self, permission: &str) -> bool {
        self.permissions.has(permission)
    }

    /// Refuses a row of an assistant that this caller may not touch, as if it were not there.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub fn sees_assistant(&self, assistant: AssistantId) -> Result<(), Failure> {
        match self.assistant {
            Some(only) if only != assistant => Err(Failure::not_found()),
            _ => Ok(()),
        }
    }
}

/// Any internal rpc does: background work has no request, so only the name's shape matters.
#[expect(clippy::expect_used, reason = "the proto crate always holds this rpc")]
fn background_method() -> &'static Method {
    methods().get("/neipix.auth.v1.AuthService/WatchRevocations").expect("an internal rpc")
}

/// A request with its context, as handlers get it.
#[derive(Debug, Clone)]
pub struct Call<T> {
    /// The request.
    pub message: T,
    /// What is known of the call.
    pub context: Arc<CallContext>,
}

impl<T> Deref for Call<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.message
    }
}
