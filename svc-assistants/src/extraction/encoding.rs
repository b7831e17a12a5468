//! Which encoding a text is in, and the text.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{Extracted, ExtractionFailure, FailureReason, Page};

/// Share of characters that may be unreadable before the guess of the encoding counts as wrong: 1 in 100.
const UNREADABLE_ONE_IN: usize = 100;

/// Unreadable characters that say nothing about the guess: a text cut at both ends has so many.
const UNREADABLE_ALWAYS_BORNE: usize = 2;

/// A decoded text.
#[derive(Debug)]
pub(super) struct Decoded {
    pub text: String,
    pub warnings: Vec<String>,
}

impl Decoded {
    pub(super) fn into_single_page(self) -> Extracted {
        Extracted { pages: vec![Page { number: 1, text: self.text }], warnings: self.warnings }
    }
}

/// Decodes by byte order mark, else by the label that the file itself names, else by what it looks like.
pub(super) fn decode(bytes: &[u8], label: Option<&str>) -> Result<Decoded, ExtractionFailure> {
    let (encoding, told) = tell(bytes, label);
    // Removes the mark, if any.
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    let unreadable = text.matches('\u{fffd}').count();
    if unreadable > UNREADABLE_ALWAYS_BORNE && unreadable * UNREADABLE_ONE_IN > text.chars().count() {
        return Err(ExtractionFailure::new(
            FailureReason::Encoding,
            format!("{unreadable} unreadable characters as {}", encoding.name()),
        ));
    }
    let mut warnings = Vec::new();
    if told == Told::Guessed {
        warnings.push(format!("encoding guessed: {}", encoding.name()));
    }
    if unreadable > 0 {
        warnings.push(format!("{unreadable} characters could not be decoded"));
    }
    Ok(Decoded { text: text.into_owned(), warnings })
}

#[derive(PartialEq, Eq)]
enum Told {
    ByFile,
    Guessed,
}

fn tell(bytes: &[u8], label: Option<&str>) -> (&'static Encoding, Told) {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding, Told::ByFile);
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return (encoding, Told::Guessed);
    }
    if is_mostly_utf8(bytes) {
        return (UTF_8, Told::ByFile);
    }
    if let Some(encoding) = label.and_then(|label| Encoding::for_label(label.trim().as_bytes()))
        && encoding != UTF_8
    {
        return (encoding, Told::ByFile);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    (detector.guess(Some(b"ru"), Utf8Detection::Allow), Told::Guessed)
}

/// Whole UTF-8, or UTF-8 with a few bytes broken on its way: a cut file is no file in another encoding, in which
/// nearly every letter would be broken.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    if std::str::from_utf8(bytes).is_ok() {
        return true;
    }
    let (mut whole, mut broken) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|symbol| !symbol.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    broken * 20 < whole
}

/// Spaces, digits and line ends have a zero byte in UTF-16, and text in one-byte encodings has none at all.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..bytes.len().min(4_096))?;
    if sample.len() < 4 {
        return None;
    }
    let zeros_at = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros_at(0), zeros_at(1));
    let few = sample.len() / 40;
    match (even, odd) {
        (0, odd) if odd > few => Some(UTF_16LE),
        (even, 0) if even > few => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Доставка по Москве стоит 300 рублей. Самовывоз бесплатный, ежедневно с 9 до 21.";

    #[test]
    fn russian_text_is_read_in_every_usual_encoding() {
        for label in ["utf-8", "windows-1251", "koi8-r", "ibm866"] {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, lost) = encoding.encode(TEXT);
            assert!(!lost);
            assert_eq!(decode(&bytes, None).unwrap().text, TEXT, "{label}");
        }
        let little: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&little, None).unwrap().text, TEXT);
        assert_eq!(decode(&big, None).unwrap().text, TEXT);
        let marked = [&[0xff, 0xfe][..], &little].concat();
        assert_eq!(decode(&marked, None).unwrap().text, TEXT);
    }

    #[test]
    fn a_cut_utf8_text_is_still_utf8() {
        let cut = &TEXT.as_bytes()[1..];
        let decoded = decode(cut, None).unwrap();
        assert!(decoded.text.ends_with("Самовывоз бесплатный, ежедневно с 9 до 21."), "{decoded:?}");
        assert_eq!(decoded.warnings, ["1 characters could not be decoded"]);
    }

    #[test]
    fn the_label_of_the_file_decides_over_the_guess() {
        let (bytes, ..) = encoding_rs::WINDOWS_1251.encode("Да");
        assert_eq!(decode(&bytes, Some("windows-1251")).unwrap().text, "Да");
    }

    #[test]
    fn bytes_in_no_encoding_are_refused() {
        let odd: Vec<u8> = [0xff, 0xfe].into_iter().chain([0x00, 0xd8, 0x41, 0x00].repeat(50)).collect();
        assert_eq!(decode(&odd, None).unwrap_err().reason, FailureReason::Encoding);
    }
}
