//! Compiles the protos with protox, refuses what breaks the rules of the house, and writes the reasons' table.

use std::{env, fs, path::PathBuf};

use prost::Message as _;
use prost_reflect::DescriptorPool;

#[path = "src/check.rs"]
mod check;

type Failure = Box<dyn std::error::Error>;

#[expect(clippy::disallowed_methods, reason = "a build script learns its folder this way")]
fn main() -> Result<(), Failure> {
    println!("cargo:rerun-if-changed=neipix");
    println!("cargo:rerun-if-changed=vendor");
    println!("cargo:rerun-if-changed=src/check.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new([".", "vendor"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(protos("neipix")?)?;
    // Encoded by protox itself: the form of prost_types loses every extension option.
    let set = compiler.encode_file_descriptor_set();
    fs::write(out.join("neipix.fds"), &set)?;

    let pool = DescriptorPool::decode(set.as_slice())?;
    let problems = check::problems(&pool);
    if !problems.is_empty() {
        return Err(format!("proto rules broken:\n  {}", problems.join("\n  ")).into());
    }
    fs::write(out.join("reasons.rs"), reasons(&pool))?;
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .compile_fds(prost_types::FileDescriptorSet::decode(set.as_slice())?)?;
    Ok(())
}

fn protos(dir: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(protos(&path.to_string_lossy())?);
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `impl Reason` for the `ErrorReason` of each package, so that code, title and status come from the proto alone.
fn reasons(pool: &DescriptorPool) -> String {
    let mut text = String::new();
    for reasons in pool.all_enums().filter(|e| e.name() == "ErrorReason") {
        let rust = reasons.full_name().replace('.', "::");
        text += &format!(
            "impl crate::Reason for crate::{rust} {{ fn info(self) -> &'static crate::ReasonInfo {{ match self {{\n"
        );
        for value in reasons.values() {
            let (code, title, http) = check::reason_of(pool, &value).unwrap_or((2, String::from("Unknown"), 0));
            let variant = pascal(value.name().trim_start_matches("ERROR_REASON_"));
            let name = value.name().trim_start_matches("ERROR_REASON_");
            let package = reasons.parent_file().package_name().to_owned();
            text += &format!(
                "Self::{variant} => &crate::ReasonInfo {{ package: {package:?}, name: {name:?}, code: {code}, title: {title:?}, http: {http} }},\n"
            );
        }
        text += "} } }\n";
    }
    text
}

fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_owned() + &rest.to_lowercase()
        })
        .collect()
}
