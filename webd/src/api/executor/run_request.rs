//! The JSON of one run of a request, and the run of the daemon that it becomes.

use protocol::bounds::{MAX_ARG, MAX_ARGS, MAX_ARGS_TOTAL};
use protocol::{Compare, ExpectedOutput, RunRequest, Stdin};
use serde::Deserialize;

use crate::api::executor::judge::CompareJson;
use crate::api::executor::options::{self, EnvironmentJson};
use crate::api::executor::sources::decode;
use crate::api::strict_json::AtMost;
use crate::domain::encoding::Encoding;
use crate::http::error::ApiError;

/// One run.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(super) stdin: Option<String>,
    pub(super) stdin_encoding: Option<Encoding>,
    pub(super) args: Option<AtMost<String, MAX_ARGS>>,
    pub(super) environment: Option<EnvironmentJson>,
    pub(super) expected_stdout: Option<String>,
    pub(super) expected_stdout_encoding: Option<Encoding>,
    pub(super) compare: Option<CompareJson>,
}

/// The fields of a request that are the defaults of all runs.
pub(super) struct RunDefaults {
    pub(super) environment: Vec<(String, String)>,
    pub(super) compare: Compare,
}

impl Run {
    /// Returns whether the run has a `stdin`, whatever its content.
    pub(super) const fn has_stdin(&self) -> bool {
        self.stdin.is_some() || self.stdin_encoding.is_some()
    }

    /// Returns whether no field is set that only a run has.
    pub(super) const fn is_empty(&self) -> bool {
        let Self { stdin, stdin_encoding, args, expected_stdout, expected_stdout_encoding, .. } = self;
        let encoding = stdin_encoding.is_none() && expected_stdout_encoding.is_none();
        stdin.is_none() && args.is_none() && expected_stdout.is_none() && encoding
    }

    /// Converts the run. `prefix` comes before the names of its fields in messages.
    ///
    /// # Errors
    /// A 400 with a message that names the field.
    pub(super) fn into_request(self, prefix: &str, defaults: &RunDefaults) -> Result<RunRequest, ApiError> {
        let args = checked_args(self.args, prefix)?;
        let encoding = self.stdin_encoding.unwrap_or_default();
        let stdin = decode(self.stdin.unwrap_or_default(), encoding, || format!("{prefix}stdin"))?;
        let environment =
            options::variables(&defaults.environment, self.environment, &format!("{prefix}environment"))?;
        let compare = match self.compare {
            Some(own) => own.into_compare(prefix)?,
            None => defaults.compare,
        };
        let encoding = self.expected_stdout_encoding.unwrap_or_default();
        let expected = self.expected_stdout.map(|stdout| {
            let stdout = decode(stdout, encoding, || format!("{prefix}expected_stdout"))?;
            Ok::<_, ApiError>(ExpectedOutput { stdout, compare })
        });
        let (stdin, expected) = (Stdin::Bytes(stdin), expected.transpose()?);
        Ok(RunRequest { stdin, args, environment, expected, ..RunRequest::default() })
    }
}

fn checked_args(args: Option<AtMost<String, MAX_ARGS>>, prefix: &str) -> Result<Vec<String>, ApiError> {
    let args = args.map(|AtMost(args)| args).unwrap_or_default();
    if args.iter().any(|arg| arg.len() > MAX_ARG) {
        let message = format!("each of `{prefix}args` must be at most {MAX_ARG} bytes long");
        return Err(ApiError::invalid_request(message));
    }
    if args.iter().map(String::len).sum::<usize>() > MAX_ARGS_TOTAL {
        let message = format!("`{prefix}args` must be at most {MAX_ARGS_TOTAL} bytes long in total");
        return Err(ApiError::invalid_request(message));
    }
    Ok(args)
}
