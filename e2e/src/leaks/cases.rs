//! Executions that use a feature, and their expected responses.

use serde_json::{Value, json};

use crate::faults::random::SeededRandom;

/// A program that leaves a process in a session of its own, in Python.
const LEAVE_A_PROCESS: &str =
    "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    os.execvp('sleep', ['sleep', '600'])\n";
/// Reads the input and the output of a run, and accepts if they are equal. In C, because it compiles fast.
const EQUAL_IN_C: &str = "#include <stdio.h>\nint main(int n, char **paths) {\n  FILE *a = fopen(paths[1], \"rb\"), *b = fopen(paths[2], \"rb\");\n\
    if (!a || !b) return 3;\n  for (;;) { int x = getc(a), y = getc(b); if (x != y) return 1; if (x == EOF) return 0; }\n}";
/// Prints its input.
const ECHO: &str = "import sys\nsys.stdout.write(sys.stdin.read())";

/// What a test sends, and what it must receive unless it disconnects.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of the feature.
    pub name: &'static str,
    /// How the request is sent.
    pub sending: Sending,
    /// Body of `POST /api/execute`.
    pub body: Value,
    is_right: fn(&Value) -> bool,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// As it is.
    Once,
    /// The response has the id of a build, which is run twice more, each time with another input.
    KeepAndRunAgain,
    /// As a multipart body, with this many bytes as stdin.
    Upload(usize),
}

impl Case {
    /// Returns a case at random.
    pub fn any(random: &mut SeededRandom) -> Self {
        let make = random.choose(&CASES);
        make(random.below(1000))
    }

    /// Verifies a response.
    ///
    /// # Errors
    /// A message, if it is not the expected one.
    pub fn check(&self, status: u16, json: &Value) -> Result<(), String> {
        if status == 200 && (self.is_right)(json) {
            return Ok(());
        }
        let excerpt: String = json.to_string().chars().take(1000).collect();
        Err(format!("{}: HTTP {status}: {excerpt}", self.name))
    }
}

/// All cases. The number makes each program different.
const CASES: [fn(usize) -> Case; 14] = [
    output_files,
    output_files_after_a_timeout,
    artifacts,
    checker,
    checker_without_end,
    checker_that_leaves_processes,
    broken_checker,
    interactor,
    interactor_that_waits,
    interactor_that_leaves_processes,
    kept_build,
    kept_program,
    parallel_runs,
    judged_upload,
];

/// Returns the cases in a fixed order, so that a short test has each of them.
#[must_use]
pub fn each() -> Vec<Case> {
    CASES.iter().map(|make| make(0)).collect()
}

fn once(name: &'static str, body: Value, is_right: fn(&Value) -> bool) -> Case {
    Case { name, sending: Sending::Once, body, is_right }
}

fn output_files(number: usize) -> Case {
    let code = format!(
        "{LEAVE_A_PROCESS}os.mkdir('out')\nfor i in range(20): open(f'out/{{i}}', 'wb').write(b'\\xff' * {number})\n\
         os.symlink('/etc/passwd', 'out/link')"
    );
    let body = json!({ "language": "python", "code": code, "outputs": ["out/*"] });
    once("output files", body, |answer| {
        answer["status"] == "ok"
            && answer["output_files"].as_array().is_some_and(|files| files.len() == 20)
            && answer["output_files_omitted"]["not_regular"] == 1
    })
}

fn output_files_after_a_timeout(number: usize) -> Case {
    let code = format!("open('out', 'w').write('{number}')\n{LEAVE_A_PROCESS}time.sleep(600)");
    let body =
        json!({ "language": "python", "code": code, "outputs": ["out"], "limits": { "wall_ms": 700 } });
    once("output files after a timeout", body, |answer| {
        answer["status"] == "timeout" && answer["output_files"][0]["name"] == "out"
    })
}

fn artifacts(number: usize) -> Case {
    let code = format!("int main(void) {{ return {}; }}", number % 2);
    let body = json!({ "language": "c", "code": code, "artifacts": true });
    once("artifacts", body, |answer| {
        answer["compile"]["output_files"].as_array().is_some_and(|files| !files.is_empty())
    })
}

fn checker(number: usize) -> Case {
    let runs = [json!({ "stdin": format!("{number}\n") }), json!({ "stdin": "" }), json!({ "stdin": "x\n" })];
    // Every other solution is wrong.
    let code = format!("import sys\nsys.stdout.write(sys.stdin.read() * {})", 1 + number % 2);
    let body = json!({ "language": "python", "code": code, "runs": runs,
        "checker": { "language": "c", "code": EQUAL_IN_C } });
    once("checker", body, |answer| {
        matches!(answer["verdict"].as_str(), Some("accepted" | "wrong_answer"))
            && answer["runs"][1]["verdict"] == "accepted"
    })
}

fn checker_without_end(_: usize) -> Case {
    let checker =
        json!({ "language": "python", "code": "import time\ntime.sleep(600)", "limits": { "wall_ms": 600 } });
    let body = json!({ "language": "bash", "code": "echo 1", "checker": checker });
    once("checker without end", body, |answer| answer["verdict"] == "judge_error")
}

fn checker_that_leaves_processes(_: usize) -> Case {
    let code = format!("{LEAVE_A_PROCESS}open('/tmp/left', 'w').write('x' * 100000)\nsys.exit(1)");
    let body = json!({ "language": "bash", "code": "sleep 600 & echo 1", "runs": [{}, {}],
        "checker": { "language": "python", "code": code } });
    once("checker that leaves processes", body, |answer| answer["verdict"] == "wrong_answer")
}

fn broken_checker(_: usize) -> Case {
    let checker = json!({ "language": "c", "code": "int main(void) { return x; }" });
    let body = json!({ "language": "c", "code": "int main(void) {}", "checker": checker });
    once("broken checker", body, |answer| answer["verdict"] == "judge_error")
}

fn interactor(number: usize) -> Case {
    let solution = "while (line := input()) != 'end': print(int(line) + 1, flush=True)";
    let interactor = format!(
        "import sys\nfor i in range(5):\n    print(i + {number}, flush=True)\n    if int(input()) != i + 1 + {number}: sys.exit(1)\nprint('end', flush=True)"
    );
    let body = json!({ "language": "python", "code": solution, "transcript": true,
        "interactor": { "language": "python", "code": interactor } });
    once("interactor", body, |answer| answer["verdict"] == "accepted")
}

fn interactor_that_waits(_: usize) -> Case {
    let body = json!({ "language": "python", "code": "input()", "limits": { "wall_ms": 700 },
        "interactor": { "language": "python", "code": "input()" } });
    once("interactor that waits", body, |answer| answer["verdict"] == "time_limit_exceeded")
}

fn interactor_that_leaves_processes(_: usize) -> Case {
    let solution = format!("{LEAVE_A_PROCESS}print(1, flush=True)\ninput()");
    let interactor = format!("{LEAVE_A_PROCESS}input()\nprint(2, flush=True)");
    let body = json!({ "language": "python", "code": solution, "runs": [{}, {}],
        "interactor": { "language": "python", "code": interactor } });
    once("interactor that leaves processes", body, |answer| answer["verdict"] == "accepted")
}

fn kept_build(number: usize) -> Case {
    let code = format!(
        "#include <stdio.h>\nint main(void) {{ printf(\"{number} \"); for (int c; (c = getchar()) != EOF;) putchar(c); }}"
    );
    let body = json!({ "language": "c", "code": code, "keep": "2s", "stdin": "first" });
    let case = once("kept build", body, |answer| {
        answer["stdout"].as_str().is_some_and(|text| text.ends_with(" first"))
    });
    Case { sending: Sending::KeepAndRunAgain, ..case }
}

fn kept_program(number: usize) -> Case {
    let code = format!("{LEAVE_A_PROCESS}print({number}, input())");
    let body = json!({ "language": "python", "code": code, "keep": "2s", "stdin": "first" });
    let case = once("kept program", body, |answer| {
        answer["stdout"].as_str().is_some_and(|text| text.ends_with(" first\n"))
    });
    Case { sending: Sending::KeepAndRunAgain, ..case }
}

fn parallel_runs(number: usize) -> Case {
    let run = |index: usize| json!({ "args": [index.to_string()], "expected_stdout": index.to_string() });
    let runs: Vec<_> = (0..8).map(run).collect();
    let code = format!("sleep 600 &\nsleep 0.0$1\n[ $1 = 5 ] || echo $1 # {number}");
    let body = json!({ "language": "bash", "code": code, "runs": runs, "stop_on": "first_failure" });
    once("parallel runs", body, |answer| {
        answer["summary"]["first_failed"] == 5 && answer["runs"][7]["verdict"] == "skipped"
    })
}

fn judged_upload(number: usize) -> Case {
    let body = json!({ "language": "python", "code": ECHO, "checker": { "language": "c", "code": EQUAL_IN_C },
        "limits": { "output_bytes": 2 << 20 } });
    let case = once("judged upload", body, |answer| answer["verdict"] == "accepted");
    Case { sending: Sending::Upload(400_000 + number * 1000), ..case }
}
