//! What the program reads: our stdin or a file, live and in bounded pieces.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use protocol::codec::CodecError;
use protocol::{Request, Stdin};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;

use crate::failure::Failure;

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
    /// The user wants an end.
    pub(crate) cancel: Notify,
}

/// Send input as it comes, and `Cancel` when asked to. Never returns: how it ends is told by events.
pub(crate) async fn speak(to: impl Sink<Request, Error = CodecError>, input: Input, signals: &Signals) {
    let mut to = std::pin::pin!(to);
    let forward = async {
        signals.running.notified().await;
        let Input::Live(mut from) = input else { return };
        let mut piece = vec![0; PIECE];
        loop {
            // Input that can not be read any further is at its end.
            let length = from.read(&mut piece).await.unwrap_or(0);
            let request = match length {
                0 => Request::EndOfInput,
                length => Request::Input(Bytes::copy_from_slice(&piece[..length])),
            };
            if to.send(request).await.is_err() || length == 0 {
                return;
            }
        }
    };
    tokio::select! {
        () = signals.cancel.notified() => {}
        () = forward => signals.cancel.notified().await,
    }
    // If the daemon hung up, the events say so.
    let _ = to.send(Request::Cancel).await;
    std::future::pending().await
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
