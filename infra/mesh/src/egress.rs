//! The one client for addresses that people give: webhooks, providers, imports, bots' APIs.
//!
//! Every hop is checked before it is connected: the URL by its shape, a name by all the addresses it resolves to at that
//! very connect (so a name that changes its mind gains nothing). Redirects are followed here, hop by hop. No proxy, no
//! cookies, no decompression. Only hosts are logged or told in errors: paths and queries carry secrets.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    config::{ConfigError, Settings},
    secret::Secret,
};

mod addresses;
mod answer;
mod error;
mod policy;

pub use addresses::{is_forbidden, is_inside, touches_inside};
pub use answer::Answer;
pub use error::EgressError;
pub use policy::Lookup;
use policy::{Policy, Verdict};

#[cfg(test)]
mod tests;

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first connect to the last byte.
    pub total: Duration,
    /// Until the answer's headers.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// Most bytes of the body.
    pub bytes: u64,
    /// Most redirects, at most three.
    pub redirects: u8,
    /// Whether http on port 80 will do.
    pub plain_http: bool,
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Limits {
    /// An outgoing webhook: 15 s, 64 KiB, no redirects.
    pub const WEBHOOK: Self = Self {
        total: seconds(15),
        first_byte: seconds(15),
        idle: seconds(15),
        bytes: 64 << 10,
        redirects: 0,
        plain_http: false,
    };
    /// A call of a vendor's API: 30 s, 4 MiB.
    pub const API: Self =
        Self { total: seconds(30), first_byte: seconds(30), idle: seconds(15), bytes: 4 << 20, ..Self::WEBHOOK };
    /// A model that streams: five minutes, the first byte within a minute, half a minute of silence.
    pub const PROVIDER: Self =
        Self { total: seconds(300), first_byte: seconds(60), idle: seconds(30), bytes: 16 << 20, ..Self::WEBHOOK };
    /// A page or file of somebody else: a minute, 50 MiB, three redirects.
    pub const IMPORT: Self = Self {
        total: seconds(60),
        first_byte: seconds(15),
        idle: seconds(15),
        bytes: 50 << 20,
        redirects: 3,
        plain_http: true,
    };

    /// The same with another total, which also bounds the wait for the first byte.
    #[must_use]
    pub fn within(mut self, total: Duration) -> Self {
        self.total = self.total.min(total);
        self
    }
}

/// Cheap to clone; one per process is enough.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    policy: Policy,
    /// Names are judged by their addresses.
    guarded: Clients,
    /// Hosts that EGRESS_ALLOW names outside production: their addresses are not judged.
    excepted: Clients,
}

/// Kept connections are for hosts of our own choice, so that no tenant's request rides on another's connection.
struct Clients {
    kept: reqwest::Client,
    fresh: reqwest::Client,
}

const CONNECT: Duration = Duration::from_secs(5);
const REDIRECTS: u8 = 3;

impl Egress {
    /// With the exceptions of EGRESS_ALLOW.
    ///
    /// # Errors
    /// When the machine has no usable root certificates.
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        Self::with_lookup(settings, policy::system_lookup())
    }

    /// The same with other eyes for names.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_lookup(settings: &Settings, lookup: Lookup) -> Result<Self, ConfigError> {
        crate::run::prepare_process();
        let policy = Policy::new(settings.egress_allow.clone(), settings.is_production(), lookup);
        let clients = |judge: bool| -> Result<Clients, ConfigError> {
            let resolver = Arc::new(policy.resolver(judge));
            let client = |kept: usize| {
                reqwest::Client::builder()
                    .dns_resolver(resolver.clone())
                    .redirect(reqwest::redirect::Policy::none())
                    .retry(reqwest::retry::never())
                    .no_proxy()
                    .referer(false)
                    .connect_timeout(CONNECT)
                    .pool_max_idle_per_host(kept)
                    .pool_idle_timeout(Duration::from_secs(60))
                    .tcp_nodelay(true)
                    .user_agent(concat!("Neipix/", env!("CARGO_PKG_VERSION")))
                    .build()
                    .map_err(|e| ConfigError::one("outgoing calls", &format!("cannot be made: {e}")))
            };
            Ok(Clients { kept: client(32)?, fresh: client(0)? })
        };
        let (guarded, excepted) = (clients(true)?, clients(false)?);
        Ok(Self(Arc::new(Inner { policy, guarded, excepted })))
    }

    /// Checks a URL that somebody wants to save, without connecting: its shape and all addresses of its name now.
    ///
    /// # Errors
    /// `Invalid`, `Forbidden`, or `Unreachable` when the name has no address.
    pub async fn check(&self, url: &str, limits: Limits) -> Result<(), EgressError> {
        let url = policy::parse(url)?;
        if self.0.policy.judge(&url, limits.plain_http)? == Verdict::Excepted {
            return Ok(());
        }
        self.0.policy.judge_name(&url).await
    }

    /// A call to be made.
    ///
    /// # Errors
    /// `Invalid` when it is no URL; whether it is allowed is judged by `send`.
    pub fn request(&self, method: Method, url: &str) -> Result<Outbound, EgressError> {
        let url = policy::parse(url)?;
        Ok(Outbound {
            egress: self.clone(),
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            limits: Limits::API,
            kept: false,
            broken: None,
        })
    }

    /// GET.
    ///
    /// # Errors
    /// As `request`.
    pub fn get(&self, url: &str) -> Result<Outbound, EgressError> {
        self.request(Method::GET, url)
    }

    /// POST.
    ///
    /// # Errors
    /// As `request`.
    pub fn post(&self, url: &str) -> Result<Outbound, EgressError> {
        self.request(Method::POST, url)
    }

    fn client(&self, verdict: Verdict, kept: bool) -> &reqwest::Client {
        let clients = if verdict == Verdict::Excepted { &self.0.excepted } else { &self.0.guarded };
        if kept { &clients.kept } else { &clients.fresh }
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Egress")
    }
}

/// A call being put together.
pub struct Outbound {
    egress: Egress,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    limits: Limits,
    kept: bool,
    broken: Option<EgressError>,
}

impl Outbound {
    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
            }
            _ => self.broken = Some(EgressError::Invalid { what: "a header cannot be sent" }),
        }
        self
    }

    /// `Authorization: Bearer …`; goes to no other origin than the first.
    #[must_use]
    pub fn bearer(mut self, token: &Secret<String>) -> Self {
        match HeaderValue::from_str(&format!("Bearer {}", token.expose())) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(header::AUTHORIZATION, value);
            }
            Err(_) => self.broken = Some(EgressError::Invalid { what: "the key cannot stand in a header" }),
        }
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.body(Bytes::from(bytes), "application/json"),
            Err(_) => {
                self.broken = Some(EgressError::Invalid { what: "the body is not JSON" });
                self
            }
        }
    }

    /// A body.
    #[must_use]
    pub fn body(mut self, bytes: Bytes, content_type: &str) -> Self {
        self.body = bytes;
        self.header("content-type", content_type)
    }

    /// Other limits than those of an API.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps the connection for later calls: only for hosts that staff chose, such as providers and the Bot API.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    /// Makes the call. Any HTTP status is an answer.
    ///
    /// # Errors
    /// See `EgressError`; `EgressError::was_not_sent` tells whether the other side can have acted.
    pub async fn send(mut self) -> Result<Answer, EgressError> {
        let deadline = Instant::now() + self.limits.total;
        let result = match self.broken.take() {
            Some(error) => Err(error),
            None => self.follow(deadline).await,
        };
        let outcome = result.as_ref().map_or_else(EgressError::label, |_| "answered");
        metrics::counter!("neipix_egress_calls_total", "outcome" => outcome).increment(1);
        result
    }

    async fn follow(mut self, deadline: Instant) -> Result<Answer, EgressError> {
        let mut hops = 0;
        loop {
            let response = self.hop(deadline).await?;
            let Some(location) = redirect(&response) else {
                let host = policy::host(&self.url);
                return Answer::new(response, self.limits, deadline, host);
            };
            if hops >= self.limits.redirects.min(REDIRECTS) {
                return Err(EgressError::Redirects { host: policy::host(&self.url) });
            }
            hops += 1;
            self.turn(response.status(), &location)?;
        }
    }

    async fn hop(&self, deadline: Instant) -> Result<reqwest::Response, EgressError> {
        let host = policy::host(&self.url);
        let verdict = self.egress.0.policy.judge(&self.url, self.limits.plain_http)?;
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        let until = deadline.min(Instant::now() + self.limits.first_byte);
        let call = self.egress.client(verdict, self.kept).execute(request);
        let response = match tokio::time::timeout_at(until, call).await {
            Err(_) => return Err(EgressError::Timeout { host, began: true }),
            Ok(Err(error)) => return Err(EgressError::of(error, host)),
            Ok(Ok(response)) => response,
        };
        // A belt beside the braces: whom we really talk to.
        match response.remote_addr() {
            Some(peer) if verdict != Verdict::Excepted && !self.egress.0.policy.may_reach(peer.ip()) => {
                Err(EgressError::Forbidden { host })
            }
            _ => Ok(response),
        }
    }

    /// Turns to where a redirect points. What was meant for the first origin stays there.
    fn turn(&mut self, status: http::StatusCode, location: &str) -> Result<(), EgressError> {
        let next = policy::join(&self.url, location)?;
        if self.url.scheme() == "https" && next.scheme() != "https" {
            return Err(EgressError::Forbidden { host: policy::host(&next) });
        }
        let keeps_method = matches!(status.as_u16(), 307 | 308) || matches!(self.method, Method::GET | Method::HEAD);
        if !keeps_method {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(header::CONTENT_TYPE);
        }
        if next.origin() != self.url.origin() {
            let kept = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE];
            self.headers = kept
                .into_iter()
                .filter_map(|name| self.headers.get(&name).cloned().map(|value| (name, value)))
                .collect();
            if !self.body.is_empty() {
                return Err(EgressError::Redirects { host: policy::host(&self.url) });
            }
        }
        self.url = next;
        Ok(())
    }
}

fn redirect(response: &reqwest::Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.headers().get(header::LOCATION)?.to_str().ok().map(str::to_owned)
}
