//! A sandbox in its slot, from its preparation to the proof that it is empty.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox::cgroup::{CgroupLimits, CpuWeight, Readings, RunCgroup, UsageMeter};
use sandbox::{
    Collection, Emptied, Init, InputFile, NamespaceGone, Plan, Report, SealedMemoryFile, Start, User,
    waits_for_input,
};
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::failure::{Context, Failure};
use crate::identity::Identity;
use crate::languages::format::ZygoteHealth;
use crate::plan::stage_spec::WarmUp;
use crate::pool::pipes::Pipes;
use crate::pool::slot::Slot;
use crate::queue::{Meter, Usage};
use crate::streams::pipe::pipe_pair;
use crate::streams::terminal::Terminal;

/// Time for a sandbox with a terminal or a collector to be prepared, while its client waits.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for all processes to be gone after they were killed.
pub(crate) const KILL_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a pre-warmed sandbox, whose processes get only the CPU time that programs leave.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the cgroup is checked for being empty.
const EMPTY_POLL: Duration = Duration::from_millis(1);
/// The operation in errors.
const PREPARE: &str = "prepare the sandbox";

/// A sandbox, for one program. Dropping it loses the slot, and quarantines the user until its processes are confirmed gone;
/// [`Sandbox::end`] returns both.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) slot: Slot,
    pub(crate) plan: Plan,
    pub(crate) pipes: Pipes,
    cgroup: RunCgroup,
    state: SandboxState,
    /// Known as soon as its init runs.
    init: Option<Init>,
    created: Instant,
    /// Whether init has reported that the sandbox is prepared.
    is_prepared: bool,
    /// Whether it has a collector that is not gone yet.
    has_collector: bool,
    /// For a copy of a zygote until it runs.
    zygote_health: Option<ZygoteHealth>,
}

/// Whether a sandbox was made before its program was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SandboxState {
    /// Made for a program that waits for it.
    Starting,
    /// Pre-warmed: made for the pool.
    Warm(WarmUp),
}

/// Reads the usage of a sandbox from its cgroup.
#[derive(Debug)]
struct CgroupMeter(UsageMeter);

impl Meter for CgroupMeter {
    fn usage(&self) -> Option<Usage> {
        // The cgroup may be gone already.
        let (cpu_time, memory) = self.0.usage().ok()??;
        Some(Usage { cpu_time, memory })
    }

    fn is_runnable(&self) -> bool {
        self.0.is_runnable().unwrap_or(true)
    }

    fn unreclaimable_memory(&self) -> u64 {
        self.0.unreclaimable_memory().unwrap_or(0)
    }
}

/// Looks whether the program of a sandbox waits for its input.
#[derive(Debug)]
pub(crate) struct InputProbe {
    meter: UsageMeter,
    user: User,
    /// The owner of the user namespace of a copy of a zygote.
    owner: Option<u32>,
    input: InputFile,
}

impl InputProbe {
    /// Returns whether it waits, as far as the host tells. Blocks for some microseconds for each thread of the program.
    pub(crate) fn look(&self) -> bool {
        waits_for_input(&self.meter, &self.user, self.owner, self.input).unwrap_or(false)
    }
}

impl Sandbox {
    /// Begins to prepare a sandbox, without waiting for anything.
    pub(crate) fn begin(
        mut slot: Slot,
        identity: Identity,
        plan: Plan,
        limits: &CgroupLimits,
        state: SandboxState,
        zygote_health: Option<ZygoteHealth>,
    ) -> Result<Self, Failure> {
        let weight = match state {
            SandboxState::Starting => CpuWeight::Full,
            SandboxState::Warm(_) => CpuWeight::Reduced,
        };
        // From here on an error quarantines the user, when the slot is dropped, unless nothing was launched yet.
        slot.assign(identity);
        let mut cgroup = slot.begin(limits, weight, plan.user.uid)?;
        let prepared = Pipes::new().and_then(|(pipes, descriptors)| {
            slot.prepare(&plan, &mut cgroup, descriptors)?;
            Ok(pipes)
        });
        let pipes = match prepared {
            Ok(pipes) => pipes,
            Err(failure) => {
                // If the supervisor was not asked, the user has had no process and is free at once.
                if let Ok(Some(proof)) = cgroup.close_unused() {
                    slot.release_identity(&proof);
                }
                return Err(failure);
            }
        };
        Ok(Self {
            slot,
            plan,
            pipes,
            cgroup,
            state,
            init: None,
            created: Instant::now(),
            is_prepared: false,
            has_collector: false,
            zygote_health,
        })
    }

    /// Waits until the sandbox is prepared, for at most `within`.
    pub(crate) async fn wait_until_prepared(&mut self, within: Duration) -> Result<(), Failure> {
        if self.is_prepared {
            return Ok(());
        }
        let preparing = async {
            self.wait_until_launched().await?;
            loop {
                match self.pipes.reports.take()? {
                    Some(Report::Ready) => break,
                    Some(Report::SetupFailed(error)) => return Err(Failure::Setup(error)),
                    Some(_) => return Err(io::Error::from(io::ErrorKind::InvalidData)).context(PREPARE),
                    None if self.pipes.reports.is_open => self.pipes.reports.read().await,
                    None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)).context(PREPARE),
                }
            }
            self.is_prepared = true;
            Ok(())
        };
        timeout(within, preparing).await.map_err(io::Error::from).context(PREPARE)?
    }

    /// Waits until the sandbox's init runs.
    pub(crate) async fn wait_until_launched(&mut self) -> Result<(), Failure> {
        if self.init.is_none() {
            let launched = self.slot.wait_until_launched(&self.plan).await;
            if let Some(health) = self.zygote_health.take()
                && health.record(launched.is_ok())
            {
                let program = self.plan.warm_command.as_ref().map(|program| &program.command);
                warn!(?program, "zygotes fail, starting programs without them until the next reload");
            }
            self.init = Some(launched?);
        }
        Ok(())
    }

    /// Returns whether a pre-warmed sandbox still waits for its program: its supervisor is there, and its init reported
    /// nothing.
    pub(crate) fn is_waiting(&self) -> bool {
        self.slot.is_alive() && self.pipes.reports.is_silent()
    }

    /// Returns whether a process in it is older than the program's request: a pre-warmed one, or a copy of a zygote. If
    /// such a sandbox fails to start, this is not the fault of the program, which gets a cold one.
    pub(crate) fn predates_program(&self) -> bool {
        self.state != SandboxState::Starting || self.plan.zygote
    }

    /// Returns how much a pre-warmed sandbox was warmed up.
    pub(crate) const fn warm_up(&self) -> WarmUp {
        match self.state {
            SandboxState::Warm(warm_up) => warm_up,
            SandboxState::Starting => WarmUp::Full,
        }
    }

    pub(crate) fn age(&self) -> Duration {
        self.created.elapsed()
    }

    /// The time of [`Sandbox::begin`].
    pub(crate) const fn created(&self) -> Instant {
        self.created
    }

    /// The user id of its processes, which no other sandbox has at the same time.
    pub(crate) const fn uid(&self) -> u32 {
        self.plan.user.uid
    }

    /// Assigns a pre-warmed sandbox to a program: sets the program's limits and gives it a full CPU weight.
    pub(crate) fn claim(&mut self, limits: &CgroupLimits) -> Result<(), Failure> {
        self.slot.start(&mut self.cgroup, limits)
    }

    /// Starts the program, once. Returns the pipe to its stdin.
    pub(crate) fn start(
        &mut self,
        start: &Start,
        sources: &[&[u8]],
        upload: Option<&SealedMemoryFile>,
        build: Option<&OwnedFd>,
    ) -> Result<pipe::Sender, Failure> {
        let stdin = self.pipes.stdin.take().ok_or(Failure::AlreadyStarted)?;
        self.pipes.control.start(start, sources, upload, build).context("start the program")?;
        Ok(stdin)
    }

    /// Connects the daemon to the program's terminal, if it has one: it replaces the pipes to stdout and stderr.
    pub(crate) async fn connect_terminal(&mut self) -> Result<Option<Arc<Terminal>>, Failure> {
        if self.plan.terminal.is_none() {
            return Ok(None);
        }
        self.wait_until_prepared(PREPARE_TIMEOUT).await?;
        let master = self.pipes.control.terminal().context("receive the terminal")?;
        let terminal = Arc::new(Terminal::new(master).context("watch the terminal")?);
        self.pipes.output.redirect_to(Arc::clone(&terminal));
        Ok(Some(terminal))
    }

    /// Starts a collector for the program, which must not have been started. Returns the pipe with its archive.
    pub(crate) async fn attach_collector(
        &mut self,
        collection: &Collection,
    ) -> Result<pipe::Receiver, Failure> {
        self.wait_until_prepared(PREPARE_TIMEOUT).await?;
        let (archive, end) = pipe_pair().context("create a pipe for output files")?;
        let archive = pipe::Receiver::from_owned_fd(archive).context("watch the pipe for output files")?;
        self.pipes.control.request_namespace().context("request the mount namespace")?;
        self.is_prepared = false;
        self.wait_until_prepared(PREPARE_TIMEOUT).await?;
        let namespace = self.pipes.control.namespace().context("receive the mount namespace")?;
        self.slot.attach_collector(collection, &end, &namespace).await?;
        self.has_collector = true;
        self.cgroup.add_own_process();
        Ok(archive)
    }

    /// Lets the collector search. Init must be gone.
    pub(crate) fn collect(&self) -> Result<(), Failure> {
        self.slot.collect()
    }

    /// Ends the collector, if there is one, and waits until it is gone. Init must be gone.
    pub(crate) async fn end_collector(&mut self) -> Result<(), Failure> {
        if self.has_collector {
            let ended = timeout(KILL_TIMEOUT, self.slot.end_collector()).await;
            ended.map_err(|_| Failure::NotEmptied)??;
            self.has_collector = false;
        }
        Ok(())
    }

    /// Returns the memory that it holds, in bytes. A copy of a zygote holds all of its memory when the zygote has ended.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let charged = self.cgroup.memory()?;
        if self.plan.zygote { Ok(charged.max(self.cgroup.mapped_memory()?)) } else { Ok(charged) }
    }

    /// Returns what reads its usage while it exists.
    pub(crate) fn meter(&self) -> Arc<dyn Meter> {
        Arc::new(CgroupMeter(self.cgroup.meter()))
    }

    /// Returns what looks whether the program waits for `input`.
    pub(crate) fn input_probe(&self, input: InputFile) -> InputProbe {
        let owner = self.slot.zygote_uid().filter(|_| self.plan.zygote);
        InputProbe { meter: self.cgroup.meter(), user: self.plan.user.clone(), owner, input }
    }

    /// Reads the cgroup's counters, if there is a cgroup.
    pub(crate) fn readings(&self) -> Result<Option<Readings>, Failure> {
        self.cgroup.readings().context("read the counters of the run's cgroup")
    }

    /// Kills every process in it.
    pub(crate) fn kill(&self) -> Result<(), Failure> {
        self.init.as_ref().map_or(Ok(()), Init::kill).context("kill the sandbox")
    }

    /// Waits until its init is gone, which has nothing left to do, and kills it if it is still there after `grace`.
    pub(crate) async fn wait_until_gone(&self, grace: Duration) -> Result<NamespaceGone, Failure> {
        match self.gone_within(grace).await {
            Err(Failure::NotEmptied) => {
                self.kill()?;
                self.gone_within(KILL_TIMEOUT).await
            }
            gone => gone,
        }
    }

    /// Cancel safe.
    async fn gone_within(&self, within: Duration) -> Result<NamespaceGone, Failure> {
        timeout(within, self.slot.wait_until_gone()).await.map_err(|_| Failure::NotEmptied)?
    }

    /// Waits for the proof that its cgroup is empty, once its init is gone.
    pub(crate) async fn wait_until_empty(&mut self, gone: &NamespaceGone) -> Result<Emptied, Failure> {
        self.end_collector().await?;
        let deadline = Instant::now() + KILL_TIMEOUT;
        loop {
            if let Some(emptied) = self.cgroup.close(gone).context("empty the run's cgroup")? {
                return Ok(emptied);
            }
            if Instant::now() > deadline {
                return Err(Failure::NotEmptied);
            }
            sleep(EMPTY_POLL).await;
        }
    }

    /// Ends a pre-warmed sandbox without a program. Returns its slot.
    pub(crate) async fn discard(mut self) -> Result<Slot, Failure> {
        self.wait_until_launched().await?;
        self.kill()?;
        let gone = self.gone_within(DISCARD_TIMEOUT).await?;
        let emptied = self.wait_until_empty(&gone).await?;
        Ok(self.end(&emptied))
    }

    /// Releases the user against the proof that its processes are gone. Returns the slot, for another sandbox.
    pub(crate) fn end(mut self, emptied: &Emptied) -> Slot {
        self.slot.release_identity(emptied);
        self.slot
    }
}
