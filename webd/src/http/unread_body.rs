//! Responses that are sent before the whole request body was read.
//!
//! The rest of the body would have to be read before the next request on the connection, and the client decides how long
//! that takes. The response says that the connection closes, so that the client uses a new one instead of waiting.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

/// Closes the connection after a response to a request whose body was not read to its end.
pub(crate) async fn close_if_unread(request: Request, next: Next) -> Response {
    let was_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let observed = Arc::clone(&was_read);
    let mut response =
        next.run(request.map(|body| Body::new(ObservedBody { body, was_read: observed }))).await;
    if !was_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A request body that notes when its end was read.
struct ObservedBody {
    body: Body,
    was_read: Arc<AtomicBool>,
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.was_read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
