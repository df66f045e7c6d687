//! Standard output and standard error, with colors if they are terminals.

use std::io::{self, IsTerminal};

use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Standard output or standard error.
pub(crate) struct Output {
    stream: Box<dyn AsyncWrite + Unpin>,
    has_colors: bool,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self { stream: Box::new(tokio::io::stdout()), has_colors: has_colors(&io::stdout()) }
    }

    pub(crate) fn stderr() -> Self {
        Self { stream: Box::new(tokio::io::stderr()), has_colors: has_colors(&io::stderr()) }
    }

    /// Writes all bytes and flushes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub(crate) async fn line(&mut self, line: &str) -> io::Result<()> {
        self.write(format!("{line}\n").as_bytes()).await
    }

    pub(crate) fn green(&self, text: &str) -> String {
        paint(self.has_colors, "32", text)
    }

    pub(crate) fn red(&self, text: &str) -> String {
        paint(self.has_colors, "1;31", text)
    }

    pub(crate) fn faint(&self, text: &str) -> String {
        paint(self.has_colors, "2", text)
    }
}

/// Returns `error:`, the start of each error message on stderr.
pub(crate) fn error_label() -> String {
    paint(has_colors(&io::stderr()), "1;31", "error:")
}

/// Returns whether to use colors: on a terminal, unless NO_COLOR is set (<https://no-color.org>).
fn has_colors(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(has_colors: bool, color: &str, text: &str) -> String {
    if has_colors { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
}
