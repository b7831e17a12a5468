//! Values out of texts. Each answers nothing where the text breaks the key's rule.

use std::{net::SocketAddr, path::PathBuf, str::FromStr as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;
use zeroize::Zeroize as _;

use super::{AllowRule, Argon2Cost, Cidr, Environment, Keyring, LogFormat};
use crate::secret::Secret;

pub(super) fn environment(text: &str) -> Option<Environment> {
    match text {
        "local" => Some(Environment::Local),
        "test" => Some(Environment::Test),
        "production" => Some(Environment::Production),
        _ => None,
    }
}

pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "0" | "false" => Some(false),
        "1" | "true" => Some(true),
        _ => None,
    }
}

pub(super) fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "json" => Some(LogFormat::Json),
        "pretty" => Some(LogFormat::Pretty),
        _ => None,
    }
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.contains('\0')).then(|| PathBuf::from(text))
}

/// A folder, wherever the process was started.
pub(super) fn folder(text: &str) -> Option<PathBuf> {
    path(text).filter(|path| path.is_absolute())
}

pub(super) fn address(text: &str) -> Option<SocketAddr> {
    SocketAddr::from_str(text).ok()
}

pub(super) fn any(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn url_with(text: &str, schemes: &[&str]) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (schemes.contains(&url.scheme()) && url.host_str().is_some_and(|h| !h.is_empty())).then_some(url)
}

/// A database of a role: user, host and database stand in it.
pub(super) fn postgres(text: &str) -> Option<Secret<String>> {
    let url = Url::parse(text).ok()?;
    let scheme = ["postgres", "postgresql"].contains(&url.scheme());
    // A Unix socket stands in the query: ?host=/run/postgresql.
    let host = url.host_str().is_some_and(|h| !h.is_empty()) || url.query_pairs().any(|(k, _)| k == "host");
    (scheme && host && url.path().len() > 1).then(|| Secret::from(text))
}

/// Passwords that everybody tries first.
pub(super) fn weak_password(text: &str) -> bool {
    let Some(url) = Url::parse(text).ok() else { return false };
    url.password()
        .is_some_and(|p| p == url.username() || ["postgres", "password", "neipix", "neipix-local"].contains(&p))
}

pub(super) fn redis(text: &str) -> Option<Secret<String>> {
    let url = url_with(text, &["redis", "rediss"])?;
    let database = url.path().trim_start_matches('/');
    (database.is_empty() || database.parse::<u16>().is_ok()).then(|| Secret::from(text))
}

pub(super) fn smtp(text: &str) -> Option<Secret<String>> {
    url_with(text, &["smtp", "smtps"]).map(|_| Secret::from(text))
}

pub(super) fn http(text: &str) -> Option<String> {
    let url = url_with(text, &["http", "https"])?;
    (url.username().is_empty() && url.password().is_none()).then(|| text.trim_end_matches('/').to_owned())
}

/// `scheme://host[:port]` and no more, as browsers write it.
pub(super) fn origin(text: &str) -> Option<String> {
    let url = url_with(text, &["http", "https"])?;
    let origin = url.origin().ascii_serialization();
    (origin == text.trim_end_matches('/')).then_some(origin)
}

pub(super) fn bucket(text: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    ((3..=63).contains(&text.len()) && text.chars().all(good)).then(|| text.to_owned())
}

pub(super) fn secret(text: &str, least: usize) -> Option<Secret<String>> {
    (text.chars().count() >= least).then(|| Secret::from(text))
}

pub(super) fn mailbox(text: &str) -> Option<String> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let clean = !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;".contains(c));
    let no_lines = !text.chars().any(char::is_control);
    (clean && no_lines && !local.is_empty() && domain.contains('.')).then(|| text.to_owned())
}

pub(super) fn number(text: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    text.parse().ok().filter(|n| range.contains(n))
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// `host:port` with a port from 1.
fn host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|p| *p > 0)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>().is_ok();
    let name = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    (address || name).then(|| (bare.to_ascii_lowercase(), port))
}

pub(super) fn addresses(text: &str) -> Option<Vec<String>> {
    items(text).map(|item| host_port(item).map(|_| item.to_owned())).collect()
}

pub(super) fn ranges(text: &str) -> Option<Vec<Cidr>> {
    items(text).map(|item| item.parse().ok()).collect()
}

pub(super) fn allow(text: &str) -> Option<Vec<AllowRule>> {
    let one = |item: &str| match item.parse::<Cidr>() {
        Ok(range) => Some(AllowRule::Range(range)),
        Err(()) => host_port(item).map(|(host, port)| AllowRule::Host { host, port }),
    };
    items(text).map(one).collect()
}

pub(super) fn argon2(text: &str) -> Option<Argon2Cost> {
    let (mut memory, mut passes, mut lanes) = (None, None, None);
    for item in items(text) {
        let (name, value) = item.split_once('=')?;
        let slot = match name {
            "m" => &mut memory,
            "t" => &mut passes,
            "p" => &mut lanes,
            _ => return None,
        };
        if slot.replace(value.parse::<u32>().ok()?).is_some() {
            return None;
        }
    }
    let cost = Argon2Cost { memory_kib: memory?, passes: passes?, lanes: lanes? };
    let sane = (1..=16).contains(&cost.lanes)
        && (1..=64).contains(&cost.passes)
        && (8 * cost.lanes..=1 << 20).contains(&cost.memory_kib);
    sane.then_some(cost)
}

pub(super) fn keyring(text: &str) -> Option<Keyring> {
    let mut keys = vec![];
    for item in items(text) {
        let (kid, encoded) = item.split_once(':')?;
        let mut bytes = STANDARD.decode(encoded).ok()?;
        keys.push((kid.to_owned(), Secret::new(bytes.clone())));
        bytes.zeroize();
    }
    Keyring::new(keys)
}

/// Crash points are read by `crash`; here only the list's shape is checked.
pub(super) fn crashpoints(text: &str) -> Option<String> {
    crate::crash::parse(text).map(|_| text.to_owned())
}

pub(super) fn filter(text: &str) -> Option<String> {
    tracing_subscriber::EnvFilter::builder().parse(text).ok().map(|_| text.to_owned())
}
