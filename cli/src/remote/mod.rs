//! A server that is reached over HTTP: its languages, and executions in a WebSocket session.

mod answer;
mod error;
mod events;
mod http;
mod languages;
mod session;
mod start;
mod tls;
mod url;

use futures_util::{Sink, Stream};
use protocol::{Event, ExecuteRequest, Language, Request};
use serde::de::DeserializeOwned;

pub(crate) use crate::remote::error::{ApiError, RemoteError};
use crate::remote::http::HttpClient;
pub(crate) use crate::remote::http::ServerKey;
pub(crate) use crate::remote::tls::Authorities;
pub(crate) use crate::remote::url::ServerUrl;

/// Bytes of a JSON answer that are read.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// A server that is reached over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct RemoteServer {
    http: HttpClient,
}

impl RemoteServer {
    /// Creates a client of the server at `url`. Nothing is sent yet.
    pub(crate) fn new(url: ServerUrl, key: Option<ServerKey>, authorities: Authorities) -> Self {
        Self { http: HttpClient::new(url, key, authorities) }
    }

    /// Returns the languages of the server, including those that are not available.
    pub(crate) async fn languages(&self) -> Result<Vec<Language>, RemoteError> {
        let languages: Vec<languages::LanguageJson> = self.get("/api/languages").await?;
        Ok(languages.into_iter().map(Language::from).collect())
    }

    /// Starts an execution in a new session. Dropping both halves cancels it.
    pub(crate) async fn execute(
        &self,
        request: ExecuteRequest,
    ) -> Result<
        (
            impl Sink<Request, Error = RemoteError> + Send + use<>,
            impl Stream<Item = Result<Event, RemoteError>> + Send + use<>,
        ),
        RemoteError,
    > {
        session::execute(&self.http, request).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        let body = self.http.get(path, MAX_ANSWER).await?;
        serde_json::from_slice(&body).map_err(|error| RemoteError::Answer(error.to_string()))
    }
}
