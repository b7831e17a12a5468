//! Collects the invariants' SQL: those of a service lie beside it, those across services in `verify/`.

use std::{env, fs, path::Path, path::PathBuf};

#[expect(clippy::disallowed_methods, reason = "a build script learns its folders this way")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    let mut files = Vec::new();
    for owner in ["svc-auth", "svc-assistants", "svc-billing", "svc-chats", "svc-admin", "cli"] {
        let folder = root.join(owner).join("verify");
        println!("cargo:rerun-if-changed={}", folder.display());
        files.extend(sql_files(&folder)?.into_iter().map(|file| (owner, file)));
    }
    let mut text = String::from("/// Name and query of each invariant.\npub const INVARIANTS: &[(&str, &str)] = &[\n");
    for (owner, file) in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("cargo:rerun-if-changed={}", file.display());
        text += &format!("    ({:?}, include_str!({:?})),\n", format!("{owner}/{name}"), fs::canonicalize(&file)?);
    }
    text += "];\n";
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("invariants.rs"), text)?;
    Ok(())
}

fn sql_files(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let mut found: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    found.retain(|p| p.extension().is_some_and(|e| e == "sql"));
    found.sort();
    Ok(found)
}
