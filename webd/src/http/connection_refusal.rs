//! The answer to a connection that is refused before it has sent a request.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http::connection_table::TooMany;
use crate::http::error::{ApiError, ErrorCode};

/// Refused connections that get a response concurrently. More are closed without an answer.
const MAX_REFUSALS: usize = 32;
/// Time for an answer to be read. Closing the connection while the client still sends would destroy the answer.
const LINGER: Duration = Duration::from_millis(500);
/// Seconds after which a refused client may try again.
const RETRY_AFTER: u64 = 1;

/// Answers refused connections.
#[derive(Debug)]
pub(crate) struct Refusals(Arc<Semaphore>);

impl Refusals {
    /// Creates the answering side.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_REFUSALS)))
    }

    /// Answers and closes a connection.
    pub(crate) fn refuse(&self, mut stream: TcpStream, reason: TooMany) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else { return };
        tokio::spawn(async move {
            let exchange = async {
                stream.write_all(response(reason).as_bytes()).await?;
                stream.shutdown().await?;
                let mut scratch = [0; 4096];
                while stream.read(&mut scratch).await? > 0 {}
                std::io::Result::Ok(())
            };
            let _ = timeout(LINGER, exchange).await;
            drop(permit);
        });
    }
}

impl From<TooMany> for ApiError {
    fn from(reason: TooMany) -> Self {
        let mut error = Self::new(ErrorCode::Busy, reason.to_string());
        error.body.retry_after = Some(RETRY_AFTER);
        error
    }
}

fn response(reason: TooMany) -> String {
    // Serializing strings and numbers into memory cannot fail.
    let body = serde_json::to_string(&ApiError::from(reason).body).unwrap_or_default();
    format!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Retry-After: {RETRY_AFTER}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
