//! Floods of HTTP/2 frames, written by hand.

use std::{net::SocketAddr, time::Duration};

use neipix_tests::poll::within;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// More than anybody needs to send; a flood that is let through ends here.
const ROUNDS: u32 = 200_000;

pub struct Flood {
    pub name: &'static str,
    /// Sent once, after the preface.
    opening: Vec<u8>,
    /// The frames of the n-th round.
    round: Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// `GET /healthz`, in HPACK without its tables of names that were seen before.
fn get(port: u16) -> Vec<u8> {
    let authority = format!("api.localhost:{port}");
    let literal = |index: u8, text: &str| [&[index, u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    [&[0x82, 0x86][..], &literal(4, "/healthz"), &literal(1, &authority)].concat()
}

pub fn floods(port: u16) -> Vec<Flood> {
    let flood =
        |name, opening: Vec<u8>, round: Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>| Flood { name, opening, round };
    let (first, request) = (get(port), get(port));
    vec![
        flood(
            "resets",
            vec![],
            Box::new(move |n| {
                let headers = frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, &request);
                [headers, frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat()
            }),
        ),
        flood("continuations", frame(HEADERS, END_STREAM, 1, &first), Box::new(|_| frame(CONTINUATION, 0, 1, &[]))),
        flood(
            "continuations with headers",
            frame(HEADERS, END_STREAM, 1, &first),
            Box::new(|_| frame(CONTINUATION, 0, 1, &[&[0, 1, b'x', 100][..], &[b'a'; 100]].concat())),
        ),
        flood("empty data", frame(HEADERS, END_HEADERS, 1, &first), Box::new(|_| frame(DATA, 0, 1, &[]))),
        flood("pings", vec![], Box::new(|_| frame(PING, 0, 0, &[0; 8]))),
        flood("settings", vec![], Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        flood("priorities", vec![], Box::new(|_| frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 0]))),
    ]
}

impl Flood {
    /// Sends until the other side closes, which it does soon.
    pub async fn run(&self, address: SocketAddr) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let reading = async {
            let mut part = [0; 16 * 1024];
            while !matches!(from.read(&mut part).await, Ok(0) | Err(_)) {}
        };
        let writing = async {
            let opening =
                [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[]), self.opening.clone()];
            to.write_all(&opening.concat()).await.unwrap();
            for n in 0..ROUNDS {
                if to.write_all(&(self.round)(n)).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        within(Duration::from_secs(5), self.name, async {
            tokio::select! {
                () = reading => {}
                () = writing => {}
            }
        })
        .await;
    }
}
