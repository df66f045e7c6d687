//! The supervisor's own side: a small single-threaded root process that executes one program at a time.
//!
//! It exists because forking a multi-threaded daemon is not safe beyond a handful of calls, and because on
//! cgroup v1 moving a process between groups costs up to 10 ms, whereas what is forked in a group is in it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, umask};
use nix::sys::statvfs::statvfs;

use crate::error::{At, SetupError, Step};
use crate::init::{self, InitDescriptors, NAMESPACES};
use crate::message::{BUILD, DROP_BUILD, GONE, LAUNCHED, PREPARE, Packet, READY, SHARE_BUILD};
use crate::network::Network;
use crate::payload::Image;
use crate::plan::{BuildDir, DiskLimits, Plan};
use crate::privilege;
use crate::root::{NOTHING_SPECIAL, READ_ONLY};
use crate::sys::mount::{attach, attribute, copy_of, new_file_system, path_string, restrict};
use crate::sys::process::{self, Kinship, Side};
use crate::template::Templates;
use crate::zygote::Zygote;

/// `executor-sandbox DIRECTORY [zygotes]`, with the daemon's socket as stdin. Ends when the daemon hangs up, and then
/// takes the sandbox it watches along.
#[must_use]
pub fn supervise() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(directory) = arguments.next().map(PathBuf::from) else {
        return complain("executor-sandbox is started by executord and by nobody else");
    };
    let has_zygotes = arguments.next().is_some_and(|word| word == ZYGOTES);
    match Supervision::begin(&directory, has_zygotes).and_then(|mut supervision| supervision.serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("executor-sandbox: {error}")),
    }
}

#[expect(clippy::print_stderr, reason = "the daemon's log is all there is to tell")]
fn complain(words: &str) -> ExitCode {
    eprintln!("{words}");
    ExitCode::FAILURE
}

/// For what nobody is told of but the log.
fn named(deed: &str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{deed}: {error}"))
}

/// What a supervisor is told that may be asked for them.
pub(crate) const ZYGOTES: &str = "zygotes";

struct Supervision {
    daemon: OwnedFd,
    templates: Templates,
    /// Where what a compiler writes is mounted.
    build: PathBuf,
    /// The next sandbox's.
    network: Network,
    build_is_mounted: bool,
    zygote: Option<Zygote>,
}

impl Supervision {
    fn begin(directory: &Path, has_zygotes: bool) -> io::Result<Self> {
        process::forbid_inspection()?;
        if has_zygotes {
            privilege::let_inherit()?;
        }
        // For all that comes from this process: nothing that is executed here can gain a capability.
        privilege::drop_bounding_set()?;
        // The daemon keeps everybody out; what is built here is for the program to read.
        umask(Mode::S_IWGRP | Mode::S_IWOTH);
        // stdin is the socket; what this process starts must not find it there.
        let daemon = io::stdin().as_fd().try_clone_to_owned()?;
        nix::unistd::dup2_stdin(fs::File::open("/dev/null")?)?;
        hide_in(directory)?;
        let (workshop, build) = (directory.join("template"), directory.join("build"));
        fs::create_dir(&workshop)?;
        fs::create_dir(&build)?;
        let templates = Templates::new(workshop)?;
        let network = Network::fresh().map_err(named("make a network"))?;
        Packet::new(READY, [0, 0]).send(&daemon)?;
        Ok(Self { daemon, templates, build, network, build_is_mounted: false, zygote: None })
    }

    fn serve(&mut self) -> io::Result<()> {
        while let Some(packet) = Packet::receive(&self.daemon)? {
            match packet.tag {
                PREPARE => self.execute(packet.descriptors)?,
                SHARE_BUILD => self.share_build()?,
                DROP_BUILD => self.drop_build()?,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    /// Execute one program: fork its init and stay until every process of it is gone.
    fn execute(&mut self, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let child = match self.launch(descriptors)? {
            Ok(child) => child,
            Err(error) => return Packet::not_launched(error).send(&self.daemon),
        };
        let mut packet = Packet::new(LAUNCHED, [child.pid, 0]);
        packet.descriptors.push(child.pidfd.try_clone()?);
        packet.send(&self.daemon)?;
        self.wait_for(&child.pidfd)?;
        let ended = process::reap(child.pid, true)?.ok_or(Errno::ECHILD)?;
        let zygote = self.zygote.as_ref().map_or(0, Zygote::pid);
        Packet::new(GONE, [ended.status, zygote]).send(&self.daemon)?;
        // Nobody waits for that, unless the next one is there already.
        self.network.renew().map_err(named("make a network"))
    }

    /// Fork an init. An error of the outer kind leaves this process where nothing more can be done.
    fn launch(&mut self, descriptors: Vec<OwnedFd>) -> io::Result<Result<process::Child, SetupError>> {
        let plan = match read_plan(&descriptors) {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error)),
        };
        if plan.zygote {
            return Ok(self.copy(&plan, &descriptors));
        }
        let mut descriptors = descriptors.into_iter().skip(1);
        let for_init = match self.prepare(&plan, &mut descriptors) {
            Ok(for_init) => for_init,
            Err(error) => return Ok(Err(error)),
        };
        let cgroup = descriptors.next();
        if let Err(error) = self.templates.enter(&plan) {
            return Ok(Err(error));
        }
        let cgroup = cgroup.as_ref().map(AsFd::as_fd);
        let forked = process::fork_into(NAMESPACES.bits(), cgroup, Kinship::Child);
        if let Ok(Side::Child) = forked {
            init::run(&plan, for_init, Image::Executed);
            process::end()
        }
        self.templates.leave().map_err(named("come back from a template"))?;
        Ok(match forked.at(Step::Clone) {
            Ok(Side::Parent(child)) => Ok(child),
            Ok(Side::Child) => Err(SetupError { step: Step::Clone, errno: Errno::EINVAL }),
            Err(error) => Err(error),
        })
    }

    fn prepare(
        &mut self,
        plan: &Plan,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<InitDescriptors, SetupError> {
        let mut for_init = InitDescriptors::take(descriptors)?;
        if let BuildDir::Writable(disk) = plan.build_dir {
            self.mount_build(plan, disk).at(Step::MountBuild)?;
            for_init.built = Some(self.built(NOTHING_SPECIAL).at(Step::MountBuild)?);
        }
        Ok(for_init)
    }

    /// Have the slot's zygote make an init. What went wrong once is not used again.
    fn copy(&mut self, plan: &Plan, descriptors: &[OwnedFd]) -> Result<process::Child, SetupError> {
        let program = plan.warm_command.as_ref().filter(|_| plan.build_dir == BuildDir::None);
        let program = program.ok_or(Errno::EINVAL).at(Step::ReadPlan)?;
        let zygote = Zygote::for_plan(self.zygote.take(), plan, program, &mut self.templates)?;
        let child = zygote.copy(descriptors, self.network.namespace().as_fd())?;
        self.zygote = Some(zygote);
        Ok(child)
    }

    /// Wait until init ended; if the daemon goes away before, end init.
    fn wait_for(&self, init: &OwnedFd) -> io::Result<()> {
        let mut watched = [
            PollFd::new(init.as_fd(), PollFlags::POLLIN),
            // Nothing is asked for: a hang-up is told all the same, and further packets wait.
            PollFd::new(self.daemon.as_fd(), PollFlags::empty()),
        ];
        loop {
            match poll(&mut watched, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                answer => answer?,
            };
            if watched[0].any() == Some(true) {
                return Ok(());
            }
            if watched[1].any() == Some(true) {
                process::kill(init.as_fd())?;
                watched[1] = PollFd::new(init.as_fd(), PollFlags::POLLIN);
            }
        }
    }

    fn mount_build(&mut self, plan: &Plan, DiskLimits { bytes, files }: DiskLimits) -> io::Result<()> {
        self.drop_build()?;
        let number = |number: u64| std::ffi::CString::new(number.to_string()).map_err(io::Error::other);
        let options = [
            (c"size", &*number(bytes)?),
            (c"nr_inodes", &*number(files.into())?),
            (c"uid", &*number(plan.user.uid.into())?),
            (c"gid", &*number(plan.user.gid.into())?),
            (c"mode", c"0755"),
        ];
        let build = new_file_system(c"tmpfs", &options, attribute::NO_SETUID | attribute::NO_DEVICES)?;
        attach(build.as_fd(), &path_string(&self.build)?)?;
        self.build_is_mounted = true;
        Ok(())
    }

    fn share_build(&self) -> io::Result<()> {
        let used = statvfs(&self.build)?;
        let kib = (used.blocks() - used.blocks_free()) * used.fragment_size() / 1024;
        let mut packet = Packet::new(BUILD, [i32::try_from(kib).unwrap_or(i32::MAX), 0]);
        // A compiler may have left links there; nobody follows them.
        packet.descriptors.push(self.built(READ_ONLY | attribute::NO_SYMLINKS)?);
        packet.send(&self.daemon)
    }

    /// What a compiler wrote or will write, for a sandbox.
    fn built(&self, attributes: u64) -> io::Result<OwnedFd> {
        let copy = copy_of(&path_string(&self.build)?)?;
        restrict(copy.as_fd(), attributes)?;
        Ok(copy)
    }

    /// Let go of what a compiler wrote. Its memory is free once the sandboxes that see it are gone.
    fn drop_build(&mut self) -> io::Result<()> {
        if self.build_is_mounted {
            umount2(&self.build, MntFlags::MNT_DETACH)?;
            self.build_is_mounted = false;
        }
        Ok(())
    }
}

/// The plan in the first of them, which stays as it is.
fn read_plan(descriptors: &[OwnedFd]) -> Result<Plan, SetupError> {
    let text = descriptors.first().ok_or(Errno::EBADF).at(Step::ReadPlan)?;
    init::read_plan(text).at(Step::ReadPlan)
}

/// Be in a mount namespace of our own, and in it have a file system at `directory` that only we see.
fn hide_in(directory: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    // systemd shares all mounts by default; without this ours would show up on the host.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let options = [(c"size", c"64k"), (c"nr_inodes", c"16"), (c"mode", c"0700")];
    let attributes = attribute::NO_SETUID | attribute::NO_DEVICES | attribute::NO_EXEC;
    let private = new_file_system(c"tmpfs", &options, attributes)?;
    attach(private.as_fd(), &path_string(directory)?)
}
