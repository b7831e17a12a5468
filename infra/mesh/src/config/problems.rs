//! What is wrong with the settings: all of it at once, each key with its rule.

use std::fmt;

use neipix_proto::{Reason as _, ReasonInfo, access::v1::ErrorReason};

use crate::failure::HasReason;

/// One wrong key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, or the file.
    pub key: String,
    /// The rule and what was found; never the value of a secret.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// All wrong keys. At least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order of the table of keys.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn missing(key: &str) -> Self {
        let rule = super::keys::find(key).map_or("", |k| k.rule);
        Self { problems: vec![Problem::new(key, format!("is not set; it {rule}"))] }
    }

    /// Of one key.
    #[must_use]
    pub fn one(key: &str, message: &str) -> Self {
        Self { problems: vec![Problem::new(key, message)] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{count} {} wrong:", if count == 1 { "setting is" } else { "settings are" })?;
        for problem in &self.problems {
            write!(f, "\n  {} {}", problem.key, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl HasReason for ConfigError {
    fn reason(&self) -> &'static ReasonInfo {
        ErrorReason::Internal.info()
    }
}

/// The known key that was probably meant.
pub(super) fn nearest(name: &str) -> Option<String> {
    let upper = name.to_uppercase();
    let scored = super::keys::names().map(|known| (distance(&upper, &known), known));
    scored.min().filter(|(d, _)| *d <= 3).map(|(_, known)| known)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}
