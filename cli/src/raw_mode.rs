//! Raw mode of the terminal of this process, while a program runs that has its own terminal.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroU16;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use protocol::TerminalSize;
use terminal_size::{Height, Width, terminal_size_of};

/// Raw mode of the terminal on stdin; termios(3). In raw mode each key goes to the program at once, Ctrl+C included, and
/// its own terminal interprets it and echoes. Dropping this value restores the terminal.
#[derive(Default)]
pub(crate) struct RawMode {
    /// Attributes to restore; `None` while the terminal is not in raw mode.
    original: RefCell<Option<Termios>>,
}

impl RawMode {
    /// Puts the terminal in raw mode, if stdin is a terminal.
    pub(crate) fn enable(&self) {
        let Ok(original) = tcgetattr(io::stdin()) else { return };
        let mut raw = original.clone();
        cfmakeraw(&mut raw);
        if tcsetattr(io::stdin(), SetArg::TCSANOW, &raw).is_ok() {
            self.original.borrow_mut().get_or_insert(original);
        }
    }

    /// Restores the terminal.
    pub(crate) fn disable(&self) {
        if let Some(original) = self.original.borrow_mut().take() {
            // Without TCSAFLUSH: input that was typed ahead is for the next reader.
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &original);
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.disable();
    }
}

/// Returns the size of the terminal on stdout or stdin, and the default size without a terminal.
pub(crate) fn terminal_size() -> TerminalSize {
    let size = terminal_size_of(io::stdout()).or_else(|| terminal_size_of(io::stdin()));
    let size = size.and_then(|(Width(columns), Height(rows))| {
        Some(TerminalSize { columns: NonZeroU16::new(columns)?, rows: NonZeroU16::new(rows)? })
    });
    size.unwrap_or_default()
}
