//! A program's stdin, through its pipe or its terminal.

use std::io;
use std::sync::Arc;

use protocol::Stdin;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;

use crate::streams::input::InputChunks;
use crate::streams::terminal::Terminal;

/// Writes a program's stdin: to its terminal if it has one, else to the pipe.
pub(super) async fn write_stdin(
    pipe: pipe::Sender,
    terminal: Option<Arc<Terminal>>,
    stdin: &Stdin,
    chunks: &Mutex<InputChunks>,
) {
    match terminal {
        Some(terminal) => type_into(&terminal, stdin, chunks).await,
        None => write_to(pipe, stdin, chunks).await,
    }
}

/// Writes stdin to the pipe and closes it. A program need not read it.
async fn write_to(mut pipe: pipe::Sender, stdin: &Stdin, chunks: &Mutex<InputChunks>) {
    match stdin {
        Stdin::Bytes(bytes) => {
            let _ = pipe.write_all(bytes).await;
        }
        Stdin::Live => {
            let mut chunks = chunks.lock().await;
            while let Some(Some(bytes)) = chunks.recv().await {
                if pipe.write_all(&bytes).await.is_err() {
                    // The program closed its stdin: what still comes is discarded.
                    while chunks.recv().await.flatten().is_some() {}
                    break;
                }
            }
        }
    }
}

/// Types stdin into the terminal, and then the key that ends it. The terminal stays open, so that a client may send more
/// after that.
async fn type_into(terminal: &Terminal, stdin: &Stdin, chunks: &Mutex<InputChunks>) {
    let mut chunks = chunks.lock().await;
    let typing = async {
        match stdin {
            Stdin::Bytes(bytes) => {
                terminal.write_all(bytes).await?;
                // Within a line the key only passes on what there is of the line; see termios(3), VEOF.
                if bytes.last().is_some_and(|&last| last != b'\n') {
                    terminal.end_input().await?;
                }
                terminal.end_input().await
            }
            Stdin::Live => {
                while let Some(chunk) = chunks.recv().await {
                    match chunk {
                        Some(bytes) => terminal.write_all(&bytes).await?,
                        None => terminal.end_input().await?,
                    }
                }
                Ok::<(), io::Error>(())
            }
        }
    };
    // Writing fails when no process has the terminal open: what still comes is discarded.
    if typing.await.is_err() {
        while chunks.recv().await.is_some() {}
    }
}
