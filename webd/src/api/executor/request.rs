//! The JSON of `POST /api/execute`, and what is asked of the daemon for it.

use std::num::NonZeroU16;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::bounds::{MAX_ARG, MAX_ARGS, MAX_ARGS_TOTAL, MAX_FILES, MAX_LANGUAGE_NAME, MAX_PATH, MAX_RUNS};
use protocol::{
    ByteCount, ExecuteRequest, LimitsRequest, Rejection, RunRequest, SourceFile, Stdin, TerminalSize,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

use crate::api::executor::strict::{AtMost, Object};
use crate::http::error::ApiError;

/// What a client may write. Whatever is not named here is refused, never ignored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Execute {
    language: Option<String>,
    code: Option<String>,
    filename: Option<String>,
    files: Option<AtMost<Object<File>, MAX_FILES>>,
    stdin: Option<String>,
    stdin_encoding: Option<Encoding>,
    args: Option<AtMost<String, MAX_ARGS>>,
    limits: Option<Object<Limits>>,
    runs: Option<AtMost<Object<Run>, MAX_RUNS>>,
    encoding: Option<Encoding>,
}

/// The first frame of an execution in a session: the same, and whether there is a terminal. Without `stdin` and `runs`
/// what the program reads comes in frames too.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    language: Option<String>,
    code: Option<String>,
    filename: Option<String>,
    files: Option<AtMost<Object<File>, MAX_FILES>>,
    stdin: Option<String>,
    stdin_encoding: Option<Encoding>,
    args: Option<AtMost<String, MAX_ARGS>>,
    limits: Option<Object<Limits>>,
    runs: Option<AtMost<Object<Run>, MAX_RUNS>>,
    encoding: Option<Encoding>,
    tty: Option<bool>,
    columns: Option<NonZeroU16>,
    rows: Option<NonZeroU16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    content: String,
    #[serde(default)]
    encoding: Encoding,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    stdin: Option<String>,
    stdin_encoding: Option<Encoding>,
    args: Option<AtMost<String, MAX_ARGS>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    memory_bytes: Option<u64>,
    processes: Option<u64>,
    output_bytes: Option<u64>,
    file_size_bytes: Option<u64>,
    disk_bytes: Option<u64>,
    files: Option<u64>,
    open_files: Option<u64>,
}

/// How bytes are written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// As text.
    #[default]
    Utf8,
    /// As base64, with padding.
    Base64,
}

/// What is asked of the daemon, and how the client wants to be answered.
#[derive(Debug)]
pub(crate) struct Asked {
    /// For the daemon.
    pub(crate) request: ExecuteRequest,
    /// Of the program's output in the answer.
    pub(crate) encoding: Encoding,
}

/// Read a request's body.
///
/// # Errors
/// In words, which field is wrong.
pub(crate) fn read(body: &[u8], client: Option<String>) -> Result<Asked, ApiError> {
    let Object(execute): Object<Execute> =
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            Category::Data => ApiError::invalid_request(format!("the request does not fit: {error}")),
            _ => ApiError::invalid_json(format!("the body is not JSON: {error}")),
        })?;
    let encoding = execute.encoding.unwrap_or_default();
    Ok(Asked { request: execute.into_request(client)?, encoding })
}

impl Start {
    /// What is asked of the daemon with it.
    ///
    /// # Errors
    /// In words, which field makes no sense.
    pub(crate) fn asked(self, client: String) -> Result<Asked, ApiError> {
        let usual = TerminalSize::default();
        let size = TerminalSize {
            columns: self.columns.unwrap_or(usual.columns),
            rows: self.rows.unwrap_or(usual.rows),
        };
        let terminal = self.tty.unwrap_or_default().then_some(size);
        let live = self.stdin.is_none() && self.stdin_encoding.is_none() && self.runs.is_none();
        let encoding = self.encoding.unwrap_or_default();
        let execute = Execute {
            language: self.language,
            code: self.code,
            filename: self.filename,
            files: self.files,
            stdin: self.stdin,
            stdin_encoding: self.stdin_encoding,
            args: self.args,
            limits: self.limits,
            runs: self.runs,
            encoding: self.encoding,
        };
        let mut request = execute.into_request(Some(client))?;
        for run in &mut request.runs {
            run.terminal = terminal;
            if live {
                run.stdin = Stdin::Live;
            }
        }
        Ok(Asked { request, encoding })
    }
}

impl Execute {
    fn into_request(self, client: Option<String>) -> Result<ExecuteRequest, ApiError> {
        let Some(language) = self.language else {
            return Err(ApiError::invalid_request("`language` is needed"));
        };
        if language.len() > MAX_LANGUAGE_NAME {
            return Err(Rejection::UnknownLanguage.into());
        }
        let files = match (self.code, self.files) {
            (Some(code), None) => vec![source(self.filename, code.into())?],
            (None, Some(_)) if self.filename.is_some() => {
                return Err(ApiError::invalid_request(
                    "`filename` goes with `code`; in `files` each has a `name`",
                ));
            }
            (None, Some(AtMost(files))) if !files.is_empty() => read_files(files)?,
            (None, Some(_)) => return Err(ApiError::invalid_request("`files` holds at least one file")),
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid_request("either `code` or `files` is needed, not both"));
            }
            (None, None) => return Err(ApiError::invalid_request("`code` or `files` is needed")),
        };
        let single = Run { stdin: self.stdin, stdin_encoding: self.stdin_encoding, args: self.args };
        let runs = match self.runs {
            None => vec![single.into_request("")?],
            Some(_) if !single.is_empty() => {
                return Err(ApiError::invalid_request("with `runs`, stdin and args belong into each run"));
            }
            Some(AtMost(runs)) if runs.is_empty() => {
                return Err(ApiError::invalid_request("`runs` holds at least one run"));
            }
            Some(AtMost(runs)) => runs
                .into_iter()
                .enumerate()
                .map(|(number, Object(run))| run.into_request(&format!("runs[{number}].")))
                .collect::<Result<_, _>>()?,
        };
        let Object(limits) = self.limits.unwrap_or(Object(Limits::default()));
        Ok(ExecuteRequest { language, files, runs, limits: limits.into_request()?, client })
    }
}

fn read_files(files: Vec<Object<File>>) -> Result<Vec<SourceFile>, ApiError> {
    let read = |(number, Object(file)): (usize, Object<File>)| {
        let content = decoded(file.content, file.encoding, || format!("files[{number}].content"))?;
        source(file.name, content)
    };
    files.into_iter().enumerate().map(read).collect()
}

fn source(path: Option<String>, content: Bytes) -> Result<SourceFile, ApiError> {
    if path.as_ref().is_some_and(|path| path.len() > MAX_PATH) {
        return Err(ApiError::invalid_request(format!("a file name has at most {MAX_PATH} bytes")));
    }
    Ok(SourceFile { path, content })
}

impl Run {
    fn is_empty(&self) -> bool {
        self.stdin.is_none() && self.stdin_encoding.is_none() && self.args.is_none()
    }

    fn into_request(self, place: &str) -> Result<RunRequest, ApiError> {
        let args = self.args.map(|AtMost(args)| args).unwrap_or_default();
        if args.iter().any(|arg| arg.len() > MAX_ARG) {
            return Err(ApiError::invalid_request(format!(
                "each of `{place}args` has at most {MAX_ARG} bytes"
            )));
        }
        if args.iter().map(String::len).sum::<usize>() > MAX_ARGS_TOTAL {
            let words = format!("`{place}args` have at most {MAX_ARGS_TOTAL} bytes together");
            return Err(ApiError::invalid_request(words));
        }
        let encoding = self.stdin_encoding.unwrap_or_default();
        let stdin = decoded(self.stdin.unwrap_or_default(), encoding, || format!("{place}stdin"))?;
        Ok(RunRequest { stdin: Stdin::Bytes(stdin), args, terminal: None })
    }
}

/// The bytes that `text`, which stands at `place`, means.
///
/// # Errors
/// If it is not of its encoding.
pub(crate) fn decoded(
    text: String,
    encoding: Encoding,
    place: impl Fn() -> String,
) -> Result<Bytes, ApiError> {
    match encoding {
        Encoding::Utf8 => Ok(text.into()),
        Encoding::Base64 => match STANDARD.decode(text) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => {
                Err(ApiError::invalid_request(format!("`{}` is not base64 with padding: {error}", place())))
            }
        },
    }
}

impl Limits {
    fn into_request(self) -> Result<LimitsRequest, ApiError> {
        let above_zero = |name: &str, limit: Option<u64>| match limit {
            Some(0) => Err(ApiError::invalid_request(format!("`limits.{name}` is at least 1"))),
            limit => Ok(limit),
        };
        // More than the administrator allows is lowered to that, so a number is never too large.
        let time = |name, limit| Ok::<_, ApiError>(above_zero(name, limit)?.map(Duration::from_millis));
        let bytes = |name, limit| Ok::<_, ApiError>(above_zero(name, limit)?.map(ByteCount));
        let count = |name, limit| {
            let limit = above_zero(name, limit)?;
            Ok::<_, ApiError>(limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
        };
        Ok(LimitsRequest {
            cpu_time: time("cpu_ms", self.cpu_ms)?,
            wall_time: time("wall_ms", self.wall_ms)?,
            memory: bytes("memory_bytes", self.memory_bytes)?,
            processes: count("processes", self.processes)?,
            output: bytes("output_bytes", self.output_bytes)?,
            file_size: bytes("file_size_bytes", self.file_size_bytes)?,
            disk: bytes("disk_bytes", self.disk_bytes)?,
            files: count("files", self.files)?,
            open_files: count("open_files", self.open_files)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, said: &str) {
        let came = match read(body.as_bytes(), None) {
            Ok(_) => "taken".to_owned(),
            Err(error) => format!("{}: {}", error.body.code, error.body.error),
        };
        assert!(came.contains(said), "{body}\n{came}");
    }

    #[test]
    fn a_request_is_taken_or_refused_in_words() {
        check(r#"{"code":"1","language":"python"}"#, "taken");
        check(r#"{"code":"1","language":"python","filename":"a.py","stdin":null,"args":["x"]}"#, "taken");
        check(
            r#"{"files":[{"name":"a.py","content":"MQ==","encoding":"base64"}],"language":"python"}"#,
            "taken",
        );
        check(r#"{"code":"1","language":"c","runs":[{},{"stdin":"x","args":["1"]}],"limits":{}}"#, "taken");
        check(
            r#"{"code":"1","language":"c","limits":{"cpu_ms":18446744073709551615,"processes":99999999999}}"#,
            "taken",
        );

        check(r#"{"code":"1"}"#, "`language` is needed");
        check(r#"{"language":"c"}"#, "`code` or `files` is needed");
        check(r#"{"code":null,"language":"c"}"#, "`code` or `files` is needed");
        check(r#"{"code":"","files":[],"language":"c"}"#, "not both");
        check(r#"{"files":[],"language":"c"}"#, "at least one file");
        check(r#"{"files":[{"content":""}],"filename":"x","language":"c"}"#, "`filename` goes with `code`");
        check(
            r#"{"files":[{"content":"*","encoding":"base64"}],"language":"c"}"#,
            "`files[0].content` is not base64",
        );
        check(r#"{"files":[["a","b"]],"language":"c"}"#, "expected an object");
        check(r#"{"code":"","language":"c","runs":[]}"#, "at least one run");
        check(r#"{"code":"","language":"c","runs":[{}],"stdin":"x"}"#, "belong into each run");
        check(
            r#"{"code":"","language":"c","runs":[{"stdin":"*","stdin_encoding":"base64"}]}"#,
            "`runs[0].stdin`",
        );
        check(r#"{"code":"","language":"c","limits":{"cpu_ms":0}}"#, "`limits.cpu_ms` is at least 1");
        check(r#"{"code":"","language":"c","limits":{"open_files":0}}"#, "`limits.open_files` is at least 1");
        check(r#"{"code":"","language":"c","limits":{"cpu_ms":1.5}}"#, "invalid_request");
        check(r#"{"code":"","language":"c","limits":{"cpu_ms":-1}}"#, "invalid_request");
        check(r#"{"code":"","language":"c","limits":[1]}"#, "invalid_request");
        check(r#"{"code":"","language":"c","encoding":"latin1"}"#, "expected `utf8` or `base64`");
        check(
            r#"{"code":"","language":"c","timeout":1}"#,
            "unknown field `timeout`, expected one of `language`, `code`",
        );
        check(r#"{"code":"","language":"c","code":"x"}"#, "duplicate field `code`");
        check(r#"{"code":1,"language":"c"}"#, "invalid_request");
        check(r#"["x","python"]"#, "invalid_request");
        check("null", "invalid_request");
        check("", "invalid_json");
        check(r#"{"code":"\ud800","language":"c"}"#, "invalid_json");
        check(
            r#"{"code":"","language":"c","limits":{"cpu_ms":1e400}}"#,
            "invalid_json: the body is not JSON: number out of range",
        );
        check(
            &format!(r#"{{"code":"","language":"{}"}}"#, "a".repeat(65)),
            "unsupported_language: Unsupported language",
        );
        check(&"[".repeat(100_000), "invalid_request");
        check(&format!(r#"{{"code":{}"#, "[".repeat(100_000)), "invalid_request");
    }

    #[test]
    fn what_is_beyond_a_bound_is_refused() {
        let args = |count: usize, length: usize| {
            let arg = format!("\"{}\"", "x".repeat(length));
            format!(r#"{{"code":"","language":"c","args":[{}]}}"#, vec![arg; count].join(","))
        };
        check(&args(MAX_ARGS, 1), "taken");
        check(&args(MAX_ARGS + 1, 1), "an array of at most 256 elements");
        check(&args(1, MAX_ARG + 1), "each of `args` has at most 65536 bytes");
        check(&args(9, MAX_ARG), "`args` have at most 524288 bytes together");
        let files = format!(r#"{{"language":"c","files":[{}]}}"#, vec![r#"{"content":""}"#; 129].join(","));
        check(&files, "an array of at most 128 elements");
        let runs = format!(r#"{{"language":"c","code":"","runs":[{}]}}"#, vec!["{}"; 65].join(","));
        check(&runs, "an array of at most 64 elements");
        let name = format!(r#"{{"language":"c","code":"","filename":"{}"}}"#, "x".repeat(1025));
        check(&name, "a file name has at most 1024 bytes");
        let long = format!(r#"{{"{}":1}}"#, "x".repeat(100_000));
        assert!(read(long.as_bytes(), None).unwrap_err().body.error.len() < 600);
    }

    #[test]
    fn all_that_is_asked_reaches_the_daemon() {
        let body = r#"{"language":"c","files":[{"name":"m.c","content":"int"},{"content":"AP8=","encoding":"base64"}],
            "runs":[{"stdin":"in","args":["a","b"]},{"stdin":"/w==","stdin_encoding":"base64"}],"encoding":"base64",
            "limits":{"cpu_ms":1,"wall_ms":2,"memory_bytes":3,"processes":4,"output_bytes":5,"file_size_bytes":6,
                "disk_bytes":7,"files":8,"open_files":9}}"#;
        let asked = read(body.as_bytes(), Some("::1".to_owned())).unwrap();
        assert_eq!(asked.encoding, Encoding::Base64);
        let file = |path: Option<&str>, content: &'static [u8]| SourceFile {
            path: path.map(str::to_owned),
            content: content.into(),
        };
        let run = |stdin: &'static [u8], args: &[&str]| RunRequest {
            stdin: Stdin::Bytes(stdin.into()),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            terminal: None,
        };
        let expected = ExecuteRequest {
            language: "c".to_owned(),
            files: vec![file(Some("m.c"), b"int"), file(None, b"\x00\xff")],
            runs: vec![run(b"in", &["a", "b"]), run(b"\xff", &[])],
            limits: LimitsRequest {
                cpu_time: Some(Duration::from_millis(1)),
                wall_time: Some(Duration::from_millis(2)),
                memory: Some(ByteCount(3)),
                processes: Some(4),
                output: Some(ByteCount(5)),
                file_size: Some(ByteCount(6)),
                disk: Some(ByteCount(7)),
                files: Some(8),
                open_files: Some(9),
            },
            client: Some("::1".to_owned()),
        };
        assert_eq!(asked.request, expected);
    }
}
