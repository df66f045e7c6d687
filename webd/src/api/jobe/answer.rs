//! The result of a run as Jobe gives it.

use protocol::Status;
use serde::Serialize;

use crate::domain::collected_execution::{CollectedExecution, CollectedStage};

/// The body of every answer to a run, whatever the program did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RunResult {
    run_id: Option<String>,
    outcome: u8,
    cmpinfo: String,
    stdout: String,
    stderr: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RunOutcome {
    CompilationError = 11,
    RuntimeError = 12,
    TimeLimitExceeded = 13,
    Ok = 15,
    InternalError = 20,
    ServerOverload = 21,
}

impl RunResult {
    /// Creates the result of a run without output.
    pub(crate) fn without_output(outcome: RunOutcome) -> Self {
        Self::new(outcome, "")
    }

    /// Creates the result of a program that cannot be compiled.
    pub(crate) fn compile_error(message: &str) -> Self {
        Self::new(RunOutcome::CompilationError, message)
    }

    fn new(outcome: RunOutcome, cmpinfo: &str) -> Self {
        let (stdout, stderr) = (String::new(), String::new());
        Self { run_id: None, outcome: outcome as u8, cmpinfo: cmpinfo.to_owned(), stdout, stderr }
    }

    /// Creates the result of an execution. Any message of the compiler is an error, warnings too.
    pub(crate) fn of(execution: &CollectedExecution) -> Self {
        if let Some(compile) = &execution.compile
            && !(compile.report.status.is_success() && compile.merged.is_empty())
        {
            let message = match &compile.report.status {
                Status::Exited(_) | Status::Signaled(_) if !compile.merged.is_empty() => String::new(),
                status => format!("The compilation ended with: {}\n", status.name()),
            };
            return Self::new(RunOutcome::CompilationError, &(escaped(&compile.merged) + &message));
        }
        match execution.runs.first() {
            Some(run) => Self::of_run(run),
            None => Self::without_output(RunOutcome::InternalError),
        }
    }

    fn of_run(run: &CollectedStage) -> Self {
        let (outcome, stderr) = match &run.report.status {
            Status::Exited(_) if run.stderr.is_empty() => (RunOutcome::Ok, String::new()),
            Status::Exited(_) => (RunOutcome::RuntimeError, escaped(&run.stderr)),
            Status::Signaled(signal) => {
                (RunOutcome::RuntimeError, escaped(&run.stderr) + signal_message(*signal))
            }
            Status::MemoryExceeded { .. } => (RunOutcome::RuntimeError, escaped(&run.stderr) + "Killed\n"),
            Status::TimedOut { .. } | Status::OutputExceeded { .. } => {
                (RunOutcome::TimeLimitExceeded, String::new())
            }
            _ => (RunOutcome::InternalError, String::new()),
        };
        Self { stdout: escaped(&run.stdout), stderr, ..Self::new(outcome, "") }
    }
}

/// Returns what a shell reports about a signal. It says nothing about a segmentation fault in Jobe's sandbox.
const fn signal_message(signal: i32) -> &'static str {
    match signal {
        1 => "Hangup\n",
        4 => "Illegal instruction\n",
        5 => "Trace/breakpoint trap\n",
        6 => "Aborted\n",
        7 => "Bus error\n",
        8 => "Floating point exception\n",
        9 => "Killed\n",
        11 => "",
        15 => "Terminated\n",
        24 => "CPU time limit exceeded\n",
        25 => "File size limit exceeded\n",
        31 => "Bad system call\n",
        _ => "Ended by a signal\n",
    }
}

/// Returns output as text. Bytes that are not UTF-8 are written as Jobe does: if there is one, each byte beyond `~` and
/// each control character is `\xNN`.
fn escaped(output: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(output) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(output.len());
    for &byte in output {
        match byte {
            b' '..=b'~' | b'\n' | b'\r' | b'\t' => text.push(char::from(byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{ByteCount, Clock, StageName, StageReport, StreamName};

    use super::*;
    use crate::domain::budget::Budget;

    fn stage(stage: StageName, status: Status, stdout: &[u8], stderr: &[u8]) -> CollectedStage {
        CollectedStage {
            report: StageReport { stage, status, ..StageReport::default() },
            stdout: stdout.to_vec(),
            stderr: stderr.to_vec(),
            merged: [stdout, stderr].concat(),
        }
    }

    fn result(compile: Option<(Status, &[u8])>, run: Option<(Status, &[u8], &[u8])>) -> RunResult {
        let compile = compile.map(|(status, output)| stage(StageName::Compile, status, b"", output));
        let run = run.map(|(status, stdout, stderr)| stage(StageName::Run(0), status, stdout, stderr));
        let reservation = Budget::new(0).reservation();
        RunResult::of(&CollectedExecution { compile, runs: run.into_iter().collect(), reservation })
    }

    #[test]
    fn an_outcome_depends_on_stderr_and_not_on_the_exit_code() {
        let time = Status::TimedOut { clock: Clock::Cpu, limit: Duration::ZERO, used: Duration::ZERO };
        let output = Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount(1) };
        let memory = Status::MemoryExceeded { limit: ByteCount(1), used: ByteCount(1) };
        for (status, stderr, outcome, reported) in [
            (Status::Exited(0), "", 15, ""),
            (Status::Exited(3), "", 15, ""),
            (Status::Exited(0), "w", 12, "w"),
            (Status::Exited(1), "w", 12, "w"),
            (Status::Signaled(11), "", 12, ""),
            (Status::Signaled(11), "w", 12, "w"),
            (Status::Signaled(6), "", 12, "Aborted\n"),
            (time, "w", 13, ""),
            (output, "w", 13, ""),
            (memory, "", 12, "Killed\n"),
        ] {
            let result = result(None, Some((status.clone(), b"out", stderr.as_bytes())));
            assert_eq!((result.outcome, result.stderr.as_str()), (outcome, reported), "{status:?} {stderr}");
            assert_eq!((result.stdout.as_str(), result.cmpinfo.as_str()), ("out", ""));
        }
    }

    #[test]
    fn any_message_of_a_compiler_is_an_error() {
        let run = || Some((Status::Exited(0), &b"out"[..], &b""[..]));
        assert_eq!(result(Some((Status::Exited(0), b"")), run()).outcome, 15);
        let warned = result(Some((Status::Exited(0), b"warning")), run());
        assert_eq!((warned.outcome, warned.cmpinfo.as_str(), warned.stdout.as_str()), (11, "warning", ""));
        let failed = result(Some((Status::Exited(1), b"error")), None);
        assert_eq!((failed.outcome, failed.cmpinfo.as_str()), (11, "error"));
        let silent = result(Some((Status::Exited(1), b"")), None);
        assert_eq!((silent.outcome, silent.cmpinfo.as_str()), (11, "The compilation ended with: nonzero\n"));
    }

    #[test]
    fn output_that_is_not_text_is_escaped() {
        for (output, text) in [
            (&b"a\n\r\tb"[..], "a\n\r\tb"),
            ("é\u{1}".as_bytes(), "é\u{1}"),
            (b"a\xff\x00\x7f\n~", "a\\xff\\x00\\x7f\n~"),
            (b"\xc3\xa9\xff", "\\xc3\\xa9\\xff"),
        ] {
            assert_eq!(escaped(output), text);
        }
    }
}
