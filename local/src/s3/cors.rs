//! Lets the pages of this machine upload and download; everybody else's stay out.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

/// The headers that one answer gets.
#[derive(Debug)]
pub struct Headers {
    origin: Option<HeaderValue>,
    /// The request's list of headers, for the answer to a preflight.
    preflight: Option<HeaderValue>,
}

impl Headers {
    /// Reads what the browser asks.
    pub fn for_request(method: &Method, headers: &HeaderMap) -> Self {
        let origin = headers.get(ORIGIN).filter(|origin| origin.to_str().is_ok_and(is_local));
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let preflight = (method == Method::OPTIONS).then(|| asked.unwrap_or(HeaderValue::from_static("content-type")));
        Self { origin: origin.cloned(), preflight }
    }

    /// Whether the page may call at all.
    pub fn is_allowed(&self) -> bool {
        self.origin.is_some()
    }

    /// Adds them. No cookies are ever allowed: a request brings its own signature.
    pub fn add_to(self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = self.origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if let Some(asked) = self.preflight {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, PUT, POST"));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        } else {
            let seen = HeaderValue::from_static("etag, location, content-range, accept-ranges");
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, seen);
        }
    }
}

/// `localhost`, a name below it, or the loopback address, on any port.
pub fn is_local(origin: &str) -> bool {
    let Some((_, host)) = origin.split_once("://") else { return false };
    is_local_host(host)
}

/// The same for a `Host` header.
pub fn is_local_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "127.0.0.1" || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_let_in() {
        for origin in ["http://app.localhost:8080", "http://localhost", "http://127.0.0.1:5173"] {
            assert!(is_local(origin), "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://notlocalhost:80",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(!is_local(origin), "{origin}");
        }
    }
}
