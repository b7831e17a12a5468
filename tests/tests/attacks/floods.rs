//! E-2, E-10, E-11: what costs the sender nothing must not cost us memory or other callers their answers. The product runs
//! in a process of its own, so that its memory is its own too.

mod http2;

use std::time::{Duration, Instant};

use futures::{StreamExt as _, future::join_all, stream};
use http::Method;
use neipix_tests::{
    client::{Bearer, Rest, Surface},
    trust,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Mutex, MutexGuard},
};

use crate::process::Process;

/// What an attack may cost.
const MORE_KB: u64 = 50 * 1024;
/// Below this the slowest of a hundred calls tells of the machine, which other tests keep busy too, not of the attack.
const NOISE: Duration = Duration::from_millis(750);

/// One at a time: each compares what others wait with and without it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Between two bytes of a crawling request.
const PAUSE: Duration = Duration::from_secs(10);

/// A product in a process of its own, for one test at a time.
pub struct Stage {
    pub process: Process,
    pub owner: Rest<Bearer>,
    // Falls last.
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    pub async fn set() -> Self {
        Self::with(&[]).await
    }

    /// The same, told more.
    pub async fn with(arguments: &[&str]) -> Self {
        let alone = ALONE.lock().await;
        let process = Process::start(arguments).await;
        let owner = Rest::at(process.address, Surface::Api).bearer(process.told["ownerToken"].as_str().unwrap());
        Self { process, owner, _alone: alone }
    }

    /// Its memory, in KB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim_end_matches("kB").trim().parse().unwrap()
    }

    /// The 99th of a hundred calls of somebody who does nothing wrong; all are answered.
    async fn p99(&self) -> Duration {
        let mut took = vec![];
        for _ in 0..100 {
            let began = Instant::now();
            let _ = self.owner.get("/api/v1/auth/me").await.ok();
            took.push(began.elapsed());
        }
        took.sort();
        took[98]
    }

    async fn stands(&self, attack: &str, memory: u64, usual: Duration, during: Duration) {
        assert!(during <= (2 * usual).max(NOISE), "{attack}: others waited {during:?}, usually {usual:?}");
        let after = self.memory();
        assert!(after <= memory + MORE_KB, "{attack}: {memory} KB became {after} KB");
        let _ = self.owner.get("/api/v1/auth/me").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e_2_a_compression_bomb_is_never_unfolded() {
    trust!("E-2");
    let stage = Stage::set().await;
    let usual = stage.p99().await;
    let memory = stage.memory();
    let bombs = async {
        for _ in 0..20 {
            for encoding in ["gzip", "gzip, gzip"] {
                let owner = stage.owner.clone().with_header("content-encoding", encoding);
                let body = Some(crate::bodies::BOMB.to_vec());
                let answer = owner.try_bytes(Method::POST, "/api/v1/assistants", "application/json", body).await;
                answer.unwrap().problem(415, "MEDIA_TYPE");
            }
            let path = "/neipix.assistants.v1.AssistantService/CreateAssistant";
            let owner = stage.owner.clone().with_header("grpc-encoding", "gzip");
            let body = Some(crate::faces::frame(1, crate::bodies::BOMB));
            let answer = owner.try_bytes(Method::POST, path, "application/grpc-web+proto", body).await.unwrap();
            // RESOURCE_EXHAUSTED, in the headers or as the trailers in the body.
            let told = format!("grpc-status:{} {}", answer.header("grpc-status"), answer.text());
            assert!(told.contains("grpc-status:8"), "{answer}");
        }
    };
    let ((), during) = tokio::join!(bombs, stage.p99());
    stage.stands("bombs", memory, usual, during).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_10_floods_of_frames_end_their_connection_and_nothing_else() {
    trust!("E-10");
    let stage = Stage::set().await;
    let usual = stage.p99().await;
    let memory = stage.memory();
    for flood in http2::floods(stage.process.address.port()) {
        let attackers = join_all((0..4).map(|_| flood.run(stage.process.address)));
        let (_, during) = tokio::join!(attackers, stage.p99());
        stage.stands(flood.name, memory, usual, during).await;
    }
}

/// In full this takes half a minute; that a late request is closed at all, the edge's own tests show with a short time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "half a minute: run by make faults"]
async fn e_11_a_thousand_crawling_sockets_are_closed() {
    trust!("E-11");
    let stage = Stage::set().await;
    let usual = stage.p99().await;
    let memory = stage.memory();
    // All at once they would overflow the queue of connections not yet accepted, and time runs from there.
    let sockets: Vec<_> = stream::iter((0..1_000).map(|_| TcpStream::connect(stage.process.address)))
        .buffer_unordered(32)
        .map(Result::unwrap)
        .collect()
        .await;
    let crawlers = join_all(sockets.into_iter().zip(0..).map(|(socket, n)| crawl(socket, n)));
    let (lived, during) = tokio::join!(crawlers, stage.p99());
    let (longest, n) = lived.into_iter().zip(0..).max().unwrap();
    assert!(longest <= Duration::from_secs(30), "kind {}: closed after {longest:?}", n % 4);
    stage.stands("crawling sockets", memory, usual, during).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_11_a_thousand_open_requests_hinder_nobody() {
    trust!("E-11");
    let stage = Stage::set().await;
    let usual = stage.p99().await;
    let memory = stage.memory();
    let mut sockets = vec![];
    for n in 0..1_000 {
        let mut stream = TcpStream::connect(stage.process.address).await.unwrap();
        stream.write_all(BEGINNINGS[n % 4]).await.unwrap();
        sockets.push(stream);
    }
    let during = stage.p99().await;
    stage.stands("open requests", memory, usual, during).await;
}

/// How a request may begin and not go on: in its head, in its body, in HTTP/2's preface, not at all.
const BEGINNINGS: [&[u8]; 4] = [
    b"GET /api/v1/auth/me HTTP/1.1\r\nX-Crawl: ",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: api.localhost\r\nContent-Length: 1000\r\n\r\n",
    b"PRI * HTTP/2.0\r\n",
    b"",
];

/// A byte per ten seconds, until the other side has had enough; how long that took.
async fn crawl(mut stream: TcpStream, n: usize) -> Duration {
    let begun = Instant::now();
    stream.write_all(BEGINNINGS[n % 4]).await.unwrap();
    let mut part = [0; 512];
    let mut byte = tokio::time::interval_at((begun + PAUSE).into(), PAUSE);
    loop {
        tokio::select! {
            read = stream.read(&mut part) => if matches!(read, Ok(0) | Err(_)) {
                return begun.elapsed();
            },
            _ = byte.tick() => if stream.write_all(b"a").await.is_err() {
                return begun.elapsed();
            },
        }
    }
}
