//! A connection whose unread bytes count as memory of all requests together.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::budget::Share;
use crate::http::body::COST;

/// The connection: what is read from it is taken from the budget until [`Meter::settle`].
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    meter: Meter,
}

/// What a connection holds.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Mutex<Share>>);

impl Meter {
    /// What is read is added to this share.
    pub(crate) fn new(share: Share) -> Self {
        Self(Arc::new(Mutex::new(share)))
    }

    /// All that was read has been dealt with.
    pub(crate) fn settle(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).give_back();
    }

    fn grow(&self, bytes: usize) -> io::Result<()> {
        let mut share = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        share.grow(bytes).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error.body.error))
    }
}

impl<S> Metered<S> {
    /// Count what is read from `stream`.
    pub(crate) fn new(stream: S, meter: Meter) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.meter.grow((buffer.filled().len() - before) * COST))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
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
