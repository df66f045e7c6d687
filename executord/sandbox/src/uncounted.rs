//! Memory of the kernel's that it charges to nobody: sockets and locks. Init counts them.
//!
//! What waits in a connection that was not accepted yet, and in a netlink socket that is not read, is in no
//! group's memory. The bound of all of it (`net.ipv4.tcp_mem`) is one for the whole host: a program that uses it
//! up takes the network from everybody. Nor is a lock on a part of a file, and there is no end to the parts.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Sockets of each kind that may be there at one time, with the names in the kernel's list. TCP: as many as a
/// process can have files open at most. Netlink: whoever asks for interfaces has one, for a moment.
const MOST: [(&str, u64); 3] = [("TCP", 1024), ("TCPv6", 1024), ("NETLINK", 64)];
/// Bytes of the list; there are some thirty protocols with a line of 120 bytes each.
const PROTOCOLS_BYTES: usize = 16 * 1024;
/// Locks of parts of files that may be held at one time. SQLite holds three a connection.
const LOCKS: usize = 1000;
/// Bytes of the list of locks that are read at one time, and of all of it: far more than there are lines of ours.
const LOCKS_BYTES: usize = 48 * 1024;
const LOCKS_BYTES_AT_MOST: u64 = 1024 * 1024;

/// The kernel's lists, of the namespaces that they were opened in.
pub(crate) struct Uncounted {
    protocols: File,
    locks: File,
}

impl Uncounted {
    /// Opens them in `/proc`, which must be the sandbox's own: the list of locks is that of its processes.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { protocols: File::open("/proc/net/protocols")?, locks: File::open("/proc/locks")? })
    }

    /// Whether there is more of anything than there may be.
    pub(crate) fn is_too_much(&self) -> io::Result<bool> {
        Ok(self.has_too_many_sockets()? || self.has_too_many_locks()?)
    }

    fn has_too_many_sockets(&self) -> io::Result<bool> {
        let mut list = [0; PROTOCOLS_BYTES];
        let length = self.protocols.read_at(&mut list, 0)?;
        Ok(String::from_utf8_lossy(&list[..length]).lines().any(is_too_many))
    }

    fn has_too_many_locks(&self) -> io::Result<bool> {
        let (mut list, mut at, mut count) = (vec![0; LOCKS_BYTES], 0, 0);
        let mut cut = String::new();
        // The kernel gives a page or so at a time, and what others hold may stand between ours.
        while at < LOCKS_BYTES_AT_MOST && count <= LOCKS {
            let length = self.locks.read_at(&mut list, at)?;
            if length == 0 {
                break;
            }
            at += length as u64;
            cut.push_str(&String::from_utf8_lossy(&list[..length]));
            let whole = cut.rfind('\n').map_or(0, |end| end + 1);
            count += cut[..whole].lines().filter(|line| is_ours(line)).count();
            cut.drain(..whole);
        }
        Ok(count > LOCKS)
    }
}

/// Whether a line of the list of locks names a process of this namespace. Locks of descriptors, and those of other
/// hosts, belong to no process, and every namespace sees them: they would be held against all runs at once.
fn is_ours(line: &str) -> bool {
    let holder =
        line.split_whitespace().skip_while(|word| !matches!(*word, "READ" | "WRITE" | "UNLCK")).nth(1);
    holder.and_then(|pid| pid.parse::<i32>().ok()).is_some_and(|pid| pid > 0)
}

fn is_too_many(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (name, count) = (words.next(), words.nth(1).and_then(|count| count.parse::<u64>().ok()));
    MOST.iter().any(|&(kind, most)| name == Some(kind) && count.is_some_and(|count| count > most))
}

#[cfg(test)]
mod tests {
    use super::{Uncounted, is_ours, is_too_many};

    #[test]
    fn locks_of_no_process_are_not_held_against_anybody() {
        for (line, expected) in [
            ("1: POSIX  ADVISORY  WRITE 2 00:1f:3 10 10", true),
            ("2: FLOCK  ADVISORY  WRITE 7 00:1f:3 0 EOF", true),
            ("2: -> POSIX  ADVISORY  READ 7 00:1f:3 0 EOF", true),
            ("3: OFDLCK ADVISORY  WRITE -1 00:1f:3 10 10", false),
            ("4: LEASE  ACTIVE    READ  2 00:1f:3 0 EOF", true),
            ("5: POSIX  ADVISORY  WRITE 0 00:1f:3 10 10", false),
            ("", false),
        ] {
            assert_eq!(is_ours(line), expected, "{line}");
        }
    }

    #[test]
    fn only_what_the_kernel_charges_to_nobody_is_bounded() {
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
            assert_eq!(is_too_many(line), expected, "{line}");
        }
        assert!(!Uncounted::open().unwrap().is_too_much().unwrap());
    }
}
