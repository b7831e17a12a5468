//! HTML as a reader sees it: headings, paragraphs, lists and rows of tables; nothing that is hidden or runs.

use std::rc::Rc;

use html2text::{Comment, Document, Element, Handle, config};

use super::encoding;
use super::rows::{self, Header};
use super::{Extracted, ExtractionFailure, FailureReason, Page};

const DROPPED: [&str; 14] = [
    "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "embed", "canvas", "select", "meta",
    "link", "head",
];
const BLOCKS: [&str; 26] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "aside",
    "nav",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "table",
    "tr",
    "form",
    "fieldset",
    "figure",
    "figcaption",
    "blockquote",
    "pre",
    "address",
    "details",
    "summary",
    "hr",
];

/// The page as the single page 1.
pub(super) fn extract(bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    let decoded = encoding::decode(bytes, named_charset(bytes).as_deref())?;
    let dom = config::plain_no_decorate()
        .parse_html(decoded.text.as_bytes())
        .map_err(|error| ExtractionFailure::new(FailureReason::ExtractionCrashed, format!("HTML: {error}")))?;
    let mut writer = Writer::default();
    writer.walk(Rc::clone(&dom.document));
    Ok(Extracted { pages: vec![Page { number: 1, text: writer.text }], warnings: decoded.warnings })
}

/// `<meta charset=…>` in the first kilobyte, as browsers look for it.
fn named_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(1_024))?).to_lowercase();
    let (_, rest) = head.split_once("charset=")?;
    let name: String = rest
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|symbol| symbol.is_ascii_alphanumeric() || "-_:".contains(*symbol))
        .collect();
    (!name.is_empty()).then_some(name)
}

enum Step {
    Enter(Handle),
    /// Ends the block of this element.
    Leave {
        preformatted: bool,
    },
}

#[derive(Default)]
struct Writer {
    text: String,
    preformatted: usize,
}

impl Writer {
    /// Walks with a stack of its own: pages nest by the thousand.
    fn walk(&mut self, root: Handle) {
        let mut steps = vec![Step::Enter(root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave { preformatted } => {
                    self.preformatted -= usize::from(preformatted);
                    self.end_line();
                }
                Step::Enter(node) => self.enter(&node, &mut steps),
            }
        }
    }

    fn enter(&mut self, node: &Handle, steps: &mut Vec<Step>) {
        match &node.data {
            Element { name, .. } => {
                let name: &str = &name.local;
                // The head is dropped but for the title, which the page itself may not repeat.
                if name == "head" {
                    self.push_title(node);
                }
                if DROPPED.contains(&name) || is_hidden(node) {
                    return;
                }
                if name == "table" && !has_table_inside(node) {
                    self.push_table(node);
                    return;
                }
                self.open(name, node, steps);
                push_children(node, steps);
            }
            Document => push_children(node, steps),
            _ => self.push_text(&text_of(node)),
        }
    }

    fn open(&mut self, name: &str, node: &Handle, steps: &mut Vec<Step>) {
        let heading = heading_level(name);
        if heading.is_some() || BLOCKS.contains(&name) || name == "li" {
            let preformatted = name == "pre";
            self.end_line();
            self.preformatted += usize::from(preformatted);
            steps.push(Step::Leave { preformatted });
        }
        match name {
            "br" => self.text.push('\n'),
            "li" => self.text.push_str("- "),
            "td" | "th" => self.push_text(" "),
            "p" | "section" | "article" | "blockquote" => self.empty_line(),
            "img" => {
                if let Some(description) = attribute(node, "alt").filter(|text| !text.trim().is_empty()) {
                    self.push_text(&format!(" {description} "));
                }
            }
            _ => {}
        }
        if let Some(level) = heading {
            self.empty_line();
            self.text.push_str(&"#".repeat(level));
            self.text.push(' ');
        }
    }

    fn push_text(&mut self, text: &str) {
        if self.preformatted > 0 {
            self.text.push_str(text);
            return;
        }
        for symbol in text.chars() {
            if !symbol.is_whitespace() {
                self.text.push(symbol);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn push_title(&mut self, head: &Handle) {
        let title = inner_text(head, |name| name == "title");
        if !title.is_empty() {
            self.text.push_str("# ");
            self.push_text(&title);
            self.end_line();
        }
    }

    fn push_table(&mut self, table: &Handle) {
        let mut table_rows = Vec::new();
        let mut marked = false;
        let mut open: Vec<Handle> = table.children.borrow().iter().rev().cloned().collect();
        while let Some(node) = open.pop() {
            match element_name(&node).as_deref() {
                Some("tr") => {
                    let cells: Vec<Handle> = node
                        .children
                        .borrow()
                        .iter()
                        .filter(|cell| matches!(element_name(cell).as_deref(), Some("td" | "th")) && !is_hidden(cell))
                        .cloned()
                        .collect();
                    if table_rows.is_empty() {
                        marked =
                            cells.len() > 1 && cells.iter().all(|cell| element_name(cell).as_deref() == Some("th"));
                    }
                    table_rows.push(cells.iter().map(|cell| inner_text(cell, |_| true)).collect::<Vec<_>>());
                }
                Some("caption") => {
                    self.end_line();
                    self.push_text(&inner_text(&node, |_| true));
                }
                _ => open.extend(node.children.borrow().iter().rev().cloned()),
            }
        }
        self.end_line();
        self.empty_line();
        let header = if marked { Header::Marked } else { Header::Guess };
        self.text.push_str(&rows::render(&table_rows, header));
        self.empty_line();
    }

    fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn empty_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.end_line();
            self.text.push('\n');
        }
    }
}

fn push_children(node: &Handle, steps: &mut Vec<Step>) {
    steps.extend(node.children.borrow().iter().rev().cloned().map(Step::Enter));
}

/// All text below `node` in elements that are `wanted` at the first level, without what is dropped.
fn inner_text(node: &Handle, wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut open: Vec<Handle> = node
        .children
        .borrow()
        .iter()
        .rev()
        .filter(|child| element_name(child).is_none_or(|name| wanted(&name)))
        .cloned()
        .collect();
    while let Some(node) = open.pop() {
        text.push_str(&text_of(&node));
        let name = element_name(&node);
        if name.as_deref().is_some_and(|name| DROPPED.contains(&name)) || is_hidden(&node) {
            continue;
        }
        if name.as_deref().is_some_and(|name| BLOCKS.contains(&name) || matches!(name, "br" | "li")) {
            text.push(' ');
        }
        open.extend(node.children.borrow().iter().rev().cloned());
    }
    text.trim().to_owned()
}

/// The text of a text node, empty for any other. The tree hides its text nodes, but it can write them out.
fn text_of(node: &Handle) -> String {
    if matches!(node.data, Element { .. } | Document | Comment { .. }) {
        return String::new();
    }
    let mut written = Vec::new();
    // Writing to memory does not fail.
    let _ = node.serialize(&mut written);
    let written = String::from_utf8_lossy(&written);
    if written.starts_with('<') {
        // A document type; text would have its bracket escaped.
        return String::new();
    }
    written.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn element_name(node: &Handle) -> Option<String> {
    match &node.data {
        Element { name, .. } => Some(name.local.to_string()),
        _ => None,
    }
}

fn heading_level(name: &str) -> Option<usize> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(usize::from(level - b'0')),
        _ => None,
    }
}

fn has_table_inside(table: &Handle) -> bool {
    let mut open: Vec<Handle> = table.children.borrow().clone();
    while let Some(node) = open.pop() {
        if element_name(&node).as_deref() == Some("table") {
            return true;
        }
        open.extend(node.children.borrow().iter().cloned());
    }
    false
}

/// Text that a visitor of the page never saw must not speak through an assistant.
fn is_hidden(node: &Handle) -> bool {
    attribute(node, "hidden").is_some()
        || attribute(node, "style").is_some_and(|style| {
            let style: String = style.chars().filter(|symbol| !symbol.is_whitespace()).collect();
            let style = style.to_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        })
}

fn attribute(node: &Handle, wanted: &str) -> Option<String> {
    let Element { attrs, .. } = &node.data else {
        return None;
    };
    attrs
        .borrow()
        .iter()
        .find(|attribute| &*attribute.name.local == wanted)
        .map(|attribute| attribute.value.to_string())
}
