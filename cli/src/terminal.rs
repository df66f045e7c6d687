//! Writing, with colours where a person reads; and our own terminal, lent to a program.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::num::NonZeroU16;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use protocol::TerminalSize;
use terminal_size::{Height, Width, terminal_size_of};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::failure::Failure;

/// One of our two outputs.
pub(crate) struct Out {
    to: Box<dyn AsyncWrite + Unpin>,
    colours: bool,
}

impl Out {
    pub(crate) fn stdout() -> Self {
        Self { to: Box::new(tokio::io::stdout()), colours: colours(&io::stdout()) }
    }

    pub(crate) fn stderr() -> Self {
        Self { to: Box::new(tokio::io::stderr()), colours: colours(&io::stderr()) }
    }

    /// All of it, now.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.to.write_all(bytes).await?;
        Ok(self.to.flush().await?)
    }

    pub(crate) async fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.write(format!("{line}\n").as_bytes()).await
    }

    pub(crate) fn good(&self, text: &str) -> String {
        paint(self.colours, "32", text)
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        paint(self.colours, "1;31", text)
    }

    pub(crate) fn faint(&self, text: &str) -> String {
        paint(self.colours, "2", text)
    }
}

/// Our own terminal. While it is lent, each key goes to the program as it is pressed, and what the program's terminal
/// makes of it comes back as output: Ctrl+C is for that one to understand.
#[derive(Default)]
pub(crate) struct Lent {
    /// How it was before; none while it is ours.
    before: RefCell<Option<Termios>>,
}

impl Lent {
    /// Lend it, if stdin is one.
    pub(crate) fn lend(&self) {
        let Ok(before) = tcgetattr(io::stdin()) else { return };
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        if tcsetattr(io::stdin(), SetArg::TCSANOW, &raw).is_ok() {
            self.before.borrow_mut().get_or_insert(before);
        }
    }

    /// Have it back as it was.
    pub(crate) fn take_back(&self) {
        if let Some(before) = self.before.borrow_mut().take() {
            // Not flushed: what was typed already is for whoever reads next.
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before);
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// How large our terminal is, or what terminals usually are if we have none.
pub(crate) fn size() -> TerminalSize {
    let known = terminal_size_of(io::stdout()).or_else(|| terminal_size_of(io::stdin()));
    let known = known.and_then(|(Width(columns), Height(rows))| {
        Some(TerminalSize { columns: NonZeroU16::new(columns)?, rows: NonZeroU16::new(rows)? })
    });
    known.unwrap_or_default()
}

/// `error:` as it begins a complaint on stderr.
pub(crate) fn error_label() -> String {
    paint(colours(&io::stderr()), "1;31", "error:")
}

fn colours(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(colours: bool, colour: &str, text: &str) -> String {
    if colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}
