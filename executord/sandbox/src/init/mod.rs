//! The sandbox's init: pid 1 of its pid namespace. It is root until the program starts, and never the program's user.
//! 1. [`build`]: create the mounts of this sandbox, and fork the payload, which gives up every privilege.
//! 2. [`wait`]: report that the sandbox is prepared, and wait for the start message. A pre-warmed interpreter runs
//!    already.
//! 3. [`run`](mod@run): write the source files, drop all privileges but sending signals, let the program run, and watch
//!    it.
//! 4. [`finish`](mod@finish): kill every other process of the namespace, whatever its session or process group, and
//!    report the exit. If init itself is killed, the kernel does that (pid_namespaces(7)).
//!
//! Nothing of the client is in the sandbox before the start message. From its first byte on, init can only send
//! signals.

mod build;
mod finish;
mod payload_process;
mod run;
mod wait;

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::error::{At, SetupError, Step};
use crate::payload::{self, PayloadSetup};
use crate::plan::Plan;
use crate::report::Report;
use crate::seccomp::Filters;
use crate::sys::process::{self, ForkResult, Parent};

pub(crate) use build::{InitDescriptors, NAMESPACES, Sandbox, build_sandbox};
pub(crate) use finish::finish;
pub(crate) use payload_process::{PayloadProcess, payload_pipes};

/// Runs init in a process that was forked into [`NAMESPACES`]. Its exit ends the sandbox.
pub(crate) fn run_init(plan: &Plan, descriptors: InitDescriptors, report: OwnedFd, filters: &Filters) -> ! {
    let report = File::from(report);
    let closed = descriptors.close_others(&[report.as_raw_fd()]).at(Step::Detach);
    let built = closed.and_then(|()| build_sandbox(plan, descriptors, filters));
    let last_report = built.and_then(|(sandbox, setup)| {
        let payload = fork_payload(setup)?;
        run_sandbox(plan, sandbox, payload, &report, filters)
    });
    finish(last_report, &report)
}

fn fork_payload(setup: PayloadSetup) -> Result<PayloadProcess, SetupError> {
    let (init_pipes, mut payload_pipes) = payload_pipes().at(Step::ForkPayload)?;
    match process::fork_into(0, None, Parent::Caller).at(Step::ForkPayload)? {
        ForkResult::Child => {
            // Otherwise the payload would never see the end of the pipe.
            drop(init_pipes);
            payload::run(&setup, &mut payload_pipes)
        }
        ForkResult::Parent(child) => Ok(PayloadProcess::new(child.pid, init_pipes)),
    }
}

/// Runs the sandbox from the fork of the payload to the end of the program. Returns the last report, or `None` if the
/// daemon closed the control socket.
pub(crate) fn run_sandbox(
    plan: &Plan,
    sandbox: Sandbox,
    payload: PayloadProcess,
    report: &File,
    filters: &Filters,
) -> Result<Option<Report>, SetupError> {
    // Kept until the end: a program that closes its terminal may open it again.
    let Sandbox {
        control,
        mut kernel_memory,
        launcher,
        terminal: _terminal,
        unused_streams: _unused_streams,
    } = sandbox;
    let mut waiting = wait::pre_warm(plan, payload, launcher)?;
    let Some(start) = wait::await_start(&mut waiting, report, &control)? else { return Ok(None) };
    let program = run::start(plan, waiting, start, report, filters)?;
    run::watch(&program, &mut kernel_memory, &control)
}
