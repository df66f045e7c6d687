//! `executor mcp`: tools for AI agents, on stdin and stdout.

use std::process::ExitCode;

use futures_util::StreamExt;
use mcp::{Backend, Refusal};
use protocol::{ClientError, Event, ExecuteRequest, Language};

use crate::failure::Failure;
use crate::remote::RemoteError;
use crate::server::{Events, Requests, Server};

/// Serves an agent until it closes stdin.
pub(crate) async fn mcp(server: Server) -> Result<ExitCode, Failure> {
    mcp::stdio::serve(Agent(server), tokio::io::stdin(), tokio::io::stdout())
        .await
        .map_err(|error| Failure::Local(format!("serve the Model Context Protocol: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// The agent's way to the server. Every call has a connection of its own.
struct Agent(Server);

/// A call in progress. Dropping both halves of its connection cancels it.
struct Call {
    _requests: Requests,
    events: Events,
}

impl Backend for Agent {
    type Execution = Call;

    async fn languages(&self) -> Result<Vec<Language>, Refusal> {
        let mut connection = self.0.connect().await.map_err(refusal)?;
        connection.languages().await.map_err(refusal)
    }

    async fn execute(&self, request: ExecuteRequest) -> Result<Call, Refusal> {
        let connection = self.0.connect().await.map_err(refusal)?;
        let (requests, events) = connection.execute(request).await.map_err(refusal)?;
        Ok(Call { _requests: requests, events })
    }
}

impl mcp::Execution for Call {
    async fn next_event(&mut self) -> Result<Event, Refusal> {
        match self.events.next().await {
            Some(event) => event.map_err(refusal),
            None => Err(refusal(ClientError::Closed.into())),
        }
    }

    /// Memory is that of the user.
    fn reserve(&mut self, _: usize) -> Result<(), Refusal> {
        Ok(())
    }
}

fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Rejected(rejection) => rejection.into(),
        Failure::Failed { id, message } => Refusal::failed(id, message),
        Failure::Usage(message) => Refusal::invalid(message),
        Failure::Remote(RemoteError::Api(error)) => {
            Refusal { retry_after: error.retry_after, id: error.id, ..Refusal::new(error.code, error.error) }
        }
        failure => Refusal::new("unavailable", failure.message().unwrap_or_default()),
    }
}
