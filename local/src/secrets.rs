//! Random secrets of a private instance, kept in one file that only its owner reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

/// Named secrets; the first question for a name makes it, later ones repeat it.
#[derive(Debug)]
pub struct Secrets {
    path: PathBuf,
    known: Mutex<BTreeMap<String, String>>,
}

impl Secrets {
    /// Reads `secrets.json` of `dir`, which need not be there yet.
    ///
    /// # Errors
    /// When the file cannot be read or is not what was written.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("secrets.json");
        let known = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged: restore it from a backup", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        Ok(Self { path, known: Mutex::new(known) })
    }

    /// The secret of this name: 48 hexadecimal digits.
    ///
    /// # Errors
    /// When a new one cannot be written.
    pub fn get(&self, name: &str) -> anyhow::Result<String> {
        self.get_or(name, || hex::encode(rand::random::<[u8; 24]>()))
    }

    /// The secret of this name; `make` gives its first value.
    ///
    /// # Errors
    /// When a new one cannot be written.
    pub fn get_or(&self, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = known.get(name) {
            return Ok(secret.clone());
        }
        let secret = make();
        known.insert(name.to_owned(), secret.clone());
        write_private(&self.path, &serde_json::to_vec_pretty(&*known)?)?;
        Ok(secret)
    }
}

/// Replaces a file in one step; only its owner may read it.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let next = path.with_extension("next");
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, path)
    };
    write().with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_outlives_the_process_and_is_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = Secrets::open(dir.path()).unwrap().get("owner").unwrap();
        let again = Secrets::open(dir.path()).unwrap();
        assert_eq!(again.get("owner").unwrap(), first);
        assert_ne!(again.get("other").unwrap(), first);
        let mode = fs::metadata(dir.path().join("secrets.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
