//! Kernel memory that no cgroup accounts for: sockets and locks. Init counts them.
//!
//! Data in a connection that was not accepted yet, and in a netlink socket that is not read, is accounted to no cgroup. Its
//! only bound (`net.ipv4.tcp_mem`) is shared by the whole host, so that a program which exhausts it cuts every process off
//! the network. Locks on byte ranges of files are not accounted either, and their number is unlimited.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Maximum number of sockets of each protocol, named as in /proc/net/protocols. TCP: the maximum of open files of a process.
/// Netlink: a program that lists interfaces has one for a moment.
const MAX_SOCKETS: [(&str, u64); 3] = [("TCP", 1024), ("TCPv6", 1024), ("NETLINK", 64)];
/// Size of a read of /proc/net/protocols in bytes; it has about thirty lines of 120 bytes.
const PROTOCOLS_BYTES: usize = 16 * 1024;
/// Maximum number of byte-range locks. SQLite holds three for each connection.
const MAX_LOCKS: usize = 1000;
/// Size of one read of /proc/locks in bytes.
const LOCKS_BYTES: usize = 48 * 1024;
/// Maximum number of bytes to read of /proc/locks; far more than [`MAX_LOCKS`] lines.
const MAX_LOCKS_BYTES: u64 = 1024 * 1024;

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
        let mut list = [0; PROTOCOLS_BYTES];
        let length = self.protocols.read_at(&mut list, 0)?;
        Ok(String::from_utf8_lossy(&list[..length]).lines().any(exceeds_socket_limit))
    }

    fn has_too_many_locks(&self) -> io::Result<bool> {
        let (mut list, mut offset, mut count) = (vec![0; LOCKS_BYTES], 0, 0);
        let mut partial = String::new();
        // A read returns about a page, and lines of other namespaces are between those of this sandbox.
        while offset < MAX_LOCKS_BYTES && count <= MAX_LOCKS {
            let length = self.locks.read_at(&mut list, offset)?;
            if length == 0 {
                break;
            }
            offset += length as u64;
            partial.push_str(&String::from_utf8_lossy(&list[..length]));
            let end = partial.rfind('\n').map_or(0, |newline| newline + 1);
            count += partial[..end].lines().filter(|line| is_held_in_namespace(line)).count();
            partial.drain(..end);
        }
        Ok(count > MAX_LOCKS)
    }
}

/// Returns whether a line of /proc/locks names a process of this pid namespace. Open file description locks, and the locks
/// of other hosts, belong to no process and are listed in every namespace; counting them would charge every sandbox.
fn is_held_in_namespace(line: &str) -> bool {
    let holder =
        line.split_whitespace().skip_while(|word| !matches!(*word, "READ" | "WRITE" | "UNLCK")).nth(1);
    holder.and_then(|pid| pid.parse::<i32>().ok()).is_some_and(|pid| pid > 0)
}

/// Returns whether a line of /proc/net/protocols has more sockets than [`MAX_SOCKETS`] allows.
fn exceeds_socket_limit(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (name, count) = (words.next(), words.nth(1).and_then(|count| count.parse::<u64>().ok()));
    MAX_SOCKETS
        .iter()
        .any(|&(protocol, max)| name == Some(protocol) && count.is_some_and(|count| count > max))
}

#[cfg(test)]
mod tests {
    use super::{KernelMemoryWatch, exceeds_socket_limit, is_held_in_namespace};

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
            ("UNIX      1152   9999      -1   NI       0   yes  kernel", false),
            ("MPTCP     2064   9999     322   no       0   yes  kernel", false),
            ("", false),
        ] {
            assert_eq!(exceeds_socket_limit(line), expected, "{line}");
        }
        assert!(!KernelMemoryWatch::open().unwrap().is_exceeded().unwrap());
    }
}
