use http::HeaderName;

use super::*;

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let folder = Folder::load(dir.path()).unwrap().unwrap();
    (dir, folder)
}

fn get(file: &File, headers: &[(HeaderName, &str)]) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
    file.answer(&Method::GET, &headers)
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn hashed_files_are_kept_for_a_year_and_others_are_asked_for_again() {
    let (_dir, folder) = folder(&[("index.html", "<p>"), ("assets/a-1f.js", "1"), ("favicon.svg", "<svg/>")]);
    for (name, kind, cache) in [
        ("index.html", "text/html; charset=utf-8", "no-cache"),
        ("assets/a-1f.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("favicon.svg", "image/svg+xml", "no-cache"),
    ] {
        let response = get(folder.find(name).unwrap(), &[]);
        assert_eq!((header(&response, "content-type"), header(&response, "cache-control")), (kind, cache), "{name}");
        assert_eq!(header(&response, "vary"), "accept-encoding", "{name}");
        assert_eq!(header(&response, "content-encoding"), "", "{name}");
    }
    let response = get(folder.find("assets/a-1f.js").unwrap(), &[]);
    assert_eq!(header(&response, "content-length"), "1");
    assert_eq!(body(response).await, "1");
}

#[tokio::test]
async fn a_browser_that_has_the_file_gets_no_second_copy() {
    let (_dir, folder) = folder(&[("index.html", "<p>")]);
    let file = folder.find("index.html").unwrap();
    let tag = header(&get(file, &[]), "etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let response = get(file, &[(header::IF_NONE_MATCH, &known)]);
        assert_eq!((response.status(), header(&response, "etag")), (StatusCode::NOT_MODIFIED, tag.as_str()), "{known}");
        assert_eq!(
            (header(&response, "cache-control"), header(&response, "content-type")),
            ("no-cache", ""),
            "{known}"
        );
        assert_eq!(body(response).await, "");
    }
    let response = get(file, &[(header::IF_NONE_MATCH, "\"other\"")]);
    assert_eq!((response.status(), body(response).await.as_str()), (StatusCode::OK, "<p>"));
}

#[tokio::test]
async fn a_packed_copy_goes_to_whoever_takes_it_and_has_a_tag_of_its_own() {
    let (_dir, folder) = folder(&[("assets/a-1f.css", "plain"), ("assets/a-1f.css.br", "packed"), ("alone.br", "x")]);
    let file = folder.find("assets/a-1f.css").unwrap();
    let plain_tag = header(&get(file, &[]), "etag").to_owned();
    for (accepted, packed) in [
        ("br", true),
        ("gzip, deflate, BR;q=0.5", true),
        ("gzip", false),
        ("br;q=0, gzip", false),
        ("*", false),
        ("brotli", false),
        ("br;q=nonsense", false),
    ] {
        let response = get(file, &[(header::ACCEPT_ENCODING, accepted)]);
        assert_eq!(header(&response, "content-encoding"), if packed { "br" } else { "" }, "{accepted}");
        assert_eq!(header(&response, "etag") == plain_tag, !packed, "{accepted}");
        assert_eq!(header(&response, "content-type"), "text/css; charset=utf-8", "{accepted}");
        assert_eq!(body(response).await, if packed { "packed" } else { "plain" }, "{accepted}");
    }
    for hidden in ["assets/a-1f.css.br", "alone.br"] {
        assert!(folder.find(hidden).is_none(), "{hidden}");
    }
}

#[tokio::test]
async fn a_packed_copy_of_an_older_build_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("index.html.br"), "old").unwrap();
    let index = fs::File::create(dir.path().join("index.html")).unwrap();
    index.set_modified(SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
    let folder = Folder::load(dir.path()).unwrap().unwrap();
    let response = get(folder.find("index.html").unwrap(), &[(header::ACCEPT_ENCODING, "br")]);
    assert_eq!(header(&response, "content-encoding"), "");
}

#[tokio::test]
async fn a_question_for_the_head_tells_the_length_and_sends_nothing() {
    let (_dir, folder) = folder(&[("index.html", "<p>hello")]);
    let response = folder.find("index.html").unwrap().answer(&Method::HEAD, &HeaderMap::new());
    assert_eq!((response.status(), header(&response, "content-length")), (StatusCode::OK, "8"));
    assert_eq!(body(response).await, "");
}

#[test]
fn what_is_hidden_linked_or_a_source_map_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let (outside, built) = (dir.path().join("secret.txt"), dir.path().join("app"));
    fs::create_dir_all(built.join("assets")).unwrap();
    fs::write(&outside, "secret").unwrap();
    for name in [".env", "assets/a.js.map", "assets/a.js"] {
        fs::write(built.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink(&outside, built.join("linked.txt")).unwrap();
    std::os::unix::fs::symlink(dir.path(), built.join("up")).unwrap();
    let folder = Folder::load(&built).unwrap().unwrap();
    assert_eq!(folder.0.keys().collect::<Vec<_>>(), ["assets/a.js"]);
    std::os::unix::fs::symlink(&built, dir.path().join("link")).unwrap();
    assert!(Folder::load(&dir.path().join("link")).unwrap().is_none());
    assert!(Folder::load(&dir.path().join("nothing")).unwrap().is_none());
}

#[test]
fn a_file_beyond_all_measure_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::File::create(dir.path().join("huge.bin")).unwrap().set_len(FILE_MOST + 1).unwrap();
    let error = Folder::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("huge.bin files have at most 16 MiB"), "{error}");
}
