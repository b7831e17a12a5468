//! Updates on their way to a webhook: one in flight per queue, in order, again until 2xx.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{client::http, poll::within};

/// Silence after which the real server gives the connection up.
const PATIENCE: Duration = Duration::from_secs(55);

/// A `Retry-After` above is not honoured, seconds.
const RETRY_AFTER_SECONDS_MAX: u64 = 3600;

#[derive(Clone, Debug)]
pub(super) struct Target {
    pub url: String,
    pub secret: Option<String>,
}

/// One POST to the webhook.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub at: Instant,
    /// How long the answer took.
    pub took: Duration,
    /// None where there was no answer.
    pub status: Option<u16>,
}

/// An update under way.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The update as it is posted, with its number.
    pub update: Value,
    attempts: watch::Receiver<Vec<Attempt>>,
}

impl Delivery {
    /// Attempts made so far.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.borrow().clone()
    }

    /// Waits for 2xx and gives all attempts.
    ///
    /// # Panics
    /// When it does not come within ten seconds.
    pub async fn delivered(&self) -> Vec<Attempt> {
        let mut attempts = self.attempts.clone();
        let done = attempts.wait_for(|all| all.last().is_some_and(|a| a.status.is_some_and(is_success)));
        let done = within(Duration::from_secs(10), "2xx of the webhook", done).await;
        done.expect("the stand-in lives").clone()
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

struct Parcel {
    target: Target,
    body: Vec<u8>,
    attempts: watch::Sender<Vec<Attempt>>,
}

#[derive(Debug)]
pub(super) struct Queues {
    inner: Mutex<Inner>,
    first_retry: watch::Sender<Duration>,
}

#[derive(Debug, Default)]
struct Inner {
    queues: HashMap<String, mpsc::UnboundedSender<Parcel>>,
    /// Dropped with the stand-in, so that nothing is delivered after it.
    workers: JoinSet<()>,
}

impl Default for Queues {
    fn default() -> Self {
        Self { inner: Mutex::default(), first_retry: watch::Sender::new(Duration::from_millis(50)) }
    }
}

impl Queues {
    pub fn set_first_retry(&self, pause: Duration) {
        self.first_retry.send_replace(pause);
    }

    pub fn push(&self, token: &str, target: Target, update: Value) -> Delivery {
        let (attempts, heard) = watch::channel(Vec::new());
        let parcel = Parcel { target, body: update.to_string().into_bytes(), attempts };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { queues, workers } = &mut *inner;
        let queue = queues.entry(queue_of(token, &update)).or_insert_with(|| {
            let (queue, parcels) = mpsc::unbounded_channel();
            workers.spawn(work(parcels, self.first_retry.subscribe()));
            queue
        });
        queue.send(parcel).expect("its worker lives as long as the queues");
        Delivery { update, attempts: heard }
    }
}

/// Messages queue by chat, callbacks by person; different kinds are not ordered among themselves.
fn queue_of(token: &str, update: &Value) -> String {
    let kind = update.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| *key != "update_id");
    let kind = kind.unwrap_or_default();
    let key = if kind == "callback_query" { &update[kind]["from"]["id"] } else { &update[kind]["chat"]["id"] };
    let kind = if kind.ends_with("message") { "message" } else { kind };
    format!("{token}/{kind}/{key}")
}

async fn work(mut parcels: mpsc::UnboundedReceiver<Parcel>, first_retry: watch::Receiver<Duration>) {
    while let Some(parcel) = parcels.recv().await {
        let mut pause = *first_retry.borrow();
        loop {
            let at = Instant::now();
            let posted = post(&parcel.target, parcel.body.clone()).await;
            let status = posted.as_ref().ok().map(|p| p.status);
            parcel.attempts.send_modify(|all| all.push(Attempt { at, took: at.elapsed(), status }));
            if status.is_some_and(is_success) {
                break;
            }
            let asked = posted.ok().and_then(|p| p.retry_after).filter(|s| *s <= RETRY_AFTER_SECONDS_MAX);
            tokio::time::sleep(asked.map_or(pause, Duration::from_secs)).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }
}

pub(super) struct Posted {
    pub status: u16,
    pub retry_after: Option<u64>,
}

/// One POST. `*.localhost` is 127.0.0.1, which the system's resolver does not know; the Host stays.
pub(super) async fn post(target: &Target, body: Vec<u8>) -> Result<Posted, reqwest::Error> {
    let mut url = reqwest::Url::parse(&target.url).expect("checked by setWebhook");
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    if host.ends_with(".localhost") {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        url = reqwest::Url::parse(&format!("http://{address}{}", url.path())).expect("an address and a path");
    }
    let mut request = http().post(url).header("host", authority).header("content-type", "application/json");
    if let Some(secret) = &target.secret {
        request = request.header("x-telegram-bot-api-secret-token", secret);
    }
    let answer = request.timeout(PATIENCE).body(body).send().await?;
    let retry_after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    Ok(Posted { status: answer.status().as_u16(), retry_after })
}
