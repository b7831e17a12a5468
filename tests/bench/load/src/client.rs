//! One client of the load: its connection, its requests, its clock.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use memchr::memmem;
use tokio::net::TcpStream;

use crate::config::{Lists, Target, fill, grpc_frame};

pub struct Tally {
    pub ttft: Histogram<u64>,
    pub total: Histogram<u64>,
    pub errors: u64,
    pub first_error: Option<String>,
}

impl Tally {
    pub fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, 120_000_000, 3).expect("constant bounds");
        Self { ttft: histogram(), total: histogram(), errors: 0, first_error: None }
    }
}

/// One connection of its own for each client, so that no client waits behind another's frames.
pub enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    async fn usable(&mut self) -> bool {
        match self {
            Self::Http1(s) => !s.is_closed() && s.ready().await.is_ok(),
            Self::Http2(s) => !s.is_closed() && s.ready().await.is_ok(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(s) => s.send_request(request).await,
            Self::Http2(s) => s.send_request(request).await,
        }
    }
}

pub struct Client {
    target: Target,
    uri: Uri,
    /// The whole body of a gRPC call.
    frame: Option<Bytes>,
    sender: Option<Sender>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(target: &Target) -> Self {
        Self {
            uri: target.url.parse().expect("checked at start"),
            frame: target.grpc.as_deref().map(|hex| grpc_frame(hex).expect("checked at start")),
            target: target.clone(),
            sender: None,
            body: Vec::with_capacity(64 << 10),
        }
    }

    async fn connect(&self) -> Result<Sender, String> {
        let host = self.uri.host().ok_or("url has no host")?;
        let socket = TcpStream::connect((host, self.uri.port_u16().unwrap_or(80))).await.map_err(|e| e.to_string())?;
        socket.set_nodelay(true).map_err(|e| e.to_string())?;
        let socket = TokioIo::new(socket);
        if self.frame.is_some() {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), socket).await.map_err(|e| e.to_string())?;
            tokio::task::spawn_local(async move {
                let _ = connection.await;
            });
            return Ok(Sender::Http2(sender));
        }
        let (sender, connection) = http1::handshake(socket).await.map_err(|e| e.to_string())?;
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Sender::Http1(sender))
    }

    fn request(&self, lists: &Lists) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder().method(self.target.method.as_str());
        request = match &self.frame {
            Some(_) => {
                request.uri(self.uri.clone()).header("content-type", "application/grpc").header("te", "trailers")
            }
            None => request.uri(self.uri.path_and_query().map_or("/", |p| p.as_str())),
        };
        // A target may go by another host than its address.
        if self.frame.is_none() && !self.target.headers.contains_key("host") {
            request = request.header("host", self.uri.authority().map_or("", |a| a.as_str()));
        }
        if !self.target.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.target.headers {
            request = request.header(name, fill(value, lists));
        }
        let body = self.frame.clone().unwrap_or_else(|| fill(&self.target.body, lists).into());
        request.body(Full::new(body)).map_err(|e| e.to_string())
    }

    /// The kept connection, or a new one: one that the server closed meanwhile is replaced before the clock starts.
    async fn usable_sender(&mut self) -> Result<Sender, String> {
        if let Some(mut kept) = self.sender.take()
            && kept.usable().await
        {
            return Ok(kept);
        }
        self.connect().await
    }

    /// One request: times to the first token and to the end.
    pub async fn ask(&mut self, lists: &Lists) -> Result<(Duration, Duration), String> {
        let request = self.request(lists)?;
        let mut sender = self.usable_sender().await?;

        let start = Instant::now();
        let response = sender.send(request).await.map_err(|e| e.to_string())?;
        let status = response.status();
        let mut grpc_status = response.headers().get("grpc-status").cloned();
        let mut frames = response.into_body();
        let mut first = None;
        self.body.clear();
        while let Some(frame) = frames.frame().await {
            let data = match frame.map_err(|e| format!("body broke: {e}"))?.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    grpc_status = frame.trailers_ref().and_then(|t| t.get("grpc-status")).cloned().or(grpc_status);
                    continue;
                }
            };
            let seen = self.body.len();
            self.body.extend_from_slice(&data);
            if first.is_none() {
                let found = match &self.target.first_token {
                    Some(text) => {
                        memmem::find(&self.body[seen.saturating_sub(text.len())..], text.as_bytes()).is_some()
                    }
                    None => !data.is_empty(),
                };
                if found {
                    first = Some(start.elapsed());
                }
            }
        }
        let total = start.elapsed();
        let shown = || String::from_utf8_lossy(&self.body[..self.body.len().min(300)]).into_owned();
        if !status.is_success() {
            return Err(format!("{status}: {}", shown()));
        }
        if self.frame.is_some() && grpc_status.as_ref().is_none_or(|s| s != "0") {
            return Err(format!("grpc-status {grpc_status:?}"));
        }
        let first = first.ok_or_else(|| format!("no first token: {}", shown()))?;
        if let Some(last) = &self.target.last
            && memmem::rfind(&self.body, last.as_bytes()).is_none()
        {
            return Err("the stream ended early".into());
        }
        self.sender = Some(sender);
        Ok((first, total))
    }

    pub async fn run(mut self, lists: Rc<Lists>, tally: Rc<RefCell<Tally>>, until: Instant) {
        let limit = Duration::from_secs_f64(self.target.timeout);
        while Instant::now() < until {
            let outcome =
                tokio::time::timeout(limit, self.ask(&lists)).await.unwrap_or_else(|_| Err("timed out".into()));
            let failed = outcome.is_err();
            {
                let mut tally = tally.borrow_mut();
                match outcome {
                    Ok((first, total)) => {
                        tally.ttft.saturating_record(first.as_micros() as u64);
                        tally.total.saturating_record(total.as_micros() as u64);
                    }
                    Err(error) => {
                        tally.errors += 1;
                        tally.first_error.get_or_insert(error);
                    }
                }
            }
            if failed {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
