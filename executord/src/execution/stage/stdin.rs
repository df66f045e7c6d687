//! A program's stdin, through its pipe or its terminal.

use std::io;
use std::sync::Arc;

use protocol::Stdin;
use sandbox::SealedMemoryFile;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;

use super::input::StageInput;
use crate::streams::input::InputChunks;
use crate::streams::terminal::Terminal;

/// Bytes of an upload that are read at once.
const UPLOAD_PIECE: usize = 64 * 1024;

/// Writes a program's stdin: to its terminal if it has one, else to the pipe. In a dialogue it comes from the other program.
pub(super) async fn write_stdin(
    pipe: pipe::Sender,
    terminal: Option<Arc<Terminal>>,
    stage: &StageInput<'_>,
    chunks: &Mutex<InputChunks>,
) {
    match (terminal, stage.link) {
        (_, Some(link)) => link.write_to(pipe).await,
        (Some(terminal), None) => type_into(&terminal, stage, chunks).await,
        (None, None) => write_to(pipe, stage, chunks).await,
    }
}

/// Writes stdin to the pipe and closes it. A program need not read it.
async fn write_to(mut pipe: pipe::Sender, stage: &StageInput<'_>, chunks: &Mutex<InputChunks>) {
    match stage.stdin {
        Stdin::Bytes(bytes) => {
            let _ = pipe.write_all(bytes).await;
        }
        Stdin::Upload => {
            let mut upload = UploadReader::new(stage.upload);
            while let Some(bytes) = upload.next() {
                if pipe.write_all(bytes).await.is_err() {
                    break;
                }
            }
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
async fn type_into(terminal: &Terminal, stage: &StageInput<'_>, chunks: &Mutex<InputChunks>) {
    let mut chunks = chunks.lock().await;
    let typing = async {
        match stage.stdin {
            Stdin::Bytes(bytes) => {
                terminal.write_all(bytes).await?;
                end_typing(terminal, bytes.last().copied()).await
            }
            Stdin::Upload => {
                let (mut upload, mut last) = (UploadReader::new(stage.upload), None);
                while let Some(bytes) = upload.next() {
                    last = bytes.last().copied();
                    terminal.write_all(bytes).await?;
                }
                end_typing(terminal, last).await
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

/// Types the key that ends the input. Within a line it only passes on what there is of the line; see termios(3), VEOF.
async fn end_typing(terminal: &Terminal, last: Option<u8>) -> io::Result<()> {
    if last.is_some_and(|last| last != b'\n') {
        terminal.end_input().await?;
    }
    terminal.end_input().await
}

/// Reads an upload in pieces.
struct UploadReader<'a> {
    file: Option<&'a SealedMemoryFile>,
    offset: u64,
    buffer: Vec<u8>,
}

impl<'a> UploadReader<'a> {
    fn new(file: Option<&'a SealedMemoryFile>) -> Self {
        Self { file, offset: 0, buffer: vec![0; UPLOAD_PIECE] }
    }

    /// Returns the next piece, or `None` at the end. A memory file cannot fail to be read.
    fn next(&mut self) -> Option<&[u8]> {
        let count = self.file?.read_at(&mut self.buffer, self.offset).ok().filter(|&count| count > 0)?;
        self.offset += count as u64;
        Some(&self.buffer[..count])
    }
}
