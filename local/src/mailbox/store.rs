//! The letters: the last 500, in memory and on disk.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::mime;
use crate::secrets::write_private;

/// Older letters are forgotten.
pub const LETTERS_MAX: usize = 500;

/// A letter as it was taken, and what can be read in it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    pub id: Uuid,
    pub received_at: DateTime<Utc>,
    /// The sender of the envelope.
    pub from: String,
    /// The receivers of the envelope.
    pub to: Vec<String>,
    pub subject: String,
    /// The plain text, empty where the letter has none.
    pub text: String,
    /// The HTML part, empty where the letter has none.
    pub html: String,
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// How a letter lies on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Filed {
    id: Uuid,
    received_at: DateTime<Utc>,
    from: String,
    to: Vec<String>,
    raw: String,
}

impl Letter {
    /// Reads the raw letter.
    pub fn new(id: Uuid, received_at: DateTime<Utc>, from: String, to: Vec<String>, raw: Vec<u8>) -> Self {
        let mime::Content { subject, text, html } = mime::read(&raw);
        Self { id, received_at, from, to, subject, text, html, raw }
    }

    fn is_to(&self, address: &str) -> bool {
        self.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }
}

/// All letters, oldest first.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    letters: RwLock<VecDeque<Arc<Letter>>>,
}

impl Store {
    /// Reads the letters of `dir`, which is made where it is missing. A damaged file is left out.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let mut letters: Vec<Arc<Letter>> =
            fs::read_dir(dir)?.filter_map(|entry| read_file(&entry.ok()?.path())).map(Arc::new).collect();
        letters.sort_by_key(|letter| (letter.received_at, letter.id));
        let store = Self { dir: dir.to_owned(), letters: RwLock::new(letters.into()) };
        store.forget_old();
        Ok(store)
    }

    /// Keeps a letter, on disk first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, letter: Letter) -> anyhow::Result<()> {
        let filed = Filed {
            id: letter.id,
            received_at: letter.received_at,
            from: letter.from.clone(),
            to: letter.to.clone(),
            raw: STANDARD.encode(&letter.raw),
        };
        write_private(&self.path(letter.id), &serde_json::to_vec(&filed)?)?;
        self.letters.write().unwrap_or_else(PoisonError::into_inner).push_back(Arc::new(letter));
        self.forget_old();
        Ok(())
    }

    /// The letters to `to` (all where `None`), newest first.
    pub fn list(&self, to: Option<&str>) -> Vec<Arc<Letter>> {
        let letters = self.letters.read().unwrap_or_else(PoisonError::into_inner);
        letters.iter().rev().filter(|letter| to.is_none_or(|to| letter.is_to(to))).cloned().collect()
    }

    /// One letter.
    pub fn get(&self, id: Uuid) -> Option<Arc<Letter>> {
        let letters = self.letters.read().unwrap_or_else(PoisonError::into_inner);
        letters.iter().rev().find(|letter| letter.id == id).cloned()
    }

    fn forget_old(&self) {
        let mut letters = self.letters.write().unwrap_or_else(PoisonError::into_inner);
        while letters.len() > LETTERS_MAX {
            if let Some(old) = letters.pop_front() {
                drop(fs::remove_file(self.path(old.id)));
            }
        }
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }
}

fn read_file(path: &Path) -> Option<Letter> {
    if path.extension()? != "json" {
        return None;
    }
    let filed: Filed = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let raw = STANDARD.decode(filed.raw).ok()?;
    Some(Letter::new(filed.id, filed.received_at, filed.from, filed.to, raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: usize) -> Letter {
        let raw = format!("Subject: n{number}\r\n\r\nbody").into_bytes();
        let at = DateTime::from_timestamp(i64::try_from(number).unwrap(), 0).unwrap();
        Letter::new(Uuid::now_v7(), at, "a@x".into(), vec![format!("to{}@x", number % 2)], raw)
    }

    #[test]
    fn the_last_five_hundred_are_kept_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for number in 0..LETTERS_MAX + 3 {
            store.add(letter(number)).unwrap();
        }
        let again = Store::open(dir.path()).unwrap();
        for store in [store, again] {
            let all = store.list(None);
            assert_eq!(all.len(), LETTERS_MAX);
            assert_eq!(all[0].subject, format!("n{}", LETTERS_MAX + 2));
            assert_eq!(store.list(Some("TO1@x")).len(), LETTERS_MAX / 2);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), LETTERS_MAX);
    }
}
