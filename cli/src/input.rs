//! Input of the program, from stdin or a file, and the control messages of the user.

use std::cell::Cell;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use bytes::Bytes;
use futures_util::SinkExt;
use protocol::{ProgramSignal, Request, Stdin, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::server::Requests;
use crate::{program, raw_mode};

/// Bytes of one chunk of input. A frame can hold more, but small chunks keep an interactive program responsive.
const CHUNK: usize = 64 * 1024;

/// Source of the program's input.
pub(crate) enum Input {
    None,
    Live(Box<dyn AsyncRead + Unpin>),
}

impl Input {
    /// Opens `path`, or stdin unless the program itself is read from it.
    pub(crate) async fn open(path: Option<&Path>, program_from_stdin: bool) -> Result<Self, Failure> {
        match path {
            Some(path) if path != Path::new("-") => match tokio::fs::File::open(path).await {
                Ok(file) => Ok(Self::Live(Box::new(file))),
                Err(error) => Err(Failure::Usage(format!("open {}: {error}", path.display()))),
            },
            Some(_) if program_from_stdin => Err(Failure::Usage(
                "the program and its input cannot both be read from stdin; use --stdin FILE".into(),
            )),
            _ if program_from_stdin || stdin_is_empty() => Ok(Self::None),
            _ => Ok(Self::Live(Box::new(tokio::io::stdin()))),
        }
    }

    /// Reads all input. Nothing is left to forward.
    pub(crate) async fn read_all(&mut self) -> Result<Stdin, Failure> {
        match std::mem::replace(self, Self::None) {
            Self::None => Ok(Stdin::default()),
            Self::Live(input) => program::read(input, "the input").await.map(Stdin::Bytes),
        }
    }

    /// Returns the stdin to request for the run.
    pub(crate) fn stdin_kind(&self) -> Stdin {
        match self {
            Self::None => Stdin::default(),
            Self::Live(_) => Stdin::Live,
        }
    }
}

/// State of the run and requests of the user, shared by the tasks of one execution.
#[derive(Default)]
pub(crate) struct RunControl {
    /// Notified when the run starts: from then on input is sent.
    pub(crate) run_started: Notify,
    /// Whether the run is active.
    pub(crate) is_running: Cell<bool>,
    /// Notified when the user interrupts the program.
    pub(crate) interrupt: Notify,
    /// Notified when the user cancels the execution.
    pub(crate) cancel: Notify,
}

/// Sends input as it arrives, signals, terminal sizes, and a cancellation. Never returns; the events of the server end
/// the execution.
pub(crate) async fn forward_input(
    mut requests: Requests,
    input: Input,
    control: &RunControl,
    terminal: Option<TerminalSize>,
) {
    let mut input = match input {
        Input::Live(input) => Some(input),
        Input::None => None,
    };
    let mut resizes = terminal.and_then(|_| signal(SignalKind::window_change()).ok());
    let mut chunk = vec![0; CHUNK];
    let mut has_started = false;
    loop {
        let request = tokio::select! {
            biased;
            () = control.cancel.notified() => Request::Cancel,
            () = control.interrupt.notified() => Request::Signal(ProgramSignal::Interrupt),
            () = control.run_started.notified() => {
                has_started = true;
                continue;
            }
            () = resized(&mut resizes) => Request::Resize(raw_mode::terminal_size()),
            length = read(&mut input, &mut chunk), if has_started => match length {
                0 => {
                    input = None;
                    Request::EndOfInput
                }
                length => Request::Input(Bytes::copy_from_slice(&chunk[..length])),
            },
        };
        if request == Request::Cancel {
            input = None;
        }
        if requests.send(request).await.is_err() {
            // The connection failed; the events report it.
            std::future::pending::<()>().await;
        }
    }
}

/// Returns the length of the next chunk. A read error counts as end of input; without input this never returns.
async fn read(input: &mut Option<Box<dyn AsyncRead + Unpin>>, chunk: &mut [u8]) -> usize {
    match input {
        Some(input) => input.read(chunk).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

async fn resized(resizes: &mut Option<Signal>) {
    let Some(resizes) = resizes else { return std::future::pending().await };
    if resizes.recv().await.is_none() {
        std::future::pending().await
    }
}

/// Returns whether stdin cannot deliver input: `/dev/null` or another device that is not a terminal, or an empty file.
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
