//! The end of the sandbox: killing the remaining processes, and the last report.

use std::fs::File;
use std::io;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::SetupError;
use crate::report::Report;
use crate::sys::process::{self, CpuTime};

/// Sends the last report and exits, which ends the sandbox. `Ok(None)` sends nothing: the daemon has closed its end.
pub(crate) fn finish(last_report: Result<Option<Report>, SetupError>, report: &File) -> ! {
    if let Some(last) = last_report.unwrap_or_else(|error| Some(Report::SetupFailed(error))) {
        // If the daemon is gone, nobody needs the report.
        let _ = last.write(report);
    }
    process::exit()
}

/// Kills every process of the pid namespace except init.
pub(super) fn kill_all() {
    // An error means that no other process exists.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
}

/// Kills every other process of the pid namespace, and waits until none is left: an orphan becomes a child of init.
/// Returns the CPU time that they used.
pub(super) fn kill_and_reap_all() -> io::Result<CpuTime> {
    kill_all();
    let mut cpu_time = CpuTime::default();
    loop {
        match process::wait(process::ANY_CHILD) {
            Ok(exit) => cpu_time += exit.cpu_time,
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(cpu_time),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
