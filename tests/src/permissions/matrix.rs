//! The access matrix for people: `docs/access-matrix.md`, made from the descriptors and the guard's own table.

use std::{fmt::Write, fs, io, path::Path};

use neipix_mesh::access::roles;
use neipix_proto::{Method, Who, methods};

use super::{KEY, PLATFORM_ROLES, ROLES, VISITOR, surface_name};

const DOCUMENT: &str = "docs/access-matrix.md";

/// Whether the product's own table gives a permission to a role, or lets a key hold it.
#[must_use]
pub(super) fn guard_holds(column: &str, permission: &str) -> bool {
    if column == KEY {
        return roles::key_may_hold(permission);
    }
    if column == VISITOR {
        return roles::permissions_of_visitors().has(permission);
    }
    roles::permissions_of_role(column).has(permission) || roles::permissions_of_platform_role(column).has(permission)
}

/// The document.
#[must_use]
pub fn access_matrix() -> String {
    let mut out = String::from(
        "# Who may call what\n\nMade by `cargo run -p neipix-tests --bin access_matrix` from the options of the rpcs \
         and the table of roles; do not edit. Every cell is tried on the running product by the suite `rights`.\n\n\
         A key may hold what its column allows, and never more than its maker's role. A role of the platform gives no \
         permission of a workspace. An rpc of a process is answered to the named processes of the product only.\n",
    );
    let columns: Vec<&str> = ROLES.into_iter().chain([KEY]).collect();
    let of_members = |name: &str| !name.starts_with("platform.") && !guard_holds(VISITOR, name);
    roles_table(&mut out, "Roles of a workspace", &columns, of_members);
    roles_table(&mut out, "Roles of the platform", &PLATFORM_ROLES, |name| name.starts_with("platform."));
    roles_table(&mut out, "Visitors of the web widget", &[VISITOR], |name| guard_holds(VISITOR, name));
    let all = methods().all();
    let mut services: Vec<&str> = all.iter().map(|m| m.service.as_str()).collect();
    services.dedup();
    for service in services {
        let _ = writeln!(out, "\n## {}\n", service.trim_start_matches("neipix."));
        out.push_str("| rpc | who | surfaces | REST |\n|---|---|---|---|\n");
        for method in all.iter().filter(|m| m.service == service) {
            let name = method.descriptor.name();
            let _ = writeln!(out, "| {name} | {} | {} | {} |", who(method), surfaces(method), rest(method));
        }
    }
    out
}

fn roles_table(out: &mut String, title: &str, columns: &[&str], wanted: impl Fn(&str) -> bool) {
    let _ = writeln!(
        out,
        "\n## {title}\n\n| permission | {} |\n|---|{}",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
    for permission in roles::all_permissions().filter(|name| wanted(name)) {
        let cells = columns.iter().map(|column| if guard_holds(column, permission) { " ✓ |" } else { " |" });
        let _ = writeln!(out, "| {permission} |{}", cells.collect::<String>());
    }
}

fn who(method: &Method) -> String {
    match &method.who {
        Who::Public => "everybody".to_owned(),
        Who::SignedIn => "anybody signed in".to_owned(),
        Who::Permission(permission) => permission.clone(),
        Who::Internal(callers) => format!("processes: {}", callers.join(", ")),
    }
}

fn surfaces(method: &Method) -> String {
    if method.is_internal() {
        return String::new();
    }
    let names: Vec<&str> = method.surfaces.iter().map(|s| surface_name(*s)).collect();
    names.join(", ")
}

fn rest(method: &Method) -> String {
    let faces: Vec<String> = method.bindings.iter().map(|b| format!("`{} {}`", b.verb, b.template)).collect();
    if faces.is_empty() { method.face.clone() } else { faces.join("<br>") }
}

/// Writes the document below a root, or with `check` only compares; the inner error says what is wrong.
///
/// # Errors
/// When it cannot be read or written.
pub fn write_access_matrix(root: &Path, check: bool) -> io::Result<Result<(), String>> {
    let (path, made) = (root.join(DOCUMENT), access_matrix());
    if !check {
        return fs::write(path, made).map(Ok);
    }
    let same = fs::read_to_string(path)? == made;
    Ok(if same { Ok(()) } else { Err(format!("{DOCUMENT} is stale: cargo run -p neipix-tests --bin access_matrix")) })
}
