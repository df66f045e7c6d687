//! A sandbox that waits for its program: everything of it is there but what only the program's coming can tell.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::StreamName;
use sandbox::cgroup::{CgroupLimits, CpuWeight, RunCgroup};
use sandbox::{
    Control, Descriptors, Emptied, Init, NamespaceGone, Plan, Report, SetupError, Start, Step, read_report,
};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};

use crate::execution::output::{OutputPipe, pipe_pair, stdin_pipe};
use crate::execution::terminal::Terminal;
use crate::failure::{Context, Failure};
use crate::identity::Identity;
use crate::pool::slot::Slot;

/// How long a sandbox with a terminal may take to be prepared, while its client waits.
const TERMINAL_WITHIN: Duration = Duration::from_secs(10);

/// How long all processes may take to be gone after they were killed.
pub(crate) const EMPTY_WITHIN: Duration = Duration::from_secs(5);
/// The same for what is only prepared: it ends with what programs leave of the processors.
const DISCARDED_WITHIN: Duration = Duration::from_secs(60);
/// How often that is looked at.
const EMPTY_POLL: Duration = Duration::from_millis(1);

/// A sandbox in its slot, for one program. Dropping it ends the slot, and withholds the user until it is proven that
/// nothing of it is left; [`Sandbox::end`] gives both back.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// There until it ends.
    place: Option<(Slot, Identity)>,
    pub(crate) group: RunCgroup,
    pub(crate) plan: Plan,
    pub(crate) pipes: Pipes,
    weight: CpuWeight,
    /// Known as soon as its init runs.
    init: Option<Init>,
    since: Instant,
}

/// Our ends of what a sandbox is connected to.
#[derive(Debug)]
pub(crate) struct Pipes {
    stdin: Option<pipe::Sender>,
    pub(crate) stdout: OutputPipe,
    pub(crate) stderr: OutputPipe,
    pub(crate) control: Control,
    pub(crate) reports: Reports,
}

/// What init says.
#[derive(Debug)]
pub(crate) struct Reports {
    pipe: pipe::Receiver,
    bytes: Vec<u8>,
    pub(crate) is_open: bool,
}

impl Reports {
    /// Wait for more of it, or the end. Safe to drop before it is ready.
    pub(crate) async fn read(&mut self) {
        self.is_open = self.pipe.read_buf(&mut self.bytes).await.is_ok_and(|count| count > 0);
    }

    /// The next report, if it is there.
    pub(crate) fn take(&mut self) -> Result<Option<Report>, Failure> {
        read_report(&mut self.bytes).context("read init's report")
    }

    /// Whether nothing was said that was not read.
    fn is_silent(&self) -> bool {
        let nothing =
            |answer: io::Result<usize>| answer.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.bytes.is_empty() && nothing(self.pipe.try_read(&mut [0]))
    }
}

impl Sandbox {
    /// Begin to prepare. Nothing is waited for.
    pub(crate) fn begin(
        mut slot: Slot,
        identity: Identity,
        plan: Plan,
        limits: &CgroupLimits,
        weight: CpuWeight,
    ) -> Result<Self, Failure> {
        let mut prepare = || {
            let mut group = slot.begin(limits, weight, plan.user.uid)?;
            let (pipes, descriptors) = Pipes::new()?;
            slot.prepare(&plan, &mut group, descriptors)?;
            Ok((group, pipes))
        };
        match prepare() {
            Ok((group, pipes)) => {
                let place = Some((slot, identity));
                Ok(Self { place, group, plan, pipes, weight, init: None, since: Instant::now() })
            }
            Err(failure) => {
                slot.quarantine(identity);
                Err(failure)
            }
        }
    }

    /// Wait until it is prepared, at most for `within`.
    pub(crate) async fn ready(&mut self, within: Duration) -> Result<(), Failure> {
        let waiting = async {
            self.launched().await?;
            loop {
                match self.pipes.reports.take()? {
                    Some(Report::Prepared) => return Ok(()),
                    Some(Report::SetupFailed(error)) => return Err(Failure::Setup(error)),
                    Some(_) => return Err(io::Error::from(io::ErrorKind::InvalidData)).context("prepare"),
                    None if self.pipes.reports.is_open => self.pipes.reports.read().await,
                    None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)).context("prepare"),
                }
            }
        };
        timeout(within, waiting).await.map_err(io::Error::from).context("prepare a sandbox")?
    }

    /// Wait until its init runs.
    pub(crate) async fn launched(&mut self) -> Result<(), Failure> {
        if self.init.is_none() {
            self.init = Some(self.slot()?.launched().await?);
        }
        Ok(())
    }

    /// Whether it still waits, and nothing has become of it.
    pub(crate) fn is_waiting(&self) -> bool {
        self.slot().is_ok_and(Slot::is_alive) && self.pipes.reports.is_silent()
    }

    /// Something of it was there before its program, and may be to blame for what goes wrong.
    pub(crate) fn has_past(&self) -> bool {
        self.init.is_some() || self.plan.zygote
    }

    /// For how long it has been there.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// What comes now is a program's: its limits hold, and it has its share of the processors.
    pub(crate) fn claim(&mut self, limits: &CgroupLimits) -> Result<(), Failure> {
        if self.weight == CpuWeight::Reduced {
            self.weight = CpuWeight::Full;
            let (slot, _) = self.place.as_mut().ok_or_else(missing)?;
            slot.start(&mut self.group, limits)?;
        }
        Ok(())
    }

    /// Start the program, once: what writes its stdin.
    pub(crate) fn start(
        &mut self,
        start: &Start,
        sources: &[&[u8]],
        build: Option<&OwnedFd>,
    ) -> Result<pipe::Sender, Failure> {
        self.pipes.control.start(start, sources, build).context("start the program")?;
        self.pipes.stdin.take().ok_or_else(missing)
    }

    /// From now on the program is at its terminal, if it has one.
    pub(crate) async fn connect_terminal(&mut self) -> Result<Option<Arc<Terminal>>, Failure> {
        if self.plan.terminal.is_none() {
            return Ok(None);
        }
        self.ready(TERMINAL_WITHIN).await?;
        let master = self.pipes.control.terminal().context("get the terminal")?;
        let terminal = Arc::new(Terminal::new(master).context("watch the terminal")?);
        self.pipes.stdout.redirect_to(Arc::clone(&terminal));
        self.pipes.stderr.close();
        Ok(Some(terminal))
    }

    /// Kill everything in it.
    pub(crate) fn kill(&self) -> Result<(), Failure> {
        self.init.as_ref().map_or(Ok(()), Init::kill).context("kill the sandbox")
    }

    /// Where it is, and what it is connected to: for watching both at a time.
    pub(crate) fn watched(&mut self) -> Result<(&Slot, &mut Pipes), Failure> {
        Ok((&self.place.as_ref().ok_or_else(missing)?.0, &mut self.pipes))
    }

    /// Wait until its init is gone, which has nothing left to do, and help it if it is not within `grace`.
    pub(crate) async fn gone(&self, grace: Duration) -> Result<NamespaceGone, Failure> {
        match self.gone_within(grace).await {
            Err(Failure::NotEmptied) => {
                self.kill()?;
                self.gone_within(EMPTY_WITHIN).await
            }
            gone => gone,
        }
    }

    /// Safe to drop before it is ready: nothing is lost.
    async fn gone_within(&self, within: Duration) -> Result<NamespaceGone, Failure> {
        timeout(within, self.slot()?.gone()).await.map_err(|_| Failure::NotEmptied)?
    }

    /// Wait for the proof that its group is empty, after its init.
    pub(crate) async fn emptied(&mut self, gone: &NamespaceGone) -> Result<Emptied, Failure> {
        let deadline = Instant::now() + EMPTY_WITHIN;
        loop {
            if let Some(emptied) = self.group.close(gone).context("empty the run's group")? {
                return Ok(emptied);
            }
            if Instant::now() > deadline {
                return Err(Failure::NotEmptied);
            }
            sleep(EMPTY_POLL).await;
        }
    }

    /// End it without a program: its slot, as good as new.
    pub(crate) async fn discard(mut self) -> Result<Slot, Failure> {
        self.launched().await?;
        self.kill()?;
        let gone = self.gone_within(DISCARDED_WITHIN).await?;
        let emptied = self.emptied(&gone).await?;
        self.end(&emptied)
    }

    /// Nothing of it is left: its slot, as good as new.
    pub(crate) fn end(mut self, emptied: &Emptied) -> Result<Slot, Failure> {
        let (slot, identity) = self.place.take().ok_or_else(missing)?;
        identity.release(emptied);
        Ok(slot)
    }

    fn slot(&self) -> Result<&Slot, Failure> {
        Ok(&self.place.as_ref().ok_or_else(missing)?.0)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some((mut slot, identity)) = self.place.take() {
            slot.quarantine(identity);
        }
    }
}

/// For what cannot be: a sandbox is used after its end.
fn missing() -> Failure {
    Failure::Setup(SetupError { step: Step::AwaitStart, errno: nix::errno::Errno::EBADF })
}

impl Pipes {
    /// They, and their other ends.
    fn new() -> Result<(Self, Descriptors), Failure> {
        let make = |operation| move |error: io::Error| Failure::Io { operation, source: error };
        let (stdin_end, stdin) = stdin_pipe().map_err(make("make a pipe for stdin"))?;
        let (stdout, stdout_end) =
            OutputPipe::new(StreamName::Stdout).map_err(make("make a pipe for stdout"))?;
        let (stderr, stderr_end) =
            OutputPipe::new(StreamName::Stderr).map_err(make("make a pipe for stderr"))?;
        let (report, report_end) = pipe_pair().map_err(make("make a pipe for reports"))?;
        let (control, control_end) = Control::new().map_err(make("make a socket for control"))?;
        let reports = Reports {
            pipe: pipe::Receiver::from_owned_fd(report).context("watch the report pipe")?,
            bytes: Vec::new(),
            is_open: true,
        };
        let descriptors = Descriptors {
            stdin: stdin_end,
            stdout: stdout_end,
            stderr: stderr_end,
            report: report_end,
            control: control_end,
        };
        Ok((Self { stdin: Some(stdin), stdout, stderr, control, reports }, descriptors))
    }
}
