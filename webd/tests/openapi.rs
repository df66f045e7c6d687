//! `/openapi.json` describes every route, and real responses match it.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use protocol::{
    ByteCount, Clock, Difference, Event, Judgement, Outcome, Party, Rejection, StageName, StageReport,
    Status, StreamName, Transcript, TranscriptEntry, Verdict,
};
use serde_json::{Map, Value};
use support::{Step, hello, id, one_run, output_of, report, send_all, server_with, start_server, started};

const BODY: &str = r#"{"code":"","language":"python"}"#;

fn description() -> Value {
    serde_json::from_str(webd::OPENAPI).unwrap()
}

#[tokio::test]
async fn the_description_lists_exactly_the_routes() {
    let server = start_server(|_| hello()).await;
    let description = server.get("/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    let described: BTreeSet<_> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (path.as_str(), method))
        })
        .collect();
    let paths: BTreeSet<_> = described.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, webd::paths().collect());
    // The APIs of other servers answer 404.
    let is_own = |path: &&str| !["/v2/", "/jobe/", "/judge0/"].iter().any(|other| path.contains(other));
    for path in paths.into_iter().filter(is_own) {
        for method in ["get", "post", "put", "delete"] {
            let is_described = description["paths"][path].get(method).is_some();
            let answer = server.request(&method.to_uppercase(), path, &[], b"").await;
            assert!(
                is_described || answer.status == 405,
                "{method} {path} is not described: {}",
                answer.status
            );
        }
    }
    for (path, method) in described {
        let answer = server.request(&method.to_uppercase(), path, &[], b"").await;
        let responses = &description["paths"][path][method]["responses"];
        assert!(responses.get(answer.status.to_string()).is_some(), "{method} {path}: {}", answer.status);
    }
}

#[test]
fn the_shape_of_the_description_is_unchanged() {
    let description = description();
    let mut shape = String::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses: Vec<_> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            writeln!(shape, "{} {path}: {}", method.to_uppercase(), statuses.join(" ")).unwrap();
        }
    }
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        // The fields of these two are those of the table of limits, which another test checks.
        if ["Limits", "LimitsRequest"].contains(&name.as_str()) {
            continue;
        }
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        let fields = schema["properties"].as_object().into_iter().flat_map(Map::keys);
        let fields: Vec<_> =
            fields
                .map(|field| {
                    if required.iter().any(|name| *name == field) {
                        field.clone()
                    } else {
                        format!("{field}?")
                    }
                })
                .collect();
        writeln!(shape, "{name}: {}", fields.join(" ")).unwrap();
    }
    insta::assert_snapshot!("shape", shape);
}

#[tokio::test]
async fn answers_match_the_description() {
    let schemas = Description(description());
    let time =
        |clock| Status::TimedOut { clock, limit: Duration::from_secs(1), used: Duration::from_secs(2) };
    let too_much = ByteCount::mib(1);
    for status in [
        Status::Exited(0),
        Status::Exited(255),
        Status::Signaled(9),
        time(Clock::Cpu),
        time(Clock::Wall),
        Status::MemoryExceeded { limit: too_much, used: too_much },
        Status::OutputExceeded { stream: StreamName::Stdout, limit: too_much },
        Status::Cancelled,
        Status::Skipped,
    ] {
        let compile = report(StageName::Compile, status.clone());
        let entry = TranscriptEntry { from: Party::Solution, bytes: b"1\n".as_slice().into() };
        let judgement = Judgement {
            message: "no".to_owned(),
            difference: Some(Difference { line: 1, column: 2, expected: None, actual: Some("x".to_owned()) }),
            transcript: Some(Transcript { entries: vec![entry], truncated: false }),
            ..Verdict::WrongAnswer.into()
        };
        let run =
            StageReport { judgement: Some(Box::new(judgement)), ..report(StageName::Run(0), status.clone()) };
        let mut events = vec![
            Event::Queued { position: 2 },
            started(),
            Event::StageStarted(StageName::Compile),
            output_of(StageName::Compile, StreamName::Stderr, b"warning"),
            Event::StageFinished(compile.clone()),
        ];
        if status.is_success() {
            events.extend(one_run(b"out", status).into_iter().skip(1).take(3));
            events.push(Event::WaitingForInput(StageName::Run(0)));
        }
        events.push(Event::Finished(Outcome {
            id: id(),
            compile: Some(compile),
            runs: vec![run],
            ..Outcome::default()
        }));
        let server = start_server(move |_| send_all(events.clone())).await;
        schemas.check("Answer", &server.execute(BODY).await.json());
        let base64 = BODY.replace('}', r#","encoding":"base64"}"#);
        schemas.check("Answer", &server.execute(&base64).await.json());
        for body in [BODY, &base64] {
            let compact = server.execute(body.replace('}', r#","compact":true}"#)).await.json();
            schemas.check("CompactAnswer", &compact);
            assert!(schemas.matches("Answer", &compact).is_err());
        }
        for line in server.live("application/x-ndjson", BODY).await.text().lines() {
            schemas.check("Event", &serde_json::from_str(line).unwrap());
        }
    }
    let server = start_server(|_| vec![]).await;
    for language in server.get("/api/languages").await.json().as_array().unwrap() {
        schemas.check("Language", language);
    }
}

#[tokio::test]
async fn errors_match_the_description() {
    let schemas = Description(description());
    let steps = [
        send_all(vec![Event::Rejected(Rejection::UnknownLanguage)]),
        send_all(vec![Event::Rejected(Rejection::LanguageUnavailable {
            language: "c".into(),
            reason: "no".into(),
        })]),
        send_all(vec![Event::Rejected(Rejection::Invalid("no".to_owned()))]),
        send_all(vec![Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(1) })]),
        send_all(vec![Event::Rejected(Rejection::Forbidden("no".to_owned()))]),
        send_all(vec![Event::Failed { id: id(), message: "no".to_owned() }]),
        vec![Step::Disconnect],
    ];
    for steps in steps {
        let later = [vec![Step::Send(Event::Queued { position: 0 })], steps.clone()].concat();
        let plain = start_server(move |_| steps.clone()).await.execute(BODY).await;
        schemas.check("Error", &plain.json());
        let live = start_server(move |_| later.clone()).await.live("application/x-ndjson", BODY).await.text();
        schemas.check("EventError", &serde_json::from_str(live.lines().last().unwrap()).unwrap());
    }
    let server = server_with(|config| config.allowed_hosts = vec!["localhost".to_owned()], |_| hello()).await;
    for (method, path, body) in [
        ("POST", "/api/execute", ""),
        ("GET", "/nowhere", ""),
        ("PUT", "/healthz", ""),
        ("POST", "/api/execute", "{}"),
    ] {
        schemas.check("Error", &server.request(method, path, &[], body.as_bytes()).await.json());
    }
    schemas.check("Error", &server.execute("{").await.json());
    schemas.check("Error", &server.execute("{}").await.json());
    let elsewhere = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    schemas.check("Error", &support::parse(&elsewhere).json());
}

#[test]
fn requests_match_the_description() {
    let schemas = Description(description());
    for request in [
        BODY,
        r#"{"language":"c","files":[{"name":"a.c","content":"","encoding":"base64"}],"encoding":"base64",
            "runs":[{"stdin":"","stdin_encoding":"utf8","args":["x"]}],"limits":{"cpu_ms":1,"files":2}}"#,
        r#"{"language":"c","code":"","filename":"a.c","stdin":"x","stdin_encoding":"base64","args":[]}"#,
    ] {
        schemas.check("ExecuteRequest", &serde_json::from_str(request).unwrap());
    }
    for wrong in
        [r#"{"code":""}"#, r#"{"code":"","language":"c","timeout":1}"#, r#"{"language":"c","files":[]}"#]
    {
        assert!(schemas.matches("ExecuteRequest", &serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
    }
}

#[test]
fn session_frames_match_the_description() {
    let schemas = Description(description());
    for frame in [
        r#"{"type":"start","language":"c","code":""}"#,
        r#"{"type":"start","language":"c","files":[{"content":""}],"runs":[{}],"encoding":"base64","limits":{}}"#,
        r#"{"type":"start","language":"c","code":"","filename":"a.c","stdin":"x","stdin_encoding":"utf8","args":[],
            "tty":true,"columns":80,"rows":24}"#,
        r#"{"type":"stdin","data":"x"}"#,
        r#"{"type":"stdin","data":"","encoding":"base64"}"#,
        r#"{"type":"end_of_input"}"#,
        r#"{"type":"signal","signal":"HUP"}"#,
        r#"{"type":"resize","columns":1,"rows":65535}"#,
        r#"{"type":"cancel"}"#,
    ] {
        schemas.check("SessionFrame", &serde_json::from_str(frame).unwrap());
    }
    for wrong in [
        r#"{"type":"run"}"#,
        r#"{"type":"start","code":""}"#,
        r#"{"type":"signal","signal":"STOP"}"#,
        r#"{"type":"resize","columns":0,"rows":1}"#,
        r#"{"type":"cancel","now":true}"#,
    ] {
        assert!(schemas.matches("SessionFrame", &serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
    }
}

/// A validator for the part of JSON Schema that the description uses.
struct Description(Value);

impl Description {
    #[track_caller]
    fn check(&self, schema: &str, value: &Value) {
        if let Err(error) = self.matches(schema, value) {
            panic!("{schema} {error}: {value:#}");
        }
    }

    fn matches(&self, schema: &str, value: &Value) -> Result<(), String> {
        self.valid(&self.0["components"]["schemas"][schema], value)
    }

    fn valid(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = schema.as_object().ok_or("unknown schema")?;
        for (word, what) in schema {
            match word.as_str() {
                "$ref" => self
                    .matches(what.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap(), value)?,
                "type" => is_of(what, value)?,
                "const" if what != value => return Err(format!("{value} is not {what}")),
                "enum" if !what.as_array().unwrap().contains(value) => {
                    return Err(format!("{value} is none of {what}"));
                }
                "minimum" if value.as_f64().is_some_and(|value| value < what.as_f64().unwrap()) => {
                    return Err(format!("{value} is below {what}"));
                }
                "minItems"
                    if value.as_array().is_some_and(|list| (list.len() as u64) < what.as_u64().unwrap()) =>
                {
                    return Err(format!("{value} is too short"));
                }
                "required" => {
                    if let Some(missing) = what
                        .as_array()
                        .unwrap()
                        .iter()
                        .find(|name| value.get(name.as_str().unwrap()).is_none())
                    {
                        return Err(format!("{missing} is missing"));
                    }
                }
                "oneOf" => {
                    let tried: Vec<_> =
                        what.as_array().unwrap().iter().map(|one| self.valid(one, value)).collect();
                    if tried.iter().filter(|result| result.is_ok()).count() != 1 {
                        return Err(format!("matches not exactly one of the alternatives: {tried:?}"));
                    }
                }
                "not" if self.valid(what, value).is_ok() => return Err(format!("it matches {what}")),
                "items" => {
                    for item in value.as_array().ok_or("is not an array")? {
                        self.valid(what, item)?;
                    }
                }
                "properties" => {
                    for (name, value) in value.as_object().ok_or("is not an object")? {
                        let property = what.get(name).ok_or_else(|| format!("{name} is not described"))?;
                        self.valid(property, value).map_err(|error| format!("{name}: {error}"))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_of(types: &Value, value: &Value) -> Result<(), String> {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    let fits = match types {
        Value::Array(types) => types.iter().any(is),
        name => is(name),
    };
    if fits { Ok(()) } else { Err(format!("{value} is not of type {types}")) }
}
