//! The zygote's side: code that runs inside the interpreter, in its only thread.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::error::{At, SetupError, Step};
use crate::init::{
    InitDescriptors, NAMESPACES, PayloadProcess, build_sandbox, finish, payload_pipes, run_sandbox,
};
use crate::packet::{LAUNCHED, PREPARE, PROCESS_DIRECTORY, Packet, READY, RENEW_NETWORK};
use crate::payload::{PayloadPipes, PayloadSetup, await_program, confine};
use crate::plan::{LAUNCHER_DESCRIPTOR, Plan};
use crate::report::Report;
use crate::resource_limits::lower_address_space;
use crate::sealed_file::read_plan;
use crate::seccomp::Filters;
use crate::sys::descriptor;
use crate::sys::process::{self, ChildProcess, ForkResult, Parent};
use crate::zygote::bounds::TEMPORARY_DIRECTORY;
use crate::zygote::process_state::ProcessState;
use crate::zygote::rehearsal::Rehearsal;

/// Forks sandboxes as the supervisor requests on the descriptor `socket`, until that is closed, and then exits. The other
/// threads of this process are ended, and all descriptors but the standard streams are closed.
///
/// Returns only in a forked payload, with the name of its user, after the payload has given up every privilege. It has the
/// threads of this process, and descriptors of the same kind; `socket` is that of its launcher. The caller continues as the
/// program's interpreter.
///
/// With a `rehearsal`, it also returns in a fork that runs this and no client's program, with the placeholder of a name. What that
/// fork writes to is what [`copy_while_waiting`](crate::copy_while_waiting) copies.
///
/// # Errors
/// If the zygote cannot receive from the supervisor or send to it, or has threads or descriptors that a fork could not have.
pub fn serve_zygote(socket: RawFd, rehearsal: Option<&Rehearsal>) -> io::Result<String> {
    let directory = receive_directory(descriptor::standing(socket))?;
    let Some(state) = ProcessState::record(directory, socket, rehearsal)? else {
        return Ok(std::env::var("USER").unwrap_or_default());
    };
    umount2(TEMPORARY_DIRECTORY, MntFlags::MNT_DETACH)?;
    let supervisor = descriptor::standing(LAUNCHER_DESCRIPTOR);
    let filters = Filters::compile();
    Packet::new(READY, [0, 0]).send(supervisor)?;
    while let Some(packet) = Packet::receive(supervisor)? {
        if packet.tag == RENEW_NETWORK {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Packet::new(READY, [0, 0]).send(supervisor)?;
            continue;
        }
        let forked = match packet.tag {
            PREPARE => fork_init(packet.descriptors, packet.numbers[0] != 0, &state, &filters),
            _ => Err(SetupError { step: Step::Clone, errno: Errno::EINVAL }),
        };
        let answer = match forked {
            Ok(Forked::Payload { user_name }) => return state.restore().map(|()| user_name),
            Ok(Forked::Init(ChildProcess { pid, pidfd })) => {
                Packet { descriptors: vec![pidfd], ..Packet::new(LAUNCHED, [pid, 0]) }
            }
            Err(error) => Packet::not_launched(error),
        };
        answer.send(supervisor)?;
    }
    process::exit()
}

/// Receives the directory of this process in `/proc`.
fn receive_directory(supervisor: BorrowedFd) -> io::Result<OwnedFd> {
    match Packet::receive(supervisor)? {
        Some(Packet { tag: PROCESS_DIRECTORY, descriptors, .. }) => descriptors.into_iter().next(),
        _ => None,
    }
    .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The two processes that return from [`fork_init`].
enum Forked {
    /// The zygote, which has forked an init.
    Init(ChildProcess),
    /// The payload that this init has forked.
    Payload { user_name: String },
}

/// Forks an init. The last descriptor is that of the build directory if it has one.
fn fork_init(
    mut descriptors: Vec<OwnedFd>,
    has_build_dir: bool,
    state: &ProcessState,
    filters: &Filters,
) -> Result<Forked, SetupError> {
    let build = if has_build_dir { descriptors.pop() } else { None };
    let mut descriptors = descriptors.into_iter();
    let proc_socket = descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan)?;
    let plan_file = descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan)?;
    let (mut init_descriptors, report) = InitDescriptors::take(&mut descriptors)?;
    (init_descriptors.proc_socket, init_descriptors.build) = (Some(proc_socket), build);
    let cgroup = descriptors.next();
    let cgroup_fd = cgroup.as_ref().map(AsFd::as_fd);
    match process::fork_into(NAMESPACES.bits(), cgroup_fd, Parent::ParentOfCaller).at(Step::Clone)? {
        ForkResult::Parent(child) => Ok(Forked::Init(child)),
        ForkResult::Child => {
            // Init closes all descriptors that are not its own by number, and no owner may close them again.
            std::mem::forget(cgroup);
            let user_name = run_init(plan_file, init_descriptors, report, state, filters);
            // All of init's owned descriptors have been dropped; the rest have no owner.
            descriptor::close_from(LAUNCHER_DESCRIPTOR + 1).at(Step::ConnectStreams)?;
            Ok(Forked::Payload { user_name })
        }
    }
}

/// Runs init, as [`crate::init::run_init`] does for a payload that executes its program. Returns only in the payload, which has
/// given up every privilege, with the name of its user.
fn run_init(
    plan_file: OwnedFd,
    descriptors: InitDescriptors,
    report: OwnedFd,
    state: &ProcessState,
    filters: &Filters,
) -> String {
    let kept = [report.as_raw_fd()];
    let report = File::from(report);
    // Not in the zygote: the next programs would find the plan in their memory.
    let plan = read_plan(&plan_file).at(Step::ReadPlan);
    // Before it is closed by number.
    drop(plan_file);
    match plan {
        Ok(plan) => {
            run_sandbox_of(&plan, descriptors, &kept, &report, state, filters);
            plan.user.name
        }
        Err(error) => finish(Err(error), &report),
    }
}

/// Builds the sandbox around this process and runs it, or returns in the payload.
fn run_sandbox_of(
    plan: &Plan,
    descriptors: InitDescriptors,
    kept: &[RawFd],
    report: &File,
    state: &ProcessState,
    filters: &Filters,
) {
    let built = descriptors
        .close_others(kept)
        .and_then(|()| occupy_launcher_descriptor(&descriptors))
        .at(Step::Detach)
        .and_then(|()| build_sandbox(plan, descriptors, filters));
    let last_report = built.and_then(|(sandbox, setup)| match fork_payload(setup, state)? {
        Some(payload) => run_sandbox(plan, sandbox, payload, report, filters).map(Some),
        None => Ok(None),
    });
    if let Some(last_report) = last_report.transpose() {
        finish(last_report, report)
    }
}

/// Keeps [`LAUNCHER_DESCRIPTOR`] occupied, which the supervisor's socket had: otherwise a descriptor of init could get this
/// number, and the payload would replace it with its launcher.
fn occupy_launcher_descriptor(descriptors: &InitDescriptors) -> io::Result<()> {
    let unimportant = descriptors.proc_socket.as_ref().ok_or(Errno::EBADF)?;
    descriptor::duplicate_onto(unimportant, LAUNCHER_DESCRIPTOR)
}

/// Forks the payload. Returns `None` in the payload, when it is confined and has received the interpreter's limits.
fn fork_payload(setup: PayloadSetup, state: &ProcessState) -> Result<Option<PayloadProcess>, SetupError> {
    let (init_pipes, payload_pipes) = payload_pipes().at(Step::ForkPayload)?;
    match state.fork().at(Step::ForkPayload)? {
        Some(pid) => {
            // The interpreter's signal handlers are for the program and not for init.
            process::reset_signals().at(Step::ForkPayload)?;
            Ok(Some(PayloadProcess::new(pid, init_pipes)))
        }
        None => {
            drop(init_pipes);
            become_program(&setup, payload_pipes);
            Ok(None)
        }
    }
}

/// Becomes the program's process, which is the interpreter already: nothing is executed. If a step fails, reports that and
/// exits.
fn become_program(setup: &PayloadSetup, mut pipes: PayloadPipes) {
    let confined = confine(setup)
        // As after execve(2).
        .and_then(|()| process::allow_inspection().at(Step::BecomeUser))
        .and_then(|()| await_program(&mut pipes))
        .and_then(|program| lower_address_space(&program.resources).at(Step::SetResourceLimits));
    if let Err(error) = confined {
        let _ = Report::SetupFailed(error).write(&pipes.reports);
        process::exit()
    }
}
