//! Which URLs and addresses may be called.

use std::{io, net::IpAddr, sync::Arc};

use futures::future::BoxFuture;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use super::{
    EgressError,
    addresses::{is_forbidden, is_inside},
    error::ForbiddenAddress,
};
use crate::config::AllowRule;

/// Finds the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The machine's own resolver.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// How an allowed URL is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its addresses are judged at every connect.
    Guarded,
    /// EGRESS_ALLOW names it: its addresses are not judged.
    Excepted,
}

#[derive(Clone)]
pub(super) struct Policy {
    allow: Arc<[AllowRule]>,
    production: bool,
    lookup: Lookup,
}

/// Without the dot that ends a full name, and without brackets.
fn strip(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// Parses what a person wrote. Odd spellings of addresses (`2130706433`, `0x7f.1`, `①②⑦.0.0.1`) come out as what they are.
pub(super) fn parse(text: &str) -> Result<Url, EgressError> {
    let text = text.trim();
    if text.len() > 4096 {
        return Err(EgressError::Invalid { what: "a URL may have 4096 characters at most" });
    }
    let url = Url::parse(text).map_err(|_| EgressError::Invalid { what: "this is not a URL" })?;
    shape(url)
}

/// Where a redirect points.
pub(super) fn join(base: &Url, location: &str) -> Result<Url, EgressError> {
    let url = base.join(location).map_err(|_| EgressError::Invalid { what: "the redirect is not a URL" })?;
    shape(url)
}

fn shape(mut url: Url) -> Result<Url, EgressError> {
    if url.host_str().is_none_or(|host| strip(host).is_empty()) {
        return Err(EgressError::Invalid { what: "a URL needs a host" });
    }
    url.set_fragment(None);
    Ok(url)
}

/// The host, for logs and errors.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

impl Policy {
    pub(super) fn new(allow: Vec<AllowRule>, production: bool, lookup: Lookup) -> Self {
        Self { allow: allow.into(), production, lookup }
    }

    /// Judges a URL by its shape; a name's addresses are judged when it is connected.
    pub(super) fn judge(&self, url: &Url, plain_http: bool) -> Result<Verdict, EgressError> {
        let forbidden = || EgressError::Forbidden { host: host(url) };
        let name = strip(url.host_str().unwrap_or_default());
        let port = url.port_or_known_default().unwrap_or(0);
        if !["http", "https"].contains(&url.scheme()) || !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden());
        }
        let literal = name.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let named = self.allow.iter().any(|rule| match rule {
            AllowRule::Host { host, port: allowed } => same_host(host, &name, literal) && *allowed == port,
            AllowRule::Range(range) => literal.is_some_and(|address| range.contains(address)),
        });
        // In production an exception lifts the rules for scheme and port, never those for addresses.
        if named && !self.production {
            return Ok(Verdict::Excepted);
        }
        let secure = url.scheme() == "https" && [443, 8443].contains(&port);
        let plain = plain_http && url.scheme() == "http" && port == 80;
        if !(secure || plain || named) || is_inside(&name) {
            return Err(forbidden());
        }
        Ok(Verdict::Guarded)
    }

    /// Judges the addresses of a URL's name now.
    pub(super) async fn judge_name(&self, url: &Url) -> Result<(), EgressError> {
        let name = strip(url.host_str().unwrap_or_default());
        if name.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let found = (self.lookup)(name).await;
        let found = found.map_err(|e| EgressError::Unreachable { host: host(url), source: Some(Box::new(e)) })?;
        match found.as_slice() {
            [] => Err(EgressError::Unreachable { host: host(url), source: None }),
            found if found.iter().all(|address| self.may_reach(*address)) => Ok(()),
            _ => Err(EgressError::Forbidden { host: host(url) }),
        }
    }

    /// Whether an address may be talked to.
    pub(super) fn may_reach(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let excepted = !self.production
            && self.allow.iter().any(|rule| matches!(rule, AllowRule::Range(range) if range.contains(address)));
        excepted || !is_forbidden(address)
    }

    /// What reqwest asks at every connect to a name.
    pub(super) fn resolver(&self, judge: bool) -> Resolver {
        Resolver { policy: self.clone(), judge }
    }
}

fn same_host(rule: &str, name: &str, literal: Option<IpAddr>) -> bool {
    match (rule.parse::<IpAddr>(), literal) {
        (Ok(rule), Some(literal)) => rule.to_canonical() == literal,
        _ => rule == name,
    }
}

pub(super) struct Resolver {
    policy: Policy,
    judge: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, judge) = (self.policy.clone(), self.judge);
        Box::pin(async move {
            let found = (policy.lookup)(strip(name.as_str())).await?;
            // One forbidden address among good ones refuses all: which one is tried is not ours to choose.
            if judge && !found.iter().all(|address| policy.may_reach(*address)) {
                return Err(Box::new(ForbiddenAddress) as Box<dyn std::error::Error + Send + Sync>);
            }
            // Port 0 is replaced by the URL's.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| (address, 0).into()));
            Ok(addresses)
        })
    }
}
