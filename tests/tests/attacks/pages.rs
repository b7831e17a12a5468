//! What the hosts of the apps serve beside the API: who may show it, what it may run, what is kept, and that no path leads
//! out of the build.

use std::{fs, net::SocketAddr};

use http::Method;
use neipix_local::testing::{self, TestProduct};
use neipix_tests::{
    client::{Anonymous, Answer, Rest, Surface},
    trust,
};
use serde_json::json;

use crate::raw::exchange;

const SCRIPT: &str = "/assets/index-3f2a9c1b.js";

/// A product that serves a build of two small apps.
struct Served {
    test: TestProduct,
    app: Rest<Anonymous>,
    panel: Rest<Anonymous>,
    _built: tempfile::TempDir,
}

impl Served {
    async fn start() -> Self {
        let built = tempfile::tempdir().unwrap();
        let (script, packed) = (format!("dist/app{SCRIPT}"), format!("dist/app{SCRIPT}.br"));
        for (name, text) in [
            ("secret.txt", "not of the build"),
            ("dist/app/index.html", "<!doctype html><title>The app</title>"),
            (script.as_str(), "console.info('plain')"),
            (packed.as_str(), "packed"),
            ("dist/admin/index.html", "<!doctype html><title>The panel</title>"),
        ] {
            let path = built.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let dist = built.path().join("dist");
        let test = testing::start(&[("WEB_DIR", dist.to_str().unwrap())]).await.expect("the product");
        let at = |surface| Rest::at(test.product.address, surface);
        let (app, panel) = (at(Surface::App), at(Surface::Admin));
        Self { test, app, panel, _built: built }
    }

    fn address(&self) -> SocketAddr {
        self.test.product.address
    }

    async fn end(self) {
        self.test.product.stop().await;
    }
}

fn is_page(answer: &Answer, title: &str) {
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{answer}");
    assert!(answer.text().contains(&format!("<title>{title}</title>")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w_4_app_and_panel_are_shown_in_nobodys_frame() {
    trust!("W-4");
    let served = Served::start().await;
    for host in [&served.app, &served.panel] {
        for path in ["/", "/login", "/chats/0190-a", "/index.html"] {
            let answer = host.get(path).await;
            assert_eq!(answer.status, 200, "{answer}");
            assert!(answer.header("content-security-policy").contains("; frame-ancestors 'none';"), "{answer}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{answer}");
            assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{answer}");
        }
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w_3_pages_run_their_own_scripts_only_and_tell_what_was_refused() {
    trust!("W-3");
    let served = Served::start().await;
    for (host, name) in [(&served.app, "app"), (&served.panel, "admin")] {
        let answer = host.get("/login").await;
        let policy = answer.header("content-security-policy");
        let own = format!("ws://{name}.localhost:{}", served.address().port());
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "base-uri 'none'",
            "object-src 'none'",
            "require-trusted-types-for 'script'",
            "report-to csp",
        ] {
            assert!(policy.split("; ").any(|found| found == part), "{part}: {policy}");
        }
        assert!(policy.contains(&format!("connect-src 'self' {own} http://127.0.0.1:")), "{policy}");
        for loose in ["unsafe", "*", "https:;", "strict-dynamic"] {
            assert!(!policy.contains(loose), "{loose}: {policy}");
        }
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(self)"),
            ("reporting-endpoints", "csp=\"/csp-reports\""),
            // Browsers would keep plain http from ever being asked again.
            ("strict-transport-security", ""),
        ] {
            assert_eq!(answer.header(header), value, "{answer}");
        }
    }
    let report =
        json!([{"type": "csp-violation", "body": {"effectiveDirective": "script-src-elem", "blockedURL": "inline"}}]);
    let send = async |kind: &str, body: String| {
        let sent = served.app.try_bytes(Method::POST, "/csp-reports", kind, Some(body.into_bytes())).await;
        sent.unwrap().status.as_u16()
    };
    assert_eq!(send("application/reports+json", report.to_string()).await, 204);
    assert_eq!(send("application/reports+json", "nonsense".into()).await, 400);
    assert_eq!(send("text/plain", report.to_string()).await, 415);
    assert_eq!(send("application/reports+json", "[".repeat(64 * 1024 + 1)).await, 413);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w_6_the_build_is_kept_and_nothing_of_a_person_is() {
    trust!("W-6");
    let served = Served::start().await;
    let page = served.app.get("/assistants/0190-a/knowledge").await;
    is_page(&page, "The app");
    assert_eq!(page.header("cache-control"), "no-cache", "{page}");
    let known = served.app.clone().with_header("if-none-match", page.header("etag")).get("/login").await;
    assert_eq!((known.status.as_u16(), known.text().as_str()), (304, ""), "{known}");
    assert!(known.header("content-security-policy").contains("script-src 'self'"), "{known}");
    let script = served.app.get(SCRIPT).await;
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable", "{script}");
    assert_eq!((script.header("content-encoding"), script.text().as_str()), ("", "console.info('plain')"));
    let packed = served.app.clone().with_header("accept-encoding", "gzip, br").get(SCRIPT).await;
    assert_eq!((packed.header("content-encoding"), packed.text().as_str()), ("br", "packed"), "{packed}");
    assert!(packed.header("vary").contains("accept-encoding"), "{packed}");
    assert_ne!(packed.header("etag"), script.header("etag"));
    let head = served.app.call(Method::HEAD, SCRIPT, None).await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.text().as_str()), (200, "21", ""), "{head}");
    for path in ["/api/v1/auth/me", "/assets/gone-1f.js", "/gone.png", "/api/nothing"] {
        let answer = served.app.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{answer}");
        assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_7_no_path_leads_out_of_the_build() {
    trust!("E-7", "O-2");
    let served = Served::start().await;
    is_page(&served.panel.get("/users").await, "The panel");
    let port = served.address().port();
    for path in [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/../admin/index.html",
        "/admin/index.html",
        "/dist/app/index.html",
        "/assets/index-3f2a9c1b.js.br",
        "/assets/index-3f2a9c1b.js%00.txt",
        "/secret.txt",
        "//evil.example",
        "//evil",
        "/%5cevil",
        "/a%0d%0aSet-Cookie:x=y",
        "/metrics",
        "/api/v1/messages",
        "/.well-known/nothing",
        "/API/v1/auth/me",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: app.localhost:{port}\r\nConnection: close\r\n\r\n");
        let reply = exchange(served.address(), &request).await;
        assert!([400, 404].contains(&reply.status), "{path}: {reply:?}");
        assert!(!reply.text.contains("not of the build") && !reply.text.contains("<title>"), "{path}: {reply:?}");
    }
    // Where an app has a page of the name, it is the app's, and nothing of the inside.
    for path in ["/mailbox", "/debug/pprof"] {
        is_page(&served.app.get(path).await, "The app");
    }
    let plain = served.app.clone().with_host(&format!("localhost:{port}")).get("/login?next=/chats").await;
    let location = format!("http://app.localhost:{port}/login?next=/chats");
    assert_eq!((plain.status.as_u16(), plain.header("location")), (307, location.as_str()), "{plain}");
    for host in ["widget.localhost", "files.localhost", "api.localhost", "evil.example"] {
        let answer = served.app.clone().with_host(&format!("{host}:{port}")).get("/login").await;
        answer.problem(404, "NOT_FOUND");
    }
    served.end().await;
}
