//! From init's child to the program: everything is given up here, in an order in which each step still may be
//! taken and none can be undone by a later one.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::{Gid, Uid, chdir, execve, getresgid, getresuid, setgroups, setresgid, setresuid, setsid};

use crate::error::{At, SetupError, Step};
use crate::plan::{LAUNCHER_DESCRIPTOR, Plan, Program, ResourceLimits, User};
use crate::report::Report;
use crate::sys::{descriptor, process, terminal};
use crate::{privilege, seccomp};

/// What the program gets as descriptors 0, 1 and 2.
pub(crate) struct Streams {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// What is executed ahead waits here for its program.
    pub(crate) launcher: Option<OwnedFd>,
}

/// How a payload becomes the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// It executes it.
    Executed,
    /// It is a copy of an interpreter already, and goes on in that.
    Copied,
}

/// Become the program that is told on `orders`; comes back if that failed, or to be the program where it is `Copied`.
/// `reports` is told when nothing is left to be done but that: everything is given up, but for resources, of which the
/// program may have less than another. It is told when init has no privilege left that it could use.
pub(crate) fn become_program(
    plan: &Plan,
    streams: &Streams,
    orders: OwnedFd,
    reports: &File,
    image: Image,
) -> Result<(), SetupError> {
    connect_streams(streams, image).at(Step::ConnectStreams)?;
    if plan.terminal.is_some() {
        terminal::make_controlling(io::stdin().as_fd()).at(Step::ConnectStreams)?;
    }
    limit_all(FIXED_LIMITS).at(Step::SetResourceLimits)?;
    // The supervisor emptied the bounding set.
    process::lock_secure_bits().at(Step::DropCapabilities)?;
    become_user(&plan.user).at(Step::BecomeUser)?;
    privilege::drop_capabilities(&[]).at(Step::DropCapabilities)?;
    process::forbid_new_privileges().at(Step::NoNewPrivileges)?;
    if image == Image::Copied {
        process::allow_inspection().at(Step::BecomeUser)?;
    }
    let disabled_layers = plan.disabled_layers.in_this_build();
    if !disabled_layers.landlock {
        privilege::restrict_files(&plan.binds).at(Step::Landlock)?;
    }
    // Last, so that the filter need not allow anything of the above.
    if !disabled_layers.seccomp {
        seccomp::install_for_program().at(Step::Seccomp)?;
    }
    Report::Prepared.write(reports).at(Step::AwaitStart)?;
    let program: Program = serde_json::from_slice(&read_all(orders).at(Step::AwaitStart)?)
        .map_err(io::Error::other)
        .at(Step::ReadPlan)?;
    limit_all(limits_of(&program.resources)).at(Step::SetResourceLimits)?;
    if image == Image::Executed {
        let (path, arguments, environment) = strings(&program).at(Step::Execute)?;
        let Err(error) = execve(&path, &arguments, &environment);
        return Err(error).at(Step::Execute);
    }
    Ok(())
}

fn read_all(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::from(pipe).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn connect_streams(streams: &Streams, image: Image) -> io::Result<()> {
    setsid()?;
    // The first victim of an out-of-memory killer. The program may take that back: a hint, no boundary.
    fs::write("/proc/self/oom_score_adj", "1000")?;
    if image == Image::Executed {
        process::reset_signals()?;
    }
    SigSet::empty().thread_set_mask()?;
    for (stream, number) in [(&streams.stdin, 0), (&streams.stdout, 1), (&streams.stderr, 2)] {
        descriptor::duplicate_onto(stream, number)?;
    }
    match &streams.launcher {
        Some(launcher) => {
            descriptor::duplicate_onto(launcher, LAUNCHER_DESCRIPTOR)?;
            descriptor::close_from_on_exec(LAUNCHER_DESCRIPTOR + 1)
        }
        None => descriptor::close_from_on_exec(LAUNCHER_DESCRIPTOR),
    }
}

/// A resource, and its soft and hard limit.
type ResourceLimit = (Resource, u64, u64);

/// Limits that no language and no request changes.
const FIXED_LIMITS: [ResourceLimit; 6] = [
    // 1 and not 0: with 0 a core_pattern that is a pipe is started all the same, as root of the host
    // (core(5); fs/coredump.c gives up where the limit is 1).
    (Resource::RLIMIT_CORE, 1, 1),
    (Resource::RLIMIT_MEMLOCK, 64 * 1024, 64 * 1024),
    (Resource::RLIMIT_MSGQUEUE, 0, 0),
    (Resource::RLIMIT_SIGPENDING, 256, 256),
    (Resource::RLIMIT_RTPRIO, 0, 0),
    (Resource::RLIMIT_NICE, 0, 0),
];

/// Those of one program. Not RLIMIT_AS or RLIMIT_DATA: node and java reserve gigabytes that they never touch.
fn limits_of(limits: &ResourceLimits) -> [ResourceLimit; 5] {
    let seconds = limits.cpu_time.as_secs() + u64::from(limits.cpu_time.subsec_nanos() > 0);
    let (processes, open_files) = (limits.processes.into(), limits.open_files.into());
    [
        // One second more than the cgroup's count allows: that one decides and states the cause. SIGXCPU
        // first, then SIGKILL.
        (Resource::RLIMIT_CPU, seconds + 1, seconds + 2),
        (Resource::RLIMIT_NPROC, processes, processes),
        (Resource::RLIMIT_FSIZE, limits.file_size, limits.file_size),
        (Resource::RLIMIT_STACK, limits.stack, limits.stack),
        // There are descriptors of ours above it until the program is executed; that is no error.
        (Resource::RLIMIT_NOFILE, open_files, open_files),
    ]
}

fn limit_all(limits: impl IntoIterator<Item = ResourceLimit>) -> io::Result<()> {
    limits.into_iter().try_for_each(|(resource, soft, hard)| lower(resource, soft, hard))
}

/// Only root of the whole machine may raise a hard limit; what is lower already stays.
fn lower(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let (_, most) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(most), hard.min(most))?)
}

fn become_user(user: &User) -> io::Result<()> {
    // Who has no login yet may choose one, once: a program could be root in the host's audit log. Not every kernel
    // has this, and a daemon that somebody started by hand has that person's.
    let _ = fs::write("/proc/self/loginuid", user.uid.to_string());
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let (users, groups) = (getresuid()?, getresgid()?);
    let all_are_ours = [users.real, users.effective, users.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    if !all_are_ours || nix::unistd::setuid(Uid::from_raw(0)) != Err(Errno::EPERM) {
        return Err(Errno::EPERM.into());
    }
    process::die_with_parent()?;
    chdir("/box")?;
    Ok(())
}

type Strings = Vec<CString>;

/// For execve(2): the path, the arguments, the environment.
pub(crate) fn strings(program: &Program) -> io::Result<(CString, Strings, Strings)> {
    let c_string = |text: &str| CString::new(text).map_err(io::Error::other);
    let arguments =
        program.command.iter().map(|argument| c_string(argument)).collect::<io::Result<Strings>>()?;
    let path = arguments.first().cloned().ok_or(Errno::ENOENT)?;
    let environment = program
        .environment
        .iter()
        .map(|(name, value)| c_string(&format!("{name}={value}")))
        .collect::<io::Result<_>>()?;
    Ok((path, arguments, environment))
}
