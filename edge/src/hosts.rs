//! Which of our hosts a request came to, and what that host serves.

use http::{HeaderMap, header};
use neipix_proto::{Method, access::v1::Surface};

/// One of our hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// The customer's application.
    App,
    /// The staff's panel.
    Admin,
    /// Programs.
    Api,
    /// The web widget.
    Widget,
    /// Users' files.
    Files,
}

/// The configured origins, such as `https://app.example.com`.
#[derive(Debug, Clone)]
pub struct Origins {
    /// Of the application.
    pub app: String,
    /// Of the staff's panel.
    pub admin: String,
    /// Of the API.
    pub api: String,
    /// Of the widget.
    pub widget: String,
    /// Of users' files.
    pub files: String,
    /// Whether plain `localhost` is the application too.
    pub localhost_is_app: bool,
}

impl Origins {
    /// The site of a request's Host.
    #[must_use]
    pub fn site(&self, host: &str) -> Option<Site> {
        let host = host.to_ascii_lowercase();
        let of = |origin: &str| origin.split_once("://").is_some_and(|(_, h)| h.eq_ignore_ascii_case(&host));
        let found = [
            (&self.app, Site::App),
            (&self.admin, Site::Admin),
            (&self.api, Site::Api),
            (&self.widget, Site::Widget),
            (&self.files, Site::Files),
        ]
        .into_iter()
        .find(|(origin, _)| of(origin))
        .map(|(_, site)| site);
        let plain = host.split(':').next() == Some("localhost");
        found.or_else(|| (self.localhost_is_app && plain).then_some(Site::App))
    }

    /// The origin that pages of a site have.
    #[must_use]
    pub fn of(&self, site: Site) -> &str {
        match site {
            Site::App => &self.app,
            Site::Admin => &self.admin,
            Site::Api => &self.api,
            Site::Widget => &self.widget,
            Site::Files => &self.files,
        }
    }

    /// Whether a page of that origin is one of ours; exact, so `https://app.example.com.evil.tld` and `null` are not.
    #[must_use]
    pub fn ours(&self, origin: &str) -> bool {
        [&self.app, &self.admin, &self.api, &self.widget].into_iter().any(|own| own == origin)
    }
}

/// The request's host: HTTP/2's authority or the Host header.
#[must_use]
pub fn host_of<'a>(uri: &'a http::Uri, headers: &'a HeaderMap) -> &'a str {
    uri.authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST).and_then(|h| h.to_str().ok()))
        .unwrap_or_default()
}

impl Site {
    /// Whether browsers with our cookies come here.
    #[must_use]
    pub fn has_cookies(self) -> bool {
        matches!(self, Self::App | Self::Admin)
    }

    /// Whether this host serves an rpc: the staff's panel only its own and log-in, the others everything but that.
    #[must_use]
    pub fn serves(self, method: &Method) -> bool {
        let surface = match self {
            Self::App => Surface::App,
            Self::Admin => Surface::Admin,
            Self::Api => Surface::Api,
            Self::Widget => Surface::Widget,
            Self::Files => return false,
        };
        method.surfaces.contains(&surface)
    }

    /// Whether tokens of that audience are good here: staff's only on the panel, and only they.
    #[must_use]
    pub fn takes(self, audience: &str) -> bool {
        match self {
            Self::Admin => audience == "admin",
            Self::Files => false,
            Self::Widget => audience == "widget",
            Self::App | Self::Api => audience != "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            app: "http://app.localhost:8080".into(),
            admin: "http://admin.localhost:8080".into(),
            api: "http://api.localhost:8080".into(),
            widget: "http://widget.localhost:8080".into(),
            files: "http://files.localhost:8080".into(),
            localhost_is_app: true,
        }
    }

    #[test]
    fn e_19_only_exact_origins_are_ours() {
        let origins = origins();
        assert!(origins.ours("http://app.localhost:8080"));
        for foreign in
            ["http://app.localhost:8080.evil.tld", "null", "http://app.localhost", "https://app.localhost:8080"]
        {
            assert!(!origins.ours(foreign), "{foreign}");
        }
    }

    #[test]
    fn plain_localhost_is_the_application() {
        let origins = origins();
        assert_eq!(origins.site("localhost:8080"), Some(Site::App));
        assert_eq!(origins.site("ADMIN.localhost:8080"), Some(Site::Admin));
        assert_eq!(origins.site("evil.tld"), None);
    }
}
