//! A connection as the bytes come in: what the parsers behind it would let pass is refused here.
//!
//! A request of HTTP/1, or a frame of HTTP/2, arrives whole within `WHOLE` of its first byte, the first one within `WHOLE`
//! of the connection's beginning.

mod frames;
mod heads;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use self::{frames::Frames, heads::Heads};

/// How long a request or a frame may take to arrive.
pub const WHOLE: Duration = Duration::from_secs(20);
/// What an HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// No head may hold the first byte, and the parser looks at a head when its end is there: it answers 400 and closes.
const POISON: &[u8] = b"\0\r\n\r\n";

/// A stream whose incoming bytes are watched.
pub struct Wire<S> {
    stream: S,
    speaks: Speaks,
    /// What is left of the poison; nothing but it is read any more.
    poison: Option<&'static [u8]>,
    whole: Duration,
    late: Option<Pin<Box<Sleep>>>,
}

enum Speaks {
    /// So many bytes of HTTP/2's preface came, and nothing else.
    Unknown(usize),
    Http1(Heads),
    Http2(Frames),
}

enum Refusal {
    /// The byte at this place makes the request ambiguous.
    Ambiguous(usize),
    /// Too many idle frames.
    Flood,
}

impl<S> Wire<S> {
    /// Watches a stream from its first byte on; `whole` is how long a request or a frame may take.
    pub fn new(stream: S, whole: Duration) -> Self {
        let late = Some(Box::pin(tokio::time::sleep(whole)));
        Self { stream, speaks: Speaks::Unknown(0), poison: None, whole, late }
    }

    fn give_poison(&mut self, buffer: &mut ReadBuf<'_>) {
        let left = self.poison.unwrap_or_default();
        let (now, then) = left.split_at(left.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.poison = Some(then);
    }

    /// What came behind `before`.
    fn came(&mut self, before: usize, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        match self.speaks.follow(&buffer.filled()[before..], Instant::now()) {
            Ok(()) => {}
            Err(Refusal::Ambiguous(at)) => {
                buffer.set_filled(before + at);
                self.poison = Some(POISON);
                self.give_poison(buffer);
            }
            Err(Refusal::Flood) => return Err(io::Error::other("too many idle HTTP/2 frames")),
        }
        if !self.speaks.midway() {
            self.late = None;
        } else if self.late.is_none() {
            self.late = Some(Box::pin(tokio::time::sleep(self.whole)));
        }
        Ok(())
    }
}

impl Speaks {
    fn midway(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Http1(heads) => heads.midway(),
            Self::Http2(frames) => frames.midway(),
        }
    }

    fn follow(&mut self, bytes: &[u8], now: Instant) -> Result<(), Refusal> {
        match self {
            Self::Http1(heads) => heads.follow(bytes).map_or(Ok(()), |at| Err(Refusal::Ambiguous(at))),
            Self::Http2(frames) => frames.follow(bytes, now).then_some(()).ok_or(Refusal::Flood),
            Self::Unknown(matched) => {
                let expected = &PREFACE[*matched..];
                let same = bytes.iter().zip(expected).take_while(|(a, b)| a == b).count();
                let (begun, came) = (*matched, bytes.get(same..).unwrap_or_default());
                *matched += same;
                if *matched == PREFACE.len() {
                    *self = Self::Http2(Frames::default());
                    return self.follow(came, now);
                }
                if came.is_empty() {
                    return Ok(());
                }
                // The preface's beginning is the beginning of an HTTP/1 head too; nothing in it offends.
                let mut heads = Heads::default();
                heads.follow(&PREFACE[..begun]);
                *self = Self::Http1(heads);
                self.follow(bytes, now)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poison.is_some() {
            self.give_poison(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            let read =
                read.and_then(|()| if buffer.filled().len() > before { self.came(before, buffer) } else { Ok(()) });
            return Poll::Ready(read);
        }
        let late = self.late.as_mut().is_some_and(|late| late.as_mut().poll(context).is_ready());
        if late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SHORT: Duration = Duration::from_millis(40);

    /// What a reader behind the wire gets of these pieces, and how it ends.
    async fn read(pieces: &[&[u8]]) -> (Vec<u8>, io::Result<usize>) {
        let (mut client, server) = tokio::io::duplex(4_096);
        let mut wire = Wire::new(server, SHORT);
        for piece in pieces {
            client.write_all(piece).await.unwrap();
        }
        let mut all = vec![];
        let mut part = [0; 512];
        // An open connection that is at rest would be waited for without end.
        while let Ok(read) = tokio::time::timeout(3 * SHORT, wire.read(&mut part)).await {
            match read {
                Ok(0) | Err(_) => return (all, read),
                Ok(n) => all.extend_from_slice(&part[..n]),
            }
        }
        (all, Ok(usize::MAX))
    }

    #[tokio::test]
    async fn e_11_what_does_not_arrive_whole_in_time_ends_the_connection() {
        // trust: E-11
        let preface = PREFACE;
        let crawling: [&[&[u8]]; 6] = [
            &[],
            &[b"P"],
            &[b"GET / HT"],
            &[b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"],
            &[b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"],
            &[preface, &[0, 0, 4, 8]],
        ];
        for pieces in crawling {
            let (_, ended) = read(pieces).await;
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut, "{pieces:?}");
        }
        for whole in [&[&b"GET / HTTP/1.1\r\n\r\n"[..]][..], &[preface, &[0, 0, 0, 4, 0, 0, 0, 0, 0]]] {
            assert_eq!(read(whole).await.1.unwrap(), usize::MAX, "{whole:?}");
        }
    }

    #[tokio::test]
    async fn e_9_the_parser_is_given_what_it_refuses() {
        // trust: E-9
        let (all, ended) = read(&[b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"]).await;
        assert_eq!(all, b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n");
        assert_eq!(ended.unwrap(), 0);
        // The preface's own beginning stands in an HTTP/1 request too.
        let (all, _) = read(&[b"PRI", b" /x HTTP/1.1\r\nHost: a\n"]).await;
        assert_eq!(all, b"PRI /x HTTP/1.1\r\nHost: a\0\r\n\r\n");
    }
}
