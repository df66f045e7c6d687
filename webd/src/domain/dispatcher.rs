//! The decision where an execution runs. Today there is one place: the daemon on the local socket, reached over pooled
//! connections.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::codec::CodecError;
use protocol::{Client, ClientError, Event, ExecuteRequest};

use crate::domain::caller::Caller;
use crate::domain::connection_pool::ConnectionPool;
use crate::domain::execution::{Execution, ExecutionError};

/// Starts executions.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pool: Arc<ConnectionPool>,
}

impl Dispatcher {
    /// Creates a dispatcher for the daemon that listens on `socket`.
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { pool: Arc::new(ConnectionPool::new(socket)) }
    }

    /// Starts an execution whose input is complete, on a pooled connection if there is one. Returns after the daemon's
    /// first reply, which [`Execution::next_event`] returns first.
    ///
    /// # Errors
    /// If the daemon cannot be reached, or closes a new connection before it replies.
    pub(crate) async fn execute(
        &self,
        caller: &Caller,
        mut request: ExecuteRequest,
    ) -> Result<Execution, ExecutionError> {
        caller.sign(&mut request);
        while let Some(mut client) = self.pool.take_idle() {
            match first_event(&mut client, request.clone()).await {
                // The daemon restarted since the connection was last used. It replied nothing, so it started nothing.
                Err(error) if is_disconnected(&error) => {}
                event => return Ok(self.execution(client, Some(event?))),
            }
        }
        let mut client = self.pool.connect().await?;
        let event = first_event(&mut client, request).await?;
        Ok(self.execution(client, Some(event)))
    }

    /// Starts an execution that receives control messages while it runs, on a new connection. Returns when the request
    /// was sent.
    ///
    /// # Errors
    /// If the daemon cannot be reached, or closes the connection before it has read the request.
    pub(crate) async fn execute_interactive(
        &self,
        caller: &Caller,
        mut request: ExecuteRequest,
    ) -> Result<Execution, ExecutionError> {
        caller.sign(&mut request);
        let mut client = self.pool.connect().await?;
        let early = send(&mut client, request).await?;
        Ok(self.execution(client, early))
    }

    fn execution(&self, client: Client, first: Option<Event>) -> Execution {
        Execution::new(client, first, Arc::clone(&self.pool))
    }
}

async fn first_event(client: &mut Client, request: ExecuteRequest) -> Result<Event, ClientError> {
    match send(client, request).await? {
        Some(rejected) => Ok(rejected),
        None => client.event().await,
    }
}

/// Sends the request. A daemon that closes the connection while it is being sent may have sent the reason before:
/// that rejection is returned.
async fn send(client: &mut Client, request: ExecuteRequest) -> Result<Option<Event>, ClientError> {
    match client.execute(request).await {
        Err(error) if is_disconnected(&error) => match client.event().await {
            Ok(rejected @ Event::Rejected(_)) => Ok(Some(rejected)),
            _ => Err(error),
        },
        sent => sent.map(|()| None),
    }
}

const fn is_disconnected(error: &ClientError) -> bool {
    matches!(error, ClientError::Closed | ClientError::Codec(CodecError::Io(_)))
}
