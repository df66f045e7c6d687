//! How a stage ended, for the model and as JSON.

use protocol::{Clock, Difference, Judgement, StageReport, Status};
use serde_json::{Value, json};

use crate::collector::StageOutput;

/// Returns how a stage ended, in one line.
pub(crate) fn ending(report: &StageReport) -> String {
    match &report.status {
        Status::Exited(code) => format!("exit code {code}"),
        Status::Signaled(signal) => format!("killed by signal {signal} ({})", signal_name(*signal)),
        Status::TimedOut { clock, limit, .. } => {
            let clock = match clock {
                Clock::Cpu => "CPU time",
                Clock::Wall => "wall-clock time",
                Clock::InputIdle => "input idle time",
            };
            format!("stopped: {clock} limit of {} s exceeded", limit.as_secs_f64())
        }
        Status::MemoryExceeded { limit, .. } => format!("stopped: memory limit of {limit} exceeded"),
        Status::OutputExceeded { stream, limit } => {
            format!("stopped: output limit of {limit} exceeded on {}", stream.as_str())
        }
        Status::Cancelled => "cancelled".to_owned(),
        Status::Skipped => "skipped".to_owned(),
    }
}

/// Returns the fields of a result that describe a stage and its output.
pub(crate) fn to_json(report: &StageReport, output: &StageOutput) -> Value {
    let (exit_code, signal) = match report.status {
        Status::Exited(code) => (Some(code), None),
        Status::Signaled(signal) => (None, Some(signal)),
        _ => (None, None),
    };
    let mut json = json!({
        "status": report.status.name().as_str(),
        "exit_code": exit_code,
        "signal": signal.map(signal_name),
        "ending": ending(report),
        "stdout": output.stdout.text(),
        "stderr": output.stderr.text(),
        "truncated": is_truncated(report, output),
        "usage": {
            "wall_ms": milliseconds(report.usage.wall_time),
            "cpu_ms": milliseconds(report.usage.cpu_time),
            "memory_bytes": report.usage.peak_memory.bytes(),
        },
    });
    if let Some(hint) = &report.hint {
        json["hint"] = hint.as_str().into();
    }
    json
}

/// Returns whether the program wrote more than the result has.
pub(crate) const fn is_truncated(report: &StageReport, output: &StageOutput) -> bool {
    report.stdout_truncated
        || report.stderr_truncated
        || output.stdout.is_truncated
        || output.stderr.is_truncated
}

/// Appends the output of a stage for the model. Headings appear only where they are needed to tell streams apart.
pub(crate) fn push_output(text: &mut String, output: &StageOutput) {
    let (stdout, stderr) = (output.stdout.text(), output.stderr.text());
    for (name, content) in [("stdout", stdout), ("stderr", stderr)] {
        if !content.is_empty() {
            text.push_str(&format!("--- {name} ---\n{}\n", content.trim_end_matches('\n')));
        }
    }
}

/// Appends the hint of a stage that failed. A program could have written the same words, so they are not part of its output.
pub(crate) fn push_hint(text: &mut String, report: &StageReport) {
    if let Some(hint) = &report.hint {
        text.push_str(&format!("(Hint: {hint})\n"));
    }
}

/// Returns a sentence about the first difference of a judgement.
pub(crate) fn difference(judgement: &Judgement) -> Option<String> {
    let Difference { line, column, expected, actual } = judgement.difference.as_ref()?;
    let or_end = |text: &Option<String>| {
        text.as_ref().map_or_else(|| "the end".to_owned(), |text| format!("{text:?}"))
    };
    Some(format!("line {line}, column {column}: expected {}, got {}", or_end(expected), or_end(actual)))
}

/// Returns milliseconds with three decimals.
fn milliseconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// Returns the name of a signal, such as `SIGSEGV`.
fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(known) => known.as_str().to_owned(),
        Err(_) => format!("SIG{signal}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{ByteCount, StageName};

    use super::*;
    use crate::collector::Stream;

    #[test]
    fn every_ending_has_a_line() {
        let line = |status| ending(&StageReport::new(StageName::Run(0), status));
        assert_eq!(line(Status::Exited(3)), "exit code 3");
        assert_eq!(line(Status::Signaled(11)), "killed by signal 11 (SIGSEGV)");
        assert_eq!(line(Status::Signaled(34)), "killed by signal 34 (SIG34)");
        let (limit, used) = (Duration::from_millis(1500), Duration::from_secs(2));
        let late = Status::TimedOut { clock: Clock::Cpu, limit, used };
        assert_eq!(line(late), "stopped: CPU time limit of 1.5 s exceeded");
        let large = Status::MemoryExceeded { limit: ByteCount::mib(256), used: ByteCount::mib(256) };
        assert_eq!(line(large), "stopped: memory limit of 256 MiB exceeded");
    }

    #[test]
    fn a_result_has_text_whatever_the_program_wrote() {
        let stream = |bytes: &[u8], is_truncated| Stream { bytes: bytes.to_vec(), is_truncated };
        let output = StageOutput { stdout: stream(b"a\xff\xc3", true), stderr: stream(b"\xc3", false) };
        let report = StageReport::new(StageName::Run(0), Status::Exited(0));
        let json = to_json(&report, &output);
        assert_eq!((&json["stdout"], &json["stderr"]), (&json!("a\u{fffd}\u{fffd}"), &json!("\u{fffd}")));
        assert_eq!(json["truncated"], true);
        let mut text = String::new();
        push_output(&mut text, &StageOutput { stdout: stream(b"x\n", false), ..StageOutput::default() });
        assert_eq!(text, "--- stdout ---\nx\n");
    }
}
