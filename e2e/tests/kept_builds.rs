//! Programs that are kept for later requests: one compilation for many runs, for their client alone, within bounds.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::daemons::{Daemons, Settings, eventually};
use e2e::socket::{Execution, Received, program};
use futures_util::future::join_all;
use protocol::{BuildId, Event, ExecuteRequest, Rejection, RunRequest, Stdin};
use serde_json::{Value, json};

/// Prints the time at which it was compiled, and its input.
const PROGRAM: &str = "#include <iostream>\nint main() { std::string s; std::getline(std::cin, s);\n\
    std::cout << __TIME__ << ' ' << s << std::endl; }";

async fn start(more: &str) -> Daemons {
    let settings = Settings { slots: 2, more: more.to_owned(), ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

fn kept(language: &str, code: &str) -> Value {
    json!({ "language": language, "code": code, "stdin": "first", "keep": "60s" })
}

fn id(answer: &Value) -> String {
    answer["build"].as_str().unwrap_or_else(|| unreachable!("not kept: {answer}")).to_owned()
}

async fn status_of(daemons: &Daemons, build: &str) -> (u16, Value) {
    let answer = daemons.post(&json!({ "build": build })).await.expect("an answer");
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_kept_program_runs_again_without_a_compilation() {
    let daemons = start("").await;
    for (language, code) in [("cpp", PROGRAM), ("python", "print('00:00:00', input())")] {
        let first = daemons.execute(&kept(language, code)).await;
        let (build, stdout) = (id(&first), first["stdout"].as_str().expect("text").to_owned());
        assert_eq!(build.len(), 64);
        let request = |input: &str| json!({ "build": build, "stdin": input });
        let requests: Vec<_> = (0..6).map(|number| request(&number.to_string())).collect();
        // At the same time too.
        let answers = join_all(requests.iter().map(|request| daemons.execute(request))).await;
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(answer["stdout"], stdout.replace("first", &number.to_string()), "{answer}");
            assert_eq!(answer["compile"].is_null(), language == "python");
            assert_eq!(answer["build"], Value::Null);
            if language == "cpp" {
                assert_eq!(answer["compile"]["usage"]["wall_ms"], 0.0, "{answer}");
            }
        }
        let many =
            daemons.execute(&json!({ "build": build, "runs": [{"stdin": "a"}, {"stdin": "b"}] })).await;
        assert_eq!(many["runs"][1]["stdout"], stdout.replace("first", "b"), "{many}");
    }
}

#[tokio::test]
async fn unknown_expired_and_foreign_ids_are_not_found() {
    let daemons = start("[kept_builds]\nage = \"2s\"").await;
    let build = id(&daemons.execute(&kept("python", "input(); import time; time.sleep(0)")).await);
    let message = json!("build not found or expired");
    let (status, unknown) = status_of(&daemons, &"0".repeat(64)).await;
    assert_eq!((status, &unknown["error"], &unknown["code"]), (404, &message, &json!("not_found")));

    let request = |client: &str| ExecuteRequest {
        build: build.parse().ok(),
        runs: vec![RunRequest::default()],
        client: Some(client.to_owned()),
        ..ExecuteRequest::default()
    };
    let execution = Execution::begin(&daemons.socket(), request("somebody else")).await.expect("it listens");
    let received = execution.end().await.expect("an answer");
    assert_eq!(received.last, Some(Event::Rejected(Rejection::BuildNotFound)));

    // A run that began before goes on when the program expires.
    let slow = json!({ "language": "bash", "code": "sleep $1; echo done", "args": ["0"], "keep": "60s" });
    let slow = id(&daemons.execute(&slow).await);
    let answer = daemons.execute(&json!({ "build": slow, "args": ["3"] })).await;
    assert_eq!(answer["stdout"], "done\n", "{answer}");
    for expired in [&build, &slow] {
        let (status, answer) = status_of(&daemons, expired).await;
        assert_eq!((status, answer["error"].clone()), (404, message.clone()));
    }
}

#[tokio::test]
async fn a_client_has_a_bounded_number_of_programs() {
    let daemons = start("[kept_builds]\nmax_per_client = 2\nmax = 3").await;
    let of = |client: &'static str| {
        let socket = daemons.socket();
        async move {
            let request = ExecuteRequest {
                client: Some(client.to_owned()),
                keep: Some(Duration::from_secs(60)),
                ..program("c", "int main() {}")
            };
            let received = Execution::begin(&socket, request).await.expect("it listens").end().await;
            received.expect("an answer").kept.expect("the program is kept")
        }
    };
    let is_kept = |client: &'static str, build: BuildId| {
        let socket = daemons.socket();
        async move {
            let request = ExecuteRequest {
                client: Some(client.to_owned()),
                build: Some(build),
                runs: vec![RunRequest { stdin: Stdin::default(), ..RunRequest::default() }],
                ..ExecuteRequest::default()
            };
            let execution = Execution::begin(&socket, request).await.expect("it listens");
            let Received { last, .. } = execution.end().await.expect("an answer");
            matches!(last, Some(Event::Finished(_)))
        }
    };
    let neighbour = of("neighbour").await;
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(of("client").await);
    }
    let mut kept = Vec::new();
    for build in own {
        kept.push(is_kept("client", build).await);
    }
    assert_eq!(kept, [false, true, true]);
    assert!(is_kept("neighbour", neighbour).await);
}

#[tokio::test]
async fn a_failed_compilation_and_a_cancelled_execution_are_not_kept() {
    let daemons = start("").await;
    let answer = daemons.execute(&kept("c", "no program")).await;
    assert_eq!((&answer["status"], &answer["build"]), (&json!("compile_error"), &Value::Null));
    let answer = daemons.execute(&kept("c", "int main() { return 3; }")).await;
    assert_eq!((answer["exit_code"].clone(), answer["build"].is_string()), (json!(3), true));
    let refused = daemons.post(&json!({ "build": id(&answer), "code": "x" })).await.expect("an answer");
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn kept_programs_end_with_the_daemon() {
    let mut daemons = start("").await;
    let build = id(&daemons.execute(&kept("cpp", PROGRAM)).await);
    daemons.restart_executord().await.expect("it starts");
    assert!(eventually(|| async { daemons.try_status().await.is_ok() }).await);
    assert_eq!(status_of(&daemons, &build).await.0, 404);
}
