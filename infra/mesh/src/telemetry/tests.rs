use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, response::IntoResponse as _, routing::post};
use tracing::Instrument as _;

use super::*;
use crate::{secret::Secret, tasks::Tasks};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn settings(format: LogFormat, otlp: Option<String>) -> Telemetry {
    Telemetry { format, filter: "info".to_owned(), otlp }
}

const CAME: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_trace_context_is_read_as_the_standard_says() {
    assert!(read(CAME).is_some_and(|c| c.is_sampled() && c.is_remote()));
    assert!(read(&CAME.replace("-01", "-00")).is_some_and(|c| !c.is_sampled()));
    for bad in [
        "",
        "00",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
    ] {
        assert!(read(bad).is_none(), "{bad}");
    }
    let made = new_traceparent();
    assert!(read(&made).is_some() && made != new_traceparent());
    assert_eq!(trace_id(CAME), "0af7651916cd43dd8448eb211c80319c");
}

#[test]
fn inv_100_a_json_line_has_its_fields_and_its_spans_and_no_secret() {
    // trust: INV-100
    let paper = Paper::default();
    let writer = paper.clone();
    let (subscriber, exporting, _) = subscriber("svc-x", &settings(LogFormat::Json, None), move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        let key = Secret::from("canary-7f3a");
        let _span = tracing::info_span!("rpc", trace_id = "abc", key = %key).entered();
        tracing::info!(turn.id = 7, key = ?key, "settled turn {}", 7);
        tracing::debug!("not written");
    });
    assert!(!exporting.is_on());
    let text = paper.text();
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["message"], &line["turn.id"]), (&"settled turn 7".into(), &7.into()));
    assert_eq!((&line["level"], &line["span"]["trace_id"]), (&"INFO".into(), &"abc".into()));
    assert!(!text.contains("canary") && text.contains("***"), "{text}");
}

#[tokio::test]
async fn without_export_a_call_sends_on_the_context_it_came_with() {
    let (subscriber, _exporting, _) = subscriber("svc-x", &settings(LogFormat::Json, None), std::io::sink);
    let _guard = tracing::subscriber::set_default(subscriber);
    let span = tracing::info_span!("rpc");
    set_parent(&span, CAME);
    assert_eq!(async { onward(CAME) }.instrument(span).await, CAME);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_the_collector_as_children_of_the_caller() {
    let got: Arc<Mutex<Vec<u8>>> = Arc::default();
    let bodies = got.clone();
    let export = move |body: Bytes| {
        bodies.lock().unwrap().extend_from_slice(&body);
        let headers = [("content-type", "application/grpc"), ("grpc-status", "0")];
        // An empty message.
        async move { (headers, &[0u8; 5][..]).into_response() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    Tasks::new().spawn("collector", async move {
        let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        axum::serve(listener, Router::new().route(path, post(export))).await.unwrap();
    });

    let (subscriber, exporting, _) =
        subscriber("svc-traced", &settings(LogFormat::Json, Some(endpoint)), std::io::sink);
    let sent = {
        let _guard = tracing::subscriber::set_default(subscriber);
        let span = tracing::info_span!("billing.ledger.hold");
        set_parent(&span, CAME);
        let _entered = span.entered();
        onward(CAME)
    };
    assert!(exporting.is_on());
    assert_eq!(trace_id(&sent), trace_id(CAME));
    assert_ne!(sent, CAME, "the next process hangs below this span, not beside it");
    tokio::time::timeout(Duration::from_secs(5), tokio::task::spawn_blocking(move || drop(exporting)))
        .await
        .unwrap()
        .unwrap();
    let got = got.lock().unwrap();
    let holds = |bytes: &[u8]| got.windows(bytes.len()).any(|w| w == bytes);
    assert!(holds(b"svc-traced") && holds(b"billing.ledger.hold"));
    assert!(holds(&hex::decode(trace_id(CAME)).unwrap()), "the caller's trace");
    assert!(holds(&hex::decode("b7ad6b7169203331").unwrap()), "the caller's span");
}
