//! One open socket.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _, stream::SplitSink};
use http::HeaderValue;
use neipix_mesh::{Failure, client::Passing, failure::read_status};
use neipix_proto::{
    Method,
    access::v1::ErrorReason,
    chats::v1::{
        NotifyTypingRequest, WatchRequest, WatchResponse, conversation_service_client::ConversationServiceClient,
    },
    methods,
};
use serde_json::{Value, json};
use tonic::{Status, Streaming};

use super::frames::{FromClient, error, to_client};
use crate::{
    rest::{token_of, unary},
    state::{Edge, owner},
    strict_json, transcode,
};

/// A client that sends nothing for this long is gone: two pings without an answer, and known before a minute is over.
const SILENCE: Duration = Duration::from_secs(50);
/// A browser answers a ping by itself, so that a page that only listens is not taken for gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How often the rights behind the socket are looked at again.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// A write that takes longer has a reader that does not read: by then all that the kernel holds for it lies unread.
const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// How long a slow reader may take to read why it was cut off.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(10);
/// Dialogues watched at once.
const WATCHED_MOST: usize = 100;

/// Why a session ends.
struct End {
    code: u16,
    why: &'static str,
}

const REVOKED: End = End { code: 4001, why: "access ended: refresh, take a new ticket, resume" };
const DENIED: End = End { code: 4003, why: "permission lost" };
const SLOW: End = End { code: 4008, why: "reads too slowly: resume with the last number" };
const DRAINING: End = End { code: 1001, why: "draining: resume elsewhere" };
const SILENT: End = End { code: 4000, why: "nothing heard, no ping answered: resume elsewhere" };
const GONE: End = End { code: 1000, why: "" };

struct Session {
    edge: Edge,
    authorization: HeaderValue,
    traceparent: String,
    sink: SplitSink<WebSocket, Message>,
    after: Option<i64>,
    /// Whether the client said from where it wants events.
    resumed: bool,
    watched: HashSet<String>,
    heard: Instant,
}

/// Runs a socket to its end.
pub async fn run(edge: Edge, socket: WebSocket, authorization: HeaderValue, traceparent: String) {
    let (sink, mut source) = socket.split();
    let mut session = Session {
        edge,
        authorization,
        traceparent,
        sink,
        after: None,
        resumed: false,
        watched: HashSet::new(),
        heard: Instant::now(),
    };
    metrics::gauge!("neipix_sockets").increment(1.0);
    let end = session.events(&mut source).await;
    metrics::gauge!("neipix_sockets").decrement(1.0);
    let frame = CloseFrame { code: end.code, reason: end.why.into() };
    // The last word of a slow reader's socket lies behind what it has not read: it may come back for it.
    let patience = if end.code == SLOW.code { LAST_WORD_WITHIN } else { Duration::from_secs(1) };
    let farewell = async {
        let _ = session.sink.send(Message::Close(Some(frame))).await;
        // A connection that is dropped with unread words in it is reset, and takes the last word with it.
        while let Some(Ok(_)) = source.next().await {}
    };
    let _ = tokio::time::timeout(patience, farewell).await;
}

impl Session {
    async fn events(
        &mut self,
        source: &mut (impl futures::Stream<Item = Result<Message, axum::Error>> + Unpin),
    ) -> End {
        let mut check = tokio::time::interval(CHECK_EVERY);
        let mut ping = tokio::time::interval(PING_EVERY);
        let shutdown = self.edge.shutdown.clone();
        // Before the first `resume` it carries texts and typing only.
        let mut stream = match self.watch().await {
            Ok(stream) => stream,
            Err(status) => return ended(&status),
        };
        loop {
            tokio::select! {
                () = shutdown.wait() => return DRAINING,
                _ = check.tick() => {
                    if let Some(end) = self.check().await {
                        return end;
                    }
                }
                _ = ping.tick() => if let Err(end) = self.write(Message::Ping(Bytes::new())).await {
                    return end;
                },
                said = source.next() => match said {
                    Some(Ok(message)) => match self.said(message).await {
                        Ok(None) => {}
                        Ok(Some(fresh)) => stream = fresh,
                        Err(end) => return end,
                    },
                    Some(Err(_)) | None => return GONE,
                },
                frame = stream.message() => match frame {
                    Ok(Some(WatchResponse { frame: Some(frame) })) => {
                        if let neipix_proto::chats::v1::watch_response::Frame::Event(event) = &frame {
                            if !self.resumed {
                                continue;
                            }
                            self.after = Some(event.seq);
                        }
                        if let Err(end) = self.send(to_client(frame)).await {
                            return end;
                        }
                    }
                    Ok(Some(WatchResponse { frame: None })) => {}
                    // The service drains or was lost: go on at another replica from the last number.
                    Ok(None) => match self.again().await { Ok(fresh) => stream = fresh, Err(end) => return end },
                    Err(status) if status.code() == tonic::Code::Unavailable => {
                        match self.again().await { Ok(fresh) => stream = fresh, Err(end) => return end }
                    }
                    Err(status) => return ended(&status),
                },
            }
        }
    }

    async fn again(&mut self) -> Result<Streaming<WatchResponse>, End> {
        for pause in [50, 100, 200, 400, 800, 1_600, 3_200] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match self.watch().await {
                Ok(stream) => return Ok(stream),
                Err(status) if status.code() == tonic::Code::Unavailable => {}
                Err(status) => return Err(ended(&status)),
            }
        }
        Err(DRAINING)
    }

    /// The rights behind the socket, as they are now.
    async fn check(&self) -> Option<End> {
        if self.heard.elapsed() > SILENCE {
            return Some(SILENT);
        }
        let watch = methods().get("/neipix.chats.v1.ConversationService/Watch")?;
        let failure = self.edge.guard.admit_token(watch, token_of(&self.authorization)?).await.err()?;
        if failure.is(ErrorReason::Unavailable) {
            return None;
        }
        Some(if failure.is(ErrorReason::PermissionDenied) { DENIED } else { REVOKED })
    }

    fn passing(&self, method: &'static Method) -> Passing {
        Passing {
            authorization: Some(self.authorization.clone()),
            idempotency_key: None,
            traceparent: self.traceparent.clone(),
            request_id: uuid::Uuid::now_v7().to_string(),
            deadline: Instant::now() + method.timeout,
            address: None,
            origin: None,
        }
    }

    async fn watch(&self) -> Result<Streaming<WatchResponse>, Status> {
        let Some(method) = methods().get("/neipix.chats.v1.ConversationService/Watch") else {
            return Err(Status::unimplemented("watch"));
        };
        let mut chats = ConversationServiceClient::new(self.edge.mesh.passing("svc-chats", self.passing(method)));
        let conversation_ids = self.watched.iter().cloned().collect();
        Ok(chats.watch(WatchRequest { after: self.after, conversation_ids }).await?.into_inner())
    }

    /// The stream opened anew, where what was said asks for that.
    async fn said(&mut self, message: Message) -> Result<Option<Streaming<WatchResponse>>, End> {
        self.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(GONE),
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
            Message::Binary(_) => {
                return self.send(error("FRAME_UNKNOWN", "frames are JSON texts", None)).await.map(|()| None);
            }
        };
        let parsed = strict_json::parse(text.as_bytes())
            .and_then(|value| serde_json::from_value::<FromClient>(value).map_err(|e| e.to_string()));
        match parsed {
            Err(why) => self.send(error("FRAME_UNKNOWN", &why, None)).await.map(|()| None),
            Ok(frame) => self.obey(frame).await,
        }
    }

    async fn obey(&mut self, frame: FromClient) -> Result<Option<Streaming<WatchResponse>>, End> {
        match frame {
            FromClient::Hb => self.send(json!({"t": "hb"})).await.map(|()| None),
            FromClient::Resume { after } if after.is_some_and(|after| after < 0) => {
                self.send(error("FIELD_INVALID", "after must be 0 or more", None)).await.map(|()| None)
            }
            FromClient::Resume { after } => {
                (self.after, self.resumed) = (after, true);
                self.watch().await.map(Some).map_err(|status| ended(&status))
            }
            FromClient::Watch { conversation } => self.watch_too(conversation).await,
            FromClient::Typing { conversation } => {
                if let Some(method) = methods().get("/neipix.chats.v1.ConversationService/NotifyTyping") {
                    let channel = self.edge.mesh.passing("svc-chats", self.passing(method));
                    let request = NotifyTypingRequest { id: conversation };
                    if let Err(status) = ConversationServiceClient::new(channel).notify_typing(request).await {
                        self.send(refusal(&status, None)).await?;
                    }
                }
                Ok(None)
            }
            FromClient::Call { id, rpc, body } => {
                let frame = match self.call(&rpc, body).await {
                    Ok(body) => json!({"t": "result", "id": id, "status": 200, "body": body}),
                    Err(status) => refusal(&status, Some(&id)),
                };
                self.send(frame).await.map(|()| None)
            }
        }
    }

    /// One more dialogue. One that is not there, or is another's, is refused and the socket goes on as it was.
    async fn watch_too(&mut self, conversation: String) -> Result<Option<Streaming<WatchResponse>>, End> {
        if uuid::Uuid::parse_str(&conversation).is_err() || self.watched.len() >= WATCHED_MOST {
            let detail = "conversation must be a UUID, at most 100 of them";
            return self.send(error("FIELD_INVALID", detail, None)).await.map(|()| None);
        }
        if !self.watched.insert(conversation.clone()) {
            return Ok(None);
        }
        match self.watch().await {
            Ok(fresh) => Ok(Some(fresh)),
            Err(status) if status.code() == tonic::Code::NotFound => {
                self.watched.remove(&conversation);
                self.send(refusal(&status, None)).await.map(|()| None)
            }
            Err(status) => Err(ended(&status)),
        }
    }

    /// A unary rpc for this socket's caller: the same rights, limits and checks as over REST.
    async fn call(&self, rpc: &str, body: Value) -> Result<Value, Status> {
        let method = methods().get(&format!("/neipix.{rpc}")).filter(|m| {
            !m.is_internal() && m.face.is_empty() && !m.bindings.is_empty() && !m.descriptor.is_server_streaming()
        });
        let method = method.ok_or_else(|| Failure::not_found().into_status())?;
        let token = token_of(&self.authorization).unwrap_or_default();
        let admitted = self.edge.guard.admit_token(method, token).await.map_err(Failure::into_status)?;
        if let (Some(rate), Some(claims)) = (method.rate, admitted.caller.claims()) {
            let taken = self.edge.limiter.take(&method.name, &claims.sub, rate).await;
            taken.map_err(Failure::into_status)?;
        }
        let body = if body.is_null() { json!({}) } else { body };
        let message = transcode::to_bytes(&method.descriptor.input(), body).map_err(Failure::into_status)?;
        let channel = self.edge.mesh.passing(owner(method), self.passing(method));
        let answer = unary(channel, method, message).await?;
        let json = transcode::to_json(&method.descriptor.output(), answer).map_err(Failure::into_status)?;
        serde_json::from_slice(&json).map_err(|e| Failure::internal(e).into_status())
    }

    /// By value: while a slow reader is waited for, only the text is kept.
    async fn send(&mut self, frame: Value) -> Result<(), End> {
        let text = frame.to_string();
        drop(frame);
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(WRITE_WITHIN, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(GONE),
            Err(_) => Err(SLOW),
        }
    }
}

fn refusal(status: &Status, id: Option<&str>) -> Value {
    let reading = read_status(status);
    let info = reading.reason_or_standard();
    let detail = if info.name == "INTERNAL" { info.title } else { reading.message.as_str() };
    error(info.name, detail, id)
}

fn ended(status: &Status) -> End {
    match status.code() {
        tonic::Code::PermissionDenied => DENIED,
        tonic::Code::Unauthenticated => REVOKED,
        tonic::Code::ResourceExhausted => SLOW,
        _ => DRAINING,
    }
}
