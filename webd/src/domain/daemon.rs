//! What webd asks the daemon beside executions.

use std::path::Path;
use std::time::Duration;

use protocol::{Client, ClientError, Event, Language, Request, ServerStatus};
use tokio::time::timeout;

/// How long the daemon may take over a question that it answers from memory.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// The languages of this host.
///
/// # Errors
/// If the daemon does not answer.
pub(crate) async fn languages(socket: &Path) -> Result<Vec<Language>, ClientError> {
    match ask(socket, Request::Languages).await? {
        Event::Languages(languages) => Ok(languages),
        _ => Err(ClientError::Unexpected),
    }
}

/// How the daemon is.
///
/// # Errors
/// If it does not answer.
pub(crate) async fn status(socket: &Path) -> Result<ServerStatus, ClientError> {
    match ask(socket, Request::Status).await? {
        Event::Status(status) => Ok(*status),
        _ => Err(ClientError::Unexpected),
    }
}

async fn ask(socket: &Path, question: Request) -> Result<Event, ClientError> {
    let conversation = async {
        let mut client = Client::connect(socket).await?;
        client.send(question).await?;
        client.event().await
    };
    timeout(ANSWER_DEADLINE, conversation).await.map_err(|_| ClientError::Timeout(ANSWER_DEADLINE))?
}
