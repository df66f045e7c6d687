//! Admission of a request that formats source code instead of running it.

use std::sync::Arc;

use protocol::{ExecuteRequest, ExecutionId, LimitsRequest, Rejection, RunRequest, Stdin, ToolchainRequest};

use super::{admit_runs, invalid};
use crate::admission::job::{CustomCommands, Job};
use crate::admission::limits::{self, RequestBounds};
use crate::admission::program_files::{admit_sources, check_room};
use crate::languages::toolchain::{StageKind, Toolchain};

/// Admits the request: its only run is that of the formatter, which reads the main file from stdin. It has the limits of the
/// formatter.
///
/// # Errors
/// [`Rejection::Invalid`] with a message for the client.
pub(crate) fn admit_formatting(
    id: ExecutionId,
    request: ExecuteRequest,
    toolchain: &Arc<Toolchain>,
    bounds: &RequestBounds,
) -> Result<Job, Rejection> {
    let formatter = toolchain
        .formatter
        .as_ref()
        .ok_or_else(|| invalid(&format!("this server has no formatter for {}", toolchain.title)))?;
    let (files, request) = without_files(request);
    if request != nothing_else(&request) {
        return Err(invalid("a request to format must have a language and files only"));
    }
    let sources = admit_sources(files, toolchain)?;
    let limits = limits::resolve("limits", &LimitsRequest::default(), &formatter.limits, bounds)?;
    check_room(&sources, &limits)?;
    let code = sources.first().and_then(|source| source.content.bytes()).cloned().unwrap_or_default();
    let request = ExecuteRequest {
        runs: vec![RunRequest { stdin: Stdin::Bytes(code), ..RunRequest::default() }],
        ..request
    };
    let job = admit_runs(id, request, toolchain, sources, bounds)?;
    let custom = CustomCommands { compile: None, run: Some(formatter.clone()) };
    Ok(Job { custom, limits, run_kind: StageKind::Format, ..job })
}

fn without_files(mut request: ExecuteRequest) -> (Vec<protocol::SourceFile>, ExecuteRequest) {
    (std::mem::take(&mut request.files), request)
}

/// Returns a request without files that asks for nothing but the formatting, of the same language and client.
fn nothing_else(request: &ExecuteRequest) -> ExecuteRequest {
    ExecuteRequest {
        language: request.language.clone(),
        client: request.client.clone(),
        client_networks: request.client_networks.clone(),
        toolchain: ToolchainRequest { format: true, ..ToolchainRequest::default() },
        ..ExecuteRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::{OptionSetting, OptionValue, SourceFile};

    use super::*;
    use crate::admission::find_language;
    use crate::config::Config;
    use crate::languages::shipped::shipped;
    use crate::languages::toolchain::StageCommand;

    /// Admits a request to format a program in C++, with a formatter that every host has.
    fn admit_cpp(change: impl Fn(&mut ExecuteRequest), has_formatter: bool) -> Result<Job, String> {
        let languages = shipped();
        let mut toolchain = Toolchain::clone(find_language("cpp", None, &languages).unwrap());
        let command = vec!["cat".to_owned(), "{main}".to_owned()];
        toolchain.formatter =
            has_formatter.then(|| StageCommand { command, warm: None, ..toolchain.run.clone() });
        let mut request = ExecuteRequest {
            language: "c++17".to_owned(),
            client: Some("somebody".to_owned()),
            files: vec![SourceFile { path: None, content: Bytes::from_static(b"int  x;\r\n") }],
            toolchain: ToolchainRequest { format: true, ..ToolchainRequest::default() },
            ..ExecuteRequest::default()
        };
        change(&mut request);
        let id = ExecutionId(uuid::Uuid::nil());
        let bounds = Config::default().request_bounds();
        admit_formatting(id, request, &Arc::new(toolchain), &bounds)
            .map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn the_formatter_reads_the_main_file_and_nothing_is_compiled() {
        let job = admit_cpp(|_| {}, true).unwrap();
        assert!(job.compile_command().is_none() && job.compile_limits.is_none() && job.outputs.is_empty());
        assert_eq!((job.run_kind, job.run_command().command[0].as_str()), (StageKind::Format, "cat"));
        assert_eq!(job.runs.len(), 1);
        assert_eq!(job.runs[0].stdin, Stdin::Bytes(Bytes::from_static(b"int  x;\r\n")));
    }

    #[track_caller]
    fn check(change: impl Fn(&mut ExecuteRequest), message: &str) {
        let error = admit_cpp(change, true).unwrap_err();
        assert!(error.contains(message), "{message:?} is not in {error:?}");
    }

    #[test]
    fn a_request_to_format_has_nothing_else() {
        check(|request| request.runs = vec![RunRequest::default()], "a language and files only");
        check(|request| request.outputs = vec!["*".to_owned()], "a language and files only");
        check(|request| request.toolchain.main_only = true, "a language and files only");
        check(|request| request.limits.processes = Some(1), "a language and files only");
        let option = OptionSetting { name: "openmp".to_owned(), value: OptionValue::Flag(true) };
        check(|request| request.options = vec![option.clone()], "a language and files only");
        check(|request| request.files = Vec::new(), "at least one source file is required");
        assert_eq!(admit_cpp(|_| {}, false).unwrap_err(), "this server has no formatter for C++");
    }
}
