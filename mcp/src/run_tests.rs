//! The tool `run_tests`.

use protocol::bounds::MAX_RUNS;
use protocol::{
    Compare, ExecuteRequest, ExpectedOutput, RunRequest, StageName, StageReport, Stdin, Tolerance,
};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::{self, InputFile, Limits, Options, Program};
use crate::backend::Backend;
use crate::bounds::MAX_TEST_STREAM;
use crate::collector::{Collected, StageOutput};
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::run_code::{push_compiler_output, with_structured};
use crate::stage_result;

/// Characters of the name of a test. It is only for the client.
const MAX_NAME: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    language: String,
    version: Option<String>,
    packages: Option<String>,
    code: Option<String>,
    files: Option<Vec<InputFile>>,
    options: Option<Options>,
    limits: Option<Limits>,
    tests: Vec<Test>,
    compare: Option<CompareArgument>,
    tolerance: Option<f64>,
    stop_on_first_failure: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    name: Option<String>,
    input: Option<String>,
    expected_output: String,
    args: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CompareArgument {
    Exact,
    Lines,
    Tokens,
    Float,
}

/// Runs a program once per test.
pub(crate) async fn call(
    backend: &impl Backend,
    arguments: Option<JsonObject>,
    progress: &mut Progress,
) -> Result<CallToolResult, Refusal> {
    let (request, names) = arguments::parse::<Arguments>(arguments)?.into_request()?;
    let execution = backend.execute(request).await?;
    Ok(result(&Collected::read(execution, MAX_TEST_STREAM, progress).await?, &names))
}

impl Arguments {
    /// Returns the request, and the names of the tests.
    fn into_request(self) -> Result<(ExecuteRequest, Vec<Option<String>>), Refusal> {
        let Self {
            language,
            version,
            packages,
            code,
            files,
            options,
            limits,
            tests,
            compare,
            tolerance,
            stop_on_first_failure,
        } = self;
        if tests.is_empty() || tests.len() > MAX_RUNS {
            return Err(Refusal::invalid(format!("`tests` must contain 1 to {MAX_RUNS} tests")));
        }
        let compare = comparison(compare, tolerance)?;
        let (language, files) = Program { language, code, files }.into_sources()?;
        let mut names = Vec::with_capacity(tests.len());
        let mut runs = Vec::with_capacity(tests.len());
        for (number, test) in tests.into_iter().enumerate() {
            if test.name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME) {
                return Err(Refusal::invalid(format!(
                    "`tests[{number}].name` must be at most {MAX_NAME} characters long"
                )));
            }
            names.push(test.name);
            runs.push(RunRequest {
                stdin: Stdin::Bytes(test.input.unwrap_or_default().into()),
                args: arguments::program_arguments(test.args, &format!("tests[{number}].args"))?,
                expected: Some(ExpectedOutput { stdout: test.expected_output.into(), compare }),
                ..RunRequest::default()
            });
        }
        let request = ExecuteRequest {
            language,
            version: arguments::version(version)?,
            packages: arguments::package_set(packages)?,
            files,
            runs,
            options: arguments::settings(options)?,
            limits: limits.unwrap_or_default().into_request()?,
            stop_on_first_failure: stop_on_first_failure.unwrap_or_default(),
            ..ExecuteRequest::default()
        };
        Ok((request, names))
    }
}

/// Returns how outputs are compared. A tolerance alone means `float`.
fn comparison(compare: Option<CompareArgument>, tolerance: Option<f64>) -> Result<Compare, Refusal> {
    let of_tolerance = |error| {
        Tolerance::new(error)
            .map(Compare::Float)
            .ok_or_else(|| Refusal::invalid("`tolerance` must be finite and at least 0"))
    };
    match (compare, tolerance) {
        (None, None) => Ok(Compare::default()),
        (Some(CompareArgument::Exact), None) => Ok(Compare::Exact),
        (Some(CompareArgument::Lines), None) => Ok(Compare::Lines),
        (Some(CompareArgument::Tokens), None) => Ok(Compare::Tokens),
        (Some(CompareArgument::Float) | None, Some(error)) => of_tolerance(error),
        (Some(CompareArgument::Float), None) => {
            Err(Refusal::invalid("`compare: \"float\"` requires `tolerance`, for example 1e-6"))
        }
        (Some(_), Some(_)) => Err(Refusal::invalid("`tolerance` requires `compare: \"float\"`")),
    }
}

fn result(collected: &Collected, names: &[Option<String>]) -> CallToolResult {
    let outcome = &collected.outcome;
    let passed = outcome.runs.iter().filter(|run| is_passed(run)).count();
    let mut structured = json!({
        "id": collected.id().to_string(),
        "status": outcome.status_name().as_str(),
        "passed": passed,
        "total": names.len(),
    });
    let mut text = String::new();
    match &outcome.compile {
        Some(compile) if compile.is_failure() => {
            text.push_str(&format!("compilation failed: {}\n", stage_result::ending(compile)));
        }
        _ => text.push_str(&format!("{passed} of {} tests passed\n", names.len())),
    }
    if outcome.compile.is_some() {
        let output = collected.output(StageName::Compile);
        structured["compile_output"] = (output.stdout.text() + &output.stderr.text()).into();
        push_compiler_output(&mut text, output);
    }
    let mut tests = Vec::with_capacity(outcome.runs.len());
    for (number, run) in outcome.runs.iter().enumerate() {
        let name = names.get(number).cloned().flatten();
        let output = collected.output(run.stage);
        tests.push(test_json(run, output, name.as_deref()));
        push_test(&mut text, number + 1, name.as_deref(), run, output);
    }
    structured["tests"] = tests.into();
    // The same import fails in each test.
    if let Some(report) = outcome.compile.iter().chain(&outcome.runs).find(|report| report.hint.is_some()) {
        stage_result::push_hint(&mut text, report);
    }
    with_structured(vec![ContentBlock::text(text)], structured)
}

fn is_passed(run: &StageReport) -> bool {
    run.judgement.as_ref().is_some_and(|judgement| judgement.verdict == protocol::Verdict::Accepted)
}

fn test_json(run: &StageReport, output: &StageOutput, name: Option<&str>) -> Value {
    let mut json = stage_result::to_json(run, output);
    json["passed"] = is_passed(run).into();
    if let Some(name) = name {
        json["name"] = name.into();
    }
    if let Some(judgement) = &run.judgement {
        json["verdict"] = judgement.verdict.as_str().into();
        if let Some(difference) = stage_result::difference(judgement) {
            json["difference"] = difference.into();
        }
    }
    json
}

/// Appends a test for the model: its verdict, and its output if it failed.
fn push_test(text: &mut String, number: usize, name: Option<&str>, run: &StageReport, output: &StageOutput) {
    let verdict = run.judgement.as_ref().map_or(run.status.name().as_str(), |one| one.verdict.as_str());
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    text.push_str(&format!("test {number}{name}: {verdict}"));
    if !is_passed(run) {
        if run.status != protocol::Status::Skipped {
            text.push_str(&format!(", {}", stage_result::ending(run)));
        }
        if let Some(difference) = run.judgement.as_deref().and_then(stage_result::difference) {
            text.push_str(&format!(", {difference}"));
        }
    }
    text.push('\n');
    if run.is_failure() {
        stage_result::push_output(text, output);
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Difference, Judgement, Outcome, Status, Verdict};

    use super::*;
    use crate::collector::Stream;

    fn request(arguments: Value) -> Result<ExecuteRequest, String> {
        let Value::Object(arguments) = arguments else { panic!("not an object") };
        arguments::parse::<Arguments>(Some(arguments))
            .and_then(Arguments::into_request)
            .map(|(request, _)| request)
            .map_err(|refusal| refusal.error)
    }

    #[test]
    fn each_test_is_a_run() {
        let request = request(json!({
            "language": "python", "version": "3.x", "packages": "web", "code": "print(input())", "compare": "tokens",
            "stop_on_first_failure": true,
            "tests": [{"input": "1", "expected_output": "1"}, {"name": "two", "expected_output": "", "args": ["x"]}],
        }))
        .unwrap();
        assert_eq!(request.runs.len(), 2);
        let expected = ExpectedOutput { stdout: "1".into(), compare: Compare::Tokens };
        assert_eq!(request.runs[0].expected, Some(expected));
        assert_eq!(request.runs[1].args, ["x"]);
        assert_eq!(request.version.as_deref(), Some("3.x"));
        assert_eq!(request.packages.as_deref(), Some("web"));
        assert!(request.stop_on_first_failure);
    }

    #[test]
    fn comparisons_have_names() {
        let compare = |name: Value, tolerance: Value| {
            let tests = json!([{"expected_output": ""}]);
            request(
                json!({"language": "c", "code": "", "tests": tests, "compare": name, "tolerance": tolerance}),
            )
            .map(|request| request.runs[0].expected.as_ref().map(|expected| expected.compare))
        };
        assert_eq!(compare(Value::Null, Value::Null), Ok(Some(Compare::Lines)));
        assert_eq!(compare(json!("exact"), Value::Null), Ok(Some(Compare::Exact)));
        let float = Tolerance::new(1e-6).map(Compare::Float);
        assert_eq!(compare(json!("float"), json!(1e-6)), Ok(float));
        assert_eq!(compare(Value::Null, json!(1e-6)), Ok(float));
        for (name, tolerance) in [
            (json!("float"), Value::Null),
            (json!("lines"), json!(1)),
            (json!("float"), json!(-1)),
            (json!("other"), Value::Null),
        ] {
            assert!(compare(name.clone(), tolerance).is_err(), "{name}");
        }
    }

    #[test]
    fn there_are_tests_and_not_too_many() {
        let error = |tests: Value| {
            request(json!({"language": "c", "code": "", "tests": tests})).map(|_| ()).unwrap_err()
        };
        assert!(error(json!([])).contains("1 to 64 tests"));
        assert!(error(json!(vec![json!({"expected_output": ""}); 65])).contains("1 to 64 tests"));
        assert!(error(json!([{"input": ""}])).contains("`tests[0]`: missing field `expected_output`"));
    }

    #[test]
    fn the_model_reads_what_failed_and_why() {
        let judged = |number, status, verdict, difference| StageReport {
            judgement: Some(Box::new(Judgement { difference, ..Judgement::from(verdict) })),
            ..StageReport::new(StageName::Run(number), status)
        };
        let difference = Difference { line: 1, column: 2, expected: Some("6".into()), actual: None };
        let outcome = Outcome {
            runs: vec![
                judged(0, Status::Exited(0), Verdict::Accepted, None),
                judged(1, Status::Exited(0), Verdict::WrongAnswer, Some(difference)),
                judged(2, Status::Skipped, Verdict::Skipped, None),
            ],
            ..Outcome::default()
        };
        let output = StageOutput {
            stdout: Stream { bytes: b"5\n".to_vec(), is_truncated: false },
            ..StageOutput::default()
        };
        let collected =
            Collected { outcome, stages: vec![(StageName::Run(1), output)], ..Collected::default() };
        let result = result(&collected, &[None, Some("six".to_owned()), None]);
        assert_eq!(
            result.content[0].as_text().unwrap().text,
            "1 of 3 tests passed\ntest 1: accepted\n\
             test 2 (six): wrong_answer, exit code 0, line 1, column 2: expected \"6\", got the end\n\
             --- stdout ---\n5\ntest 3: skipped\n"
        );
        let structured = result.structured_content.unwrap();
        assert_eq!((&structured["passed"], &structured["total"]), (&json!(1), &json!(3)));
        assert_eq!(structured["tests"][1]["verdict"], "wrong_answer");
        assert_eq!(structured["tests"][1]["name"], "six");
        assert_eq!(structured["tests"][1]["stdout"], "5\n");
    }
}
