//! Exit statuses of `executor`; the table is in `executor run --help` and in executor(1).

use protocol::{Outcome, Rejection, StageName, Status};

/// The compiler rejected the program, or the compilation was killed.
const COMPILATION_FAILED: u8 = 1;
/// The request or the command line is invalid.
pub(crate) const INVALID_REQUEST: u8 = 2;
/// The run was judged and not accepted, although the program succeeded.
const NOT_ACCEPTED: u8 = 3;
/// EX_TEMPFAIL of sysexits.h.
pub(crate) const BUSY: u8 = 75;
/// As timeout(1) reports a timeout.
const TIMED_OUT: u8 = 124;
/// As timeout(1) and docker(1) report their own failure.
pub(crate) const OWN_FAILURE: u8 = 125;
/// 128 + SIGINT.
pub(crate) const CANCELLED: u8 = 130;
/// 128 + SIGKILL, as shells report a program that ran out of memory.
const OUT_OF_MEMORY: u8 = 137;
/// 128 + SIGPIPE, as shells report a program that wrote to a closed pipe.
pub(crate) const BROKEN_PIPE: u8 = 141;
/// 128 + SIGXFSZ, the signal for a file that is too large.
const TOO_MUCH_OUTPUT: u8 = 153;

/// Returns the exit status for an execution: that of its deciding stage.
pub(crate) fn of_outcome(outcome: &Outcome) -> u8 {
    match outcome.deciding_stage() {
        None => CANCELLED,
        Some(report) => match (report.stage, &report.status) {
            (_, Status::Cancelled) => CANCELLED,
            (StageName::Compile, _) => COMPILATION_FAILED,
            (StageName::Run(_), Status::Exited(0)) if report.is_failure() => NOT_ACCEPTED,
            (StageName::Run(_), status) => of_run(status),
        },
    }
}

/// Returns the exit status for a request that was not executed.
pub(crate) fn of_rejection(rejection: &Rejection) -> u8 {
    match rejection {
        Rejection::Busy { .. } => BUSY,
        Rejection::UnknownLanguage
        | Rejection::LanguageUnavailable { .. }
        | Rejection::Invalid(_)
        | Rejection::TooLarge(_)
        | Rejection::BuildNotFound
        | Rejection::Forbidden(_) => INVALID_REQUEST,
    }
}

fn of_run(status: &Status) -> u8 {
    match status {
        // The kernel has exit codes 0 to 255 only. Should another one arrive, it counts as a failure.
        Status::Exited(code) => u8::try_from(*code).unwrap_or(u8::MAX),
        Status::Signaled(signal) => {
            u8::try_from(*signal).ok().and_then(|number| number.checked_add(128)).unwrap_or(u8::MAX)
        }
        Status::TimedOut { .. } => TIMED_OUT,
        Status::MemoryExceeded { .. } => OUT_OF_MEMORY,
        Status::OutputExceeded { .. } => TOO_MUCH_OUTPUT,
        Status::Cancelled | Status::Skipped => CANCELLED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ByteCount, Clock, StreamName};
    use std::time::Duration;

    #[test]
    fn each_status_of_a_run_has_an_exit_status() {
        let (time, bytes) = (Duration::from_secs(2), ByteCount::mib(64));
        for (status, expected) in [
            (Status::Exited(0), 0),
            (Status::Exited(7), 7),
            (Status::Exited(-1), 255),
            (Status::Signaled(11), 139),
            (Status::Signaled(200), 255),
            (Status::TimedOut { clock: Clock::Cpu, limit: time, used: time }, 124),
            (Status::TimedOut { clock: Clock::Wall, limit: time, used: time }, 124),
            (Status::MemoryExceeded { limit: bytes, used: bytes }, 137),
            (Status::OutputExceeded { stream: StreamName::Stdout, limit: bytes }, 153),
            (Status::Cancelled, 130),
        ] {
            assert_eq!(of_run(&status), expected, "{status:?}");
        }
    }
}
