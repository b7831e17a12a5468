//! PDF page by page: `pdf-extract` knows more fonts, `lopdf` survives more damage, so each page may take either.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Extracted, ExtractionFailure, FailureReason, PAGES_MAX, Page, TEXT_BYTES_MAX};

/// Pages whose failure is told one by one.
const TOLD_PAGES_MAX: usize = 20;

/// The text layer; a page without one is left out.
pub(super) fn extract(bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    let first = First::load(bytes);
    let second = Second { bytes, document: OnceCell::new() };
    let page_count = match &first {
        Some(first) => first.page_count,
        None => second.load()?.get_pages().len(),
    };
    if page_count == 0 {
        return Err(crashed("no page can be found"));
    }
    if page_count > PAGES_MAX {
        return Err(ExtractionFailure::new(
            FailureReason::LimitExceeded,
            format!("{page_count} pages, at most {PAGES_MAX} are read"),
        ));
    }
    let mut extracted = Extracted::default();
    let (mut text_bytes, mut failed) = (0, 0);
    for number in (1u32..).take(page_count) {
        let text = match first.as_ref().and_then(|first| first.page(number)) {
            Some(text) if !text.trim().is_empty() => Some(text),
            // A page that the first reader finds empty is empty when the second cannot read it.
            blank => second.page(number).or(blank),
        };
        let Some(text) = text else {
            failed += 1;
            if failed <= TOLD_PAGES_MAX {
                extracted.warnings.push(format!("page {number} could not be read"));
            }
            continue;
        };
        text_bytes += text.len();
        if text_bytes > TEXT_BYTES_MAX {
            return Err(ExtractionFailure::new(
                FailureReason::LimitExceeded,
                format!("more than {TEXT_BYTES_MAX} bytes of text"),
            ));
        }
        extracted.pages.push(Page { number, text: join_hyphens(&text) });
    }
    if extracted.pages.is_empty() {
        return Err(crashed("no page can be read"));
    }
    if extracted.pages.iter().all(|page| page.text.trim().is_empty()) {
        return Err(ExtractionFailure::new(
            FailureReason::Empty,
            format!("a scan: {page_count} pages without a text layer"),
        ));
    }
    Ok(extracted)
}

/// `pdf-extract` with the older `lopdf` that it brings. It panics on what it does not know.
struct First {
    document: pdf_extract::Document,
    page_count: usize,
}

impl First {
    fn load(bytes: &[u8]) -> Option<Self> {
        catch_unwind(|| {
            let mut document = pdf_extract::Document::load_mem(bytes).ok()?;
            if document.is_encrypted() {
                // A document that only forbids printing opens with the empty password.
                document.decrypt("").ok()?;
            }
            let page_count = document.get_pages().len();
            (page_count > 0).then_some(Self { document, page_count })
        })
        .ok()
        .flatten()
    }

    fn page(&self, number: u32) -> Option<String> {
        catch_unwind(AssertUnwindSafe(|| {
            let mut text = String::new();
            let mut output = pdf_extract::PlainTextOutput::new(&mut text);
            pdf_extract::output_doc_page(&self.document, &mut output, number).ok()?;
            Some(text)
        }))
        .ok()
        .flatten()
    }
}

/// The newer `lopdf`, loaded when the first reader gives up.
struct Second<'a> {
    bytes: &'a [u8],
    document: OnceCell<Result<lopdf::Document, ExtractionFailure>>,
}

impl Second<'_> {
    fn load(&self) -> Result<&lopdf::Document, ExtractionFailure> {
        self.document
            .get_or_init(|| {
                catch_unwind(|| lopdf::Document::load_mem(self.bytes))
                    .map_err(|_| crashed("the parser panicked"))?
                    .map_err(|error| failure(&error))
                    .and_then(|mut document| {
                        if document.is_encrypted() {
                            document.decrypt("").map_err(|error| failure(&error))?;
                        }
                        Ok(document)
                    })
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    fn page(&self, number: u32) -> Option<String> {
        let document = self.load().ok()?;
        catch_unwind(AssertUnwindSafe(|| document.extract_text_with_limit(&[number], TEXT_BYTES_MAX).ok()))
            .ok()
            .flatten()
    }
}

fn failure(error: &lopdf::Error) -> ExtractionFailure {
    let reason = match error {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) | lopdf::Error::UnsupportedSecurityHandler(_) => {
            FailureReason::Encrypted
        }
        lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { .. }) => FailureReason::LimitExceeded,
        _ => FailureReason::ExtractionCrashed,
    };
    ExtractionFailure::new(reason, format!("PDF: {error}"))
}

fn crashed(detail: &str) -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::ExtractionCrashed, format!("PDF: {detail}"))
}

/// «достав-⏎ка» is one word; «бизнес-⏎План» keeps its hyphen, since a capital begins a new part.
fn join_hyphens(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let next_goes_on =
            lines.peek().is_some_and(|next| next.trim_start().chars().next().is_some_and(char::is_lowercase));
        let trimmed = line.trim_end();
        let stem = trimmed.strip_suffix(['-', '\u{2010}', '\u{ad}']);
        match stem.filter(|stem| next_goes_on && stem.ends_with(char::is_alphabetic)) {
            Some(stem) => {
                joined.push_str(stem);
                if let Some(next) = lines.peek_mut() {
                    *next = next.trim_start();
                }
            }
            None => {
                joined.push_str(line);
                joined.push('\n');
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_cut_by_a_line_end_is_whole_again() {
        assert_eq!(
            join_hyphens("Сроки достав-\n  ки: два дня.\nСанкт-\nПетербург"),
            "Сроки доставки: два дня.\nСанкт-\nПетербург\n"
        );
    }
}
