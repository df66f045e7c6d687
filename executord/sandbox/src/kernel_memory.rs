//! Kernel memory that no cgroup accounts for: sockets and locks. Init counts them.
//!
//! Data in a connection that was not accepted yet, in a netlink socket that is not read, and in the error queue of a socket
//! is accounted to no cgroup. The only bound of the first (`net.ipv4.tcp_mem`) is shared by the whole host, so that a
//! program which exhausts it cuts every process off the network. Locks on byte ranges of files are not accounted either,
//! and their number is unlimited.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Maximum number of sockets of several protocols together, named as in /proc/net/protocols.
const MAX_SOCKETS: [(&[&str], u64); 3] = [
    // The maximum of open files of a process.
    (&["TCP", "TCPv6"], 1024),
    // The error queue of each holds net.core.rmem_default, 208 KiB, and a datagram begun with MSG_MORE 64 KiB.
    (&["UDP", "UDPv6"], 256),
    // A program that lists interfaces has one for a moment.
    (&["NETLINK"], 64),
];
/// Maximum number of byte-range locks. SQLite holds three for each connection.
///
/// It bounds what reading the list costs the others, too: the kernel visits the locks of all namespaces, under a lock of
/// the whole host. With 250 locks in each of 32 sandboxes a reading takes 0.6 ms, with 1000 in each 2.7 ms; without locks,
/// 5 µs.
const MAX_LOCKS: usize = 250;
/// Reading the list of locks takes at most this fraction (1/n) of the time, unless [`MAX_LOCKS_PAUSE`] is shorter. The kernel
/// visits the locks of all sandboxes, and omits those whose owner has ended, which therefore nothing counts.
const LOCKS_SHARE: u32 = 20;
/// Maximum time between two readings of the list of locks. In it, a program can take some million locks of 200 bytes.
const MAX_LOCKS_PAUSE: Duration = Duration::from_secs(1);
/// Size of one read in bytes. The kernel returns about a page at once.
const READ_BYTES: usize = 16 * 1024;
/// Maximum number of bytes to read of one list; far more than [`MAX_LOCKS`] lines.
const MAX_LIST_BYTES: u64 = 1024 * 1024;

/// The kernel's lists of sockets and locks, opened in the namespaces of the sandbox.
pub(crate) struct KernelMemoryWatch {
    protocols: File,
    locks: File,
    /// The time of the next reading of `locks`; `None` before the first.
    next_locks: Option<Instant>,
}

impl KernelMemoryWatch {
    /// Opens the lists in `/proc`, which must be the sandbox's own, so that the list of locks contains its processes.
    pub(crate) fn open() -> io::Result<Self> {
        let (protocols, locks) = (File::open("/proc/net/protocols")?, File::open("/proc/locks")?);
        Ok(Self { protocols, locks, next_locks: None })
    }

    /// Returns whether the sandbox has more sockets or locks than allowed. Does not count the locks if that took long the
    /// last time, and not long ago.
    pub(crate) fn is_exceeded(&mut self) -> io::Result<bool> {
        if self.has_too_many_sockets()? {
            return Ok(true);
        }
        if self.next_locks.is_some_and(|next| Instant::now() < next) {
            return Ok(false);
        }
        // Not wall-clock time, which the program could extend by using all of the CPU.
        let begun = thread_cpu_time()?;
        let is_exceeded = self.has_too_many_locks()?;
        let cost = thread_cpu_time()?.saturating_sub(begun);
        self.next_locks = Some(Instant::now() + pause_after(cost));
        Ok(is_exceeded)
    }

    fn has_too_many_sockets(&self) -> io::Result<bool> {
        let mut sockets = SocketCount::default();
        find_line(&self.protocols, |line| sockets.exceeds_limit_with(line))
    }

    fn has_too_many_locks(&self) -> io::Result<bool> {
        let mut count = 0;
        find_line(&self.locks, |line| {
            count += usize::from(is_held_in_namespace(line));
            count > MAX_LOCKS
        })
    }
}

/// Returns the time from the end of a reading that took `cost` to the next one.
fn pause_after(cost: Duration) -> Duration {
    (cost * (LOCKS_SHARE - 1)).min(MAX_LOCKS_PAUSE)
}

fn thread_cpu_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Returns whether `is_found` accepts a line of a list. Reads the whole list until then: a kernel with many modules has more
/// protocols than one read returns, and the oldest ones are at the end.
fn find_line(list: &File, mut is_found: impl FnMut(&str) -> bool) -> io::Result<bool> {
    let (mut bytes, mut partial, mut offset) = ([0; READ_BYTES], String::new(), 0);
    while offset < MAX_LIST_BYTES {
        let length = list.read_at(&mut bytes, offset)?;
        if length == 0 {
            break;
        }
        offset += length as u64;
        partial.push_str(&String::from_utf8_lossy(&bytes[..length]));
        let end = partial.rfind('\n').map_or(0, |newline| newline + 1);
        if partial[..end].lines().any(&mut is_found) {
            return Ok(true);
        }
        partial.drain(..end);
    }
    Ok(false)
}

/// Returns whether a line of /proc/locks names a process of this pid namespace. Open file description locks, and the locks
/// of other hosts, belong to no process and are listed in every namespace; counting them would charge every sandbox.
fn is_held_in_namespace(line: &str) -> bool {
    let holder =
        line.split_whitespace().skip_while(|word| !matches!(*word, "READ" | "WRITE" | "UNLCK")).nth(1);
    holder.and_then(|pid| pid.parse::<i32>().ok()).is_some_and(|pid| pid > 0)
}

/// Number of sockets of each group of [`MAX_SOCKETS`].
#[derive(Default)]
struct SocketCount([u64; MAX_SOCKETS.len()]);

impl SocketCount {
    /// Adds a line of /proc/net/protocols, and returns whether its group has more sockets than allowed.
    fn exceeds_limit_with(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        let (Some(name), Some(count)) =
            (words.next(), words.nth(1).and_then(|count| count.parse::<u64>().ok()))
        else {
            return false;
        };
        MAX_SOCKETS.iter().zip(&mut self.0).any(|((protocols, max), total)| {
            *total += if protocols.contains(&name) { count } else { 0 };
            *total > *max
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::{KernelMemoryWatch, READ_BYTES, SocketCount, find_line, is_held_in_namespace, pause_after};

    #[test]
    fn reading_the_locks_takes_a_twentieth_of_the_time() {
        let millis = Duration::from_millis;
        for (cost, expected) in [(0, 0), (5, 95), (50, 950), (500, 1000)] {
            assert_eq!(pause_after(millis(cost)), millis(expected), "{cost}");
        }
        let mut watch = KernelMemoryWatch::open().unwrap();
        assert!(!watch.is_exceeded().unwrap());
        assert!(watch.next_locks.is_some());
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        let list = tempfile::tempfile().unwrap();
        while list.metadata().unwrap().len() < 3 * READ_BYTES as u64 {
            writeln!(&list, "SCTP      1512      0      -1   no       0   yes  kernel").unwrap();
        }
        let is_exceeded = || {
            let mut sockets = SocketCount::default();
            find_line(&list, |line| sockets.exceeds_limit_with(line)).unwrap()
        };
        assert!(!is_exceeded());
        writeln!(&list, "TCP       2304   1025     322   no     192   yes  kernel").unwrap();
        assert!(is_exceeded());
    }

    #[test]
    fn only_locks_that_a_process_of_the_namespace_holds_are_counted() {
        for (line, expected) in [
            ("1: POSIX  ADVISORY  WRITE 2 00:1f:3 10 10", true),
            ("2: FLOCK  ADVISORY  WRITE 7 00:1f:3 0 EOF", true),
            ("2: -> POSIX  ADVISORY  READ 7 00:1f:3 0 EOF", true),
            ("3: OFDLCK ADVISORY  WRITE -1 00:1f:3 10 10", false),
            ("4: LEASE  ACTIVE    READ  2 00:1f:3 0 EOF", true),
            ("5: POSIX  ADVISORY  WRITE 0 00:1f:3 10 10", false),
            ("", false),
        ] {
            assert_eq!(is_held_in_namespace(line), expected, "{line}");
        }
    }

    #[test]
    fn only_sockets_with_unaccounted_memory_are_limited() {
        for (line, expected) in [
            ("protocol  size sockets  memory press maxhdr  slab module", false),
            ("TCP       2304   1024     322   no     192   yes  kernel", false),
            ("TCP       2304   1025     322   no     192   yes  kernel", true),
            ("TCPv6     2432   9999     322   no     192   yes  kernel", true),
            ("NETLINK   1112     65      -1   NI       0   no   kernel", true),
            ("UDP       1472    256     322   NI       0   yes  kernel", false),
            ("UDP       1472    257     322   NI       0   yes  kernel", true),
            ("UNIX      1152   9999      -1   NI       0   yes  kernel", false),
            ("MPTCP     2064   9999     322   no       0   yes  kernel", false),
            ("", false),
        ] {
            assert_eq!(SocketCount::default().exceeds_limit_with(line), expected, "{line}");
        }
        let mut sockets = SocketCount::default();
        assert!(!sockets.exceeds_limit_with("UDPv6     1472    200     322   NI       0   yes  kernel"));
        assert!(sockets.exceeds_limit_with("UDP       1472    100     322   NI       0   yes  kernel"));
        assert!(!KernelMemoryWatch::open().unwrap().is_exceeded().unwrap());
    }
}
