//! A connection whose other end must read what it is sent.
//!
//! hyper limits how long a request head may take to arrive; nothing limits how long a response may take to leave. A
//! client that reads one byte per second would hold an execution, its memory and a connection for hours.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::quiet_stream::Unread;

/// Rate at which reading extends the timeout: a client that reads more slowly is eventually disconnected.
const MIN_BYTES_PER_SECOND: u64 = 4096;
/// How long the other end may go on sending after our last byte. Closing the connection earlier would reset it, and
/// the client would not see why its request was refused.
const LINGER: Duration = Duration::from_secs(3);

/// A connection, and the time its writes may still wait for the client.
#[derive(Debug)]
pub(crate) struct WriteTimeout {
    stream: TcpStream,
    timeout: Duration,
    /// Decreases while a write waits, and increases up to `timeout` with each byte that is written.
    remaining: Duration,
    waiting_since: Option<Instant>,
    deadline: Pin<Box<Sleep>>,
    is_lingering: bool,
}

impl WriteTimeout {
    /// Lets writes wait for `timeout` in total, and longer only if the client reads at least
    /// [`MIN_BYTES_PER_SECOND`].
    pub(crate) fn new(stream: TcpStream, timeout: Duration) -> Self {
        let deadline = Box::pin(sleep_until(Instant::now()));
        Self { stream, timeout, remaining: timeout, waiting_since: None, deadline, is_lingering: false }
    }

    fn wrote(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.remaining = self.remaining.saturating_sub(since.elapsed());
        }
        let earned = Duration::from_millis(bytes as u64 * 1000 / MIN_BYTES_PER_SECOND);
        self.remaining = self.timeout.min(self.remaining + earned);
    }

    fn wait<T>(&mut self, context: &mut Context) -> Poll<io::Result<T>> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            self.deadline.as_mut().reset(now + self.remaining);
        }
        ready!(self.deadline.as_mut().poll(context));
        // What the client did not read must not stay in the kernel either.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its response")))
    }

    fn after_write(
        &mut self,
        context: &mut Context,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.wrote(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait(context),
        }
    }
}

impl Unread for WriteTimeout {
    fn has_unread(&self) -> bool {
        self.stream.has_unread()
    }
}

impl AsyncRead for WriteTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WriteTimeout {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffers: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.after_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Shuts the write half down, then reads until the other end has finished too, for at most [`LINGER`].
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        if !self.is_lingering {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_lingering = true;
            self.deadline.as_mut().reset(Instant::now() + LINGER);
        }
        let mut scratch = [0; 16 * 1024];
        loop {
            if self.deadline.as_mut().poll(context).is_ready() {
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
