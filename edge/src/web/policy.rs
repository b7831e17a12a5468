//! Content-Security-Policy of our pages.

use http::Uri;

use crate::hosts::{Origins, Site};

/// Of app and admin. `storage` is the origin that browsers upload files to.
#[must_use]
pub fn of_app(origins: &Origins, site: Site, storage: Option<&str>) -> String {
    let own = socket_of(origins.of(site));
    let connect: Vec<&str> = std::iter::once(own.as_str()).chain(storage).collect();
    policy(origins, &connect, "'none'")
}

/// Of the widget's frame; `ancestors` are the sites that may show it, as `frame-ancestors` wants them. None: nobody may.
#[must_use]
pub fn of_frame(origins: &Origins, storage: Option<&str>, ancestors: &[String]) -> String {
    let own = socket_of(&origins.widget);
    let connect: Vec<&str> = std::iter::once(own.as_str()).chain(storage).collect();
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    policy(origins, &connect, &ancestors)
}

/// `https://files.example` of `https://files.example/bucket`.
#[must_use]
pub fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// Not every browser counts a socket to the own host as `'self'`.
fn socket_of(origin: &str) -> String {
    origin.replacen("http", "ws", 1)
}

fn policy(origins: &Origins, connect: &[&str], ancestors: &str) -> String {
    let (files, widget, connect) = (&origins.files, &origins.widget, connect.join(" "));
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        &format!("img-src 'self' data: blob: {files}"),
        "font-src 'self'",
        &format!("connect-src 'self' {connect}"),
        &format!("media-src 'self' blob: {files}"),
        &format!("frame-src {widget}"),
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
        &format!("frame-ancestors {ancestors}"),
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
        "report-to csp",
    ]
    .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            app: "https://app.neipix.example".into(),
            admin: "https://admin.neipix.example".into(),
            api: "https://api.neipix.example".into(),
            widget: "https://widget.example".into(),
            files: "https://files.example".into(),
            localhost_is_app: false,
        }
    }

    #[test]
    fn the_apps_policy_is_the_specified_one() {
        let storage = origin_of("https://s3.example:9000/bucket");
        assert_eq!(
            of_app(&origins(), Site::Admin, storage.as_deref()),
            "default-src 'none'; script-src 'self'; style-src 'self'; \
             img-src 'self' data: blob: https://files.example; font-src 'self'; \
             connect-src 'self' wss://admin.neipix.example https://s3.example:9000; \
             media-src 'self' blob: https://files.example; frame-src https://widget.example; worker-src 'self'; \
             manifest-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types dompurify; report-to csp"
        );
    }

    #[test]
    fn a_frame_is_shown_by_listed_sites_only() {
        let listed = ["https://shop.example".to_owned(), "https://*.shop.example".to_owned()];
        let policy = of_frame(&origins(), None, &listed);
        assert!(policy.contains("connect-src 'self' wss://widget.example;"), "{policy}");
        assert!(policy.contains("frame-ancestors https://shop.example https://*.shop.example;"), "{policy}");
        assert!(of_frame(&origins(), None, &[]).contains("frame-ancestors 'none';"));
    }
}
