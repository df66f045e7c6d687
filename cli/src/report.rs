//! An execution as one JSON object, in the words of `POST /api/execute`.

use std::time::Duration;

use protocol::{Clock, ExecutionId, Limits, Outcome, StageReport, Status, StreamName};
use serde_json::{Value, json};

use crate::words;

/// What was written, while it is being written.
#[derive(Default)]
pub(crate) struct Written {
    output: Vec<u8>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Written {
    pub(crate) fn push(&mut self, stream: StreamName, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        match stream {
            StreamName::Stdout => self.stdout.extend_from_slice(bytes),
            StreamName::Stderr => self.stderr.extend_from_slice(bytes),
        }
    }
}

/// The answer's top is the stage that matters: a compilation that did not succeed, else the run.
pub(crate) fn finished(
    outcome: &Outcome,
    limits: Option<&Limits>,
    compiled: &Written,
    ran: &Written,
) -> Value {
    let compile = outcome.compile.as_ref();
    let failed_compile = compile.filter(|report| !report.status.is_success());
    let mut object = match (failed_compile, outcome.runs.first()) {
        (Some(report), _) => stage(report, compiled),
        (None, Some(report)) => stage(report, ran),
        (None, None) => json!({ "status": "cancelled", "output": "", "stdout": "", "stderr": "" }),
    };
    if let Some(StageReport { status: Status::Exited(_), .. }) = failed_compile {
        object["status"] = "compile_error".into();
    }
    object["id"] = outcome.id.to_string().into();
    object["limits"] = limits.map(limits_of).into();
    object["compile"] = compile.map(|report| stage(report, compiled)).into();
    object["runs"] = outcome.runs.iter().map(|report| stage(report, ran)).collect();
    object
}

/// As a refused or a failed execution is answered.
pub(crate) fn error(message: &str, id: Option<ExecutionId>) -> Value {
    match id {
        Some(id) => json!({ "error": message, "id": id.to_string() }),
        None => json!({ "error": message }),
    }
}

/// With three decimals.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn stage(report: &StageReport, written: &Written) -> Value {
    let (exit_code, signal) = match report.status {
        Status::Exited(code) => (Some(code), None),
        Status::Signaled(signal) => (None, Some(signal)),
        _ => (None, None),
    };
    json!({
        "output": text(&written.output),
        "stdout": text(&written.stdout),
        "stderr": text(&written.stderr),
        "status": words::result(&report.status),
        "exit_code": exit_code,
        "signal": signal,
        "truncated": report.stdout_truncated || report.stderr_truncated,
        "cause": cause(&report.status),
        "usage": {
            "wall_ms": milliseconds(report.usage.wall_time),
            "cpu_ms": milliseconds(report.usage.cpu_time),
            "memory_bytes": report.usage.peak_memory.bytes(),
        },
    })
}

fn cause(status: &Status) -> Option<Value> {
    let message = words::complaint(status);
    Some(match *status {
        Status::TimedOut { clock, limit, used } => json!({
            "limit": match clock { Clock::Cpu => "cpu_time", Clock::Wall => "wall_time" },
            "allowed": milliseconds(limit), "used": milliseconds(used), "unit": "ms", "message": message,
        }),
        Status::MemoryExceeded { limit, used } => json!({
            "limit": "memory",
            "allowed": limit.bytes(), "used": used.bytes(), "unit": "bytes", "message": message,
        }),
        // It was ended by the first byte too many; what it still had to say is not known.
        Status::OutputExceeded { limit, .. } => json!({
            "limit": "output",
            "allowed": limit.bytes(), "used": limit.bytes().saturating_add(1), "unit": "bytes", "message": message,
        }),
        Status::Exited(_) | Status::Signaled(_) | Status::Cancelled => return None,
    })
}

fn limits_of(limits: &Limits) -> Value {
    json!({
        "cpu_ms": milliseconds(limits.cpu_time),
        "wall_ms": milliseconds(limits.wall_time),
        "memory_bytes": limits.memory.bytes(),
        "processes": limits.processes,
        "output_bytes": limits.output.bytes(),
        "file_size_bytes": limits.file_size.bytes(),
        "disk_bytes": limits.disk.bytes(),
        "files": limits.files,
        "open_files": limits.open_files,
    })
}

/// JSON holds text only: what is none becomes the replacement character.
fn text(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes))
}
