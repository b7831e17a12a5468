//! Cuts pages into passages: what is searched, shown to a model and cited.
//!
//! A passage is a slice of its page, so a citation can be marked in the text itself; what a slice loses, the
//! headings above it and the header of its table, it carries beside the slice. Same pages, same passages.

use std::ops::Range;

use crate::extraction::Page;
use crate::sentences;

/// Length that a passage aims at, in characters.
pub const PASSAGE_CHARS_TARGET: usize = 500;
/// Length that a passage never passes, in characters.
pub const PASSAGE_CHARS_MAX: usize = 900;
/// Passages of one file; what follows is left out and said so.
pub const PASSAGES_MAX: usize = 20_000;

/// From here on the end of a paragraph ends the passage.
const PASSAGE_CHARS_ENOUGH: usize = 350;
/// Headings of a longer line are sentences.
const HEADING_CHARS_MAX: usize = 90;

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Number of the page.
    pub page: u32,
    /// Where the passage begins in the text of the page, in UTF-8 bytes.
    pub start: usize,
    /// The slice of the page's text, without white space at its ends; 1 to [`PASSAGE_CHARS_MAX`] characters.
    pub text: String,
    /// Headings that stand over the passage, the highest first; those inside it included.
    pub headings: Vec<String>,
    /// The header line of the table in which the passage begins, when that line is not in the passage.
    pub table_header: Option<String>,
}

impl Passage {
    /// Where the passage ends in the text of the page, in UTF-8 bytes, exclusive.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The passage with its headings and table header: what is indexed and what a model reads.
    pub fn with_context(&self) -> String {
        let outside: Vec<&str> =
            self.headings.iter().map(String::as_str).filter(|heading| !self.text.contains(heading)).collect();
        let mut text = outside.join(" › ");
        for part in self.table_header.as_deref().into_iter().chain([self.text.as_str()]) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(part);
        }
        text
    }
}

/// The passages of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passages {
    /// In reading order, at most [`PASSAGES_MAX`].
    pub list: Vec<Passage>,
    /// Whether text was left out because the file has more passages than are kept.
    pub is_truncated: bool,
}

/// Cuts the pages of a file. Every character that is not white space lies in exactly one passage.
pub fn split(pages: &[Page]) -> Passages {
    let mut trail = Vec::new();
    let mut passages = Passages::default();
    for page in pages {
        let mut cutter = Cutter::new(page, trail);
        for unit in units(&page.text) {
            cutter.add(unit);
        }
        cutter.flush();
        trail = cutter.trail;
        passages.list.append(&mut cutter.done);
        if passages.list.len() > PASSAGES_MAX {
            passages.list.truncate(PASSAGES_MAX);
            passages.is_truncated = true;
            break;
        }
    }
    passages
}

/// The smallest piece that is not torn apart: a sentence, a heading, a row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit {
    range: Range<usize>,
    kind: UnitKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum UnitKind {
    Heading { level: usize },
    TableHeader,
    TableRow,
    Sentence { ends_paragraph: bool },
}

struct Cutter<'a> {
    page: &'a Page,
    trail: Vec<(usize, String)>,
    table_header: Option<Range<usize>>,
    open: Option<Open>,
    done: Vec<Passage>,
}

/// The passage that is being filled.
struct Open {
    range: Range<usize>,
    chars: usize,
    has_body: bool,
    table_header: Option<Range<usize>>,
    headings: Vec<String>,
}

impl<'a> Cutter<'a> {
    fn new(page: &'a Page, trail: Vec<(usize, String)>) -> Self {
        Self { page, trail, table_header: None, open: None, done: Vec::new() }
    }

    fn add(&mut self, unit: Unit) {
        let is_heading = matches!(unit.kind, UnitKind::Heading { .. });
        if self.open.as_ref().is_some_and(|open| self.must_close(open, &unit)) {
            self.flush();
        }
        match &unit.kind {
            UnitKind::Heading { level } => {
                let level = *level;
                self.trail.retain(|(other, _)| *other < level);
                let line = self.page.text.get(unit.range.clone()).unwrap_or_default();
                self.trail.push((level, line.trim_start_matches('#').trim().to_owned()));
                self.table_header = None;
            }
            UnitKind::TableHeader => self.table_header = Some(unit.range.clone()),
            UnitKind::TableRow => {}
            UnitKind::Sentence { .. } => self.table_header = None,
        }
        let headings: Vec<String> = self.trail.iter().map(|(_, heading)| heading.clone()).collect();
        let open = self.open.get_or_insert_with(|| Open {
            range: unit.range.start..unit.range.start,
            chars: 0,
            has_body: false,
            table_header: self.table_header.clone(),
            headings: Vec::new(),
        });
        open.range.end = unit.range.end;
        open.chars = chars(&self.page.text, &open.range);
        open.has_body |= !is_heading;
        open.headings = headings;
        let enough = open.chars >= PASSAGE_CHARS_ENOUGH && unit.kind == (UnitKind::Sentence { ends_paragraph: true });
        if enough {
            self.flush();
        }
    }

    fn must_close(&self, open: &Open, unit: &Unit) -> bool {
        let together = chars(&self.page.text, &(open.range.start..unit.range.end));
        if matches!(unit.kind, UnitKind::Heading { .. }) {
            return open.has_body || together > PASSAGE_CHARS_MAX;
        }
        // A short beginning takes a long sentence rather than stand alone.
        together > PASSAGE_CHARS_MAX || (together > PASSAGE_CHARS_TARGET && open.chars * 2 >= PASSAGE_CHARS_TARGET)
    }

    fn flush(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let Some(text) = self.page.text.get(open.range.clone()) else {
            return;
        };
        let header = open.table_header.filter(|header| header.start < open.range.start);
        self.done.push(Passage {
            page: self.page.number,
            start: open.range.start,
            text: text.to_owned(),
            headings: open.headings,
            table_header: header.and_then(|header| self.page.text.get(header)).map(str::to_owned),
        });
    }
}

/// Length with the white space between the units, which belongs to the slice.
fn chars(text: &str, range: &Range<usize>) -> usize {
    text.get(range.clone()).map_or(0, |slice| slice.chars().count())
}

/// The units of a page, in order.
fn units(text: &str) -> Vec<Unit> {
    let lines = lines(text);
    let mut units = Vec::new();
    let mut paragraph: Option<Range<usize>> = None;
    let mut in_table = false;
    for (index, line) in lines.iter().enumerate() {
        let content = text.get(line.clone()).unwrap_or_default();
        let next = lines.get(index + 1).and_then(|next| text.get(next.clone())).unwrap_or_default();
        let kind = line_kind(content, next, in_table);
        in_table = matches!(kind, LineKind::TableHeader | LineKind::TableRow);
        if !matches!(kind, LineKind::Text) {
            push_paragraph(&mut units, text, paragraph.take());
        }
        match kind {
            LineKind::Blank => {}
            LineKind::Heading(level) => push_line(&mut units, text, line, &UnitKind::Heading { level }),
            LineKind::TableHeader => push_line(&mut units, text, line, &UnitKind::TableHeader),
            LineKind::TableRow => push_line(&mut units, text, line, &UnitKind::TableRow),
            LineKind::Item => paragraph = Some(line.clone()),
            LineKind::Text => {
                paragraph = Some(paragraph.map_or_else(|| line.clone(), |open| open.start..line.end));
            }
        }
    }
    push_paragraph(&mut units, text, paragraph);
    units
}

enum LineKind {
    Blank,
    Heading(usize),
    TableHeader,
    TableRow,
    /// A list mark or a row with column names begins here: never joined with the line before.
    Item,
    Text,
}

fn line_kind(line: &str, next: &str, in_table: bool) -> LineKind {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return LineKind::Blank;
    }
    if trimmed.starts_with('|') {
        return if !in_table && is_table_rule(next) { LineKind::TableHeader } else { LineKind::TableRow };
    }
    let marks = trimmed.len() - trimmed.trim_start_matches('#').len();
    if (1..=6).contains(&marks) && trimmed.get(marks..).is_some_and(|rest| rest.starts_with(' ')) {
        return if trimmed.chars().count() <= PASSAGE_CHARS_MAX / 2 {
            LineKind::Heading(marks)
        } else {
            LineKind::Item
        };
    }
    if is_shouted(trimmed) {
        return LineKind::Heading(6);
    }
    let item = trimmed.starts_with(['-', '*', '•', '–', '—', '·'])
        || trimmed.contains("; ") && trimmed.contains(": ")
        || trimmed.split_once(['.', ')']).is_some_and(|(number, rest)| {
            !number.is_empty()
                && number.len() <= 3
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && rest.starts_with(' ')
        });
    if item { LineKind::Item } else { LineKind::Text }
}

/// `|---|:---:|`
fn is_table_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('|') && line.contains("--") && line.chars().all(|symbol| "|-: ".contains(symbol))
}

/// «УСЛОВИЯ ВОЗВРАТА» in a text without marks is a heading.
fn is_shouted(line: &str) -> bool {
    let letters = line.chars().filter(|symbol| symbol.is_alphabetic()).count();
    letters >= 4
        && line.chars().count() <= HEADING_CHARS_MAX
        && !line.contains(|symbol: char| symbol.is_lowercase() || symbol.is_ascii_digit())
        && !line.ends_with(['.', ',', ';', '!', '?'])
}

fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let range = start..start + line.trim_end_matches('\n').len();
            start += line.len();
            range
        })
        .collect()
}

fn push_line(units: &mut Vec<Unit>, text: &str, line: &Range<usize>, kind: &UnitKind) {
    for range in pieces(text, line.clone()) {
        push_unit(units, text, range, kind.clone());
    }
}

fn push_paragraph(units: &mut Vec<Unit>, text: &str, paragraph: Option<Range<usize>>) {
    let Some(paragraph) = paragraph else {
        return;
    };
    let body = text.get(paragraph.clone()).unwrap_or_default();
    for sentence in sentences::ranges(body) {
        let sentence = paragraph.start + sentence.start..paragraph.start + sentence.end;
        for range in pieces(text, sentence) {
            push_unit(units, text, range, UnitKind::Sentence { ends_paragraph: false });
        }
    }
    if let Some(Unit { kind: UnitKind::Sentence { ends_paragraph }, .. }) = units.last_mut() {
        *ends_paragraph = true;
    }
}

fn push_unit(units: &mut Vec<Unit>, text: &str, range: Range<usize>, kind: UnitKind) {
    let part = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (part.len() - part.trim_start().len());
    let part = part.trim();
    if !part.is_empty() {
        units.push(Unit { range: start..start + part.len(), kind });
    }
}

/// Cuts a range that is too long for one passage, at white space where there is any.
fn pieces(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut chars, mut last_space) = (range.start, 0, None);
    let body = text.get(range.clone()).unwrap_or_default();
    for (offset, symbol) in body.char_indices() {
        let at = range.start + offset;
        if chars == PASSAGE_CHARS_MAX {
            let cut = last_space.filter(|space| *space > start).unwrap_or(at);
            pieces.push(start..cut);
            start = cut;
            chars = text.get(cut..at).map_or(0, |rest| rest.chars().count());
            last_space = None;
        }
        if symbol.is_whitespace() {
            last_space = Some(at);
        }
        chars += 1;
    }
    pieces.push(start..range.end);
    pieces
}

#[cfg(test)]
#[path = "passages/tests.rs"]
mod tests;
