//! A connection whose other end must take what it is sent.
//!
//! hyper bounds how long a head may take to arrive; nothing bounds how long an answer may take to leave. A client
//! that reads a byte a second would hold an execution, its memory and a place among the connections for hours.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Who takes less than this of what waits for it, loses its patience.
const SLOWEST_BYTES_PER_SECOND: u64 = 4096;
/// How long the other end may go on sending after our last byte. Closing before it is done resets the connection, and
/// the client would not see why its request was refused.
const LINGER: Duration = Duration::from_secs(3);

/// The connection, and how much patience it has left.
#[derive(Debug)]
pub(crate) struct Paced {
    stream: TcpStream,
    /// All the patience there is.
    most: Duration,
    /// Goes down while a write waits, up with each byte that is taken.
    patience: Duration,
    waits_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
    is_lingering: bool,
}

impl Paced {
    /// Let writes wait for `most` altogether, and longer only as far as bytes are taken at a reasonable pace.
    pub(crate) fn new(stream: TcpStream, most: Duration) -> Self {
        let alarm = Box::pin(sleep_until(Instant::now()));
        Self { stream, most, patience: most, waits_since: None, alarm, is_lingering: false }
    }

    fn wrote(&mut self, written: usize) {
        if let Some(since) = self.waits_since.take() {
            self.patience = self.patience.saturating_sub(since.elapsed());
        }
        let earned = Duration::from_millis(written as u64 * 1000 / SLOWEST_BYTES_PER_SECOND);
        self.patience = self.most.min(self.patience + earned);
    }

    fn wait<T>(&mut self, context: &mut Context) -> Poll<io::Result<T>> {
        if self.waits_since.is_none() {
            let now = Instant::now();
            self.waits_since = Some(now);
            self.alarm.as_mut().reset(now + self.patience);
        }
        ready!(self.alarm.as_mut().poll(context));
        // What it did not take must not stay in the kernel either.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answer")))
    }

    fn after_write(
        &mut self,
        context: &mut Context,
        came: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match came {
            Poll::Ready(Ok(written)) => {
                self.wrote(written);
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait(context),
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_write(context, came)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        pieces: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.after_write(context, came)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Say that we are done, then let the other end finish too.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        if !self.is_lingering {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_lingering = true;
            self.alarm.as_mut().reset(Instant::now() + LINGER);
        }
        let mut scratch = [0; 16 * 1024];
        loop {
            if self.alarm.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
