//! How a stage and an execution ended, from the JSON of the API to the types of the daemon.

use std::time::Duration;

use protocol::quantity::Kind;
use protocol::{
    ByteCount, Clock, Difference, Judgement, LIMITS, Limits, LimitsRequest, Outcome, Party, StageName,
    StageReport, StartKind, Status, StreamName, Transcript, TranscriptEntry, Usage, Verdict,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::remote::error::RemoteError;

/// How a stage ended. Fields that a newer server adds are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct StageJson {
    status: String,
    exit_code: Option<i32>,
    signal: Option<i32>,
    truncated: bool,
    cause: Option<CauseJson>,
    usage: UsageJson,
    start: Option<String>,
    start_ms: f64,
    hint: Option<String>,
    verdict: Option<String>,
    verdict_message: Option<String>,
    difference: Option<DifferenceJson>,
    transcript: Option<Vec<TranscriptEntryJson>>,
    transcript_truncated: Option<bool>,
}

/// The limit that a stage exceeded.
#[derive(Debug, Deserialize)]
struct CauseJson {
    limit: String,
    /// Milliseconds or bytes.
    allowed: f64,
    used: f64,
}

#[derive(Debug, Deserialize)]
struct UsageJson {
    wall_ms: f64,
    cpu_ms: f64,
    #[serde(default)]
    user_cpu_ms: f64,
    #[serde(default)]
    system_cpu_ms: f64,
    memory_bytes: u64,
    peak_processes: Option<u32>,
    #[serde(default)]
    stdout_bytes: u64,
    #[serde(default)]
    stderr_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct DifferenceJson {
    line: u64,
    column: u64,
    expected: Option<String>,
    actual: Option<String>,
}

#[derive(Debug, Deserialize)]
struct TranscriptEntryJson {
    from: String,
    data: String,
}

/// How an execution ended.
#[derive(Debug, Deserialize)]
pub(crate) struct FinishedJson {
    id: String,
    queue_ms: f64,
    compile: Option<StageJson>,
    runs: Vec<StageJson>,
    /// Id of the program, if it is kept.
    pub(crate) build: Option<String>,
}

impl FinishedJson {
    /// Returns the outcome of the execution.
    pub(crate) fn into_outcome(self) -> Result<Outcome, RemoteError> {
        let id = self.id.parse().map_err(|_| unknown("id", &self.id))?;
        let run = |(index, run): (u32, StageJson)| run.into_report(StageName::Run(index));
        Ok(Outcome {
            id: protocol::ExecutionId(id),
            compile: self.compile.map(|stage| stage.into_report(StageName::Compile)).transpose()?,
            runs: (0..).zip(self.runs).map(run).collect::<Result<_, _>>()?,
            queue_time: duration(self.queue_ms),
        })
    }
}

impl StageJson {
    /// Returns the report of the stage.
    pub(crate) fn into_report(self, stage: StageName) -> Result<StageReport, RemoteError> {
        let start = match self.start.as_deref() {
            None => None,
            Some("warm") => Some(StartKind::Warm),
            Some("cold") => Some(StartKind::Cold),
            Some("cached") => Some(StartKind::Cached),
            Some(other) => return Err(unknown("start", other)),
        };
        Ok(StageReport {
            stage,
            status: self.status()?,
            usage: self.usage.to_usage(),
            stdout_truncated: self.truncated,
            stderr_truncated: false,
            start,
            start_time: duration(self.start_ms),
            hint: self.hint.clone(),
            judgement: self.into_judgement()?.map(Box::new),
        })
    }

    fn status(&self) -> Result<Status, RemoteError> {
        match (&*self.status, self.exit_code, self.signal, &self.cause) {
            ("ok" | "nonzero", Some(code), _, _) => Ok(Status::Exited(code)),
            ("signal", _, Some(signal), _) => Ok(Status::Signaled(signal)),
            ("timeout" | "memory" | "output_limit", _, _, Some(cause)) => self.exceeded(cause),
            ("cancelled", ..) => Ok(Status::Cancelled),
            ("skipped", ..) => Ok(Status::Skipped),
            (other, ..) => Err(unknown("status", other)),
        }
    }

    fn exceeded(&self, cause: &CauseJson) -> Result<Status, RemoteError> {
        let clock = match &*cause.limit {
            "cpu_time" => Clock::Cpu,
            "wall_time" => Clock::Wall,
            "input_idle" => Clock::InputIdle,
            "memory" => {
                return Ok(Status::MemoryExceeded { limit: bytes(cause.allowed), used: bytes(cause.used) });
            }
            "output" => {
                let limit = bytes(cause.allowed);
                let is_stdout =
                    self.usage.stdout_bytes > limit.bytes() || self.usage.stderr_bytes <= limit.bytes();
                let stream = if is_stdout { StreamName::Stdout } else { StreamName::Stderr };
                return Ok(Status::OutputExceeded { stream, limit });
            }
            other => return Err(unknown("limit", other)),
        };
        Ok(Status::TimedOut { clock, limit: duration(cause.allowed), used: duration(cause.used) })
    }

    fn into_judgement(self) -> Result<Option<Judgement>, RemoteError> {
        let Some(name) = self.verdict else { return Ok(None) };
        let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == name);
        let entries =
            self.transcript.map(|entries| entries.into_iter().map(TranscriptEntryJson::into_entry).collect());
        let truncated = self.transcript_truncated.unwrap_or_default();
        Ok(Some(Judgement {
            verdict: verdict.ok_or_else(|| unknown("verdict", &name))?,
            message: self.verdict_message.unwrap_or_default(),
            difference: self.difference.map(DifferenceJson::into_difference),
            transcript: entries.map(|entries| Transcript { entries, truncated }),
        }))
    }
}

impl UsageJson {
    fn to_usage(&self) -> Usage {
        Usage {
            wall_time: duration(self.wall_ms),
            cpu_time: duration(self.cpu_ms),
            peak_memory: ByteCount(self.memory_bytes),
            user_time: duration(self.user_cpu_ms),
            system_time: duration(self.system_cpu_ms),
            peak_processes: self.peak_processes,
            stdout: ByteCount(self.stdout_bytes),
            stderr: ByteCount(self.stderr_bytes),
        }
    }
}

impl DifferenceJson {
    fn into_difference(self) -> Difference {
        let Self { line, column, expected, actual } = self;
        Difference { line, column, expected, actual }
    }
}

impl TranscriptEntryJson {
    fn into_entry(self) -> TranscriptEntry {
        let from = if self.from == Party::Interactor.as_str() { Party::Interactor } else { Party::Solution };
        TranscriptEntry { from, bytes: self.data.into() }
    }
}

/// Returns the limits of a `limits` object. A limit that the server does not know has its usual default.
pub(crate) fn limits(object: &Map<String, Value>) -> Result<Limits, RemoteError> {
    let mut request = LimitsRequest::default();
    for limit in LIMITS {
        let Some(number) = object.get(limit.json_key).and_then(Value::as_u64) else { continue };
        let unit = match limit.kind {
            Kind::Duration => "ms",
            Kind::ByteCount => "B",
            Kind::Count => "",
        };
        limit
            .request(&mut request, &format!("{number}{unit}"))
            .map_err(|error| RemoteError::Answer(format!("{}: {error}", limit.json_key)))?;
    }
    Ok(request.or(&Limits::RUN))
}

/// Converts milliseconds. A number that is no time is 0.
fn duration(milliseconds: f64) -> Duration {
    // Three decimals are microseconds; the rest of the float is not exact.
    let rounded = (milliseconds * 1000.0).round() / 1_000_000.0;
    Duration::try_from_secs_f64(rounded).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of bytes; others become the nearest"
)]
fn bytes(number: f64) -> ByteCount {
    ByteCount(number as u64)
}

fn unknown(field: &str, value: &str) -> RemoteError {
    RemoteError::Answer(format!("`{field}` is {value:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stage(fields: Value) -> StageReport {
        let mut object = json!({
            "status": "ok", "exit_code": 0, "signal": null, "signal_name": null, "truncated": false, "cause": null,
            "usage": {"wall_ms": 1.235, "cpu_ms": 0.999, "user_cpu_ms": 0.9, "system_cpu_ms": 0.099,
                "memory_bytes": 1_048_576, "peak_processes": 3, "stdout_bytes": 6, "stderr_bytes": 2000},
            "start": "warm", "start_ms": 7.654, "a_new_field": [1],
        });
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
            object.extend(fields);
        }
        serde_json::from_value::<StageJson>(object).unwrap().into_report(StageName::Run(0)).unwrap()
    }

    #[test]
    fn every_status_is_that_of_the_daemon() {
        let check = |fields: Value, status: Status| assert_eq!(stage(fields).status, status);
        let cause = |limit: &str, allowed: f64, used: f64| json!({"limit": limit, "allowed": allowed, "used": used, "unit": "", "message": ""});
        let (limit, used) = (Duration::from_secs(2), Duration::from_micros(2_100_123));
        check(json!({}), Status::Exited(0));
        check(json!({"status": "nonzero", "exit_code": 7}), Status::Exited(7));
        check(json!({"status": "signal", "exit_code": null, "signal": 11}), Status::Signaled(11));
        for (name, clock) in
            [("cpu_time", Clock::Cpu), ("wall_time", Clock::Wall), ("input_idle", Clock::InputIdle)]
        {
            check(
                json!({"status": "timeout", "exit_code": null, "cause": cause(name, 2000.0, 2100.123)}),
                Status::TimedOut { clock, limit, used },
            );
        }
        check(
            json!({"status": "memory", "exit_code": null, "cause": cause("memory", 4096.0, 4097.0)}),
            Status::MemoryExceeded { limit: ByteCount(4096), used: ByteCount(4097) },
        );
        check(
            json!({"status": "output_limit", "exit_code": null, "cause": cause("output", 1999.0, 2000.0)}),
            Status::OutputExceeded { stream: StreamName::Stderr, limit: ByteCount(1999) },
        );
        check(
            json!({"status": "output_limit", "exit_code": null, "cause": cause("output", 5.0, 6.0)}),
            Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount(5) },
        );
        check(json!({"status": "cancelled", "exit_code": null}), Status::Cancelled);
        check(json!({"status": "skipped", "exit_code": null}), Status::Skipped);
    }

    #[test]
    fn usage_and_judgement_are_complete() {
        let report = stage(json!({
            "truncated": true, "verdict": "wrong_answer", "verdict_message": "no",
            "difference": {"line": 1, "column": 2, "expected": "3", "actual": null},
            "transcript": [{"from": "interactor", "data": "?"}, {"from": "solution", "data": "!"}], "transcript_truncated": true,
        }));
        assert_eq!(report.usage.wall_time, Duration::from_micros(1235));
        assert_eq!((report.usage.peak_memory, report.usage.peak_processes), (ByteCount::mib(1), Some(3)));
        assert_eq!((report.start, report.start_time), (Some(StartKind::Warm), Duration::from_micros(7654)));
        assert!(report.stdout_truncated);
        let entry = |from, text: &'static str| TranscriptEntry { from, bytes: text.into() };
        let expected = Judgement {
            message: "no".to_owned(),
            difference: Some(Difference { line: 1, column: 2, expected: Some("3".to_owned()), actual: None }),
            transcript: Some(Transcript {
                entries: vec![entry(Party::Interactor, "?"), entry(Party::Solution, "!")],
                truncated: true,
            }),
            ..Verdict::WrongAnswer.into()
        };
        assert_eq!(report.judgement, Some(Box::new(expected)));
    }

    #[test]
    fn limits_come_back_as_they_were() {
        for limits in [Limits::RUN, Limits::COMPILE, Limits::MINIMA] {
            let object: Map<_, _> = LIMITS
                .iter()
                .map(|limit| (limit.json_key.to_owned(), limit.number(&limits).into()))
                .collect();
            assert_eq!(super::limits(&object).unwrap(), limits);
        }
    }

    #[test]
    fn what_a_newer_server_says_is_an_error_and_not_a_wrong_result() {
        let parse = |status: &str| -> StageJson {
            serde_json::from_value(json!({
                "status": status, "exit_code": null, "signal": null, "truncated": false, "cause": null, "start": null,
                "usage": {"wall_ms": 0, "cpu_ms": 0, "memory_bytes": 0, "peak_processes": null}, "start_ms": 0,
            }))
            .unwrap()
        };
        for status in ["paused", "timeout", "ok"] {
            assert!(parse(status).into_report(StageName::Run(0)).is_err(), "{status}");
        }
    }
}
