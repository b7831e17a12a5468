//! The table of promises, from the list and the marks.

use std::{collections::BTreeSet, fmt::Write, fs, io, path::Path};

use serde::Deserialize;

use super::{IDS, Mark, Scan, scan};

#[derive(Deserialize)]
struct List {
    section: Vec<Section>,
}

#[derive(Deserialize)]
struct Section {
    title: String,
    ids: Vec<(String, String)>,
}

/// The document and what is wrong with the marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub markdown: String,
    /// Marks outside tests and ids that are not on the list; must be empty.
    pub faults: Vec<String>,
}

impl Report {
    /// From a scan and the checked-in list.
    ///
    /// # Panics
    /// When the list is malformed or has an id twice.
    #[must_use]
    pub fn of(scan: &Scan) -> Self {
        let list: List = toml::from_str(IDS).expect("trust_ids.toml is well-formed");
        let mut known = BTreeSet::new();
        for (id, _) in list.section.iter().flat_map(|section| &section.ids) {
            assert!(known.insert(id.as_str()), "{id} stands twice in trust_ids.toml");
        }
        let mut faults = scan.stray.clone();
        let unknown = scan.marks.iter().filter(|mark| !known.contains(mark.id.as_str()));
        faults.extend(unknown.map(|mark| format!("{}::{}: {} is not on the list", mark.file, mark.test, mark.id)));
        Self { markdown: markdown(&list, &scan.marks), faults }
    }
}

fn markdown(list: &List, marks: &[Mark]) -> String {
    let total = list.section.iter().map(|section| section.ids.len()).sum::<usize>();
    let tested: BTreeSet<&str> = marks.iter().map(|mark| mark.id.as_str()).collect();
    let mut out = String::from("# What is promised and what is tested\n\n");
    out.push_str("Made by `cargo run -p neipix-tests --bin trust_report` from the tests themselves; do not edit.\n\n");
    let _ = writeln!(out, "Tested {} of {total}; the rest is open.", tested.len());
    for section in &list.section {
        let _ = writeln!(out, "\n## {}\n\n| id | promise or attack | tested by |\n|---|---|---|", section.title);
        for (id, title) in &section.ids {
            let by: Vec<String> = marks.iter().filter(|mark| mark.id == *id).map(shown).collect();
            let by = if by.is_empty() { "open".to_owned() } else { by.join("<br>") };
            let _ = writeln!(out, "| {id} | {title} | {by} |");
        }
    }
    out
}

fn shown(mark: &Mark) -> String {
    let long = if mark.ignored { " (long form only)" } else { "" };
    format!("`{}::{}`{long}", mark.file, mark.test)
}

/// Makes `docs/trust.md` under the root, or with `check` only compares it.
///
/// # Errors
/// When files cannot be read or written. The inner error lists what is wrong with the marks or the document.
pub fn write(root: &Path, check: bool) -> io::Result<Result<(), Vec<String>>> {
    let report = Report::of(&scan(root)?);
    let path = root.join("docs/trust.md");
    let mut wrong = report.faults;
    if check {
        let current = fs::read_to_string(&path).unwrap_or_default();
        if current != report.markdown {
            wrong.push("docs/trust.md is stale: run `cargo run -p neipix-tests --bin trust_report`".to_owned());
        }
    } else if wrong.is_empty() {
        fs::create_dir_all(root.join("docs"))?;
        fs::write(path, report.markdown)?;
    }
    Ok(if wrong.is_empty() { Ok(()) } else { Err(wrong) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.rs"), text).unwrap();
        root
    }

    #[test]
    fn a_table_is_made_and_drift_is_found() {
        let root = planted("#[test]\nfn big_body_is_refused() {\n    trust!(\"E-1\");\n}\n");
        assert!(write(root.path(), true).unwrap().is_err(), "no document yet");
        write(root.path(), false).unwrap().unwrap();
        write(root.path(), true).unwrap().unwrap();
        let text = fs::read_to_string(root.path().join("docs/trust.md")).unwrap();
        assert!(text.contains("| `a.rs::big_body_is_refused` |") && text.contains("Tested 1 of "));
        assert!(text.contains("| E-2 | Compression bombs | open |"));
        fs::write(root.path().join("a.rs"), "").unwrap();
        let wrong = write(root.path(), true).unwrap().unwrap_err();
        assert!(wrong[0].contains("stale"));
    }

    #[test]
    fn an_unknown_id_fails() {
        let root = planted("#[test]\nfn a() {\n    trust!(\"E-99\");\n}\n");
        let wrong = write(root.path(), false).unwrap().unwrap_err();
        assert_eq!(wrong, ["a.rs::a: E-99 is not on the list"]);
    }
}
