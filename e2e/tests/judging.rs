//! Verdicts through every way to run a program: the command line, live events, and sessions.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::daemons::{Daemons, Settings, binary};
use e2e::session::Session;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TESTLIB: &str = include_str!("judges/testlib.h");
const SUM: &str = include_str!("judges/sum.cpp");
const GUESS: &str = include_str!("judges/guess.py");
/// Finds a number with a search that halves the interval.
const HALVES: &str = "input()\nlow, high = 1, 1000\nwhile True:\n    middle = (low + high) // 2\n    print(middle, flush=True)\n    \
                      answer = input()\n    if answer == '=': break\n    if answer == '<': low = middle + 1\n    else: high = middle - 1\n";

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

/// Runs `executor run` in a directory, with this stdin.
fn run(
    daemons: &Daemons,
    directory: &Path,
    arguments: &[&str],
    stdin: &str,
) -> (Option<i32>, String, String) {
    std::fs::write(directory.join("stdin"), stdin).expect("a writable directory");
    let input = std::fs::File::open(directory.join("stdin")).expect("a file");
    let Output { status, stdout, stderr } = Command::new(binary("executor").expect("the binary is built"))
        .current_dir(directory)
        .arg("--socket")
        .arg(daemons.socket())
        .arg("run")
        .args(arguments)
        .stdin(Stdio::from(input))
        .output()
        .expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_command_line_judges() {
    let daemons = start().await;
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("square.py", "n = int(input())\nprint(n * n)"),
        ("16.txt", "16\n"),
        ("17.txt", "16.4\n"),
        ("split.py", "n = int(input())\nprint(n - 2, 2)"),
        ("any.txt", "any"),
        ("check.cpp", SUM),
        ("testlib.h", TESTLIB),
        ("halves.py", HALVES),
        ("guess.py", GUESS),
    ] {
        std::fs::write(directory.path().join(name), text).expect("a writable directory");
    }
    let run = |arguments: &[&str], stdin: &str| run(&daemons, directory.path(), arguments, stdin);
    let check = |arguments: &[&str], stdin: &str, code: i32, stdout: &str, stderr: &str| {
        assert_eq!(
            run(arguments, stdin),
            (Some(code), stdout.to_owned(), stderr.to_owned()),
            "{arguments:?}"
        );
    };
    check(&["--expect", "16.txt", "square.py"], "4", 0, "16\n", "executor: accepted\n");
    let difference = "executor: wrong answer\nexecutor: line 1, column 1: expected \"16\", got \"25\"\n";
    check(&["--expect", "16.txt", "square.py"], "-5", 3, "25\n", difference);
    check(
        &["--expect", "17.txt", "--compare", "float=0.1", "square.py"],
        "4",
        0,
        "16\n",
        "executor: accepted\n",
    );
    let checked = ["--checker", "check.cpp", "--judge-file", "testlib.h", "--expect", "any.txt"];
    let with = |program: &'static str| [&checked[..], &[program]].concat();
    check(&with("split.py"), "9", 0, "7 2\n", "executor: accepted: 7 + 2\n");
    check(&with("square.py"), "9", 3, "81\n", "executor: presentation error: no b\n");
    let (code, stdout, stderr) = run(&["--interactor", "guess.py", "--transcript", "halves.py"], "500 3\n");
    assert_eq!((code, &*stdout), (Some(0), "500\n"), "{stderr}");
    assert_eq!(stderr, "executor: > guess\nexecutor: < 500\nexecutor: > =\nexecutor: accepted: 1 guesses\n");

    let (code, stdout, _) = run(&["--json", "--interactor", "guess.py", "halves.py"], "77 2\n");
    let json: Value = serde_json::from_str(&stdout).expect("JSON");
    // The solution fails because the interactor has ended, and its exit status is that of the command.
    assert_eq!((code, &json["verdict"]), (Some(1), &json!("wrong_answer")), "{json}");
    assert_eq!(json["summary"], json!({ "counts": { "wrong_answer": 1 }, "first_failed": 0 }));
}

/// Returns a request of three runs with a checker, of which the second one is wrong.
fn three_runs() -> Value {
    let run = |stdin: &str| json!({ "stdin": stdin });
    let checker = "import sys\nright = open(sys.argv[1]).read() == open(sys.argv[2]).read()\n\
                   print('equal' if right else 'different', file=sys.stderr)\nsys.exit(not right)";
    json!({ "language": "python", "code": "print(input().replace('2', '3'))", "parallel": 1,
        "runs": [run("1\n"), run("2\n"), run("4\n")], "stop_on": "first_failure",
        "checker": { "language": "python", "code": checker } })
}

/// Verifies the events of [`three_runs`].
fn check_events(events: &[Value]) {
    let ended: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "stage_finished")
        .map(|event| (&event["run"], event["verdict"].as_str(), event["verdict_message"].as_str()))
        .collect();
    let expected = [
        (&json!(0), Some("accepted"), Some("equal")),
        (&json!(1), Some("wrong_answer"), Some("different")),
        (&json!(2), Some("skipped"), None),
    ];
    assert_eq!(ended, expected, "{events:#?}");
    let last = events.last().expect("events");
    assert_eq!((&last["type"], &last["verdict"]), (&json!("finished"), &json!("wrong_answer")), "{last}");
    let counts = json!({ "accepted": 1, "wrong_answer": 1, "skipped": 1 });
    assert_eq!(last["summary"], json!({ "counts": counts, "first_failed": 1 }));
    // The message of the checker is not output of the program.
    let output: String = events.iter().filter_map(|event| event["data"].as_str()).collect();
    assert_eq!(output, "1\n3\n");
}

#[tokio::test]
async fn live_events_have_the_verdict_of_each_run() {
    let daemons = start().await;
    let body = three_runs().to_string();
    let mut stream = TcpStream::connect(daemons.address()).await.expect("webd listens");
    let request = format!(
        "POST /api/execute HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("a response");
    let events: Vec<Value> = response.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    check_events(&events);
}

#[tokio::test]
async fn a_session_judges_one_execution_after_the_other() {
    let daemons = start().await;
    let mut session = Session::open(daemons.address()).await.expect("the session opens");
    let mut start = three_runs();
    start["type"] = json!("start");
    for _ in 0..2 {
        session.send(&start).await.expect("the message is sent");
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Value| event["type"] != "finished") {
            let event = session.event().await.expect("an event");
            assert_ne!(event["type"], "error", "{event}");
            events.push(event);
        }
        check_events(&events);
    }
    // Live input is compared with the expected output too.
    let live = json!({ "type": "start", "language": "python", "code": "print(input())", "expected_stdout": "typed" });
    session.send(&live).await.expect("the message is sent");
    session.type_in("typed\n").await.expect("the message is sent");
    let last = session.end().await.expect("the last event");
    assert_eq!((&last["type"], &last["verdict"]), (&json!("finished"), &json!("accepted")), "{last}");

    // A checker and an interactor need the whole input before.
    for judge in ["checker", "interactor"] {
        let mut live = json!({ "type": "start", "language": "python", "code": "print(input())" });
        live[judge] = json!({ "language": "python", "code": "" });
        session.send(&live).await.expect("the message is sent");
        let last = session.end().await.expect("the last event");
        let message = format!("`{judge}` excludes live input: the request must have `stdin`");
        assert_eq!((&last["type"], &last["error"]), (&json!("error"), &json!(message)), "{last}");
        live["stdin"] = json!("500 1\n");
        live["code"] = json!(if judge == "checker" { "print(1)" } else { HALVES });
        live[judge]["code"] = json!(if judge == "checker" { "" } else { GUESS });
        live["transcript"] = json!((judge == "interactor").then_some(true));
        session.send(&live).await.expect("the message is sent");
        let last = session.end().await.expect("the last event");
        assert_eq!((&last["type"], &last["verdict"]), (&json!("finished"), &json!("accepted")), "{last}");
        assert_eq!(last["transcript"].is_array(), judge == "interactor", "{last}");
    }
}

#[tokio::test]
async fn a_kept_program_is_judged_like_a_new_one() {
    let daemons = start().await;
    let code = "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << (n > 100 ? 1 : n - 2) << ' ' << 2; }";
    let kept =
        daemons.execute(&json!({ "language": "cpp", "code": code, "stdin": "1", "keep": "60s" })).await;
    let checker = json!({ "language": "c++17", "files": [
        { "name": "check.cpp", "content": SUM }, { "name": "testlib.h", "content": TESTLIB },
    ] });
    let run = |stdin: &str| json!({ "stdin": stdin, "expected_stdout": "any" });
    let runs = [run("9"), run("200"), run("10")];
    for compact in [false, true] {
        let request = json!({ "build": kept["build"], "runs": runs, "checker": checker, "compact": compact });
        let answer = daemons.execute(&request).await;
        let judged: Vec<_> = answer["runs"]
            .as_array()
            .expect("runs")
            .iter()
            .map(|run| (run["verdict"].as_str(), run["verdict_message"].as_str()))
            .collect();
        let expected = [
            (Some("accepted"), Some("7 + 2")),
            (Some("wrong_answer"), Some("1 + 2 is not 200")),
            (Some("accepted"), Some("8 + 2")),
        ];
        assert_eq!(judged, expected, "{answer}");
        assert_eq!(
            (&answer["verdict"], &answer["compile"]["start"]),
            (&json!("wrong_answer"), &json!("cached"))
        );
    }
    // Several requests may judge it at the same time, each in its own way.
    let compared = json!({ "build": kept["build"], "stdin": "5", "expected_stdout": "3 2" });
    let checked =
        json!({ "build": kept["build"], "runs": runs, "checker": checker, "stop_on": "first_failure" });
    let (compared, checked) = tokio::join!(daemons.execute(&compared), daemons.execute(&checked));
    assert_eq!(compared["verdict"], "accepted", "{compared}");
    assert_eq!(checked["runs"][2]["verdict"], "skipped", "{checked}");
}
