//! Connections to the daemon that were used and can be used again: connecting and greeting takes longer than asking.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use protocol::codec::CodecError;
use protocol::{Client, ClientError, Event, ExecuteRequest};

use crate::http::error::ApiError;

/// So many are kept; the daemon has room for more.
const MOST: usize = 16;
/// For so long. The daemon hangs up only after ten minutes.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The way to the daemon.
#[derive(Debug)]
pub(crate) struct Connections {
    socket: PathBuf,
    /// Those that wait, the last used last.
    idle: Mutex<Vec<(Client, Instant)>>,
}

impl Connections {
    pub(crate) const fn to(socket: PathBuf) -> Self {
        Self { socket, idle: Mutex::new(Vec::new()) }
    }

    /// Have a program executed: the connection on which the rest is told, and the first event.
    ///
    /// # Errors
    /// If there is no connection and none can be made, or the daemon says nothing.
    pub(crate) async fn execute(&self, request: ExecuteRequest) -> Result<(Client, Event), ApiError> {
        while let Some((mut client, since)) = self.pop() {
            if since.elapsed() < KEPT_FOR && client.is_idle() {
                // The daemon may end in this moment, and another be there. Nothing was told of this one's work.
                match first_event(&mut client, request.clone()).await {
                    Err(error) if is_broken(&error) => {}
                    event => return Ok((client, event?)),
                }
            }
        }
        let mut client = Client::connect(&self.socket).await?;
        let event = first_event(&mut client, request).await?;
        Ok((client, event))
    }

    /// The same on a connection of its own, before the first event.
    ///
    /// # Errors
    /// If none can be made, or the daemon refuses at once.
    pub(crate) async fn begin(&self, request: ExecuteRequest) -> Result<Client, ApiError> {
        let mut client = Client::connect(&self.socket).await?;
        match hand_over(&mut client, request).await? {
            Some(Event::Rejected(rejection)) => Err(rejection.into()),
            Some(_) => Err(ClientError::Unexpected.into()),
            None => Ok(client),
        }
    }

    /// Its last answer is complete.
    pub(crate) fn give_back(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < KEPT_FOR);
        if idle.len() < MOST {
            idle.push((client, Instant::now()));
        }
    }

    fn pop(&self) -> Option<(Client, Instant)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

async fn first_event(client: &mut Client, request: ExecuteRequest) -> Result<Event, ClientError> {
    match hand_over(client, request).await? {
        Some(said) => Ok(said),
        None => client.event().await,
    }
}

/// Hand the request over. A daemon that hangs up in the middle may have said why before.
async fn hand_over(client: &mut Client, request: ExecuteRequest) -> Result<Option<Event>, ClientError> {
    match client.execute(request).await {
        Err(error) if is_broken(&error) => match client.event().await {
            Ok(event @ Event::Rejected(_)) => Ok(Some(event)),
            _ => Err(error),
        },
        asked => asked.map(|()| None),
    }
}

const fn is_broken(error: &ClientError) -> bool {
    matches!(error, ClientError::Closed | ClientError::Codec(CodecError::Io(_)))
}
