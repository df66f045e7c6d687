//! Compression of responses, if the client accepts it: answers and lists whose length is known. Live answers are never
//! compressed, because each event must leave at once. The files of the page are compressed when they are built.
//!
//! Compressing secrets together with text that an attacker chose would reveal them through the length (BREACH,
//! CVE-2013-3587). No response of webd has a secret: there are no cookies, tokens or accounts, and an answer consists of
//! what the program of its own request wrote.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use http_body::Body as _;

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
    let caller = request.extensions().get::<Caller>().cloned();
    let mut response = next.run(request).await;
    let length = response.body().size_hint().exact().unwrap_or(0);
    let headers = response.headers();
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING) && !headers.contains_key(header::ETAG);
    if length < MIN_LENGTH || !is_plain {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let (true, Some(caller)) = (is_accepted, caller) else { return response };
    let mut reservation = state.budgets.of(&caller).reservation();
    if reservation.grow(ENCODER_MEMORY).is_err() {
        return response;
    }
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(GZIP));
    response.map(|body| gzip(body, reservation))
}

/// Returns a body that is compressed while it is sent.
fn gzip(body: Body, reservation: Reservation) -> Body {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let parts = Parts { chunks: body.into_data_stream(), encoder: Some(encoder), _reservation: reservation };
    Body::from_stream(stream::unfold(parts, |mut parts| async {
        let output = parts.next_output().await?;
        Some((output, parts))
    }))
}

/// What compresses a body.
struct Parts {
    chunks: BodyDataStream,
    /// `None` after the last chunk.
    encoder: Option<GzEncoder<Vec<u8>>>,
    _reservation: Reservation,
}

impl Parts {
    /// Returns the next compressed bytes, or `None` at the end.
    async fn next_output(&mut self) -> Option<Result<Bytes, axum::Error>> {
        let mut encoder = self.encoder.take()?;
        while let Some(chunk) = self.chunks.next().await {
            if let Err(error) = chunk.and_then(|chunk| encoder.write_all(&chunk).map_err(axum::Error::new)) {
                return Some(Err(error));
            }
            let output = std::mem::take(encoder.get_mut());
            if !output.is_empty() {
                self.encoder = Some(encoder);
                return Some(Ok(output.into()));
            }
            // Other tasks run between two chunks that leave no output.
            tokio::task::yield_now().await;
        }
        Some(encoder.finish().map(Bytes::from).map_err(axum::Error::new))
    }
}
