//! Init's handle of the payload.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};

use crate::error::{At, SetupError, Step};
use crate::payload::PayloadPipes;
use crate::plan::Program;
use crate::report::{REPORT_BYTES, Report, read_report};

/// Init's ends of its pipes to the payload.
pub(crate) struct InitPipes {
    program_pipe: File,
    reports: OwnedFd,
}

/// Creates the pipes between init and the payload.
pub(crate) fn payload_pipes() -> io::Result<(InitPipes, PayloadPipes)> {
    let (reports, payload_reports) = pipe2(OFlag::O_CLOEXEC)?;
    let (payload_program, program_pipe) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((
        InitPipes { program_pipe: program_pipe.into(), reports },
        PayloadPipes { program_pipe: payload_program.into(), reports: payload_reports.into() },
    ))
}

/// The process that becomes the program when it receives one.
pub(crate) struct PayloadProcess {
    pid: Pid,
    pipes: InitPipes,
    is_ready: bool,
}

impl PayloadProcess {
    pub(crate) fn new(pid: libc::pid_t, pipes: InitPipes) -> Self {
        Self { pid: Pid::from_raw(pid), pipes, is_ready: false }
    }

    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the descriptor on which the payload reports that it is ready.
    pub(super) fn ready_fd(&self) -> BorrowedFd<'_> {
        self.pipes.reports.as_fd()
    }

    /// Waits for the report that the payload is ready, unless it has arrived already.
    pub(super) fn await_ready(&mut self) -> Result<(), SetupError> {
        if self.is_ready {
            return Ok(());
        }
        match next_report(&self.pipes.reports).at(Step::AwaitStart)? {
            Some(Report::Ready) => {
                self.is_ready = true;
                Ok(())
            }
            Some(Report::SetupFailed(error)) => Err(error),
            _ => Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD }),
        }
    }

    /// Sends the program to the payload, and waits until it is executed. Returns its pid.
    pub(super) fn execute(mut self, program: &Program) -> Result<Pid, SetupError> {
        let text = serde_json::to_vec(program).map_err(io::Error::other).at(Step::ReadPlan)?;
        // A payload that does not read has reported an error, or has been killed, which shows as its exit.
        let _ = self.pipes.program_pipe.write_all(&text);
        drop(self.pipes.program_pipe);
        loop {
            match next_report(&self.pipes.reports).at(Step::Watch)? {
                Some(Report::SetupFailed(error)) => return Err(error),
                Some(_) => {}
                None => return Ok(self.pid),
            }
        }
    }
}

/// Reads the next report. Returns `None` at the end of the pipe.
fn next_report(pipe: &OwnedFd) -> io::Result<Option<Report>> {
    // A report is written at once, and therefore read at once.
    let mut bytes = vec![0; REPORT_BYTES];
    let count = nix::unistd::read(pipe, &mut bytes)?;
    bytes.truncate(count);
    read_report(&mut bytes)
}
