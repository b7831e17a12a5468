//! An S3 server in the launcher's own process, on the loopback.

mod cors;

pub use cors::is_local_host;

use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::tasks;

/// The one bucket.
pub const BUCKET: &str = "neipix";
const ACCESS_KEY: &str = "neipix";
/// A form upload is held in memory whole: more is refused, whatever its policy allows. Bytes.
const POST_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Connections that are still busy are cut after this.
const DRAIN: Duration = Duration::from_secs(3);

/// A running server.
#[derive(Debug)]
pub struct S3 {
    address: SocketAddr,
    secret_key: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl S3 {
    /// Serves `dir`, which is made where it is missing, with [`BUCKET`] in it.
    ///
    /// # Errors
    /// When the folder cannot be used or the port is taken.
    pub async fn start(dir: &Path, port: u16, secrets: &Secrets) -> anyhow::Result<Self> {
        let bucket = dir.join(BUCKET);
        fs::create_dir_all(&bucket).with_context(|| format!("make {}", bucket.display()))?;
        let secret_key = secrets.get("s3")?;
        let service = service(dir, &secret_key)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("listen on 127.0.0.1:{port} for S3"))?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let task = tasks::spawn(serve(listener, service, stop.clone()));
        Ok(Self { address, secret_key, stop, task })
    }

    /// Its address: `http://127.0.0.1:<port>`, for path-style requests.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds the `S3_…` settings.
    pub fn add_to(&self, settings: &mut Settings) {
        settings.set("S3_ENDPOINT", self.endpoint());
        settings.set("S3_PUBLIC_ENDPOINT", self.endpoint());
        settings.set("S3_BUCKET", BUCKET);
        settings.set("S3_ACCESS_KEY", ACCESS_KEY);
        settings.set("S3_SECRET_KEY", self.secret_key.clone());
    }

    /// Lets running requests end, then stops.
    pub async fn stop(mut self) {
        self.stop.cancel();
        drop((&mut self.task).await);
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn service(dir: &Path, secret_key: &str) -> anyhow::Result<S3Service> {
    let files = s3s_fs::FileSystem::new(dir).map_err(|error| anyhow::anyhow!("open {}: {error:?}", dir.display()))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, secret_key));
    let mut config = S3Config::default();
    config.post_object_max_file_size = POST_FILE_BYTES_MAX;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    Ok(builder.build())
}

async fn serve(listener: TcpListener, service: S3Service, stop: CancellationToken) {
    let server = Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors: accepting again at once would only spin.
                tracing::warn!("s3 cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        drop(stream.set_nodelay(true));
        let service = service.clone();
        let answer = service_fn(move |request| answer(service.clone(), request));
        let connection = server.serve_connection(TokioIo::new(stream), answer).into_owned();
        let connection = graceful.watch(connection);
        drop(tasks::spawn(async move { drop(connection.await) }));
    }
    drop(tokio::time::timeout(DRAIN, graceful.shutdown()).await);
}

async fn answer(service: S3Service, request: Request<Incoming>) -> Result<Response<s3s::Body>, Infallible> {
    let cors = cors::Headers::for_request(request.method(), request.headers());
    let mut response = if request.method() == Method::OPTIONS {
        // The S3 library answers 501 to a preflight.
        empty(if cors.is_allowed() { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN })
    } else {
        match service.call(request.map(s3s::Body::from)).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!("s3 failed: {error:?}");
                empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
    cors.add_to(response.headers_mut());
    Ok(response)
}

fn empty(status: StatusCode) -> Response<s3s::Body> {
    let mut response = Response::new(s3s::Body::empty());
    *response.status_mut() = status;
    response
}
