//! Messages about how an execution ended.

use std::time::Duration;

use protocol::{ByteCount, Clock, Outcome, StageName, StageReport, StartKind, Status};

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
                Clock::InputIdle => "time without input",
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
        Status::Skipped => "skipped".into(),
    })
}

/// Returns a line about the usage of each stage.
pub(crate) fn of_usage(outcome: &Outcome) -> Vec<String> {
    let stages = outcome.compile.iter().chain(&outcome.runs);
    stages.map(|report| usage(report, outcome.queue_time)).collect()
}

fn usage(report: &StageReport, queue_time: Duration) -> String {
    let StageReport { usage, start, start_time, .. } = report;
    let name = if report.stage == StageName::Compile { "compilation" } else { "run" };
    let start = match start {
        None => return format!("{name}: not started"),
        Some(StartKind::Cached) => return format!("{name}: cached"),
        Some(start) => format!("{} start in {}", start.as_str(), seconds(*start_time)),
    };
    let processes =
        usage.peak_processes.map(|count| format!(", at most {count} processes")).unwrap_or_default();
    format!(
        "{name}: {} wall-clock time, {} user and {} system CPU time, {}{processes}, \
         {} bytes on stdout and {} on stderr; {start}, queued for {}",
        seconds(usage.wall_time),
        seconds(usage.user_time),
        seconds(usage.system_time),
        rounded(usage.peak_memory),
        usage.stdout.bytes(),
        usage.stderr.bytes(),
        seconds(queue_time),
    )
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

    #[test]
    fn the_usage_has_a_line_for_each_stage() {
        let start = |stage, start| StageReport { stage, start, ..StageReport::default() };
        let usage = protocol::Usage {
            wall_time: Duration::from_millis(21),
            cpu_time: Duration::from_micros(15_250),
            peak_memory: ByteCount::mib(9),
            user_time: Duration::from_micros(12_000),
            system_time: Duration::from_micros(3_250),
            peak_processes: Some(2),
            stdout: ByteCount(3),
            stderr: ByteCount(4),
        };
        let start_time = Duration::from_micros(1_500);
        let run = StageReport { usage, start_time, ..start(StageName::Run(0), Some(StartKind::Warm)) };
        let outcome = Outcome {
            compile: Some(start(StageName::Compile, Some(StartKind::Cached))),
            runs: vec![run, start(StageName::Run(1), None)],
            ..Outcome::default()
        };
        let expected = [
            "compilation: cached",
            "run: 0.021 s wall-clock time, 0.012 s user and 0.003 s system CPU time, 9 MiB, at most 2 processes, \
             3 bytes on stdout and 4 on stderr; warm start in 0.002 s, queued for 0 s",
            "run: not started",
        ];
        assert_eq!(of_usage(&outcome), expected);
    }

    fn check(status: &Status, message: Option<&str>) {
        assert_eq!(of_status(status).as_deref(), message, "{status:?}");
    }
}
