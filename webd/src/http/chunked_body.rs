//! A response body that is handed to its connection in chunks, and holds its memory reservation until the last one.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::domain::budget::Reservation;

/// Bytes of a chunk.
const CHUNK: usize = 64 * 1024;

/// The part of a body that is not sent yet.
#[derive(Debug)]
pub(crate) struct ChunkedBody {
    unsent: Bytes,
    _reservation: Reservation,
}

impl ChunkedBody {
    /// Creates a body and the reservation of its memory.
    pub(crate) fn new(body: Vec<u8>, reservation: Reservation) -> Self {
        Self { unsent: body.into(), _reservation: reservation }
    }
}

impl Body for ChunkedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.unsent.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.unsent.len().min(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.unsent.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent.len() as u64)
    }
}
