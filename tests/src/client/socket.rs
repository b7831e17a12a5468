//! A WebSocket of the product.

use std::{net::SocketAddr, time::Duration};

use futures::{SinkExt, StreamExt};
use http::HeaderMap;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::poll::{DEADLINE, within};

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocketStream<TcpStream>,
    protocol: Option<String>,
    close_code: Option<u16>,
}

impl Socket {
    pub(super) async fn connect(
        addr: SocketAddr,
        path: &str,
        protocols: Option<&str>,
        headers: HeaderMap,
        unread_most: Option<u32>,
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{addr}{path}").into_client_request().expect("an address and a path");
        request.headers_mut().extend(headers);
        if let Some(protocols) = protocols {
            let protocols = protocols.parse().expect("protocols given by a test");
            request.headers_mut().insert("sec-websocket-protocol", protocols);
        }
        let tcp = TcpSocket::new_v4().map_err(|_| 0_u16)?;
        if let Some(bytes) = unread_most {
            tcp.set_recv_buffer_size(bytes).map_err(|_| 0_u16)?;
        }
        let tcp = tcp.connect(addr).await.map_err(|_| 0_u16)?;
        let shaken = within(DEADLINE, "a handshake", client_async(request, tcp)).await;
        let (inner, response) = shaken.map_err(|error| match error {
            tungstenite::Error::Http(refused) => refused.status().as_u16(),
            _ => 0,
        })?;
        let protocol = response.headers().get("sec-websocket-protocol").and_then(|v| v.to_str().ok());
        Ok(Self { protocol: protocol.map(str::to_owned), inner, close_code: None })
    }

    /// The protocol that the server chose.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a frame of JSON.
    ///
    /// # Panics
    /// When the socket is gone.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends any text.
    ///
    /// # Panics
    /// When the socket is gone.
    pub async fn send_text(&mut self, text: &str) {
        self.inner.send(Message::text(text)).await.expect("the socket is open");
    }

    /// The next frame of JSON within five seconds; none once it is closed, see [`Socket::close_code`].
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn next(&mut self) -> Option<Value> {
        self.next_within(DEADLINE).await
    }

    /// The same with another deadline.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn next_within(&mut self, deadline: Duration) -> Option<Value> {
        within(deadline, "a frame", self.read()).await
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            match self.inner.next().await? {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}")));
                }
                Ok(Message::Close(frame)) => self.close_code = frame.map(|f| f.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The first frame that is wanted; others before it are passed over, heartbeats included.
    ///
    /// # Panics
    /// When it does not come within the deadline of each frame, or the socket closes.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|| panic!("closed ({:?}) before {what}", self.close_code));
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Reads to the end and gives the code the server closed with, if it gave one.
    ///
    /// # Panics
    /// When it does not close within the deadline.
    pub async fn closed_within(&mut self, deadline: Duration) -> Option<u16> {
        let ended = async { while self.read().await.is_some() {} };
        within(deadline, "the end of the socket", ended).await;
        self.close_code
    }

    /// The code the server closed with.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.close_code
    }

    /// Where this end of it is.
    ///
    /// # Panics
    /// When it is not connected any more.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.get_ref().local_addr().expect("a connection")
    }

    /// Breaks the connection without a word.
    pub fn drop_connection(self) {
        let _ = self.inner.get_ref().set_zero_linger();
    }
}
