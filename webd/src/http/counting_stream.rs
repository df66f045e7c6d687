//! A connection whose unprocessed bytes count against the memory budget.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::budget::Reservation;
use crate::http::request_body::MEMORY_PER_BYTE;

/// A stream that reserves memory for what is read from it, until [`UnprocessedBytes::release`]. A read fails with
/// [`io::ErrorKind::OutOfMemory`] if the budget is exceeded, and with [`io::ErrorKind::FileTooLarge`] if too much is
/// unprocessed: a WebSocket message may consist of any number of empty fragments, which nothing else counts.
#[derive(Debug)]
pub(crate) struct CountingStream<S> {
    stream: S,
    unprocessed: UnprocessedBytes,
}

/// The memory of the bytes that were read and not processed yet.
#[derive(Clone, Debug)]
pub(crate) struct UnprocessedBytes {
    reservation: Arc<Mutex<Reservation>>,
    max_length: usize,
}

impl UnprocessedBytes {
    /// Counts at most `max_length` bytes in this reservation.
    pub(crate) fn new(reservation: Reservation, max_length: usize) -> Self {
        Self { reservation: Arc::new(Mutex::new(reservation)), max_length }
    }

    /// Releases the memory, because all bytes read so far have been processed.
    pub(crate) fn release(&self) {
        self.lock().release();
    }

    fn grow(&self, bytes: usize) -> io::Result<()> {
        let mut reservation = self.lock();
        if reservation.reserved().saturating_add(bytes) > self.max_length.saturating_mul(MEMORY_PER_BYTE) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        reservation.grow(bytes).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))
    }
}

impl UnprocessedBytes {
    fn lock(&self) -> MutexGuard<'_, Reservation> {
        self.reservation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> CountingStream<S> {
    /// Counts the bytes read from `stream` in `unprocessed`.
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
