//! A response body that is handed to its connection in chunks, and holds its memory reservation until the last one.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::Serialize;

use crate::domain::budget::Reservation;

/// Bytes of a chunk.
const CHUNK: usize = 64 * 1024;

/// Returns a response of JSON that is sent in chunks, and holds `reservation` until the last one.
pub(crate) fn json_response(value: &impl Serialize, reservation: Reservation) -> Response {
    // Texts and numbers can always be serialized.
    let json = serde_json::to_vec(value).unwrap_or_default();
    let body = Body::new(ChunkedBody::new(json, reservation));
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

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

impl http_body::Body for ChunkedBody {
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
