//! Bytes on a socket, where a well-behaved client would not send them.

use std::{net::SocketAddr, time::Duration};

use neipix_tests::poll::within;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An answer comes within this, or the test fails.
const ANSWER: Duration = Duration::from_secs(5);

pub struct Raw(TcpStream);

/// What came back, as text.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub text: String,
}

impl Raw {
    pub async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends; a peer that has closed already is no error, since its answer may lie in our buffer.
    pub async fn send(&mut self, bytes: &[u8]) {
        drop(self.0.write_all(bytes).await);
    }

    /// Reads until the head and, where a length is declared, the body are there.
    pub async fn reply(&mut self) -> Reply {
        let mut all = vec![];
        within(ANSWER, "an answer", async {
            let mut part = [0; 4096];
            while !whole(&all) {
                match self.0.read(&mut part).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => all.extend_from_slice(&part[..read]),
                }
            }
        })
        .await;
        let text = String::from_utf8_lossy(&all).into_owned();
        let status = text.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        Reply { status, text }
    }

    /// The peer closes, whatever it still sends.
    pub async fn closes(&mut self, deadline: Duration) {
        within(deadline, "the end of the connection", async {
            let mut part = [0; 4096];
            while !matches!(self.0.read(&mut part).await, Ok(0) | Err(_)) {}
        })
        .await;
    }
}

fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    match length {
        Some(length) => body.len() >= length,
        None => !head.to_ascii_lowercase().contains("transfer-encoding: chunked") || body.ends_with("0\r\n\r\n"),
    }
}

/// Sends one request and reads its answer.
pub async fn exchange(address: SocketAddr, request: &str) -> Reply {
    let mut raw = Raw::to(address).await;
    raw.send(request.as_bytes()).await;
    raw.reply().await
}
