//! A response body that reports when it has been sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::ops::metrics::RequestTimer;

/// A body that stops a timer when it is dropped: after its last chunk was handed to the connection, or when the
/// connection broke.
pub(crate) struct TimedBody {
    body: Body,
    _timer: RequestTimer,
}

impl TimedBody {
    /// Lets the body of `response` stop `timer`.
    pub(crate) fn wrap(response: Response, timer: RequestTimer) -> Response {
        response.map(|body| Body::new(Self { body, _timer: timer }))
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
