//! The HTTP/1 server under every stand-in: a free port of 127.0.0.1, gone when dropped.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt;

/// A running server. Dropping it closes the port and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, router));
        Ok(Self { addr, task })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, router: Router) {
    // The set lives in this task, so that the end of the task ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(connection(socket, router.clone()));
                }
                // Out of descriptors: the next accept may find one.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(socket: TcpStream, router: Router) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let answer = match router.oneshot(request.map(Body::new)).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            if answer.extensions().get::<Hangup>().is_some() {
                return Err(io::Error::other("hung up on purpose"));
            }
            Ok::<_, io::Error>(answer)
        }
    });
    // A client that goes away is its own business.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).with_upgrades().await;
}

/// Marks a response that must never be sent: the connection closes after the request was read.
#[derive(Clone, Copy, Debug)]
struct Hangup;

/// The request was read and no byte of an answer comes back: to the caller the outcome is unknown.
pub(crate) fn hang_up() -> Response {
    let mut response = ().into_response();
    response.extensions_mut().insert(Hangup);
    response
}

/// The body of a request, read whole. A client that leaves in the middle yields what came.
pub(crate) async fn whole_body(body: Body) -> bytes::Bytes {
    axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default()
}

/// A JSON answer of any status.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response {
    let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
    let headers = [(http::header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}
