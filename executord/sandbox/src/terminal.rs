//! The program's pseudoterminal: the only one in the devpts instance of its sandbox.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{InputFlags, SetArg, tcgetattr, tcsetattr};

use crate::plan::TerminalSize;
use crate::sys::terminal::{open_peer, set_size, unlock};

/// The two ends of a pseudoterminal.
pub(crate) struct Terminal {
    /// The daemon's end.
    pub(crate) master: OwnedFd,
    /// The program's end.
    pub(crate) program: OwnedFd,
}

impl Terminal {
    /// Opens the pseudoterminal of the calling process's sandbox. The devpts instance has room for one.
    pub(crate) fn open(size: TerminalSize) -> io::Result<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = open("/dev/pts/ptmx", flags, Mode::empty())?;
        unlock(master.as_fd())?;
        // Opened through the master and not by name, so that it does not depend on what is mounted at /dev/pts.
        let program = open_peer(master.as_fd())?;
        set_size(master.as_fd(), size.columns, size.rows)?;
        let mut settings = tcgetattr(&program)?;
        // With IUTF8 the erase key removes a character and not a byte.
        settings.input_flags |= InputFlags::IUTF8;
        tcsetattr(&program, SetArg::TCSANOW, &settings)?;
        Ok(Self { master, program })
    }
}

/// Sets the size of the terminal behind `master`. The foreground process group receives SIGWINCH if it changes.
///
/// # Errors
/// The errors of TIOCSWINSZ; see ioctl_tty(2).
pub fn resize_terminal(master: impl AsFd, size: TerminalSize) -> io::Result<()> {
    set_size(master.as_fd(), size.columns, size.rows)
}
