//! The fence that the child puts around itself before it looks at the first byte of a file.

use std::io;

/// What the child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    /// Address space in bytes.
    pub memory_bytes: u64,
    /// Processor time in seconds.
    pub cpu_seconds: u64,
    /// Who waits for the answer; when it is gone, so is the child.
    pub parent_pid: i32,
}

const OPEN_FILES_MAX: u64 = 16;

/// Puts the fence up. Cannot be undone.
///
/// # Errors
/// When the kernel refuses a limit, or the parent died meanwhile: the child must not go on then.
pub(super) fn enter(fence: Fence) -> io::Result<()> {
    // SAFETY: plain system calls on integers; the process has one thread and holds no descriptor above 2
    // that it still needs.
    unsafe {
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        checked(libc::prctl(libc::PR_SET_DUMPABLE, 0))?;
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        // The signal is only sent for deaths after the call above.
        if libc::getppid() != fence.parent_pid {
            return Err(io::Error::other("the parent is gone"));
        }
        if libc::close_range(3, libc::c_uint::MAX, 0) != 0 {
            // Kernels before 5.9 lack the call; std opens everything close-on-exec anyway.
            let _ = io::Error::last_os_error();
        }
    }
    limit(libc::RLIMIT_CORE, 0, 0)?;
    limit(libc::RLIMIT_FSIZE, 0, 0)?;
    limit(libc::RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX)?;
    limit(libc::RLIMIT_AS, fence.memory_bytes, fence.memory_bytes)?;
    // SIGXCPU at the soft limit tells the parent why; SIGKILL at the hard one ends whoever ignores it.
    limit(libc::RLIMIT_CPU, fence.cpu_seconds, fence.cpu_seconds + 1)?;
    seccomp()
}

fn limit(what: libc::__rlimit_resource_t, soft: u64, hard: u64) -> io::Result<()> {
    let value = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `value` lives through the call, which only reads it.
    checked(unsafe { libc::setrlimit(what, &raw const value) })
}

fn checked(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// System calls by which a parser could reach the world: each answers EPERM from here on.
const DENIED: [libc::c_long; 18] = [
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_mkdirat,
    libc::SYS_io_uring_setup,
];

/// Forbids files and network to the parser, whatever a document asks for.
///
/// A kernel built without seccomp is tolerated: parsers ask for nothing outside by themselves, this is the
/// second lock.
fn seccomp() -> io::Result<()> {
    let denied: Vec<libc::c_long> = DENIED.into_iter().chain(denied_here()).collect();
    let mut program = vec![
        // The number of the call is the first word of seccomp_data.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
    ];
    for (index, call) in denied.iter().enumerate() {
        let jump = u8::try_from(denied.len() - index).map_err(io::Error::other)?;
        let number = u32::try_from(*call).map_err(io::Error::other)?;
        program.push(libc::sock_filter { jt: jump, ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number) });
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()));
    let filter =
        libc::sock_fprog { len: u16::try_from(program.len()).map_err(io::Error::other)?, filter: program.as_mut_ptr() };
    // SAFETY: `filter` and the program behind it live through the call, which copies them.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    match checked(answer) {
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
        _ => Ok(()),
    }
}

/// The older calls that only some processors still have.
#[cfg(target_arch = "x86_64")]
fn denied_here() -> [libc::c_long; 8] {
    [
        libc::SYS_open,
        libc::SYS_creat,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_fork,
        libc::SYS_vfork,
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn denied_here() -> [libc::c_long; 0] {
    []
}

#[expect(clippy::cast_possible_truncation, reason = "BPF opcodes are 16 bits wide by definition")]
fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}
