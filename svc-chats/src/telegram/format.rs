//! A model's Markdown as plain text with entities. Nothing of it can fail to be parsed on the other side.
//!
//! Offsets and lengths count UTF-16 units. Code holds nothing else; quotes do not nest; links lead to http, https, tg and
//! mailto only, everything else stays as text.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde::{Deserialize, Serialize};

/// A text with its entities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Formatted {
    /// Plain text.
    pub text: String,
    /// In order of their offsets.
    pub entities: Vec<Entity>,
}

/// A styled piece, as the Bot API takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// `bold`, `italic`, `strikethrough`, `code`, `pre`, `text_link`, `blockquote`.
    #[serde(rename = "type")]
    pub kind: String,
    /// UTF-16 units before it.
    pub offset: usize,
    /// UTF-16 units.
    pub length: usize,
    /// Of a `text_link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of a `pre`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// UTF-16 units of a text.
#[must_use]
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Formats.
#[must_use]
pub fn format(markdown: &str) -> Formatted {
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES) {
        writer.take(event);
    }
    let mut formatted = writer.finish();
    if formatted.text.is_empty() && !markdown.trim().is_empty() {
        // Markup that shows nothing, such as a lone reference definition: say it as it stands.
        formatted = Formatted { text: markdown.trim().to_owned(), entities: vec![] };
    }
    formatted
}

struct Open {
    kind: &'static str,
    start: usize,
    extra: Option<String>,
}

#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
    cell: Option<String>,
}

#[derive(Default)]
struct Writer {
    text: String,
    units: usize,
    open: Vec<Open>,
    entities: Vec<Entity>,
    lists: Vec<Option<u64>>,
    quotes: usize,
    in_pre: bool,
    table: Option<Table>,
    /// Newlines owed before the next text.
    gap: usize,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.push(&text),
            Event::Code(text) => {
                if self.table.is_some() {
                    return self.push(&text);
                }
                self.flush_gap();
                let start = self.units;
                self.push(&text);
                // Code holds no other style and lies in none: the styles around it are cut here and go on after it.
                self.close_code(start, "code", None);
            }
            Event::SoftBreak | Event::HardBreak => self.push("\n"),
            Event::Rule => {
                self.paragraph();
                self.push("———");
                self.paragraph();
            }
            Event::TaskListMarker(done) => self.push(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.push(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock if self.lists.is_empty() => self.paragraph(),
            Tag::Heading { level, .. } => {
                self.paragraph();
                let _: HeadingLevel = level;
                self.begin("bold", None);
            }
            Tag::BlockQuote(_) => {
                self.paragraph();
                self.quotes += 1;
                if self.quotes == 1 {
                    self.begin("blockquote", None);
                }
            }
            Tag::CodeBlock(kind) => {
                self.paragraph();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().map(str::to_owned),
                    CodeBlockKind::Indented => None,
                };
                self.in_pre = true;
                self.begin("pre", language);
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.paragraph();
                }
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Emphasis => self.begin("italic", None),
            Tag::Strong => self.begin("bold", None),
            Tag::Strikethrough => self.begin("strikethrough", None),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.begin("text_link", Some(dest_url.into_string()));
            }
            Tag::Table(_) => {
                self.paragraph();
                self.table = Some(Table::default());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(vec![]);
                }
            }
            Tag::TableCell => {
                if let Some(table) = &mut self.table {
                    table.cell = Some(String::new());
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.owe(if self.lists.is_empty() { 2 } else { 1 }),
            TagEnd::Heading(_) => {
                self.close("bold");
                self.owe(2);
            }
            TagEnd::BlockQuote(_) => {
                self.quotes = self.quotes.saturating_sub(1);
                if self.quotes == 0 {
                    self.close("blockquote");
                }
                self.owe(2);
            }
            TagEnd::CodeBlock => {
                self.in_pre = false;
                self.end_pre();
                self.owe(2);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.owe(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Item => self.owe(1),
            TagEnd::Emphasis => self.close("italic"),
            TagEnd::Strong => self.close("bold"),
            TagEnd::Strikethrough => self.close("strikethrough"),
            TagEnd::Link | TagEnd::Image => self.close("text_link"),
            TagEnd::Table => self.end_table(),
            TagEnd::TableCell => {
                if let Some(table) = &mut self.table
                    && let Some(cell) = table.cell.take()
                    && let Some(row) = table.rows.last_mut()
                {
                    row.push(cell);
                }
            }
            _ => {}
        }
    }

    fn item(&mut self) {
        self.owe(1);
        let depth = self.lists.len().saturating_sub(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => "• ".to_owned(),
        };
        self.flush_gap();
        self.push(&format!("{}{mark}", "  ".repeat(depth)));
    }

    /// A block begins: an empty line before it, unless nothing stands before it.
    fn paragraph(&mut self) {
        self.owe(2);
    }

    fn owe(&mut self, newlines: usize) {
        self.gap = self.gap.max(newlines);
    }

    fn flush_gap(&mut self) {
        let owed = std::mem::take(&mut self.gap);
        if self.text.is_empty() {
            return;
        }
        let have = self.text.chars().rev().take_while(|c| *c == '\n').count();
        for _ in have..owed {
            self.text.push('\n');
            self.units += 1;
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(table) = &mut self.table {
            if let Some(cell) = &mut table.cell {
                cell.push_str(text);
            }
            return;
        }
        self.flush_gap();
        self.text.push_str(text);
        self.units += units(text);
    }

    fn begin(&mut self, kind: &'static str, extra: Option<String>) {
        if self.table.is_none() {
            self.flush_gap();
        }
        self.open.push(Open { kind, start: self.units, extra });
    }

    /// Ends the innermost style of a kind.
    fn close(&mut self, kind: &'static str) {
        let Some(at) = self.open.iter().rposition(|open| open.kind == kind) else { return };
        let open = self.open.remove(at);
        if self.table.is_some() || self.in_pre {
            return;
        }
        if kind == "text_link" && !open.extra.as_deref().is_some_and(is_good_link) {
            return;
        }
        self.entity(kind, open.start, self.units, open.extra);
    }

    fn close_code(&mut self, start: usize, kind: &'static str, language: Option<String>) {
        let end = self.units;
        for n in 0..self.open.len() {
            let (open_kind, open_start) = (self.open[n].kind, self.open[n].start);
            if open_kind == "blockquote" {
                continue;
            }
            let good = open_kind != "text_link" || self.open[n].extra.as_deref().is_some_and(is_good_link);
            if good {
                let extra = self.open[n].extra.clone();
                self.entity(open_kind, open_start, start, extra);
            }
            self.open[n].start = end;
        }
        self.entity(kind, start, end, language);
    }

    fn end_pre(&mut self) {
        let Some(at) = self.open.iter().rposition(|open| open.kind == "pre") else { return };
        let open = self.open.remove(at);
        while self.units > open.start && self.text.ends_with('\n') {
            self.text.pop();
            self.units -= 1;
        }
        self.close_code(open.start, "pre", open.extra);
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            table.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join(" │ ").trim_end().to_owned()
        };
        let text = table.rows.iter().map(line).collect::<Vec<_>>().join("\n");
        self.flush_gap();
        let start = self.units;
        self.push(&text);
        self.close_code(start, "pre", None);
        self.owe(2);
    }

    fn entity(&mut self, kind: &str, start: usize, end: usize, extra: Option<String>) {
        if end <= start {
            return;
        }
        let (url, language) = match kind {
            "text_link" => (extra, None),
            "pre" => (None, extra),
            _ => (None, None),
        };
        self.entities.push(Entity { kind: kind.to_owned(), offset: start, length: end - start, url, language });
    }

    fn finish(mut self) -> Formatted {
        let text = self.text.trim_end().to_owned();
        let end = units(&text);
        self.entities.retain_mut(|entity| {
            entity.length = entity.length.min(end.saturating_sub(entity.offset));
            entity.length > 0
        });
        self.entities.sort_by_key(|entity| (entity.offset, usize::MAX - entity.length));
        Formatted { text, entities: self.entities }
    }
}

fn is_good_link(url: &str) -> bool {
    let lower = url.trim_start().to_ascii_lowercase();
    ["http://", "https://", "tg://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text with each entity's piece, for people to read.
    fn shown(markdown: &str) -> String {
        let formatted = format(markdown);
        let wide: Vec<u16> = formatted.text.encode_utf16().collect();
        let pieces = formatted.entities.iter().map(|e| {
            let piece = String::from_utf16(&wide[e.offset..e.offset + e.length]).unwrap();
            format!("\n{}[{piece}]{}", e.kind, e.url.as_deref().or(e.language.as_deref()).unwrap_or(""))
        });
        formatted.text.clone() + &pieces.collect::<String>()
    }

    #[test]
    fn offsets_count_utf_16_units() {
        let formatted = format("👍 **Срок:** 3 дня");
        assert_eq!(formatted.text, "👍 Срок: 3 дня");
        assert_eq!((formatted.entities[0].offset, formatted.entities[0].length), (3, 5));
    }

    #[test]
    fn headings_lists_quotes_and_code_look_as_people_expect() {
        insta::assert_snapshot!(
            shown("# Доставка\nЗа *2–3* дня.\n\n1. Москва\n2. Омск\n   - до двери\n\n> Без `кода`\n\n```sh\nls\n```\n"),
            @r"
        Доставка

        За 2–3 дня.

        1. Москва
        2. Омск
          • до двери

        Без кода

        ls
        bold[Доставка]
        italic[2–3]
        blockquote[Без кода]
        code[кода]
        pre[ls]sh
        "
        );
    }

    #[test]
    fn tables_are_aligned_text() {
        insta::assert_snapshot!(shown("|Город|Дни|\n|-|-|\n|Москва|2|\n"), @r"
        Город  │ Дни
        Москва │ 2
        pre[Город  │ Дни
        Москва │ 2]
        ");
    }

    #[test]
    fn l_3_nothing_but_plain_links_leads_anywhere() {
        // trust: L-3
        assert_eq!(shown("[нажми](javascript:alert(1))"), "нажми");
        assert_eq!(shown("![кот](https://evil.tld/?q=1)"), "кот\ntext_link[кот]https://evil.tld/?q=1");
        assert_eq!(shown("<script>x</script>"), "<script>x</script>");
    }

    #[test]
    fn code_inside_bold_is_code_alone() {
        assert_eq!(shown("**a `b` c**"), "a b c\nbold[a ]\ncode[b]\nbold[ c]");
    }

    proptest! {
        #[test]
        fn entities_lie_within_the_text_and_never_cross(markdown in "[*_`~>#\\[\\]()|а-я👍 \n-]{0,120}") {
            let formatted = format(&markdown);
            let end = units(&formatted.text);
            for e in &formatted.entities {
                prop_assert!(e.length > 0 && e.offset + e.length <= end);
                for other in &formatted.entities {
                    let (a, b) = (e.offset..e.offset + e.length, other.offset..other.offset + other.length);
                    let nested = (a.start <= b.start && b.end <= a.end) || (b.start <= a.start && a.end <= b.end);
                    prop_assert!(a.end <= b.start || b.end <= a.start || nested, "{:?} crosses {:?}", e, other);
                }
            }
            prop_assert!(markdown.trim().is_empty() || !formatted.text.is_empty());
        }
    }
}
