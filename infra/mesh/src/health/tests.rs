use std::sync::atomic::{AtomicBool, Ordering};

use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus as Wire, health_client::HealthClient};

use super::*;

const TALK: &str = "neipix.chats.v1.ConversationService";
const CHANNELS: &str = "neipix.chats.v1.ChannelService";

struct Switch(Arc<AtomicBool>);

impl Switch {
    fn on() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
    fn turn(&self, on: bool) {
        self.0.store(on, Ordering::SeqCst);
    }
    fn asked(&self) -> impl Fn() -> futures::future::Ready<bool> + Send + Sync + 'static {
        let state = self.0.clone();
        move || futures::future::ready(state.load(Ordering::SeqCst))
    }
}

/// Waits until the services and the process say this.
async fn until<S>(client: &HealthClient<S>, expected: [(&str, bool); 3])
where
    S: tonic::client::GrpcService<tonic::body::Body, Future: Send> + Clone + Send + Sync,
    S::Error: Into<tower::BoxError>,
    S::ResponseBody: http_body::Body<Data = bytes::Bytes, Error: Into<tower::BoxError> + Send> + Send + 'static,
{
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let mut all = true;
        for (service, serving) in expected {
            let answer = client.clone().check(HealthCheckRequest { service: service.to_owned() }).await;
            let status = answer.map_or(Wire::ServiceUnknown, |a| a.into_inner().status());
            all &= status == if serving { Wire::Serving } else { Wire::NotServing };
        }
        if all {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "never became {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f_24_a_dependency_turns_off_what_needs_it_and_back() {
    // trust: F-24
    let (postgres, redis) = (Switch::on(), Switch::on());
    let readiness = Readiness::new();
    readiness.need("postgres", &[TALK, CHANNELS], postgres.asked());
    readiness.need("redis", &[TALK], redis.asked());
    let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
    assert!(!readiness.is_ready(), "not before it was asked");
    let client = HealthClient::new(watch(&readiness, &[TALK, CHANNELS], &tasks, &shutdown));

    until(&client, [(TALK, true), (CHANNELS, true), ("", true)]).await;
    redis.turn(false);
    until(&client, [(TALK, false), (CHANNELS, true), ("", true)]).await;
    assert_eq!(readiness.state(), State { ready: true, down: vec!["redis"], broken: vec![TALK] });
    postgres.turn(false);
    until(&client, [(TALK, false), (CHANNELS, false), ("", false)]).await;
    assert!(!readiness.is_ready());
    postgres.turn(true);
    redis.turn(true);
    until(&client, [(TALK, true), (CHANNELS, true), ("", true)]).await;
    assert!(readiness.is_ready());

    shutdown.begin();
    until(&client, [(TALK, false), (CHANNELS, false), ("", false)]).await;
    assert!(tasks.finish(Duration::from_secs(5)).await);
    assert!(!readiness.is_ready(), "drained");
}

#[tokio::test]
async fn a_dependency_that_hangs_is_down_and_holds_up_no_other() {
    let readiness = Readiness::new();
    readiness.need("postgres", &[TALK, CHANNELS], std::future::pending);
    readiness.need("redis", &[TALK], std::future::pending);
    let began = tokio::time::Instant::now();
    let state = readiness.ask(&[TALK, CHANNELS]).await;
    assert_eq!(state.down, ["postgres", "redis"]);
    assert!(began.elapsed() < 2 * WITHIN, "asked one after another");
}

#[tokio::test]
async fn a_process_without_grpc_services_works_on_without_redis() {
    let readiness = Readiness::new();
    readiness.need("redis", &[], || std::future::ready(false));
    let state = readiness.ask(&[]).await;
    assert_eq!(state, State { ready: true, down: vec!["redis"], broken: vec![] });
}
