//! Where values come from: the file, the environment, or pairs given in code.

use std::{collections::BTreeMap, path::Path};

use zeroize::Zeroizing;

use super::{
    keys,
    problems::{Problem, nearest},
};
use crate::secret::Secret;

pub(super) type Given = BTreeMap<String, Secret<String>>;

/// Prefixes that belong to test tools.
const FOREIGN: [&str; 2] = ["NEIPIX_TEST_", "NEIPIX_BENCH_"];

/// File, then environment.
pub(super) fn gather() -> (Given, Vec<Problem>) {
    let mut problems = vec![];
    let environment = of_environment(std::env::vars_os(), &mut problems);
    let named = environment.get("NEIPIX_CONFIG").map(|path| path.expose().clone());
    let path = named.clone().unwrap_or_else(|| "neipix.toml".to_owned());
    let mut given = Given::new();
    match std::fs::read_to_string(Path::new(&path)) {
        Ok(text) => given = of_file(&path, &text, &mut problems),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => {}
        Err(e) => problems.push(Problem::new("NEIPIX_CONFIG", format!("names {path}, which cannot be read: {e}"))),
    }
    given.extend(environment);
    (given, problems)
}

/// Foreign variables are none of our business, unless they bear our prefix. An empty value is no value.
pub(super) fn of_environment(
    variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    problems: &mut Vec<Problem>,
) -> Given {
    let mut given = Given::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else { continue };
        if keys::find(&name).is_none() {
            if name.starts_with("NEIPIX_") && !FOREIGN.iter().any(|prefix| name.starts_with(prefix)) {
                problems.push(unknown(&name, "the environment"));
            }
            continue;
        }
        match value.into_string() {
            Ok(value) if value.trim().is_empty() => {}
            Ok(value) => {
                given.insert(name, Secret::new(value.trim().to_owned()));
            }
            Err(_) => problems.push(Problem::new(name, "must be UTF-8")),
        }
    }
    given
}

/// A flat TOML table of texts, numbers, booleans, and lists of them.
pub(super) fn of_file(path: &str, text: &str, problems: &mut Vec<Problem>) -> Given {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(e) => {
            // The error's own text quotes the line, and the line may hold a secret.
            let line = e.span().map_or(1, |span| text.get(..span.start).unwrap_or("").lines().count().max(1));
            problems.push(Problem::new(path, format!("is not TOML, line {line}: {}", e.message())));
            return Given::new();
        }
    };
    let mut given = Given::new();
    for (name, value) in table {
        if keys::find(&name).is_none() || name == "NEIPIX_CONFIG" {
            problems.push(unknown(&name, path));
            continue;
        }
        match flat(&value) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => {
                given.insert(name, Secret::new(text.trim().to_owned()));
            }
            None => problems.push(Problem::new(name, format!("in {path} must be a text, a number or a list of texts"))),
        }
    }
    given
}

/// Later pairs win.
pub(super) fn of_pairs<K: Into<String>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> (Given, Vec<Problem>) {
    let (mut given, mut problems) = (Given::new(), vec![]);
    for (name, value) in pairs {
        let (name, value) = (name.into(), Zeroizing::new(value.into()));
        if keys::find(&name).is_none() {
            problems.push(unknown(&name, "the settings"));
        } else if value.trim().is_empty() {
            given.remove(&name);
        } else {
            given.insert(name, Secret::new(value.trim().to_owned()));
        }
    }
    (given, problems)
}

fn flat(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(items) => items.iter().map(flat).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn unknown(name: &str, place: &str) -> Problem {
    let hint = nearest(name).map_or(String::new(), |known| format!("; did you mean {known}?"));
    Problem::new(name, format!("in {place} is not a setting{hint}"))
}
