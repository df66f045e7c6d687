//! The API of Judge0 against a scripted daemon.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keys::{ApiKey, KeyEntry, KeyFile};
use protocol::{ByteCount, Event, Outcome, Rejection, StageName, Status, Stdin, StreamName};
use serde_json::{Value, json};
use support::{
    Answer, Observation, Step, TIMEOUT, TestServer, hello, id, one_run, output_of, report, send_all,
    server_with, start_server, started,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use webd::CallbackHost;

const JSON: &str = "Content-Type: application/json";
const HELLO: &str = r#"{"source_code":"print('hi')","language_id":71}"#;

async fn post(server: &TestServer, path: &str, body: &str) -> Answer {
    server.request("POST", &format!("/judge0/{path}"), &[JSON], body.as_bytes()).await
}

async fn get(server: &TestServer, path: &str) -> Answer {
    server.get(&format!("/judge0/{path}")).await
}

/// Waits until the submission is finished, and returns the answer.
async fn finished(server: &TestServer, token: &str, query: &str) -> Value {
    let poll = async {
        loop {
            let answer = get(server, &format!("submissions/{token}?{query}")).await.json();
            if answer["status"]["id"].as_u64().unwrap() > 2 {
                return answer;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, poll).await.unwrap()
}

#[tokio::test]
async fn a_submission_is_fetched_by_its_token() {
    let mut server = start_server(|_| hello()).await;
    let created = post(&server, "submissions/", HELLO).await;
    assert_eq!(created.status, 201);
    let token = created.json()["token"].as_str().unwrap().to_owned();
    assert_eq!((created.json().as_object().unwrap().len(), token.len()), (1, 36));
    assert_eq!(token.as_bytes()[14], b'4', "a UUID of version 4");
    let expected = json!({
        "token": token, "time": "0.007", "memory": 5120, "stdout": "hi\n", "stderr": null,
        "compile_output": null, "message": null, "status": {"id": 3, "description": "Accepted"},
    });
    assert_eq!(finished(&server, &token, "").await, expected);
    let Observation::Request(request) = server.observe().await else { panic!("no request") };
    assert_eq!((request.language.as_str(), request.files[0].path.as_deref()), ("python", Some("script.py")));
    assert_eq!(request.runs[0].stdin, Stdin::Bytes("".into()));
    assert_eq!(request.limits.cpu_time, Some(Duration::from_secs(5)));
    assert_eq!(request.limits.wall_time, Some(Duration::from_secs(10)));
    assert_eq!(request.limits.memory, Some(ByteCount(128_000 * 1024)));
    assert_eq!(request.limits.output, Some(ByteCount(1024 * 1024)));

    let all = finished(&server, &token, "fields=*").await;
    assert_eq!(all.as_object().unwrap().len(), 35);
    assert_eq!(all["language"], json!({"id": 71, "name": "Python (3.11.2)"}));
    assert_eq!((&all["cpu_time_limit"], &all["wall_time"]), (&json!("5.0"), &json!("0.012")));
    assert_eq!((&all["exit_code"], &all["exit_signal"]), (&json!(0), &Value::Null));
    let date = all["finished_at"].as_str().unwrap();
    assert!(date.len() == 24 && date.ends_with('Z') && date.as_bytes()[19] == b'.', "{date}");

    for unknown in ["00000000-0000-4000-8000-000000000000", "x"] {
        let answer = get(&server, &format!("submissions/{unknown}")).await;
        assert_eq!((answer.status, answer.body.len()), (404, 0));
    }
    let accept = &["Accept: application/json"];
    let answer = server.request("GET", "/judge0/submissions/x", accept, b"").await;
    assert_eq!((answer.status, answer.json()), (404, json!({"status": 404, "error": "Not Found"})));
}

#[tokio::test]
async fn a_client_can_wait_for_the_result() {
    let server = start_server(|_| send_all(one_run(b"5 \n\n", Status::Exited(0)))).await;
    for (more, id) in [("", 3), (r#","expected_output":"5""#, 3), (r#","expected_output":"6""#, 4)] {
        let body = HELLO.replace('}', &format!("{more}}}"));
        let answer = post(&server, "submissions?wait=true", &body).await;
        assert_eq!((answer.status, answer.json()["status"]["id"].as_u64()), (201, Some(id)), "{more}");
    }
    let base64 = r#"{"source_code":"cHJpbnQoMSk=","language_id":"71","stdin":"MQ==","base64_encoded":true}"#;
    let answer =
        post(&server, "submissions?wait=true&fields=stdin,stdout,message,status_id", base64).await.json();
    assert_eq!(answer, json!({"stdin": "MQ==\n", "stdout": "NSAKCg==\n", "message": null, "status_id": 3}));

    let form = b"source_code=print%281%29&language_id=71&wait=true";
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let answer = server.request("POST", "/judge0/submissions", &[kind], form).await;
    assert_eq!((answer.status, answer.json()["status"]["id"].as_u64()), (201, Some(3)));
}

#[tokio::test]
async fn a_submission_in_the_queue_has_no_result_yet() {
    let server =
        start_server(|_| vec![Step::Send(Event::Queued { position: 1 }), Step::WaitForDisconnect]).await;
    let token = post(&server, "submissions", HELLO).await.json()["token"].as_str().unwrap().to_owned();
    let answer = get(&server, &format!("submissions/{token}")).await.json();
    assert!([1, 2].contains(&answer["status"]["id"].as_u64().unwrap()), "{answer}");
    for field in ["time", "memory", "stdout", "stderr", "compile_output", "message"] {
        assert_eq!(answer[field], Value::Null, "{field}");
    }
}

#[tokio::test]
async fn results_have_the_statuses_of_judge0() {
    let compile = |status: Status, output: &'static [u8]| {
        let compile = report(StageName::Compile, status);
        send_all(vec![
            started(),
            Event::StageStarted(StageName::Compile),
            output_of(StageName::Compile, StreamName::Stderr, output),
            Event::StageFinished(compile.clone()),
            Event::Finished(Outcome { id: id(), compile: Some(compile), runs: vec![], ..Outcome::default() }),
        ])
    };
    let wait = async |steps: Vec<Step>| {
        let server = start_server(move |_| steps.clone()).await;
        post(&server, "submissions?wait=true&fields=*", HELLO).await.json()
    };
    let error = wait(compile(Status::Exited(1), b"error")).await;
    assert_eq!((&error["status"]["id"], &error["compile_output"]), (&json!(6), &json!("error")));
    for field in ["stdout", "stderr", "time", "memory", "message", "exit_code"] {
        assert_eq!(error[field], Value::Null, "{field}");
    }
    let time = Duration::from_secs(1);
    let timed_out = Status::TimedOut { clock: protocol::Clock::Cpu, limit: time, used: time };
    let slow = wait(compile(timed_out, b"")).await;
    assert_eq!(slow["compile_output"], "Compilation time limit exceeded.");

    let nonzero = wait(send_all(one_run(b"\xff", Status::Exited(7)))).await;
    assert_eq!((&nonzero["status"]["id"], &nonzero["exit_code"]), (&json!(11), &json!(7)));
    assert_eq!(
        (&nonzero["message"], &nonzero["stdout"]),
        (&json!("Exited with error status 7"), &json!("\u{fffd}"))
    );
    let signal = wait(send_all(one_run(b"", Status::Signaled(11)))).await;
    assert_eq!(
        (&signal["status"]["id"], &signal["exit_signal"], &signal["stdout"]),
        (&json!(7), &json!(11), &Value::Null)
    );

    let failed = wait(send_all(vec![Event::Failed { id: id(), message: "no".to_owned() }])).await;
    assert_eq!((&failed["status"]["id"], &failed["message"]), (&json!(13), &json!("no")));
    let invalid = wait(send_all(vec![Event::Rejected(Rejection::Invalid("bad name".to_owned()))])).await;
    assert_eq!((&invalid["status"]["id"], &invalid["message"]), (&json!(13), &json!("bad name")));
}

#[tokio::test]
async fn runs_are_averaged_up_to_the_first_that_is_not_accepted() {
    let runs = |statuses: &[Status]| {
        let mut events = vec![started()];
        let reports: Vec<_> = (0..)
            .zip(statuses)
            .map(|(number, status)| report(StageName::Run(number), status.clone()))
            .collect();
        for one in &reports {
            events.push(Event::StageStarted(one.stage));
            events.push(output_of(one.stage, StreamName::Stdout, format!("{:?}", one.stage).as_bytes()));
            events.push(Event::StageFinished(one.clone()));
        }
        events.push(Event::Finished(Outcome {
            id: id(),
            compile: None,
            runs: reports,
            ..Outcome::default()
        }));
        send_all(events)
    };
    let steps = runs(&[Status::Exited(0), Status::Exited(2), Status::Exited(0)]);
    let mut server = start_server(move |_| steps.clone()).await;
    let body = HELLO.replace('}', r#","number_of_runs":3}"#);
    let answer = post(&server, "submissions?wait=true", &body).await.json();
    assert_eq!((&answer["status"]["id"], &answer["stdout"]), (&json!(11), &json!("Run(1)")));
    assert_eq!((&answer["time"], &answer["memory"]), (&json!("0.007"), &json!(5120)));
    let Observation::Request(request) = server.observe().await else { panic!("no request") };
    assert_eq!(request.runs.len(), 3);
}

#[tokio::test]
async fn a_full_queue_of_the_daemon_is_waited_for() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let server = start_server(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => send_all(vec![Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(1) })]),
        _ => hello(),
    })
    .await;
    let answer = post(&server, "submissions?wait=true", HELLO).await.json();
    assert_eq!((&answer["status"]["id"], attempts.load(Ordering::Relaxed)), (&json!(3), 2));
}

#[tokio::test]
async fn the_queue_is_bounded_for_each_client() {
    let server = start_server(|_| vec![Step::WaitForDisconnect]).await;
    for _ in 0..50 {
        assert_eq!(post(&server, "submissions", HELLO).await.status, 201);
    }
    let answer = post(&server, "submissions", HELLO).await;
    assert_eq!((answer.status, answer.json()), (503, json!({"error": "queue is full"})));
    let batch = format!(r#"{{"submissions":[{HELLO}]}}"#);
    assert_eq!(post(&server, "submissions/batch", &batch).await.status, 503);
}

#[tokio::test]
async fn mistakes_are_reported_as_judge0_does() {
    let server = start_server(|_| hello()).await;
    let answer = post(&server, "submissions", "{}").await;
    let errors = json!({
        "source_code": ["can't be blank"],
        "language_id": ["can't be blank", "language with id  doesn't exist"],
    });
    assert_eq!((answer.status, answer.json()), (422, errors));
    // Go is not available here.
    let go = post(&server, "submissions", r#"{"source_code":"x","language_id":60}"#).await.json();
    assert_eq!(go["language_id"], json!(["language with id 60 doesn't exist"]));
    let answer = post(&server, "submissions?fields=token,a,b", HELLO).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid fields: [a, b]"})));
    let answer = post(&server, "submissions", "{").await;
    assert!(answer.status == 400 && answer.json()["error"].is_string(), "{answer:?}");
    for (method, path) in [("GET", "nowhere"), ("PUT", "submissions"), ("GET", ""), ("POST", "languages")] {
        let answer = server.request(method, &format!("/judge0/{path}"), &[JSON], b"").await;
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{method} {path}");
    }
    let evil = "Origin: https://evil.example";
    let form = "Content-Type: application/x-www-form-urlencoded";
    let answer = server.request("POST", "/judge0/submissions", &[form, evil], b"language_id=71").await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn batches_keep_their_order() {
    let server = start_server(|_| hello()).await;
    let batch = format!(r#"{{"submissions":[{HELLO},{{}},{HELLO}]}}"#);
    let answer = post(&server, "submissions/batch?base64_encoded=false", &batch).await;
    let created = answer.json();
    assert_eq!((answer.status, created.as_array().unwrap().len()), (201, 3));
    assert_eq!(created[1]["source_code"], json!(["can't be blank"]));
    let (first, last) = (created[0]["token"].as_str().unwrap(), created[2]["token"].as_str().unwrap());
    finished(&server, first, "").await;
    finished(&server, last, "").await;
    let answer =
        get(&server, &format!("submissions/batch?tokens={last},x,{first}&fields=token,status_id")).await;
    let expected =
        json!({"submissions": [{"token": last, "status_id": 3}, null, {"token": first, "status_id": 3}]});
    assert_eq!((answer.status, answer.json()), (200, expected));

    let none = json!({"error": "there should be at least one submission in a batch"});
    for answer in [
        post(&server, "submissions/batch", "{}").await,
        post(&server, "submissions/batch", r#"{"submissions":[]}"#).await,
        get(&server, "submissions/batch").await,
    ] {
        assert_eq!((answer.status, answer.json()), (400, none.clone()));
    }
    let many = json!({"error": "number of submissions in a batch should be less than or equal to 20"});
    let long = format!(r#"{{"submissions":[{}]}}"#, vec!["{}"; 21].join(","));
    let answer = post(&server, "submissions/batch", &long).await;
    assert_eq!((answer.status, answer.json()), (400, many.clone()));
    let answer = get(&server, &format!("submissions/batch?tokens={}", vec!["x"; 21].join(","))).await;
    assert_eq!((answer.status, answer.json()), (400, many));
    assert_eq!(post(&server, "submissions/batch", r#"{"submissions":[{},{}]}"#).await.status, 422);
}

#[tokio::test]
async fn tokens_are_checked_if_they_are_configured() {
    let tokens = |config: &mut webd::Config| {
        config.judge0.auth_token = "former secret".to_owned();
        config.judge0.admin_token = "admin".to_owned();
        config.judge0.enable_delete = true;
    };
    let server = server_with(tokens, |_| hello()).await;
    let send = async |method: &str, path: &str, headers: &[&str], body: &str| {
        let headers = [&[JSON], headers].concat();
        server.request(method, &format!("/judge0/{path}"), &headers, body.as_bytes()).await
    };
    let (auth, user) = ("X-Auth-Token: secret", "X-Auth-User: admin");
    for (headers, path) in
        [(&[][..], "about"), (&["X-Auth-Token: no"], "languages"), (&[user], "submissions")]
    {
        let answer = send("GET", path, headers, "").await;
        assert_eq!((answer.status, answer.body.len()), (401, 0), "{path}");
    }
    assert_eq!(send("GET", "about", &[auth], "").await.status, 200);
    assert_eq!(send("GET", "about?X-Auth-Token=secret", &[], "").await.status, 200);
    assert_eq!(send("POST", "authenticate", &[auth], "").await.status, 200);
    assert_eq!(send("POST", "authorize", &[auth, user], "").await.status, 200);
    // A client may ask about the token of an administrator first.
    assert_eq!(send("POST", "authorize?X-Auth-User=admin", &[], "").await.status, 200);
    assert_eq!(send("POST", "authorize", &["X-Auth-Token: no", user], "").await.status, 401);
    assert_eq!(send("POST", "authorize", &["X-Auth-User: no"], "").await.status, 401);
    let token = send("POST", "submissions?wait=true", &[auth], HELLO).await.json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    for (method, path) in
        [("POST", "authorize"), ("GET", "submissions"), ("DELETE", &*format!("submissions/{token}"))]
    {
        let answer = send(method, path, &[auth], "").await;
        assert_eq!((answer.status, answer.body.len()), (403, 0), "{method} {path}");
    }
    let list = send("GET", "submissions?per_page=1", &[auth, user], "").await.json();
    assert_eq!(list["submissions"][0]["token"], token);
    let meta =
        json!({"current_page": 1, "next_page": null, "prev_page": null, "total_pages": 1, "total_count": 1});
    assert_eq!(list["meta"], meta);
    let answer = send("GET", "submissions?page=0", &[auth, user], "").await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid page: 0"})));
    let deleted = send("DELETE", &format!("submissions/{token}"), &[auth, user], "").await;
    assert_eq!((deleted.status, &deleted.json()["stdout"]), (200, &json!("aGkK\n")));
    assert_eq!(send("GET", &format!("submissions/{token}"), &[auth], "").await.status, 404);

    // Without configuration every token is accepted, and nobody is an administrator.
    let server = start_server(|_| hello()).await;
    let answer = server.request("POST", "/judge0/authenticate", &["X-Auth-Token: any"], b"").await;
    assert_eq!(answer.status, 200);
    let answer = server.request("POST", "/judge0/authorize", &["X-Auth-User: "], b"").await;
    assert_eq!((answer.status, answer.body.len()), (403, 0));
}

#[tokio::test]
async fn a_result_belongs_to_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = KeyFile::default();
    let [alice, bob] = ["alice", "bob"].map(|name| {
        let key = ApiKey::generate().unwrap();
        file.keys.insert(name.parse().unwrap(), KeyEntry { hash: Some(key.hash()), ..KeyEntry::default() });
        format!("X-Auth-Token: {}", key.text())
    });
    let path = directory.path().join("keys.toml");
    std::fs::write(&path, file.text().unwrap()).unwrap();
    let configure = |config: &mut webd::Config| {
        config.keys.file = path;
        config.judge0.admin_token = "admin".to_owned();
    };
    let server = server_with(configure, |_| hello()).await;
    let get = async |headers: &[&str], path: &str| {
        server.request("GET", &format!("/judge0/submissions{path}"), headers, b"").await
    };
    let created =
        server.request("POST", "/judge0/submissions?wait=true", &[JSON, &alice], HELLO.as_bytes()).await;
    let token = created.json()["token"].as_str().unwrap().to_owned();
    let (one, batch) = (format!("/{token}"), format!("/batch?tokens={token}"));
    assert_eq!(get(&[&alice], &one).await.json()["stdout"], "hi\n");
    assert_eq!(get(&[&alice], &batch).await.json()["submissions"][0]["stdout"], "hi\n");
    for headers in [&[&*bob][..], &[]] {
        // As a token that does not exist.
        assert_eq!(get(headers, &one).await.status, 404);
        assert_eq!(get(headers, &batch).await.json(), json!({"submissions": [null]}));
    }
    assert_eq!(get(&[&bob, "X-Auth-User: admin"], "").await.json()["submissions"][0]["token"], *token);
}

#[tokio::test]
async fn information_has_the_form_that_clients_require() {
    let server = start_server(|_| hello()).await;
    assert_eq!(get(&server, "about").await.json()["version"], "1.13.1");
    assert_eq!(get(&server, "version").await.text(), "1.13.1");
    let config = get(&server, "config_info").await.json();
    assert_eq!(config.as_object().unwrap().len(), 39);
    assert_eq!(config["allowed_languages_for_compile_options"], json!([]));
    assert_eq!(get(&server, "statuses").await.json().as_array().unwrap().len(), 14);
    let languages = get(&server, "languages").await.json();
    let ids: Vec<_> = languages.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [71, 92, 100, 109, 113]);
    let all = get(&server, "languages/all").await.json();
    let archived = all.as_array().unwrap().iter().filter(|one| one["is_archived"] == true);
    assert_eq!((archived.count(), all.as_array().unwrap().len()), (42, 47));
    let python = json!({"id": 92, "name": "Python (3.11.2)", "is_archived": false, "source_file": "script.py",
        "compile_cmd": null, "run_cmd": "python3 script.py"});
    assert_eq!(get(&server, "languages/92").await.json(), python);
    assert_eq!(get(&server, "languages/9").await.json()["is_archived"], true);
    assert_eq!(get(&server, "languages/12345").await.status, 404);
    let workers = get(&server, "workers").await.json();
    for key in ["queue", "size", "available", "idle", "working", "paused", "failed"] {
        assert!(workers[0].get(key).is_some(), "{key}");
    }
    for path in ["license", "isolate"] {
        assert!(get(&server, path).await.header("content-type").unwrap().starts_with("text/plain"), "{path}");
    }
    assert!(get(&server, "system_info").await.json().is_object());
}

#[tokio::test]
async fn the_prefix_can_be_left_out_and_the_api_be_disabled() {
    let server = server_with(|config| config.judge0.root = true, |_| hello()).await;
    for path in ["/about", "/judge0/about", "/languages/71", "/config_info/"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    let answer = server.request("POST", "/submissions", &[JSON], b"{}").await;
    assert_eq!(answer.status, 422);
    let server = start_server(|_| hello()).await;
    assert_eq!(server.get("/about").await.code(), "not_found");
    let server = server_with(|config| config.judge0.enabled = false, |_| hello()).await;
    assert_eq!(server.get("/judge0/about").await.code(), "not_found");
}

#[tokio::test]
async fn a_callback_gets_the_result() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let enable = |config: &mut webd::Config| {
        config.judge0.enable_callbacks = true;
        config.submissions.callback_hosts = vec![CallbackHost::try_from(address.to_string()).unwrap()];
    };
    let server = server_with(enable, |_| hello()).await;
    let with = |url: &str| HELLO.replace('}', &format!(r#","callback_url":"{url}"}}"#));
    for refused in ["http://example.org/", "ftp://x", "https://127.0.0.1/"] {
        let answer = post(&server, "submissions", &with(refused)).await;
        assert!(answer.status == 422 && answer.json()["callback_url"].is_array(), "{refused}: {answer:?}");
    }
    let url = format!("http://{address}/done?x=1");
    let created = post(&server, "submissions", &with(&url)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let token = created.json()["token"].clone();
    // The first attempt fails, so there is a second.
    drop(timeout(TIMEOUT, listener.accept()).await.unwrap().unwrap());
    let (mut stream, _) = timeout(TIMEOUT, listener.accept()).await.unwrap().unwrap();
    let mut request = Vec::new();
    let is_complete = |request: &[u8]| request.ends_with(b"}") || request.ends_with(b"}}");
    while !is_complete(&request) {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let request = String::from_utf8(request).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /done?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&body["token"], &body["stdout"], &body["status"]["id"]),
        (&token, &json!("aGkK\n"), &json!(3))
    );
    let token = token.as_str().unwrap();
    assert_eq!(finished(&server, token, "fields=callback_url,status").await["callback_url"], json!(url));
    assert_eq!(get(&server, "config_info").await.json()["enable_callbacks"], true);
}
