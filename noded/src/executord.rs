//! Queries to executord.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use cluster::subjects::Digest;
use protocol::{Availability, Client, ClientError, Event, Language, Request, ServerStatus};
use tokio::time::timeout;

/// Time for a query, including the connection.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// The connection for queries. It is opened again when it breaks.
#[derive(Debug, Default)]
pub(crate) struct Executord {
    connection: Option<Client>,
}

impl Executord {
    /// Returns the status of the executord that listens on `socket`.
    ///
    /// # Errors
    /// If it does not answer in [`QUERY_TIMEOUT`].
    pub(crate) async fn status(&mut self, socket: &Path) -> Result<ServerStatus, ClientError> {
        match self.query(socket, Request::Status).await? {
            Event::Status(status) => Ok(*status),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Returns a digest of the languages that are available.
    ///
    /// # Errors
    /// As [`Executord::status`].
    pub(crate) async fn languages(&mut self, socket: &Path) -> Result<String, ClientError> {
        match self.query(socket, Request::Languages).await? {
            Event::Languages(languages) => Ok(digest(&languages)),
            _ => Err(ClientError::Unexpected),
        }
    }

    async fn query(&mut self, socket: &Path, request: Request) -> Result<Event, ClientError> {
        let exchange = async {
            if let Some(mut client) = self.connection.take_if(|client| client.is_idle())
                && let Ok(event) = ask(&mut client, request.clone()).await
            {
                self.connection = Some(client);
                return Ok(event);
            }
            self.connection = None;
            let mut client = Client::connect(socket).await?;
            let event = ask(&mut client, request).await?;
            self.connection = Some(client);
            Ok(event)
        };
        timeout(QUERY_TIMEOUT, exchange).await.map_err(|_| ClientError::Timeout(QUERY_TIMEOUT))?
    }
}

async fn ask(client: &mut Client, request: Request) -> Result<Event, ClientError> {
    client.send(request).await?;
    client.event().await
}

/// Returns a digest of the names and versions of the available languages.
fn digest(languages: &[Language]) -> String {
    let mut text = String::new();
    for language in languages {
        if let Availability::Available { version } = &language.availability {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{} {version}", language.name);
        }
    }
    Digest::of(&text).to_string()
}
