//! A mailbox for development: takes every mail by SMTP and shows it on a page.
//!
//! Listens on the loopback only, delivers to nobody.

mod http;
mod mime;
mod smtp;
mod store;

pub use self::http::router;
pub use store::{Letter, Store};

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::tasks;

/// A running mailbox.
#[derive(Debug)]
pub struct Mailbox {
    smtp: SocketAddr,
    page: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Mailbox {
    /// Serves the letters of `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be used or a port is taken.
    pub async fn start(dir: &Path, smtp_port: u16, page_port: u16) -> anyhow::Result<Self> {
        let store = Arc::new(Store::open(dir)?);
        let smtp_listener = listen(smtp_port).await?;
        let page_listener = listen(page_port).await?;
        let (smtp, page) = (smtp_listener.local_addr()?, page_listener.local_addr()?);
        let stop = CancellationToken::new();
        let pages = router(store.clone());
        let stopped = stop.clone().cancelled_owned();
        let page_task = tasks::spawn(async move {
            let served = axum::serve(page_listener, pages).with_graceful_shutdown(stopped).await;
            if let Err(error) = served {
                tracing::error!("the mailbox page ended: {error}");
            }
        });
        let smtp_task = tasks::spawn(smtp::serve(smtp_listener, store, stop.clone()));
        Ok(Self { smtp, page, stop, tasks: vec![page_task, smtp_task] })
    }

    /// Adds `SMTP_URL` and `MAILBOX_URL`.
    pub fn add_to(&self, settings: &mut Settings) {
        settings.set("SMTP_URL", format!("smtp://{}", self.smtp));
        settings.set("MAILBOX_URL", format!("http://{}", self.page));
    }

    /// Where mail is taken.
    pub fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Stops both listeners.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in &mut self.tasks {
            // A reader that keeps its page's connection open must not hold us up.
            if tokio::time::timeout(std::time::Duration::from_millis(500), &mut *task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| format!("listen on 127.0.0.1:{port} for mail"))
}
