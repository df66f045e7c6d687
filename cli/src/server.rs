//! Where programs run: executord on this host, or a server over HTTP. Both take the same requests and send the same events.

use std::path::PathBuf;
use std::pin::Pin;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use protocol::codec::CodecError;
use protocol::{Client, ClientError, Event, ExecuteRequest, Language, Request};

use crate::failure::Failure;
use crate::remote::RemoteServer;

/// Messages to a running execution.
pub(crate) type Requests = Pin<Box<dyn Sink<Request, Error = Failure> + Send>>;
/// Events of an execution. The last one is `Finished`, `Rejected` or `Failed`.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<Event, Failure>> + Send>>;

/// Where programs run.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// executord on this host, at this socket.
    Local(PathBuf),
    /// A server that is reached over HTTP.
    Remote(RemoteServer),
}

/// A connection for one execution, and for questions before it.
pub(crate) enum Connection {
    Local(Client),
    Remote(RemoteServer),
}

impl Server {
    /// Connects. A remote server is contacted with the first request.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        Ok(match self {
            Self::Local(socket) => Connection::Local(Client::connect(socket).await?),
            Self::Remote(server) => Connection::Remote(server.clone()),
        })
    }
}

impl Connection {
    /// Returns the languages of the server, including those that are not available.
    pub(crate) async fn languages(&mut self) -> Result<Vec<Language>, Failure> {
        let client = match self {
            Self::Local(client) => client,
            Self::Remote(server) => return Ok(server.languages().await?),
        };
        client.send(Request::Languages).await?;
        match client.event().await? {
            Event::Languages(languages) => Ok(languages),
            other => Err(Failure::from_unexpected(other)),
        }
    }

    /// Starts an execution. Dropping both halves cancels it.
    pub(crate) async fn execute(self, request: ExecuteRequest) -> Result<(Requests, Events), Failure> {
        let mut client = match self {
            Self::Local(client) => client,
            Self::Remote(server) => {
                let (requests, events) = server.execute(request).await?;
                let events = events.map(|event| event.map_err(Failure::from));
                return Ok((Box::pin(requests.sink_map_err(Failure::from)), Box::pin(events)));
            }
        };
        client.execute(request).await.map_err(request_failure)?;
        let (requests, events) = client.split();
        let requests = requests.sink_map_err(|error| ClientError::from(error).into());
        let events = events.map(|event| event.map_err(|error| ClientError::from(error).into()));
        Ok((Box::pin(requests), Box::pin(events)))
    }
}

fn request_failure(error: ClientError) -> Failure {
    match error {
        ClientError::Codec(error @ CodecError::TooLong(_)) => {
            Failure::Usage(format!("sources and arguments are too long together: {error}"))
        }
        error => error.into(),
    }
}
