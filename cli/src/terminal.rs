//! Writing, with colours where a person reads.

use std::io::{self, IsTerminal};

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
