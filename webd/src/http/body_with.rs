//! A response body that holds a guard until it has been sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// A body that drops `T` with itself: after its last chunk was handed to the connection, or when the connection broke.
pub(crate) struct BodyWith<T> {
    body: Body,
    _kept: T,
}

impl<T: Send + Unpin + 'static> BodyWith<T> {
    /// Lets the body of `response` keep `kept`.
    pub(crate) fn wrap(response: Response, kept: T) -> Response {
        response.map(|body| Body::new(Self { body, _kept: kept }))
    }
}

impl<T: Unpin> http_body::Body for BodyWith<T> {
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
