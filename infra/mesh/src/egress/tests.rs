use std::{
    error::Error as _,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use http::StatusCode;

use super::*;
use crate::{shutdown::Shutdown, tasks::Tasks};

/// A server on a free port that remembers what it was asked.
struct StandIn {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(Method, HeaderMap, Bytes)>>>,
    shutdown: Shutdown,
}

impl StandIn {
    async fn start(answer: impl Fn(&str) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(vec![]));
        let memory = seen.clone();
        let handler = move |request: Request| {
            let (memory, answer) = (memory.clone(), answer.clone());
            async move {
                let path = request.uri().path().to_owned();
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                memory.lock().unwrap().push((parts.method, parts.headers, body));
                answer(&path)
            }
        };
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        Tasks::new().spawn("stand-in", async move {
            let app = Router::new().fallback(any(handler));
            axum::serve(listener, app).with_graceful_shutdown(async move { stop.wait().await }).await.unwrap();
        });
        Self { address, seen, shutdown }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn hits(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

fn egress(allow: &[&StandIn]) -> Egress {
    let list: Vec<String> = allow.iter().map(|s| s.address.to_string()).collect();
    Egress::new(&Settings::from_pairs("test", [("EGRESS_ALLOW", list.join(","))]).unwrap()).unwrap()
}

/// An egress whose names resolve to each list in turn, the last one again and again.
fn egress_with_names(lists: &'static [&'static [&'static str]]) -> Egress {
    let asked = Arc::new(AtomicUsize::new(0));
    let lookup: Lookup = Arc::new(move |_| {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(lists.len() - 1);
        Box::pin(async move { Ok(lists[turn].iter().map(|a| a.parse().unwrap()).collect()) })
    });
    Egress::with_lookup(&Settings::from_pairs("test", [("", ""); 0]).unwrap(), lookup).unwrap()
}

fn answer(status: u16, header: (&str, &str), body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(header.0, header.1).body(body.into()).unwrap()
}

fn to(location: &str) -> Response {
    answer(302, ("location", location), Body::empty())
}

fn ok() -> Response {
    answer(200, ("x-a", "b"), "fine")
}

#[tokio::test]
async fn k_8_urls_that_lead_inside_are_refused_however_they_are_spelt() {
    // trust: K-8
    let egress = egress(&[]);
    for url in [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://①②⑦.0.0.1/",
        "https://127.0.0.1./",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/",
        "https://168.63.129.16/",
        "https://0/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://redis/",
        "https://db.internal/",
        "https://user:pass@93.184.216.34/",
        "https://93.184.216.34:22/",
        "http://93.184.216.34/",
        "ftp://93.184.216.34/",
        "gopher://93.184.216.34/",
    ] {
        let sent = egress.post(url).unwrap().send().await.unwrap_err();
        assert!(matches!(sent, EgressError::Forbidden { .. }), "{url}: {sent:?}");
        assert!(sent.was_not_sent());
        let saved = egress.check(url, Limits::API).await.unwrap_err();
        assert!(matches!(saved, EgressError::Forbidden { .. }), "{url} may be saved: {saved:?}");
    }
    for url in ["", "no url", "file:///etc/passwd", "https://", "data:text/plain,x", "unix:/run/x.sock"] {
        let error = egress.get(url).map(drop).unwrap_err();
        assert!(matches!(error, EgressError::Invalid { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn k_8_a_name_that_leads_inside_or_changes_its_mind_is_refused_at_the_connect() {
    // trust: K-8
    const INSIDE: [&[&[&str]]; 3] =
        [&[&["10.0.0.7"]], &[&["93.184.216.34", "127.0.0.1"]], &[&["2606:4700::1111", "::ffff:192.168.0.1"]]];
    for lists in INSIDE {
        let egress = egress_with_names(lists);
        let error = egress.get("https://shop.example.ru/").unwrap().send().await.unwrap_err();
        assert!(matches!(error, EgressError::Forbidden { .. }), "{lists:?}: {error:?}");
    }
    // Public when it was saved, inside when it is called.
    let egress = egress_with_names(&[&["93.184.216.34"], &["127.0.0.1"]]);
    egress.check("https://shop.example.ru/hook", Limits::WEBHOOK).await.unwrap();
    let error = egress.post("https://shop.example.ru/hook").unwrap().send().await.unwrap_err();
    assert!(matches!(error, EgressError::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn k_8_a_redirect_leading_inside_is_not_followed() {
    // trust: K-8, C-8
    let inside = StandIn::start(|_| ok()).await;
    let target = inside.url("/secret");
    let outside = StandIn::start(move |_| to(&target)).await;
    let egress = egress(&[&outside]);
    let call = egress.get(&outside.url("/")).unwrap().limits(Limits::IMPORT);
    let error = call.send().await.unwrap_err();
    assert!(matches!(error, EgressError::Forbidden { .. }), "{error:?}");
    assert_eq!((outside.hits(), inside.hits()), (1, 0), "the inside was called");

    let refused = egress.get(&outside.url("/")).unwrap().limits(Limits::WEBHOOK).send().await.unwrap_err();
    assert!(matches!(refused, EgressError::Redirects { .. }), "webhooks follow nothing: {refused:?}");
}

#[tokio::test]
async fn redirects_are_followed_three_times_and_never_down_to_http() {
    let server = StandIn::start(|path| match path.trim_start_matches('/').parse::<u8>() {
        Ok(0) => ok(),
        Ok(n) => to(&format!("/{}", n - 1)),
        Err(_) => answer(404, ("x-a", "b"), ""),
    })
    .await;
    let egress = egress(&[&server]);
    let call = |path: &str| egress.get(&server.url(path)).unwrap().limits(Limits::IMPORT).send();
    assert_eq!(call("/3").await.unwrap().status, StatusCode::OK);
    assert!(matches!(call("/4").await.unwrap_err(), EgressError::Redirects { .. }));

    let mut secure = egress.get("https://shop.example.ru/").unwrap();
    let down = secure.turn(StatusCode::FOUND, "http://shop.example.ru/").unwrap_err();
    assert!(matches!(down, EgressError::Forbidden { .. }));
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_no_key_and_no_body_along() {
    let second = StandIn::start(|_| ok()).await;
    let target = second.url("/there");
    let first = StandIn::start(move |path| match path {
        "/see-other" => answer(303, ("location", &target), ""),
        _ => answer(307, ("location", &target), ""),
    })
    .await;
    let egress = egress(&[&first, &second]);
    let key = Secret::from("canary-7f3a");
    let call = |path: &str| {
        let call = egress.post(&first.url(path)).unwrap().bearer(&key).header("x-key", "canary-7f3a");
        call.json(&serde_json::json!({ "a": 1 })).limits(Limits::IMPORT).send()
    };
    assert_eq!(call("/see-other").await.unwrap().status, StatusCode::OK);
    assert!(matches!(call("/keep").await.unwrap_err(), EgressError::Redirects { .. }));
    let seen = second.seen.lock().unwrap();
    let [(method, headers, body)] = seen.as_slice() else { panic!("{} calls", seen.len()) };
    assert_eq!((method, body.len()), (&Method::GET, 0));
    assert!(!format!("{headers:?}").contains("canary") && !headers.contains_key("authorization"));
    assert_eq!(first.seen.lock().unwrap()[0].1["authorization"], "Bearer canary-7f3a");
}

#[tokio::test]
async fn c_8_a_hanging_host_is_given_up_in_time() {
    // trust: C-8
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dripping = StandIn::start(|_| {
        let drops = futures::stream::once(async { Ok::<_, std::io::Error>("first") });
        let never = futures::stream::pending();
        ok().map(|_| Body::from_stream(futures::StreamExt::chain(drops, never)))
    })
    .await;
    let allowed = format!("{},{}", silent.local_addr().unwrap(), dripping.address);
    let egress = Egress::new(&Settings::from_pairs("test", [("EGRESS_ALLOW", allowed)]).unwrap()).unwrap();
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::WEBHOOK }.within(Duration::from_millis(400));
    let began = Instant::now();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let error = egress.post(&url).unwrap().limits(limits).send().await.unwrap_err();
    assert!(matches!(error, EgressError::Timeout { began: true, .. }), "{error:?}");
    assert!(error.may_pass() && !error.was_not_sent());

    let answer = egress.get(&dripping.url("/")).unwrap().limits(limits).send().await.unwrap();
    assert!(matches!(answer.bytes().await.unwrap_err(), EgressError::Timeout { .. }));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(Limits::WEBHOOK.total, Duration::from_secs(15));
    assert_eq!(Limits::WEBHOOK.bytes, 65_536);
}

#[tokio::test]
async fn c_8_an_endless_answer_is_cut_at_its_limit() {
    // trust: C-8
    let server = StandIn::start(|path| match path {
        "/declared" => answer(200, ("content-length", "1073741824"), Body::from_stream(endless())),
        _ => ok().map(|_| Body::from_stream(endless())),
    })
    .await;
    let egress = egress(&[&server]);
    let call = |path: &str| egress.get(&server.url(path)).unwrap().limits(Limits::WEBHOOK).send();
    for path in ["/", "/declared"] {
        let error = call(path).await.unwrap().bytes().await.unwrap_err();
        assert!(matches!(error, EgressError::TooLarge { limit: 65_536, .. }), "{path}: {error:?}");
        let (beginning, all) = call(path).await.unwrap().beginning().await.unwrap();
        assert_eq!((beginning.len(), all), (65_536, false), "{path}");
    }
}

fn endless() -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    futures::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 10_000])))
}

#[tokio::test]
async fn an_answer_of_exactly_the_limit_is_whole() {
    let server = StandIn::start(|_| ok().map(|_| Body::from(vec![b'x'; 65_536]))).await;
    let egress = egress(&[&server]);
    let call = || egress.get(&server.url("/")).unwrap().limits(Limits::WEBHOOK).send();
    assert_eq!(call().await.unwrap().bytes().await.unwrap().len(), 65_536);
    let (beginning, all) = call().await.unwrap().beginning().await.unwrap();
    assert_eq!((beginning.len(), all), (65_536, true));
}

#[tokio::test]
async fn inv_100_errors_name_the_host_and_nothing_else_of_the_url() {
    // trust: INV-100
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let broken = StandIn::start(|_| answer(200, ("x-a", "b"), "not json")).await;
    let allowed = format!("{closed},{}", broken.address);
    let egress = Egress::new(&Settings::from_pairs("test", [("EGRESS_ALLOW", allowed)]).unwrap()).unwrap();
    let path = "/bot123:canary-7f3a/getMe?key=canary-7f3a";
    let unreachable = egress.get(&format!("http://{closed}{path}")).unwrap().send().await.unwrap_err();
    assert!(unreachable.was_not_sent(), "{unreachable:?}");
    let not_json = egress.get(&broken.url(path)).unwrap().send().await.unwrap().json::<u8>().await.unwrap_err();
    let forbidden = egress.get(&format!("https://10.0.0.1{path}")).unwrap().send().await.unwrap_err();
    for error in [unreachable, not_json, forbidden] {
        let mut told = format!("{error} {error:?}");
        let mut cause = error.source();
        while let Some(inner) = cause {
            told.push_str(&format!(" {inner} {inner:?}"));
            cause = inner.source();
        }
        assert!(!told.contains("canary"), "{told}");
    }
}

#[tokio::test]
async fn in_production_an_exception_lifts_no_rule_for_addresses() {
    let pairs = [("NEIPIX_ENV", "production"), ("EGRESS_ALLOW", "llm.example.ru:8000")];
    let settings = Settings::from_pairs("test", pairs).unwrap();
    let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec!["10.0.0.9".parse().unwrap()]) }));
    let egress = Egress::with_lookup(&settings, lookup).unwrap();
    let error = egress.get("http://llm.example.ru:8000/v1").unwrap().send().await.unwrap_err();
    assert!(matches!(error, EgressError::Forbidden { .. }), "{error:?}");
    let public: Lookup = Arc::new(|_| Box::pin(async { Ok(vec!["93.184.216.34".parse().unwrap()]) }));
    let egress = Egress::with_lookup(&settings, public).unwrap();
    egress.check("http://llm.example.ru:8000/v1", Limits::PROVIDER).await.unwrap();
    assert!(egress.check("http://llm.example.ru:8001/v1", Limits::PROVIDER).await.is_err());
}

#[tokio::test]
async fn a_stream_is_read_piece_by_piece_and_a_retry_after_is_understood() {
    let server = StandIn::start(|_| answer(429, ("retry-after", "7"), "slow down")).await;
    let egress = egress(&[&server]);
    let answer = egress.get(&server.url("/")).unwrap().kept().send().await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.retry_after()), (429, Some(Duration::from_secs(7))));
    let pieces: Vec<_> = futures::StreamExt::collect(answer.stream()).await;
    let text: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.unwrap().to_vec()).collect();
    assert_eq!(text, b"slow down");
}
