//! The supervisor process: a small single-threaded process of root that runs one sandbox at a time.
//!
//! It exists for two reasons. After a fork of the multi-threaded daemon only a few functions may be called safely. And on
//! cgroup v1 moving a process into a cgroup takes up to 10 ms, whereas a forked process is born in the cgroup of its parent.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, umask};

use super::build_dir::BuildDirMount;
use crate::collector::{self, Collector};
use crate::error::{At, SetupError, Step};
use crate::init::{InitDescriptors, NAMESPACES, run_init};
use crate::network_namespace::NetworkNamespace;
use crate::packet::{
    ATTACH_COLLECTOR, BUILD, COLLECT, COLLECTED, COLLECTOR_READY, DROP_BUILD, FAILED, GONE, LAUNCHED,
    PREPARE, Packet, READY, SHARE_BUILD, STOP_COLLECTOR,
};
use crate::plan::{BuildDir, Plan};
use crate::privileges::drop_bounding_set;
use crate::rootfs::template_cache::TemplateCache;
use crate::sealed_file::{read_collection, read_plan, seal_message};
use crate::seccomp::Filters;
use crate::sys::mount::{attach, attribute, new_file_system, path_string};
use crate::sys::process::{self, ChildProcess, ForkResult, Parent};
use crate::user_namespace::ZygoteUsers;
use crate::zygote::{MAX_IDLE, MAX_ZYGOTES, Zygote, ZygoteHost};

/// The main function of `executor-sandbox DIRECTORY [FIRST LAST ROOT GROUP]`, with the daemon's socket as stdin. The numbers are
/// the [`ZygoteUsers`] of a supervisor that may have a zygote. The process exits when the daemon closes the socket, after killing
/// its sandbox.
#[must_use]
pub fn supervise() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(directory) = arguments.next().map(PathBuf::from) else {
        return fail("executor-sandbox is an internal program; executord starts it");
    };
    let mut number = || arguments.next().and_then(|argument| argument.to_str()?.parse().ok());
    let users = match [number(), number(), number(), number()] {
        [Some(first), Some(last), Some(root), Some(group)] => Some(ZygoteUsers { first, last, root, group }),
        _ => None,
    };
    let ended = take_daemon_socket().and_then(|daemon| {
        let mut process = match SupervisorProcess::start(&daemon, &directory, users) {
            Ok(process) => process,
            Err(error) => return send_failure(&daemon, &error),
        };
        process.serve()
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("executor-sandbox: {error}")),
    }
}

/// Returns the socket of the daemon, which is stdin.
fn take_daemon_socket() -> io::Result<OwnedFd> {
    // Processes that are forked here must not find it as their stdin.
    let daemon = io::stdin().as_fd().try_clone_to_owned()?;
    nix::unistd::dup2_stdin(fs::File::open("/dev/null")?)?;
    Ok(daemon)
}

/// Sends the daemon the reason why this process cannot create sandboxes. The daemon logs it.
fn send_failure(daemon: &OwnedFd, error: &io::Error) -> io::Result<()> {
    let mut packet = Packet::new(FAILED, [0, 0]);
    packet.descriptors.push(seal_message(&error.to_string())?);
    packet.send(daemon)
}

#[expect(clippy::print_stderr, reason = "stderr is the daemon's log")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}

/// Adds the name of the failed operation to an error that is reported only in the log.
fn context(operation: &str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{operation}: {error}"))
}

struct SupervisorProcess<'a> {
    daemon: &'a OwnedFd,
    /// Compiled once; every init and payload inherits them.
    filters: Filters,
    templates: TemplateCache,
    build_dir: BuildDirMount,
    /// The network namespace of this process, for the next sandbox.
    network: NetworkNamespace,
    /// `None` if there are no zygotes, by configuration or because the host allows no user namespace.
    zygote_host: Option<ZygoteHost>,
    /// At most [`MAX_ZYGOTES`]. The one that forked last is at the end.
    zygotes: Vec<Zygote>,
    /// Requests that arrived during a sandbox and are for the time after it.
    deferred: VecDeque<Packet>,
}

impl<'a> SupervisorProcess<'a> {
    fn start(daemon: &'a OwnedFd, directory: &Path, users: Option<ZygoteUsers>) -> io::Result<Self> {
        process::forbid_inspection()?;
        // For this process and all of its descendants.
        drop_bounding_set()?;
        // The daemon's umask denies others any access, but the program must be able to read what is created here.
        umask(Mode::S_IWGRP | Mode::S_IWOTH);
        mount_private(directory).map_err(context("mount the private file system"))?;
        let staging_dir = directory.join("template");
        fs::create_dir(&staging_dir)?;
        let build_dir = BuildDirMount::create(directory.join("build"))?;
        let templates = TemplateCache::new(staging_dir)?;
        let network = NetworkNamespace::create().map_err(context("create a network namespace"))?;
        let filters = Filters::compile();
        let (zygote_host, errno) = match users.map(ZygoteHost::create).transpose() {
            Ok(host) => (host, 0),
            Err(error) => (None, error.raw_os_error().unwrap_or(libc::EIO)),
        };
        Packet::new(READY, [errno, 0]).send(daemon)?;
        let deferred = VecDeque::new();
        Ok(Self {
            daemon,
            filters,
            templates,
            build_dir,
            network,
            zygote_host,
            zygotes: Vec::new(),
            deferred,
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        while let Some(packet) = self.next_request()? {
            match packet.tag {
                PREPARE => self.run_sandbox(packet.descriptors)?,
                SHARE_BUILD => self.share_build()?,
                DROP_BUILD => self.build_dir.unmount()?,
                // The collector was gone already.
                COLLECT | STOP_COLLECTOR => {}
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    /// Returns the next request, or `None` at the end of the connection.
    fn next_request(&mut self) -> io::Result<Option<Packet>> {
        match self.deferred.pop_front() {
            Some(packet) => Ok(Some(packet)),
            None => {
                if !self.zygotes.is_empty() && !wait_until_readable(self.daemon.as_fd(), MAX_IDLE.into())? {
                    // They would hold memory for nothing.
                    self.zygotes.clear();
                }
                Packet::receive(self.daemon)
            }
        }
    }

    /// Runs one sandbox: launches its init and waits until all of its processes are gone.
    fn run_sandbox(&mut self, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let init = match self.launch(descriptors)? {
            Ok(init) => init,
            Err(error) => return Packet::not_launched(error).send(self.daemon),
        };
        let mut packet = Packet::new(LAUNCHED, [init.pid, 0]);
        packet.descriptors.push(init.pidfd.try_clone()?);
        packet.send(self.daemon)?;
        let collector = self.wait_for(&init.pidfd)?;
        process::wait(init.pid)?;
        let mut zygotes = [0; MAX_ZYGOTES];
        for (pid, zygote) in zygotes.iter_mut().zip(&self.zygotes) {
            *pid = zygote.pid();
        }
        Packet::new(GONE, zygotes).send(self.daemon)?;
        if let Some(collector) = collector {
            self.collect(&collector)?;
            // It is reaped before the daemon learns that it is gone.
            drop(collector);
            Packet::new(COLLECTED, [0, 0]).send(self.daemon)?;
        }
        // After the reply, so that the daemon does not wait for it.
        self.renew_network().map_err(context("create a network namespace"))
    }

    /// Prepares the network namespace of the next sandbox, if the last one may have used it.
    fn renew_network(&mut self) -> io::Result<()> {
        let Some(mut zygote) = self.zygotes.pop_if(|zygote| zygote.has_assigned_network()) else {
            return self.network.renew();
        };
        // A zygote that fails is not used again.
        self.zygotes.extend(zygote.prepare_network(&self.network)?.is_ok().then_some(zygote));
        Ok(())
    }

    /// Launches an init. After an error of the outer kind this process cannot continue.
    fn launch(&mut self, descriptors: Vec<OwnedFd>) -> io::Result<Result<ChildProcess, SetupError>> {
        let plan = descriptors.first().ok_or(Errno::EBADF).at(Step::ReadPlan);
        let plan = match plan.and_then(|file| read_plan(file).at(Step::ReadPlan)) {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error)),
        };
        if plan.zygote { self.fork_from_zygote(&plan, &descriptors) } else { self.fork(&plan, descriptors) }
    }

    /// Forks an init in the plan's template.
    fn fork(
        &mut self,
        plan: &Plan,
        descriptors: Vec<OwnedFd>,
    ) -> io::Result<Result<ChildProcess, SetupError>> {
        let mut descriptors = descriptors.into_iter().skip(1);
        let (for_init, report) = match self.descriptors_for_init(plan, &mut descriptors) {
            Ok(descriptors) => descriptors,
            Err(error) => return Ok(Err(error)),
        };
        let cgroup = descriptors.next();
        if let Err(error) = self.templates.enter(plan, None) {
            return Ok(Err(error));
        }
        let cgroup = cgroup.as_ref().map(AsFd::as_fd);
        let forked = process::fork_into(NAMESPACES.bits(), cgroup, Parent::Caller);
        if let Ok(ForkResult::Child) = forked {
            run_init(plan, for_init, report, &self.filters)
        }
        self.templates.leave().map_err(context("leave a template"))?;
        Ok(match forked.at(Step::Clone) {
            Ok(ForkResult::Parent(init)) => Ok(init),
            Ok(ForkResult::Child) => Err(SetupError { step: Step::Clone, errno: Errno::EINVAL }),
            Err(error) => Err(error),
        })
    }

    fn descriptors_for_init(
        &mut self,
        plan: &Plan,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<(InitDescriptors, OwnedFd), SetupError> {
        let (mut for_init, report) = InitDescriptors::take(descriptors)?;
        for_init.build = self.build_mount(plan)?;
        Ok((for_init, report))
    }

    /// Returns the mount that the compiler of this plan writes to, if it has one.
    fn build_mount(&mut self, plan: &Plan) -> Result<Option<OwnedFd>, SetupError> {
        match plan.build_dir {
            BuildDir::Writable(limits) => {
                self.build_dir.mount_empty(&plan.user, limits).map(Some).at(Step::MountBuild)
            }
            BuildDir::None | BuildDir::ReadOnly => Ok(None),
        }
    }

    /// Has the slot's zygote fork an init. A zygote that returned an error is not used again.
    fn fork_from_zygote(
        &mut self,
        plan: &Plan,
        descriptors: &[OwnedFd],
    ) -> io::Result<Result<ChildProcess, SetupError>> {
        let taken = self.build_mount(plan).and_then(|build| Ok((build, self.zygote_for(plan)?)));
        let (build, mut zygote) = match taken {
            Ok(taken) => taken,
            Err(error) => return Ok(Err(error)),
        };
        let Some(host) = &self.zygote_host else { return Ok(Err(Errno::ENOSYS).at(Step::Clone)) };
        if !zygote.has_network()
            && let Err(error) = zygote.prepare_network(&self.network)?
        {
            return Ok(Err(error));
        }
        let init = zygote.fork_init(host, descriptors, build.as_ref())?;
        self.zygotes.extend(init.is_ok().then_some(zygote));
        Ok(init)
    }

    /// Takes a zygote for a plan: one that fits, or else a new one.
    fn zygote_for(&mut self, plan: &Plan) -> Result<Zygote, SetupError> {
        let program = plan.warm_command.as_ref().ok_or(Errno::EINVAL).at(Step::ReadPlan)?;
        let host = self.zygote_host.as_ref().ok_or(Errno::ENOSYS).at(Step::Clone)?;
        self.zygotes.retain(Zygote::is_usable);
        for index in 0..self.zygotes.len() {
            if self.zygotes[index].fits(plan, program)? {
                return Ok(self.zygotes.remove(index));
            }
        }
        if self.zygotes.len() == MAX_ZYGOTES {
            // It has not forked for longest.
            self.zygotes.remove(0);
        }
        Zygote::start(host, plan, program, &mut self.templates)
    }

    /// Waits until init exits, and starts a collector if the daemon asks for one. If the daemon closes its socket before,
    /// kills init.
    fn wait_for(&mut self, init: &OwnedFd) -> io::Result<Option<Collector>> {
        let mut collector = None;
        while self.has_request_before(init.as_fd())? {
            match Packet::receive(self.daemon)? {
                Some(packet) if packet.tag == ATTACH_COLLECTOR => {
                    match self.start_collector(packet.descriptors) {
                        Ok(started) => {
                            collector = Some(started);
                            Packet::new(COLLECTOR_READY, [0, 0]).send(self.daemon)?;
                        }
                        Err(error) => Packet::no_collector(error).send(self.daemon)?,
                    }
                }
                Some(packet) => self.deferred.push_back(packet),
                None => {
                    process::kill_pidfd(init.as_fd())?;
                    wait_until_readable(init.as_fd(), PollTimeout::NONE)?;
                    break;
                }
            }
        }
        Ok(collector)
    }

    fn start_collector(&self, descriptors: Vec<OwnedFd>) -> Result<Collector, SetupError> {
        let mut descriptors = descriptors.into_iter();
        let mut next = || descriptors.next().ok_or(Errno::EBADF).at(Step::Collect);
        let (collection, archive, namespace) = (next()?, next()?, next()?);
        let collection = read_collection(&collection).at(Step::Collect)?;
        collector::start(&collection, namespace.as_fd(), &archive, &self.filters.collector)
    }

    /// Lets a collector search when the daemon asks for it, and waits until it exits. It is killed if the daemon asks for
    /// that, or closes its socket.
    fn collect(&mut self, collector: &Collector) -> io::Result<()> {
        while self.has_request_before(collector.pidfd())? {
            match Packet::receive(self.daemon)? {
                Some(packet) if packet.tag == COLLECT => collector.go(),
                Some(packet) if packet.tag == STOP_COLLECTOR => collector.kill(),
                Some(packet) => self.deferred.push_back(packet),
                None => {
                    collector.kill();
                    return wait_until_readable(collector.pidfd(), PollTimeout::NONE).map(drop);
                }
            }
        }
        Ok(())
    }

    /// Waits for a request, or for the end of a process. Returns false for the end, which comes first if there are both. Zygotes
    /// end when neither comes for long, as between two sandboxes.
    fn has_request_before(&mut self, process: BorrowedFd) -> io::Result<bool> {
        let mut watched = [
            PollFd::new(process, PollFlags::POLLIN),
            // Its end is readable too.
            PollFd::new(self.daemon.as_fd(), PollFlags::POLLIN),
        ];
        loop {
            let timeout =
                if self.zygotes.is_empty() { PollTimeout::NONE } else { PollTimeout::from(MAX_IDLE) };
            match poll(&mut watched, timeout) {
                Err(Errno::EINTR) => {}
                Ok(0) => self.zygotes.clear(),
                answer => {
                    answer?;
                    return Ok(watched[0].any() != Some(true));
                }
            }
        }
    }

    fn share_build(&self) -> io::Result<()> {
        let (mount, kib) = self.build_dir.share()?;
        let mut packet = Packet::new(BUILD, [i32::try_from(kib).unwrap_or(i32::MAX), 0]);
        packet.descriptors.push(mount);
        packet.send(self.daemon)
    }
}

/// Returns false if the descriptor is not readable within `timeout`.
fn wait_until_readable(descriptor: BorrowedFd, timeout: PollTimeout) -> io::Result<bool> {
    let mut watched = [PollFd::new(descriptor, PollFlags::POLLIN)];
    loop {
        match poll(&mut watched, timeout) {
            Err(Errno::EINTR) => {}
            answer => return Ok(answer? > 0),
        }
    }
}

/// Moves this process into a mount namespace of its own, and mounts a file system at `directory` that no other process sees.
fn mount_private(directory: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    // systemd makes all mounts shared: without this change the mounts of this process would propagate to the host.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let options = [(c"size", c"64k"), (c"nr_inodes", c"16"), (c"mode", c"0700")];
    let attributes = attribute::NOSUID | attribute::NODEV | attribute::NOEXEC;
    let file_system = new_file_system(c"tmpfs", &options, attributes)?;
    attach(file_system.as_fd(), &path_string(directory)?)
}
