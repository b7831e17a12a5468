//! Follows the framing of HTTP/1 requests and finds what two readers could understand differently (RFC 9112 §5.2, §6.3):
//! a line that ends in a bare LF, a folded line, two lengths, a length beside chunks. The parser behind it is milder.

/// So much of a header line is kept: enough for the names and the length that frame a message.
const KEPT: usize = 64;

/// Where in a connection's requests the bytes stand.
#[derive(Debug, Default)]
pub struct Heads {
    state: State,
    line: Line,
    head: Head,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// In a head, or between two requests.
    #[default]
    Head,
    /// In a body of known length.
    Body(u64),
    /// In the line with a chunk's size.
    ChunkSize,
    /// In a chunk; its closing CRLF is counted in.
    Chunk(u64),
    /// Behind the last chunk.
    Trailers,
    /// Another protocol, or a body that the parser is about to refuse.
    Opaque,
}

#[derive(Debug)]
struct Line {
    kept: [u8; KEPT],
    length: usize,
    after_cr: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { kept: [0; KEPT], length: 0, after_cr: false }
    }
}

#[derive(Debug, Default)]
struct Head {
    begun: bool,
    lengths: u32,
    length: u64,
    chunked: bool,
    upgrade: bool,
}

impl Heads {
    /// Whether a request has begun that is not yet whole.
    #[must_use]
    pub fn midway(&self) -> bool {
        match self.state {
            State::Head => self.head.begun || self.line.length > 0 || self.line.after_cr,
            State::Opaque => false,
            _ => true,
        }
    }

    /// Follows the next bytes; answers the place of the first one that must not be believed.
    pub fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match &mut self.state {
                State::Opaque => return None,
                State::Body(left) | State::Chunk(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    *left -= here as u64;
                    at += here;
                    if *left == 0 {
                        let chunked = matches!(self.state, State::Chunk(_));
                        self.state = if chunked { State::ChunkSize } else { State::Head };
                    }
                    continue;
                }
                State::Head => {
                    if self.head(*byte) {
                        return Some(at);
                    }
                }
                State::ChunkSize | State::Trailers => self.chunk_line(*byte),
            }
            at += 1;
        }
        None
    }

    /// One byte of a head; whether it offends.
    fn head(&mut self, byte: u8) -> bool {
        let after_cr = self.line.after_cr;
        match byte {
            b'\n' if after_cr => return self.end_of_head_line(),
            b'\n' => return true,
            _ if after_cr => return true,
            b' ' | b'\t' if self.line.length == 0 && self.head.begun => return true,
            _ => self.line.push(byte),
        }
        false
    }

    fn end_of_head_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if line.length > 0 {
            self.head.line(&line);
            return false;
        }
        let head = std::mem::take(&mut self.head);
        if head.lengths > 1 || (head.lengths == 1 && head.chunked) {
            return true;
        }
        self.state = match head {
            Head { upgrade: true, .. } => State::Opaque,
            Head { chunked: true, .. } => State::ChunkSize,
            Head { length: 0, .. } => State::Head,
            Head { length, .. } => State::Body(length),
        };
        false
    }

    /// One byte of a chunk's size or of the trailers. What is malformed here the parser refuses itself.
    fn chunk_line(&mut self, byte: u8) {
        if byte != b'\n' {
            return self.line.push(byte);
        }
        let line = std::mem::take(&mut self.line);
        self.state = match self.state {
            State::Trailers if line.length == 0 => State::Head,
            State::Trailers => State::Trailers,
            _ => match line.hex() {
                Some(0) => State::Trailers,
                Some(size) => State::Chunk(size.saturating_add(2)),
                None => State::Opaque,
            },
        };
    }
}

impl Line {
    fn push(&mut self, byte: u8) {
        self.after_cr = byte == b'\r';
        if self.after_cr {
            return;
        }
        if let Some(place) = self.kept.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    fn kept(&self) -> &[u8] {
        self.kept.get(..self.length).unwrap_or(&self.kept)
    }

    fn hex(&self) -> Option<u64> {
        let digits = self.kept().split(|b| !b.is_ascii_hexdigit()).next()?;
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

impl Head {
    fn line(&mut self, line: &Line) {
        // The first one is the request's.
        if !std::mem::replace(&mut self.begun, true) {
            return;
        }
        let mut parts = line.kept().splitn(2, |b| *b == b':');
        let (name, value) = (parts.next().unwrap_or_default().trim_ascii(), parts.next().unwrap_or_default());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            // What is no number the parser refuses.
            let text = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
            self.length = text.parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of the first offence, the same however the bytes are cut.
    fn offence(text: &str) -> Option<usize> {
        let whole = Heads::default().follow(text.as_bytes());
        let mut heads = Heads::default();
        let by_bytes = text.bytes().position(|b| heads.follow(&[b]).is_some());
        assert_eq!(whole, by_bytes, "{text:?}");
        whole
    }

    #[test]
    fn e_9_ambiguous_framing_is_found_where_it_stands() {
        assert_eq!(offence("GET / HTTP/1.1\nHost: a\r\n\r\n"), Some(14));
        assert_eq!(offence("GET / HTTP/1.1\r\nHost: a\n\r\n"), Some(23));
        assert_eq!(offence("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), Some(25));
        assert!(offence("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n").is_some());
        assert!(offence("POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\ncontent-length: 1\r\n\r\n").is_some());
        assert!(offence("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx").is_some());
        assert!(offence("GET / HTTP/1.1\rHost: a\r\n\r\n").is_some());
    }

    #[test]
    fn bodies_are_passed_over_and_the_next_head_is_read() {
        let first = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\na\nb\n c\n\nd";
        assert_eq!(offence(first), None);
        assert_eq!(offence(&format!("{first}GET / HTTP/1.1\n")), Some(first.len() + 14));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n\n\n\n\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(offence(chunked), None);
        assert_eq!(
            offence(&format!("{chunked}\r\nGET / HTTP/1.1\r\n\r\n{first}X\n")),
            Some(chunked.len() + 20 + first.len() + 1)
        );
        assert_eq!(offence("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n\n\n"), None);
    }

    #[test]
    fn a_request_is_midway_until_its_last_byte() {
        let text = b"\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab";
        let mut heads = Heads::default();
        assert!(!heads.midway());
        for (i, byte) in text.iter().enumerate() {
            assert_eq!(heads.follow(&[*byte]), None);
            // The empty line before it belongs to no request.
            assert_eq!(heads.midway(), i != 1 && i + 1 < text.len(), "{i}");
        }
    }
}
