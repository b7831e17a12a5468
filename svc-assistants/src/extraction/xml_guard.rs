//! Looks at the XML of an office document before its parser does: one pass over bytes, no tree.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::{ExtractionFailure, FailureReason};

/// Attributes of one element; word processors write a few dozen.
const ATTRIBUTES_MAX: usize = 2_000;
/// Elements within elements.
const DEPTH_MAX: usize = 1_000;

/// Refuses entity declarations that multiply and elements that no office program writes.
///
/// Answers a warning when the part declares external entities or templates: they are never fetched.
pub(super) fn check(name: &str, xml: &[u8]) -> Result<Option<String>, ExtractionFailure> {
    let xml = to_utf8(xml);
    let mut reaches_out = name.ends_with(".rels") && has_remote_template(&xml);
    let mut depth = 0usize;
    let mut rest: &[u8] = &xml;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        match rest {
            [b'!', b'-', b'-', ..] => rest = after(rest, b"-->"),
            [b'!', b'[', ..] => rest = after(rest, b"]]>"),
            [b'?', ..] => rest = after(rest, b"?>"),
            [b'!', ..] => {
                if rest.starts_with(b"!ENTITY") {
                    let declaration = rest.get(..rest.len() - after(rest, b">").len()).unwrap_or_default();
                    if !is_external(declaration) {
                        return Err(limit(name, "declares entities"));
                    }
                    reaches_out = true;
                }
                rest = rest.get(1..).unwrap_or_default();
            }
            [b'/', ..] => depth = depth.saturating_sub(1),
            _ => {
                let tag = read_tag(rest);
                if tag.attributes > ATTRIBUTES_MAX {
                    return Err(limit(name, "has an element of too many attributes"));
                }
                if !tag.closed {
                    depth += 1;
                }
                if depth > DEPTH_MAX {
                    return Err(limit(name, "nests its elements too deeply"));
                }
                rest = rest.get(tag.length..).unwrap_or_default();
            }
        }
    }
    Ok(reaches_out.then(|| format!("{name}: external reference ignored")))
}

/// The part as UTF-8, whichever of the two encodings that XML parsers must know it is in.
pub(super) fn to_utf8(xml: &[u8]) -> Cow<'_, [u8]> {
    let encoding: Option<&'static Encoding> = match xml {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] | [0, b'<', ..] => Some(UTF_16BE),
        _ => None,
    };
    match encoding {
        Some(encoding) => {
            let (text, _) = encoding.decode_with_bom_removal(xml);
            Cow::Owned(text.into_owned().into_bytes())
        }
        None => Cow::Borrowed(xml),
    }
}

struct Tag {
    attributes: usize,
    /// `<w:p/>`.
    closed: bool,
    length: usize,
}

fn read_tag(rest: &[u8]) -> Tag {
    let (mut attributes, mut quote, mut previous) = (0, None, 0);
    for (index, byte) in rest.iter().copied().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => attributes += 1,
            (None, b'>') => {
                return Tag { attributes, closed: previous == b'/', length: index + 1 };
            }
            (None, _) => {}
        }
        previous = byte;
    }
    Tag { attributes, closed: false, length: rest.len() }
}

/// `<!ENTITY name SYSTEM "…">` or PUBLIC: the word stands before the first quote.
fn is_external(declaration: &[u8]) -> bool {
    let until_quote = declaration.split(|byte| matches!(byte, b'"' | b'\'')).next().unwrap_or_default();
    let has = |word: &[u8]| until_quote.windows(word.len()).any(|window| window == word);
    has(b"SYSTEM") || has(b"PUBLIC")
}

fn has_remote_template(xml: &[u8]) -> bool {
    let has = |word: &[u8]| xml.windows(word.len()).any(|window| window == word);
    has(b"attachedTemplate") && has(b"External")
}

fn after<'a>(rest: &'a [u8], end: &[u8]) -> &'a [u8] {
    rest.windows(end.len())
        .position(|window| window == end)
        .and_then(|at| rest.get(at + end.len()..))
        .unwrap_or_default()
}

fn limit(name: &str, what: &str) -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::LimitExceeded, format!("{name} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(xml: &str) -> Option<FailureReason> {
        check("word/document.xml", xml.as_bytes()).err().map(|failure| failure.reason)
    }

    #[test]
    fn ordinary_xml_passes() {
        let xml = "<?xml version=\"1.0\"?><!-- <a> --><w:p a='1' b=\"x=y>\"><w:t>1 &lt; 2</w:t><w:br/></w:p>";
        assert_eq!(check("word/document.xml", xml.as_bytes()), Ok(None));
    }

    #[test]
    fn k_2_entities_attributes_and_depth_are_bounded() {
        let limit = Some(FailureReason::LimitExceeded);
        let entities = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
        assert_eq!(reason(entities), limit);
        let utf16: Vec<u8> = entities.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(check("a.xml", &utf16).is_err(), "UTF-16 hides nothing");
        assert_eq!(reason(&format!("<x {}/>", "a=\"\" ".repeat(3_000))), limit);
        assert_eq!(reason(&"<x>".repeat(2_000)), limit);
        assert_eq!(reason(&"<x></x>".repeat(2_000)), None);
    }

    #[test]
    fn k_4_external_entities_are_named_and_left_alone() {
        let xml = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>";
        assert_eq!(
            check("word/document.xml", xml.as_bytes()),
            Ok(Some("word/document.xml: external reference ignored".to_owned()))
        );
    }
}
