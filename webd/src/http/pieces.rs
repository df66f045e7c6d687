//! An answer that is handed to its connection piece by piece: what it costs in memory is paid until the last one.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::domain::budget::Share;

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// What is left to send.
#[derive(Debug)]
pub(crate) struct Pieces {
    left: Bytes,
    _share: Share,
}

impl Pieces {
    /// All of it, and its share of the memory of all requests.
    pub(crate) fn new(whole: Vec<u8>, share: Share) -> Self {
        Self { left: whole.into(), _share: share }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
