//! The accept loop: HTTP/1 and HTTP/2 on one port, with limits on what a connection may cost.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use neipix_mesh::shutdown::Shutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout_at,
};
use tower::ServiceExt as _;

use crate::wire::{WHOLE, Wire};

/// Most bytes of a request's head.
const HEAD_MOST: usize = 32 * 1024;
/// How long what was sent may stay unconfirmed by the other system: a telephone that went out of reach says no farewell, and
/// the kernel by itself would try for a quarter of an hour.
const UNCONFIRMED: Duration = Duration::from_secs(60);
/// How long an HTTP/1 connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(90);
/// How often an HTTP/2 client must show that it lives, and how long it has.
const PING: Duration = Duration::from_secs(20);
/// What the kernel may keep of answers that a client does not read, in bytes. It doubles this for its own records. Without a
/// bound it would grow to megabytes a connection.
const UNREAD_MOST: usize = 96 * 1024;
/// Pause after the accept loop ran out of descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until shutdown, then lets running requests finish, at most the mesh's drain time.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.wait() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, router.clone(), shutdown.clone()));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot accept connections");
                    tokio::time::sleep(BREATH).await;
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => told(ended),
        }
    }
    drop(listener);
    let until = Instant::now() + neipix_mesh::server::DRAIN;
    while let Ok(Some(ended)) = timeout_at(until.into(), connections.join_next()).await {
        told(ended);
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(error = &error as &dyn std::error::Error, "a connection's task panicked");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    // Nagle's algorithm costs a quarter of the throughput.
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(&stream);
    let _ = socket.set_send_buffer_size(UNREAD_MOST);
    let _ = socket.set_tcp_user_timeout(Some(UNCONFIRMED));
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let builder = builder();
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(Wire::new(stream, WHOLE)), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.wait() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection broke");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(HEAD_MOST);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_MOST).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        // WebSockets over HTTP/2.
        .enable_connect_protocol();
    builder
}
