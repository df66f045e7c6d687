//! Zygotes: an interpreter that was executed once for a slot, and of which the sandboxes there begin as copies.
//!
//! A zygote is a process of root's, in the template that its sandboxes have for a root and with nothing of a program: it
//! has read what the interpreter reads before it opens a program's file, and nothing that came from a client. Its copies are
//! init, which goes on as any init does, and the payload, which gives everything up as any payload does and then goes on as
//! the interpreter. All that a program could learn of another by that is what the zygote chose at random when it started: the
//! addresses of its memory and the seed of its hashes. See `docs/decisions/0010-zygotes.md`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{execve, pipe2, setsid};

use crate::error::{At, SetupError, Step};
use crate::init::{self, InitDescriptors, NAMESPACES};
use crate::message::{LAUNCHED, MAPS, NOT_LAUNCHED, PREPARE, Packet, READY, send_raw};
use crate::payload::{Image, strings};
use crate::plan::{LAUNCHER_DESCRIPTOR, Plan, Program};
use crate::sys::process::{self, Child, Kinship, Side};
use crate::sys::{descriptor, memory};
use crate::template::{Likeness, Templates};

/// A zygote makes no copy later than this after its start: what it has read may have changed on the host.
const FRESH: Duration = Duration::from_secs(600);
/// Bytes of memory that a copy copies at once. A Python that has imported nothing has written to 5 MiB.
const COPIED_AT_ONCE: usize = 16 << 20;
/// What is another for each user, and is told to each copy: the environment's names for it.
const OF_THE_USER: [&str; 2] = ["USER", "LOGNAME"];

/// A slot's zygote. Dropping it ends it.
pub(crate) struct Zygote {
    process: Child,
    socket: OwnedFd,
    likeness: Likeness,
    program: Program,
    born: Instant,
}

impl Zygote {
    /// One for a plan: `kept` if that will do, or else another.
    pub(crate) fn for_plan(
        kept: Option<Self>,
        plan: &Plan,
        program: &Program,
        templates: &mut Templates,
    ) -> Result<Self, SetupError> {
        let likeness = Likeness::of(plan).at(Step::BindHost)?;
        match kept {
            Some(zygote) if zygote.is_like(&likeness, program) => Ok(zygote),
            other => {
                drop(other);
                Self::start(plan, program, likeness, templates)
            }
        }
    }

    fn is_like(&self, likeness: &Likeness, program: &Program) -> bool {
        self.born.elapsed() < FRESH
            && self.likeness == *likeness
            && self.program.command == program.command
            && self.program.resources.stack == program.resources.stack
            && environment_of_anybody(&self.program).eq(environment_of_anybody(program))
            && matches!(process::reap(self.process.pid, false), Ok(None))
    }

    fn start(
        plan: &Plan,
        program: &Program,
        likeness: Likeness,
        templates: &mut Templates,
    ) -> Result<Self, SetupError> {
        let (socket, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .at(Step::PreWarm)?;
        templates.enter(plan)?;
        let forked = process::fork_into(0, None, Kinship::Child);
        if let Ok(Side::Child) = forked {
            // Its end is all that need be heard of an error.
            let _ = become_interpreter(program, &theirs);
            process::end()
        }
        templates.leave().at(Step::PivotRoot)?;
        let Side::Parent(process) = forked.at(Step::Clone)? else {
            return Err(SetupError { step: Step::Clone, errno: Errno::EINVAL });
        };
        drop(theirs);
        let zygote = Self { process, socket, likeness, program: program.clone(), born: Instant::now() };
        match Packet::receive(&zygote.socket).at(Step::PreWarm)? {
            Some(Packet { tag: READY, .. }) if zygote.has_one_thread().at(Step::PreWarm)? => {
                zygote.show_maps().at(Step::PreWarm)?;
                Ok(zygote)
            }
            // What another thread holds would never be let go of in a copy.
            Some(Packet { tag: READY, .. }) => Err(SetupError { step: Step::PreWarm, errno: Errno::EDEADLK }),
            _ => Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD }),
        }
    }

    pub(crate) const fn pid(&self) -> libc::pid_t {
        self.process.pid
    }

    fn has_one_thread(&self) -> io::Result<bool> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.process.pid))?.count() == 1)
    }

    /// There is no `/proc` where it is.
    fn show_maps(&self) -> io::Result<()> {
        let maps = File::open(format!("/proc/{}/maps", self.process.pid))?;
        send_raw(&self.socket, MAPS, [0, 0], &[maps.as_raw_fd()])
    }

    /// Have it make an init, as a child of this process, by what came with the wish for one.
    pub(crate) fn copy(&self, descriptors: &[OwnedFd], network: BorrowedFd) -> Result<Child, SetupError> {
        let raw: Vec<_> =
            std::iter::once(network.as_raw_fd()).chain(descriptors.iter().map(AsRawFd::as_raw_fd)).collect();
        send_raw(&self.socket, PREPARE, [0, 0], &raw).at(Step::Clone)?;
        let packet = Packet::receive(&self.socket).at(Step::Clone)?.ok_or(Errno::ECHILD).at(Step::Clone)?;
        if packet.tag == NOT_LAUNCHED {
            return Err(packet.reason().at(Step::Clone)?);
        }
        let [pid, _] = packet.numbers;
        let pidfd = packet.descriptors.into_iter().next().ok_or(Errno::EBADF).at(Step::Clone)?;
        Ok(Child { pid, pidfd })
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let _ = process::kill(self.process.pidfd.as_fd());
        let _ = process::reap(self.process.pid, true);
    }
}

fn environment_of_anybody(program: &Program) -> impl Iterator<Item = &(String, String)> {
    program.environment.iter().filter(|(name, _)| !OF_THE_USER.contains(&name.as_str()))
}

/// In the child: execute the interpreter, as a payload would but with all privileges. Comes back only if that failed.
fn become_interpreter(program: &Program, socket: &OwnedFd) -> io::Result<()> {
    process::die_with_parent()?;
    setsid()?;
    process::reset_signals()?;
    SigSet::empty().thread_set_mask()?;
    // Pipes, because that is what it will find there: an interpreter looks at what it has once.
    let (stdin, stdin_end) = pipe2(OFlag::O_CLOEXEC)?;
    let (output_end, output) = pipe2(OFlag::O_CLOEXEC)?;
    for (stream, number) in [(&stdin, 0), (&output, 1), (&output, 2), (socket, LAUNCHER_DESCRIPTOR)] {
        descriptor::duplicate_onto(stream, number)?;
    }
    descriptor::close_from_on_exec(LAUNCHER_DESCRIPTOR + 1)?;
    // The C library takes the size of threads' stacks from it, once.
    let (_, most) = getrlimit(Resource::RLIMIT_STACK)?;
    setrlimit(Resource::RLIMIT_STACK, program.resources.stack.min(most), most)?;
    nix::unistd::chdir("/box")?;
    let (path, arguments, environment) = strings(program)?;
    let Err(error) = execve(&path, &arguments, &environment);
    drop((stdin_end, output_end));
    Err(error.into())
}

/// In the interpreter, which has one thread: make copies as the supervisor says on [`LAUNCHER_DESCRIPTOR`], until that
/// hangs up. Comes back in each copy that is to be a program, with its user's name, when it has given everything up and that
/// descriptor is its launcher's. The interpreter itself ends here.
///
/// # Errors
/// If the supervisor cannot be heard or told.
pub fn serve_zygote() -> io::Result<String> {
    let supervisor = descriptor::standing(LAUNCHER_DESCRIPTOR);
    Packet::new(READY, [0, 0]).send(supervisor)?;
    let mut written = Vec::new();
    while let Some(packet) = Packet::receive(supervisor)? {
        let made = match packet.tag {
            PREPARE => make_copy(packet.descriptors),
            MAPS => {
                written = written_memory(packet.descriptors).unwrap_or_default();
                continue;
            }
            _ => Err(SetupError { step: Step::Clone, errno: Errno::EINVAL }),
        };
        let answer = match made {
            Ok(Made::Program(name)) => {
                // A kernel that cannot copies them one by one.
                let _ = written.iter().try_for_each(memory::copy_now);
                return Ok(name);
            }
            Ok(Made::Init(Child { pid, pidfd })) => {
                Packet { descriptors: vec![pidfd], ..Packet::new(LAUNCHED, [pid, 0]) }
            }
            Err(error) => Packet::not_launched(error),
        };
        answer.send(supervisor)?;
    }
    process::end()
}

/// Memory that this process has written to, from a list of all of it: its copies, interpreters that count references in all
/// objects, will write to nearly all of that. Nothing where it is more than [`COPIED_AT_ONCE`].
fn written_memory(maps: Vec<OwnedFd>) -> io::Result<Vec<Range<usize>>> {
    let mut text = String::new();
    for maps in maps {
        File::from(maps).read_to_string(&mut text)?;
    }
    let mut written = Vec::new();
    // `start-end permissions offset device inode path`
    for line in text.lines().filter(|line| line.contains(" rw-p ") && !line.ends_with("[stack]")) {
        let ends = line.split(' ').next().and_then(|range| range.split_once('-'));
        let (start, end) = ends.ok_or(io::ErrorKind::InvalidData)?;
        let address = |text| usize::from_str_radix(text, 16).map_err(io::Error::other);
        written.extend(memory::resident(address(start)?..address(end)?)?);
    }
    let bytes: usize = written.iter().map(ExactSizeIterator::len).sum();
    Ok(if bytes <= COPIED_AT_ONCE { written } else { Vec::new() })
}

/// What there is after a copy was made.
enum Made {
    /// In the zygote: an init.
    Init(Child),
    /// In the copy that is to be a program: its user's name.
    Program(String),
}

fn make_copy(descriptors: Vec<OwnedFd>) -> Result<Made, SetupError> {
    let mut descriptors = descriptors.into_iter();
    let network = descriptors.next();
    let plan = {
        let text = descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan)?;
        init::read_plan(&text).at(Step::ReadPlan)?
    };
    let for_init = InitDescriptors::take(&mut descriptors)?;
    let cgroup = descriptors.next();
    let cgroup_or_not = cgroup.as_ref().map(AsFd::as_fd);
    match process::fork_into(NAMESPACES.bits(), cgroup_or_not, Kinship::Sibling).at(Step::Clone)? {
        Side::Parent(child) => Ok(Made::Init(child)),
        Side::Child => {
            // Init closes all that is not its own, also this; nothing else of it may be open here.
            std::mem::forget(cgroup);
            init::run(&plan, InitDescriptors { network, ..for_init }, Image::Copied);
            descriptor::close_from(LAUNCHER_DESCRIPTOR + 1).at(Step::ConnectStreams)?;
            Ok(Made::Program(plan.user.name))
        }
    }
}
