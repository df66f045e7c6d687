//! Bodies of type `multipart/form-data` (RFC 7578), read part by part within bounds: only a piece of a body is in
//! memory.
//!
//! The parser ([`multer`]) reads as much as there is before it looks at it, and has no bound of its own for the headers
//! of a part. So it gets the body in small pieces, one at a time, and no more than [`MAX_PART_HEADERS`] bytes until the
//! headers of a part are complete.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;

use crate::http::error::{ApiError, ErrorCode};

/// Bytes of the body that the parser gets at once.
const PIECE: usize = 16 * 1024;
/// Bytes between the end of a part's content and the end of the next part's headers.
const MAX_PART_HEADERS: usize = 64 * 1024;
/// Characters of a boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// Memory that reading a multipart body takes: what the parser buffers, and a piece.
pub(crate) const MULTIPART_MEMORY: usize = 4 * MAX_PART_HEADERS;

/// A multipart body.
pub(crate) struct Multipart {
    parser: multer::Multipart<'static>,
    allowance: Arc<AtomicUsize>,
}

/// A part of a multipart body.
pub(crate) struct Part {
    /// Its name.
    pub(crate) name: String,
    field: multer::Field<'static>,
}

/// Returns the boundary if the body is of type `multipart/form-data`; `None` if it is of another type.
///
/// # Errors
/// 415 if there is no valid boundary, or if the body is compressed.
pub(crate) fn boundary(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return Ok(None) };
    let content_type = content_type.to_str().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let unsupported = |message: &str| Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return unsupported("compressed bodies are not supported, remove the Content-Encoding header");
    }
    match multer::parse_boundary(content_type) {
        Ok(boundary) if (1..=MAX_BOUNDARY).contains(&boundary.len()) => Ok(Some(boundary)),
        _ => unsupported("Content-Type: multipart/form-data must have a boundary of 1 to 70 characters"),
    }
}

impl Multipart {
    /// Reads `body` with this boundary.
    pub(crate) fn new(body: Body, boundary: String) -> Self {
        let allowance = Arc::new(AtomicUsize::new(0));
        let pieces = Pieces { body, rest: Bytes::new(), is_paused: false, allowance: Arc::clone(&allowance) };
        Self { parser: multer::Multipart::new(pieces, boundary), allowance }
    }

    /// Returns the next part, or `None` after the last. The part before it must be dropped.
    ///
    /// # Errors
    /// A 400 whose message describes the error in the body.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Part>, ApiError> {
        self.allowance.store(MAX_PART_HEADERS, Ordering::Relaxed);
        let field = self.parser.next_field().await.map_err(explained)?;
        self.allowance.store(usize::MAX, Ordering::Relaxed);
        let Some(field) = field else { return Ok(None) };
        let Some(name) = field.name() else {
            return Err(ApiError::invalid_request("each part must have a name in its Content-Disposition"));
        };
        Ok(Some(Part { name: name.to_owned(), field }))
    }
}

impl Part {
    /// Returns the headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.field.headers()
    }

    /// Returns the next bytes of the content, or `None` at its end. Cancel safe.
    ///
    /// # Errors
    /// As [`Multipart::next_part`].
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.field.chunk().await.map_err(explained)
    }
}

fn explained(error: multer::Error) -> ApiError {
    let message = match &error {
        multer::Error::StreamReadFailed(source) if source.is::<HeadersTooLong>() => {
            format!("the headers of a part must be at most {MAX_PART_HEADERS} bytes long")
        }
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteStream
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteFieldData { .. } => "the multipart body is incomplete".to_owned(),
        error => format!("the multipart body is not valid: {error}"),
    };
    ApiError::invalid_request(message)
}

/// The headers of a part are longer than [`MAX_PART_HEADERS`].
#[derive(Debug, thiserror::Error)]
#[error("the headers of a part are too long")]
struct HeadersTooLong;

/// A body in pieces of at most [`PIECE`] bytes. After each of them the stream is pending once, because the parser reads
/// until it is.
struct Pieces {
    body: Body,
    rest: Bytes,
    is_paused: bool,
    /// Bytes that may be read before the headers of a part are complete.
    allowance: Arc<AtomicUsize>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.is_paused) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        let allowed = |allowance: usize| match allowance {
            usize::MAX => Some(allowance),
            allowance => allowance.checked_sub(length),
        };
        if self.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, allowed).is_err() {
            return Poll::Ready(Some(Err(HeadersTooLong.into())));
        }
        self.is_paused = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    async fn parts(body: impl Into<Body>) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut multipart = Multipart::new(body.into(), "b".to_owned());
        let mut parts = Vec::new();
        while let Some(mut part) = multipart.next_part().await.map_err(|error| error.body.error)? {
            let mut content = Vec::new();
            while let Some(chunk) = part.chunk().await.map_err(|error| error.body.error)? {
                assert!(chunk.len() <= MULTIPART_MEMORY);
                content.extend_from_slice(&chunk);
            }
            parts.push((part.name.clone(), content));
        }
        Ok(parts)
    }

    fn part(name: &str, headers: &str, content: &[u8]) -> Vec<u8> {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{headers}\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    }

    #[tokio::test]
    async fn parts_are_read_in_order_however_long_they_are() {
        let long: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let body = [
            part("a", "", b"1\r\n--c"),
            part("stdin[0]", "", &long),
            part("e", "", b""),
            b"--b--\r\n".to_vec(),
        ];
        let parts = parts(body.concat()).await.unwrap();
        let expected = [("a", b"1\r\n--c".to_vec()), ("stdin[0]", long), ("e", Vec::new())]
            .map(|(name, text)| (name.to_owned(), text));
        assert!(parts == expected);
    }

    #[tokio::test]
    async fn a_body_that_is_not_valid_is_refused_with_a_reason() {
        let check = async |body: Vec<u8>, expected: &str| {
            let error = parts(body).await.unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(part("a", "", b"no end"), "incomplete").await;
        check(b"".to_vec(), "incomplete").await;
        check(b"no boundary at all".to_vec(), "incomplete").await;
        check(b"--b\r\nX: y\r\n\r\nx\r\n--b--\r\n".to_vec(), "must have a name").await;
        check(
            part("a", &format!("X: {}\r\n", "x".repeat(MAX_PART_HEADERS)), b""),
            "must be at most 65536 bytes",
        )
        .await;
        // Without an end, the headers would be searched for it again and again.
        let endless = [b"--b\r\n".to_vec(), b"X: y\r\n".repeat(1_000_000)].concat();
        check(endless, "must be at most 65536 bytes").await;
        check(vec![b'x'; 10_000_000], "must be at most 65536 bytes").await;
        let many = (0..100).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
        check(part("a", &many, b""), "not valid").await;
    }

    #[test]
    fn the_content_type_has_the_boundary() {
        let check = |content_type: &'static str, expected: Option<Option<&str>>| {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            let found = boundary(&headers).ok();
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{content_type}");
        };
        check("multipart/form-data; boundary=abc", Some(Some("abc")));
        check("Multipart/Form-Data; boundary=\"a b\"", Some(Some("a b")));
        check("application/json", Some(None));
        check("multipart/mixed; boundary=abc", Some(None));
        check("multipart/form-data", None);
        check("multipart/form-data; boundary=", None);
        check(
            "multipart/form-data; boundary=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            None,
        );
    }
}
