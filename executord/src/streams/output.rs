//! A program's output, from its pipe or terminal to events: bounded, in order, and with backpressure.
//!
//! Nothing is read while an event waits for the client, so a program that writes faster than the client reads blocks on its
//! full pipe.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{ByteCount, StreamName};
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe;

use crate::streams::terminal::Terminal;

/// The daemon's end of stdout or stderr.
#[derive(Debug)]
pub(crate) struct OutputPipe {
    name: StreamName,
    source: Option<OutputSource>,
    /// Bytes until the output limit.
    remaining: u64,
    is_truncated: bool,
}

/// Where the output comes from.
#[derive(Debug)]
enum OutputSource {
    Pipe(pipe::Receiver),
    Terminal(Arc<Terminal>),
}

/// A read from an output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutputChunk {
    /// For the client.
    Data(Bytes),
    /// The last bytes for the client: there were more, beyond the limit.
    Overflow(Bytes),
    /// Discarded: it was read after the overflow, so that the program does not block while it ends.
    Discarded,
    /// No process has it open for writing any more.
    End,
}

impl OutputPipe {
    /// Creates a pipe. Returns the daemon's end, with a limit of 0 until [`OutputPipe::set_limit`], and the program's end.
    pub(crate) fn new(name: StreamName) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = pipe_pair()?;
        // A program that opens /dev/stdout again may write to it, and not read.
        set_mode(&writer, 0o222)?;
        let source = Some(OutputSource::Pipe(pipe::Receiver::from_owned_fd(reader)?));
        Ok((Self { name, source, remaining: 0, is_truncated: false }, writer))
    }

    /// Sets how much is kept from now on.
    pub(crate) const fn set_limit(&mut self, limit: ByteCount) {
        self.remaining = limit.bytes();
    }

    /// Reads from the program's terminal from now on, instead of the pipe.
    pub(crate) fn redirect_to(&mut self, terminal: Arc<Terminal>) {
        self.source = Some(OutputSource::Terminal(terminal));
    }

    /// Stops reading.
    pub(crate) fn close(&mut self) {
        self.source = None;
    }

    /// Returns whether nothing of `limit` was used up: the program wrote nothing.
    pub(crate) const fn is_unused(&self, limit: ByteCount) -> bool {
        self.remaining >= limit.bytes()
    }

    pub(crate) const fn name(&self) -> StreamName {
        self.name
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.source.is_some()
    }

    pub(crate) const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Waits until there is something to read, or the end. Cancel safe.
    pub(crate) async fn readable(&self) {
        match &self.source {
            // An error is returned again by the read.
            Some(OutputSource::Pipe(pipe)) => drop(pipe.readable().await),
            Some(OutputSource::Terminal(terminal)) => drop(terminal.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Waits for output and reads what is there. Cancel safe.
    pub(crate) async fn read(&mut self, buffer: &mut [u8; MAX_OUTPUT_CHUNK]) -> OutputChunk {
        let count = loop {
            self.readable().await;
            let read = match &self.source {
                Some(OutputSource::Pipe(pipe)) => pipe.try_read(buffer),
                Some(OutputSource::Terminal(terminal)) => terminal.try_read(buffer),
                None => break 0,
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Errors of a pipe or a terminal mean that the other end is gone.
                read => break read.unwrap_or(0),
            }
        };
        if count == 0 {
            self.source = None;
            return OutputChunk::End;
        }
        self.keep(&buffer[..count])
    }

    fn keep(&mut self, bytes: &[u8]) -> OutputChunk {
        if self.is_truncated {
            return OutputChunk::Discarded;
        }
        let kept = bytes.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        self.remaining -= kept as u64;
        let chunk = Bytes::copy_from_slice(&bytes[..kept]);
        if kept < bytes.len() {
            self.is_truncated = true;
            return OutputChunk::Overflow(chunk);
        }
        OutputChunk::Data(chunk)
    }
}

/// Creates the pipe for stdin. Returns the program's end and the daemon's.
pub(crate) fn stdin_pipe() -> io::Result<(OwnedFd, pipe::Sender)> {
    let (reader, writer) = pipe_pair()?;
    // A program that opens /dev/stdin again may read it, and not write.
    set_mode(&reader, 0o444)?;
    Ok((reader, pipe::Sender::from_owned_fd(writer)?))
}

/// Creates a pipe whose ends, the reader and the writer, are closed on exec.
pub(crate) fn pipe_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// Sets the mode of a pipe's inode, which both ends share. It is checked when a process opens the pipe again, through
/// /proc/self/fd.
fn set_mode(end: &OwnedFd, mode: mode_t) -> io::Result<()> {
    Ok(fchmod(end, Mode::from_bits_truncate(mode))?)
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Bytes, MAX_OUTPUT_CHUNK, OutputChunk, OutputPipe, StreamName};
    use std::io::Write;

    #[tokio::test]
    async fn output_beyond_the_limit_is_read_and_discarded() {
        let (mut output, end) = OutputPipe::new(StreamName::Stdout).unwrap();
        output.set_limit(ByteCount(8));
        let mut writer = std::fs::File::from(end);
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        for (written, chunk) in [
            ("hello", OutputChunk::Data(Bytes::from("hello"))),
            ("you", OutputChunk::Data(Bytes::from("you"))),
            ("!", OutputChunk::Overflow(Bytes::new())),
            ("more", OutputChunk::Discarded),
        ] {
            writer.write_all(written.as_bytes()).unwrap();
            assert_eq!(output.read(&mut buffer).await, chunk);
        }
        drop(writer);
        assert_eq!(output.read(&mut buffer).await, OutputChunk::End);
        assert!(output.is_truncated() && !output.is_open());
    }
}
