//! The one stack in front of every service, on a socket.

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

use crate::{access::layer::AccessLayer, client::Tls, failure::Failure, shutdown::Shutdown};

/// How long calls may go on after shutting down has begun.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Serves a service until shutdown, then lets running calls finish, at most `DRAIN`.
///
/// From the outside in: TLS, HTTP/2 limits, gRPC-Web, access layer, the rpcs (health and reflection among them).
///
/// # Errors
/// When the address cannot be used or the certificates cannot be read.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    access: AccessLayer,
    tls: Option<&Tls>,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let mut server = Server::builder()
        .accept_http1(tls.is_none())
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
        .http2_adaptive_window(Some(true))
        .http2_max_pending_accept_reset_streams(Some(64))
        .max_concurrent_streams(1_000)
        .http2_max_header_list_size(32 * 1024);
    if let Some(tls) = tls {
        let config = ServerTlsConfig::new()
            .identity(Identity::from_pem(&tls.certificate, &tls.key))
            .client_ca_root(Certificate::from_pem(&tls.authority));
        server = server.tls_config(config).map_err(Failure::internal)?;
    }
    // A listener that was bound before: Nagle's algorithm costs a quarter of the throughput.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let stop = shutdown.clone();
    let serving = server
        .layer(tonic_web::GrpcWebLayer::new())
        .layer(access)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, async move { stop.wait().await });
    let late = async {
        shutdown.wait().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        result = serving => result.map_err(Failure::internal),
        () = late => {
            tracing::warn!("calls still ran {} s after shutdown began; they are cut off", DRAIN.as_secs());
            Ok(())
        }
    }
}

/// Binds the address of a service.
///
/// # Errors
/// When it is taken or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|e| {
        tracing::error!(error = &e as &dyn std::error::Error, %address, "cannot listen on {address}");
        Failure::internal(e)
    })
}

/// Reflection limited to the files of one service.
///
/// # Errors
/// When the descriptors cannot be read, which a build would have found.
pub fn reflection(
    service_package: &str,
) -> Result<impl tonic::server::NamedService + Clone + Send + Sync + 'static + ReflectionService, Failure> {
    use prost::Message as _;
    let mut set =
        prost_types::FileDescriptorSet::decode(neipix_proto::FILE_DESCRIPTOR_SET).map_err(Failure::internal)?;
    let other = |package: &str| {
        let ours = ["auth", "assistants", "billing", "chats", "admin"];
        ours.iter().any(|s| package == format!("neipix.{s}.v1")) && package != service_package
    };
    for file in set.file.iter_mut().filter(|f| other(f.package())) {
        file.service.clear();
    }
    tonic_reflection::server::Builder::configure()
        .register_file_descriptor_set(set)
        .build_v1()
        .map_err(Failure::internal)
}

/// What tonic can add as a route.
pub trait ReflectionService:
    tower::Service<
        http::Request<tonic::body::Body>,
        Response = http::Response<tonic::body::Body>,
        Error = std::convert::Infallible,
        Future: Send,
    >
{
}
impl<S> ReflectionService for S where
    S: tower::Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
            Future: Send,
        >
{
}
