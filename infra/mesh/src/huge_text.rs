//! The program's code on huge pages.
//!
//! A turn runs through code that lies far apart, and on pages of 4 kB its calls miss the processor's table of pages: huge ones
//! took an eighth off what a turn costs (`docs/turn.md`). The copy is anonymous memory, so that it counts as this process's
//! own, and profilers do not find its names.

use std::{io, ops::Range, ptr};

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mprotect, mremap_fixed, munmap,
};

/// The size of a huge page where others are of 4 kB.
const HUGE: usize = 2 << 20;

/// Moves the code of this program, as far as it fills huge pages, onto such. Answers how many bytes that was: 0 where the
/// kernel knows none, or is told never to use them.
///
/// # Errors
/// The kernel refuses: then everything is as it was.
pub fn remap() -> io::Result<usize> {
    if !is_allowed()? {
        return Ok(0);
    }
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let Some(code) = maps.lines().filter_map(executable).find(|m| m.contains(&(remap as *const () as usize))) else {
        return Ok(0);
    };
    let whole = code.start.next_multiple_of(HUGE)..code.end / HUGE * HUGE;
    if whole.is_empty() {
        return Ok(0);
    }
    // The process wants none for its heap, where they would hold memory that nobody uses.
    let unwanted = rustix::thread::transparent_huge_pages_are_disabled().unwrap_or(false);
    rustix::thread::disable_transparent_huge_pages(false)?;
    let moved = replace(&whole);
    rustix::thread::disable_transparent_huge_pages(unwanted)?;
    moved.map(|()| whole.len())
}

fn is_allowed() -> io::Result<bool> {
    match std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled") {
        Ok(choice) => Ok(!choice.contains("[never]")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The addresses of a line of `/proc/self/maps`, if they hold code.
fn executable(line: &str) -> Option<Range<usize>> {
    let (addresses, rest) = line.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    rest.starts_with("r-x").then_some(range)
}

/// Puts a copy of mapped code in its place.
fn replace(code: &Range<usize>) -> io::Result<()> {
    let (len, room) = (code.len(), code.len() + HUGE);
    // SAFETY: a new mapping, which nothing refers to.
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), room, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }?;
    let skip = (start as usize).next_multiple_of(HUGE) - start as usize;
    // SAFETY: `skip` is at most HUGE, so `len` bytes behind it lie within the new mapping. The source is mapped, readable, and
    // nobody writes to code. The move replaces a mapping by one with the same bytes and the same rights, in one step.
    let moved = unsafe {
        let copy = start.byte_add(skip);
        madvise(copy, len, Advice::LinuxHugepage)
            .and_then(|()| {
                ptr::copy_nonoverlapping(ptr::with_exposed_provenance::<u8>(code.start), copy.cast::<u8>(), len);
                mprotect(copy, len, MprotectFlags::READ | MprotectFlags::EXEC)
            })
            .and_then(|()| {
                let there = ptr::with_exposed_provenance_mut(code.start);
                mremap_fixed(copy, len, len, MremapFlags::MAYMOVE, there)
            })
    };
    let rest = if moved.is_ok() { [(0, skip), (skip + len, HUGE - skip)] } else { [(0, room), (0, 0)] };
    for (from, len) in rest.into_iter().filter(|(_, len)| *len > 0) {
        // SAFETY: what is left of the mapping that was made above.
        unsafe { munmap(start.byte_add(from), len) }?;
    }
    moved?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_taken() {
        assert_eq!(
            executable("55d0c0a00000-55d0c2c00000 r-xp 00e00000 fe:00 42 /bin/x"),
            Some(0x55d0_c0a0_0000..0x55d0_c2c0_0000)
        );
        assert_eq!(executable("55d0c0a00000-55d0c2c00000 r--p 00e00000 fe:00 42 /bin/x"), None);
        assert_eq!(executable("no line of it"), None);
    }

    #[test]
    fn the_program_runs_on_after_its_code_was_moved() {
        let moved = remap().unwrap();
        if !is_allowed().unwrap() {
            assert_eq!(moved, 0);
            return;
        }
        assert!(moved > 0 && moved.is_multiple_of(HUGE), "{moved}");
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let nameless = maps.lines().filter(|line| line.split_whitespace().count() == 5).filter_map(executable);
        assert!(nameless.map(|code| code.len()).any(|len| len == moved), "no copy of {moved} bytes is mapped as code");
        assert_eq!(executable("00400000-00600000 r-xp"), Some(0x40_0000..0x60_0000), "code from the new place");
    }
}
