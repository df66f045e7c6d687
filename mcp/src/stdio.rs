//! The protocol over a pair of streams: one message on each line.

use std::io;

use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::backend::Backend;
use crate::server::Server;

/// Serves a client until it closes `input`. Calls in progress are then cancelled.
///
/// # Errors
/// If the client does not speak the protocol.
pub async fn serve<B: Backend>(
    backend: B,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> io::Result<()> {
    match Server::new(backend).serve((input, output)).await {
        Ok(service) => service.waiting().await.map(|_| ()).map_err(io::Error::other),
        // A client that only looks whether the command starts.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    }
}
