//! As whom a child runs.
//!
//! Postgres refuses to run as root. As root it is started as `nobody`; where that
//! user cannot reach the checkout, it keeps our own file rights inside a user
//! namespace in which we are not root.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Debian's `nobody` and `nogroup`: present on every system, own nothing.
pub const NOBODY: u32 = 65_534;

/// As whom a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// As the launcher.
    Same,
    /// As [`NOBODY`]: needs a launcher that is root, and paths that all may enter.
    Nobody,
    /// With the launcher's own file rights, but seen as [`NOBODY`] from inside a user namespace.
    Namespace,
}

impl Identity {
    /// Chooses for a program that refuses root.
    ///
    /// `program` must be executable and `home` enterable for the one chosen. `home` must exist.
    ///
    /// # Errors
    /// Names what was tried, when neither way works.
    pub fn unprivileged(program: &Path, home: &Path) -> io::Result<Self> {
        if !is_root() {
            return Ok(Self::Same);
        }
        for identity in [Self::Nobody, Self::Namespace] {
            if identity.can_use(program, home) {
                return Ok(identity);
            }
        }
        Err(io::Error::other(format!(
            "{} refuses to run as root, user nobody cannot reach {} and {}, and user namespaces are off: \
             move the checkout to a folder that all may enter, or run as another user",
            program.display(),
            program.display(),
            home.display(),
        )))
    }

    fn can_use(self, program: &Path, home: &Path) -> bool {
        let Ok(home) = CString::new(home.as_os_str().as_bytes()) else { return false };
        let mut probe = Command::new(program);
        probe.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.apply(&mut probe);
        // Asked by path: a working directory may be entered before the uid changes.
        let may_enter = move || {
            // SAFETY: the path ends in NUL; access is async-signal-safe.
            if unsafe { libc::access(home.as_ptr(), libc::X_OK) } != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        };
        // SAFETY: the closure only makes one async-signal-safe call.
        unsafe {
            probe.pre_exec(may_enter);
        }
        probe.status().is_ok_and(|status| status.success())
    }

    /// Whom a file must belong to, so that the child counts as its owner.
    pub fn file_owner(self) -> Option<u32> {
        (self == Self::Nobody).then_some(NOBODY)
    }

    pub(super) fn apply(self, command: &mut Command) {
        match self {
            Self::Same => {}
            // The standard library also drops the supplementary groups, as root.
            Self::Nobody => {
                command.gid(NOBODY).uid(NOBODY);
            }
            Self::Namespace => {
                let (user, group) = own_ids();
                let maps = [
                    (c"/proc/self/setgroups", "deny".to_owned()),
                    (c"/proc/self/uid_map", format!("{NOBODY} {user} 1")),
                    (c"/proc/self/gid_map", format!("{NOBODY} {group} 1")),
                ];
                // SAFETY: the closure allocates nothing and calls only async-signal-safe functions.
                unsafe {
                    command.pre_exec(move || enter_namespace(&maps));
                }
            }
        }
    }
}

/// Runs between fork and exec: nothing here may allocate.
fn enter_namespace(maps: &[(&CStr, String)]) -> io::Result<()> {
    // SAFETY: unshare takes no pointers.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
        return Err(io::Error::last_os_error());
    }
    for (path, text) in maps {
        // SAFETY: the path ends in NUL, the text outlives the call, the descriptor is our own.
        let written = unsafe {
            let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            if file < 0 {
                return Err(io::Error::last_os_error());
            }
            let written = libc::write(file, text.as_ptr().cast(), text.len());
            libc::close(file);
            written
        };
        if written < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn own_ids() -> (u32, u32) {
    // SAFETY: both calls take nothing and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Whether the launcher is root.
pub fn is_root() -> bool {
    own_ids().0 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_nobody_cannot_enter_falls_back_to_a_namespace() {
        if !is_root() {
            return;
        }
        let closed = tempfile::tempdir().unwrap();
        std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let chosen = Identity::unprivileged(Path::new("/bin/true"), closed.path()).unwrap();
        assert_eq!(chosen, Identity::Namespace);
        let open = Identity::unprivileged(Path::new("/bin/true"), Path::new("/")).unwrap();
        assert_eq!(open, Identity::Nobody);
    }

    #[test]
    fn the_namespace_shows_us_as_nobody() {
        if !is_root() {
            return;
        }
        let mut id = Command::new("/usr/bin/id");
        id.arg("-u");
        Identity::Namespace.apply(&mut id);
        let output = id.output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "65534");
    }
}
