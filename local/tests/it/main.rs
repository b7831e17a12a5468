//! The launcher's servers, tried as their users use them.
//!
//! Needs what `make setup` installs.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod launcher;
mod mailbox;
mod mesh;
mod private_servers;
mod s3;
mod schema;
mod up;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use neipix_local::infrastructure::find_postgres;

/// A folder that other users may enter.
fn open_dir() -> tempfile::TempDir {
    dir_with_mode(0o755)
}

fn dir_with_mode(mode: u32) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    dir
}

fn postgres_bin() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    find_postgres(&here).expect("run `make setup` first")
}

/// Polls until it holds, ten seconds at most.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Processes that work in a folder below `dir`.
fn processes_in(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(cwd) = std::fs::read_link(entry.path().join("cwd")) else { continue };
        let text = cwd.display().to_string();
        if text.trim_end_matches(" (deleted)").starts_with(dir.to_str().unwrap()) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}
