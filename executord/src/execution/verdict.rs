//! The verdict: from the observations of a stage to its status and usage. Pure.

use std::time::Duration;

use nix::libc::{SIGKILL, SIGXCPU, WEXITSTATUS, WIFEXITED, WTERMSIG};
use protocol::{ByteCount, Clock, Limits, Status, StreamName, Usage};
use sandbox::ExitReport;
use sandbox::cgroup::Readings;

/// The reason why the daemon ended a program. The first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillReason {
    /// The wall-clock time limit.
    WallTime,
    /// It waited for live input for this long, and the client sent none.
    InputIdle(Duration),
    /// The CPU time limit, by cgroup accounting.
    CpuTime,
    /// The kernel killed a process because the cgroup was out of memory.
    Memory,
    /// The output limit.
    Output(StreamName),
    /// The client cancelled or disconnected, or the daemon stops.
    Cancelled,
}

/// CPU time that a sandbox's own processes use while a program runs, and that its cgroup accounts for too: this much,
/// and this part of the wall-clock time.
const SANDBOX_CPU_TIME: Duration = Duration::from_millis(50);
const SANDBOX_CPU_SHARE: u32 = 100;

/// Observations of a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// Why the daemon ended it, if it did.
    pub(crate) kill_reason: Option<KillReason>,
    /// How its main process ended. Unknown if init was killed with it.
    pub(crate) exit: Option<ExitReport>,
    /// The cgroup's counters, if there is a cgroup.
    pub(crate) readings: Option<Readings>,
    /// Time from its start to its end, without that for which it waited for live input.
    pub(crate) wall_time: Duration,
    /// Bytes read of its stdout and of its stderr.
    pub(crate) written: [ByteCount; 2],
}

/// Returns how the stage ended, and what it used.
pub(crate) fn judge(observation: &Observation, limits: &Limits) -> (Status, Usage) {
    let mut usage = usage(observation);
    let status = status(observation, limits, &usage);
    // An answer has one figure for one thing.
    match status {
        Status::TimedOut { clock: Clock::Cpu, used, .. } => usage.cpu_time = used,
        Status::MemoryExceeded { used, .. } => usage.peak_memory = used,
        _ => {}
    }
    usage.user_time = user_time(observation, usage.cpu_time);
    usage.system_time = usage.cpu_time - usage.user_time;
    (status, usage)
}

fn usage(observation: &Observation) -> Usage {
    let exit = observation.exit;
    let readings = observation.readings.unwrap_or_default();
    // Without a cgroup there is only what wait4(2) returned for the main process.
    let own_memory = exit.map_or(0, |exit| exit.peak_rss);
    let [stdout, stderr] = observation.written;
    Usage {
        wall_time: observation.wall_time,
        cpu_time: exit.map_or(readings.cpu_time, |exit| cpu_time(&exit, readings.cpu_time)),
        peak_memory: ByteCount(if readings.peak_memory == 0 { own_memory } else { readings.peak_memory }),
        // The program itself is one, even if it ended before it was counted.
        peak_processes: readings.peak_processes.map(|processes| processes.max(1)),
        stdout,
        stderr,
        ..Usage::default()
    }
}

/// Returns the part of `cpu_time` that the program spent outside the kernel.
///
/// The kernel knows only the sum exactly. It attributes each tick of its timer to one of the two parts, for a process
/// and for a cgroup separately, so their parts are used as a ratio. Without a tick all of the time counts as the
/// program's own, as in the kernel (`cputime_adjust`).
fn user_time(observation: &Observation, cpu_time: Duration) -> Duration {
    let of_cgroup = observation.readings.map(|readings| (readings.user_time, readings.system_time));
    let of_processes =
        observation.exit.map(|exit| (exit.cpu_time - exit.system_time.min(exit.cpu_time), exit.system_time));
    let known =
        [of_cgroup, of_processes].into_iter().flatten().find(|(user, system)| !(*user + *system).is_zero());
    let Some((user, system)) = known else { return cpu_time };
    cpu_time.mul_f64(user.div_duration_f64(user + system)).min(cpu_time)
}

/// Returns the CPU time of a program. That of the processes that init reaped has the same interval as the wall-clock
/// time, whereas the cgroup accounts for the sandbox's own processes too. But a program can hide processes from init,
/// by ignoring SIGCHLD: then the cgroup accounts for more.
fn cpu_time(exit: &ExitReport, accounted: Duration) -> Duration {
    let sandbox = SANDBOX_CPU_TIME + exit.wall_time / SANDBOX_CPU_SHARE;
    if accounted > exit.cpu_time + sandbox { accounted } else { exit.cpu_time }
}

fn status(observation: &Observation, limits: &Limits, usage: &Usage) -> Status {
    let memory = Status::MemoryExceeded { limit: limits.memory, used: usage.peak_memory.max(limits.memory) };
    let cpu_time = Status::TimedOut {
        clock: Clock::Cpu,
        limit: limits.cpu_time,
        used: usage.cpu_time.max(limits.cpu_time),
    };
    match observation.kill_reason {
        Some(KillReason::Cancelled) => return Status::Cancelled,
        Some(KillReason::Memory) => return memory,
        Some(KillReason::CpuTime) => return cpu_time,
        Some(KillReason::WallTime) => {
            return Status::TimedOut { clock: Clock::Wall, limit: limits.wall_time, used: usage.wall_time };
        }
        Some(KillReason::InputIdle(used)) => {
            return Status::TimedOut { clock: Clock::InputIdle, limit: limits.input_idle, used };
        }
        Some(KillReason::Output(stream)) => return Status::OutputExceeded { stream, limit: limits.output },
        None => {}
    }
    // Only the kernel's counter proves it: a program may send SIGKILL to itself.
    if observation.readings.is_some_and(|readings| readings.out_of_memory_kills > 0) {
        return memory;
    }
    let Some(exit) = observation.exit else { return Status::Signaled(SIGKILL) };
    // Kernel memory that no cgroup accounts for.
    if exit.kernel_memory_exceeded {
        return memory;
    }
    if WIFEXITED(exit.wait_status) {
        return Status::Exited(WEXITSTATUS(exit.wait_status));
    }
    let signal = WTERMSIG(exit.wait_status);
    // RLIMIT_CPU, the backstop for a single process, came before the check of the cgroup's counter.
    if [SIGXCPU, SIGKILL].contains(&signal) && usage.cpu_time >= limits.cpu_time {
        return cpu_time;
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

    fn observed(
        kill_reason: Option<KillReason>,
        wait_status: Option<i32>,
        kills: u64,
        cpu: Duration,
    ) -> Observation {
        Observation {
            kill_reason,
            exit: wait_status.map(|wait_status| ExitReport {
                wait_status,
                wall_time: Duration::from_secs(20),
                cpu_time: CPU,
                system_time: CPU / 4,
                peak_rss: 5,
                kernel_memory_exceeded: false,
            }),
            readings: Some(Readings {
                cpu_time: cpu,
                peak_memory: 7,
                out_of_memory_kills: kills,
                ..Readings::default()
            }),
            wall_time: Duration::from_secs(20),
            written: [ByteCount(2), ByteCount(3)],
        }
    }

    #[test]
    fn the_kill_reason_counts_first_then_the_kernels_counters_then_the_exit_status() {
        let memory = Status::MemoryExceeded { limit: RUN.memory, used: RUN.memory };
        let cpu_used = Duration::from_secs(11);
        let cpu = Status::TimedOut { clock: Clock::Cpu, limit: RUN.cpu_time, used: cpu_used };
        let wall =
            Status::TimedOut { clock: Clock::Wall, limit: RUN.wall_time, used: Duration::from_secs(20) };
        let output = Status::OutputExceeded { stream: StreamName::Stderr, limit: RUN.output };
        for (observation, expected) in [
            (observed(None, Some(0), 0, CPU), Status::Exited(0)),
            (observed(None, Some(7 << 8), 0, CPU), Status::Exited(7)),
            (observed(None, Some(11), 0, CPU), Status::Signaled(11)),
            (observed(None, Some(128 | 6), 0, CPU), Status::Signaled(6)),
            (observed(None, Some(9), 0, CPU), Status::Signaled(9)),
            (observed(None, Some(9), 1, CPU), memory.clone()),
            (observed(None, Some(0), 1, CPU), memory.clone()),
            (observed(None, None, 1, CPU), memory.clone()),
            (observed(None, None, 0, CPU), Status::Signaled(9)),
            (observed(None, Some(24), 0, cpu_used), cpu.clone()),
            (observed(None, Some(24), 0, CPU), Status::Signaled(24)),
            (observed(Some(KillReason::CpuTime), Some(15), 0, cpu_used), cpu),
            (observed(Some(KillReason::WallTime), Some(0), 0, CPU), wall),
            (observed(Some(KillReason::Memory), Some(9), 1, CPU), memory),
            (observed(Some(KillReason::Output(StreamName::Stderr)), Some(9), 0, CPU), output),
            (observed(Some(KillReason::Cancelled), Some(9), 1, CPU), Status::Cancelled),
        ] {
            assert_eq!(judge(&observation, &RUN).0, expected, "{observation:?}");
        }
    }

    #[test]
    fn the_cpu_time_is_that_of_the_program_unless_it_hides_processes() {
        let cpu_time = |accounted| judge(&observed(None, Some(0), 0, accounted), &RUN).1.cpu_time;
        // The sandbox's own processes, in a run of 20 seconds.
        assert_eq!(cpu_time(CPU + Duration::from_millis(200)), CPU);
        assert_eq!(cpu_time(CPU / 2), CPU);
        assert_eq!(cpu_time(3 * CPU), 3 * CPU);
    }

    #[test]
    fn the_usage_is_what_the_status_says() {
        let (status, usage) = judge(&observed(None, Some(9), 1, CPU), &RUN);
        assert_eq!(status, Status::MemoryExceeded { limit: RUN.memory, used: usage.peak_memory });
        let (status, usage) = judge(&observed(Some(KillReason::CpuTime), Some(15), 0, CPU), &RUN);
        let (clock, limit) = (Clock::Cpu, RUN.cpu_time);
        assert_eq!(status, Status::TimedOut { clock, limit, used: usage.cpu_time });
    }

    #[test]
    fn user_and_system_time_are_parts_of_the_cpu_time_in_the_ratio_that_the_kernel_counted() {
        let parts = |user_time, system_time, exit: bool| {
            let of_program = observed(None, exit.then_some(0), 0, CPU);
            let readings =
                of_program.readings.map(|readings| Readings { user_time, system_time, ..readings });
            let usage = judge(&Observation { readings, ..of_program }, &RUN).1;
            assert_eq!(usage.user_time + usage.system_time, usage.cpu_time);
            usage.user_time
        };
        let millis = Duration::from_millis;
        assert_eq!(parts(millis(40), millis(60), true), CPU * 2 / 5);
        assert_eq!(parts(millis(0), millis(60), true), Duration::ZERO);
        // The cgroup has seen no tick: then init's report counts, and then nothing.
        assert_eq!(parts(millis(0), millis(0), true), CPU * 3 / 4);
        assert_eq!(parts(millis(0), millis(0), false), CPU);
        // The figure of the status is divided as well.
        let over = observed(Some(KillReason::CpuTime), Some(15), 0, CPU);
        let usage = judge(&over, &RUN).1;
        assert_eq!(usage.user_time + usage.system_time, RUN.cpu_time);
    }

    #[test]
    fn a_program_is_at_least_one_process() {
        let peak = |peak_processes| {
            let of_program = observed(None, Some(0), 0, CPU);
            let readings = of_program.readings.map(|readings| Readings { peak_processes, ..readings });
            judge(&Observation { readings, ..of_program }, &RUN).1.peak_processes
        };
        assert_eq!((peak(Some(0)), peak(Some(7)), peak(None)), (Some(1), Some(7), None));
    }

    #[test]
    fn without_a_cgroup_the_usage_is_that_of_the_main_process() {
        let without_cgroup = Observation { readings: None, ..observed(None, Some(0), 0, CPU) };
        let (_, usage) = judge(&without_cgroup, &RUN);
        assert_eq!((usage.cpu_time, usage.peak_memory), (CPU, ByteCount(5)));
    }
}
