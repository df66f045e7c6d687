//! A connection whose unprocessed bytes count against the memory budget.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::budget::Reservation;
use crate::http::request_body::MEMORY_PER_BYTE;

/// A stream that reserves memory for what is read from it, until [`UnprocessedBytes::release`]. A read fails with
/// [`io::ErrorKind::OutOfMemory`] if the budget is exceeded.
#[derive(Debug)]
pub(crate) struct CountingStream<S> {
    stream: S,
    unprocessed: UnprocessedBytes,
}

/// The memory of the bytes that were read and not processed yet.
#[derive(Clone, Debug)]
pub(crate) struct UnprocessedBytes(Arc<Mutex<Reservation>>);

impl UnprocessedBytes {
    /// Counts bytes in this reservation.
    pub(crate) fn new(reservation: Reservation) -> Self {
        Self(Arc::new(Mutex::new(reservation)))
    }

    /// Releases the memory, because all bytes read so far have been processed.
    pub(crate) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).release();
    }

    fn grow(&self, bytes: usize) -> io::Result<()> {
        let mut reservation = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reservation.grow(bytes).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))
    }
}

impl<S> CountingStream<S> {
    /// Counts what is read from `stream` in `unprocessed`.
    pub(crate) const fn new(stream: S, unprocessed: UnprocessedBytes) -> Self {
        Self { stream, unprocessed }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.unprocessed.grow((buffer.filled().len() - before) * MEMORY_PER_BYTE))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountingStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
