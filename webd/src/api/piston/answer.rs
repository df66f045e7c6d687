//! The answer of an execution as Piston gives it.

use protocol::{Clock, Status, StreamName};
use serde::Serialize;

use crate::api::piston::runtime::Runtime;
use crate::domain::collected_execution::{CollectedExecution, CollectedStage};
use crate::domain::signal_name::signal_name;

/// The whole answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    compile: Option<StageJson>,
    run: StageJson,
    language: String,
    version: String,
}

/// A stage. Every key is always there.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StageJson {
    signal: Option<String>,
    stdout: String,
    stderr: String,
    code: Option<i32>,
    output: String,
    memory: u64,
    message: Option<String>,
    status: Option<&'static str>,
    cpu_time: u64,
    wall_time: u64,
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<String>,
    pub(crate) status: Option<&'static str>,
    pub(crate) message: Option<String>,
}

impl Answer {
    /// Creates the answer; `None` if the execution was cancelled before its first stage. What ran in place of a program
    /// that was not compiled is its compilation.
    pub(crate) fn new(execution: &CollectedExecution, runtime: Runtime) -> Option<Self> {
        let compile = execution.compile.as_ref().map(StageJson::new);
        let run = match execution.failed_compilation() {
            Some(_) => compile.clone(),
            None => execution.runs.first().map(StageJson::new),
        };
        let version = runtime.version.to_string();
        Some(Self { compile, run: run?, language: runtime.name, version })
    }
}

impl StageJson {
    fn new(stage: &CollectedStage) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ending = Ending::of(&stage.report.status);
        let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            signal: ending.signal,
            stdout: text(&stage.stdout),
            stderr: text(&stage.stderr),
            code: ending.code,
            output: text(&stage.merged),
            memory: stage.report.usage.peak_memory.bytes(),
            message: ending.message,
            status: ending.status,
            cpu_time: milliseconds(stage.report.usage.cpu_time),
            wall_time: milliseconds(stage.report.usage.wall_time),
        }
    }
}

impl Ending {
    /// Returns Piston's words for a status.
    pub(crate) fn of(status: &Status) -> Self {
        let killed = |status: &'static str, message: &str| Self {
            code: None,
            signal: Some("SIGKILL".to_owned()),
            status: Some(status),
            message: Some(message.to_owned()),
        };
        match status {
            Status::Exited(0) => Self { code: Some(0), signal: None, status: None, message: None },
            Status::Exited(code) => Self {
                code: Some(*code),
                signal: None,
                status: Some("RE"),
                message: Some(format!("Exited with error status {code}")),
            },
            Status::Signaled(signal) => Self {
                code: None,
                signal: Some(signal_name(*signal)),
                status: Some("SG"),
                message: Some(format!("Caught fatal signal {signal}")),
            },
            Status::TimedOut { clock: Clock::Cpu, .. } => killed("TO", "Time limit exceeded"),
            Status::TimedOut { clock: Clock::Wall | Clock::InputIdle, .. } => {
                killed("TO", "Time limit exceeded (wall clock)")
            }
            Status::OutputExceeded { stream: StreamName::Stdout, .. } => {
                killed("OL", "stdout length exceeded")
            }
            Status::OutputExceeded { stream: StreamName::Stderr, .. } => {
                killed("EL", "stderr length exceeded")
            }
            Status::MemoryExceeded { .. } | Status::Cancelled | Status::Skipped => {
                killed("SG", "Caught fatal signal 9")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::ByteCount;

    use super::*;

    #[test]
    fn every_status_has_the_words_of_piston() {
        let time = |clock| Status::TimedOut { clock, limit: Duration::ZERO, used: Duration::ZERO };
        let output = |stream| Status::OutputExceeded { stream, limit: ByteCount(1) };
        let memory = Status::MemoryExceeded { limit: ByteCount(1), used: ByteCount(1) };
        for (status, code, signal, word, message) in [
            (Status::Exited(0), Some(0), None, None, None),
            (Status::Exited(3), Some(3), None, Some("RE"), Some("Exited with error status 3")),
            (Status::Signaled(11), None, Some("SIGSEGV"), Some("SG"), Some("Caught fatal signal 11")),
            (time(Clock::Cpu), None, Some("SIGKILL"), Some("TO"), Some("Time limit exceeded")),
            (time(Clock::Wall), None, Some("SIGKILL"), Some("TO"), Some("Time limit exceeded (wall clock)")),
            (memory, None, Some("SIGKILL"), Some("SG"), Some("Caught fatal signal 9")),
            (output(StreamName::Stdout), None, Some("SIGKILL"), Some("OL"), Some("stdout length exceeded")),
            (output(StreamName::Stderr), None, Some("SIGKILL"), Some("EL"), Some("stderr length exceeded")),
        ] {
            let ending = Ending {
                code,
                signal: signal.map(str::to_owned),
                status: word,
                message: message.map(str::to_owned),
            };
            assert_eq!(Ending::of(&status), ending);
        }
    }
}
