//! A program's output, from its pipes or terminal to events: bounded, in order, and with backpressure.
//!
//! Nothing is read while an event waits for the client, so a program that writes faster than the client reads blocks on
//! its full pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{ByteCount, StreamName};

use crate::streams::output_limit::OutputLimit;
use crate::streams::pipe::{OUTPUT_CAPACITY, enlarge, output_pipe};
use crate::streams::read_order::{PipeRead, ReadOrder};
use crate::streams::terminal::Terminal;

pub(crate) use crate::streams::output_limit::OutputChunk;

/// The streams, in the order of the pipes.
const STREAMS: [StreamName; 2] = [StreamName::Stdout, StreamName::Stderr];

/// The daemon's ends of stdout and stderr.
#[derive(Debug)]
pub(crate) struct Output {
    pipes: ReadOrder,
    /// The program's terminal, which replaces the pipes. All its output is stdout.
    terminal: Option<Arc<Terminal>>,
    limits: [OutputLimit; 2],
}

/// The program's ends of stdout and stderr.
#[derive(Debug)]
pub(crate) struct OutputEnds {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Output {
    /// Creates the pipes. The output limit is 0 until [`Output::set_limit`].
    pub(crate) fn new() -> io::Result<(Self, OutputEnds)> {
        let (stdout_reader, stdout) = output_pipe()?;
        let (stderr_reader, stderr) = output_pipe()?;
        let pipes = ReadOrder::new([stdout_reader, stderr_reader])?;
        Ok((Self { pipes, terminal: None, limits: Default::default() }, OutputEnds { stdout, stderr }))
    }

    /// Sets how much of each stream is kept from now on. The pipes get room for as much, if the host permits it.
    pub(crate) fn set_limit(&mut self, limit: ByteCount) {
        for output in &mut self.limits {
            output.set(limit);
        }
        if limit.bytes() > OUTPUT_CAPACITY {
            for pipe in self.pipes.open_pipes() {
                enlarge(pipe, limit.bytes());
            }
        }
    }

    /// Reads from the program's terminal from now on, instead of the pipes.
    pub(crate) fn redirect_to(&mut self, terminal: Arc<Terminal>) {
        self.terminal = Some(terminal);
        self.pipes.close();
    }

    /// Returns the bytes read from stdout and from stderr, including those beyond the limit.
    pub(crate) fn read_bytes(&self) -> [ByteCount; 2] {
        [self.limits[0].read(), self.limits[1].read()]
    }

    /// Returns whether a process may still write.
    pub(crate) fn is_open(&self) -> bool {
        self.terminal.is_some() || self.pipes.is_open()
    }

    /// Returns whether the program wrote more to a stream than was kept.
    pub(crate) const fn is_truncated(&self, stream: StreamName) -> bool {
        self.limits[stream as usize].is_truncated()
    }

    /// Waits for output and reads the available bytes. Of two streams that hold something, the one that became readable
    /// first is read first. Cancel safe.
    pub(crate) async fn read(&mut self, buffer: &mut [u8; MAX_OUTPUT_CHUNK]) -> (StreamName, OutputChunk) {
        let (index, read) = match &self.terminal {
            Some(terminal) => (0, read_terminal(terminal, buffer).await),
            None => self.pipes.read(buffer).await,
        };
        let limit = &mut self.limits[index];
        let chunk = match read {
            PipeRead::Data(count) => limit.keep(&buffer[..count]),
            PipeRead::End => {
                self.terminal = None;
                limit.end()
            }
        };
        (STREAMS[index], chunk)
    }
}

/// Waits for output of a terminal and reads what is there. Cancel safe.
async fn read_terminal(terminal: &Terminal, buffer: &mut [u8; MAX_OUTPUT_CHUNK]) -> PipeRead {
    loop {
        // An error is returned again by the read.
        drop(terminal.readable().await);
        match terminal.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Errors of a terminal mean that the other end is gone.
            Ok(0) | Err(_) => return PipeRead::End,
            Ok(count) => return PipeRead::Data(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn output_beyond_the_limit_is_read_and_discarded() {
        let (mut output, ends) = Output::new().unwrap();
        output.set_limit(ByteCount(8));
        let (mut writer, stderr) = (File::from(ends.stdout), ends.stderr);
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        for (written, chunk) in [
            ("hello", OutputChunk::Data(Bytes::from("hello"))),
            ("you", OutputChunk::Data(Bytes::from("you"))),
            ("!", OutputChunk::Overflow(Bytes::new())),
            ("more", OutputChunk::Discarded),
        ] {
            writer.write_all(written.as_bytes()).unwrap();
            assert_eq!(output.read(&mut buffer).await, (StreamName::Stdout, chunk));
        }
        drop(writer);
        assert_eq!(output.read(&mut buffer).await, (StreamName::Stdout, OutputChunk::End));
        assert_eq!(output.read_bytes(), [ByteCount(13), ByteCount(0)]);
        assert!(output.is_truncated(StreamName::Stdout) && !output.is_truncated(StreamName::Stderr));
        assert!(output.is_open());
        drop(stderr);
        assert_eq!(output.read(&mut buffer).await, (StreamName::Stderr, OutputChunk::End));
        assert!(!output.is_open());
    }

    #[tokio::test]
    async fn output_up_to_the_default_limit_fits_into_the_pipe() {
        let (mut output, ends) = Output::new().unwrap();
        let limit = ByteCount::mib(1);
        output.set_limit(limit);
        let mut writer = File::from(ends.stdout);
        drop(ends.stderr);
        let text = vec![b'x'; 1 << 20];
        // Nothing reads meanwhile.
        writer.write_all(&text).unwrap();
        drop(writer);
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        let mut read = 0;
        while output.is_open() {
            if let (StreamName::Stdout, OutputChunk::Data(bytes)) = output.read(&mut buffer).await {
                read += bytes.len();
            }
        }
        assert_eq!(read, text.len());
        assert!(!output.is_truncated(StreamName::Stdout));
    }
}
