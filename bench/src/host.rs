//! Description of this host and of its other load.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Tools whose versions are recorded, with the arguments that print them.
const TOOLS: [(&str, &str); 6] = [
    ("python3", "--version"),
    ("node", "--version"),
    ("g++", "--version"),
    ("java", "-version"),
    ("bwrap", "--version"),
    ("ld", "--version"),
];
/// Clock tick of /proc/stat: `sysconf(_SC_CLK_TCK)` is 100 on Linux.
const TICK: Duration = Duration::from_millis(10);

/// Runs this program again in its own session, to which the scheduler gives priority; needs root to have an effect.
///
/// # Errors
/// If this program cannot be started again.
pub fn run_in_own_session() -> io::Result<Option<i32>> {
    const MARK: &str = "EXECUTOR_BENCH_SESSION";
    if std::env::var_os(MARK).is_some() {
        let _ = fs::write("/proc/self/autogroup", "-19");
        return Ok(None);
    }
    let status = Command::new("setsid")
        .arg("--wait")
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .status()?;
    Ok(Some(status.code().unwrap_or(2)))
}

/// Describes the host.
#[must_use]
pub fn describe() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches([' ', '\t', ':']).to_owned()))
    };
    let versions: serde_json::Map<String, Value> =
        TOOLS.iter().map(|&(tool, argument)| (tool.to_owned(), version(tool, argument).into())).collect();
    json!({
        "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "processor": field(&read("/proc/cpuinfo"), "model name"),
        "memory": field(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "autogroup": read("/proc/self/autogroup").trim(),
        "tools": versions,
    })
}

fn version(tool: &str, argument: &str) -> Option<String> {
    // Found in the same PATH as by programs.
    let command = &mut Command::new(tool);
    command.arg(argument).env("PATH", "/usr/local/bin:/usr/bin:/bin").stdin(Stdio::null());
    let output = command.output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
}

/// Returns the current load averages.
#[must_use]
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Monitor of the load of all cores.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    since: Instant,
    busy: Duration,
}

impl Busy {
    /// Starts monitoring.
    #[must_use]
    pub fn now() -> Self {
        Self { since: Instant::now(), busy: busy() }
    }

    /// Returns the average number of cores used by other processes. `ours` is the CPU time of the benchmark and of
    /// everything that it measures.
    #[must_use]
    pub fn others(&self, ours: Duration) -> f64 {
        let all = busy().saturating_sub(self.busy);
        all.saturating_sub(ours).as_secs_f64() / self.since.elapsed().as_secs_f64()
    }
}

fn busy() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = text.lines().next().unwrap_or("").split_whitespace().skip(1);
    let ticks: Vec<u32> = fields.map(|field| field.parse().unwrap_or(u32::MAX)).collect();
    // user, nice, system, (idle, iowait,) irq, softirq
    [0, 1, 2, 5, 6].iter().filter_map(|&field| ticks.get(field)).map(|&count| TICK * count).sum()
}

/// Returns the CPU time of this process.
#[must_use]
pub fn own_cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or("").split_whitespace();
    // utime and stime are fields 14 and 15; the second field ends with the parenthesis. proc_pid_stat(5).
    fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).map(|count| TICK * count).sum()
}
