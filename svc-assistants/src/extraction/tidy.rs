//! The last step of every format: one normal form of text, and the limits of the result.

use unicode_normalization::UnicodeNormalization;

use super::{Extracted, ExtractionFailure, FailureReason, PAGES_MAX, Page, TEXT_BYTES_MAX};

/// Tidies each page, drops those without text, and checks the limits.
pub(super) fn finish(raw: Extracted) -> Result<Extracted, ExtractionFailure> {
    if raw.pages.len() > PAGES_MAX {
        return Err(ExtractionFailure::new(
            FailureReason::LimitExceeded,
            format!("{} pages, at most {PAGES_MAX} are kept", raw.pages.len()),
        ));
    }
    let mut text_bytes = 0;
    let mut pages = Vec::new();
    for page in raw.pages {
        let text = tidy(&page.text);
        text_bytes += text.len();
        if text_bytes > TEXT_BYTES_MAX {
            return Err(ExtractionFailure::new(
                FailureReason::LimitExceeded,
                format!("more than {TEXT_BYTES_MAX} bytes of text"),
            ));
        }
        if text.chars().any(char::is_alphanumeric) {
            pages.push(Page { number: page.number, text });
        }
    }
    if pages.is_empty() {
        return Err(ExtractionFailure::new(FailureReason::Empty, "the file holds no letter and no digit"));
    }
    Ok(Extracted { pages, warnings: raw.warnings })
}

/// NFC, `\n` ends, no invisible characters, no spaces at line ends, at most one empty line in a row.
///
/// Indentation at the beginning of a line stays: it carries the structure of lists and code.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty_lines = 0;
    for line in text.replace("\r\n", "\n").split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{c}', '\u{b}']) {
        let start = tidied.len();
        tidied.extend(line.chars().filter_map(visible).nfc());
        let end = tidied.trim_end().len().max(start);
        tidied.truncate(end);
        if tidied.len() > start {
            empty_lines = 0;
        } else {
            empty_lines += 1;
        }
        if empty_lines < 2 && !tidied.is_empty() {
            tidied.push('\n');
        }
    }
    tidied.truncate(tidied.trim_end().len());
    tidied
}

fn visible(symbol: char) -> Option<char> {
    match symbol {
        '\t' => Some('\t'),
        // Hard spaces and their kin break the search for a phrase.
        '\u{a0}' | '\u{2007}' | '\u{202f}' => Some(' '),
        // Soft hyphen, zero width and direction marks, byte order mark.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => None,
        other if other.is_control() => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_one_normal_form() {
        let raw = "\u{feff}Доста\u{ad}вка\r\n\u{200b}и\u{306}\u{a0}1\r\n\r\n\r\n\r\nдва\0  \n  три\n";
        assert_eq!(tidy(raw), "Доставка\nй 1\n\nдва\n  три");
    }

    #[test]
    fn too_many_pages_are_refused() {
        let pages = (0..=PAGES_MAX as u32).map(|number| Page { number, text: "x".into() }).collect();
        let outcome = finish(Extracted { pages, warnings: Vec::new() });
        assert_eq!(outcome.map_err(|failure| failure.reason), Err(FailureReason::LimitExceeded));
    }
}
