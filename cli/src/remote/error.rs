//! Why a remote server did not do what it was asked for.

use std::io;

use serde::Deserialize;

use crate::exit_status;

/// Reason why a remote server did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    /// The host cannot be resolved or does not accept the connection.
    #[error("cannot connect to {url}: {source}")]
    Connect { url: String, source: io::Error },
    /// The certificate authorities cannot be read.
    #[error("cannot read the certificate authorities: {0}; give a file in PEM with --cacert")]
    Authorities(String),
    /// The handshake of TLS failed: usually the certificate is not valid for the host.
    #[error("TLS with {url} failed: {source}")]
    Tls { url: String, source: io::Error },
    /// The server did not answer in time.
    #[error("no answer from {url} within {seconds} s")]
    Timeout { url: String, seconds: u64 },
    /// The connection broke, or the answer is not HTTP.
    #[error("the connection to the server failed: {0}")]
    Connection(String),
    /// The server sends clients to another URL. The key is not sent there unasked.
    #[error("the server redirects to {0}; give that URL with --url")]
    Redirect(String),
    /// The server answered with an error of the API.
    #[error("{}", .0.message())]
    Api(ApiError),
    /// The server answered with an error that is not of the API, such as that of a proxy.
    #[error("the server answered {0}; is --url the URL of an Executor?")]
    Status(String),
    /// The server answered with something that this version does not understand.
    #[error("the server's answer is not understood: {0}")]
    Answer(String),
    /// The server closed the session.
    #[error("the server closed the session{0}")]
    Closed(String),
}

/// Error of the API: the fields of an error response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ApiError {
    /// Message for the client.
    pub(crate) error: String,
    /// Stable name of the error.
    pub(crate) code: String,
    /// Id of the execution, if the server failed.
    pub(crate) id: Option<String>,
    /// Time after which to try again, in seconds.
    pub(crate) retry_after: Option<u64>,
}

impl ApiError {
    fn message(&self) -> String {
        let advice = match &*self.code {
            "unauthorized" => "; give an API key with --key-from FILE or in EXECUTOR_KEY".to_owned(),
            "unsupported_language" => "; `executor languages` lists the languages of the server".to_owned(),
            _ => match (self.retry_after, &self.id) {
                (Some(seconds), _) if !self.error.contains("try again") => {
                    format!("; try again in {seconds} s")
                }
                (None, Some(id)) => format!("; the server's log has the causes under {id}"),
                _ => String::new(),
            },
        };
        format!("{}{advice}", self.error)
    }
}

impl RemoteError {
    /// Returns the exit status of the command.
    pub(crate) fn exit_status(&self) -> u8 {
        let Self::Api(ApiError { code, .. }) = self else { return exit_status::OWN_FAILURE };
        match &**code {
            "busy" | "rate_limited" | "quota_exceeded" | "overloaded" => exit_status::BUSY,
            "failed" | "unavailable" | "forbidden" | "request_timeout" => exit_status::OWN_FAILURE,
            _ => exit_status::INVALID_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, message: &str, status: u8) {
        let error = RemoteError::Api(serde_json::from_str(json).unwrap());
        assert_eq!((&*error.to_string(), error.exit_status()), (message, status));
    }

    #[test]
    fn an_error_says_what_to_do() {
        check(
            r#"{"error":"an API key is required","code":"unauthorized"}"#,
            "an API key is required; give an API key with --key-from FILE or in EXECUTOR_KEY",
            2,
        );
        check(
            r#"{"error":"Unsupported language","code":"unsupported_language","requested":"x","available":["c"]}"#,
            "Unsupported language; `executor languages` lists the languages of the server",
            2,
        );
        check(
            r#"{"error":"the quota is used","code":"quota_exceeded","retry_after":60}"#,
            "the quota is used; try again in 60 s",
            75,
        );
        check(
            r#"{"error":"too busy, try again in 1 s","code":"busy","retry_after":1}"#,
            "too busy, try again in 1 s",
            75,
        );
        check(
            r#"{"error":"internal failure","code":"failed","id":"7"}"#,
            "internal failure; the server's log has the causes under 7",
            125,
        );
        check(r#"{"error":"`runs` must be a list","code":"invalid_request"}"#, "`runs` must be a list", 2);
    }
}
