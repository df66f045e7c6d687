//! Verdicts: from how programs ended to the judgement of a run. Pure.

use std::fmt::Write;

use protocol::bounds::MAX_JUDGE_MESSAGE;
use protocol::{Clock, Judgement, Status, Usage, Verdict};

/// A program that used less than this part of its wall-clock time was idle.
const IDLE_SHARE: u32 = 10;

/// Kind of program that judges, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::execution) enum JudgeKind {
    Checker,
    Interactor,
}

impl JudgeKind {
    pub(in crate::execution) const fn name(self) -> &'static str {
        match self {
            Self::Checker => "checker",
            Self::Interactor => "interactor",
        }
    }
}

/// How a checker or an interactor ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::execution) struct JudgeEnd<'a> {
    pub(in crate::execution) kind: JudgeKind,
    pub(in crate::execution) status: &'a Status,
    /// Its output for people.
    pub(in crate::execution) message: &'a [u8],
}

/// Returns the judgement of a run that ended without success, whatever it wrote. Returns `None` if its output decides,
/// or if it was cancelled.
pub(in crate::execution) fn of_solution(status: &Status, usage: &Usage) -> Option<Judgement> {
    let verdict = match status {
        Status::Exited(0) | Status::Cancelled => return None,
        Status::Exited(_) | Status::Signaled(_) => Verdict::RuntimeError,
        Status::TimedOut { .. } => Verdict::TimeLimitExceeded,
        Status::MemoryExceeded { .. } => Verdict::MemoryLimitExceeded,
        Status::OutputExceeded { .. } => Verdict::OutputLimitExceeded,
        Status::Skipped => Verdict::Skipped,
    };
    Some(Judgement { message: idleness(status, usage).unwrap_or_default(), ..verdict.into() })
}

/// Describes the idleness of a program that exceeded its wall-clock time limit without using the CPU. It waited, for
/// example, for input that never came.
fn idleness(status: &Status, usage: &Usage) -> Option<String> {
    let Status::TimedOut { clock: Clock::Wall, used, .. } = status else { return None };
    let is_idle = usage.cpu_time < *used / IDLE_SHARE;
    is_idle.then(|| {
        let (cpu, wall) = (usage.cpu_time.as_secs_f64(), used.as_secs_f64());
        format!("idleness limit exceeded: the program used {cpu:.3} s of CPU time in {wall:.3} s")
    })
}

/// Returns the judgement of a checker or an interactor. Exit codes are those of testlib.
pub(in crate::execution) fn of_judge(end: JudgeEnd<'_>) -> Judgement {
    let verdict = match end.status {
        Status::Exited(0) => Verdict::Accepted,
        Status::Exited(1) => Verdict::WrongAnswer,
        // `_pe`; `_dirt`: text after the end of the answer; `_unexpected_eof`.
        Status::Exited(2 | 4 | 8) => Verdict::PresentationError,
        // `_points`.
        Status::Exited(7) => Verdict::PartiallyCorrect,
        _ => return judge_error(end),
    };
    Judgement { message: bounded(end.message), ..verdict.into() }
}

/// Returns the judgement of a run whose judge failed.
fn judge_error(end: JudgeEnd<'_>) -> Judgement {
    let mut message = format!("the {} {}", end.kind.name(), describe(end.status));
    let said = bounded(end.message);
    if !said.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(message, ": {said}");
    }
    Judgement { message: cut(message), ..Verdict::JudgeError.into() }
}

/// Returns the judgement of a run that was not judged, because the checker or the interactor could not be compiled.
pub(in crate::execution) fn of_broken_judge(kind: JudgeKind, compiler_output: &[u8]) -> Judgement {
    let said = bounded(compiler_output);
    Judgement {
        message: cut(format!("the {} could not be compiled: {said}", kind.name())),
        ..Verdict::JudgeError.into()
    }
}

/// Returns the judgement of a dialogue. The verdict is that of the program that failed first: a solution that crashes
/// makes the interactor read the end of its input, and an interactor that has seen enough leaves the solution without
/// an answer.
pub(in crate::execution) fn of_dialogue(
    solution: (&Status, &Usage),
    interactor: JudgeEnd<'_>,
    interactor_ended_first: bool,
) -> Option<Judgement> {
    let own = of_solution(solution.0, solution.1);
    match (own, interactor.status) {
        (Some(own), Status::Exited(0)) => Some(own),
        (Some(own), _) if !interactor_ended_first => Some(own),
        // The client cancelled both.
        (None, Status::Cancelled) if *solution.0 == Status::Cancelled => None,
        _ => Some(of_judge(interactor)),
    }
}

fn describe(status: &Status) -> String {
    match status {
        Status::Exited(3) => "reported a failure".to_owned(),
        Status::Exited(code) => format!("exited with code {code}"),
        Status::Signaled(signal) => format!("was killed by signal {signal}"),
        Status::TimedOut { clock, limit, .. } => {
            let clock = match clock {
                Clock::Cpu => "CPU time",
                Clock::Wall => "wall-clock time",
                // It has no live input.
                Clock::InputIdle => "idle time",
            };
            format!("exceeded its {clock} limit of {} s", limit.as_secs_f64())
        }
        Status::MemoryExceeded { limit, .. } => format!("exceeded its memory limit of {limit}"),
        Status::OutputExceeded { limit, .. } => format!("exceeded its output limit of {limit}"),
        Status::Cancelled | Status::Skipped => "was ended".to_owned(),
    }
}

/// Returns what a program wrote as text of at most [`MAX_JUDGE_MESSAGE`] bytes.
fn bounded(bytes: &[u8]) -> String {
    // Bytes that are not UTF-8 become up to three times as many.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_JUDGE_MESSAGE)]);
    cut(text.trim().to_owned())
}

/// Returns at most the first [`MAX_JUDGE_MESSAGE`] bytes of `text`, without a part of a character.
fn cut(mut text: String) -> String {
    let end = (0..=text.len().min(MAX_JUDGE_MESSAGE)).rev().find(|&end| text.is_char_boundary(end));
    text.truncate(end.unwrap_or(0));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{ByteCount, StreamName};

    use super::*;

    const OK: Status = Status::Exited(0);

    fn timed_out(clock: Clock) -> Status {
        Status::TimedOut { clock, limit: Duration::from_secs(2), used: Duration::from_secs(2) }
    }

    fn checker<'a>(status: &'a Status, message: &'a [u8]) -> JudgeEnd<'a> {
        JudgeEnd { kind: JudgeKind::Checker, status, message }
    }

    #[test]
    fn a_run_without_success_has_its_own_verdict() {
        let (memory, output) = (ByteCount::mib(1), StreamName::Stdout);
        for (status, verdict) in [
            (OK, None),
            (Status::Cancelled, None),
            (Status::Exited(1), Some(Verdict::RuntimeError)),
            (Status::Signaled(11), Some(Verdict::RuntimeError)),
            (timed_out(Clock::Cpu), Some(Verdict::TimeLimitExceeded)),
            (timed_out(Clock::Wall), Some(Verdict::TimeLimitExceeded)),
            (Status::MemoryExceeded { limit: memory, used: memory }, Some(Verdict::MemoryLimitExceeded)),
            (Status::OutputExceeded { stream: output, limit: memory }, Some(Verdict::OutputLimitExceeded)),
            (Status::Skipped, Some(Verdict::Skipped)),
        ] {
            let judgement = of_solution(&status, &Usage::default());
            assert_eq!(judgement.map(|judgement| judgement.verdict), verdict, "{status:?}");
        }
    }

    #[test]
    fn a_program_that_only_waited_was_idle() {
        let message = |clock, cpu| {
            let usage = Usage { cpu_time: Duration::from_millis(cpu), ..Usage::default() };
            of_solution(&timed_out(clock), &usage).unwrap().message
        };
        let idle = "idleness limit exceeded: the program used 0.003 s of CPU time in 2.000 s";
        assert_eq!(message(Clock::Wall, 3), idle);
        assert_eq!(message(Clock::Wall, 1000), "");
        assert_eq!(message(Clock::Cpu, 3), "");
    }

    #[test]
    fn exit_codes_are_those_of_testlib() {
        for (code, verdict) in [
            (0, Verdict::Accepted),
            (1, Verdict::WrongAnswer),
            (2, Verdict::PresentationError),
            (3, Verdict::JudgeError),
            (4, Verdict::PresentationError),
            (7, Verdict::PartiallyCorrect),
            (8, Verdict::PresentationError),
            (5, Verdict::JudgeError),
            (127, Verdict::JudgeError),
        ] {
            assert_eq!(of_judge(checker(&Status::Exited(code), b"")).verdict, verdict, "{code}");
        }
    }

    #[test]
    fn a_judge_that_fails_is_never_the_solutions_fault() {
        for (status, message) in [
            (Status::Exited(3), "the checker reported a failure: no n"),
            (Status::Exited(9), "the checker exited with code 9: no n"),
            (Status::Signaled(11), "the checker was killed by signal 11: no n"),
            (timed_out(Clock::Cpu), "the checker exceeded its CPU time limit of 2 s: no n"),
            (timed_out(Clock::Wall), "the checker exceeded its wall-clock time limit of 2 s: no n"),
            (
                Status::MemoryExceeded { limit: ByteCount::mib(1), used: ByteCount::mib(1) },
                "the checker exceeded its memory limit of 1 MiB: no n",
            ),
        ] {
            let judgement = of_judge(checker(&status, b" no n\n"));
            assert_eq!((judgement.verdict, &*judgement.message), (Verdict::JudgeError, message));
        }
        let broken = of_broken_judge(JudgeKind::Interactor, b"error: x\n");
        assert_eq!(broken.message, "the interactor could not be compiled: error: x");
    }

    #[test]
    fn messages_are_bounded_text() {
        for byte in [b'x', b'\xff', b'\xc3'] {
            let said = vec![byte; 1 << 20];
            for code in [0, 3] {
                let message = of_judge(checker(&Status::Exited(code), &said)).message;
                assert!((MAX_JUDGE_MESSAGE - 4..=MAX_JUDGE_MESSAGE).contains(&message.len()));
            }
            assert!(of_broken_judge(JudgeKind::Checker, &said).message.len() <= MAX_JUDGE_MESSAGE);
        }
    }

    #[test]
    fn in_a_dialogue_the_first_failure_decides() {
        let (wall, crash, ended) = (timed_out(Clock::Wall), Status::Signaled(11), Status::Cancelled);
        let code = Status::Exited;
        let check = |solution: &Status, interactor: &Status, interactor_first, expected: Option<Verdict>| {
            let end = JudgeEnd { kind: JudgeKind::Interactor, status: interactor, message: b"" };
            let judgement = of_dialogue((solution, &Usage::default()), end, interactor_first);
            let verdict = judgement.map(|judgement| judgement.verdict);
            assert_eq!(verdict, expected, "{solution:?} {interactor:?} {interactor_first}");
        };
        for first in [false, true] {
            check(&OK, &code(0), first, Some(Verdict::Accepted));
            check(&OK, &code(1), first, Some(Verdict::WrongAnswer));
            check(&OK, &code(2), first, Some(Verdict::PresentationError));
            check(&OK, &crash, first, Some(Verdict::JudgeError));
            check(&OK, &wall, first, Some(Verdict::JudgeError));
            // It accepted, and the solution failed before or after that.
            check(&crash, &code(0), first, Some(Verdict::RuntimeError));
            check(&wall, &code(0), first, Some(Verdict::TimeLimitExceeded));
            check(&ended, &ended, first, None);
        }
        // The end of the solution was the end of the interactor's input.
        check(&crash, &code(1), false, Some(Verdict::RuntimeError));
        check(&code(1), &code(3), false, Some(Verdict::RuntimeError));
        check(&wall, &ended, false, Some(Verdict::TimeLimitExceeded));
        check(&wall, &wall, false, Some(Verdict::TimeLimitExceeded));
        // The end of the interactor was the end of the solution's input.
        check(&crash, &code(1), true, Some(Verdict::WrongAnswer));
        check(&code(1), &code(2), true, Some(Verdict::PresentationError));
        check(&crash, &crash, true, Some(Verdict::JudgeError));
        check(&ended, &code(1), true, Some(Verdict::WrongAnswer));
        check(&ended, &crash, true, Some(Verdict::JudgeError));
    }
}
