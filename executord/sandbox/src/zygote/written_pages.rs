//! The pages that a zygote has written to. A fork shares them until it writes to them itself, and then the kernel copies one page
//! for each page fault, while the program runs. A fork that waits for its program can copy them before.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::Mode;
use nix::unistd::{SysconfVar, sysconf};

use crate::sys::process;
use crate::zygote::descriptors::address_range;

/// Size of an entry of `/proc/PID/pagemap` in bytes; see proc_pid_pagemap(5).
const ENTRY: usize = 8;
/// Bit of an entry: the page is present.
const PRESENT: u64 = 1 << 63;
/// The most pages that a fork copies: those of Python and several of its modules. Node has ten thousand.
const MAX_PAGES: usize = 4096;
/// Time that a fork waits for its program before it copies anything, in milliseconds: under load, programs come sooner, and the
/// processors have other work.
const PATIENCE: u8 = 10;

/// Ranges of addresses.
static WRITTEN: OnceLock<Vec<Range<usize>>> = OnceLock::new();

/// Records the pages of this process. `directory` is its directory in `/proc`, and `maps` the contents of the file with this name.
pub(super) fn record(directory: &OwnedFd, maps: &str) -> io::Result<()> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|size| usize::try_from(size).ok());
    let page = page.ok_or(io::ErrorKind::Unsupported)?;
    let pagemap =
        File::from(openat(directory, "pagemap", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for mapping in maps.lines().filter_map(private_and_writable) {
        let mut entries = vec![0; mapping.len() / page * ENTRY];
        pagemap.read_exact_at(&mut entries, (mapping.start / page * ENTRY) as u64)?;
        let (entries, _) = entries.as_chunks::<ENTRY>();
        for (address, entry) in mapping.step_by(page).zip(entries) {
            if u64::from_ne_bytes(*entry) & PRESENT == 0 {
                continue;
            }
            match ranges.last_mut() {
                Some(range) if range.end == address => range.end += page,
                _ => ranges.push(address..address + page),
            }
        }
    }
    if ranges.iter().map(ExactSizeIterator::len).sum::<usize>() <= MAX_PAGES * page {
        // Recorded once in a process.
        let _ = WRITTEN.set(ranges);
    }
    Ok(())
}

/// Waits for a moment until the descriptor is readable, and then, in a fork of a zygote, copies the zygote's pages. Without any of
/// this, the program runs as well.
pub fn copy_while_waiting(descriptor: BorrowedFd) {
    let mut watched = [PollFd::new(descriptor, PollFlags::POLLIN)];
    if poll(&mut watched, PATIENCE) != Ok(0) {
        return;
    }
    for range in WRITTEN.get().into_iter().flatten() {
        // Kernels before 5.14 cannot.
        if process::copy_pages(range).is_err() {
            return;
        }
    }
}

/// Returns the addresses of a line of `/proc/PID/maps` if the mapping is private and can be written to.
fn private_and_writable(line: &str) -> Option<Range<usize>> {
    let (start, end) = address_range(line)?;
    (line.split_whitespace().nth(1) == Some("rw-p")).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::private_and_writable;

    #[test]
    fn private_mappings_that_can_be_written_to_are_found() {
        for (line, expected) in [
            ("1000-3000 rw-p 00000000 00:00 0                          [heap]", Some(0x1000..0x3000)),
            (
                "1000-3000 rw-p 00000000 08:01 5                          /usr/bin/python3.11",
                Some(0x1000..0x3000),
            ),
            ("1000-3000 r--p 00000000 08:01 5                          /usr/bin/python3.11", None),
            ("1000-3000 rw-s 00000000 00:01 5                          /dev/zero (deleted)", None),
        ] {
            assert_eq!(private_and_writable(line), expected, "{line}");
        }
    }
}
