//! Whether a program waits for its input.
//!
//! The kernel does not tell the writer of a pipe, or of a terminal, that a reader waits. It tells which system call a thread
//! is blocked in: /proc/PID/task/TID/syscall in proc(5). A process may read that of another one of the same user, as it may
//! trace it (`PTRACE_MODE_ATTACH_FSCREDS` in ptrace(2)), so the daemon borrows the ids of the program's user and needs no
//! capability. If the program is in a user namespace, the daemon also becomes the owner of that. Where the host forbids that (Yama's `ptrace_scope` above 1), no program is seen to wait.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::sys::stat::{fstat, major, minor};

use crate::cgroup::UsageMeter;
use crate::plan::User;
use crate::privileges::with_access_of;

/// Threads of a program that are looked at. Of more, the others are not known to wait.
const MAX_THREADS: usize = 64;

/// Major numbers of the program's end of a pseudoterminal, and the device number of /dev/tty; see the kernel's
/// Documentation/admin-guide/devices.txt.
const PSEUDOTERMINALS: std::ops::RangeInclusive<u64> = 136..=143;
const CONTROLLING_TERMINAL: (u64, u64) = (5, 0);

/// The file that a program reads its input from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFile {
    /// A pipe, by the numbers that both of its ends have.
    Pipe {
        /// The number of the file system.
        device: u64,
        /// The number of the pipe.
        inode: u64,
    },
    /// The terminal of the sandbox, which has one at most.
    Terminal,
}

impl InputFile {
    /// Returns the pipe with this end.
    ///
    /// # Errors
    /// The errors of fstat(2).
    pub fn of_pipe(end: impl AsFd) -> io::Result<Self> {
        let stat = fstat(end)?;
        Ok(Self::Pipe { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Returns whether a descriptor of a process, as a path in /proc, is this file.
    fn is_open_as(self, path: &str) -> bool {
        // Follows the link to the open file itself, without a path that the program could choose.
        fs::metadata(path).is_ok_and(|found| match self {
            Self::Pipe { device, inode } => (found.dev(), found.ino()) == (device, inode),
            Self::Terminal => {
                let number = (major(found.rdev()), minor(found.rdev()));
                found.file_type().is_char_device()
                    && (PSEUDOTERMINALS.contains(&number.0) || number == CONTROLLING_TERMINAL)
            }
        })
    }
}

/// Returns whether the program in a cgroup waits for input: a thread of it is blocked in reading `input`, or its main thread
/// waits for events without a timeout while `input` is its stdin, and no thread of it runs. `owner` is the owner of the user
/// namespace that the program is in, if that is not the daemon's.
///
/// # Errors
/// The errors of the cgroup file system, for example if the cgroup is gone.
pub fn waits_for_input(
    meter: &UsageMeter,
    user: &User,
    owner: Option<u32>,
    input: InputFile,
) -> io::Result<bool> {
    let processes = meter.processes()?;
    with_access_of(user, owner, || {
        let mut waits = false;
        let threads =
            processes.iter().flat_map(|&process| threads(process).map(move |thread| (process, thread)));
        for (process, thread) in threads.take(MAX_THREADS) {
            // Files of processes of other users, such as init, cannot be read.
            let Ok(text) = fs::read_to_string(format!("/proc/{process}/task/{thread}/syscall")) else {
                continue;
            };
            match Activity::parse(&text) {
                Activity::Runs => return false,
                Activity::Reads(descriptor) => {
                    waits |= input.is_open_as(&format!("/proc/{process}/fd/{descriptor}"));
                }
                Activity::WaitsForEvents if process == thread => {
                    waits |= input.is_open_as(&format!("/proc/{process}/fd/0"));
                }
                Activity::WaitsForEvents | Activity::Other => {}
            }
        }
        waits
    })
}

/// Returns the threads of a process; none if it is gone or of another user.
fn threads(process: i32) -> impl Iterator<Item = i32> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(MAX_THREADS)
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// It uses a processor or waits for one.
    Runs,
    /// It is blocked in reading from this descriptor.
    Reads(u64),
    /// It waits for events of several descriptors, for any time.
    WaitsForEvents,
    Other,
}

impl Activity {
    /// Parses the file: `running`, or the number of the system call and its six arguments, among others; see proc(5).
    fn parse(text: &str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let number = match words.next() {
            Some("running") => return Self::Runs,
            Some(word) => word.parse().unwrap_or(-1),
            None => -1,
        };
        let argument = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
        let arguments: Vec<u64> = words.take(6).map_while(argument).collect();
        let [first, _, third, fourth, fifth, _] = arguments[..] else { return Self::Other };
        // Timeouts that are numbers are ints, and negative ones have no end. Others are addresses, and 0 has no end.
        let is_negative = |timeout: u64| timeout & (1 << 31) != 0;
        let has_no_end = match number {
            libc::SYS_read | libc::SYS_readv => return Self::Reads(first),
            libc::SYS_poll => is_negative(third),
            libc::SYS_epoll_wait | libc::SYS_epoll_pwait => is_negative(fourth),
            libc::SYS_ppoll => third == 0,
            libc::SYS_epoll_pwait2 => fourth == 0,
            libc::SYS_select | libc::SYS_pselect6 => fifth == 0,
            _ => false,
        };
        if has_no_end { Self::WaitsForEvents } else { Self::Other }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::{Activity, InputFile};

    #[test]
    fn a_system_call_that_waits_is_recognized() {
        for (text, expected) in [
            ("running\n", Activity::Runs),
            ("0 0x0 0x7ffd 0x400 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::Reads(0)),
            ("0 0x13 0x7ffd 0x400 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::Reads(19)),
            ("19 0x3 0x7ffd 0x2 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::Reads(3)),
            // poll with and without a timeout.
            ("7 0x7ffd 0x1 0xffffffff 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::WaitsForEvents),
            ("7 0x7ffd 0x1 0xffffffffffffffff 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::WaitsForEvents),
            ("7 0x7ffd 0x1 0x3e8 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::Other),
            // epoll_pwait of Node.js, while it waits and while a timer is set.
            ("281 0xd 0x7ffd 0x400 0xffffffff 0x0 0x8 0x7ffd 0x7f12\n", Activity::WaitsForEvents),
            ("281 0xd 0x7ffd 0x400 0x2710 0x0 0x8 0x7ffd 0x7f12\n", Activity::Other),
            ("270 0x1 0x7ffd 0x0 0x0 0x0 0x7ffd 0x7ffd 0x7f12\n", Activity::WaitsForEvents),
            ("270 0x1 0x7ffd 0x0 0x0 0x7ffe 0x0 0x7ffd 0x7f12\n", Activity::Other),
            // clock_nanosleep, a page fault, and a thread that is gone.
            ("230 0x1 0x0 0x7ffd 0x0 0x0 0x0 0x7ffd 0x7f12\n", Activity::Other),
            ("-1 0x7ffd 0x7f12\n", Activity::Other),
            ("", Activity::Other),
        ] {
            assert_eq!(Activity::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn both_ends_of_a_pipe_are_the_same_file() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let input = InputFile::of_pipe(&write).unwrap();
        assert!(input.is_open_as(&format!("/proc/self/fd/{}", read.as_raw_fd())));
        let (other, _end) = nix::unistd::pipe().unwrap();
        assert!(!input.is_open_as(&format!("/proc/self/fd/{}", other.as_raw_fd())));
        assert!(!InputFile::Terminal.is_open_as(&format!("/proc/self/fd/{}", read.as_raw_fd())));
        assert!(!InputFile::Terminal.is_open_as("/dev/null"));
        assert!(InputFile::Terminal.is_open_as("/dev/tty"));
    }
}
