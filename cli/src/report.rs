//! Result of `executor run --json`: one object with the fields of the answer to `POST /api/execute`.

use std::time::Duration;

use protocol::{
    BuildId, ExecutionId, LIMITS, Limits, Outcome, StageName, StageReport, StartKind, Status, StreamName,
    Verdict,
};
use serde_json::{Map, Value, json};

use crate::output_files::OutputFiles;
use crate::remote::ApiError;
use crate::{judgement, messages};

/// Report that is being collected while the execution runs.
#[derive(Default)]
pub(crate) struct Report {
    limits: Option<Limits>,
    compile_limits: Option<Limits>,
    build: Option<BuildId>,
    compile: CollectedOutput,
    run: CollectedOutput,
}

impl Report {
    pub(crate) fn set_limits(&mut self, limits: Limits, compile_limits: Option<Limits>) {
        (self.limits, self.compile_limits) = (Some(limits), compile_limits);
    }

    pub(crate) fn set_build(&mut self, build: BuildId) {
        self.build = Some(build);
    }

    pub(crate) fn push_output(&mut self, stage: StageName, stream: StreamName, bytes: &[u8]) {
        match stage {
            StageName::Compile => self.compile.push(stream, bytes),
            StageName::Run(_) => self.run.push(stream, bytes),
        }
    }

    /// Returns the report of an execution. The fields at its top level are those of the deciding stage.
    pub(crate) fn finish(&self, outcome: &Outcome, files: &OutputFiles) -> Value {
        let stage = |report: &StageReport| {
            let mut object = match report.stage {
                StageName::Compile => stage(report, &self.compile),
                StageName::Run(_) => stage(report, &self.run),
            };
            files.add_to(report.stage, &mut object);
            object
        };
        let mut object = match outcome.deciding_stage() {
            Some(report) => stage(report),
            None => json!({ "output": "", "stdout": "", "stderr": "" }),
        };
        object["status"] = outcome.status_name().as_str().into();
        object["id"] = outcome.id.to_string().into();
        object["limits"] = self.limits.as_ref().map(limits_as_json).into();
        object["compile_limits"] = self.compile_limits.as_ref().map(limits_as_json).into();
        object["queue_ms"] = milliseconds(outcome.queue_time).into();
        object["compile"] = outcome.compile.as_ref().map(stage).into();
        if let Some(build) = self.build {
            object["build"] = build.to_string().into();
        }
        object["runs"] = outcome.runs.iter().map(stage).collect();
        if outcome.is_judged() {
            object["verdict"] = outcome.verdict().map(Verdict::as_str).into();
            object["summary"] = judgement::summary(outcome);
        }
        object
    }
}

/// Output of one stage so far.
#[derive(Default)]
struct CollectedOutput {
    output: Vec<u8>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl CollectedOutput {
    fn push(&mut self, stream: StreamName, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        match stream {
            StreamName::Stdout => self.stdout.extend_from_slice(bytes),
            StreamName::Stderr => self.stderr.extend_from_slice(bytes),
        }
    }
}

/// Returns the report of a request that was rejected or could not be executed.
pub(crate) fn error(message: &str, id: Option<ExecutionId>) -> Value {
    match id {
        Some(id) => json!({ "error": message, "id": id.to_string() }),
        None => json!({ "error": message }),
    }
}

/// Returns the report of an error of a remote server.
pub(crate) fn api_error(error: &ApiError) -> Value {
    let ApiError { error, code, id, retry_after } = error;
    let mut object = json!({ "error": error, "code": code });
    if let Some(id) = id {
        object["id"] = id.as_str().into();
    }
    if let Some(seconds) = retry_after {
        object["retry_after"] = (*seconds).into();
    }
    object
}

/// Returns milliseconds with three decimals.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn stage(report: &StageReport, collected: &CollectedOutput) -> Value {
    let (exit_code, signal) = match report.status {
        Status::Exited(code) => (Some(code), None),
        Status::Signaled(signal) => (None, Some(signal)),
        _ => (None, None),
    };
    let mut object = json!({
        "output": text(&collected.output),
        "stdout": text(&collected.stdout),
        "stderr": text(&collected.stderr),
        "status": report.status.name().as_str(),
        "exit_code": exit_code,
        "signal": signal,
        "truncated": report.stdout_truncated || report.stderr_truncated,
        "cause": cause(&report.status),
        "usage": {
            "wall_ms": milliseconds(report.usage.wall_time),
            "cpu_ms": milliseconds(report.usage.cpu_time),
            "user_cpu_ms": milliseconds(report.usage.user_time),
            "system_cpu_ms": milliseconds(report.usage.system_time),
            "memory_bytes": report.usage.peak_memory.bytes(),
            "peak_processes": report.usage.peak_processes,
            "stdout_bytes": report.usage.stdout.bytes(),
            "stderr_bytes": report.usage.stderr.bytes(),
        },
        "start": report.start.map(StartKind::as_str),
        "start_ms": milliseconds(report.start_time),
    });
    if let Some(hint) = &report.hint {
        object["hint"] = hint.as_str().into();
    }
    if let Some(judgement) = &report.judgement {
        judgement::add_to(&mut object, judgement);
    }
    object
}

/// Returns the limit that the program exceeded, if it exceeded one.
fn cause(status: &Status) -> Option<Value> {
    let (allowed, used, unit) = match *status {
        Status::TimedOut { limit, used, .. } => (json!(milliseconds(limit)), json!(milliseconds(used)), "ms"),
        Status::MemoryExceeded { limit, used } => (json!(limit.bytes()), json!(used.bytes()), "bytes"),
        // The first byte above the limit killed the program; how much it would have written is unknown.
        Status::OutputExceeded { limit, .. } => {
            (json!(limit.bytes()), json!(limit.bytes().saturating_add(1)), "bytes")
        }
        Status::Exited(_) | Status::Signaled(_) | Status::Cancelled | Status::Skipped => return None,
    };
    Some(json!({
        "limit": status.exceeded_limit(),
        "allowed": allowed,
        "used": used,
        "unit": unit,
        "message": messages::of_status(status),
    }))
}

fn limits_as_json(limits: &Limits) -> Value {
    LIMITS
        .iter()
        .map(|limit| (limit.json_key.to_owned(), limit.number(limits).into()))
        .collect::<Map<_, _>>()
        .into()
}

/// Converts bytes to a JSON string. Invalid UTF-8 becomes the replacement character.
fn text(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes))
}
