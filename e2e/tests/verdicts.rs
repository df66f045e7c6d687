//! Verdicts of comparisons and of checkers, by real programs.

#![forbid(unsafe_code)]

use e2e::answer::contradictions;
use e2e::daemons::{Daemons, Settings};
use serde_json::{Value, json};

const TESTLIB: &str = include_str!("judges/testlib.h");
const SUM: &str = include_str!("judges/sum.cpp");

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

#[track_caller]
fn assert_like(expected: &Value, answer: &Value) {
    let contradictions = contradictions(expected, answer);
    assert!(contradictions.is_empty(), "{contradictions:#?}\n{answer:#}");
}

/// Returns the verdicts of all runs.
fn verdicts(answer: &Value) -> Vec<&str> {
    let runs = answer["runs"].as_array().expect("an answer with runs");
    runs.iter().map(|run| run["verdict"].as_str().unwrap_or("none")).collect()
}

#[tokio::test]
async fn output_is_compared_with_the_expected_output() {
    let daemons = start().await;
    let code = "import sys\nn = int(input())\nprint(n * n, ' ')\nif n == 3: sys.exit(1)";
    let run = |stdin: &str, expected: &str| json!({ "stdin": stdin, "expected_stdout": expected });
    let runs = [run("2", "4"), run("2", "5"), run("3", "9"), json!({ "stdin": "2" })];
    let answer = daemons.execute(&json!({ "language": "python", "code": code, "runs": runs })).await;
    assert_eq!(verdicts(&answer), ["accepted", "wrong_answer", "runtime_error", "none"]);
    let counts = json!({ "accepted": 1, "wrong_answer": 1, "runtime_error": 1 });
    let difference = json!({ "line": 1, "column": 1, "expected": "5", "actual": "4" });
    let expected = json!({
        "status": "ok", "verdict": "wrong_answer", "difference": difference, "stdout": "4  \n",
        "summary": { "counts": counts, "first_failed": 1 },
    });
    assert_like(&expected, &answer);

    for (compare, verdict) in [
        (json!("exact"), "wrong_answer"),
        (json!("lines"), "accepted"),
        (json!("tokens"), "accepted"),
        (json!({ "float": 1e-9 }), "accepted"),
    ] {
        let body = json!({ "language": "python", "code": code, "stdin": "2", "expected_stdout": "4\n", "compare": compare });
        assert_like(&json!({ "verdict": verdict }), &daemons.execute(&body).await);
    }

    let unjudged = daemons.execute(&json!({ "language": "python", "code": "print(1)" })).await;
    assert!(unjudged.get("verdict").is_none() && unjudged.get("summary").is_none(), "{unjudged}");
}

#[tokio::test]
async fn limits_and_the_compiler_have_verdicts() {
    let daemons = start().await;
    for (code, limits, verdict) in [
        ("while True: pass", json!({ "cpu_ms": 500 }), "time_limit_exceeded"),
        ("x = b'1' * (1 << 30)", json!({ "memory_bytes": 64 << 20 }), "memory_limit_exceeded"),
        ("print('1' * 5000)", json!({ "output_bytes": 1000 }), "output_limit_exceeded"),
        ("import os; os.kill(os.getpid(), 11)", json!({}), "runtime_error"),
    ] {
        let body = json!({ "language": "python", "code": code, "limits": limits, "expected_stdout": "" });
        assert_like(&json!({ "verdict": verdict }), &daemons.execute(&body).await);
    }
    let body = json!({ "language": "python", "code": "input()", "limits": { "wall_ms": 700 },
        "expected_stdout": "", "stdin": "x", "code": "import time; time.sleep(60)" });
    let answer = daemons.execute(&body).await;
    assert_eq!(answer["verdict"], "time_limit_exceeded");
    let message = answer["verdict_message"].as_str().unwrap_or_default();
    assert!(message.starts_with("idleness limit exceeded"), "{answer:#}");

    let body = json!({ "language": "c", "code": "int main() { return x; }", "expected_stdout": "" });
    let expected = json!({
        "status": "compile_error", "verdict": "compile_error", "compile": { "verdict": "compile_error" },
        "runs": [], "summary": { "counts": {}, "first_failed": null },
    });
    assert_like(&expected, &daemons.execute(&body).await);
}

#[tokio::test]
async fn the_runs_after_the_first_failure_are_skipped() {
    let daemons = start().await;
    let run = |stdin: &str| json!({ "stdin": stdin, "expected_stdout": "1" });
    let runs = [run("1"), run("2"), run("1"), run("2"), run("1")];
    let body =
        json!({ "language": "python", "code": "print(input())", "runs": runs, "stop_on": "first_failure" });
    let answer = daemons.execute(&body).await;
    assert_eq!(verdicts(&answer), ["accepted", "wrong_answer", "skipped", "skipped", "skipped"]);
    let expected = json!({
        "verdict": "wrong_answer", "status": "ok", "stdout": "2\n",
        "summary": { "counts": { "accepted": 1, "wrong_answer": 1, "skipped": 3 }, "first_failed": 1 },
    });
    assert_like(&expected, &answer);
    assert_like(&json!({ "status": "skipped", "stdout": "", "exit_code": null }), &answer["runs"][2]);

    // Without verdicts a run fails if its exit code is not 0.
    let runs = [json!({ "args": ["0"] }), json!({ "args": ["3"] }), json!({ "args": ["0"] })];
    let code = "import sys\nsys.exit(int(sys.argv[1]))";
    let body = json!({ "language": "python", "code": code, "runs": runs, "stop_on": "first_failure" });
    let answer = daemons.execute(&body).await;
    let statuses: Vec<_> = answer["runs"].as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["ok", "nonzero", "skipped"]);
}

fn sum_checker() -> Value {
    json!({ "language": "cpp", "files": [
        { "name": "check.cpp", "content": SUM }, { "name": "testlib.h", "content": TESTLIB },
    ] })
}

#[tokio::test]
async fn a_checker_in_cpp_judges_each_run() {
    let daemons = start().await;
    // The kind of answer is an argument, so one solution is right and wrong.
    let code = "import sys\nn = int(input())\nkind = sys.argv[1]\n\
                print({'right': f'{n - 2} 2', 'wrong': '1 1', 'short': '7'}[kind])";
    let run = |kind: &str, answer: &str| json!({ "stdin": "9", "args": [kind], "expected_stdout": answer });
    let runs = [
        run("right", "any"),
        run("wrong", "any"),
        run("short", "any"),
        run("crash", "any"),
        run("right", "none"),
    ];
    let body = json!({ "language": "python", "code": code, "runs": runs, "checker": sum_checker() });
    let answer = daemons.execute(&body).await;
    let expected = ["accepted", "wrong_answer", "presentation_error", "runtime_error", "judge_error"];
    assert_eq!(verdicts(&answer), expected, "{answer:#}");
    let messages: Vec<_> =
        answer["runs"].as_array().unwrap().iter().map(|run| run["verdict_message"].as_str()).collect();
    let failure = "the checker reported a failure: unexpected answer";
    assert_eq!(messages, [Some("7 + 2"), Some("1 + 1 is not 9"), Some("no b"), None, Some(failure)]);
    // The checker's messages and files are not those of the solution.
    assert_eq!((&answer["runs"][1]["stderr"], &answer["compile"]), (&json!(""), &Value::Null));
}

#[tokio::test]
async fn checkers_in_other_languages_judge_too() {
    let daemons = start().await;
    let python = "import sys\ninput, output, answer = (open(path, 'rb').read() for path in sys.argv[1:])\n\
                  print(input, output, answer)\nsys.exit(output != b'\\xff\\n' + answer)";
    let java = "import java.nio.file.*;\nclass Check { public static void main(String[] a) throws Exception { \
                byte[] out = Files.readAllBytes(Path.of(a[1])); System.err.println(out.length + \" bytes\"); \
                System.exit(out.length == 2 ? 0 : 7); } }";
    let code = "import sys\nsys.stdout.buffer.write(b'\\xff\\n' + sys.stdin.buffer.read())";
    let body = |checker: Value| {
        json!({
            "language": "python", "code": code, "checker": checker, "encoding": "base64",
            "runs": [{ "stdin": "", "expected_stdout": "" }, { "stdin": "x", "expected_stdout": "y" }],
        })
    };
    let answer = daemons.execute(&body(json!({ "language": "python", "code": python }))).await;
    assert_eq!(verdicts(&answer), ["accepted", "wrong_answer"], "{answer:#}");
    // Without stderr, stdout is the message.
    assert_eq!(answer["runs"][1]["verdict_message"], "b'x' b'\\xff\\nx' b'y'");
    let java = json!({ "language": "java", "code": java, "filename": "Check.java" });
    let answer = daemons.execute(&body(java)).await;
    assert_eq!(verdicts(&answer), ["accepted", "partially_correct"], "{answer:#}");
    assert_eq!(answer["runs"][1]["verdict_message"], "3 bytes");
}

#[tokio::test]
async fn a_checker_that_fails_is_never_the_solutions_fault() {
    let daemons = start().await;
    let started = std::time::Instant::now();
    for (code, limits, message) in [
        ("import os; os.abort()", json!({}), "the checker was killed by signal 6"),
        ("import sys; sys.exit(9)", json!({}), "the checker exited with code 9"),
        ("while True: pass", json!({ "cpu_ms": 300 }), "the checker exceeded its CPU time limit of 0.3 s"),
        (
            "import time; time.sleep(60)",
            json!({ "wall_ms": 700 }),
            "the checker exceeded its wall-clock time limit of 0.7 s",
        ),
        (
            "import sys\nwhile True: sys.stderr.write('x' * 65536)",
            json!({}),
            "the checker exceeded its output limit of 1 MiB: xxx",
        ),
        (
            "x = b'1' * (1 << 30)",
            json!({ "memory_bytes": 64 << 20 }),
            "the checker exceeded its memory limit of 64 MiB",
        ),
    ] {
        let checker = json!({ "language": "python", "code": code, "limits": limits });
        let body = json!({ "language": "python", "code": "print(1)", "checker": checker });
        let answer = daemons.execute(&body).await;
        assert_like(&json!({ "status": "ok", "verdict": "judge_error", "stdout": "1\n" }), &answer);
        let actual = answer["verdict_message"].as_str().unwrap_or_default();
        assert!(actual.starts_with(message) && actual.len() <= 4096, "{code}: {actual}");
    }
    assert!(started.elapsed().as_secs() < 60, "a checker is limited by its own limits");

    let checker = json!({ "language": "cpp", "code": "int main() { return x; }" });
    let body = json!({ "language": "python", "code": "print(1)", "runs": [{}, {}], "checker": checker });
    let answer = daemons.execute(&body).await;
    assert_eq!(verdicts(&answer), ["judge_error", "judge_error"], "{answer:#}");
    let message = answer["verdict_message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("the checker could not be compiled: ") && message.contains("return x;"),
        "{message}"
    );
    assert_like(&json!({ "status": "skipped", "stdout": "" }), &answer["runs"][0]);
}

#[tokio::test]
async fn a_checker_and_a_solution_share_nothing() {
    let daemons = start().await;
    // Both look for the files and processes of the other, and leave something behind for the next run.
    let checker = "import glob, os, sys\n\
                   found = glob.glob('/tmp/*') + glob.glob('/box/solution*') + glob.glob('/dev/shm/*')\n\
                   open('/tmp/checker', 'w').write('x'); open('/box/judge/output', 'w').write('x')\n\
                   pids = [pid for pid in os.listdir('/proc') if pid.isdigit()]\n\
                   print(found, len(pids), os.listdir('/box/judge'), file=sys.stderr)\n\
                   sys.exit(bool(found))";
    let solution = "import glob, os\n\
                    print(glob.glob('/tmp/*') + glob.glob('/box/judge*') + glob.glob('/box/check*'))\n\
                    open('/tmp/solution', 'w').write('x'); open('/box/solution', 'w').write('x')";
    let body = json!({ "language": "python", "code": solution, "runs": [{}, {}],
        "checker": { "language": "python", "code": checker, "filename": "check.py" } });
    let answer = daemons.execute(&body).await;
    for run in 0..2 {
        let run = &answer["runs"][run];
        assert_like(&json!({ "verdict": "accepted", "stdout": "[]\n" }), run);
        let message = run["verdict_message"].as_str().unwrap_or_default();
        assert!(message.starts_with("[] 1 "), "{message}");
    }
    // The last cleanup may still be active.
    assert!(e2e::daemons::eventually(|| async { daemons.status().await.running == 0 }).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}

#[tokio::test]
async fn mistakes_in_a_judged_request_are_named() {
    let daemons = start().await;
    for (fields, message) in [
        (json!({ "checker": { "language": "nope", "code": "" } }), "checker: unsupported language"),
        (
            json!({ "checker": { "language": "python", "code": "", "filename": "../x" } }),
            "checker: the file name \"../x\" contains . or ..",
        ),
        (json!({ "transcript": true }), "`transcript` requires `interactor`"),
    ] {
        let mut body = json!({ "language": "python", "code": "print(1)" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = daemons.post(&body).await.unwrap();
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json["error"], message);
    }
}
