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
