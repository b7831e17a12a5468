//! Finds the ids that tests name, in the text of the sources.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// One id named by one test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub id: String,
    /// Relative to the root, with `/`.
    pub file: String,
    pub test: String,
    /// Runs only when asked for: `#[ignore]`.
    pub ignored: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    pub marks: Vec<Mark>,
    /// Marks that stand in no test.
    pub stray: Vec<String>,
}

/// Folders without tests of ours, and this room, which only talks about marks.
const SKIPPED: [&str; 7] = ["target", ".git", ".local", ".venv", "node_modules", "tests/bench", "tests/src/trust"];

/// All marks under the root, sorted.
///
/// # Errors
/// When a source cannot be read.
pub fn scan(root: &Path) -> io::Result<Scan> {
    let mut found = Scan::default();
    walk(root, root, &mut found)?;
    found.marks.sort();
    found.marks.dedup();
    found.stray.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Scan) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let skipped = SKIPPED.iter().any(|s| relative == *s || relative.ends_with(&format!("/{s}")));
        if skipped || path.is_symlink() || relative == "tests/src/trust.rs" {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            read(&relative, &fs::read_to_string(&path)?, found);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Function {
    name: String,
    is_test: bool,
    ignored: bool,
}

fn read(file: &str, text: &str, found: &mut Scan) {
    let mut attributes = String::new();
    let mut function = Function::default();
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if let Some(mut mark) = open.take() {
            mark.push_str(line);
            close(file, &function, mark, &mut open, found);
            continue;
        }
        if line.starts_with("#[") {
            attributes.push_str(line);
            continue;
        }
        if let Some(name) = function_name(line) {
            let is_test = is_test(&attributes);
            function = Function { name, is_test, ignored: attributes.contains("#[ignore") };
        }
        if !line.starts_with("//") {
            attributes.clear();
        }
        if let Some(ids) = line.strip_prefix("// trust:") {
            note(file, &function, ids.split(','), found);
        } else if let Some(mark) = mark_start(line) {
            close(file, &function, mark.to_owned(), &mut open, found);
        }
    }
}

/// What follows `trust!(`, where the line calls it.
fn mark_start(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("trust!(")?;
    let called = before.is_empty() || before.ends_with("::") || before.ends_with("{ ");
    (called && !before.starts_with("//")).then_some(after)
}

/// Takes the ids up to the closing bracket, or waits for the next line.
fn close(file: &str, function: &Function, mark: String, open: &mut Option<String>, found: &mut Scan) {
    match mark.split_once(')') {
        Some((ids, _)) => note(file, function, ids.split(','), found),
        None => *open = Some(mark),
    }
}

fn note<'a>(file: &str, function: &Function, ids: impl Iterator<Item = &'a str>, found: &mut Scan) {
    for id in ids.map(|id| id.trim().trim_matches('"')).filter(|id| !id.is_empty()) {
        if !function.is_test {
            found.stray.push(format!("{file}: {id} in «{}», which is no test", function.name));
            continue;
        }
        found.marks.push(Mark {
            id: id.to_owned(),
            file: file.to_owned(),
            test: function.name.clone(),
            ignored: function.ignored,
        });
    }
}

/// `#[test]`, `#[tokio::test(…)]`, `#[mesh_test]`.
fn is_test(attributes: &str) -> bool {
    attributes.split("#[").skip(1).any(|attribute| {
        let path: &str = attribute.split(['(', ']', ' ']).next().unwrap_or_default();
        path.rsplit("::").next().is_some_and(|name| name == "test" || name.ends_with("_test"))
    })
}

fn function_name(line: &str) -> Option<String> {
    if line.starts_with("//") {
        return None;
    }
    let at = if line.starts_with("fn ") { 0 } else { line.find(" fn ")? + 1 };
    let qualified = line[..at].split_whitespace().all(|word| {
        matches!(word, "pub" | "async" | "const" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub(")
    });
    let name: String = line[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (qualified && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Scan {
        let mut found = Scan::default();
        read("a.rs", text, &mut found);
        found
    }

    fn ids(text: &str) -> Vec<(String, String, bool)> {
        found(text).marks.into_iter().map(|m| (m.id, m.test, m.ignored)).collect()
    }

    #[test]
    fn reads_both_forms_in_any_kind_of_test() {
        let text = r#"
#[tokio::test(flavor = "multi_thread")]
/// A sentence.
async fn first_promise() {
    trust!("E-1", "INV-2");
}

#[mesh_test]
#[ignore = "long"]
async fn second_promise() {
    neipix_tests::trust!(
        "P1",
        "P2",
    );
}

#[test]
fn third_promise() {
    // trust: F-1, F-2
}
"#;
        let expected = [
            ("E-1", "first_promise", false),
            ("INV-2", "first_promise", false),
            ("P1", "second_promise", true),
            ("P2", "second_promise", true),
            ("F-1", "third_promise", false),
            ("F-2", "third_promise", false),
        ];
        assert_eq!(ids(text), expected.map(|(id, test, ignored)| (id.to_owned(), test.to_owned(), ignored)));
    }

    #[test]
    fn a_mark_outside_a_test_is_stray() {
        let text = "#[test]\nfn a() {}\n\nfn helper() {\n    trust!(\"E-1\");\n}\n";
        let scan = found(text);
        assert!(scan.marks.is_empty());
        assert_eq!(scan.stray, ["a.rs: E-1 in «helper», which is no test"]);
    }

    #[test]
    fn text_about_marks_is_no_mark() {
        let scan = found("#[test]\nfn a() {\n    let s = \"trust!(\\\"E-1\\\")\";\n    // see trust!(\"E-2\")\n}\n");
        assert_eq!(scan, Scan::default());
    }

    #[test]
    fn walks_sources_and_skips_what_is_not_ours() {
        let root = tempfile::tempdir().unwrap();
        let text = "#[test]\nfn a() {\n    trust!(\"E-1\");\n}\n";
        for file in ["x/src/a.rs", "x/target/a.rs", "node_modules/a.rs", "tests/bench/a.rs", "x/notes.md"] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files: Vec<String> = scan(root.path()).unwrap().marks.into_iter().map(|m| m.file).collect();
        assert_eq!(files, ["x/src/a.rs"]);
    }
}
