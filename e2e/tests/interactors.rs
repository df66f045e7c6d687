//! Interactive problems: a solution and an interactor, connected by the daemon.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use e2e::daemons::{Daemons, Settings};
use e2e::inventory;
use serde_json::{Value, json};

const TESTLIB: &str = include_str!("judges/testlib.h");

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

fn cpp() -> Value {
    json!({ "language": "cpp", "files": [
        { "name": "guess.cpp", "content": include_str!("judges/guess.cpp") },
        { "name": "testlib.h", "content": TESTLIB },
    ] })
}

fn python() -> Value {
    json!({ "language": "python", "code": include_str!("judges/guess.py") })
}

/// Returns the request for a game of 20 guesses.
fn game(language: &str, code: &str, interactor: Value) -> Value {
    json!({ "language": language, "code": code, "interactor": interactor, "stdin": "77 20\n",
        "limits": { "wall_ms": 4000 }, "transcript": true })
}

const PYTHON_RIGHT: &str = "\
import sys
assert input() == 'guess'
low, high = 1, 1000
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    answer = input()
    if answer == '=': break
    if answer == '<': low = middle + 1
    else: high = middle - 1
";

const CPP_RIGHT: &str = "\
#include <iostream>
#include <string>
int main() {
    std::string answer;
    std::cin >> answer;
    for (int low = 1, high = 1000;;) {
        int middle = (low + high) / 2;
        std::cout << middle << std::endl;
        std::cin >> answer;
        if (answer == \"=\") return 0;
        if (answer == \"<\") low = middle + 1; else high = middle - 1;
    }
}";

const JAVA_RIGHT: &str = "\
import java.util.Scanner;
class Main { public static void main(String[] a) {
    Scanner in = new Scanner(System.in);
    in.nextLine();
    for (int low = 1, high = 1000;;) {
        int middle = (low + high) / 2;
        System.out.println(middle);
        String answer = in.nextLine();
        if (answer.equals(\"=\")) return;
        if (answer.equals(\"<\")) low = middle + 1; else high = middle - 1;
    }
} }";

#[tokio::test]
async fn right_solutions_are_accepted_in_every_language() {
    let daemons = start().await;
    for (language, code, interactor) in
        [("python", PYTHON_RIGHT, cpp()), ("cpp", CPP_RIGHT, python()), ("java", JAVA_RIGHT, cpp())]
    {
        let answer = daemons.execute(&game(language, code, interactor)).await;
        assert_eq!((&answer["verdict"], &answer["status"]), (&json!("accepted"), &json!("ok")), "{answer:#}");
        assert_eq!(answer["verdict_message"], "6 guesses");
        let transcript = answer["transcript"].as_array().unwrap();
        let lines: Vec<_> = transcript.iter().map(|entry| (&entry["from"], &entry["data"])).collect();
        assert_eq!(lines[0], (&json!("interactor"), &json!("guess\n")));
        assert_eq!(lines[1], (&json!("solution"), &json!("500\n")));
        assert_eq!(lines[2], (&json!("interactor"), &json!(">\n")));
        assert_eq!(*lines.last().unwrap(), (&json!("interactor"), &json!("=\n")));
        assert_eq!(transcript.len(), 13);
        assert_eq!(answer["transcript_truncated"], false);
    }
}

#[tokio::test]
async fn whoever_fails_first_is_to_blame() {
    let daemons = start().await;
    let cases = [
        ("guesses too often", "input()\nwhile True:\n    print(1, flush=True)\n    input()", "wrong_answer"),
        ("writes no number", "input()\nprint('x', flush=True)\ninput()", "presentation_error"),
        ("ends without an answer", "input()", "presentation_error"),
        ("crashes", "input()\nraise Exception", "runtime_error"),
        (
            "does not flush",
            "import sys\nwhile True:\n    sys.stdin.readline()\n    print(1)",
            "time_limit_exceeded",
        ),
        ("waits for more than there is", "while True: input()", "time_limit_exceeded"),
        ("computes without end", "while True: pass", "time_limit_exceeded"),
        (
            "ignores the end",
            "import time\ninput()\nprint('x', flush=True)\ntime.sleep(60)",
            "presentation_error",
        ),
        ("floods", "while True: print(1)", "wrong_answer"),
        (
            "is right and crashes then",
            "input()\nprint(77, flush=True)\ninput()\nraise Exception",
            "runtime_error",
        ),
        (
            "is right and never ends",
            "input()\nprint(77, flush=True)\nimport time\ntime.sleep(60)",
            "time_limit_exceeded",
        ),
    ];
    for interactor in [cpp(), python()] {
        for (name, code, verdict) in &cases {
            let started = Instant::now();
            let mut body = game("python", code, interactor.clone());
            body["limits"] = json!({ "wall_ms": 2500, "cpu_ms": 1000 });
            let answer = daemons.execute(&body).await;
            assert_eq!(answer["verdict"], *verdict, "{name}: {answer:#}");
            assert!(started.elapsed() < Duration::from_secs(30), "{name}");
            if ["does not flush", "waits for more than there is"].contains(name) {
                let message = answer["verdict_message"].as_str().unwrap_or_default();
                assert!(message.starts_with("idleness limit exceeded"), "{name}: {message}");
            }
        }
    }
    // The last cleanup may still be active.
    assert!(e2e::daemons::eventually(|| async { daemons.status().await.running == 0 }).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0, "{}", daemons.logs());
}

#[tokio::test]
async fn an_interactor_that_fails_is_a_judge_error() {
    let daemons = start().await;
    let solution = "import sys\nfor line in sys.stdin: pass";
    for (code, limits, message) in [
        ("import os; os.abort()", json!({}), "the interactor was killed by signal 6"),
        ("import sys; sys.exit(3)", json!({}), "the interactor reported a failure"),
        ("while True: pass", json!({ "cpu_ms": 300 }), "the interactor exceeded its CPU time limit of 0.3 s"),
        ("while True: print('x' * 65536)", json!({}), "the interactor exceeded its output limit of 1 MiB"),
    ] {
        let interactor = json!({ "language": "python", "code": code, "limits": limits });
        let answer = daemons.execute(&game("python", solution, interactor)).await;
        assert_eq!(
            (&answer["verdict"], &answer["verdict_message"]),
            (&json!("judge_error"), &json!(message))
        );
    }
    // It ends without reading, and the solution, which still writes, is neither killed nor blocked by that.
    let code = "import sys\nsys.exit(0)";
    let interactor = json!({ "language": "python", "code": code });
    let solution = "for i in range(10000): print('x' * 50)";
    let answer = daemons.execute(&game("python", solution, interactor)).await;
    assert_eq!((&answer["verdict"], &answer["status"]), (&json!("accepted"), &json!("ok")), "{answer:#}");
}

#[tokio::test]
async fn several_runs_have_dialogues_of_their_own() {
    let daemons = start().await;
    let mut body = game("python", PYTHON_RIGHT, cpp());
    body.as_object_mut().unwrap().remove("stdin");
    let runs = [
        json!({ "stdin": "1 10" }),
        json!({ "stdin": "500 1" }),
        json!({ "stdin": "77 3" }),
        json!({ "stdin": "500 1" }),
    ];
    body["runs"] = json!(runs);
    body["stop_on"] = json!("first_failure");
    let answer = daemons.execute(&body).await;
    let verdicts: Vec<_> = answer["runs"].as_array().unwrap().iter().map(|run| &run["verdict"]).collect();
    assert_eq!(verdicts, ["accepted", "accepted", "wrong_answer", "skipped"], "{answer:#}");
}

#[tokio::test]
async fn attacks_from_either_side_leave_nothing() {
    let daemons = start().await;
    // Marks that an inventory finds.
    let bomb = "import os, time\nfor _ in range(1000):\n    try:\n        if os.fork() == 0:\n            os.setsid()\n            os.execvp('sleep', ['sleep', '600'])\n    except OSError: pass\nprint('x', flush=True)";
    let flood = "import os\nwhile True: os.write(1, b'x' * 65536)";
    let looks = "import os, sys\n\
        found = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) > 3]\n\
        files = [f for f in os.listdir('/box') if f in ('judge', 'spy.py')]\n\
        ends = [os.readlink(f'/proc/self/fd/{fd}') for fd in (0, 1)]\n\
        print(len(files), flush=True)";
    for (solution, interactor) in [
        (bomb, "input()"),
        ("input()", bomb),
        (bomb, bomb),
        (flood, flood),
        (looks, "input()"),
        (flood, "import time; time.sleep(60)"),
    ] {
        let interactor = json!({ "language": "python", "code": interactor, "limits": { "wall_ms": 3000, "cpu_ms": 2000 } });
        let mut body = game("python", solution, interactor);
        body["limits"] = json!({ "wall_ms": 2000, "cpu_ms": 1000 });
        let answer = daemons.execute(&body).await;
        assert!(answer["verdict"].is_string(), "{answer:#}");
        if solution == looks {
            assert_eq!(
                answer["stdout"], "0\n",
                "nothing of the interactor is in the sandbox of the solution"
            );
        }
    }
    let idle = || async { daemons.status().await.running == 0 };
    assert!(e2e::daemons::eventually(idle).await);
    let sleeping = || async {
        let processes = inventory::processes(&daemons.uids).expect("/proc is readable");
        !processes.iter().any(|process| process.name == "sleep")
    };
    assert!(e2e::daemons::eventually(sleeping).await, "{}", daemons.logs());
    assert_eq!(daemons.status().await.quarantined_uids, 0, "{}", daemons.logs());
}

#[tokio::test]
async fn a_client_that_disconnects_ends_both_programs() {
    let daemons = start().await;
    let wait = "import os\nos.execvp('sleep', ['sleep', '600'])";
    let interactor = json!({ "language": "python", "code": wait });
    let body = game("python", wait, interactor);
    let request = daemons.execute(&body);
    let sleeping = || {
        let processes = inventory::processes(&daemons.uids).expect("/proc is readable");
        processes.iter().filter(|process| process.name == "sleep").count()
    };
    tokio::select! {
        answer = request => panic!("{answer:#}"),
        both = e2e::daemons::eventually(|| async { sleeping() == 2 }) => assert!(both),
    }
    assert!(e2e::daemons::eventually(|| async { sleeping() == 0 }).await, "{}", daemons.logs());
    assert!(e2e::daemons::eventually(|| async { daemons.status().await.running == 0 }).await);
}
