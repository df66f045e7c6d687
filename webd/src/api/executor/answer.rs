//! The answer of an execution as JSON: the reports of the daemon, and the program's output.

use std::time::Duration;

use protocol::{BuildId, Clock, ExecutionId, Outcome, StageName, StageReport, StartKind, Status, Usage};
use serde::Serialize;

use crate::api::executor::judgement::{JudgementJson, Summary};
use crate::api::executor::limits::LimitsJson;
use crate::domain::execution::AppliedLimits;
use crate::domain::output_collector::{CompactTexts, OutputCollector, StageTexts};
use crate::domain::output_files::{CollectedFiles, StageFiles};
use crate::domain::signal_name::signal_name;

/// The whole answer. `S` is the output of a stage, `T` that at the top. The fields at the top are those of the stage
/// that counts ([`Outcome::deciding_stage`]).
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer<T, S = T> {
    #[cfg_attr(test, schemars(with = "String"))]
    id: ExecutionId,
    #[serde(flatten)]
    top: Stage<T>,
    limits: Option<LimitsJson>,
    compile_limits: Option<LimitsJson>,
    queue_ms: f64,
    compile: Option<Stage<S>>,
    runs: Vec<Stage<S>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    /// The id of the program, if it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<String>,
}

/// One stage.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Stage<T> {
    #[serde(flatten)]
    output: T,
    #[serde(flatten)]
    verdict: Verdict,
}

/// The output of a stage, and its output files.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WithFiles<'a, T> {
    #[serde(flatten)]
    texts: T,
    #[serde(flatten)]
    files: StageFiles<'a>,
}

/// The output of a stage in a live answer, which had it in earlier events.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NoOutput {}

/// How a stage ended.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Verdict {
    #[cfg_attr(test, schemars(schema_with = "crate::api::schema_test::status"))]
    status: &'static str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    signal_name: Option<String>,
    truncated: bool,
    cause: Option<KillReason>,
    usage: UsageJson,
    start: Option<StartJson>,
    start_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(flatten)]
    judgement: JudgementJson,
}

/// How a stage got its sandbox.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum StartJson {
    Warm,
    Cold,
    Cached,
}

impl From<StartKind> for StartJson {
    fn from(start: StartKind) -> Self {
        match start {
            StartKind::Warm => Self::Warm,
            StartKind::Cold => Self::Cold,
            StartKind::Cached => Self::Cached,
        }
    }
}

/// The limit that a stage exceeded.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KillReason {
    limit: LimitName,
    #[cfg_attr(test, schemars(with = "f64"))]
    allowed: Amount,
    #[cfg_attr(test, schemars(with = "f64"))]
    used: Amount,
    unit: Unit,
    message: String,
}

/// A limit that ends a stage.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum LimitName {
    CpuTime,
    WallTime,
    Memory,
    Output,
    InputIdle,
}

/// The unit of an [`Amount`].
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Unit {
    Ms,
    Bytes,
}

/// Whole bytes, or milliseconds with three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Amount {
    Bytes(u64),
    Milliseconds(f64),
}

/// The resources that a stage used.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UsageJson {
    wall_ms: f64,
    cpu_ms: f64,
    user_cpu_ms: f64,
    system_cpu_ms: f64,
    memory_bytes: u64,
    peak_processes: Option<u32>,
    stdout_bytes: u64,
    stderr_bytes: u64,
}

impl<'a> Answer<WithFiles<'a, &'a StageTexts>> {
    /// Creates the answer with the output of every stage.
    pub(crate) fn with_output(
        outcome: &Outcome,
        limits: Option<&AppliedLimits>,
        output: &'a OutputCollector,
        files: &'a CollectedFiles,
    ) -> Self {
        let verdict = |report: &StageReport| Verdict::new(report, output.is_truncated(report.stage));
        let with_files = |report: &StageReport| WithFiles {
            texts: output.texts(report.stage),
            files: files.of(report.stage),
        };
        Self::new(outcome, limits, verdict, with_files, with_files)
    }
}

impl<'a> Answer<NoOutput, WithFiles<'a, CompactTexts<'a>>> {
    /// Creates the answer that has each output once, in its stage.
    pub(crate) fn compact(
        outcome: &Outcome,
        limits: Option<&AppliedLimits>,
        output: &'a OutputCollector,
        files: &'a CollectedFiles,
    ) -> Self {
        let verdict = |report: &StageReport| Verdict::new(report, output.is_truncated(report.stage));
        let with_files = |report: &StageReport| WithFiles {
            texts: output.texts(report.stage).into(),
            files: files.of(report.stage),
        };
        Self::new(outcome, limits, verdict, |_| NoOutput {}, with_files)
    }
}

impl Answer<NoOutput> {
    /// Creates the answer without output.
    pub(crate) fn without_output(outcome: &Outcome, limits: Option<&AppliedLimits>) -> Self {
        let verdict = |report: &StageReport| Verdict::new(report, false);
        Self::new(outcome, limits, verdict, |_| NoOutput {}, |_| NoOutput {})
    }
}

impl<T, S> Answer<T, S> {
    fn new(
        outcome: &Outcome,
        limits: Option<&AppliedLimits>,
        verdict: impl Fn(&StageReport) -> Verdict,
        top_output: impl Fn(&StageReport) -> T,
        stage_output: impl Fn(&StageReport) -> S,
    ) -> Self {
        let cancelled = cancelled_before_start();
        let deciding = outcome.deciding_stage().unwrap_or(&cancelled);
        let mut top = Stage { output: top_output(deciding), verdict: verdict(deciding) };
        let stage = |report: &StageReport| Stage { output: stage_output(report), verdict: verdict(report) };
        top.verdict.status = outcome.status_name().as_str();
        top.verdict.judgement.set_verdict(outcome.verdict());
        Self {
            id: outcome.id,
            top,
            limits: limits.map(|limits| LimitsJson::from(&*limits.run)),
            compile_limits: limits.and_then(|limits| limits.compile.as_deref()).map(LimitsJson::from),
            queue_ms: milliseconds(outcome.queue_time),
            compile: outcome.compile.as_ref().map(stage),
            runs: outcome.runs.iter().map(stage).collect(),
            summary: Summary::of(outcome),
            build: None,
        }
    }

    /// Adds the id under which the program is kept.
    pub(crate) fn with_build(self, build: Option<BuildId>) -> Self {
        Self { build: build.map(|id| id.to_string()), ..self }
    }
}

/// Returns the report of an execution that was cancelled before its first stage.
fn cancelled_before_start() -> StageReport {
    StageReport::new(StageName::Run(0), Status::Cancelled)
}

impl Verdict {
    /// Creates the verdict of a report. `truncated` says that webd dropped output of the stage.
    pub(crate) fn new(report: &StageReport, truncated: bool) -> Self {
        let (exit_code, signal) = match report.status {
            Status::Exited(code) => (Some(code), None),
            Status::Signaled(signal) => (None, Some(signal)),
            _ => (None, None),
        };
        Self {
            status: report.status.name().as_str(),
            exit_code,
            signal,
            signal_name: signal.map(signal_name),
            truncated: truncated || report.stdout_truncated || report.stderr_truncated,
            cause: KillReason::of(&report.status),
            usage: UsageJson::new(&report.usage),
            start: report.start.map(StartJson::from),
            start_ms: milliseconds(report.start_time),
            hint: report.hint.clone(),
            judgement: JudgementJson::new(report.judgement.as_deref()),
        }
    }
}

impl KillReason {
    fn of(status: &Status) -> Option<Self> {
        match status {
            Status::TimedOut { clock, limit, used } => {
                let (limit_name, clock) = match clock {
                    Clock::Cpu => (LimitName::CpuTime, "CPU time"),
                    Clock::Wall => (LimitName::WallTime, "wall-clock time"),
                    Clock::InputIdle => (LimitName::InputIdle, "input idle time"),
                };
                Some(Self {
                    limit: limit_name,
                    allowed: Amount::Milliseconds(milliseconds(*limit)),
                    used: Amount::Milliseconds(milliseconds(*used)),
                    unit: Unit::Ms,
                    message: format!(
                        "{clock} limit of {} s exceeded (used {:.3} s)",
                        limit.as_secs_f64(),
                        used.as_secs_f64()
                    ),
                })
            }
            Status::MemoryExceeded { limit, used } => Some(Self {
                limit: LimitName::Memory,
                allowed: Amount::Bytes(limit.bytes()),
                used: Amount::Bytes(used.bytes()),
                unit: Unit::Bytes,
                message: format!("memory limit of {limit} exceeded"),
            }),
            Status::OutputExceeded { stream, limit } => {
                Some(Self {
                    limit: LimitName::Output,
                    allowed: Amount::Bytes(limit.bytes()),
                    // The program was killed at the first byte beyond the limit; how much more it had to write is
                    // unknown.
                    used: Amount::Bytes(limit.bytes().saturating_add(1)),
                    unit: Unit::Bytes,
                    message: format!("output limit of {limit} exceeded on {}", stream.as_str()),
                })
            }
            Status::Exited(_) | Status::Signaled(_) | Status::Cancelled | Status::Skipped => None,
        }
    }
}

impl UsageJson {
    fn new(usage: &Usage) -> Self {
        Self {
            wall_ms: milliseconds(usage.wall_time),
            cpu_ms: milliseconds(usage.cpu_time),
            user_cpu_ms: milliseconds(usage.user_time),
            system_cpu_ms: milliseconds(usage.system_time),
            memory_bytes: usage.peak_memory.bytes(),
            peak_processes: usage.peak_processes,
            stdout_bytes: usage.stdout.bytes(),
            stderr_bytes: usage.stderr.bytes(),
        }
    }
}

/// Returns milliseconds with three decimals.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use protocol::{ByteCount, StreamName};
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(status: Status, name: &str, exit_code: Value, signal_name: Value, cause: Value) {
        let usage = Usage {
            wall_time: Duration::from_nanos(1_234_567),
            cpu_time: Duration::from_micros(999),
            peak_memory: ByteCount::mib(1),
            user_time: Duration::from_micros(900),
            system_time: Duration::from_micros(99),
            peak_processes: Some(3),
            stdout: ByteCount(6),
            stderr: ByteCount(1 << 40),
        };
        let report = StageReport {
            usage,
            stderr_truncated: true,
            start: Some(StartKind::Cold),
            start_time: Duration::from_nanos(7_654_321),
            ..StageReport::new(StageName::Run(0), status)
        };
        let verdict = serde_json::to_value(Verdict::new(&report, false)).unwrap();
        assert_eq!(verdict["status"], name);
        assert_eq!(verdict["exit_code"], exit_code);
        assert_eq!(verdict["signal_name"], signal_name);
        assert_eq!(verdict["truncated"], true);
        assert_eq!(verdict["cause"], cause);
        let usage = json!({"wall_ms": 1.235, "cpu_ms": 0.999, "user_cpu_ms": 0.9, "system_cpu_ms": 0.099,
            "memory_bytes": 1_048_576, "peak_processes": 3, "stdout_bytes": 6, "stderr_bytes": 1_099_511_627_776_u64});
        assert_eq!(verdict["usage"], usage);
        assert_eq!((&verdict["start"], &verdict["start_ms"]), (&json!("cold"), &json!(7.654)));
    }

    #[test]
    fn every_ending_has_a_status_and_a_cause() {
        let none = || Value::Null;
        check(Status::Exited(0), "ok", json!(0), none(), none());
        check(Status::Exited(3), "nonzero", json!(3), none(), none());
        check(Status::Signaled(11), "signal", none(), json!("SIGSEGV"), none());
        check(Status::Signaled(34), "signal", none(), json!("SIG34"), none());
        check(Status::Cancelled, "cancelled", none(), none(), none());
        check(Status::Skipped, "skipped", none(), none(), none());
        let (limit, used) = (Duration::from_secs(10), Duration::from_micros(10_012_345));
        let cause = json!({"limit": "cpu_time", "allowed": 10000.0, "used": 10012.345, "unit": "ms",
            "message": "CPU time limit of 10 s exceeded (used 10.012 s)"});
        check(Status::TimedOut { clock: Clock::Cpu, limit, used }, "timeout", none(), none(), cause);
        let cause = json!({"limit": "wall_time", "allowed": 10000.0, "used": 10012.345, "unit": "ms",
            "message": "wall-clock time limit of 10 s exceeded (used 10.012 s)"});
        check(Status::TimedOut { clock: Clock::Wall, limit, used }, "timeout", none(), none(), cause);
        let (limit, used) = (ByteCount::mib(256), ByteCount(268_435_456));
        let cause = json!({"limit": "memory", "allowed": 268_435_456, "used": 268_435_456, "unit": "bytes",
            "message": "memory limit of 256 MiB exceeded"});
        check(Status::MemoryExceeded { limit, used }, "memory", none(), none(), cause);
        let cause = json!({"limit": "output", "allowed": 1_048_576, "used": 1_048_577, "unit": "bytes",
            "message": "output limit of 1 MiB exceeded on stdout"});
        let exceeded = Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount::mib(1) };
        check(exceeded, "output_limit", none(), none(), cause);
    }
}
