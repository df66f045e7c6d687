//! The JSON of `POST /api/execute` and of a session's `start` frame, and the request to the daemon that it becomes.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use protocol::bounds::{
    MAX_ARGS, MAX_FILES, MAX_LANGUAGE_NAME, MAX_OUTPUT_NAME, MAX_OUTPUT_PATTERNS, MAX_PACKAGE_SET_NAME,
    MAX_RUNS, MAX_VERSION_RANGE,
};
use protocol::quantity::Quantity;
use protocol::{BuildId, ExecuteRequest, RunRequest, Stdin, TerminalSize};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::executor::judge::{CompareJson, JudgeFields, JudgeProgramJson, StopOn};
use crate::api::executor::limits::LimitsRequestJson;
use crate::api::executor::options::{self, EnvironmentJson, OptionsJson};
use crate::api::executor::run_request::{Run, RunDefaults};
use crate::api::executor::sources::{File, SourceFields};
use crate::api::strict_json::{self, AtMost, Entries, JsonError, Object};
use crate::domain::encoding::Encoding;
use crate::http::error::{ApiError, ErrorCode};

/// Defines the two types that have the fields of a request, from one list of them. serde(flatten) would do the same, but
/// it excludes `deny_unknown_fields`.
macro_rules! request_fields {
    ($($(#[$attribute:meta])* $field:ident: $type:ty,)*) => {
        /// The body of a request. Unknown fields are refused, never ignored.
        #[derive(Debug, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Execute {
            $($(#[$attribute])* $field: Option<$type>,)*
        }

        /// The first frame of an execution in a session: the fields of [`Execute`], and whether there is a terminal.
        /// Without `stdin` and `runs` the input of the program comes in frames too.
        #[derive(Debug, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Start {
            #[serde(rename = "type")]
            #[cfg_attr(test, schemars(with = "String"))]
            _type: IgnoredAny,
            $($(#[$attribute])* $field: Option<$type>,)*
            tty: Option<bool>,
            columns: Option<NonZeroU16>,
            rows: Option<NonZeroU16>,
        }

        /// The body of a submission: the fields of [`Execute`], and where its result is sent.
        #[derive(Debug, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Submit {
            $($(#[$attribute])* $field: Option<$type>,)*
            callback_url: Option<String>,
        }

        impl Submit {
            /// Returns the fields of a request alone.
            fn into_execute(self) -> Execute {
                Execute { $($field: self.$field,)* }
            }
        }

        impl Start {
            /// Returns the fields of a request alone.
            fn into_execute(self) -> Execute {
                Execute { $($field: self.$field,)* }
            }
        }
    };
}

request_fields! {
    language: String,
    version: String,
    packages: String,
    code: String,
    filename: String,
    files: AtMost<Object<File>, MAX_FILES>,
    stdin: String,
    stdin_encoding: Encoding,
    args: AtMost<String, MAX_ARGS>,
    limits: Object<LimitsRequestJson>,
    compile_limits: Object<LimitsRequestJson>,
    runs: AtMost<Object<Run>, MAX_RUNS>,
    merge_output: bool,
    parallel: u32,
    keep: String,
    build: String,
    encoding: Encoding,
    compact: bool,
    outputs: AtMost<String, MAX_OUTPUT_PATTERNS>,
    artifacts: bool,
    options: OptionsJson,
    environment: EnvironmentJson,
    expected_stdout: String,
    expected_stdout_encoding: Encoding,
    compare: CompareJson,
    checker: Object<JudgeProgramJson>,
    interactor: Object<JudgeProgramJson>,
    transcript: bool,
    stop_on: StopOn,
}

/// A request for the daemon, and the encoding of the answer.
#[derive(Debug)]
pub(crate) struct ParsedRequest {
    /// The request for the daemon.
    pub(crate) request: ExecuteRequest,
    /// The encoding of the program's output in the answer.
    pub(crate) encoding: Encoding,
    /// Whether the answer has each output once. Events always have.
    pub(crate) is_compact: bool,
    /// Whether the request has `runs`, and not one run of its own.
    pub(crate) has_runs: bool,
}

/// Parses the body of a request.
///
/// # Errors
/// [`ErrorCode::InvalidJson`], or another 400 with a message that names the field.
pub(crate) fn parse(body: &[u8]) -> Result<ParsedRequest, ApiError> {
    parse_json::<Execute>(body)?.into_parsed()
}

/// Parses a request whose stdin comes separately, for each run that has none in the request.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_with_uploads(body: &[u8]) -> Result<ParsedRequest, ApiError> {
    let execute: Execute = parse_json(body)?;
    let have_stdin: Vec<_> = match &execute.runs {
        None => vec![execute.stdin.is_some() || execute.stdin_encoding.is_some()],
        Some(AtMost(runs)) => runs.iter().map(|Object(run)| run.has_stdin()).collect(),
    };
    let mut parsed = execute.into_parsed()?;
    for (run, has_stdin) in parsed.request.runs.iter_mut().zip(have_stdin) {
        if !has_stdin {
            run.stdin = Stdin::Upload;
        }
    }
    Ok(parsed)
}

/// Parses the body of a submission. Returns the URL of its callback, which is not checked, too.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_submission(body: &[u8]) -> Result<(ParsedRequest, Option<String>), ApiError> {
    let mut submit: Submit = parse_json(body)?;
    let callback_url = submit.callback_url.take();
    Ok((submit.into_execute().into_parsed()?, callback_url))
}

/// Parses a JSON body.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    strict_json::parse(body).map_err(|error| match error {
        JsonError::Data(message) => ApiError::invalid_request(format!("invalid request: {message}")),
        JsonError::Syntax(message) => {
            ApiError::new(ErrorCode::InvalidJson, format!("the body is not valid JSON: {message}"))
        }
    })
}

impl Start {
    /// Converts the frame.
    ///
    /// # Errors
    /// A 400 with a message that names the field.
    pub(crate) fn into_request(self) -> Result<ParsedRequest, ApiError> {
        let default = TerminalSize::default();
        let size = TerminalSize {
            columns: self.columns.unwrap_or(default.columns),
            rows: self.rows.unwrap_or(default.rows),
        };
        let terminal = self.tty.unwrap_or_default().then_some(size);
        let live = self.stdin.is_none() && self.stdin_encoding.is_none() && self.runs.is_none();
        let mut parsed = self.into_execute().into_parsed()?;
        for run in &mut parsed.request.runs {
            run.terminal = terminal;
            if live {
                run.stdin = Stdin::Live;
            }
        }
        Ok(parsed)
    }
}

impl Execute {
    fn into_parsed(self) -> Result<ParsedRequest, ApiError> {
        let (encoding, is_compact) = (self.encoding.unwrap_or_default(), self.compact.unwrap_or_default());
        let has_runs = self.runs.is_some();
        Ok(ParsedRequest { request: self.into_request()?, encoding, is_compact, has_runs })
    }

    fn into_request(self) -> Result<ExecuteRequest, ApiError> {
        let build = self.build.as_deref().map(build_id).transpose()?;
        self.check_program()?;
        let sources = SourceFields { code: self.code, filename: self.filename, files: self.files };
        let files = if build.is_some() { Vec::new() } else { sources.into_files("")? };
        let single = Run {
            stdin: self.stdin,
            stdin_encoding: self.stdin_encoding,
            args: self.args,
            expected_stdout: self.expected_stdout,
            expected_stdout_encoding: self.expected_stdout_encoding,
            compare: None,
            environment: None,
        };
        let defaults = RunDefaults {
            environment: self.environment.map(|Entries(variables)| variables).unwrap_or_default(),
            compare: self.compare.map(|compare| compare.into_compare("")).transpose()?.unwrap_or_default(),
        };
        let mut runs = into_runs(self.runs, single, &defaults)?;
        for run in &mut runs {
            run.merge_output = self.merge_output.unwrap_or_default();
        }
        let outputs = output_patterns(self.outputs)?;
        let limits = |limits: Option<Object<LimitsRequestJson>>, field| {
            limits.map(|Object(limits)| limits.into_request(field)).transpose().map(Option::unwrap_or_default)
        };
        let judge =
            JudgeFields { checker: self.checker, interactor: self.interactor, transcript: self.transcript };
        Ok(ExecuteRequest {
            language: self.language.unwrap_or_default(),
            version: self.version,
            packages: self.packages,
            files,
            runs,
            parallel: self.parallel.map(at_least_one).transpose()?,
            limits: limits(self.limits, "limits")?,
            compile_limits: limits(self.compile_limits, "compile_limits")?,
            outputs,
            artifacts: self.artifacts.unwrap_or_default(),
            options: self.options.map(options::settings).transpose()?.unwrap_or_default(),
            judge: judge.into_judge()?,
            stop_on_first_failure: self.stop_on.is_some(),
            keep: self.keep.as_deref().map(keep_time).transpose()?,
            build,
            ..ExecuteRequest::default()
        })
    }

    /// Checks that the request has either a kept program or a language, and no name that is too long.
    fn check_program(&self) -> Result<(), ApiError> {
        let program = [&self.language, &self.version, &self.packages, &self.code, &self.filename, &self.keep];
        if self.build.is_some() && (self.files.is_some() || program.into_iter().any(Option::is_some)) {
            return Err(ApiError::invalid_request(
                "`build` must not be used together with `language`, `version`, `packages`, `code`, `filename`, `files` or `keep`",
            ));
        }
        if self.build.is_none() && self.language.is_none() {
            return Err(ApiError::invalid_request("`language` is required"));
        }
        if self.packages.as_ref().is_some_and(|set| set.len() > MAX_PACKAGE_SET_NAME) {
            let message = format!("`packages` must be at most {MAX_PACKAGE_SET_NAME} bytes long");
            return Err(ApiError::invalid_request(message));
        }
        match (&self.language, &self.version) {
            (Some(language), _) if language.len() > MAX_LANGUAGE_NAME => {
                Err(ApiError::unsupported_language(language))
            }
            (_, Some(range)) if range.len() > MAX_VERSION_RANGE => Err(ApiError::invalid_request(format!(
                "`version` must be at most {MAX_VERSION_RANGE} bytes long"
            ))),
            _ => Ok(()),
        }
    }
}

/// Converts the `runs` of a request or, if it has none, the single run of its own fields.
fn into_runs(
    runs: Option<AtMost<Object<Run>, MAX_RUNS>>,
    single: Run,
    defaults: &RunDefaults,
) -> Result<Vec<RunRequest>, ApiError> {
    let Some(AtMost(runs)) = runs else {
        return Ok(vec![single.into_request("", defaults)?]);
    };
    if !single.is_empty() {
        let message = "with `runs`, `stdin`, `args` and `expected_stdout` must be in each run";
        return Err(ApiError::invalid_request(message));
    }
    if runs.is_empty() {
        return Err(ApiError::invalid_request("`runs` must contain at least one run"));
    }
    let convert =
        |(number, Object(run)): (usize, Object<Run>)| run.into_request(&format!("runs[{number}]."), defaults);
    runs.into_iter().enumerate().map(convert).collect()
}

fn build_id(text: &str) -> Result<BuildId, ApiError> {
    text.parse().map_err(|error| ApiError::invalid_request(format!("`build` is {error}")))
}

fn keep_time(text: &str) -> Result<Duration, ApiError> {
    match text.parse::<Quantity<Duration>>() {
        Ok(Quantity(time)) if !time.is_zero() => Ok(time),
        Ok(_) => Err(ApiError::invalid_request("`keep` must be longer than 0s")),
        Err(error) => Err(ApiError::invalid_request(format!("`keep`: {error}"))),
    }
}

fn at_least_one(parallel: u32) -> Result<NonZeroU32, ApiError> {
    NonZeroU32::new(parallel).ok_or_else(|| ApiError::invalid_request("`parallel` must be at least 1"))
}

/// Checks the lengths of patterns. The daemon checks what they say.
fn output_patterns(patterns: Option<AtMost<String, MAX_OUTPUT_PATTERNS>>) -> Result<Vec<String>, ApiError> {
    let patterns = patterns.map(|AtMost(patterns)| patterns).unwrap_or_default();
    match patterns.iter().position(|pattern| pattern.len() > MAX_OUTPUT_NAME) {
        None => Ok(patterns),
        Some(number) => Err(ApiError::invalid_request(format!(
            "`outputs[{number}]` must be at most {MAX_OUTPUT_NAME} bytes long"
        ))),
    }
}

#[cfg(test)]
mod tests;
