//! The payload: the process that init forks and that becomes the program.
//!
//! It gives up everything in an order in which each step is still permitted and no later step can undo it. Every decision
//! was made when its [`PayloadSetup`] was built.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::unistd::{chdir, dup2_stderr, execve, setsid};

use crate::error::{At, SetupError, Step};
use crate::file_access::FileAccess;
use crate::plan::{Plan, Program, User};
use crate::privileges::{become_user, drop_capabilities};
use crate::report::Report;
use crate::resource_limits::{FIXED_LIMITS, lower_address_space, lower_resource_limits, program_limits};
use crate::seccomp::{BpfProgram, Filters};
use crate::sys::{descriptor, process, terminal};

/// Everything that a payload needs to become the program.
pub(crate) struct PayloadSetup<'a> {
    /// The program's descriptors 0, 1, 2, and 3 if it has a launcher.
    descriptors: Vec<OwnedFd>,
    /// The program's stdin, if that is a terminal.
    controlling_terminal: Option<BorrowedFd<'static>>,
    user: &'a User,
    /// `None` only in tests of the other layers.
    file_access: Option<FileAccess>,
    /// `None` only in tests of the other layers.
    filter: Option<&'a BpfProgram>,
}

/// The payload's ends of its pipes to init.
pub(crate) struct PayloadPipes {
    /// Carries the program to execute.
    pub(crate) program_pipe: File,
    /// Takes the payload's reports. It is closed when the program runs.
    pub(crate) reports: File,
}

impl<'a> PayloadSetup<'a> {
    /// Creates the setup of a payload with these `streams` (stdin, stdout, stderr) and the program's end of its launcher.
    pub(crate) fn new(
        plan: &'a Plan,
        filters: &'a Filters,
        streams: [OwnedFd; 3],
        launcher: Option<OwnedFd>,
    ) -> Self {
        let disabled = plan.disabled_layers.in_this_build();
        Self {
            descriptors: streams.into_iter().chain(launcher).collect(),
            controlling_terminal: plan.terminal.map(|_| descriptor::standing(0)),
            user: &plan.user,
            file_access: (!disabled.landlock).then(|| FileAccess::new(&plan.binds)),
            filter: (!disabled.seccomp).then_some(&filters.program),
        }
    }
}

/// Becomes the program, in the process that init forked for it. If a step fails, reports that and exits.
pub(crate) fn run(setup: &PayloadSetup, pipes: &mut PayloadPipes) -> ! {
    let Err(error) = become_program(setup, pipes);
    // If init is gone, so is this sandbox.
    let _ = Report::SetupFailed(error).write(&pipes.reports);
    process::exit()
}

fn become_program(setup: &PayloadSetup, pipes: &mut PayloadPipes) -> Result<Infallible, SetupError> {
    process::reset_signals().at(Step::ConnectStreams)?;
    confine(setup)?;
    let program = await_program(pipes)?;
    execute(&program).at(Step::Execute)
}

/// Connects the program's descriptors and gives up every privilege.
pub(crate) fn confine(setup: &PayloadSetup) -> Result<(), SetupError> {
    setsid().at(Step::ConnectStreams)?;
    prefer_as_oom_victim().at(Step::ConnectStreams)?;
    unblock_signals().at(Step::ConnectStreams)?;
    connect_descriptors(&setup.descriptors).at(Step::ConnectStreams)?;
    setup.controlling_terminal.map_or(Ok(()), terminal::make_controlling).at(Step::ConnectStreams)?;
    lower_resource_limits(FIXED_LIMITS).at(Step::SetResourceLimits)?;
    // The supervisor has emptied the bounding set.
    process::lock_secure_bits().at(Step::DropCapabilities)?;
    become_user(setup.user).at(Step::BecomeUser)?;
    // The change of user has cleared the request.
    process::die_with_parent().at(Step::BecomeUser)?;
    chdir("/box").at(Step::BecomeUser)?;
    drop_capabilities(&[]).at(Step::DropCapabilities)?;
    process::forbid_new_privileges().at(Step::NoNewPrivileges)?;
    setup.file_access.as_ref().map_or(Ok(()), FileAccess::restrict).at(Step::Landlock)?;
    // Last, so that the filter need not allow any of the system calls above.
    setup.filter.map_or(Ok(()), BpfProgram::install).at(Step::Seccomp)
}

/// Reports that nothing is left to give up, and waits for the program. Init sends it only after it has dropped its own
/// privileges. The program's own resource limits are set then, except that of its address space.
pub(crate) fn await_program(pipes: &mut PayloadPipes) -> Result<Program, SetupError> {
    Report::Ready.write(&pipes.reports).at(Step::AwaitStart)?;
    let mut text = Vec::new();
    pipes.program_pipe.read_to_end(&mut text).at(Step::AwaitStart)?;
    let program: Program = serde_json::from_slice(&text).map_err(io::Error::other).at(Step::ReadPlan)?;
    lower_resource_limits(program_limits(&program.resources)).at(Step::SetResourceLimits)?;
    if program.merge_output {
        dup2_stderr(descriptor::standing(1)).map_err(io::Error::from).at(Step::ConnectStreams)?;
    }
    Ok(program)
}

/// Executes a program in place of this process.
pub(crate) fn execute(program: &Program) -> io::Result<Infallible> {
    let strings = |texts: &mut dyn Iterator<Item = String>| {
        texts.map(|text| CString::new(text).map_err(io::Error::other)).collect::<io::Result<Vec<_>>>()
    };
    let arguments = strings(&mut program.command.iter().cloned())?;
    let environment =
        strings(&mut program.environment.iter().map(|(name, value)| format!("{name}={value}")))?;
    let path = arguments.first().ok_or(Errno::ENOENT)?;
    lower_address_space(&program.resources)?;
    Ok(execve(path, &arguments, &environment)?)
}

/// Makes this process the first victim of the out-of-memory killer. A program can undo this: it is a hint, not a limit.
fn prefer_as_oom_victim() -> io::Result<()> {
    fs::write("/proc/self/oom_score_adj", "1000")
}

fn unblock_signals() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}

/// Duplicates each descriptor to its index. All others are closed by execve(2).
fn connect_descriptors(descriptors: &[OwnedFd]) -> io::Result<()> {
    let mut number: RawFd = 0;
    for descriptor in descriptors {
        descriptor::duplicate_onto(descriptor, number)?;
        number += 1;
    }
    descriptor::close_from_on_exec(number)
}
