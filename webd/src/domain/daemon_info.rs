//! Queries that the daemon answers from memory: its languages and its status.

use std::path::Path;
use std::time::Duration;

use protocol::{Client, ClientError, Event, Language, Request, ServerStatus};
use tokio::time::timeout;

/// Timeout for a query, including the connection.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the languages of this host.
///
/// # Errors
/// If the daemon does not answer in [`QUERY_TIMEOUT`].
pub(crate) async fn languages(socket: &Path) -> Result<Vec<Language>, ClientError> {
    match query(socket, Request::Languages).await? {
        Event::Languages(languages) => Ok(languages),
        _ => Err(ClientError::Unexpected),
    }
}

/// Returns the status of the daemon.
///
/// # Errors
/// If the daemon does not answer in [`QUERY_TIMEOUT`].
pub(crate) async fn status(socket: &Path) -> Result<ServerStatus, ClientError> {
    match query(socket, Request::Status).await? {
        Event::Status(status) => Ok(*status),
        _ => Err(ClientError::Unexpected),
    }
}

async fn query(socket: &Path, request: Request) -> Result<Event, ClientError> {
    let exchange = async {
        let mut client = Client::connect(socket).await?;
        client.send(request).await?;
        client.event().await
    };
    timeout(QUERY_TIMEOUT, exchange).await.map_err(|_| ClientError::Timeout(QUERY_TIMEOUT))?
}
