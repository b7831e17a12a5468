//! Which promise of the trust model is tested where: the source of `docs/trust.md`.
//!
//! A test names its ids in its first line: `trust!("E-1", "INV-2");`. Tests of crates that do not know this one
//! write `// trust: E-1, INV-2` there instead. An id that is not on the list does not compile, or fails the report.

mod report;
mod scan;

pub use self::{
    report::{Report, write},
    scan::{Mark, Scan, scan},
};

/// The list of ids, `trust_ids.toml`.
pub const IDS: &str = include_str!("../trust_ids.toml");

/// Names the promises that a test stands for; does nothing when it runs.
#[macro_export]
macro_rules! trust {
    ($($id:literal),+ $(,)?) => {
        const { $(assert!($crate::trust::is_listed($id), concat!($id, " is not in tests/trust_ids.toml"));)+ }
    };
}

/// True where the list has the id. Runs while the test compiles.
#[must_use]
pub const fn is_listed(id: &str) -> bool {
    let (list, id) = (IDS.as_bytes(), id.as_bytes());
    let mut at = 0;
    // An id stands in the list as `["E-1",`.
    while at + id.len() + 3 < list.len() {
        if list[at] == b'[' && list[at + 1] == b'"' && list[at + 2 + id.len()] == b'"' {
            let mut same = 0;
            while same < id.len() && list[at + 2 + same] == id[same] {
                same += 1;
            }
            if same == id.len() && same > 0 {
                return true;
            }
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn only_whole_ids_are_listed() {
        for id in ["INV-1", "INV-101", "P17", "F-32", "O-6"] {
            assert!(is_listed(id), "{id}");
        }
        for id in ["", "INV-", "INV-99", "E-1\"", "E", "Every id"] {
            assert!(!is_listed(id), "{id}");
        }
    }
}
