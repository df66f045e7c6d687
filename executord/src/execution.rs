//! One execution: identity, stages, cleanup. There is one way out, and it leads through cleanup.

use std::path::Path;
use std::time::Instant;

use protocol::{Event, ExecutionId, Outcome, StageName, StageReport, Stdin};
use sandbox::{Build, Emptied};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::identity::{Identity, Pool};
use crate::input::InputReceiver;
use crate::job::Job;
use crate::metrics::{Metrics, TimedStep};
use crate::plan::{Planner, StageSpec};
use crate::slot::Slot;
use crate::stage::{self, EventSender, StageRun, Surroundings};

/// What executions have in common.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) identities: Pool,
    pub(crate) planner: Planner,
    pub(crate) grace: std::time::Duration,
    pub(crate) metrics: Metrics,
}

/// What connects an execution to its client.
pub(crate) struct Connections {
    pub(crate) events: EventSender,
    pub(crate) input: InputReceiver,
    pub(crate) cancel: CancellationToken,
}

/// How an execution left its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// As good as new.
    Clean,
    /// Not to be used again.
    Broken,
}

/// How an execution ended: what the client is told, and what becomes of the slot.
pub(crate) struct Ended {
    pub(crate) uid: Option<u32>,
    pub(crate) result: Result<Outcome, Failure>,
    pub(crate) slot: SlotState,
}

impl Executor {
    /// Execute a job in a slot.
    pub(crate) async fn execute(
        &self,
        id: ExecutionId,
        job: &Job,
        slot: &mut Slot,
        mut connections: Connections,
    ) -> Ended {
        let begun = Instant::now();
        let identity = match self.identities.lease(id) {
            Ok(identity) => identity,
            Err(failure) => return Ended { uid: None, result: Err(failure), slot: SlotState::Clean },
        };
        let uid = identity.user().uid;
        let started = Event::Started { id, limits: Box::new(job.limits.clone()) };
        // Who is gone already is found out by the first stage.
        let _ = connections.events.send(started).await;
        let mut emptied = Some(Emptied::never_used(uid));
        let result = self.stages(id, job, slot, &identity, &mut connections, &mut emptied).await;
        let result = result.and_then(|outcome| slot.drop_build().map(|()| outcome));
        match emptied {
            Some(emptied) => identity.release(&emptied),
            None => slot.withhold(identity),
        }
        // What watched a failure is not trusted again.
        let slot = if result.is_ok() { SlotState::Clean } else { SlotState::Broken };
        self.metrics.time(TimedStep::Total, begun.elapsed());
        Ended { uid: Some(uid), result, slot }
    }

    /// Compile where the language needs it, then run. While a stage runs there is no proof that nothing is left; each
    /// brings its own.
    async fn stages(
        &self,
        id: ExecutionId,
        job: &Job,
        slot: &mut Slot,
        identity: &Identity,
        connections: &mut Connections,
        emptied: &mut Option<Emptied>,
    ) -> Result<Outcome, Failure> {
        let Job { toolchain, sources, runs, limits } = job;
        let contents: Vec<&[u8]> = sources.iter().map(|source| &source.content[..]).collect();
        let mut outcome = Outcome { id, compile: None, runs: Vec::with_capacity(runs.len()) };
        let mut build = Build::None;
        if let Some(command) = &toolchain.compile {
            let limits = &command.limits;
            let writable = Build::Writable { bytes: limits.disk.bytes(), files: limits.files };
            let user = identity.user();
            let spec =
                StageSpec { toolchain, command, limits, build: writable, sources, arguments: &[], user };
            let plan = self.planner.plan(&spec, Path::exists);
            let stdin = Stdin::default();
            let stage =
                StageRun { name: StageName::Compile, plan: &plan, sources: &contents, limits, stdin: &stdin };
            let report = self.stage(slot, &stage, connections, emptied).await?;
            let compiled = report.status.is_success();
            outcome.compile = Some(report);
            if !compiled {
                return Ok(outcome);
            }
            build = Build::ReadOnly;
        }
        for (number, run) in (0_u32..).zip(runs) {
            let (command, user) = (&toolchain.run, identity.user());
            let spec = StageSpec { toolchain, command, limits, build, sources, arguments: &run.args, user };
            let plan = self.planner.plan(&spec, Path::exists);
            let name = StageName::Run(number);
            let stage = StageRun { name, plan: &plan, sources: &contents, limits, stdin: &run.stdin };
            outcome.runs.push(self.stage(slot, &stage, connections, emptied).await?);
            if connections.cancel.is_cancelled() {
                break;
            }
        }
        Ok(outcome)
    }

    async fn stage(
        &self,
        slot: &mut Slot,
        stage: &StageRun<'_>,
        connections: &mut Connections,
        emptied: &mut Option<Emptied>,
    ) -> Result<StageReport, Failure> {
        let Connections { events, input, cancel } = connections;
        let around = Surroundings { planner: &self.planner, grace: self.grace, events, cancel };
        *emptied = None;
        let end = stage::run(slot, stage, &around, input).await?;
        *emptied = Some(end.emptied);
        let report = end.report.map_err(Failure::Setup)?;
        let step = if stage.name == StageName::Compile { TimedStep::Compile } else { TimedStep::Run };
        self.metrics.time(TimedStep::Launch, end.launch_time);
        self.metrics.time(step, report.usage.wall_time);
        self.metrics.time(TimedStep::Cleanup, end.cleanup_time);
        let _ = events.send(Event::StageFinished(report.clone())).await;
        Ok(report)
    }
}
