//! Text out of files, through the real child process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod archive;
mod formats;
mod hostile;

use std::io::Cursor;
use std::path::PathBuf;

use svc_assistants::extraction::{Extracted, ExtractionFailure, Extractor, ExtractorConfig, FailureReason, FileType};

fn config() -> ExtractorConfig {
    ExtractorConfig { program: Some(PathBuf::from(env!("CARGO_BIN_EXE_svc-assistants"))), ..ExtractorConfig::default() }
}

fn extract(declared: FileType, bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    extract_with(config(), declared, bytes)
}

fn extract_with(config: ExtractorConfig, declared: FileType, bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    Extractor::new(config).extract(declared, bytes.len() as u64, Cursor::new(bytes.to_vec()))
}

fn text(declared: FileType, bytes: &[u8]) -> String {
    let extracted = extract(declared, bytes).unwrap();
    assert_eq!(extracted.pages.len(), 1, "{extracted:?}");
    extracted.pages[0].text.clone()
}

#[track_caller]
fn refused(declared: FileType, bytes: &[u8], reason: FailureReason) -> String {
    match extract(declared, bytes) {
        Ok(extracted) => panic!("was read: {} pages", extracted.pages.len()),
        Err(failure) => {
            assert_eq!(failure.reason, reason, "{failure}");
            failure.detail
        }
    }
}
