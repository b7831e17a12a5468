//! What the child says to its parent: frames of kind, number, length and UTF-8 bytes.
//!
//! Lengths are checked against what is still allowed before anything is allocated, so a child that a file
//! has taken over cannot make the parent large.

use std::io::{self, Read, Write};

use super::{Extracted, ExtractionFailure, FailureReason, PAGES_MAX, Page, TEXT_BYTES_MAX};

const PAGE: u8 = b'P';
const WARNING: u8 = b'W';
const DONE: u8 = b'D';
const FAILURE: u8 = b'F';

const WARNINGS_MAX: usize = 100;
const REMARK_BYTES_MAX: usize = 2_000;

/// Writes the whole outcome.
pub(super) fn write(out: &mut impl Write, outcome: &Result<Extracted, ExtractionFailure>) -> io::Result<()> {
    match outcome {
        Ok(extracted) => {
            for page in &extracted.pages {
                write_frame(out, PAGE, page.number, &page.text)?;
            }
            for warning in extracted.warnings.iter().take(WARNINGS_MAX) {
                write_frame(out, WARNING, 0, clip(warning))?;
            }
            write_frame(out, DONE, 0, "")?;
        }
        Err(failure) => {
            let number = FailureReason::ALL
                .iter()
                .position(|reason| *reason == failure.reason)
                .and_then(|index| u32::try_from(index).ok())
                .unwrap_or(0);
            write_frame(out, FAILURE, number, clip(&failure.detail))?;
        }
    }
    out.flush()
}

fn write_frame(out: &mut impl Write, kind: u8, number: u32, text: &str) -> io::Result<()> {
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    out.write_all(&[kind])?;
    out.write_all(&number.to_be_bytes())?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(text.as_bytes())
}

fn clip(text: &str) -> &str {
    let mut end = text.len().min(REMARK_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Reads until the outcome is whole. `Ok(None)`: the stream ended before it, which means that the child died.
pub(super) fn read(input: &mut impl Read) -> Result<Option<Extracted>, ExtractionFailure> {
    let mut extracted = Extracted::default();
    let mut text_bytes_left = TEXT_BYTES_MAX;
    loop {
        let mut head = [0u8; 9];
        if input.read_exact(&mut head).is_err() {
            return Ok(None);
        }
        let [kind, n0, n1, n2, n3, l0, l1, l2, l3] = head;
        let number = u32::from_be_bytes([n0, n1, n2, n3]);
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let allowed = if kind == PAGE { text_bytes_left } else { REMARK_BYTES_MAX };
        if length > allowed {
            return Err(ExtractionFailure::new(
                FailureReason::LimitExceeded,
                format!("the child sent {length} bytes where {allowed} were left"),
            ));
        }
        let mut payload = vec![0u8; length];
        if input.read_exact(&mut payload).is_err() {
            return Ok(None);
        }
        let Ok(text) = String::from_utf8(payload) else {
            return Err(unreadable());
        };
        match kind {
            PAGE if extracted.pages.len() < PAGES_MAX => {
                text_bytes_left -= length;
                extracted.pages.push(Page { number, text });
            }
            WARNING if extracted.warnings.len() < WARNINGS_MAX => extracted.warnings.push(text),
            DONE => return Ok(Some(extracted)),
            FAILURE => {
                let reason = FailureReason::ALL.get(number as usize).copied();
                return Err(reason.map_or_else(unreadable, |reason| ExtractionFailure::new(reason, text)));
            }
            PAGE | WARNING => {
                return Err(ExtractionFailure::new(
                    FailureReason::LimitExceeded,
                    "the child sent more pages or warnings than are allowed",
                ));
            }
            _ => return Err(unreadable()),
        }
    }
}

fn unreadable() -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::ExtractionCrashed, "the child answered with a frame that cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_survives_the_pipe() {
        let extracted =
            Extracted { pages: vec![Page { number: 7, text: "текст".into() }], warnings: vec!["one".into()] };
        let mut wire = Vec::new();
        write(&mut wire, &Ok(extracted.clone())).unwrap();
        assert_eq!(read(&mut wire.as_slice()), Ok(Some(extracted)));
        wire.pop();
        wire.truncate(wire.len() - 5);
        assert_eq!(read(&mut wire.as_slice()), Ok(None), "a cut stream is no outcome");
        for reason in FailureReason::ALL {
            let failure = ExtractionFailure::new(reason, "why");
            let mut wire = Vec::new();
            write(&mut wire, &Err(failure.clone())).unwrap();
            assert_eq!(read(&mut wire.as_slice()), Err(failure));
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_it_is_allocated() {
        let mut wire = vec![PAGE, 0, 0, 0, 1];
        wire.extend(u32::MAX.to_be_bytes());
        let failure = read(&mut wire.as_slice()).unwrap_err();
        assert_eq!(failure.reason, FailureReason::LimitExceeded);
    }
}
