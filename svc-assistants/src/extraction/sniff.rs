//! What a file really is, against what its name says.

use super::encoding;
use super::zip_guard;
use super::{ExtractionFailure, FailureReason, FileType};

/// How far browsers and readers look for the signature of a format.
const HEAD_BYTES: usize = 1_024;
const OLE_SIGNATURE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// Refuses a file that is not what it is declared to be, or is two things at once.
pub(super) fn check(declared: FileType, bytes: &[u8]) -> Result<(), ExtractionFailure> {
    match declared {
        FileType::Pdf => check_pdf(bytes),
        FileType::Docx | FileType::Xlsx => check_office(declared, bytes),
        FileType::Html => {
            check_text(bytes)?;
            let head = head(bytes);
            if contains(head, b"%pdf-") {
                return Err(mismatch("HTML and PDF at once"));
            }
            let text = encoding::decode(bytes, None).map(|decoded| decoded.text);
            if text.is_ok_and(|text| !has_tag(&text)) {
                return Err(mismatch("no HTML tag"));
            }
            Ok(())
        }
        FileType::Txt | FileType::Md | FileType::Csv => {
            check_text(bytes)?;
            if is_html_page(bytes) {
                return Err(mismatch("an HTML page"));
            }
            Ok(())
        }
    }
}

fn check_pdf(bytes: &[u8]) -> Result<(), ExtractionFailure> {
    if !trimmed(bytes).starts_with(b"%PDF-") {
        return Err(mismatch(&format!("no PDF but {}", looks_like(bytes))));
    }
    if is_html_page(bytes) || HTML_MARKS.iter().any(|mark| contains(head(bytes), mark)) {
        return Err(mismatch("PDF and HTML at once"));
    }
    if zip_guard::ends_as_archive(bytes) {
        return Err(mismatch("PDF and an archive at once"));
    }
    Ok(())
}

const HTML_MARKS: [&[u8]; 6] = [b"<!doctype html", b"<html", b"<script", b"<body", b"<iframe", b"<svg"];

fn check_office(declared: FileType, bytes: &[u8]) -> Result<(), ExtractionFailure> {
    if bytes.starts_with(&OLE_SIGNATURE) {
        // Office keeps a document with a password in the old container, its name in UTF-16.
        let mark: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        return Err(if bytes.windows(mark.len()).any(|window| window == mark) {
            ExtractionFailure::new(FailureReason::Encrypted, "an encrypted office document")
        } else {
            mismatch("an office document of the format before 2007")
        });
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(mismatch(&format!("no office document but {}", looks_like(bytes))));
    }
    let found = zip_guard::office_kind(bytes)?;
    if found == Some(declared) {
        Ok(())
    } else {
        Err(mismatch(&match found {
            Some(kind) => format!("a {} document", kind.as_str()),
            None => "an archive that is neither a docx nor an xlsx".to_owned(),
        }))
    }
}

fn check_text(bytes: &[u8]) -> Result<(), ExtractionFailure> {
    const SIGNATURES: [&[u8]; 4] = [b"%PDF-", b"PK\x03\x04", b"{\\rtf", b"\x7fELF"];
    if SIGNATURES.iter().any(|signature| bytes.starts_with(signature)) || bytes.starts_with(&OLE_SIGNATURE) {
        return Err(mismatch(&format!("no text but {}", looks_like(bytes))));
    }
    let sample = bytes.get(..bytes.len().min(65_536)).unwrap_or(bytes);
    let known_binary = infer::get(bytes).is_some_and(|kind| kind.matcher_type() != infer::MatcherType::Text);
    let decoded = encoding::decode(sample, None);
    let controls = match &decoded {
        Ok(decoded) => decoded.text.chars().filter(|symbol| is_binary(*symbol)).count(),
        // Marked as UTF-16 and broken: the decoder will say so.
        Err(_) if encoding_rs::Encoding::for_bom(bytes).is_some() => 0,
        Err(_) => sample.iter().filter(|byte| is_binary(char::from(**byte))).count(),
    };
    // A document of a few stray control characters is still a text; one with a binary's signature is not.
    if (known_binary && controls > 0) || controls * 200 > sample.len() {
        return Err(mismatch(&format!("no text but {}", looks_like(bytes))));
    }
    Ok(())
}

/// C0 controls that no text has: all but tab, line ends, form feed, escape and the old end-of-file mark.
fn is_binary(symbol: char) -> bool {
    symbol < ' ' && !matches!(symbol, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1a}' | '\u{1b}')
}

fn is_html_page(bytes: &[u8]) -> bool {
    let head = head(trimmed(bytes));
    starts_with(head, b"<!doctype html") || starts_with(head, b"<html")
}

fn has_tag(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|pair| matches!(pair, [b'<', next] if next.is_ascii_alphabetic() || *next == b'!'))
}

fn looks_like(bytes: &[u8]) -> String {
    infer::get(bytes).map_or_else(|| "content of an unknown kind".to_owned(), |kind| kind.mime_type().to_owned())
}

fn mismatch(found: &str) -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::TypeMismatch, format!("found {found}"))
}

fn head(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or(bytes)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start()
}

fn starts_with(text: &[u8], lower: &[u8]) -> bool {
    text.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

fn contains(text: &[u8], lower: &[u8]) -> bool {
    text.windows(lower.len()).any(|window| window.eq_ignore_ascii_case(lower))
}
