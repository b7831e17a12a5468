//! Reads subject and texts of a letter: enough of MIME for what the product sends.
//!
//! Unknown encodings come out as they are; nothing here fails.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Parts within parts at most.
const DEPTH_MAX: usize = 5;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What can be read in a letter.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Reads a raw letter.
pub fn read(raw: &[u8]) -> Content {
    let mut content = Content::default();
    let part = Part::split(raw);
    content.subject = decode_words(&part.header("subject"));
    part.collect(&mut content, DEPTH_MAX);
    content
}

struct Part<'a> {
    headers: String,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    fn split(raw: &'a [u8]) -> Self {
        let end = [&b"\r\n\r\n"[..], b"\n\n"]
            .into_iter()
            .filter_map(|gap| Some((find(raw, gap)?, gap.len())))
            .min()
            .unwrap_or((raw.len(), 0));
        let (at, gap) = end;
        Self { headers: String::from_utf8_lossy(&raw[..at]).into_owned(), body: &raw[at + gap..] }
    }

    /// A header's value, its folded lines joined; empty where it is missing.
    fn header(&self, name: &str) -> String {
        let mut value: Option<String> = None;
        for line in self.headers.lines() {
            if line.starts_with([' ', '\t']) {
                if let Some(value) = &mut value {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if value.is_some() {
                break;
            } else if let Some((key, rest)) = line.split_once(':')
                && key.trim().eq_ignore_ascii_case(name)
            {
                value = Some(rest.trim().to_owned());
            }
        }
        value.unwrap_or_default()
    }

    fn collect(&self, content: &mut Content, depth: usize) {
        let kind = self.header("content-type");
        let lower = kind.to_ascii_lowercase();
        if lower.starts_with("multipart/") {
            let Some(boundary) = parameter(&kind, "boundary").filter(|_| depth > 0) else { return };
            for part in parts(self.body, &boundary) {
                Part::split(part).collect(content, depth - 1);
            }
        } else if lower.starts_with("text/html") {
            content.html.push_str(&self.decoded());
        } else if lower.is_empty() || lower.starts_with("text/plain") {
            content.text.push_str(&self.decoded());
        }
    }

    fn decoded(&self) -> String {
        let bytes = match self.header("content-transfer-encoding").to_ascii_lowercase().as_str() {
            "base64" => decode_base64(self.body).unwrap_or_else(|| self.body.to_vec()),
            "quoted-printable" => decode_quoted(self.body, false),
            _ => self.body.to_vec(),
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// `boundary` of `multipart/mixed; boundary="x"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let marker = format!("--{boundary}");
    let mut found = Vec::new();
    let mut rest = body;
    let mut inside = false;
    while let Some(at) = find(rest, marker.as_bytes()) {
        if inside {
            found.push(trim_end_line(&rest[..at]));
        }
        rest = &rest[at + marker.len()..];
        if rest.starts_with(b"--") {
            break;
        }
        inside = true;
        // The rest of the marker's line.
        rest = find(rest, b"\n").map_or(&rest[rest.len()..], |end| &rest[end + 1..]);
    }
    found
}

fn trim_end_line(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(packed).ok()
}

/// Quoted-printable; in a header's word an underscore is a space.
fn decode_quoted(text: &[u8], in_word: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (*byte, after) {
            (b'=', [b'\r', b'\n', next @ ..] | [b'\n', next @ ..]) => rest = next,
            (b'=', [high, low, next @ ..]) => {
                if let Some(byte) = hex_pair(*high, *low) {
                    decoded.push(byte);
                    rest = next;
                } else {
                    decoded.push(b'=');
                }
            }
            (b'_', _) if in_word => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
    }
    decoded
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Decodes `=?utf-8?b?…?=` words; space between two of them is no space.
fn decode_words(header: &str) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = header;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let (before, word) = rest.split_at(at);
        let Some((decoded, next)) = decode_word(word) else {
            bytes.extend_from_slice(before.as_bytes());
            bytes.extend_from_slice(b"=?");
            (rest, after_word) = (&word[2..], false);
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            bytes.extend_from_slice(before.as_bytes());
        }
        bytes.extend_from_slice(&decoded);
        (rest, after_word) = (next, true);
    }
    bytes.extend_from_slice(rest.as_bytes());
    // Decoded only at the end: a character may be split over two words.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn decode_word(word: &str) -> Option<(Vec<u8>, &str)> {
    let (_charset, rest) = word.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (text, rest) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => decode_base64(text.as_bytes())?,
        "Q" | "q" => decode_quoted(text.as_bytes(), true),
        _ => return None,
    };
    Some((bytes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_letter_is_read() {
        let content = read(b"Subject: Hi\r\nX: y\r\n\r\nLine\r\n");
        assert_eq!(content, Content { subject: "Hi".into(), text: "Line\r\n".into(), html: String::new() });
    }

    #[test]
    fn a_russian_letter_in_parts_is_read() {
        let raw = "Subject: =?utf-8?b?0JrQvtC0?=\r\n =?utf-8?q?_123_=D0=B4?=\r\n\
            Content-Type: multipart/alternative; boundary=\"bb\"\r\n\r\npreamble\r\n--bb\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            =D0=9A=D0=BE=D0=B4: 12=\r\n3\r\n--bb\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nPGI+MTIzPC9i\r\nPg==\r\n--bb--\r\n";
        let content = read(raw.as_bytes());
        assert_eq!(content.subject, "Код 123 д");
        assert_eq!(content.text, "Код: 123");
        assert_eq!(content.html, "<b>123</b>");
    }

    #[test]
    fn broken_letters_are_shown_as_they_are() {
        assert_eq!(read(b"").text, "");
        assert_eq!(read(b"Subject: =?utf-8?b?%%?= =?x\r\n\r\n").subject, "=?utf-8?b?%%?= =?x");
        assert_eq!(read(b"Content-Transfer-Encoding: base64\n\n\xff\xfe").text, "\u{fffd}\u{fffd}");
        assert_eq!(read(b"Content-Transfer-Encoding: quoted-printable\n\na=zz=").text, "a=zz=");
        assert_eq!(read(b"Content-Type: multipart/mixed\n\nx").text, "");
        let nested = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(50);
        assert_eq!(read(nested.as_bytes()).text, "");
    }
}
