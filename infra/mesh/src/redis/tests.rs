use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use super::*;

/// A Redis of the test's own; ends with it.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    async fn start(port: u16) -> Self {
        let args = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()];
        let child = Command::new("redis-server").args(args).stdout(Stdio::null()).spawn().unwrap();
        let server = Self { child, port };
        let redis = server.redis();
        until(async || redis.ping().await.is_ok()).await;
        server
    }

    fn redis(&self) -> Redis {
        Redis::new(&Secret::new(format!("redis://127.0.0.1:{}", self.port)), 4).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until(check: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while !check().await {
        assert!(tokio::time::Instant::now() < deadline, "not within 5 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn heard(ear: &mut broadcast::Receiver<Heard>) -> Heard {
    tokio::time::timeout(Duration::from_secs(5), ear.recv()).await.unwrap().unwrap()
}

#[test]
fn a_workspace_keeps_its_shard_and_all_its_keys_bear_the_tag() {
    let workspace: WorkspaceId = "0190a7c2-0000-7000-8000-000000000001".parse().unwrap();
    let tag = format!("{{{:02x}}}", shard(workspace));
    assert!(shard(workspace) < SHARDS);
    assert!(workspace_key("rate", workspace, "x").contains(&tag));
    assert_eq!(stream_key("svc-auth", 42), "neipix:ev:svc-auth:{2a}");
    let used: std::collections::HashSet<u8> =
        (0..2000u128).map(|n| shard(WorkspaceId(uuid::Uuid::from_u128(n)))).collect();
    assert_eq!(used.len(), 64, "every shard is used");
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_told_within_two_seconds_as_unavailable() {
    let redis = Redis::new(&Secret::new(format!("redis://127.0.0.1:{}", free_port())), 1).unwrap();
    let began = std::time::Instant::now();
    let failure: crate::Failure = redis.ping().await.unwrap_err().into();
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(failure.reason().name, "UNAVAILABLE");
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn a_connection_in_use_is_not_asked_before_each_use() {
    let server = Server::start(free_port()).await;
    let redis = server.redis();
    redis.run::<()>(::redis::cmd("CONFIG").arg("RESETSTAT")).await.unwrap();
    for _ in 0..100 {
        redis.publish("wake", b"one").await.unwrap();
    }
    // A machine that stood still for a second may have asked now and then.
    assert!(calls_of(&redis, "ping").await < 10);
}

#[tokio::test]
async fn a_connection_that_broke_or_was_left_is_asked_before_it_is_used_again() {
    let server = Server::start(free_port()).await;
    let (redis, port) = (server.redis(), server.port);
    redis.ping().await.unwrap();
    drop(server);
    let server = Server::start(port).await;
    // It answered within the last second, so it is not asked, and fails once.
    let _ = redis.ping().await;
    redis.ping().await.unwrap();

    redis.run::<()>(::redis::cmd("CONFIG").arg("RESETSTAT")).await.unwrap();
    let mut wait = ::redis::cmd("BLPOP");
    wait.arg("empty").arg(0.1);
    let wait = redis.run::<Option<(String, String)>>(&wait);
    assert!(tokio::time::timeout(Duration::from_millis(10), wait).await.is_err());
    assert_eq!(calls_of(&redis, "ping").await, 1);
    drop(server);
}

async fn calls_of(redis: &Redis, command: &str) -> u32 {
    let counts: String = redis.run(::redis::cmd("INFO").arg("commandstats")).await.unwrap();
    let calls = counts.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn busy_processes_ask_for_many_at_once_and_never_get_more_than_there_is() {
    let server = Server::start(free_port()).await;
    let redis = server.redis();
    let processes = [Buckets::new(redis.clone()), Buckets::new(redis.clone())];
    let (mut taken, mut tries) = (0, 0);
    while tries < 1_100 {
        for process in &processes {
            taken += u32::from(process.take("neipix:rl:busy".to_owned(), (1_000, 60_000)).await.is_none());
            tries += 1;
        }
    }
    assert!((1_000..1_003).contains(&taken), "{taken} of 1,000; one comes back in a minute");
    let asked = calls_of(&redis, "evalsha").await;
    assert!(asked < 400, "a hundred are refused, a thousand come by tens: {asked}");
}

#[tokio::test]
async fn a_crowd_in_one_process_leaves_the_others_their_part() {
    let server = Server::start(free_port()).await;
    let (one, other) = (Buckets::new(server.redis()), Buckets::new(server.redis()));
    let take =
        |process| async move { Buckets::take(process, "neipix:rl:crowd".to_owned(), (1_000, 60_000)).await.is_none() };
    let mut taken = 0;
    for _ in 0..100 {
        taken += usize::from(take(&one).await);
    }
    taken += futures::future::join_all((0..50).map(|_| take(&one))).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 150);
    let mut left = 0;
    while take(&other).await {
        left += 1;
    }
    assert!((830..=852).contains(&left), "{left} of 850, but for two hundredths that lie with the first");
}

#[tokio::test]
async fn a_channel_is_heard_again_after_redis_was_gone_and_says_so() {
    let server = Server::start(free_port()).await;
    let (redis, port) = (server.redis(), server.port);
    let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
    let listener = redis.listen(vec!["wake".to_owned()], &tasks, &shutdown);
    let mut ear = listener.ear();
    assert_eq!(heard(&mut ear).await, Heard::Again);
    redis.publish("wake", b"one").await.unwrap();
    assert_eq!(heard(&mut ear).await, Heard::Message { channel: "wake".into(), payload: "one".into() });

    drop(server);
    assert!(redis.ping().await.is_err());
    let server = Server::start(port).await;
    assert_eq!(heard(&mut ear).await, Heard::Again);
    until(async || redis.publish("wake", b"two").await.is_ok()).await;
    assert_eq!(heard(&mut ear).await, Heard::Message { channel: "wake".into(), payload: "two".into() });
    shutdown.begin();
    assert!(tasks.finish(Duration::from_secs(5)).await);
    drop(server);
}

#[tokio::test]
async fn a_blocking_read_may_outlast_the_timeout_of_commands() {
    let server = Server::start(free_port()).await;
    let mut connection = server.redis().blocking(Duration::from_secs(5)).await.unwrap();
    let nothing: Option<(String, String)> =
        ::redis::cmd("BLPOP").arg("empty").arg(2.5).query_async(&mut connection).await.unwrap();
    assert_eq!(nothing, None);
}
