//! An execution whose input is uploaded before it is queued.

use std::sync::Arc;

use bytes::Bytes;
use protocol::bounds::MAX_INPUT_CHUNK;
use protocol::{Client, ClientError, Event, Request};

use crate::domain::connection_pool::ConnectionPool;
use crate::domain::execution::{Execution, ExecutionError, ExecutionEvent};
use crate::domain::execution_meter::ExecutionMeter;

/// An execution whose request was sent, and whose uploads are being sent. Dropping it gives the execution up.
#[derive(Debug)]
pub(crate) struct Upload {
    client: Client,
    pool: Arc<ConnectionPool>,
    meter: ExecutionMeter,
}

impl Upload {
    /// Wraps a connection on which a request with uploads was sent.
    pub(crate) const fn new(client: Client, pool: Arc<ConnectionPool>, meter: ExecutionMeter) -> Self {
        Self { client, pool, meter }
    }

    /// Sends a part of the stdin of a run, of any length. The daemon takes it as fast as it can hold it.
    ///
    /// # Errors
    /// The daemon's reason to refuse the upload, or a failure of the connection.
    pub(crate) async fn send(&mut self, run: u32, mut bytes: Bytes) -> Result<(), ExecutionError> {
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(MAX_INPUT_CHUNK));
            self.request(Request::Upload { run, bytes: chunk }).await?;
        }
        Ok(())
    }

    /// Waits until the daemon ends the execution before its uploads are complete, and returns the reason. No event is lost
    /// if the future is dropped before it is ready.
    pub(crate) async fn refused(&mut self) -> ExecutionError {
        match self.client.event().await {
            Ok(event) => refusal(event),
            Err(error) => error.into(),
        }
    }

    /// Completes the uploads. The daemon queues the execution now.
    ///
    /// # Errors
    /// As [`Upload::send`].
    pub(crate) async fn finish(mut self) -> Result<Execution, ExecutionError> {
        self.request(Request::EndOfUploads).await?;
        let first = self.client.event().await?;
        Ok(Execution::new(self.client, Some(first), self.pool, self.meter))
    }

    /// Sends a message. A daemon that closes the connection may have sent the reason before.
    async fn request(&mut self, request: Request) -> Result<(), ExecutionError> {
        match self.client.send(request).await {
            Ok(()) => Ok(()),
            Err(error) => match self.client.event().await {
                Ok(event) => Err(refusal(event)),
                Err(_) => Err(error.into()),
            },
        }
    }
}

/// Returns the error of an event that arrives in place of an upload's end.
fn refusal(event: Event) -> ExecutionError {
    match ExecutionEvent::try_from(event) {
        Err(error) => error,
        Ok(_) => ClientError::Unexpected.into(),
    }
}
