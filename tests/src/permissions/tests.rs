use std::path::Path;

use neipix_mesh::access::roles;
use neipix_proto::{FILE_DESCRIPTOR_SET, Methods, methods};
use prost_reflect::DescriptorPool;

use super::{matrix::guard_holds, *};
use crate::trust;

fn known() -> Vec<&'static str> {
    roles::all_permissions().collect()
}

#[test]
fn inv_50_descriptors_and_guard_say_what_the_table_says() {
    let table = Table::checked_in();
    assert_eq!(table.against_descriptors(&methods().all()), Vec::<String>::new());
    assert_eq!(table.against_guard(&known(), guard_holds), Vec::<String>::new());
}

#[test]
fn inv_50_the_access_matrix_in_the_documents_is_the_descriptors() {
    trust!("INV-50");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    assert_eq!(write_access_matrix(&root, true).unwrap(), Ok(()));
}

/// The descriptors with the n-th option «permission: from» changed; none where there are fewer.
fn with_another_permission(from: &str, to: &str, n: usize) -> Option<Methods> {
    assert_eq!(from.len(), to.len(), "lengths are part of the encoding");
    // Field 1 of the option: a text of that length.
    let mut option = vec![0x0a, u8::try_from(from.len()).unwrap()];
    option.extend(from.bytes());
    let mut bytes = FILE_DESCRIPTOR_SET.to_vec();
    let at = bytes.windows(option.len()).enumerate().filter(|(_, window)| *window == option).nth(n)?.0;
    bytes[at + 2..at + option.len()].copy_from_slice(to.as_bytes());
    Some(Methods::of(&DescriptorPool::decode(bytes.as_slice()).unwrap()))
}

#[test]
fn one_changed_permission_of_a_descriptor_is_seen() {
    let table = Table::checked_in();
    let mut planted = 0;
    for (from, to) in [("channels.read", "contacts.read"), ("knowledge.read", "members.manage")] {
        for n in 0.. {
            let Some(changed) = with_another_permission(from, to, n) else { break };
            let now = changed.all();
            let rpc = now.iter().find(|m| methods().get(&m.path).is_some_and(|was| was.who != m.who)).unwrap();
            let found = table.against_descriptors(&now);
            assert_eq!(found.len(), 1, "{from} → {to}, {n}: {found:?}");
            // The comparison names the rpc, what it should need and what it needs now.
            assert!(found[0].starts_with(&format!("{}: ", rpc.name)), "{}", found[0]);
            assert!(found[0].contains(from) && found[0].contains(to), "{}", found[0]);
            planted += 1;
        }
    }
    let with = |permission: &str| {
        methods().all().iter().filter(|m| m.who == ProtoWho::Permission(permission.to_owned())).count()
    };
    assert_eq!(planted, with("channels.read") + with("knowledge.read"));
}

#[test]
fn every_other_change_of_a_descriptor_is_seen() {
    let table = Table::checked_in();
    let all = methods().all();
    for index in 0..all.len() {
        let changed = |change: &dyn Fn(&mut Method)| {
            let mut one = all[index].clone();
            change(&mut one);
            let mut others = all.clone();
            others[index] = &one;
            assert_eq!(table.against_descriptors(&others).len(), 1, "{}", one.name);
        };
        if all[index].who == ProtoWho::Public {
            changed(&|m| m.who = ProtoWho::SignedIn);
        } else {
            changed(&|m| m.who = ProtoWho::Public);
        }
        changed(&|m| m.who = ProtoWho::Internal(vec!["svc-chats".to_owned(), "cli".to_owned()]));
        changed(&|m| m.surfaces = m.surfaces.split_off(1));
        let without: Vec<&Method> = all.iter().enumerate().filter(|(n, _)| *n != index).map(|(_, m)| *m).collect();
        assert_eq!(table.against_descriptors(&without).len(), 1);
    }
}

#[test]
fn one_changed_cell_of_a_guard_is_seen() {
    let table = Table::checked_in();
    for permission in known() {
        for column in ROLES.into_iter().chain(PLATFORM_ROLES).chain([KEY, VISITOR]) {
            let mutated = |c: &str, p: &str| guard_holds(c, p) != (c == column && p == permission);
            let planted = table.against_guard(&known(), mutated);
            let other = table.with_flipped(column, permission).against_guard(&known(), guard_holds);
            for found in [planted, other] {
                assert_eq!(found.len(), 1, "{column} {permission}");
                assert!(found[0].starts_with(&format!("{column} {permission}: ")), "{}", found[0]);
            }
        }
    }
    let mut more = known();
    more.push("everything.do");
    assert_eq!(table.against_guard(&more, guard_holds).len(), 1);
}
