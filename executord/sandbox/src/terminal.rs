//! A terminal for the program: the only one of a devpts that is mounted for its sandbox alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use crate::plan::TerminalSize;

/// Its two ends: the master, for the daemon, and the program's.
pub(crate) struct Terminal {
    pub(crate) master: OwnedFd,
    pub(crate) program: OwnedFd,
}

/// Open the terminal of the sandbox that we are in. There is no second one.
pub(crate) fn make(size: TerminalSize) -> io::Result<Terminal> {
    let master = open("/dev/pts/ptmx", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    unlockpt(&master)?;
    // Not by its name, so that nothing hangs on what is at /dev/pts.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let program = ioctl_tiocgptpeer(&master, flags)?;
    let TerminalSize { columns, rows } = size;
    tcsetwinsize(&master, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 })?;
    let mut settings = tcgetattr(&program)?;
    // The erase key takes a character back and not a byte.
    settings.input_modes |= InputModes::IUTF8;
    tcsetattr(&program, OptionalActions::Now, &settings)?;
    Ok(Terminal { master, program })
}

impl Terminal {
    /// The program's end, once more.
    pub(crate) fn another(&self) -> io::Result<OwnedFd> {
        self.program.try_clone()
    }
}

/// Make it the terminal of this process's session, which must have none yet.
pub(crate) fn control_session(terminal: BorrowedFd) -> io::Result<()> {
    Ok(rustix::process::ioctl_tiocsctty(terminal.as_fd())?)
}
