//! Requests to pseudoterminals; see ioctl_tty(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::checked::checked;

/// Unlocks the other end of `master`, so that it can be opened.
pub(crate) fn unlock(master: BorrowedFd) -> io::Result<()> {
    let unlocked: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads an int, and `unlocked` outlives the call.
    let answer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) };
    checked(answer.into()).map(drop)
}

/// Opens the other end of `master` without a path, and without making it the controlling terminal.
pub(crate) fn open_peer(master: BorrowedFd) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes an integer.
    let raw = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
    checked(raw.into())?;
    // SAFETY: the kernel just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Sets the window size in characters. The kernel sends SIGWINCH to the foreground process group if it changes.
pub(crate) fn set_size(terminal: BorrowedFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads a winsize, and `size` outlives the call.
    let answer = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    checked(answer.into()).map(drop)
}

/// Makes `terminal` the controlling terminal of the calling process's session, which must not have one.
pub(crate) fn make_controlling(terminal: BorrowedFd) -> io::Result<()> {
    // SAFETY: TIOCSCTTY takes an integer; 0 never takes a terminal away from another session.
    checked(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) }.into()).map(drop)
}
