//! The embedded S3, by the client library that the product uses and by plain forms.

use neipix_local::s3::S3;
use neipix_local::secrets::Secrets;
use neipix_local::settings::Settings;
use s3::creds::Credentials;
use s3::post_policy::{PostPolicy, PostPolicyField, PostPolicyValue};
use s3::{Bucket, Region};

struct Running {
    server: S3,
    bucket: Box<Bucket>,
    http: reqwest::Client,
    _dir: tempfile::TempDir,
}

async fn start() -> Running {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let secrets = Secrets::open(dir.path()).unwrap();
    let server = S3::start(&dir.path().join("s3"), 0, &secrets).await.unwrap();
    let mut settings = Settings::default();
    server.add_to(&mut settings);
    let get = |name| settings.get(name).unwrap();
    let region = Region::Custom { region: "us-east-1".into(), endpoint: get("S3_ENDPOINT").into() };
    let keys = Credentials::new(Some(get("S3_ACCESS_KEY")), Some(get("S3_SECRET_KEY")), None, None, None).unwrap();
    let bucket = Bucket::new(get("S3_BUCKET"), region, keys).unwrap().with_path_style();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    Running { server, bucket, http, _dir: dir }
}

#[tokio::test]
async fn an_object_is_put_read_listed_and_deleted() {
    let s3 = start().await;
    s3.bucket.put_object("/a/b", "привет".as_bytes()).await.unwrap();
    assert_eq!(s3.bucket.get_object("/a/b").await.unwrap().to_string().unwrap(), "привет");
    assert_eq!(s3.bucket.get_object_range("/a/b", 0, Some(1)).await.unwrap().bytes().len(), 2);
    let listed = s3.bucket.list("a/".into(), None).await.unwrap();
    assert_eq!(listed[0].contents[0].key, "a/b");
    s3.bucket.delete_object("/a/b").await.unwrap();
    assert!(s3.bucket.get_object("/a/b").await.is_err());
    s3.server.stop().await;
}

#[tokio::test]
async fn strangers_and_forged_signatures_are_refused() {
    let s3 = start().await;
    s3.bucket.put_object("/secret", b"x").await.unwrap();
    let address = format!("{}/secret", s3.bucket.url());
    assert_eq!(s3.http.get(&address).send().await.unwrap().status(), 403);
    let good = s3.bucket.presign_get("/secret", 60, None).await.unwrap();
    assert_eq!(s3.http.get(&good).send().await.unwrap().text().await.unwrap(), "x");
    let forged = good.replace("/secret?", "/other?");
    assert_eq!(s3.http.get(&forged).send().await.unwrap().status(), 403);
}

/// Fills in a signed form for `key` that allows up to `limit` bytes, and sends `size` of them.
async fn post(s3: &Running, key: &str, limit: u32, size: usize) -> reqwest::Response {
    let policy = PostPolicy::new(60)
        .condition(PostPolicyField::Key, PostPolicyValue::Exact("uploads/1".into()))
        .unwrap()
        .condition(PostPolicyField::ContentLengthRange, PostPolicyValue::Range(1, limit))
        .unwrap();
    let signed = s3.bucket.presign_post(policy).await.unwrap();
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in signed.fields {
        let value = if name == "key" { key.to_owned() } else { value };
        form = form.text(name, value);
    }
    let file = reqwest::multipart::Part::bytes(vec![b'x'; size]).file_name("f.txt");
    let request = s3.http.post(&signed.url).multipart(form.part("file", file));
    request.header("origin", "http://app.localhost:8080").send().await.unwrap()
}

#[tokio::test]
async fn a_signed_form_uploads_up_to_its_limit_and_not_a_byte_more() {
    let s3 = start().await;
    let good = post(&s3, "uploads/1", 1000, 1000).await;
    assert!(good.status().is_success(), "{}", good.text().await.unwrap());
    assert_eq!(good.headers()["access-control-allow-origin"], "http://app.localhost:8080");
    assert_eq!(s3.bucket.get_object("uploads/1").await.unwrap().bytes().len(), 1000);
    s3.bucket.delete_object("uploads/1").await.unwrap();
    let large = post(&s3, "uploads/1", 1000, 1001).await;
    assert!(large.status().is_client_error(), "{}", large.status());
    let elsewhere = post(&s3, "uploads/2", 1000, 10).await;
    assert!(elsewhere.status().is_client_error(), "{}", elsewhere.status());
    for key in ["uploads/1", "uploads/2"] {
        assert!(s3.bucket.get_object(key).await.is_err(), "{key} was stored");
    }
}

#[tokio::test]
async fn a_preflight_lets_our_pages_in_and_no_others() {
    let s3 = start().await;
    let preflight = async |origin: &str| {
        let request = s3.http.request(reqwest::Method::OPTIONS, s3.bucket.url()).header("origin", origin);
        let request = request.header("access-control-request-method", "PUT");
        request.header("access-control-request-headers", "content-type,x-amz-acl").send().await.unwrap()
    };
    let ours = preflight("http://app.localhost:8080").await;
    assert_eq!(ours.status(), 204);
    assert_eq!(ours.headers()["access-control-allow-origin"], "http://app.localhost:8080");
    assert_eq!(ours.headers()["access-control-allow-headers"], "content-type,x-amz-acl");
    assert!(!ours.headers().contains_key("access-control-allow-credentials"));
    let theirs = preflight("https://evil.example").await;
    assert_eq!(theirs.status(), 403);
    assert!(!theirs.headers().contains_key("access-control-allow-origin"));
}
