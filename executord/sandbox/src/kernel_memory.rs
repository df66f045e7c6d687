//! Kernel memory that no cgroup accounts for: sockets and locks. Init counts them.
//!
//! Data in a connection that was not accepted yet, in a netlink socket that is not read, and in the error queue of a socket
//! is accounted to no cgroup. The only bound of the first (`net.ipv4.tcp_mem`) is shared by the whole host, so that a
//! program which exhausts it cuts every process off the network. Locks on byte ranges of files are not accounted either,
//! and their number is unlimited.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

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
/// Size of one read in bytes. The kernel returns about a page at once.
const READ_BYTES: usize = 16 * 1024;
/// Maximum number of bytes to read of one list; far more than [`MAX_LOCKS`] lines.
const MAX_LIST_BYTES: u64 = 1024 * 1024;

/// The kernel's lists of sockets and locks, opened in the namespaces of the sandbox.
pub(crate) struct KernelMemoryWatch {
    protocols: File,
    locks: File,
}

impl KernelMemoryWatch {
    /// Opens the lists in `/proc`, which must be the sandbox's own, so that the list of locks contains its processes.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { protocols: File::open("/proc/net/protocols")?, locks: File::open("/proc/locks")? })
    }

    /// Returns whether the sandbox has more sockets or locks than allowed.
    pub(crate) fn is_exceeded(&self) -> io::Result<bool> {
        Ok(self.has_too_many_sockets()? || self.has_too_many_locks()?)
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

    use super::{KernelMemoryWatch, READ_BYTES, SocketCount, find_line, is_held_in_namespace};

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
