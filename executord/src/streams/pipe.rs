//! The pipes of a program's standard streams, and their capacity.

use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{c_int, mode_t};
use nix::sys::stat::{Mode, fchmod};
use tokio::net::unix::pipe;

/// Capacity of a pipe for output in bytes. What a program has written into it is not lost when the program ends, even if it
/// ends without waiting for its output to be read, as Node does in `process.exit()`. This is the largest capacity that a
/// process without CAP_SYS_RESOURCE may set unless fs.pipe-max-size was changed; see pipe(7).
pub(super) const OUTPUT_CAPACITY: u64 = 1024 * 1024;
/// Capacity of a new pipe in bytes; see pipe(7).
const DEFAULT_CAPACITY: u64 = 64 * 1024;

/// Creates a pipe whose ends, the reader and the writer, are closed on exec.
pub(crate) fn pipe_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// Creates the pipe for stdin. Returns the program's end and the daemon's.
pub(crate) fn stdin_pipe() -> io::Result<(OwnedFd, pipe::Sender)> {
    let (reader, writer) = pipe_pair()?;
    // A program that opens /dev/stdin again may read it, and not write.
    set_mode(&reader, 0o444)?;
    Ok((reader, pipe::Sender::from_owned_fd(writer)?))
}

/// Creates a pipe for output. Returns the daemon's end, which is non-blocking, and the program's.
pub(super) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe_pair()?;
    // A program that reopens /dev/stdout may write to it, but not read from it.
    set_mode(&writer, 0o222)?;
    let flags = OFlag::from_bits_retain(fcntl(&reader, FcntlArg::F_GETFL)?);
    fcntl(&reader, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    enlarge(&reader, OUTPUT_CAPACITY);
    Ok((reader, writer))
}

/// Enlarges a pipe to `capacity` bytes, or as far as the host permits: above fs.pipe-max-size only with CAP_SYS_RESOURCE,
/// and not at all above fs.pipe-user-pages-soft without CAP_SYS_RESOURCE and CAP_SYS_ADMIN.
pub(super) fn enlarge(pipe: &OwnedFd, capacity: u64) {
    let mut size = capacity.next_power_of_two();
    while size > DEFAULT_CAPACITY {
        if c_int::try_from(size).is_ok_and(|size| fcntl(pipe, FcntlArg::F_SETPIPE_SZ(size)).is_ok()) {
            return;
        }
        size /= 2;
    }
}

/// Sets the mode of a pipe's inode, which both ends share. It is checked when a process opens the pipe again, through
/// /proc/self/fd.
fn set_mode(end: &OwnedFd, mode: mode_t) -> io::Result<()> {
    Ok(fchmod(end, Mode::from_bits_truncate(mode))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_enlarged_as_far_as_the_host_permits() {
        let (reader, _writer) = output_pipe().unwrap();
        let capacity = || fcntl(&reader, FcntlArg::F_GETPIPE_SZ).unwrap();
        let before = capacity();
        assert!(before >= 4096);
        // No host permits more than 2 GiB.
        enlarge(&reader, u64::MAX / 2);
        assert!(capacity() >= before);
    }
}
