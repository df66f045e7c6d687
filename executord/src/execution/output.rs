//! A program's output, from its pipe or terminal to events: bounded, in order, and never faster than the client reads.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{ByteCount, StreamName};
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe;

use crate::execution::terminal::Terminal;

/// One of a program's outputs.
#[derive(Debug)]
pub(crate) struct OutputPipe {
    name: StreamName,
    source: Option<OutputSource>,
    /// How much more is kept.
    room: u64,
    truncated: bool,
}

/// Where it comes from.
#[derive(Debug)]
enum OutputSource {
    Pipe(pipe::Receiver),
    Terminal(Arc<Terminal>),
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutputChunk {
    /// To be told to the client.
    Kept(Bytes),
    /// The last that is kept, and more was there.
    Overflow(Bytes),
    /// Read after the overflow, so that the program does not wait for us.
    Dropped,
    /// Nobody can write any more.
    End,
}

impl OutputPipe {
    /// A pipe, and its end for the program. Nothing is kept of it until [`OutputPipe::set_limit`].
    pub(crate) fn new(name: StreamName) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = pipe_pair()?;
        // Whoever opens /dev/stdout again may write, and nobody may read.
        set_mode(&writer, 0o222)?;
        let source = Some(OutputSource::Pipe(pipe::Receiver::from_owned_fd(reader)?));
        Ok((Self { name, source, room: 0, truncated: false }, writer))
    }

    pub(crate) const fn set_limit(&mut self, limit: ByteCount) {
        self.room = limit.bytes();
    }

    /// From now on the program writes to its terminal instead.
    pub(crate) fn redirect_to(&mut self, terminal: Arc<Terminal>) {
        self.source = Some(OutputSource::Terminal(terminal));
    }

    /// Nothing will come of it.
    pub(crate) fn close(&mut self) {
        self.source = None;
    }

    /// Whether so much more would be kept.
    pub(crate) const fn has_room_for(&self, bytes: ByteCount) -> bool {
        self.room >= bytes.bytes()
    }

    pub(crate) const fn name(&self) -> StreamName {
        self.name
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.source.is_some()
    }

    pub(crate) const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Wait until there is something to read, or the end.
    pub(crate) async fn readable(&self) {
        match &self.source {
            // An error shows when it is read.
            Some(OutputSource::Pipe(pipe)) => drop(pipe.readable().await),
            Some(OutputSource::Terminal(terminal)) => drop(terminal.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Read what is there, waiting for it. Safe to drop before it is ready.
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
                // Nothing but the end can be wrong with either.
                answer => break answer.unwrap_or(0),
            }
        };
        if count == 0 {
            self.source = None;
            return OutputChunk::End;
        }
        self.keep(&buffer[..count])
    }

    fn keep(&mut self, bytes: &[u8]) -> OutputChunk {
        if self.truncated {
            return OutputChunk::Dropped;
        }
        let kept = bytes.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
        self.room -= kept as u64;
        let chunk = Bytes::copy_from_slice(&bytes[..kept]);
        if kept < bytes.len() {
            self.truncated = true;
            return OutputChunk::Overflow(chunk);
        }
        OutputChunk::Kept(chunk)
    }
}

/// The program's end of stdin, and ours.
pub(crate) fn stdin_pipe() -> io::Result<(OwnedFd, pipe::Sender)> {
    let (reader, writer) = pipe_pair()?;
    // Whoever opens /dev/stdin again may read, and nobody may write.
    set_mode(&reader, 0o444)?;
    Ok((reader, pipe::Sender::from_owned_fd(writer)?))
}

/// A pipe whose ends close on exec.
pub(crate) fn pipe_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// Both ends are one inode; the mode counts when it is opened again by its name in /proc.
fn set_mode(end: &OwnedFd, mode: mode_t) -> io::Result<()> {
    Ok(fchmod(end, Mode::from_bits_truncate(mode))?)
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Bytes, MAX_OUTPUT_CHUNK, OutputChunk, OutputPipe, StreamName};
    use std::io::Write;

    #[tokio::test]
    async fn the_first_bytes_are_kept_and_the_rest_is_read_all_the_same() {
        let (mut output, end) = OutputPipe::new(StreamName::Stdout).unwrap();
        output.set_limit(ByteCount(8));
        let mut writer = std::fs::File::from(end);
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        for (written, chunk) in [
            ("hello", OutputChunk::Kept(Bytes::from("hello"))),
            ("you", OutputChunk::Kept(Bytes::from("you"))),
            ("!", OutputChunk::Overflow(Bytes::new())),
            ("more", OutputChunk::Dropped),
        ] {
            writer.write_all(written.as_bytes()).unwrap();
            assert_eq!(output.read(&mut buffer).await, chunk);
        }
        drop(writer);
        assert_eq!(output.read(&mut buffer).await, OutputChunk::End);
        assert!(output.is_truncated() && !output.is_open());
    }
}
