//! The widget's host: the loader that sites include, the frame that they show, and which sites may call its API.
//!
//! What is made here for a key comes from svc-chats and is remembered for a few seconds. Everything else is the service's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use neipix_mesh::{Failure, client::Mesh, failure::read_status};
use neipix_proto::{
    access::v1::ErrorReason,
    chats::v1::{GetWidgetPageRequest, WidgetPage, widget_service_client::WidgetServiceClient},
};
use serde_json::json;

use crate::{
    hosts::{Site, host_of},
    incoming::Incoming,
    problem::{self, Frame},
    state::Edge,
    web::policy,
};

/// Largest body of a visitor's call, in bytes.
pub const BODY_MOST: usize = 20 * 1024;
/// What the built pages hold in place of their widget's settings.
const PLACEHOLDER: &str = "__NEIPIX_WIDGET_CONFIG__";
/// How long a key's page is remembered.
const GOOD_FOR: Duration = Duration::from_secs(3);
/// Keys that are remembered, unknown ones too.
const MOST: usize = 20_000;
/// Longest key that is asked about.
const KEY_MOST: usize = 64;
/// The widget's API.
const API: &str = "/api/v1/widget/";

/// When a key was asked about, and what was answered.
type Known = (Instant, Option<Arc<WidgetPage>>);

/// What is known of keys.
#[derive(Debug, Default)]
pub struct Pages(Mutex<HashMap<String, Known>>);

impl Pages {
    /// The page of a key; none where there is no such widget.
    ///
    /// # Errors
    /// What svc-chats says.
    pub async fn get(&self, mesh: &Mesh, key: &str) -> Result<Option<Arc<WidgetPage>>, Failure> {
        if key.is_empty() || key.len() > KEY_MOST || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Ok(None);
        }
        if let Some(known) = self.known(key) {
            return Ok(known);
        }
        let request = GetWidgetPageRequest { workspace_id: String::new(), key: key.to_owned() };
        let mut chats = WidgetServiceClient::new(mesh.background("svc-chats"));
        let page = match chats.get_widget_page(request).await {
            Ok(page) => Some(Arc::new(page.into_inner())),
            Err(status) if read_status(&status).is(ErrorReason::NotFound) => None,
            Err(status) => return Err(status.into()),
        };
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= MOST {
            pages.clear();
        }
        pages.insert(key.to_owned(), (Instant::now(), page.clone()));
        Ok(page)
    }

    fn known(&self, key: &str) -> Option<Option<Arc<WidgetPage>>> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.get(key).filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, page)| page.clone())
    }
}

/// What a path of the widget's host asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    /// The loader of a key.
    Loader(&'a str),
    /// The frame of a key.
    Frame(&'a str),
    /// A built file.
    File(&'a str),
}

fn asked(path: &str) -> Option<Asked<'_>> {
    if let Some(key) = path.strip_prefix("/v1/").and_then(|rest| rest.strip_suffix(".js")) {
        return Some(Asked::Loader(key));
    }
    if let Some(key) = path.strip_prefix("/f/") {
        return Some(Asked::Frame(key));
    }
    path.strip_prefix('/').filter(|name| name.starts_with("assets/")).map(Asked::File)
}

/// The answer to a request for a page of the widget's host; none where it is for the API.
pub async fn answer(edge: &Edge, request: &Parts) -> Option<Response> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return None;
    }
    if edge.origins.site(host_of(&request.uri, &request.headers)) != Some(Site::Widget) {
        return None;
    }
    let asked = asked(request.uri.path())?;
    let answered = match asked {
        Asked::File(name) => {
            let file = edge.web.widget().and_then(|folder| folder.find(name));
            file.map(|file| embeddable(file.answer(&request.method, &request.headers))).ok_or_else(Failure::not_found)
        }
        Asked::Loader(key) => loader(edge, key).await,
        Asked::Frame(key) => frame(edge, key).await,
    };
    Some(match answered {
        Ok(response) if request.method == Method::HEAD => without_body(response),
        Ok(response) => response,
        Err(failure) => refused(edge, failure, request),
    })
}

fn refused(edge: &Edge, failure: Failure, request: &Parts) -> Response {
    let trace = request.headers.get("traceparent").and_then(|v| v.to_str().ok()).and_then(|t| t.get(3..35));
    let frame = Frame { api_origin: &edge.origins.api, trace_id: trace.unwrap_or_default() };
    problem::of_failure(failure, &frame)
}

fn without_body(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, Body::empty())
}

/// Hosts that isolate themselves take a frame and its scripts only with these.
fn embeddable(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in
        [("cross-origin-resource-policy", "cross-origin"), ("cross-origin-embedder-policy", "require-corp")]
    {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// The built text of a page with the settings of its key.
fn filled(edge: &Edge, file: &str, config: &serde_json::Value) -> Result<String, Failure> {
    let built = edge.web.widget().and_then(|folder| folder.find(file)).and_then(|file| file.text());
    let built = built.ok_or_else(|| Failure::unavailable("the widget is not built: run `make web`"))?;
    Ok(built.replacen(PLACEHOLDER, &inert(config), 1))
}

/// JSON that stands in a page or a script and ends neither.
fn inert(config: &serde_json::Value) -> String {
    let text = config.to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn public_part(page: &WidgetPage) -> serde_json::Value {
    json!({
        "key": page.key,
        "locale": page.locale,
        "title": page.title,
        "greeting": page.greeting,
        "accent": page.accent,
        "side": page.side,
        "scheme": page.scheme,
        "requireIdentity": page.require_identity,
    })
}

async fn loader(edge: &Edge, key: &str) -> Result<Response, Failure> {
    let page = edge.widgets.get(&edge.mesh, key).await?.ok_or_else(Failure::not_found)?;
    let text = filled(edge, "loader.js", &public_part(&page))?;
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300, stale-while-revalidate=86400"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    Ok((StatusCode::OK, headers, text).into_response())
}

async fn frame(edge: &Edge, key: &str) -> Result<Response, Failure> {
    let page = edge.widgets.get(&edge.mesh, key).await?.ok_or_else(Failure::not_found)?;
    let mut config = public_part(&page);
    config["origins"] = json!(page.origins);
    let text = filled(edge, "index.html", &config)?;
    let policy = policy::of_frame(&edge.origins, None, &page.origins);
    let policy = HeaderValue::from_str(&policy).map_err(Failure::internal)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("reporting-endpoints"), crate::web::report_endpoints()),
    ];
    Ok(embeddable((StatusCode::OK, headers, text).into_response()))
}

/// The key of a path of the widget's API.
#[must_use]
pub fn key_of(path: &str) -> Option<&str> {
    path.strip_prefix(API)?.split('/').next().filter(|key| !key.is_empty())
}

/// Whether scripts of a page may read the API's answers for this key: our own frame's, and those of the listed sites. A page
/// that is not listed learns nothing, not even that.
pub async fn may_read(edge: &Edge, path: &str, origin: &HeaderValue) -> bool {
    let (Some(key), Ok(origin)) = (key_of(path), origin.to_str()) else { return false };
    if origin == edge.origins.widget {
        return true;
    }
    match edge.widgets.get(&edge.mesh, key).await {
        Ok(Some(page)) => page.origins.iter().any(|entry| covers(entry, origin)),
        Ok(None) | Err(_) => false,
    }
}

/// Whether a listed entry stands for an origin: itself, or with a star every name below it.
fn covers(entry: &str, origin: &str) -> bool {
    let Some((scheme, place)) = entry.split_once("://*.") else { return entry == origin };
    let Some((from, host)) = origin.split_once("://") else { return false };
    from == scheme
        && host.strip_suffix(place).and_then(|left| left.strip_suffix('.')).is_some_and(|left| {
            left.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
            })
        })
}

/// What a page of another site may send and read, and how long its browser remembers that.
pub fn allow(headers: &mut HeaderMap, origin: &HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("retry-after, traceparent, x-request-id"),
    );
    if preflight {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, last-event-id, x-request-id"),
        );
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
}

/// The most that a body may have on the host that a request came to.
#[must_use]
pub fn body_most(incoming: &Incoming) -> usize {
    if incoming.site == Some(Site::Widget) { BODY_MOST } else { crate::incoming::BODY_MOST }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_widgets_host() {
        assert_eq!(asked("/v1/wk_1.js"), Some(Asked::Loader("wk_1")));
        assert_eq!(asked("/f/wk_1"), Some(Asked::Frame("wk_1")));
        assert_eq!(asked("/assets/a-1.js"), Some(Asked::File("assets/a-1.js")));
        for other in ["/", "/index.html", "/loader.js", "/v1/wk_1", "/api/v1/widget/wk_1/messages"] {
            assert_eq!(asked(other), None, "{other}");
        }
        assert_eq!(key_of("/api/v1/widget/wk_1/messages"), Some("wk_1"));
        assert_eq!(key_of("/api/v1/widget/"), None);
        assert_eq!(key_of("/api/v1/chats"), None);
    }

    #[test]
    fn w_3_a_widgets_words_end_neither_page_nor_script() {
        // trust: W-3
        let text = inert(&json!({"title": "</script><script>alert(1)</script>\u{2028}<!--"}));
        assert!(!text.contains('<') && !text.contains('>') && !text.contains('\u{2028}'), "{text}");
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["title"], "</script><script>alert(1)</script>\u{2028}<!--");
    }

    #[test]
    fn w_4_only_listed_sites_are_covered() {
        // trust: W-4
        assert!(covers("https://shop.ru", "https://shop.ru") && covers("https://*.shop.ru", "https://a.b.shop.ru"));
        for foreign in
            ["https://shop.ru", "https://evilshop.ru", "http://a.shop.ru", "https://shop.ru.evil.tld", "null"]
        {
            assert!(!covers("https://*.shop.ru", foreign), "{foreign}");
        }
    }
}
