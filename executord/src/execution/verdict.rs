//! From what was seen to what it means: pure.

use std::time::Duration;

use nix::libc::{SIGKILL, SIGXCPU, WEXITSTATUS, WIFEXITED, WTERMSIG};
use protocol::{ByteCount, Clock, Limits, Status, StreamName, Usage};
use sandbox::ExitReport;
use sandbox::cgroup::Readings;

/// Why we ended a program. The first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillReason {
    /// Its time on the wall was over.
    Wall,
    /// Its CPU time was used up.
    Cpu,
    /// The kernel killed a process of it for want of memory.
    Memory,
    /// It wrote more than is kept.
    Output(StreamName),
    /// The client said so, or is gone, or the daemon is about to stop.
    Cancelled,
}

/// What was seen of a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// Why we ended it, if we did.
    pub(crate) kill_reason: Option<KillReason>,
    /// How its main process ended; unknown if init was killed with it.
    pub(crate) end: Option<ExitReport>,
    /// What its group counted, where there is one.
    pub(crate) readings: Option<Readings>,
    /// From its start to its end.
    pub(crate) wall_time: Duration,
}

/// How the stage ended, and what it used.
pub(crate) fn judge(seen: &Observation, limits: &Limits) -> (Status, Usage) {
    let usage = usage(seen);
    (status(seen, limits, &usage), usage)
}

fn usage(seen: &Observation) -> Usage {
    let (own_cpu, own_memory) = seen.end.map_or((Duration::ZERO, 0), |end| (end.cpu_time, end.peak_rss));
    let readings = seen.readings.unwrap_or_default();
    Usage {
        wall_time: seen.wall_time,
        // Without a group what the kernel says of the main process is all there is.
        cpu_time: if readings.cpu_time.is_zero() { own_cpu } else { readings.cpu_time },
        peak_memory: ByteCount(if readings.peak_memory == 0 { own_memory } else { readings.peak_memory }),
    }
}

fn status(seen: &Observation, limits: &Limits, usage: &Usage) -> Status {
    let memory = Status::MemoryExceeded { limit: limits.memory, used: usage.peak_memory.max(limits.memory) };
    let cpu = Status::TimedOut { clock: Clock::Cpu, limit: limits.cpu_time, used: usage.cpu_time };
    match seen.kill_reason {
        Some(KillReason::Cancelled) => return Status::Cancelled,
        Some(KillReason::Memory) => return memory,
        Some(KillReason::Cpu) => return cpu,
        Some(KillReason::Wall) => {
            return Status::TimedOut { clock: Clock::Wall, limit: limits.wall_time, used: usage.wall_time };
        }
        Some(KillReason::Output(stream)) => return Status::OutputExceeded { stream, limit: limits.output },
        None => {}
    }
    // A kill alone proves nothing: only the kernel's own count does.
    if seen.readings.is_some_and(|readings| readings.out_of_memory_kills > 0) {
        return memory;
    }
    let Some(end) = seen.end else { return Status::Signaled(SIGKILL) };
    // Memory too, though no group counts it.
    if end.kernel_memory_exceeded {
        return memory;
    }
    if WIFEXITED(end.wait_status) {
        return Status::Exited(WEXITSTATUS(end.wait_status));
    }
    let signal = WTERMSIG(end.wait_status);
    // The resource limit, which counts each process by itself, came before our own count.
    if [SIGXCPU, SIGKILL].contains(&signal) && usage.cpu_time >= limits.cpu_time {
        return cpu;
    }
    Status::Signaled(signal)
}

#[cfg(test)]
mod tests {
    use super::{
        ByteCount, Clock, Duration, ExitReport, KillReason, Limits, Observation, Readings, Status,
        StreamName, judge,
    };

    const RUN: Limits = Limits::RUN;
    const CPU: Duration = Duration::from_secs(1);

    fn seen(
        kill_reason: Option<KillReason>,
        wait_status: Option<i32>,
        kills: u64,
        cpu: Duration,
    ) -> Observation {
        Observation {
            kill_reason,
            end: wait_status.map(|wait_status| ExitReport {
                wait_status,
                wall_time: Duration::from_secs(20),
                cpu_time: CPU,
                peak_rss: 5,
                kernel_memory_exceeded: false,
            }),
            readings: Some(Readings { cpu_time: cpu, peak_memory: 7, out_of_memory_kills: kills }),
            wall_time: Duration::from_secs(20),
        }
    }

    #[test]
    fn what_we_did_comes_first_then_what_the_kernel_did_then_what_the_program_did() {
        let memory = Status::MemoryExceeded { limit: RUN.memory, used: RUN.memory };
        let cpu_used = Duration::from_secs(11);
        let cpu = Status::TimedOut { clock: Clock::Cpu, limit: RUN.cpu_time, used: cpu_used };
        let wall =
            Status::TimedOut { clock: Clock::Wall, limit: RUN.wall_time, used: Duration::from_secs(20) };
        let output = Status::OutputExceeded { stream: StreamName::Stderr, limit: RUN.output };
        for (seen, expected) in [
            (seen(None, Some(0), 0, CPU), Status::Exited(0)),
            (seen(None, Some(7 << 8), 0, CPU), Status::Exited(7)),
            (seen(None, Some(11), 0, CPU), Status::Signaled(11)),
            (seen(None, Some(128 | 6), 0, CPU), Status::Signaled(6)),
            (seen(None, Some(9), 0, CPU), Status::Signaled(9)),
            (seen(None, Some(9), 1, CPU), memory.clone()),
            (seen(None, Some(0), 1, CPU), memory.clone()),
            (seen(None, None, 1, CPU), memory.clone()),
            (seen(None, None, 0, CPU), Status::Signaled(9)),
            (seen(None, Some(24), 0, cpu_used), cpu.clone()),
            (seen(None, Some(24), 0, CPU), Status::Signaled(24)),
            (seen(Some(KillReason::Cpu), Some(15), 0, cpu_used), cpu),
            (seen(Some(KillReason::Wall), Some(0), 0, CPU), wall),
            (seen(Some(KillReason::Memory), Some(9), 1, CPU), memory),
            (seen(Some(KillReason::Output(StreamName::Stderr)), Some(9), 0, CPU), output),
            (seen(Some(KillReason::Cancelled), Some(9), 1, CPU), Status::Cancelled),
        ] {
            assert_eq!(judge(&seen, &RUN).0, expected, "{seen:?}");
        }
    }

    #[test]
    fn without_a_group_the_main_process_is_what_is_counted() {
        let alone = Observation { readings: None, ..seen(None, Some(0), 0, CPU) };
        let (_, usage) = judge(&alone, &RUN);
        assert_eq!((usage.cpu_time, usage.peak_memory), (CPU, ByteCount(5)));
    }
}
