use std::fs;

use super::*;

const APP: &str = "http://app.localhost:8080";

fn origins() -> Origins {
    let of = |name: &str| format!("http://{name}.localhost:8080");
    Origins {
        app: APP.into(),
        admin: of("admin"),
        api: of("api"),
        widget: of("widget"),
        files: of("files"),
        localhost_is_app: true,
    }
}

/// A build with two apps that can be told apart, and a secret beside it.
fn web() -> Web {
    let dir = tempfile::tempdir().unwrap();
    let built = dir.path().join("dist");
    for (name, text) in [
        ("app/index.html", "the app"),
        ("app/assets/a-1f.js", "app's script"),
        ("admin/index.html", "the panel"),
        ("widget/loader.js", "the loader"),
    ] {
        let path = built.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    Web::load(&built, Some("http://127.0.0.1:9000"), &origins()).unwrap()
}

fn ask(web: &Web, host: &str, path: &str) -> Option<Response> {
    let request = Request::builder().uri(path).header("host", host).header("accept", "text/html,*/*");
    answer(web, &origins(), &request.body(Body::empty()).unwrap())
}

async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn each_host_shows_its_own_app_at_every_path_that_is_a_page() {
    let web = web();
    for path in ["/", "/login", "/assistants/0190-a/knowledge", "/chats/", "/search/%D0%B0%D0%B1", "/login?next=/a.b"] {
        for (host, text) in [("app.localhost:8080", "the app"), ("admin.localhost:8080", "the panel")] {
            let response = ask(&web, host, path).unwrap_or_else(|| panic!("{host}{path}"));
            assert_eq!(response.status(), StatusCode::OK, "{host}{path}");
            assert_eq!(response.headers()["cache-control"], "no-cache", "{host}{path}");
            assert_eq!(body(response).await, text, "{host}{path}");
        }
    }
    for host in ["widget.localhost:8080", "files.localhost:8080", "evil.example"] {
        assert!(ask(&web, host, "/").is_none(), "{host}");
    }
    let loader = web.widget().and_then(|folder| folder.find("loader.js")).unwrap();
    assert_eq!(loader.text(), Some("the loader"));
}

#[test]
fn e_7_no_path_is_a_file_outside_the_build_or_a_page_that_can_be_read_in_two_ways() {
    // trust: E-7
    let web = web();
    for path in [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret%2etxt",
        "/admin/index.html",
        "/../admin/index.html",
        "/assets/%61-1f.js",
        "/assets//a-1f.js",
        "//evil",
        "//evil/login",
        "/login//x",
        "/%5cevil",
        "/a%2fb",
        "/a%00b",
        "/a%0ab",
        "/%ff",
        "/assets/a-1f.js/",
        "/dist/app/index.html",
    ] {
        assert!(ask(&web, "app.localhost:8080", path).is_none(), "{path}");
    }
}

#[test]
fn what_is_the_edges_own_or_a_missing_file_is_no_page() {
    let web = web();
    for path in [
        "/api",
        "/api/v1/nothing",
        "/API/v1/auth/me",
        "/openai/models",
        "/v1/key",
        "/f/key",
        "/webhooks/x",
        "/.well-known/x",
        "/metrics",
        "/assets/gone",
        "/assets/gone-1f.js",
        "/favicon.ico",
        "/neipix.auth.v1.AuthService/Login",
    ] {
        assert!(ask(&web, "app.localhost:8080", path).is_none(), "{path}");
    }
    let post = Request::builder().method("POST").uri("/login").header("host", "app.localhost:8080");
    assert!(answer(&web, &origins(), &post.body(Body::empty()).unwrap()).is_none());
}

#[test]
fn every_file_of_an_app_carries_the_policy_of_its_host() {
    let web = web();
    for (host, path, socket) in [
        ("app.localhost:8080", "/", "ws://app.localhost:8080"),
        ("app.localhost:8080", "/assets/a-1f.js", "ws://app.localhost:8080"),
        ("admin.localhost:8080", "/users", "ws://admin.localhost:8080"),
    ] {
        let response = ask(&web, host, path).unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(policy.contains(&format!("connect-src 'self' {socket} http://127.0.0.1:9000;")), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("referrer-policy"), "strict-origin-when-cross-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(header("reporting-endpoints"), format!("csp=\"{REPORTS_PATH}\""));
    }
}

#[test]
fn plain_localhost_leads_to_the_app_and_nowhere_else() {
    let web = web();
    let response = ask(&web, "localhost:8080", "/login?next=%2F%2Fevil").unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()["location"], format!("{APP}/login?next=%2F%2Fevil"));
    assert!(ask(&web, "localhost:8080", "//evil.example").is_none());
    assert_eq!(ask(&web, "localhost:8080", "/assets/a-1f.js").unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_host_without_its_app_says_how_to_build_it() {
    let web = Web::default();
    let response = ask(&web, "app.localhost:8080", "/login").unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(body(response).await.contains("make web"));
    // A program that asks for a path gets the API's own answer.
    let request = Request::builder().uri("/login").header("host", "app.localhost:8080");
    assert!(answer(&web, &origins(), &request.body(Body::empty()).unwrap()).is_none());
    let response = ask(&web, "api.localhost:8080", "/").unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(body(response).await.contains("/docs"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Web::load(Path::new("/nowhere/dist"), None, &origins()).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/dist is no folder"), "{error}");
}
