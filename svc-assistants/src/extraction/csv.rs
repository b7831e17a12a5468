//! Separated values: the separator is told from the file, rows become sentences with column names.

use super::encoding;
use super::rows::{self, Header};
use super::{Extracted, ExtractionFailure, Page};

const SEPARATORS: [char; 4] = [';', ',', '\t', '|'];
/// Lines that are looked at to tell the separator.
const SAMPLE_LINES: usize = 20;

/// A table on the single page 1.
pub(super) fn extract(bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    let decoded = encoding::decode(bytes, None)?;
    // Excel may name the separator in a first line of its own.
    let (named, body) = match decoded.text.strip_prefix("sep=").and_then(|rest| rest.split_once('\n')) {
        Some((separator, body)) => (separator.chars().next(), body),
        None => (None, decoded.text.as_str()),
    };
    let separator = named.unwrap_or_else(|| tell_separator(body));
    let text = rows::render(&parse(body, separator), Header::Guess);
    Ok(Extracted { pages: vec![Page { number: 1, text }], warnings: decoded.warnings })
}

/// The separator that cuts the most lines into one same number of cells, more than one.
fn tell_separator(text: &str) -> char {
    let mut sample_bytes = 0;
    for line in text.split_inclusive('\n').take(SAMPLE_LINES) {
        sample_bytes += line.len();
    }
    let sample = text.get(..sample_bytes).unwrap_or(text);
    let score = |separator: char| {
        let widths: Vec<usize> = parse(sample, separator).iter().map(Vec::len).collect();
        let width = widths.first().copied().unwrap_or(1);
        let same = widths.iter().filter(|other| **other == width).count();
        if width > 1 { same * 100 + width } else { 0 }
    };
    // The first of equals wins: `max_by_key` would take the last.
    SEPARATORS.into_iter().rev().max_by_key(|separator| score(*separator)).unwrap_or(',')
}

/// RFC 4180 with any separator; a quote that is never closed ends with the text.
fn parse(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut symbols = text.chars().peekable();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' if quoted && symbols.peek() == Some(&'"') => {
                symbols.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.trim().is_empty() => {
                cell.clear();
                quoted = true;
            }
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            other if other == separator && !quoted => row.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_sentences_whatever_the_separator() {
        for separator in SEPARATORS {
            let text = format!(
                "Товар{separator}Цена{separator}Срок\n\"Стол {separator} \"\"Лофт\"\"\"{separator}9 900{separator}3 дня\n"
            );
            let extracted = extract(text.as_bytes()).unwrap();
            assert_eq!(
                extracted.pages[0].text,
                format!("Товар: Стол {separator} \"Лофт\"; Цена: 9 900; Срок: 3 дня\n").replace("\t ", "")
            );
        }
    }

    #[test]
    fn a_line_break_in_quotes_stays_in_its_cell() {
        assert_eq!(parse("a,\"b\nc\"\r\nd,e", ','), [["a", "b\nc"], ["d", "e"]]);
    }
}
