//! Server-sent events out of bytes, however they are cut.

/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A line longer than the limit, or not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Collects the data of events. Lines end with LF, CR or CRLF, which may straddle two pieces.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    data: Option<String>,
    after_cr: bool,
}

impl Parser {
    /// Takes a piece of the stream and answers the data of the events that it completed.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, Malformed> {
        let mut events = vec![];
        for &byte in bytes {
            let straddles = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            match byte {
                b'\n' if straddles => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ if self.line.len() >= LINE_BYTES_MAX => return Err(Malformed),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    /// The end of the stream: a last event without its blank line still counts.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn finish(&mut self) -> Result<Option<String>, Malformed> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        Ok(self.data.take())
    }

    fn end_line(&mut self) -> Result<Option<String>, Malformed> {
        let bytes = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&bytes).map_err(|_| Malformed)?;
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        // An empty field name is a comment; names other than `data` say nothing that this protocol needs.
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) if data.len() + value.len() > LINE_BYTES_MAX => return Err(Malformed),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = Parser::default();
        let mut events: Vec<String> = pieces.iter().flat_map(|p| parser.feed(p).unwrap()).collect();
        events.extend(parser.finish().unwrap());
        events
    }

    #[test]
    fn a_letter_cut_in_two_and_comments_do_no_harm() {
        let pieces: [&[u8]; 4] = [b": keep-alive\n\ndata: \xD0", b"\xB0, \n", b"\n", b"event: x\nid: 1\ndata:b\n\n"];
        assert_eq!(all(&pieces), ["а, ", "b"]);
    }

    #[test]
    fn crlf_may_straddle_pieces_and_data_lines_are_joined() {
        let pieces: [&[u8]; 2] = [b"data:{\"a\":\r", b"\ndata:1}\r\n\r\ndata: [DONE]\r\n\r\n"];
        assert_eq!(all(&pieces), ["{\"a\":\n1}", "[DONE]"]);
    }

    #[test]
    fn a_last_event_without_its_blank_line_counts() {
        assert_eq!(all(&[b"data: a\n\ndata: b"]), ["a", "b"]);
        assert_eq!(all(&[b"data: a\r\rdata: b\r"]), ["a", "b"]);
    }

    #[test]
    fn endless_lines_and_broken_letters_are_refused() {
        assert_eq!(Parser::default().feed(&vec![b'a'; LINE_BYTES_MAX + 1]), Err(Malformed));
        assert_eq!(Parser::default().feed(b"data: \xFF\n"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(cuts in proptest::collection::vec(0usize..90, 0..6)) {
            let stream = "data: один\r\n\r\n: c\ndata:два\ndata: три\n\ndata: [DONE]\r\r".as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let mut events = vec![];
            let mut from = 0;
            for cut in cuts.into_iter().chain([stream.len()]) {
                events.extend(parser.feed(&stream[from..cut]).unwrap());
                from = cut;
            }
            events.extend(parser.finish().unwrap());
            prop_assert_eq!(events, ["один", "два\nтри", "[DONE]"]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut parser = Parser::default();
            let _ = parser.feed(&bytes);
            let _ = parser.finish();
        }
    }
}
