//! Plants a sin of each kind in a proto and expects the build's check to name it.

use prost_reflect::DescriptorPool;

use crate::check::problems;

const HEAD: &str = r#"syntax = "proto3";
package neipix.planted.v1;
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
import "google/rpc/code.proto";
import "neipix/access/v1/access.proto";
"#;

fn found(body: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("planted.proto"), format!("{HEAD}{body}")).unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let includes = [folder.path().to_owned(), root.into(), std::path::Path::new(root).join("vendor")];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler.include_imports(true).open_file("planted.proto").unwrap();
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap();
    problems(&pool).into_iter().filter(|p| p.contains("planted")).collect()
}

fn rpc(options: &str) -> String {
    format!("message Q {{ string workspace_id = 1; }}\nservice S {{ rpc Do(Q) returns (Q) {{ {options} }} }}")
}

const HTTP: &str = r#"option (google.api.http) = {get: "/x"};"#;

#[test]
fn an_rpc_without_its_options_fails_the_build() {
    assert!(found(&rpc(HTTP))[0].contains("no (neipix.access.v1.access)"));
    let access = "option (neipix.access.v1.access) = {signed_in: true timeout_ms: 1};";
    assert!(found(&rpc(access))[0].contains("no (google.api.http)"));
    assert!(found(&rpc(&format!("{HTTP}{access}"))).is_empty());
}

#[test]
fn options_that_make_no_sense_fail_the_build() {
    for (access, words) in [
        ("timeout_ms: 1", "exactly one of"),
        ("signed_in: true", "timeout_ms"),
        ("public: false timeout_ms: 1", "must be true"),
        ("permission: \"Read\" timeout_ms: 1", "a permission looks like"),
        ("signed_in: true timeout_ms: 1 rate: \"fast\"", "rate must be"),
        ("signed_in: true timeout_ms: 1 errors: \"NOWHERE\"", "NOWHERE is not in"),
        ("internal: {callers: \"edge\"} timeout_ms: 1", "has no (google.api.http)"),
    ] {
        let body = rpc(&format!("{HTTP} option (neipix.access.v1.access) = {{{access}}};"));
        let all = found(&body);
        assert!(all.iter().any(|p| p.contains(words)), "{access}: {all:?}");
    }
}

#[test]
fn a_rule_that_nobody_checks_and_a_reason_without_meaning_fail_the_build() {
    let rule = "message M { string a = 1 [(buf.validate.field).string.hostname = true]; }";
    assert!(found(rule)[0].contains("string.hostname is not supported"));
    let reason = "enum ErrorReason { ERROR_REASON_UNSPECIFIED = 0; ERROR_REASON_X = 1; }";
    assert!(found(reason)[0].contains("no (neipix.access.v1.reason)"));
}
