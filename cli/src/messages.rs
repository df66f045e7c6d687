//! Messages about how an execution ended.

use std::time::Duration;

use protocol::{ByteCount, Clock, Outcome, StageName, Status};

/// Returns the message about an execution, that of its deciding stage; `None` if the program exited by itself.
pub(crate) fn of_outcome(outcome: &Outcome) -> Option<String> {
    match outcome.deciding_stage() {
        None => of_status(&Status::Cancelled),
        Some(report) => match (report.stage, &report.status) {
            (StageName::Compile, Status::Exited(_)) => Some("compilation failed".into()),
            (StageName::Compile, status) => {
                of_status(status).map(|message| format!("compilation: {message}"))
            }
            (StageName::Run(_), status) => of_status(status),
        },
    }
}

/// Returns the message about a stage; `None` if the program exited by itself.
pub(crate) fn of_status(status: &Status) -> Option<String> {
    Some(match status {
        Status::Exited(_) => return None,
        Status::Signaled(signal) => format!("killed by signal {signal}{}", signal_description(*signal)),
        Status::TimedOut { clock, limit, used } => {
            let clock = match clock {
                Clock::Cpu => "CPU time",
                Clock::Wall => "wall-clock time",
            };
            format!("{clock} limit exceeded: {} allowed, {} used", seconds(*limit), seconds(*used))
        }
        Status::MemoryExceeded { limit, used } => {
            format!("memory limit exceeded: {limit} allowed, {} used", rounded(*used))
        }
        Status::OutputExceeded { stream, limit } => {
            format!("output limit exceeded: {limit} of {} allowed", stream.as_str())
        }
        Status::Cancelled => "cancelled".into(),
    })
}

fn seconds(time: Duration) -> String {
    let text = format!("{:.3}", time.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Rounds up to mebibytes, unlike [`ByteCount`]'s own format, which is exact.
fn rounded(bytes: ByteCount) -> String {
    const MIB: u64 = 1 << 20;
    match bytes.bytes() {
        count @ MIB.. => format!("{} MiB", count.div_ceil(MIB)),
        _ => bytes.to_string(),
    }
}

fn signal_description(signal: i32) -> &'static str {
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
    use protocol::StreamName;

    #[test]
    fn each_status_has_a_message() {
        let (limit, used) = (Duration::from_secs(2), Duration::from_micros(2_050_400));
        check(&Status::Exited(0), None);
        check(&Status::Exited(7), None);
        check(&Status::Signaled(11), Some("killed by signal 11 (segmentation fault)"));
        check(
            &Status::TimedOut { clock: Clock::Cpu, limit, used },
            Some("CPU time limit exceeded: 2 s allowed, 2.05 s used"),
        );
        check(
            &Status::TimedOut { clock: Clock::Wall, limit, used },
            Some("wall-clock time limit exceeded: 2 s allowed, 2.05 s used"),
        );
        check(
            &Status::MemoryExceeded { limit: ByteCount::mib(64), used: ByteCount(67_108_865) },
            Some("memory limit exceeded: 64 MiB allowed, 65 MiB used"),
        );
        check(
            &Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount::mib(1) },
            Some("output limit exceeded: 1 MiB of stdout allowed"),
        );
        check(&Status::Cancelled, Some("cancelled"));
    }

    fn check(status: &Status, message: Option<&str>) {
        assert_eq!(of_status(status).as_deref(), message, "{status:?}");
    }
}
