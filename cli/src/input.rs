//! What the program reads: our stdin or a file, live and in bounded pieces.

use std::cell::Cell;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use protocol::codec::CodecError;
use protocol::{ProgramSignal, Request, Stdin, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::terminal;

/// Bytes of one piece; a frame may hold more, but small ones keep a conversation lively.
const PIECE: usize = 64 * 1024;

/// Where the program's input comes from.
pub(crate) enum Input {
    None,
    Live(Box<dyn AsyncRead + Unpin>),
}

impl Input {
    /// `named` by the user, or our stdin where the program itself was not read from it.
    pub(crate) async fn open(named: Option<&Path>, program_from_stdin: bool) -> Result<Self, Failure> {
        match named {
            Some(path) if path != Path::new("-") => match tokio::fs::File::open(path).await {
                Ok(file) => Ok(Self::Live(Box::new(file))),
                Err(error) => Err(Failure::Usage(format!("open {}: {error}", path.display()))),
            },
            Some(_) if program_from_stdin => {
                Err(Failure::Usage("program and input can not both come from stdin".into()))
            }
            _ if program_from_stdin || stdin_is_empty() => Ok(Self::None),
            _ => Ok(Self::Live(Box::new(tokio::io::stdin()))),
        }
    }

    pub(crate) fn announce(&self) -> Stdin {
        match self {
            Self::None => Stdin::default(),
            Self::Live(_) => Stdin::Live,
        }
    }
}

/// What is told to the other half of the conversation.
#[derive(Default)]
pub(crate) struct Signals {
    /// The program runs, input may flow.
    pub(crate) running: Notify,
    /// Whether it still does.
    pub(crate) is_running: Cell<bool>,
    /// The user wants the program to be interrupted.
    pub(crate) interrupt: Notify,
    /// The user wants an end.
    pub(crate) cancel: Notify,
}

/// Send input as it comes, signals and sizes, and `Cancel` when asked to. Never returns: how it ends is told by events.
pub(crate) async fn speak(
    to: impl Sink<Request, Error = CodecError>,
    input: Input,
    signals: &Signals,
    terminal: Option<TerminalSize>,
) {
    let mut to = std::pin::pin!(to);
    let mut from = match input {
        Input::Live(from) => Some(from),
        Input::None => None,
    };
    let mut resizes = terminal.and_then(|_| signal(SignalKind::window_change()).ok());
    let mut piece = vec![0; PIECE];
    let mut is_running = false;
    loop {
        let request = tokio::select! {
            biased;
            () = signals.cancel.notified() => Request::Cancel,
            () = signals.interrupt.notified() => Request::Signal(ProgramSignal::Interrupt),
            () = signals.running.notified() => {
                is_running = true;
                continue;
            }
            () = resized(&mut resizes) => Request::Resize(terminal::size()),
            length = read(&mut from, &mut piece), if is_running => match length {
                0 => {
                    from = None;
                    Request::EndOfInput
                }
                length => Request::Input(Bytes::copy_from_slice(&piece[..length])),
            },
        };
        if request == Request::Cancel {
            from = None;
        }
        if to.send(request).await.is_err() {
            // If the daemon hung up, the events say so.
            std::future::pending::<()>().await;
        }
    }
}

/// Input that can not be read any further is at its end.
async fn read(from: &mut Option<Box<dyn AsyncRead + Unpin>>, piece: &mut [u8]) -> usize {
    match from {
        Some(from) => from.read(piece).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

async fn resized(resizes: &mut Option<Signal>) {
    let Some(resizes) = resizes else { return std::future::pending().await };
    if resizes.recv().await.is_none() {
        std::future::pending().await
    }
}

/// `/dev/null` and the like: nothing will ever come from there.
fn stdin_is_empty() -> bool {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return false;
    }
    let metadata =
        stdin.as_fd().try_clone_to_owned().map(std::fs::File::from).and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| {
        metadata.file_type().is_char_device() || (metadata.is_file() && metadata.len() == 0)
    })
}
