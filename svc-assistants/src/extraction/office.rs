//! Word and Excel documents, after the archive has passed the guard.

use undoc::model::RevisionType;
use undoc::{Block, Document, ErrorKind, Paragraph, Table};

use super::rows::{self, Header};
use super::zip_guard;
use super::{Extracted, ExtractionFailure, FailureReason, PAGES_MAX, Page};

/// A Word document as the single page 1: its pages exist only once a printer is chosen.
pub(super) fn extract_docx(bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    let warnings = zip_guard::check(bytes)?;
    let document =
        undoc::docx::DocxParser::from_bytes(bytes.to_vec()).and_then(|mut parser| parser.parse()).map_err(failure)?;
    Ok(Extracted { pages: vec![Page { number: 1, text: document_text(&document) }], warnings })
}

/// A workbook: each sheet is a page, numbered as its tabs are.
pub(super) fn extract_xlsx(bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    let warnings = zip_guard::check(bytes)?;
    let workbook =
        undoc::xlsx::XlsxParser::from_bytes(bytes.to_vec()).and_then(|mut parser| parser.parse()).map_err(failure)?;
    if workbook.sections.len() > PAGES_MAX {
        return Err(ExtractionFailure::new(
            FailureReason::LimitExceeded,
            format!("{} sheets, at most {PAGES_MAX}", workbook.sections.len()),
        ));
    }
    let pages = (1u32..)
        .zip(&workbook.sections)
        .map(|(number, sheet)| {
            let mut text = String::new();
            for block in &sheet.content {
                push_block(&mut text, block, Header::Guess);
            }
            if let (false, Some(name)) = (text.trim().is_empty(), &sheet.name) {
                text.insert_str(0, &format!("# {name}\n"));
            }
            Page { number, text }
        })
        .collect();
    Ok(Extracted { pages, warnings })
}

fn document_text(document: &Document) -> String {
    let mut text = String::new();
    let mut margins: Vec<String> = Vec::new();
    for section in &document.sections {
        for block in &section.content {
            push_block(&mut text, block, Header::Guess);
        }
        // Letterheads hold addresses and telephones; each is wanted once, not once per section.
        for paragraph in [&section.header, &section.footer].into_iter().flatten().flatten() {
            let line = paragraph_text(paragraph);
            if !line.trim().is_empty() && !margins.contains(&line) {
                margins.push(line);
            }
        }
    }
    for line in margins {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn push_block(text: &mut String, block: &Block, header: Header) {
    match block {
        Block::Paragraph(paragraph) => push_paragraph(text, paragraph),
        Block::Table(table) => push_table(text, table, header),
        Block::Note { content, .. } => content.iter().for_each(|paragraph| push_paragraph(text, paragraph)),
        Block::Image { alt_text: Some(description), .. } => {
            text.push_str(description);
            text.push('\n');
        }
        Block::PageBreak | Block::SectionBreak | Block::Image { .. } => text.push('\n'),
        // The format may learn new blocks; what we do not know we leave out.
        #[expect(unreachable_patterns, reason = "the enum is not marked as growing")]
        _ => {}
    }
}

fn push_paragraph(text: &mut String, paragraph: &Paragraph) {
    let line = paragraph_text(paragraph);
    let line = line.trim();
    if line.is_empty() {
        text.push('\n');
        return;
    }
    if paragraph.is_heading() {
        text.push('\n');
        text.push_str(&"#".repeat(usize::from(paragraph.heading.level()).clamp(1, 6)));
        text.push(' ');
        text.push_str(&line.replace('\n', " "));
    } else if is_list_item(paragraph) {
        text.push_str("- ");
        text.push_str(line);
    } else {
        text.push_str(line);
    }
    text.push('\n');
}

/// Word's own list styles carry the mark of the list in the style, not in the paragraph.
fn is_list_item(paragraph: &Paragraph) -> bool {
    paragraph.is_list_item() || paragraph.style_id.as_deref().is_some_and(|style| style.starts_with("List"))
}

/// The text of a paragraph as it stands now: what a reviewer struck out is not said.
fn paragraph_text(paragraph: &Paragraph) -> String {
    let mut text = String::new();
    for run in paragraph.runs.iter().filter(|run| run.revision != RevisionType::Deleted) {
        text.push_str(&run.text);
        if run.line_break || run.page_break {
            text.push('\n');
        }
    }
    text
}

fn push_table(text: &mut String, table: &Table, header: Header) {
    let mut cells = Vec::new();
    for row in &table.rows {
        cells.push(
            row.cells
                .iter()
                .map(|cell| {
                    let own: Vec<String> = cell.content.iter().map(paragraph_text).collect();
                    own.join(" ")
                })
                .collect::<Vec<_>>(),
        );
    }
    text.push('\n');
    text.push_str(&rows::render(&cells, header));
    for nested in table.rows.iter().flat_map(|row| &row.cells).flat_map(|cell| &cell.nested_tables) {
        push_table(text, nested, Header::Guess);
    }
    text.push('\n');
}

fn failure(error: undoc::Error) -> ExtractionFailure {
    let reason = match error.kind() {
        ErrorKind::Encrypted => FailureReason::Encrypted,
        ErrorKind::ZipArchive if error.to_string().contains("bomb") => FailureReason::LimitExceeded,
        ErrorKind::UnknownFormat | ErrorKind::UnsupportedFormat => FailureReason::Unsupported,
        _ => FailureReason::ExtractionCrashed,
    };
    ExtractionFailure::new(reason, error.to_string())
}
