//! The tool `run_code`.

use protocol::{ExecuteRequest, OmittedFiles, Outcome, RunRequest, StageName, StageReport, Stdin};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde_json::Value;

use crate::arguments::{self, InputFile, Limits, Options, Program};
use crate::backend::Backend;
use crate::bounds::MAX_STREAM;
use crate::collector::{Collected, StageOutput};
use crate::files;
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::stage_result;

/// Pattern of all files, for a call that does not name any.
const ALL_FILES: &str = "**";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    language: String,
    version: Option<String>,
    packages: Option<String>,
    code: Option<String>,
    files: Option<Vec<InputFile>>,
    stdin: Option<String>,
    args: Option<Vec<String>>,
    options: Option<Options>,
    limits: Option<Limits>,
    outputs: Option<Vec<String>>,
}

/// Runs a program.
pub(crate) async fn call(
    backend: &impl Backend,
    arguments: Option<JsonObject>,
    progress: &mut Progress,
) -> Result<CallToolResult, Refusal> {
    let (request, names_outputs) = arguments::parse::<Arguments>(arguments)?.into_request()?;
    let sources = request.files.clone();
    let execution = backend.execute(request).await?;
    let mut collected = Collected::read(execution, MAX_STREAM, progress).await?;
    files::without_unchanged(&mut collected.files, &sources);
    Ok(result(&collected, names_outputs))
}

impl Arguments {
    /// Returns the request, and whether it names the files to return.
    fn into_request(self) -> Result<(ExecuteRequest, bool), Refusal> {
        let Self { language, version, packages, code, files, stdin, args, options, limits, outputs } = self;
        let (language, files) = Program { language, code, files }.into_sources()?;
        let run = RunRequest {
            stdin: Stdin::Bytes(stdin.unwrap_or_default().into()),
            args: arguments::program_arguments(args, "args")?,
            ..RunRequest::default()
        };
        let names_outputs = outputs.is_some();
        let request = ExecuteRequest {
            language,
            version: arguments::version(version)?,
            packages: arguments::package_set(packages)?,
            files,
            runs: vec![run],
            options: arguments::settings(options)?,
            limits: limits.unwrap_or_default().into_request()?,
            outputs: arguments::output_patterns(outputs.unwrap_or_else(|| vec![ALL_FILES.to_owned()]))?,
            ..ExecuteRequest::default()
        };
        Ok((request, names_outputs))
    }
}

/// Returns the result of an execution. A program that fails is a result, not an error.
fn result(collected: &Collected, names_outputs: bool) -> CallToolResult {
    let outcome = &collected.outcome;
    let cancelled = StageReport::new(StageName::Run(0), protocol::Status::Cancelled);
    let report = outcome.deciding_stage().unwrap_or(&cancelled);
    let run = match report.stage {
        StageName::Compile => &StageOutput::default(),
        run @ StageName::Run(_) => collected.output(run),
    };
    let mut structured = stage_result::to_json(report, run);
    structured["id"] = collected.id().to_string().into();
    structured["status"] = outcome.status_name().as_str().into();
    let mut text = first_line(outcome, report);
    if outcome.compile.is_some() {
        let output = collected.output(StageName::Compile);
        structured["compile_output"] = (output.stdout.text() + &output.stderr.text()).into();
        push_compiler_output(&mut text, output);
    }
    stage_result::push_output(&mut text, run);
    stage_result::push_hint(&mut text, report);
    if stage_result::is_truncated(report, run) {
        text.push_str(
            "(The program wrote more than is returned. Write to a file and name it in `outputs`.)\n",
        );
    }
    let files: Vec<_> =
        collected.files.iter().map(|file| files::convert(file, collected.id(), names_outputs)).collect();
    if !files.is_empty() {
        text.push_str("--- files ---\n");
        files.iter().for_each(|file| text.push_str(&format!("{}\n", file.line)));
    }
    if let Some(note) = omitted(collected.omitted) {
        text.push_str(&format!("({note})\n"));
        structured["files_omitted"] = note.into();
    }
    structured["files"] = files.iter().map(|file| file.json.clone()).collect();
    let content = files.into_iter().filter_map(|file| file.content);
    with_structured(std::iter::once(ContentBlock::text(text)).chain(content).collect(), structured)
}

/// Returns a result that has its content twice: for the model, and for programs.
pub(crate) fn with_structured(content: Vec<ContentBlock>, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::success(content);
    result.structured_content = Some(structured);
    result
}

fn first_line(outcome: &Outcome, report: &StageReport) -> String {
    let ending = stage_result::ending(report);
    match report.stage {
        StageName::Compile => format!("compilation failed: {ending}\n"),
        StageName::Run(_) if outcome.deciding_stage().is_none() => "cancelled\n".to_owned(),
        StageName::Run(_) => format!("{ending}\n"),
    }
}

pub(crate) fn push_compiler_output(text: &mut String, output: &StageOutput) {
    let messages = output.stdout.text() + &output.stderr.text();
    if !messages.is_empty() {
        text.push_str(&format!("--- compiler ---\n{}\n", messages.trim_end_matches('\n')));
    }
}

/// Returns a sentence about files that were left out.
fn omitted(omitted: OmittedFiles) -> Option<String> {
    let OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete } = omitted;
    // Links and sockets that no pattern names are no loss.
    let number = [too_many, too_large, not_regular, invalid_name, unreadable].iter().sum::<u32>();
    (number > 0 || is_incomplete).then(|| {
        let more = if is_incomplete { ", and the search for files ended early" } else { "" };
        format!("{number} more files are not listed: too many, too large, or not readable{more}")
    })
}

#[cfg(test)]
mod tests {
    use protocol::{ExecutionId, OptionSetting, OptionValue, SourceFile, Status};
    use serde_json::json;

    use super::*;
    use crate::collector::{OutputFile, Stream};

    fn request(arguments: Value) -> Result<(ExecuteRequest, bool), String> {
        let Value::Object(arguments) = arguments else { panic!("not an object") };
        arguments::parse::<Arguments>(Some(arguments))
            .and_then(Arguments::into_request)
            .map_err(|refusal| refusal.error)
    }

    #[test]
    fn arguments_become_a_request() {
        let (request, names_outputs) = request(json!({
            "language": "cpp", "version": "11.x", "packages": "math", "code": "int main() {}", "stdin": "in", "args": ["a"], "limits": {"cpu_ms": 5},
            "files": [{"name": "data.bin", "content": "AP8=\n", "encoding": "base64"}, {"name": "t", "content": "é"}],
            "options": {"std": "c++23", "warnings": true, "sanitize": ["address"]}, "outputs": ["*.png"],
        }))
        .unwrap();
        let source = |path: Option<&str>, content: &[u8]| SourceFile {
            path: path.map(str::to_owned),
            content: content.to_vec().into(),
        };
        assert_eq!(
            request.files,
            [
                source(None, b"int main() {}"),
                source(Some("data.bin"), b"\0\xff"),
                source(Some("t"), "é".as_bytes())
            ]
        );
        let setting = |name: &str, value| OptionSetting { name: name.to_owned(), value };
        assert_eq!(
            request.options,
            [
                setting("sanitize", OptionValue::Set(vec!["address".to_owned()])),
                setting("std", OptionValue::Choice("c++23".to_owned())),
                setting("warnings", OptionValue::Flag(true)),
            ]
        );
        assert_eq!(request.runs[0].stdin, Stdin::Bytes("in".into()));
        assert_eq!(request.runs[0].args, ["a"]);
        assert_eq!(request.version.as_deref(), Some("11.x"));
        assert_eq!(request.packages.as_deref(), Some("math"));
        assert_eq!(request.limits.cpu_time, Some(std::time::Duration::from_millis(5)));
        assert_eq!((request.outputs, names_outputs), (vec!["*.png".to_owned()], true));
    }

    #[test]
    fn all_files_are_returned_unless_the_call_names_some() {
        let outputs = |outputs: Value| {
            let (request, named) =
                request(json!({"language": "c", "code": "", "stdin": null, "outputs": outputs})).unwrap();
            (request.outputs, named)
        };
        assert_eq!(outputs(Value::Null), (vec!["**".to_owned()], false));
        assert_eq!(outputs(json!([])), (vec![], true));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let check = |arguments: Value, expected: &str| {
            let error = request(arguments.clone()).unwrap_err();
            assert!(error.contains(expected), "{arguments}: {error}");
        };
        check(json!({"code": ""}), "missing field `language`");
        check(json!({"language": "c"}), "`code` or `files` is required");
        check(json!({"language": 1, "code": ""}), "invalid argument `language`: invalid type");
        check(json!({"language": "c", "code": "", "timeout": 1}), "unknown field `timeout`");
        check(
            json!({"language": "c", "files": [{"name": "a"}]}),
            "invalid argument `files[0]`: missing field `content`",
        );
        check(
            json!({"language": "c", "files": [{"name": "a", "content": "*", "encoding": "base64"}]}),
            "`files[0].content` must be base64",
        );
        check(
            json!({"language": "c", "code": "", "limits": {"cpu_ms": 0}}),
            "`limits.cpu_ms` must be at least 1",
        );
        check(json!({"language": "c", "code": "", "limits": {"cpu_ms": -1}}), "`limits.cpu_ms`");
        check(json!({"language": "c", "code": "", "options": {"std": 1}}), "expected true, false, a string");
        check(json!({"language": "c", "code": "x".repeat(5 << 20)}), "bytes in total");
        check(json!({"language": "c", "code": "", "outputs": vec!["a"; 33]}), "at most 32 patterns");
        check(json!({"language": "c", "code": "", "args": vec!["a"; 257]}), "at most 256 arguments");
        check(
            json!({"language": "c", "code": "", "version": "1".repeat(65)}),
            "`version` must be at most 64",
        );
        check(
            json!({"language": "c", "code": "", "packages": "a".repeat(65)}),
            "`packages` must be at most 64",
        );
    }

    #[test]
    fn a_result_is_the_same_for_models_and_programs() {
        let outcome = Outcome {
            runs: vec![StageReport::new(StageName::Run(0), Status::Exited(1))],
            ..Outcome::default()
        };
        let output = StageOutput {
            stdout: Stream { bytes: b"out\n".to_vec(), is_truncated: false },
            stderr: Stream { bytes: b"err".to_vec(), is_truncated: false },
        };
        let file = OutputFile { name: "a.txt".to_owned(), size: 1, content: b"x".to_vec() };
        let collected = Collected {
            outcome,
            stages: vec![(StageName::Run(0), output)],
            files: vec![file],
            omitted: OmittedFiles { too_many: 2, ..OmittedFiles::default() },
        };
        let result = result(&collected, false);
        assert_eq!(result.is_error, Some(false));
        let text = &result.content[0].as_text().unwrap().text;
        assert_eq!(
            text,
            "exit code 1\n--- stdout ---\nout\n--- stderr ---\nerr\n--- files ---\na.txt (text/plain, 1 bytes)\n\
             (2 more files are not listed: too many, too large, or not readable)\n"
        );
        assert_eq!(result.content[1].as_resource().unwrap().get_text(), "x");
        let structured = result.structured_content.unwrap();
        assert_eq!(structured["id"], ExecutionId::default().to_string());
        assert_eq!((&structured["status"], &structured["exit_code"]), (&json!("nonzero"), &json!(1)));
        assert_eq!((&structured["stdout"], &structured["stderr"]), (&json!("out\n"), &json!("err")));
    }

    #[test]
    fn a_failed_import_has_a_hint() {
        let failed = StageReport {
            hint: Some("numpy is in the package set data of Python".to_owned()),
            ..StageReport::new(StageName::Run(0), Status::Exited(1))
        };
        let outcome = Outcome { runs: vec![failed], ..Outcome::default() };
        let result = result(&Collected { outcome, ..Collected::default() }, false);
        let text = &result.content[0].as_text().unwrap().text;
        assert_eq!(text, "exit code 1\n(Hint: numpy is in the package set data of Python)\n");
        let structured = result.structured_content.unwrap();
        assert_eq!(structured["hint"], "numpy is in the package set data of Python");
    }

    #[test]
    fn a_failed_compilation_has_the_messages_of_the_compiler() {
        let outcome = Outcome {
            compile: Some(StageReport::new(StageName::Compile, Status::Exited(1))),
            ..Outcome::default()
        };
        let output = StageOutput {
            stderr: Stream { bytes: b"error: x\n".to_vec(), is_truncated: false },
            ..StageOutput::default()
        };
        let collected =
            Collected { outcome, stages: vec![(StageName::Compile, output)], ..Collected::default() };
        let result = result(&collected, false);
        let text = &result.content[0].as_text().unwrap().text;
        assert_eq!(text, "compilation failed: exit code 1\n--- compiler ---\nerror: x\n");
        let structured = result.structured_content.unwrap();
        assert_eq!(structured["status"], "compile_error");
        assert_eq!(structured["compile_output"], "error: x\n");
        assert_eq!(structured["stdout"], "");
    }
}
