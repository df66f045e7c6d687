//! Compression of responses, if the client accepts it: answers and lists whose length is known. Live answers are never
//! compressed, because each event must leave at once. The files of the page are compressed when they are built.
//!
//! Compressing secrets together with text that an attacker chose would reveal them through the length (BREACH,
//! CVE-2013-3587). No response of webd has a secret: there are no cookies, tokens or accounts, and an answer consists of
//! what the program of its own request wrote.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::{Body as _, Frame};

use crate::app_state::AppState;
use crate::domain::budget::Reservation;
use crate::domain::caller::Caller;
use crate::http::accept_encoding::accepts;

/// Bytes below which a response is not compressed: it fits into one packet.
const MIN_LENGTH: u64 = 1024;
/// Memory of an encoder: its window, hash chains and output buffer, rounded up.
const ENCODER_MEMORY: usize = 512 * 1024;
/// The only encoding. Brotli needs megabytes for each response and is not faster.
const GZIP: &str = "gzip";

/// Compresses the response, if it is worth it and there is memory.
pub(crate) async fn compress(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let is_accepted = accepts(request.headers(), GZIP);
    let client = request.extensions().get::<Caller>().map(Caller::client);
    let mut response = next.run(request).await;
    let length = response.body().size_hint().exact().unwrap_or(0);
    let headers = response.headers();
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING) && !headers.contains_key(header::ETAG);
    if length < MIN_LENGTH || !is_plain {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let (true, Some(client)) = (is_accepted, client) else { return response };
    let mut reservation = state.budgets.of(client).reservation();
    if reservation.grow(ENCODER_MEMORY).is_err() {
        return response;
    }
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(GZIP));
    response.map(|body| Body::new(GzipBody::new(body, reservation)))
}

/// A body that is compressed while it is sent.
struct GzipBody {
    body: Body,
    /// `None` after the last chunk.
    encoder: Option<GzEncoder<Vec<u8>>>,
    _reservation: Reservation,
}

impl GzipBody {
    fn new(body: Body, reservation: Reservation) -> Self {
        Self {
            body,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
            _reservation: reservation,
        }
    }
}

impl http_body::Body for GzipBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.encoder.is_none() {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => Some(frame),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => None,
        };
        let is_last = frame.is_none();
        let chunk = frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        match encode(&mut self.encoder, &chunk, is_last) {
            Ok(output) if output.is_empty() => {
                // Other tasks run between two chunks that leave no output.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(output) => Poll::Ready(Some(Ok(Frame::data(output.into())))),
            Err(error) => Poll::Ready(Some(Err(axum::Error::new(error)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none()
    }
}

/// Returns the compressed bytes that are complete after `chunk`.
fn encode(encoder: &mut Option<GzEncoder<Vec<u8>>>, chunk: &[u8], is_last: bool) -> io::Result<Vec<u8>> {
    let Some(mut current) = encoder.take() else { return Ok(Vec::new()) };
    current.write_all(chunk)?;
    if is_last {
        return current.finish();
    }
    let output = std::mem::take(current.get_mut());
    *encoder = Some(current);
    Ok(output)
}
