//! Queries that the daemon answers from memory: its languages and its status. All of them share one connection, and one
//! status answers all requests that were waiting when it was queried. Probes and scrapers therefore cost the daemon one
//! query at a time, however many there are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Availability, Client, ClientError, Event, Language, Request, ServerStatus};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Timeout for a query, including the connection.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which the languages are used again. They change when the daemon reloads its configuration.
const LANGUAGES_MAX_AGE: Duration = Duration::from_secs(2);
/// Names of languages in an error.
const MAX_NAMES: usize = 128;

/// The source of information about the daemon.
#[derive(Debug)]
pub(crate) struct DaemonInfo {
    socket: PathBuf,
    connection: Mutex<Option<Client>>,
    /// The last status, and when it was asked for.
    status: Mutex<Option<(ServerStatus, Instant)>>,
    cached_languages: Mutex<Option<(Arc<[Language]>, Instant)>>,
}

impl DaemonInfo {
    /// Creates the source for the daemon that listens on `socket`. It connects with the first query.
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            connection: Mutex::default(),
            status: Mutex::default(),
            cached_languages: Mutex::default(),
        }
    }

    /// Returns the languages of this host.
    ///
    /// # Errors
    /// If the daemon does not answer in [`QUERY_TIMEOUT`].
    pub(crate) async fn languages(&self) -> Result<Vec<Language>, ClientError> {
        match self.query(Request::Languages).await? {
            Event::Languages(languages) => Ok(languages),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Returns the names of the languages that are available on this host, as in [`DaemonInfo::recent_languages`]; at most
    /// [`MAX_NAMES`].
    ///
    /// # Errors
    /// If the daemon does not answer in [`QUERY_TIMEOUT`].
    pub(crate) async fn available_names(&self) -> Result<Vec<String>, ClientError> {
        let is_available =
            |language: &&Language| matches!(language.availability, Availability::Available { .. });
        let languages = self.recent_languages().await?;
        let available = languages.iter().filter(is_available);
        Ok(available.map(|language| language.name.clone()).take(MAX_NAMES).collect())
    }

    /// Returns the name of the language that a request means ([`Language::find`]); `None` if there was none
    /// [`LANGUAGES_MAX_AGE`] ago.
    ///
    /// # Errors
    /// If the daemon does not answer in [`QUERY_TIMEOUT`].
    pub(crate) async fn language_name(&self, name_or_alias: &str) -> Result<Option<String>, ClientError> {
        let languages = self.recent_languages().await?;
        Ok(Language::find(&languages, name_or_alias).map(|language| language.name.clone()))
    }

    /// Returns the languages as they were at most [`LANGUAGES_MAX_AGE`] ago.
    ///
    /// # Errors
    /// If the daemon does not answer in [`QUERY_TIMEOUT`].
    pub(crate) async fn recent_languages(&self) -> Result<Arc<[Language]>, ClientError> {
        let mut cached = self.cached_languages.lock().await;
        if let Some((languages, since)) = &*cached
            && since.elapsed() < LANGUAGES_MAX_AGE
        {
            return Ok(Arc::clone(languages));
        }
        let languages: Arc<[Language]> = self.languages().await?.into();
        *cached = Some((Arc::clone(&languages), Instant::now()));
        Ok(languages)
    }

    /// Returns the status of the daemon, as it was at some time during the call.
    ///
    /// # Errors
    /// If the daemon does not answer in [`QUERY_TIMEOUT`].
    pub(crate) async fn status(&self) -> Result<ServerStatus, ClientError> {
        let called = Instant::now();
        let mut cached = self.status.lock().await;
        if let Some((status, asked)) = &*cached
            && *asked >= called
        {
            return Ok(status.clone());
        }
        *cached = None;
        let asked = Instant::now();
        match self.query(Request::Status).await? {
            Event::Status(status) => Ok(cached.insert((*status, asked)).0.clone()),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Sends a query over the connection, and over a new one if the daemon has closed it.
    async fn query(&self, request: Request) -> Result<Event, ClientError> {
        let exchange = async {
            let mut connection = self.connection.lock().await;
            // It is put back only after a complete exchange: what a cancelled one left behind must not answer the next.
            if let Some(mut client) = connection.take_if(|client| client.is_idle())
                && let Ok(event) = ask(&mut client, request.clone()).await
            {
                *connection = Some(client);
                return Ok(event);
            }
            *connection = None;
            let mut client = Client::connect(&self.socket).await?;
            let event = ask(&mut client, request).await?;
            *connection = Some(client);
            Ok(event)
        };
        timeout(QUERY_TIMEOUT, exchange).await.map_err(|_| ClientError::Timeout(QUERY_TIMEOUT))?
    }
}

async fn ask(client: &mut Client, request: Request) -> Result<Event, ClientError> {
    client.send(request).await?;
    client.event().await
}
