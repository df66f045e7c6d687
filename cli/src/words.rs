//! How a stage ended, in words and as an exit status.

use std::time::Duration;

use protocol::{ByteCount, Clock, StageReport, Status, StreamName};

/// As timeout(1) says it.
const TIMED_OUT: u8 = 124;
const CANCELLED: u8 = 130;
/// 128 + SIGKILL, as shells show what the kernel ended for want of memory.
const OUT_OF_MEMORY: u8 = 137;
/// 128 + SIGXFSZ: wrote more than it may.
const WROTE_TOO_MUCH: u8 = 153;
const COMPILING_FAILED: u8 = 1;

/// What a user should be told beyond the output; nothing for a program that ended by itself.
pub(crate) fn complaint(status: &Status) -> Option<String> {
    Some(match status {
        Status::Exited(_) => return None,
        Status::Signaled(signal) => format!("ended by signal {signal}{}", signal_name(*signal)),
        Status::TimedOut { clock, limit, used } => {
            let clock = match clock {
                Clock::Cpu => "CPU time",
                Clock::Wall => "time",
            };
            format!("out of {clock}: {} allowed, {} used", seconds(*limit), seconds(*used))
        }
        Status::MemoryExceeded { limit, used } => {
            format!("out of memory: {limit} allowed, {} used", size(*used))
        }
        Status::OutputExceeded { stream, limit } => {
            format!("wrote too much to {}: {limit} allowed", stream_name(*stream))
        }
        Status::Cancelled => "cancelled".into(),
    })
}

pub(crate) fn exit_status_of_run(status: &Status) -> u8 {
    match status {
        // An exit code outside 0 to 255 does not exist; should one come, it is a failure all the same.
        Status::Exited(code) => u8::try_from(*code).unwrap_or(u8::MAX),
        Status::Signaled(signal) => {
            u8::try_from(*signal).ok().and_then(|n| n.checked_add(128)).unwrap_or(u8::MAX)
        }
        Status::TimedOut { .. } => TIMED_OUT,
        Status::MemoryExceeded { .. } => OUT_OF_MEMORY,
        Status::OutputExceeded { .. } => WROTE_TOO_MUCH,
        Status::Cancelled => CANCELLED,
    }
}

pub(crate) fn exit_status_of_compile(report: &StageReport) -> u8 {
    match report.status {
        Status::Cancelled => CANCELLED,
        _ => COMPILING_FAILED,
    }
}

/// The word that the HTTP API uses.
pub(crate) fn result(status: &Status) -> &'static str {
    match status {
        Status::Exited(0) => "ok",
        Status::Exited(_) => "nonzero",
        Status::Signaled(_) => "signal",
        Status::TimedOut { .. } => "timeout",
        Status::MemoryExceeded { .. } => "memory",
        Status::OutputExceeded { .. } => "output_limit",
        Status::Cancelled => "cancelled",
    }
}

pub(crate) fn stream_name(stream: StreamName) -> &'static str {
    match stream {
        StreamName::Stdout => "stdout",
        StreamName::Stderr => "stderr",
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    let text = format!("{:.3}", time.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Rounded to a unit, unlike [`ByteCount`]'s own words, which are exact.
fn size(bytes: ByteCount) -> String {
    const MIB: u64 = 1 << 20;
    match bytes.bytes() {
        bytes @ MIB.. => format!("{} MiB", bytes.div_ceil(MIB)),
        _ => bytes.to_string(),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (aborted)",
        8 => " (arithmetic error)",
        9 => " (killed)",
        11 => " (segmentation fault)",
        15 => " (terminated)",
        31 => " (forbidden system call)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_has_words_and_an_exit_status() {
        let (limit, used) = (Duration::from_secs(2), Duration::from_micros(2_050_400));
        check(&Status::Exited(0), 0, None);
        check(&Status::Exited(7), 7, None);
        check(&Status::Signaled(11), 139, Some("ended by signal 11 (segmentation fault)"));
        check(
            &Status::TimedOut { clock: Clock::Cpu, limit, used },
            124,
            Some("out of CPU time: 2 s allowed, 2.05 s used"),
        );
        check(
            &Status::TimedOut { clock: Clock::Wall, limit, used },
            124,
            Some("out of time: 2 s allowed, 2.05 s used"),
        );
        check(
            &Status::MemoryExceeded { limit: ByteCount::mib(64), used: ByteCount(67_108_865) },
            137,
            Some("out of memory: 64 MiB allowed, 65 MiB used"),
        );
        check(
            &Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount::mib(1) },
            153,
            Some("wrote too much to stdout: 1 MiB allowed"),
        );
        check(&Status::Cancelled, 130, Some("cancelled"));
    }

    fn check(status: &Status, exit: u8, words: Option<&str>) {
        assert_eq!(exit_status_of_run(status), exit, "{status:?}");
        assert_eq!(complaint(status).as_deref(), words, "{status:?}");
    }
}
