//! Waiting for the start message, with a pre-warmed interpreter or without one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, dup2_stderr};

use super::payload_process::PayloadProcess;
use crate::error::{At, SetupError, Step};
use crate::packet::{MAX_MESSAGE, NAMESPACE, Packet, START, send_packet};
use crate::plan::{LAUNCHER_READY, Plan};
use crate::report::Report;
use crate::start_message;

/// The process that waits for the program.
pub(super) enum Waiting {
    /// It will execute the program.
    Payload(PayloadProcess),
    /// It is the program's interpreter.
    Interpreter(Interpreter),
}

/// A pre-warmed interpreter.
pub(super) struct Interpreter {
    pid: Pid,
    /// Carries the interpreter's ready byte and the command.
    launcher: UnixStream,
}

/// Starts the plan's interpreter in the payload, if the plan has one.
pub(super) fn pre_warm(
    plan: &Plan,
    payload: PayloadProcess,
    launcher: Option<UnixStream>,
) -> Result<Waiting, SetupError> {
    match (&plan.warm_command, launcher) {
        (Some(program), Some(launcher)) => {
            Ok(Waiting::Interpreter(Interpreter { pid: payload.execute(program)?, launcher }))
        }
        _ => Ok(Waiting::Payload(payload)),
    }
}

/// Reports when the sandbox is prepared, and returns the start message. Returns `None` if the daemon closed the control
/// socket or sent another message.
pub(super) fn await_start(
    waiting: &mut Waiting,
    report: &File,
    control: &OwnedFd,
) -> Result<Option<(Packet, Vec<u8>)>, SetupError> {
    // Before there is a program, which must not wait for this. Errors are in reports from here on.
    File::open("/dev/null").and_then(|null| Ok(dup2_stderr(null)?)).at(Step::AwaitStart)?;
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut is_ready = false;
    loop {
        // Until an interpreter is ready only a hang-up is of interest, which poll(2) always reports.
        let accepts_start = is_ready || matches!(*waiting, Waiting::Payload(_));
        let events = if accepts_start { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut watched =
            [PollFd::new(control.as_fd(), events), PollFd::new(waiting.ready_fd(), PollFlags::POLLIN)];
        match poll(&mut watched, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            answer => answer.at(Step::AwaitStart)?,
        };
        if watched[0].any() == Some(true) {
            match start_message::receive(control, &mut buffer).at(Step::AwaitStart)? {
                Some((packet, _)) if packet.tag == NAMESPACE => {
                    send_namespace(control).at(Step::Collect)?;
                    Report::Ready.write(report).at(Step::AwaitStart)?;
                    continue;
                }
                received => return Ok(received.filter(|(packet, _)| packet.tag == START)),
            }
        }
        if watched[1].any() == Some(true) {
            if is_ready {
                // It exited, or wrote more than the ready byte.
                return Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD });
            }
            waiting.check_ready()?;
            is_ready = true;
            Report::Ready.write(report).at(Step::AwaitStart)?;
        }
    }
}

/// Sends the mount namespace of the sandbox to the daemon. Only init can open it without CAP_SYS_PTRACE.
fn send_namespace(control: &OwnedFd) -> io::Result<()> {
    let namespace = File::open("/proc/self/ns/mnt")?;
    send_packet(control, NAMESPACE, [0, 0], &[namespace.as_raw_fd()])
}

impl Waiting {
    pub(super) const fn pid(&self) -> Pid {
        match self {
            Self::Payload(payload) => payload.pid(),
            Self::Interpreter(interpreter) => interpreter.pid,
        }
    }

    fn ready_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Payload(payload) => payload.ready_fd(),
            Self::Interpreter(interpreter) => interpreter.launcher.as_fd(),
        }
    }

    fn check_ready(&mut self) -> Result<(), SetupError> {
        match self {
            Self::Payload(payload) => payload.await_ready(),
            Self::Interpreter(interpreter) => interpreter.check_ready(),
        }
    }
}

impl Interpreter {
    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    fn check_ready(&self) -> Result<(), SetupError> {
        let mut byte = [0];
        match (&self.launcher).read(&mut byte).at(Step::PreWarm)? {
            1 if byte[0] == LAUNCHER_READY => Ok(()),
            _ => Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD }),
        }
    }

    /// Sends the command: its words, each followed by a NUL.
    pub(super) fn send_command(self, command: &[String]) -> io::Result<()> {
        let mut words = Vec::new();
        for word in command {
            words.extend_from_slice(word.as_bytes());
            words.push(0);
        }
        File::from(OwnedFd::from(self.launcher)).write_all(&words)
    }
}
