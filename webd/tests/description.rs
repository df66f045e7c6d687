//! `/openapi.json` is true: it names every route, and what is really answered fits what it says.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use protocol::{ByteCount, Clock, Event, Outcome, Rejection, StageName, Status, StreamName};
use serde_json::{Map, Value};
use support::{Step, hello, id, one_run, output, report, say, started, world, world_with};

const BODY: &str = r#"{"code":"","language":"python"}"#;

fn description() -> Value {
    serde_json::from_str(webd::OPENAPI).unwrap()
}

#[tokio::test]
async fn it_names_every_route_and_no_other() {
    let world = world(|_| hello()).await;
    let description = world.get("/openapi.json").await.json();
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
    assert_eq!(paths.len(), described.len());
    for (path, method) in described {
        let answer = world.request(&method.to_uppercase(), path, &[], b"").await;
        let responses = &description["paths"][path][method]["responses"];
        assert!(responses.get(answer.status.to_string()).is_some(), "{method} {path}: {}", answer.status);
    }
}

#[test]
fn its_shape_changes_only_on_purpose() {
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
async fn answers_fit_it() {
    let truth = Truth(description());
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
    ] {
        let (compile, run) =
            (report(StageName::Compile, status.clone()), report(StageName::Run(0), status.clone()));
        let mut events = vec![
            Event::Queued { position: 2 },
            started(),
            Event::StageStarted(StageName::Compile),
            output(StreamName::Stderr, b"warning"),
            Event::StageFinished(compile.clone()),
        ];
        if status.is_success() {
            events.extend(one_run(b"out", status).into_iter().skip(1).take(3));
        }
        events.push(Event::Finished(Outcome { id: id(), compile: Some(compile), runs: vec![run] }));
        let world = world(move |_| say(events.clone())).await;
        truth.check("Answer", &world.execute(BODY).await.json());
        let base64 = BODY.replace('}', r#","encoding":"base64"}"#);
        truth.check("Answer", &world.execute(base64).await.json());
        for line in world.live("application/x-ndjson", BODY).await.text().lines() {
            truth.check("Event", &serde_json::from_str(line).unwrap());
        }
    }
    let world = world(|_| vec![]).await;
    for language in world.get("/api/languages").await.json().as_array().unwrap() {
        truth.check("Language", language);
    }
}

#[tokio::test]
async fn errors_fit_it() {
    let truth = Truth(description());
    let steps = [
        say(vec![Event::Rejected(Rejection::UnknownLanguage)]),
        say(vec![Event::Rejected(Rejection::LanguageUnavailable {
            language: "c".into(),
            reason: "no".into(),
        })]),
        say(vec![Event::Rejected(Rejection::Invalid("no".to_owned()))]),
        say(vec![Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(1) })]),
        say(vec![Event::Rejected(Rejection::Forbidden("no".to_owned()))]),
        say(vec![Event::Failed { id: Some(id()), message: "no".to_owned() }]),
        say(vec![Event::Failed { id: None, message: "no".to_owned() }]),
        vec![Step::HangUp],
    ];
    for steps in steps {
        let later = [vec![Step::Say(Event::Queued { position: 0 })], steps.clone()].concat();
        let plain = world(move |_| steps.clone()).await.execute(BODY).await;
        truth.check("Error", &plain.json());
        let live = world(move |_| later.clone()).await.live("application/x-ndjson", BODY).await.text();
        truth.check("EventError", &serde_json::from_str(live.lines().last().unwrap()).unwrap());
    }
    let world = world_with(|config| config.allowed_hosts = vec!["localhost".to_owned()], |_| hello()).await;
    for (method, path, body) in [
        ("POST", "/api/execute", ""),
        ("GET", "/nowhere", ""),
        ("PUT", "/healthz", ""),
        ("POST", "/api/execute", "{}"),
    ] {
        truth.check("Error", &world.request(method, path, &[], body.as_bytes()).await.json());
    }
    truth.check("Error", &world.execute("{").await.json());
    truth.check("Error", &world.execute("{}").await.json());
    let elsewhere = world.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    truth.check("Error", &support::parse(&elsewhere).json());
}

#[test]
fn requests_fit_it() {
    let truth = Truth(description());
    for request in [
        BODY,
        r#"{"language":"c","files":[{"name":"a.c","content":"","encoding":"base64"}],"encoding":"base64",
            "runs":[{"stdin":"","stdin_encoding":"utf8","args":["x"]}],"limits":{"cpu_ms":1,"files":2}}"#,
        r#"{"language":"c","code":"","filename":"a.c","stdin":"x","stdin_encoding":"base64","args":[]}"#,
    ] {
        truth.check("ExecuteRequest", &serde_json::from_str(request).unwrap());
    }
    for wrong in
        [r#"{"code":""}"#, r#"{"code":"","language":"c","timeout":1}"#, r#"{"language":"c","files":[]}"#]
    {
        assert!(truth.fits("ExecuteRequest", &serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
    }
}

#[test]
fn frames_of_a_session_fit_it() {
    let truth = Truth(description());
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
        truth.check("SessionFrame", &serde_json::from_str(frame).unwrap());
    }
    for wrong in [
        r#"{"type":"run"}"#,
        r#"{"type":"start","code":""}"#,
        r#"{"type":"signal","signal":"STOP"}"#,
        r#"{"type":"resize","columns":0,"rows":1}"#,
        r#"{"type":"cancel","now":true}"#,
    ] {
        assert!(truth.fits("SessionFrame", &serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
    }
}

/// As much of JSON Schema as the description uses.
struct Truth(Value);

impl Truth {
    #[track_caller]
    fn check(&self, schema: &str, value: &Value) {
        if let Err(error) = self.fits(schema, value) {
            panic!("{schema} {error}: {value:#}");
        }
    }

    fn fits(&self, schema: &str, value: &Value) -> Result<(), String> {
        self.valid(&self.0["components"]["schemas"][schema], value)
    }

    fn valid(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = schema.as_object().ok_or("there is no such schema")?;
        for (word, what) in schema {
            match word.as_str() {
                "$ref" => {
                    self.fits(what.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap(), value)?
                }
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
                        return Err(format!("not one of {tried:?}"));
                    }
                }
                "not" if self.valid(what, value).is_ok() => return Err(format!("it fits {what}")),
                "items" => {
                    for item in value.as_array().unwrap() {
                        self.valid(what, item)?;
                    }
                }
                "properties" => {
                    for (name, value) in value.as_object().ok_or("is no object")? {
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
