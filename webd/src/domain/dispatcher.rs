//! The decision where an execution runs. Today there is one place: the daemon on the local socket, reached over pooled
//! connections.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::codec::CodecError;
use protocol::{Client, ClientError, Event, ExecuteRequest};

use crate::domain::caller::Caller;
use crate::domain::connection_pool::ConnectionPool;
use crate::domain::daemon_info::DaemonInfo;
use crate::domain::execution::{Execution, ExecutionError};
use crate::domain::execution_meter::ExecutionMeter;
use crate::domain::keys::key_store::KeyStore;
use crate::domain::keys::refusal::Refusal;
use crate::domain::upload::Upload;

/// Starts executions that the caller's key allows.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pool: Arc<ConnectionPool>,
    keys: Arc<KeyStore>,
    daemon: Arc<DaemonInfo>,
}

impl Dispatcher {
    /// Creates a dispatcher for the daemon that listens on `socket`.
    pub(crate) fn new(socket: PathBuf, keys: Arc<KeyStore>, daemon: Arc<DaemonInfo>) -> Self {
        Self { pool: Arc::new(ConnectionPool::new(socket)), keys, daemon }
    }

    /// Starts an execution whose input is complete, on a pooled connection if there is one. Returns after the daemon's
    /// first reply, which [`Execution::next_event`] returns first.
    ///
    /// # Errors
    /// If the caller's key does not allow it, or if the daemon cannot be reached, or closes a new connection before it
    /// replies.
    pub(crate) async fn execute(
        &self,
        caller: &Caller,
        request: ExecuteRequest,
    ) -> Result<Execution, ExecutionError> {
        self.check_languages(caller, &request).await?;
        let meter = ExecutionMeter::new(self.keys.admit(caller)?);
        self.start(caller, request, meter).await
    }

    /// Starts an execution that was accepted before: see [`Dispatcher::accept`].
    ///
    /// # Errors
    /// See [`Dispatcher::execute`].
    pub(crate) async fn execute_accepted(
        &self,
        caller: &Caller,
        request: ExecuteRequest,
    ) -> Result<Execution, ExecutionError> {
        self.check_languages(caller, &request).await?;
        let meter = ExecutionMeter::new(self.keys.admit_accepted(caller)?);
        self.start(caller, request, meter).await
    }

    /// Accepts executions that begin later, as far as the caller's key allows them now.
    ///
    /// # Errors
    /// If the caller's key does not allow one of them.
    pub(crate) async fn accept(
        &self,
        caller: &Caller,
        requests: &[ExecuteRequest],
    ) -> Result<(), ExecutionError> {
        for request in requests {
            self.check_languages(caller, request).await?;
        }
        let number = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        if let Some(number) = NonZeroU32::new(number) {
            self.keys.accept(caller, number)?;
        }
        Ok(())
    }

    async fn start(
        &self,
        caller: &Caller,
        mut request: ExecuteRequest,
        meter: ExecutionMeter,
    ) -> Result<Execution, ExecutionError> {
        caller.sign(&mut request);
        while let Some(mut client) = self.pool.take_idle() {
            match first_event(&mut client, request.clone()).await {
                // The daemon restarted since the connection was last used. It replied nothing, so it started nothing.
                Err(error) if is_disconnected(&error) => {}
                event => return Ok(self.execution(client, Some(event?), meter)),
            }
        }
        let mut client = self.pool.connect().await?;
        let event = first_event(&mut client, request).await?;
        Ok(self.execution(client, Some(event), meter))
    }

    /// Starts an execution that receives control messages while it runs, on a new connection. Returns when the request
    /// was sent.
    ///
    /// # Errors
    /// If the caller's key does not allow it, or if the daemon cannot be reached, or closes the connection before it has
    /// read the request.
    pub(crate) async fn execute_interactive(
        &self,
        caller: &Caller,
        mut request: ExecuteRequest,
    ) -> Result<Execution, ExecutionError> {
        self.check_languages(caller, &request).await?;
        let meter = ExecutionMeter::new(self.keys.admit(caller)?);
        caller.sign(&mut request);
        let mut client = self.pool.connect().await?;
        let early = send(&mut client, request).await?;
        Ok(self.execution(client, early, meter))
    }

    /// Starts an execution whose input is uploaded before it is queued, on a new connection. Returns when the request was
    /// sent.
    ///
    /// # Errors
    /// As [`Dispatcher::execute_interactive`].
    pub(crate) async fn execute_with_uploads(
        &self,
        caller: &Caller,
        mut request: ExecuteRequest,
    ) -> Result<Upload, ExecutionError> {
        self.check_languages(caller, &request).await?;
        let meter = ExecutionMeter::new(self.keys.admit(caller)?);
        caller.sign(&mut request);
        let mut client = self.pool.connect().await?;
        if let Some(Event::Rejected(rejection)) = send(&mut client, request).await? {
            return Err(ExecutionError::Rejected(rejection));
        }
        Ok(Upload::new(client, Arc::clone(&self.pool), meter))
    }

    /// Checks that the caller's key allows the languages of a request.
    async fn check_languages(&self, caller: &Caller, request: &ExecuteRequest) -> Result<(), ExecutionError> {
        if let Some(allowed) = self.keys.languages(caller)? {
            for requested in languages(request) {
                // A language that does not exist is for the daemon to refuse.
                let name = self.daemon.language_name(requested).await?;
                if name.is_some_and(|name| !allowed.contains(&name)) {
                    let refusal = Refusal::Language { requested: requested.to_owned(), allowed };
                    self.keys.count_refusal(caller, &refusal);
                    return Err(refusal.into());
                }
            }
        }
        Ok(())
    }

    fn execution(&self, client: Client, first: Option<Event>, meter: ExecutionMeter) -> Execution {
        Execution::new(client, first, Arc::clone(&self.pool), meter)
    }
}

/// Returns the names of all languages that a request uses. That of a kept build was checked when it was made, for the same
/// caller.
fn languages(request: &ExecuteRequest) -> impl Iterator<Item = &str> {
    let judge = request.judge.program().map(|program| program.language.as_str());
    std::iter::once(request.language.as_str()).filter(|_| request.build.is_none()).chain(judge)
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
