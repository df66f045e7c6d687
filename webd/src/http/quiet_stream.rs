//! A connection that can tell whether a request may have arrived on it.
//!
//! An idle connection is closed to make room for another one. On a busy server, the request of a new connection may have
//! waited in the kernel for longer than the connection may be idle: closing it then would reset it without an answer.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream whose reads answer the [`QuietProbe`].
#[derive(Debug)]
pub(crate) struct QuietStream<S> {
    stream: S,
    probe: QuietProbe,
}

/// Asks whether nothing has arrived. The answer comes from the next read, because only the task of the connection has the
/// stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuietProbe(Arc<AtomicU8>);

const UNKNOWN: u8 = 0;
const PENDING: u8 = 1;
const QUIET: u8 = 2;

/// A stream that knows what its other end has sent.
pub(crate) trait Unread {
    /// Returns whether something has arrived that was not read.
    fn has_unread(&self) -> bool;
}

impl Unread for TcpStream {
    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        // The socket does not block. An end or an error of the connection is nothing that needs an answer.
        matches!(SockRef::from(self).peek(&mut byte), Ok(1..))
    }
}

impl QuietProbe {
    /// Asks. The connection must be polled before [`Self::is_quiet`].
    pub(crate) fn ask(&self) {
        self.0.store(PENDING, Ordering::Relaxed);
    }

    /// Returns whether a read since [`Self::ask`] found nothing. A connection that does not read is not quiet: it has a
    /// request.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.load(Ordering::Relaxed) == QUIET
    }
}

impl<S> QuietStream<S> {
    /// Lets the reads of `stream` answer `probe`.
    pub(crate) const fn new(stream: S, probe: QuietProbe) -> Self {
        Self { stream, probe }
    }
}

impl<S: AsyncRead + Unread + Unpin> AsyncRead for QuietStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.probe.0.load(Ordering::Relaxed) != UNKNOWN {
            // A read may be pending although something has arrived, until the event loop has seen it.
            let is_quiet = read.is_pending() && !self.stream.has_unread();
            self.probe.0.store(if is_quiet { QUIET } else { UNKNOWN }, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for QuietStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffers: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_with_an_unread_request_is_not_quiet() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let probe = QuietProbe::default();
        let mut stream = QuietStream::new(stream, probe.clone());
        let ask = async |stream: &mut QuietStream<TcpStream>| {
            probe.ask();
            let mut empty = [0; 16];
            let mut buffer = ReadBuf::new(&mut empty);
            let read = poll_fn(|context| {
                Poll::Ready(Pin::new(&mut *stream).poll_read(context, &mut buffer).is_ready())
            });
            (read.await, probe.is_quiet())
        };
        assert!(!probe.is_quiet(), "nobody asked");
        assert_eq!(ask(&mut stream).await, (false, true));
        // Written without giving the event loop a turn, so that only the kernel knows.
        client.try_write(b"GET").unwrap();
        assert_eq!(ask(&mut stream).await, (false, false));
        stream.stream.readable().await.unwrap();
        assert_eq!(ask(&mut stream).await, (true, false));
        // Bytes that were read no longer count, and each question has its own answer.
        assert_eq!(ask(&mut stream).await, (false, true));
        client.write_all(b" /").await.unwrap();
        stream.read_exact(&mut [0; 2]).await.unwrap();
        assert!(!probe.is_quiet(), "something has arrived since");
    }
}
