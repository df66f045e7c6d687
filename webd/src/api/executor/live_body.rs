//! The body of a live answer: each event of an execution as a server-sent event or as a line of JSON.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::time::timeout;

use crate::api::executor::event_encoder::{EventEncoder, EventFormat};
use crate::domain::execution::{Execution, ExecutionError, ExecutionEvent};
use crate::http::error::ApiError;

/// Time without events after which a comment is sent, so that proxies do not close the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The comment: a line of server-sent events that clients ignore.
const KEEP_ALIVE_COMMENT: &[u8] = b": still here\n\n";

/// Creates the body of an execution whose first event was read already. Dropping the body cancels the execution.
pub(crate) fn new(execution: Execution, first: ExecutionEvent, encoder: EventEncoder) -> Body {
    let live = LiveBody { execution, first: Some(first), encoder };
    Body::from_stream(stream::unfold(Some(live), LiveBody::next_chunk))
}

struct LiveBody {
    execution: Execution,
    first: Option<ExecutionEvent>,
    encoder: EventEncoder,
}

impl LiveBody {
    /// Returns the next chunk and the state after it; `None` after the last event.
    async fn next_chunk(body: Option<Self>) -> Option<(Result<Bytes, Infallible>, Option<Self>)> {
        let mut body = body?;
        loop {
            let Some(event) = body.next_event().await else {
                match body.encoder.format() {
                    EventFormat::Sse => {
                        return Some((Ok(Bytes::from_static(KEEP_ALIVE_COMMENT)), Some(body)));
                    }
                    EventFormat::Ndjson => continue,
                }
            };
            let encoded = body.encoder.encode(event.map_err(ApiError::from));
            let chunk = Bytes::from(encoded.lines);
            if encoded.is_last {
                return Some((Ok(chunk), None));
            }
            if !chunk.is_empty() {
                return Some((Ok(chunk), Some(body)));
            }
        }
    }

    /// Returns the next event, or `None` after [`KEEP_ALIVE`] without one.
    async fn next_event(&mut self) -> Option<Result<ExecutionEvent, ExecutionError>> {
        match self.first.take() {
            Some(event) => Some(Ok(event)),
            None => timeout(KEEP_ALIVE, self.execution.next_event()).await.ok(),
        }
    }
}
