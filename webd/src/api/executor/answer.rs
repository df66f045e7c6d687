//! The JSON of an execution: what the daemon reported, with its output, as clients see it.

use std::time::Duration;

use protocol::{Clock, ExecutionId, Limits, Outcome, StageName, StageReport, Status, StreamName, Usage};
use serde::Serialize;

use crate::domain::kept::{Kept, StageTexts};

/// The whole answer. What is at its top is of the stage that matters most: of the compilation if that did not
/// succeed, else of the first run that was not a success, else of the first run.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a> {
    id: ExecutionId,
    #[serde(flatten)]
    top: Stage<'a>,
    limits: Option<LimitsJson>,
    compile: Option<&'a Stage<'a>>,
    runs: &'a [Stage<'a>],
}

/// One stage.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stage<'a> {
    #[serde(flatten)]
    texts: Option<&'a StageTexts>,
    #[serde(flatten)]
    verdict: Verdict,
}

/// How a stage ended.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    status: &'static str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    signal_name: Option<String>,
    truncated: bool,
    cause: Option<Cause>,
    usage: UsageJson,
}

/// Why a stage was ended by us.
#[derive(Clone, Debug, Serialize)]
struct Cause {
    limit: &'static str,
    allowed: Number,
    used: Number,
    unit: &'static str,
    message: String,
}

/// Bytes are whole, milliseconds have three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Number {
    Bytes(u64),
    Milliseconds(f64),
}

#[derive(Clone, Debug, Serialize)]
struct UsageJson {
    wall_ms: f64,
    cpu_ms: f64,
    memory_bytes: u64,
}

/// Limits by the names that a request gives them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LimitsJson {
    cpu_ms: u64,
    wall_ms: u64,
    memory_bytes: u64,
    processes: u32,
    output_bytes: u64,
    file_size_bytes: u64,
    disk_bytes: u64,
    files: u32,
    open_files: u32,
}

/// Hand the answer to `take` while what it borrows lives.
pub(crate) fn with_answer<T>(
    outcome: &Outcome,
    limits: Option<&Limits>,
    kept: Option<&Kept>,
    take: impl FnOnce(&Answer) -> T,
) -> T {
    let empty = StageTexts::default();
    let stage = |report: &StageReport| Stage {
        texts: kept.map(|kept| kept.of(report.stage).unwrap_or(&empty)),
        verdict: Verdict::new(report, kept.is_some_and(|kept| kept.was_cut(report.stage))),
    };
    let compile = outcome.compile.as_ref().map(stage);
    let runs: Vec<_> = outcome.runs.iter().map(stage).collect();
    let failed_compile = outcome.compile.as_ref().filter(|report| !report.status.is_success());
    let first_bad_run = || outcome.runs.iter().find(|report| !report.status.is_success());
    let top = match failed_compile.or_else(first_bad_run).or(outcome.runs.first()) {
        Some(report) => {
            let mut top = stage(report);
            if report.stage == StageName::Compile && matches!(report.status, Status::Exited(_)) {
                top.verdict.status = "compile_error";
            }
            top
        }
        None => Stage { texts: kept.map(|_| &empty), verdict: Verdict::cancelled_before_it_began() },
    };
    take(&Answer {
        id: outcome.id,
        top,
        limits: limits.map(LimitsJson::new),
        compile: compile.as_ref(),
        runs: &runs,
    })
}

impl Verdict {
    /// `cut`: we did not keep all that was told.
    pub(crate) fn new(report: &StageReport, cut: bool) -> Self {
        let (status, exit_code, signal) = match report.status {
            Status::Exited(0) => ("ok", Some(0), None),
            Status::Exited(code) => ("nonzero", Some(code), None),
            Status::Signaled(signal) => ("signal", None, Some(signal)),
            Status::TimedOut { .. } => ("timeout", None, None),
            Status::MemoryExceeded { .. } => ("memory", None, None),
            Status::OutputExceeded { .. } => ("output_limit", None, None),
            Status::Cancelled => ("cancelled", None, None),
        };
        Self {
            status,
            exit_code,
            signal,
            signal_name: signal.map(signal_name),
            truncated: cut || report.stdout_truncated || report.stderr_truncated,
            cause: Cause::of(&report.status),
            usage: UsageJson::new(&report.usage),
        }
    }

    fn cancelled_before_it_began() -> Self {
        let report = StageReport {
            stage: StageName::Run(0),
            status: Status::Cancelled,
            usage: Usage::default(),
            stdout_truncated: false,
            stderr_truncated: false,
        };
        Self::new(&report, false)
    }
}

impl Cause {
    fn of(status: &Status) -> Option<Self> {
        match status {
            Status::TimedOut { clock, limit, used } => {
                let (name, kind) = match clock {
                    Clock::Cpu => ("cpu_time", "CPU time"),
                    Clock::Wall => ("wall_time", "time"),
                };
                Some(Self {
                    limit: name,
                    allowed: Number::Milliseconds(milliseconds(*limit)),
                    used: Number::Milliseconds(milliseconds(*used)),
                    unit: "ms",
                    message: format!(
                        "used {:.3} s of {kind}, {} s are allowed",
                        used.as_secs_f64(),
                        limit.as_secs_f64()
                    ),
                })
            }
            Status::MemoryExceeded { limit, used } => Some(Self {
                limit: "memory",
                allowed: Number::Bytes(limit.bytes()),
                used: Number::Bytes(used.bytes()),
                unit: "bytes",
                message: format!("used more than the {limit} of memory that are allowed"),
            }),
            Status::OutputExceeded { stream, limit } => {
                let stream = match stream {
                    StreamName::Stdout => "stdout",
                    StreamName::Stderr => "stderr",
                };
                Some(Self {
                    limit: "output",
                    allowed: Number::Bytes(limit.bytes()),
                    // The program was ended by the first byte too many; it is not known what it still had to say.
                    used: Number::Bytes(limit.bytes().saturating_add(1)),
                    unit: "bytes",
                    message: format!("wrote more than the {limit} to {stream} that are allowed"),
                })
            }
            Status::Exited(_) | Status::Signaled(_) | Status::Cancelled => None,
        }
    }
}

impl UsageJson {
    fn new(usage: &Usage) -> Self {
        Self {
            wall_ms: milliseconds(usage.wall_time),
            cpu_ms: milliseconds(usage.cpu_time),
            memory_bytes: usage.peak_memory.bytes(),
        }
    }
}

impl LimitsJson {
    /// As JSON.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            cpu_ms: whole_milliseconds(limits.cpu_time),
            wall_ms: whole_milliseconds(limits.wall_time),
            memory_bytes: limits.memory.bytes(),
            processes: limits.processes,
            output_bytes: limits.output.bytes(),
            file_size_bytes: limits.file_size.bytes(),
            disk_bytes: limits.disk.bytes(),
            files: limits.files,
            open_files: limits.open_files,
        }
    }
}

/// With three decimals.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// As a request asks for them.
fn whole_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(known) => known.as_str().to_owned(),
        Err(_) => format!("SIG{signal}"),
    }
}

#[cfg(test)]
mod tests {
    use protocol::ByteCount;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(status: Status, words: &str, exit_code: Value, signal_name: Value, cause: Value) {
        let usage = Usage {
            wall_time: Duration::from_nanos(1_234_567),
            cpu_time: Duration::from_micros(999),
            peak_memory: ByteCount::mib(1),
        };
        let report = StageReport {
            stage: StageName::Run(0),
            status,
            usage,
            stdout_truncated: false,
            stderr_truncated: true,
        };
        let verdict = serde_json::to_value(Verdict::new(&report, false)).unwrap();
        assert_eq!(verdict["status"], words);
        assert_eq!(verdict["exit_code"], exit_code);
        assert_eq!(verdict["signal_name"], signal_name);
        assert_eq!(verdict["truncated"], true);
        assert_eq!(verdict["cause"], cause);
        assert_eq!(verdict["usage"], json!({"wall_ms": 1.235, "cpu_ms": 0.999, "memory_bytes": 1_048_576}));
    }

    #[test]
    fn every_ending_has_its_word_and_its_cause() {
        let none = || Value::Null;
        check(Status::Exited(0), "ok", json!(0), none(), none());
        check(Status::Exited(3), "nonzero", json!(3), none(), none());
        check(Status::Signaled(11), "signal", none(), json!("SIGSEGV"), none());
        check(Status::Signaled(34), "signal", none(), json!("SIG34"), none());
        check(Status::Cancelled, "cancelled", none(), none(), none());
        let (limit, used) = (Duration::from_secs(10), Duration::from_micros(10_012_345));
        let cause = json!({"limit": "cpu_time", "allowed": 10000.0, "used": 10012.345, "unit": "ms",
            "message": "used 10.012 s of CPU time, 10 s are allowed"});
        check(Status::TimedOut { clock: Clock::Cpu, limit, used }, "timeout", none(), none(), cause);
        let cause = json!({"limit": "wall_time", "allowed": 10000.0, "used": 10012.345, "unit": "ms",
            "message": "used 10.012 s of time, 10 s are allowed"});
        check(Status::TimedOut { clock: Clock::Wall, limit, used }, "timeout", none(), none(), cause);
        let (limit, used) = (ByteCount::mib(256), ByteCount(268_435_456));
        let cause = json!({"limit": "memory", "allowed": 268_435_456, "used": 268_435_456, "unit": "bytes",
            "message": "used more than the 256 MiB of memory that are allowed"});
        check(Status::MemoryExceeded { limit, used }, "memory", none(), none(), cause);
        let cause = json!({"limit": "output", "allowed": 1_048_576, "used": 1_048_577, "unit": "bytes",
            "message": "wrote more than the 1 MiB to stdout that are allowed"});
        let exceeded = Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount::mib(1) };
        check(exceeded, "output_limit", none(), none(), cause);
    }
}
