//! A TCP proxy between any two parts, whose misbehaviour changes while it runs.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    #[default]
    Forward,
    /// Each piece arrives that much later, in both directions; those behind it do not wait for it.
    Delay(Duration),
    /// They are read and lost, in both directions; nobody is told: a half-open connection.
    HalfOpen,
    /// What the client says passes, what the server answers is lost, nobody is told.
    DropResponses,
    /// What the client says passes; the first byte of an answer closes the connection instead: unknown outcome.
    CutResponses,
    /// New connections are refused by the kernel; those that exist are reset.
    Refuse,
}

/// A running proxy. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    cuts: watch::Sender<usize>,
    listening: watch::Receiver<bool>,
    accepted: Arc<AtomicUsize>,
    given_up: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and forwards to `upstream`, which need not run yet.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let socket = socket_at((Ipv4Addr::LOCALHOST, 0).into())?;
        let addr = socket.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Forward);
        let (cuts, cut_heard) = watch::channel(0);
        let (listens, listening) = watch::channel(true);
        let (accepted, given_up) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let links = Links { upstream, modes, cut_heard, accepted: accepted.clone(), given_up: given_up.clone() };
        let task = tokio::spawn(run(socket.listen(1024)?, addr, links, listens));
        Ok(Self { addr, mode, cuts, listening, accepted, given_up, task })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes what happens, to open connections too. When it returns, a refusal (or its end) is in force.
    ///
    /// # Panics
    /// When the proxy has lost its port.
    pub async fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
        let mut listening = self.listening.clone();
        let settled = listening.wait_for(|listens| *listens == (mode != Mode::Refuse)).await;
        drop(settled.expect("the proxy runs"));
    }

    /// Resets every open connection; new ones follow the mode.
    pub fn cut(&self) {
        self.cuts.send_modify(|n| *n += 1);
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that the upstream has ended or broken so far.
    #[must_use]
    pub fn given_up(&self) -> usize {
        self.given_up.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bound, not listening: the kernel refuses connections, and nobody else gets the port.
fn socket_at(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Two sockets hold the port for a moment while one takes over from the other.
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

#[derive(Clone)]
struct Links {
    upstream: SocketAddr,
    modes: watch::Receiver<Mode>,
    cut_heard: watch::Receiver<usize>,
    accepted: Arc<AtomicUsize>,
    given_up: Arc<AtomicUsize>,
}

async fn run(mut listener: TcpListener, addr: SocketAddr, links: Links, listens: watch::Sender<bool>) {
    let mut modes = links.modes.clone();
    loop {
        accept(listener, &links, &mut modes).await;
        // `accept` ended with the listener and all connections: hold the port, refuse.
        let Ok(held) = socket_at(addr) else { return };
        listens.send_replace(false);
        if modes.wait_for(|mode| *mode != Mode::Refuse).await.is_err() {
            return;
        }
        let Ok(again) = held.listen(1024) else { return };
        listener = again;
        listens.send_replace(true);
    }
}

/// Serves until the mode is a refusal.
async fn accept(listener: TcpListener, links: &Links, modes: &mut watch::Receiver<Mode>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                links.accepted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(link(client, links.clone()));
            },
            _ = modes.wait_for(|mode| *mode == Mode::Refuse) => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

async fn link(mut client: TcpStream, links: Links) {
    let (mut modes, mut cut_heard) = (links.modes.clone(), links.cut_heard.clone());
    cut_heard.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(links.upstream).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let broken = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump(from_client, to_server, Direction::Up, &links);
        let down = pump(from_server, to_client, Direction::Down, &links);
        let both = async { tokio::try_join!(up, down) };
        tokio::select! {
            ended = both => ended.is_err(),
            _ = cut_heard.changed() => true,
            _ = modes.wait_for(|mode| *mode == Mode::Refuse) => true,
        }
    };
    if broken {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// What was read goes on after its delay while more is read: a long way, not a narrow one.
async fn pump(
    from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    direction: Direction,
    links: &Links,
) -> io::Result<()> {
    let (way, mut arriving) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let deliver = async {
        while let Some((due, piece)) = arriving.recv().await {
            tokio::time::sleep_until(due).await;
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(take(from, way, direction, links), deliver).map(|_| ())
}

/// Reads to the end; what the mode lets through is put on the way.
async fn take(
    mut from: impl AsyncReadExt + Unpin,
    way: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
    direction: Direction,
    links: &Links,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await;
        if direction == Direction::Down && read.as_ref().map_or(true, |count| *count == 0) {
            links.given_up.fetch_add(1, Ordering::SeqCst);
        }
        let count = read?;
        let mode = *links.modes.borrow();
        match mode {
            Mode::HalfOpen => silent(count).await?,
            Mode::DropResponses if direction == Direction::Down => silent(count).await?,
            Mode::CutResponses if direction == Direction::Down => {
                return Err(io::Error::other("cut on purpose"));
            }
            Mode::Delay(_) | Mode::Forward | Mode::DropResponses | Mode::CutResponses | Mode::Refuse => {
                if count == 0 {
                    return Ok(());
                }
                let late = if let Mode::Delay(time) = mode { time } else { Duration::ZERO };
                let _ = way.send((Instant::now() + late, buffer[..count].to_vec()));
            }
        }
    }
}

/// Nobody is told of an end either: the side that left is simply not heard of any more.
async fn silent(count: usize) -> io::Result<()> {
    match count {
        0 => std::future::pending().await,
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::within;

    const SHORT: Duration = Duration::from_secs(5);

    /// Says back what it hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = socket.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        addr
    }

    async fn say(socket: &mut TcpStream, word: &[u8; 4]) -> io::Result<[u8; 4]> {
        socket.write_all(word).await?;
        let mut back = [0; 4];
        within(SHORT, "an echo", socket.read_exact(&mut back)).await?;
        Ok(back)
    }

    /// True where nothing comes within a tenth of a second.
    async fn stays_silent(socket: &mut TcpStream) -> bool {
        let mut byte = [0; 1];
        tokio::time::timeout(Duration::from_millis(100), socket.read(&mut byte)).await.is_err()
    }

    #[tokio::test]
    async fn forwards_delays_and_cuts() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut socket = TcpStream::connect(proxy.addr()).await.unwrap();
        assert_eq!(say(&mut socket, b"ping").await.unwrap(), *b"ping");
        proxy.set(Mode::Delay(Duration::from_millis(60))).await;
        let start = std::time::Instant::now();
        assert_eq!(say(&mut socket, b"slow").await.unwrap(), *b"slow");
        assert!(start.elapsed() >= Duration::from_millis(120));
        proxy.cut();
        assert!(say(&mut socket, b"gone").await.is_err());
        assert_eq!(proxy.accepted(), 1);
    }

    #[tokio::test]
    async fn pieces_are_read_while_the_one_before_is_on_its_way() {
        let (_mode, modes) = watch::channel(Mode::Delay(Duration::from_secs(3600)));
        let (_cut, cut_heard) = watch::channel(0);
        let upstream = (Ipv4Addr::LOCALHOST, 1).into();
        let links = Links { upstream, modes, cut_heard, accepted: Arc::default(), given_up: Arc::default() };
        // One word fits on each side of the proxy.
        let ((mut said, from), (to, _heard)) = (tokio::io::duplex(4), tokio::io::duplex(4));
        tokio::spawn(async move { pump(from, to, Direction::Up, &links).await });
        let spoken = async {
            for word in [b"one.", b"two.", b"six."] {
                said.write_all(word).await.unwrap();
            }
        };
        within(SHORT, "three words are read", spoken).await;
    }

    #[tokio::test]
    async fn half_open_and_dropped_responses_tell_nobody() {
        for mode in [Mode::HalfOpen, Mode::DropResponses] {
            let proxy = Proxy::start(echo().await).await.unwrap();
            let mut socket = TcpStream::connect(proxy.addr()).await.unwrap();
            assert_eq!(say(&mut socket, b"ping").await.unwrap(), *b"ping");
            proxy.set(mode).await;
            socket.write_all(b"lost").await.unwrap();
            assert!(stays_silent(&mut socket).await, "{mode:?}");
        }
    }

    #[tokio::test]
    async fn cut_responses_close_instead_of_answering() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Mode::CutResponses).await;
        let mut socket = TcpStream::connect(proxy.addr()).await.unwrap();
        assert!(say(&mut socket, b"ping").await.is_err());
    }

    #[tokio::test]
    async fn refuses_and_comes_back_on_the_same_port() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Mode::Refuse).await;
        let refused = TcpStream::connect(proxy.addr()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        proxy.set(Mode::Forward).await;
        let mut socket = TcpStream::connect(proxy.addr()).await.unwrap();
        assert_eq!(say(&mut socket, b"back").await.unwrap(), *b"back");
    }
}
