//! What an office archive says about itself, before anything in it is inflated.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::xml_guard;
use super::{ExtractionFailure, FailureReason, FileType};

/// Entries of an archive.
const ENTRIES_MAX: usize = 10_000;
/// Sum of all entries, inflated (a document full of photographs has 50 MB).
const INFLATED_BYTES_MAX: u64 = 300_000_000;
/// Sum of the XML entries, inflated: what the parser builds a tree of.
const XML_BYTES_MAX: u64 = 100_000_000;
/// Inflated ÷ stored of one entry; real sheets of repeated rows reach 100.
const RATIO_MAX: u64 = 250;
/// Below this an entry's ratio is of no matter.
const RATIO_FROM_BYTES: u64 = 5_000_000;
const CONTENT_TYPES: &str = "[Content_Types].xml";

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Which office document the archive's content types name; `None` for any other archive.
pub(super) fn office_kind(bytes: &[u8]) -> Result<Option<FileType>, ExtractionFailure> {
    let mut archive = open(bytes)?;
    let Ok(entry) = archive.by_name(CONTENT_TYPES) else {
        return Ok(None);
    };
    let mut types = Vec::new();
    entry.take(1_000_000).read_to_end(&mut types).map_err(|error| broken(&error))?;
    let types = xml_guard::to_utf8(&types);
    let names = |kind: &str| types.windows(kind.len()).any(|window| window == kind.as_bytes());
    Ok(if names("wordprocessingml.document.main+xml") {
        Some(FileType::Docx)
    } else if names("spreadsheetml.sheet.main+xml") {
        Some(FileType::Xlsx)
    } else {
        None
    })
}

/// Refuses bombs: by the archive's directory, then by inflating each XML entry under a limit and looking at it.
///
/// Answers warnings about what the document wanted from outside and does not get.
pub(super) fn check(bytes: &[u8]) -> Result<Vec<String>, ExtractionFailure> {
    let mut archive = open(bytes)?;
    check_directory(&mut archive)?;
    let mut xml_bytes_left = XML_BYTES_MAX;
    let mut warnings = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(&error))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if !is_xml(&name) {
            continue;
        }
        let mut xml = Vec::new();
        // The directory may lie, so the limit is on what comes out.
        entry.take(xml_bytes_left + 1).read_to_end(&mut xml).map_err(|error| broken(&error))?;
        xml_bytes_left = xml_bytes_left
            .checked_sub(xml.len() as u64)
            .ok_or_else(|| too_large("the XML of the document", XML_BYTES_MAX))?;
        if let Some(warning) = xml_guard::check(&name, &xml)? {
            warnings.push(warning);
        }
    }
    Ok(warnings)
}

fn check_directory(archive: &mut Archive<'_>) -> Result<(), ExtractionFailure> {
    if archive.len() > ENTRIES_MAX {
        return Err(ExtractionFailure::new(
            FailureReason::LimitExceeded,
            format!("{} entries, at most {ENTRIES_MAX}", archive.len()),
        ));
    }
    let (mut inflated, mut xml) = (0u64, 0u64);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| broken(&error))?;
        if entry.encrypted() {
            return Err(ExtractionFailure::new(FailureReason::Encrypted, "an encrypted archive entry"));
        }
        let size = entry.size();
        inflated = inflated.saturating_add(size);
        let name = String::from_utf8_lossy(entry.name_raw());
        if is_xml(&name) {
            xml = xml.saturating_add(size);
        }
        if size > RATIO_FROM_BYTES && size / entry.compressed_size().max(1) > RATIO_MAX {
            return Err(ExtractionFailure::new(
                FailureReason::LimitExceeded,
                format!("{name} inflates {} to {size} bytes", entry.compressed_size()),
            ));
        }
    }
    if inflated > INFLATED_BYTES_MAX {
        return Err(too_large("the document", INFLATED_BYTES_MAX));
    }
    if xml > XML_BYTES_MAX {
        return Err(too_large("the XML of the document", XML_BYTES_MAX));
    }
    Ok(())
}

/// Whether the last bytes are the end of an archive's directory, which readers of archives look for there.
pub(super) fn ends_as_archive(bytes: &[u8]) -> bool {
    const END_BYTES: usize = 22;
    let from = bytes.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let tail = bytes.get(from..).unwrap_or_default();
    tail.windows(END_BYTES).enumerate().any(|(at, window)| {
        let [b'P', b'K', 5, 6, .., low, high] = window else {
            return false;
        };
        at + END_BYTES + usize::from(u16::from_le_bytes([*low, *high])) == tail.len()
    })
}

fn open(bytes: &[u8]) -> Result<Archive<'_>, ExtractionFailure> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))
}

fn is_xml(name: &str) -> bool {
    let name = name.to_lowercase();
    [".xml", ".rels", ".vml"].iter().any(|end| name.ends_with(end))
}

fn broken(error: &dyn std::error::Error) -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::ExtractionCrashed, format!("a damaged archive: {error}"))
}

fn too_large(what: &str, bytes_max: u64) -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::LimitExceeded, format!("{what} inflates to more than {bytes_max} bytes"))
}
