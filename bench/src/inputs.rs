//! One C++ program with many inputs: what an online judge does with each submission.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::at;
use crate::case::{Case, compare};
use crate::programs::{Language, directory};
use crate::runner::Task;
use crate::testbed::Testbed;
use crate::variant::Variant;

/// Number of inputs.
const INPUTS: u32 = 20;

/// Measures the ways to run a program with many inputs.
///
/// # Errors
/// A message, if an execution fails or its output differs from that of the bare command.
pub fn measure(testbed: &mut Testbed, rounds: u32) -> io::Result<Vec<Case>> {
    let inputs = Inputs::prepare(testbed)?;
    let cpp = Language::Cpp.name();
    let mut times: [Vec<Duration>; 5] = Default::default();
    let has_naive = testbed.address(Variant::Naive).is_some();
    for _ in 0..rounds {
        testbed.wait_until_idle(Variant::Bare, cpp);
        let (took, expected) = inputs.run_bare(testbed)?;
        times[0].push(took);
        testbed.wait_until_idle(Variant::Warm, cpp);
        times[1].push(inputs.run_by_runs(testbed, &expected)?);
        testbed.wait_until_idle(Variant::Warm, cpp);
        times[2].push(inputs.run_kept(testbed, &expected)?);
        testbed.wait_until_idle(Variant::Warm, cpp);
        times[3].push(inputs.run_requests(testbed, Variant::Warm, &expected)?);
        if has_naive {
            times[4].push(inputs.run_requests(testbed, Variant::Naive, &expected)?);
        }
    }
    let [bare, runs, kept, requests, naive] = times;
    let ways = [
        ("bare: `g++` once", "", bare),
        ("one request with `runs`", "", runs),
        ("a request for each, `keep`", "≤ 1.2 s", kept),
        ("a request for each", "", requests),
        ("useradd: a request for each", "", naive),
    ];
    Ok(compare(&format!("one C++ program, {INPUTS} inputs"), "all answers", &ways))
}

/// The program and its inputs.
struct Inputs {
    source: String,
    inputs: Vec<String>,
    compile: Task,
    executions: Vec<Task>,
}

impl Inputs {
    fn prepare(testbed: &Testbed) -> io::Result<Self> {
        let path = directory().join("inputs/main.cpp");
        let source = at(&path.display().to_string(), fs::read_to_string(&path))?;
        let inputs: Vec<String> = (1..=INPUTS).map(|seed| format!("{} {seed}\n", 100 * seed)).collect();
        let directories = testbed.directories("inputs", 1, &[("main.cpp", &source)])?;
        let hello = Language::Cpp.programs()?.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
        // The same compiler and options as everywhere; the programs differ only in their text.
        let [compile, run] = <[_; 2]>::try_from(hello.commands).map_err(|_| io::ErrorKind::NotFound)?;
        let task = |command: &Vec<String>, stdin: Option<PathBuf>| Task {
            commands: vec![command.clone()],
            directories: directories.clone(),
            stdin,
            duration: None,
        };
        let mut executions = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            let stdin = directories[0].join(format!("stdin-{number}"));
            fs::write(&stdin, input)?;
            executions.push(task(&run, Some(stdin)));
        }
        Ok(Self { source, inputs, compile: task(&compile, None), executions })
    }

    /// Returns the time of the compilation and of all executions, and the outputs.
    fn run_bare(&self, testbed: &mut Testbed) -> io::Result<(Duration, Vec<String>)> {
        let mut took: Duration = testbed.run_bare(&self.compile)?.times.iter().sum();
        let mut outputs = Vec::new();
        for execution in &self.executions {
            let result = testbed.run_bare(execution)?;
            took += result.times.iter().sum::<Duration>();
            outputs.push(result.output);
        }
        Ok((took, outputs))
    }

    fn run_by_runs(&self, testbed: &mut Testbed, expected: &[String]) -> io::Result<Duration> {
        let runs: Vec<Value> = self.inputs.iter().map(|input| json!({ "stdin": input })).collect();
        let body = json!({ "language": "cpp", "code": self.source, "runs": runs, "compact": true });
        let (took, answer) = testbed.post(Variant::Warm, &body.to_string())?;
        for (number, expected) in expected.iter().enumerate() {
            check(&answer, &answer["runs"][number]["stdout"], expected)?;
        }
        Ok(took)
    }

    fn run_kept(&self, testbed: &mut Testbed, expected: &[String]) -> io::Result<Duration> {
        let begun = Instant::now();
        let mut build = None;
        for (input, expected) in self.inputs.iter().zip(expected) {
            let body = match &build {
                None => json!({ "language": "cpp", "code": self.source, "stdin": input, "keep": "60s" }),
                Some(build) => json!({ "build": build, "stdin": input }),
            };
            let (_, answer) = testbed.post(Variant::Warm, &body.to_string())?;
            check(&answer, &answer["output"], expected)?;
            if build.is_none() {
                build = answer["build"].as_str().map(str::to_owned);
            }
        }
        Ok(begun.elapsed())
    }

    fn run_requests(
        &self,
        testbed: &mut Testbed,
        variant: Variant,
        expected: &[String],
    ) -> io::Result<Duration> {
        let begun = Instant::now();
        for (input, expected) in self.inputs.iter().zip(expected) {
            let file = json!({ "name": "main.cpp", "content": self.source });
            let body = json!({ "language": "cpp", "files": [file], "stdin": input });
            let (_, answer) = testbed.post(variant, &body.to_string())?;
            check(&answer, &answer["output"], expected)?;
        }
        Ok(begun.elapsed())
    }
}

fn check(answer: &Value, output: &Value, expected: &str) -> io::Result<()> {
    match output.as_str() {
        Some(output) if output == expected => Ok(()),
        _ => Err(io::Error::other(format!("the output differs from {expected:?}: {answer}"))),
    }
}
