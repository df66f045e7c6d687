//! The `start` message of a session: a request to the daemon as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::quantity::Value as _;
use protocol::{
    Compare, ExecuteRequest, Judge, JudgeProgram, LIMITS, LimitsRequest, OptionValue, RunRequest, SourceFile,
    Stdin,
};
use serde_json::{Map, Value, json};

/// Returns the `start` message. The program's output comes as base64, so that every byte arrives.
pub(crate) fn start_message(request: &ExecuteRequest) -> Value {
    let mut message = json!({ "type": "start", "encoding": "base64" });
    match request.build {
        Some(build) => message["build"] = build.to_string().into(),
        None => {
            message["language"] = request.language.as_str().into();
            message["files"] = files(&request.files);
        }
    }
    if let Some(version) = &request.version {
        message["version"] = version.as_str().into();
    }
    if let Some(packages) = &request.packages {
        message["packages"] = packages.as_str().into();
    }
    for (key, limits) in [("limits", &request.limits), ("compile_limits", &request.compile_limits)] {
        if *limits != LimitsRequest::default() {
            message[key] = limits_as_json(limits);
        }
    }
    if !request.options.is_empty() {
        let option = |setting: &protocol::OptionSetting| (setting.name.clone(), option_value(&setting.value));
        message["options"] = request.options.iter().map(option).collect::<Map<_, _>>().into();
    }
    if !request.outputs.is_empty() {
        message["outputs"] = request.outputs.clone().into();
    }
    if request.artifacts {
        message["artifacts"] = true.into();
    }
    if let Some(keep) = request.keep {
        message["keep"] = keep.written().into();
    }
    if let Some(parallel) = request.parallel {
        message["parallel"] = parallel.get().into();
    }
    if request.stop_on_first_failure {
        message["stop_on"] = "first_failure".into();
    }
    add_judge(&mut message, &request.judge);
    match request.runs.as_slice() {
        [run] => add_single_run(&mut message, run),
        runs => message["runs"] = runs.iter().map(run_as_json).collect(),
    }
    message
}

/// Adds the only run, whose fields are at the top level.
fn add_single_run(message: &mut Value, run: &RunRequest) {
    if let (Value::Object(message), Value::Object(run)) = (&mut *message, run_as_json(run)) {
        message.extend(run);
    }
    if let Some(size) = run.terminal {
        message["tty"] = true.into();
        message["columns"] = size.columns.get().into();
        message["rows"] = size.rows.get().into();
    }
    if run.merge_output {
        message["merge_output"] = true.into();
    }
}

fn run_as_json(run: &RunRequest) -> Value {
    let mut object = json!({});
    // Without `stdin`, the program reads what the client sends while it runs.
    if let Stdin::Bytes(bytes) = &run.stdin {
        add_text(&mut object, "stdin", "stdin_encoding", bytes);
    }
    if !run.args.is_empty() {
        object["args"] = run.args.clone().into();
    }
    if !run.environment.is_empty() {
        let pair = |variable: &protocol::Variable| (variable.name.clone(), variable.value.clone().into());
        object["environment"] = run.environment.iter().map(pair).collect::<Map<_, _>>().into();
    }
    if let Some(expected) = &run.expected {
        add_text(&mut object, "expected_stdout", "expected_stdout_encoding", &expected.stdout);
        object["compare"] = match expected.compare {
            Compare::Exact => "exact".into(),
            Compare::Lines => "lines".into(),
            Compare::Tokens => "tokens".into(),
            Compare::Float(tolerance) => json!({ "float": tolerance.get() }),
        };
    }
    object
}

fn add_judge(message: &mut Value, judge: &Judge) {
    match judge {
        Judge::Comparison => {}
        Judge::Checker(program) => message["checker"] = judge_program(program),
        Judge::Interactor { program, transcript } => {
            message["interactor"] = judge_program(program);
            message["transcript"] = (*transcript).into();
        }
    }
}

fn judge_program(program: &JudgeProgram) -> Value {
    let mut object = json!({ "language": program.language, "files": files(&program.files) });
    if program.limits != LimitsRequest::default() {
        object["limits"] = limits_as_json(&program.limits);
    }
    object
}

fn files(files: &[SourceFile]) -> Value {
    let file = |file: &SourceFile| {
        let mut object = json!({});
        if let Some(path) = &file.path {
            object["name"] = path.as_str().into();
        }
        add_text(&mut object, "content", "encoding", &file.content);
        object
    };
    files.iter().map(file).collect()
}

/// Adds bytes as text if they are text, otherwise as base64.
fn add_text(object: &mut Value, key: &str, encoding_key: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object[key] = text.into(),
        Err(_) => {
            object[key] = STANDARD.encode(bytes).into();
            object[encoding_key] = "base64".into();
        }
    }
}

fn limits_as_json(limits: &LimitsRequest) -> Value {
    // The two differ exactly in what was not requested: no limit has the same minimum and maximum.
    let (low, high) = (limits.or(&protocol::Limits::MINIMA), limits.or(&protocol::Limits::MAXIMA));
    let requested = LIMITS.iter().filter(|limit| limit.number(&low) == limit.number(&high));
    requested
        .map(|limit| (limit.json_key.to_owned(), limit.number(&low).into()))
        .collect::<Map<_, _>>()
        .into()
}

fn option_value(value: &OptionValue) -> Value {
    match value {
        OptionValue::Flag(is_on) => (*is_on).into(),
        OptionValue::Choice(name) => name.as_str().into(),
        OptionValue::Set(names) => names.clone().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use protocol::{ByteCount, ExpectedOutput, OptionSetting, TerminalSize, Tolerance, Variable};

    use super::*;

    #[test]
    fn a_request_becomes_a_start_message() {
        let source = |path: Option<&str>, content: &'static [u8]| SourceFile {
            path: path.map(str::to_owned),
            content: Bytes::from_static(content),
        };
        let expected = ExpectedOutput {
            stdout: Bytes::from_static(b"3"),
            compare: Tolerance::new(1e-6).map(Compare::Float).unwrap(),
        };
        let request = ExecuteRequest {
            language: "c".to_owned(),
            version: Some("11.x".to_owned()),
            packages: Some("math".to_owned()),
            files: vec![source(None, b"int main;"), source(Some("data"), b"\xff")],
            runs: vec![RunRequest {
                stdin: Stdin::Live,
                args: vec!["a".to_owned()],
                terminal: Some(TerminalSize::default()),
                environment: vec![Variable { name: "TZ".to_owned(), value: "UTC".to_owned() }],
                expected: Some(expected),
                ..RunRequest::default()
            }],
            limits: LimitsRequest {
                cpu_time: Some(Duration::from_millis(1500)),
                memory: Some(ByteCount::mib(64)),
                ..LimitsRequest::default()
            },
            options: vec![
                OptionSetting { name: "std".to_owned(), value: OptionValue::Choice("c17".to_owned()) },
                OptionSetting { name: "wall".to_owned(), value: OptionValue::Flag(true) },
            ],
            keep: Some(Duration::from_secs(60)),
            ..ExecuteRequest::default()
        };
        let expected = json!({
            "type": "start", "encoding": "base64", "language": "c", "version": "11.x", "packages": "math",
            "files": [{"content": "int main;"}, {"name": "data", "content": "/w==", "encoding": "base64"}],
            "limits": {"cpu_ms": 1500, "memory_bytes": 67_108_864},
            "options": {"std": "c17", "wall": true}, "keep": "60s",
            "args": ["a"], "environment": {"TZ": "UTC"}, "expected_stdout": "3", "compare": {"float": 1e-6},
            "tty": true, "columns": 80, "rows": 24,
        });
        assert_eq!(start_message(&request), expected);
    }

    #[test]
    fn a_kept_program_has_no_sources_and_several_runs_are_a_list() {
        let run =
            |stdin: &'static str| RunRequest { stdin: Stdin::Bytes(stdin.into()), ..RunRequest::default() };
        let request = ExecuteRequest {
            build: Some(protocol::BuildId([7; 32])),
            runs: vec![run("1"), run("")],
            stop_on_first_failure: true,
            ..ExecuteRequest::default()
        };
        let message = start_message(&request);
        assert_eq!(message["runs"], json!([{"stdin": "1"}, {"stdin": ""}]));
        assert_eq!((&message["build"], message.get("files")), (&json!("07".repeat(32)), None));
        assert_eq!((&message["stop_on"], message.get("limits")), (&json!("first_failure"), None));
    }
}
