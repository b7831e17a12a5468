//! The receiving half of SMTP, as much of it as a mail client needs.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::store::{Letter, Store};

/// A letter's size at most, in bytes.
const LETTER_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Twice what RFC 5321 asks for a command, and room for its longest text line.
const LINE_BYTES_MAX: u64 = 4096;
const RECEIVERS_MAX: usize = 100;
const CONNECTIONS_MAX: usize = 100;
/// A client that is silent this long is cut off.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Takes mail until `stop`.
pub async fn serve(listener: TcpListener, store: Arc<Store>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            // Ended sessions are taken off as they come.
            Some(_) = sessions.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(seat) = room.clone().try_acquire_owned() else { continue };
        let store = store.clone();
        sessions.spawn(async move {
            let _seat = seat;
            if let Err(error) = Session::new(stream).run(&store).await {
                tracing::debug!("a mail session broke off: {error}");
            }
        });
    }
}

struct Session<S> {
    stream: BufReader<S>,
    from: Option<String>,
    to: Vec<String>,
}

enum Next {
    Go,
    End,
}

impl Session<TcpStream> {
    fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream), from: None, to: Vec::new() }
    }

    async fn run(mut self, store: &Store) -> std::io::Result<()> {
        self.say("220 neipix mailbox").await?;
        loop {
            let line = match self.line().await? {
                Line::End => return Ok(()),
                Line::TooLong => {
                    self.say("500 line too long").await?;
                    continue;
                }
                Line::Text(line) => String::from_utf8_lossy(&line).into_owned(),
            };
            if let Next::End = self.obey(&line, store).await? {
                return Ok(());
            }
        }
    }

    async fn obey(&mut self, line: &str, store: &Store) -> std::io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                self.forget();
                let size = format!("250-neipix\r\n250-SIZE {LETTER_BYTES_MAX}\r\n250-8BITMIME\r\n250 SMTPUTF8");
                self.say(&size).await?;
            }
            "HELO" => {
                self.forget();
                self.say("250 neipix").await?;
            }
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.receiver(rest).await?,
            "DATA" if !rest.is_empty() => self.say("501 DATA takes no arguments").await?,
            "DATA" => self.data(store).await?,
            "RSET" => {
                self.forget();
                self.say("250 forgotten").await?;
            }
            "NOOP" => self.say("250 here").await?,
            "VRFY" => self.say("252 try it").await?,
            "QUIT" => {
                self.say("221 bye").await?;
                return Ok(Next::End);
            }
            _ => self.say("502 command not known").await?,
        }
        Ok(Next::Go)
    }

    async fn mail(&mut self, rest: &str) -> std::io::Result<()> {
        let Some((from, options)) = path(rest, "FROM:") else {
            return self.say("501 say MAIL FROM:<address>").await;
        };
        let size = options.split(' ').find_map(|option| {
            let (name, value) = option.split_once('=')?;
            name.eq_ignore_ascii_case("SIZE").then(|| value.parse::<usize>().ok())?
        });
        if size.is_some_and(|size| size > LETTER_BYTES_MAX) {
            return self.say("552 the letter is too large: 10 MB at most").await;
        }
        self.forget();
        self.from = Some(from);
        self.say("250 sender noted").await
    }

    async fn receiver(&mut self, rest: &str) -> std::io::Result<()> {
        if self.from.is_none() {
            return self.say("503 MAIL comes first").await;
        }
        match path(rest, "TO:") {
            Some((to, _)) if !to.is_empty() => {
                if self.to.len() >= RECEIVERS_MAX {
                    return self.say("452 too many receivers").await;
                }
                self.to.push(to);
                self.say("250 receiver noted").await
            }
            _ => self.say("501 say RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self, store: &Store) -> std::io::Result<()> {
        if self.to.is_empty() {
            return self.say("503 RCPT comes first").await;
        }
        self.say("354 end with a dot on a line of its own").await?;
        let body = self.body().await?;
        let Some(from) = self.from.take() else { return self.say("503 MAIL comes first").await };
        let to = std::mem::take(&mut self.to);
        let Some(raw) = body else {
            return self.say("552 the letter is too large: 10 MB at most").await;
        };
        let letter = Letter::new(uuid::Uuid::now_v7(), chrono::Utc::now(), from, to, raw);
        match store.add(letter) {
            Ok(()) => self.say("250 kept").await,
            Err(error) => {
                tracing::error!("a letter could not be kept: {error:#}");
                self.say("451 could not be kept, try again").await
            }
        }
    }

    /// The letter without its dot-stuffing; `None` when it was larger than allowed.
    async fn body(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut body = Vec::new();
        let mut at_line_start = true;
        let mut whole = true;
        loop {
            // A line longer than the limit comes in pieces, of which only the first can begin with a dot.
            let mut piece = Vec::new();
            let count = self.piece(&mut piece).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let is_end = at_line_start && matches!(piece.as_slice(), b".\r\n" | b".\n");
            if is_end {
                return Ok(whole.then_some(body));
            }
            let text = if at_line_start && piece[0] == b'.' { &piece[1..] } else { &piece[..] };
            whole &= body.len() + text.len() <= LETTER_BYTES_MAX;
            if whole {
                body.extend_from_slice(text);
            } else {
                body.clear();
            }
            at_line_start = piece.ends_with(b"\n");
        }
    }

    async fn line(&mut self) -> std::io::Result<Line> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            let count = self.piece(&mut line).await?;
            if line.ends_with(b"\n") {
                break;
            }
            if count == 0 {
                return Ok(Line::End);
            }
            too_long = true;
            line.clear();
        }
        if too_long {
            return Ok(Line::TooLong);
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            line.pop();
        }
        Ok(Line::Text(line))
    }

    /// Reads up to a line's end, or as much of it as a line may have.
    async fn piece(&mut self, into: &mut Vec<u8>) -> std::io::Result<usize> {
        let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
        tokio::time::timeout(SILENCE_MAX, limited.read_until(b'\n', into)).await?
    }

    async fn say(&mut self, answer: &str) -> std::io::Result<()> {
        let answer = format!("{answer}\r\n");
        tokio::time::timeout(SILENCE_MAX, self.stream.get_mut().write_all(answer.as_bytes())).await?
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// The address in `FROM:<a@b> OPTIONS`, and the options.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let (start, tail) = rest.split_at_checked(keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, options) = tail.trim_start().strip_prefix('<')?.split_once('>')?;
    Some((address.to_owned(), options.trim()))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn an_envelope_address_is_read_with_and_without_options() {
        assert_eq!(path("FROM:<a@b>", "FROM:"), Some(("a@b".into(), "")));
        assert_eq!(path("from: <a@b> SIZE=3", "FROM:"), Some(("a@b".into(), "SIZE=3")));
        assert_eq!(path("FROM:<>", "FROM:"), Some((String::new(), "")));
        assert_eq!(path("FROM:a@b", "FROM:"), None);
        assert_eq!(path("я", "FROM:"), None);
    }
}
