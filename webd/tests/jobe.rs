//! The API of Jobe against a scripted daemon.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use protocol::{Event, ExecuteRequest, Outcome, Rejection, StageName, Status, StreamName};
use serde_json::{Value, json};
use support::{
    Answer, Observation, Step, TestServer, hello, id, one_run, output_of, report, send_all, server_with,
    start_server, started,
};

const BASE: &str = "/jobe/index.php/restapi";
const JSON: &str = "Content-Type: application/json; charset=utf-8";
const HELLO: &str = r#"{"run_spec":{"sourcecode":"print('hi')","language_id":"python3"}}"#;

/// Returns the next request of the daemon.
async fn observe_run(server: &mut TestServer) -> ExecuteRequest {
    match server.observe().await {
        Observation::Request(request) => *request,
        other => panic!("{other:?}"),
    }
}

async fn send(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    server.request(method, &format!("{BASE}/{path}"), &[JSON], body.as_bytes()).await
}

#[tokio::test]
async fn a_run_has_a_result_whatever_the_program_did() {
    let mut server = start_server(|_| hello()).await;
    for path in ["runs", "runs/"] {
        let answer = send(&server, "POST", path, HELLO).await;
        assert_eq!(answer.status, 200);
        let result = json!({"run_id": null, "outcome": 15, "cmpinfo": "", "stdout": "hi\n", "stderr": ""});
        assert_eq!(answer.json(), result);
    }
    let request = observe_run(&mut server).await;
    assert_eq!((request.language.as_str(), request.files[0].path.as_deref()), ("python", Some("prog.py")));
    assert_eq!(request.limits.cpu_time, Some(Duration::from_secs(5)));
    assert!(request.toolchain.check, "the syntax of Python is checked, by the same execution");

    let exited = |stdout: &'static [u8]| send_all(one_run(stdout, Status::Exited(1)));
    let server = start_server(move |_| exited(b"\xff")).await;
    let result = send(&server, "POST", "runs", HELLO).await.json();
    assert_eq!((&result["outcome"], &result["stdout"]), (&json!(15), &json!("\\xff")));

    let failed = report(StageName::Compile, Status::Exited(1));
    let events = vec![
        started(),
        Event::StageStarted(StageName::Compile),
        output_of(StageName::Compile, StreamName::Stderr, b"File \"prog.py\", line 1"),
        Event::StageFinished(failed.clone()),
        Event::Finished(Outcome { id: id(), compile: Some(failed), ..Outcome::default() }),
    ];
    let server = start_server(move |_| send_all(events.clone())).await;
    let result = send(&server, "POST", "runs", HELLO).await.json();
    let message = json!("File \"prog.py\", line 1");
    assert_eq!(
        (&result["outcome"], &result["cmpinfo"], &result["stdout"]),
        (&json!(11), &message, &json!(""))
    );

    let server = start_server(|_| send_all(vec![Event::Failed { id: id(), message: "no".to_owned() }])).await;
    assert_eq!(send(&server, "POST", "runs", HELLO).await.json()["outcome"], 20);
}

#[tokio::test]
async fn an_overload_is_a_result_after_a_while() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    // The first attempt finds a full queue, the second one a free slot.
    let server = start_server(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => send_all(vec![Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(1) })]),
        _ => hello(),
    })
    .await;
    assert_eq!(send(&server, "POST", "runs", HELLO).await.json()["outcome"], 15);
    assert_eq!(attempts.load(Ordering::Relaxed), 2);

    let queued = || vec![Step::Send(Event::Queued { position: 9 }), Step::WaitForDisconnect];
    let mut server = start_server(move |_| queued()).await;
    let answer = send(&server, "POST", "runs", HELLO).await;
    let overload = json!({"run_id": null, "outcome": 21, "cmpinfo": "", "stdout": "", "stderr": ""});
    assert_eq!((answer.status, answer.json()), (200, overload.clone()));
    assert!(matches!(server.observe().await, Observation::Request(_)));
    assert_eq!(server.observe().await, Observation::Disconnect);

    let test = HELLO.replace("print('hi')", "!** TESTING OVERLOAD EXCEPTION **!");
    assert_eq!(send(&server, "POST", "runs", &test).await.json(), overload);
}

#[tokio::test]
async fn every_error_is_a_text() {
    let server = start_server(|_| hello()).await;
    for (method, path, body, status, text) in [
        ("POST", "runs", "{}", 400, "runs_post: no run_spec parameter"),
        (
            "POST",
            "runs",
            r#"{"run_spec":{"sourcecode":"","language_id":"x"}}"#,
            400,
            "Language 'x' is not known",
        ),
        ("GET", "runs", "", 404, ""),
        ("GET", "nowhere", "", 404, ""),
        ("GET", "files/abcdefgh1", "", 404, ""),
        ("DELETE", "languages", "", 404, ""),
        ("PUT", "files/abcdefgh1", "{}", 400, "put: missing file_contents parameter"),
        (
            "PUT",
            "files/abcdefgh1",
            r#"{"file_contents":"*"}"#,
            400,
            "put: contents of file abcdefgh1 are not valid base-64",
        ),
    ] {
        let answer = send(&server, method, path, body).await;
        assert_eq!((answer.status, answer.json()), (status, json!(text)), "{method} {path} {body}");
    }
    for path in ["/jobe", "/jobe/", "/jobe/index.php"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.json()), (404, json!("")), "{path}");
    }
    let short = r#"{"file_contents":""}"#;
    assert!(send(&server, "PUT", "files/short", short).await.json().is_string());
    let gone = start_server(|_| vec![Step::Disconnect]).await;
    let answer = send(&gone, "POST", "runs", HELLO).await;
    assert!(answer.status == 503 && answer.json().is_string(), "{answer:?}");
    let invalid =
        start_server(|_| send_all(vec![Event::Rejected(Rejection::Invalid("no".to_owned()))])).await;
    let answer = send(&invalid, "POST", "runs", HELLO).await;
    assert_eq!((answer.status, answer.json()), (400, json!("no")));
}

#[tokio::test]
async fn arguments_of_the_interpreter_must_be_allowed() {
    let mut server = start_server(|_| hello()).await;
    let with = |arguments: &str| HELLO.replace("}}", &format!(r#","parameters":{arguments}}}}}"#));
    let allowed = with(r#"{"interpreterargs":["-B -E"],"compileargs":["-O9"]}"#);
    assert_eq!(send(&server, "POST", "runs", &allowed).await.status, 200);
    let request = observe_run(&mut server).await;
    assert_eq!(request.toolchain.interpreter_args, ["-B", "-E"]);
    assert_eq!(request.toolchain.compiler_args, [""; 0]);
    for word in ["-c", "@x", "main.py", "-BX", "--require=x"] {
        let answer =
            send(&server, "POST", "runs", &with(&format!(r#"{{"interpreterargs":["-B {word}"]}}"#))).await;
        let message = format!("parameter interpreterargs: {word} is not supported by this server");
        assert_eq!((answer.status, answer.json()), (400, json!(message)));
    }
}

#[tokio::test]
async fn files_are_kept_for_the_runs_that_use_them() {
    let mut server = start_server(|_| hello()).await;
    let run =
        r#"{"run_spec":{"sourcecode":"","language_id":"python3","file_list":[["abcdefgh1","a.txt",true]]}}"#;
    let answer = send(&server, "POST", "runs", run).await;
    let missing = json!("One or more of the specified files is missing/unavailable");
    assert_eq!((answer.status, answer.json()), (404, missing));
    assert_eq!(send(&server, "HEAD", "files/abcdefgh1", "").await.status, 404);
    let answer = send(&server, "PUT", "files/abcdefgh1", r#"{"file_contents":"AP8=\n"}"#).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let answer = send(&server, "HEAD", "files/abcdefgh1", "").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(send(&server, "POST", "runs", run).await.status, 200);
    let request = observe_run(&mut server).await;
    let file = &request.files[1];
    assert_eq!((file.path.as_deref(), &file.content[..]), (Some("a.txt"), &b"\x00\xff"[..]));
}

#[tokio::test]
async fn a_file_belongs_to_its_client_and_is_bounded() {
    let trust = |config: &mut webd::Config| {
        config.trusted_proxies = vec!["127.0.0.1".to_owned().try_into().unwrap()];
        config.jobe.max_files = protocol::ByteCount::kib(64);
    };
    let server = server_with(trust, |_| hello()).await;
    let path = format!("{BASE}/files/abcdefgh1");
    let body = br#"{"file_contents":"AA=="}"#;
    let (first, second) = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2");
    assert_eq!(server.request("PUT", &path, &[JSON, first], body).await.status, 204);
    assert_eq!(server.request("HEAD", &path, &[first], b"").await.status, 204);
    assert_eq!(server.request("HEAD", &path, &[second], b"").await.status, 404);
    let large = format!("{{\"file_contents\":\"{}\"}}", "A".repeat(64 * 1024));
    let answer = server.request("PUT", &path, &[JSON, second], large.as_bytes()).await;
    assert!(answer.status == 413 && answer.json().is_string(), "{answer:?}");
}

#[tokio::test]
async fn languages_are_pairs_and_options_have_no_content() {
    let server = start_server(|_| hello()).await;
    for path in ["languages", "languages/"] {
        assert_eq!(send(&server, "GET", path, "").await.json(), json!([["python3", "3.11.2"]]));
    }
    for path in ["languages", "runs", "files/abcdefgh1"] {
        let answer = send(&server, "OPTIONS", path, "").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
    }
    let disabled = server_with(|config| config.jobe.enabled = false, |_| hello()).await;
    let answer = send(&disabled, "GET", "languages", "").await;
    assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn pages_of_other_origins_cannot_run_programs() {
    let server = start_server(|_| hello()).await;
    let path = format!("{BASE}/runs");
    let evil = "Origin: https://evil.example";
    for kind in ["Content-Type: text/plain", "Accept: */*"] {
        let answer = server.request("POST", &path, &[kind, evil], HELLO.as_bytes()).await;
        assert!(answer.status == 403 && matches!(answer.json(), Value::String(_)), "{answer:?}");
        assert_eq!(server.request("POST", &path, &[kind], HELLO.as_bytes()).await.status, 200);
    }
}
