//! The web apps: what was built is read once at the start and answered from memory. No request reaches the disk, so no
//! path can lead out of the folder.

mod files;
mod pages;
pub mod policy;
mod reports;

use std::path::Path;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};

pub use self::{
    files::{File, Folder, LoadError},
    reports::{PATH as REPORTS_PATH, Reports, take as take_reports},
};
use crate::hosts::{Origins, Site, host_of};

/// Where browsers send what a policy stopped.
#[must_use]
pub fn report_endpoints() -> HeaderValue {
    reports::endpoints()
}

/// First segments that belong to the edge itself or to nobody: an app's page never has them.
const RESERVED: [&str; 10] =
    ["api", "openai", "v1", "f", "webhooks", ".well-known", "assets", "metrics", "healthz", "readyz"];
/// What browsers learn of pages beside the policy. The edge's own headers (`nosniff`, HSTS …) come later.
const PAGE_HEADERS: [(&str, &str); 2] =
    [("referrer-policy", "strict-origin-when-cross-origin"), ("cross-origin-resource-policy", "same-origin")];

/// The apps, ready to be answered.
#[derive(Debug, Default)]
pub struct Web {
    app: Option<App>,
    admin: Option<App>,
    widget: Option<Folder>,
    /// What browsers refused by our policies.
    pub reports: Reports,
}

/// An app of pages and its policy.
#[derive(Debug)]
struct App {
    folder: Folder,
    policy: HeaderValue,
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    /// A file by its name in the app's folder.
    File(&'a str),
    /// A page that the app draws: any path that no file can have.
    Page,
    /// Nothing of the app.
    Nothing,
}

impl Web {
    /// Reads a folder with `app/`, `admin/` and `widget/`, as far as they are there. `storage` is the URL that browsers upload
    /// files to.
    ///
    /// # Errors
    /// A folder that is not there or cannot be read; files without bound.
    pub fn load(dir: &Path, storage: Option<&str>, origins: &Origins) -> Result<Self, LoadError> {
        if !dir.is_dir() {
            return Err(LoadError::missing(dir));
        }
        let storage = storage.and_then(policy::origin_of);
        let app = |name: &str, site: Site| -> Result<Option<App>, LoadError> {
            let Some(folder) = Folder::load(&dir.join(name))? else { return Ok(None) };
            let text = policy::of_app(origins, site, storage.as_deref());
            let policy = HeaderValue::from_str(&text).map_err(|_| LoadError::policy(&text))?;
            Ok(Some(App { folder, policy }))
        };
        Ok(Self {
            app: app("app", Site::App)?,
            admin: app("admin", Site::Admin)?,
            widget: Folder::load(&dir.join("widget"))?,
            reports: Reports::default(),
        })
    }

    /// The widget's built files, for the hosts that make its loader and frame of them.
    #[must_use]
    pub fn widget(&self) -> Option<&Folder> {
        self.widget.as_ref()
    }

    fn app(&self, site: Site) -> Option<&App> {
        match site {
            Site::App => self.app.as_ref(),
            Site::Admin => self.admin.as_ref(),
            Site::Api | Site::Widget | Site::Files => None,
        }
    }
}

/// The answer to a request that asks for something of an app; none where it is for the API.
#[must_use]
pub fn answer(web: &Web, origins: &Origins, request: &Request<Body>) -> Option<Response> {
    let (method, headers) = (request.method(), request.headers());
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let host = host_of(request.uri(), headers);
    let site = origins.site(host)?;
    let path = request.uri().path();
    if site == Site::Api {
        return (path == "/").then(pages::api);
    }
    if !site.has_cookies() {
        return None;
    }
    let asked = asked(path);
    let Some(app) = web.app(site) else {
        // Programs that look for a path get the API's answer; a person learns what to do.
        return (asked == Asked::Page && takes_html(headers)).then(|| pages::not_built(site));
    };
    let file = match asked {
        Asked::File(name) => app.folder.find(name)?,
        Asked::Page => {
            if let Some(own) = elsewhere(origins, site, host, request.uri()) {
                return Some(own);
            }
            let Some(index) = app.folder.find("index.html") else { return Some(pages::not_built(site)) };
            index
        }
        Asked::Nothing => return None,
    };
    let mut response = file.answer(method, headers);
    dress(response.headers_mut(), app);
    Some(response)
}

/// Policy and headers of a page; scripts and workers carry them too, since a worker obeys its own file's.
fn dress(headers: &mut HeaderMap, app: &App) {
    headers.insert(header::CONTENT_SECURITY_POLICY, app.policy.clone());
    headers.insert(HeaderName::from_static("reporting-endpoints"), reports::endpoints());
    for (name, value) in PAGE_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// Plain `localhost` is the app for whoever types it, but sockets and cookies know the app by its origin: pages move there.
fn elsewhere(origins: &Origins, site: Site, host: &str, uri: &Uri) -> Option<Response> {
    let own = origins.of(site);
    if own.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host)) {
        return None;
    }
    let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
    let location = HeaderValue::from_str(&format!("{own}{rest}")).ok()?;
    Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}

fn takes_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).is_some_and(|a| a.contains("text/html"))
}

fn asked(path: &str) -> Asked<'_> {
    let Some(name) = path.strip_prefix('/') else { return Asked::Nothing };
    if name.contains('.') {
        return Asked::File(name);
    }
    let first = name.split('/').next().unwrap_or_default();
    if RESERVED.iter().any(|own| first.eq_ignore_ascii_case(own)) || !is_page(name) {
        return Asked::Nothing;
    }
    Asked::Page
}

/// Whether a router of an app can read a path only one way: no empty segment but the last, nothing that stands for a dot, a
/// slash or a control character.
fn is_page(name: &str) -> bool {
    let whole = name.strip_suffix('/').unwrap_or(name);
    let clean = |segment: &str| {
        let Ok(text) = percent_encoding::percent_decode_str(segment).decode_utf8() else { return false };
        !text.is_empty() && !text.chars().any(|c| matches!(c, '.' | '/' | '\\') || c.is_control())
    };
    name.is_empty() || whole.split('/').all(clean)
}

#[cfg(test)]
mod tests;
