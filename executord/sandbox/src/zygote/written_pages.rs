//! The pages that a program writes to soon after its start. A fork shares them with its zygote until it writes to them, and then the
//! kernel copies one page for each page fault, while the program runs. A fork that waits for its program can copy them before.
//!
//! Which pages these are follows from a rehearsal: another fork runs a small program, and then the pages that it no longer shares
//! are those that it wrote to.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::Mode;
use nix::unistd::{SysconfVar, sysconf};

use crate::sys::process;
use crate::zygote::descriptors::{address_range, read};
use crate::zygote::rehearsal::Rehearsal;

/// Size of an entry of `/proc/PID/pagemap` in bytes; see proc_pid_pagemap(5).
const ENTRY: usize = 8;
/// Bits of an entry: the page is present, and no other process has it.
const PRESENT_AND_EXCLUSIVE: u64 = 1 << 63 | 1 << 56;
/// The most pages that a fork copies. A small program in Python writes to some hundred.
const MAX_PAGES: usize = 4096;
/// Time that a fork waits for its program before it copies anything, in milliseconds: under load, programs come sooner, and the
/// processors have other work.
const PATIENCE: u8 = 10;

/// Ranges of addresses.
static WRITTEN: OnceLock<Vec<Range<usize>>> = OnceLock::new();

/// Who returns from [`record`].
pub(super) enum Returned {
    /// The zygote.
    Zygote,
    /// The fork that runs the rehearsal. It is stopped when it exits, and then killed.
    Rehearsal,
}

/// Forks this process for a rehearsal, and records the pages that the fork writes to until it exits. `directory` is the directory of
/// this process in `/proc`, and `socket` the descriptor of its launcher.
///
/// # Errors
/// If the fork cannot be created or does not reach its end, or a file cannot be read. Then nothing is recorded. The fork gets none.
pub(super) fn record(directory: &OwnedFd, socket: RawFd, rehearsal: &Rehearsal) -> io::Result<Returned> {
    let maps = read(directory, "maps")?;
    let Some(fork) = process::fork_with_libc()? else {
        let prepared = process::die_with_parent()
            .and_then(|()| process::stop_at_exit())
            .and_then(|()| rehearsal.connect(socket));
        return if prepared.is_ok() { Ok(Returned::Rehearsal) } else { process::exit() };
    };
    let recorded = process::wait_until_stopped(fork).and_then(|()| record_exclusive(directory, &maps));
    process::kill_child(fork)?;
    recorded.map(|()| Returned::Zygote)
}

/// Records the pages that this process shares with no fork.
fn record_exclusive(directory: &OwnedFd, maps: &str) -> io::Result<()> {
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
            if u64::from_ne_bytes(*entry) & PRESENT_AND_EXCLUSIVE != PRESENT_AND_EXCLUSIVE {
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

/// Waits for a moment until the descriptor is readable, and then, in a fork of a zygote, copies the recorded pages. Without any of
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
