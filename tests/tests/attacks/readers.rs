//! readers that stop reading. What is kept for them is little, they are cut off, and go on where they were.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, future::join_all, stream};
use neipix_tests::{
    client::{Anonymous, Socket},
    poll::eventually_within,
    trust,
};
use serde_json::{Value, json};

use crate::floods::Stage;

/// What the system may keep for a reader, in bytes.
const KEPT: u64 = 256 * 1024;
/// What one may cost the product, its socket and streams included.
const COST: u64 = 256 * 1024;
/// What the reader's own system keeps.
const OWN: u32 = 16 * 1024;
/// A queue that stands for so long belongs to somebody who was given up.
const STILL: Duration = Duration::from_millis(2_500);

/// A dialogue with so many messages of forty kilobytes.
async fn long_dialogue(stage: &Stage, messages: usize) {
    let owner = &stage.owner;
    let draft = json!({"draft": {"name": "Ромашка", "instruction": "Отвечай коротко.", "answerDelaySeconds": 0}});
    let assistant = owner.post("/api/v1/assistants", draft).await.ok()["id"].as_str().unwrap().to_owned();
    let _ = owner.post(&format!("/api/v1/assistants/{assistant}:publish"), json!({})).await.ok();
    let ask = json!({"assistantId": assistant, "contactExternalId": "c", "externalId": "m", "text": "Алло?"});
    let asked = owner.post("/api/v1/channels/api/messages", ask).await.ok();
    let chat = format!("/api/v1/chats/{}", asked["conversationId"].as_str().unwrap());
    let _ = owner.post(&format!("{chat}:takeOver"), json!({})).await.ok();
    for _ in 0..messages {
        let _ = owner.post(&format!("{chat}/messages"), json!({"text": "я".repeat(20_000)})).await.ok();
    }
}

/// A socket that asked for everything behind a number.
async fn asking(stage: &Stage, after: i64) -> Socket {
    let ticket = stage.owner.post("/api/v1/auth/socket-tickets", json!({})).await.ok();
    let protocols = format!("neipix.v1, ticket.{}", ticket["ticket"].as_str().unwrap());
    let rest = stage.owner.acting(Anonymous);
    let mut socket = rest.narrow_socket("/api/v1/events", Some(&protocols), OWN).await.unwrap();
    socket.send(&json!({"t": "resume", "after": after})).await;
    socket
}

/// Bytes that the system keeps of what was sent to each reader and not taken, by the reader's port.
fn unread(edge: SocketAddr) -> HashMap<u16, u64> {
    assert!(edge.is_ipv4(), "the product of a test listens on IPv4");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let port = |address: &str| u16::try_from(hex(address.split_once(':').unwrap().1)).unwrap();
    let rows = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (port(columns[1]) == edge.port()).then(|| (port(columns[2]), hex(columns[4].split_once(':').unwrap().0)))
    });
    rows.collect()
}

/// So many readers, a few at a time: the pages of a workspace do not open their sockets at one instant.
async fn asking_all(stage: &Stage, readers: u64) -> Vec<Socket> {
    stream::iter(0..readers).map(|_| asking(stage, 0)).buffer_unordered(8).collect().await
}

/// The readers read nothing until they are given up. Answers what the system kept for one at most, and the product's
/// memory at its highest, in KB.
async fn stand_still(stage: &Stage, sockets: &[Socket]) -> (u64, u64) {
    let (mut last, mut since, mut most, mut memory) = (Vec::new(), Instant::now(), 0, 0);
    eventually_within(Duration::from_secs(60), "nobody is served any more", async || {
        let queues = unread(stage.process.address);
        let now: Vec<u64> = sockets.iter().map(|s| queues.get(&s.local_addr().port()).copied().unwrap_or(0)).collect();
        most = most.max(now.iter().copied().max().unwrap_or(0));
        memory = memory.max(stage.memory());
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > STILL && last.iter().all(|queue| *queue > 0)).then_some(())
    })
    .await;
    (most, memory)
}

/// Reads to the end: 4008, and no hole. Answers the last number.
async fn read_on(socket: &mut Socket) -> i64 {
    let mut have = 0;
    while let Some(frame) = socket.next().await {
        if frame["t"] == "event" {
            assert_eq!(frame["seq"], have + 1, "a hole");
            have += 1;
        }
    }
    assert_eq!(socket.close_code(), Some(4008));
    have
}

/// Readers who stop, are cut off, and go on.
async fn stop_reading(stage: &Stage, readers: u64) {
    let mut sockets = asking_all(stage, readers).await;
    let (kept, _) = stand_still(stage, &sockets).await;
    assert!(kept <= KEPT, "the system keeps {kept} bytes for one reader");
    for have in join_all(sockets.iter_mut().map(read_on)).await {
        let mut again = asking(stage, have).await;
        let next = again.until("the next event", |frame: &Value| frame["t"] == "event").await;
        assert_eq!(next["seq"], have + 1);
    }
}

/// One reader, and what the system keeps for it; what the product itself holds is measured below.
#[tokio::test(flavor = "multi_thread")]
async fn r_5_a_reader_that_stops_is_cut_off_and_goes_on_where_it_was() {
    trust!("R-5");
    let stage = Stage::set().await;
    long_dialogue(&stage, 20).await;
    stop_reading(&stage, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: `make faults` runs it"]
async fn r_5_readers_that_stop_cost_little() {
    trust!("R-5");
    let stage = Stage::with(&["--no-limits"]).await;
    long_dialogue(&stage, 100).await;
    // What is paid once: caches, pools, a warm allocator.
    stop_reading(&stage, 8).await;
    let (before, readers) = (stage.memory(), 240);
    let sockets = asking_all(&stage, readers).await;
    let (kept, memory) = stand_still(&stage, &sockets).await;
    let grown = memory.saturating_sub(before) * 1024;
    eprintln!("a stopped reader costs {} KiB", grown / readers / 1024);
    assert!(kept <= KEPT, "the system keeps {kept} bytes for one reader");
    assert!(grown <= readers * COST, "{readers} readers cost {grown} bytes");
    drop(sockets);
    stop_reading(&stage, 8).await;
}
