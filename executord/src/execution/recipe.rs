//! The recipe of one execution: compile if the language needs it, run, clean up.
//!
//! There is one way out, and it leads through cleanup: of a run while the next one runs, and of the last runs after the
//! client has the outcome. Cancelling is an event that a stage sees; this future is never dropped halfway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Event, Judgement, Outcome, StageReport, StartKind, Usage};
use tokio::sync::Mutex;

use crate::admission::job::Job;
use crate::execution::build_source::BuildSource;
use crate::execution::cleanups::Cleanups;
use crate::execution::executor::{Connections, Executor};
use crate::execution::kept_programs::KeptProgram;
use crate::execution::program_permit::ProgramPermit;
use crate::execution::run_judge::{Preparation, RunJudge};
use crate::execution::run_set::run_all;
use crate::execution::stage::StageResult;
use crate::execution::stages::Stages;
use crate::execution::wall_time_budget::WallTimeBudget;
use crate::failure::Failure;
use crate::languages::toolchain::StageCommand;
use crate::metrics::TimedStep;
use crate::pool::kept_build::KeptBuild;
use crate::pool::slot::Slot;
use crate::queue::Permit;

/// The result of an execution.
pub(crate) struct ExecutionResult<'a> {
    /// The users of its sandboxes, in order.
    pub(crate) uids: Vec<u32>,
    pub(crate) outcome: Result<Outcome, Failure>,
    /// To be finished once the client has the outcome.
    pub(crate) cleanups: Cleanups<'a>,
}

/// Executes a job.
pub(crate) async fn execute<'a>(
    executor: &'a Executor,
    job: &Job,
    permit: &Permit,
    connections: Connections,
) -> ExecutionResult<'a> {
    let begun = Instant::now();
    let mut cleanups = Cleanups::new(executor);
    let stages = Stages::new(executor, job, connections);
    let wall_time = WallTimeBudget::new(job.wall_time);
    let reports = match (&job.kept_build, job.compile_command()) {
        (Some(build), _) => run_kept(&stages, permit, build, wall_time, &mut cleanups).await,
        (None, None) => check_and_run(&stages, permit, wall_time, &mut cleanups).await,
        (None, Some(command)) => compile_and_run(&stages, permit, command, wall_time, &mut cleanups).await,
    };
    executor.metrics.time(TimedStep::Total, begun.elapsed());
    let outcome = reports.map(|(compile, runs)| Outcome { id: job.id, compile, runs, ..Outcome::default() });
    ExecutionResult { uids: stages.into_uids(), outcome, cleanups }
}

type Reports = (Option<StageReport>, Vec<StageReport>);

/// Runs a program of an interpreted language, after the check of its syntax if the client asked for one.
async fn check_and_run(
    stages: &Stages<'_>,
    permit: &Permit,
    mut wall_time: WallTimeBudget,
    cleanups: &mut Cleanups<'_>,
) -> Result<Reports, Failure> {
    let mut checked = None;
    if let Some(command) = stages.job.check_command() {
        let StageResult { report, cleanup, .. } =
            stages.check(command, ProgramPermit::Single(permit)).await?;
        wall_time.use_up(report.usage.wall_time);
        cleanups.push(cleanup);
        if !report.status.is_success() {
            return Ok((Some(report), Vec::new()));
        }
        checked = Some(report);
    }
    let runs = run_and_judge(stages, permit, &BuildSource::None, wall_time, cleanups).await?;
    keep(stages, None).await?;
    Ok((checked, runs))
}

/// Runs a program that an earlier execution compiled.
async fn run_kept(
    stages: &Stages<'_>,
    permit: &Permit,
    build: &Arc<KeptBuild>,
    wall_time: WallTimeBudget,
    cleanups: &mut Cleanups<'_>,
) -> Result<Reports, Failure> {
    let report = without_compilation(&build.report);
    stages.set_cached_compile(report.clone());
    let runs = run_and_judge(stages, permit, &BuildSource::BuildKept(Arc::clone(build)), wall_time, cleanups)
        .await?;
    Ok((Some(report), runs))
}

/// Returns the report of a compilation that was not necessary.
fn without_compilation(report: &StageReport) -> StageReport {
    StageReport {
        usage: Usage::default(),
        start: Some(StartKind::Cached),
        start_time: Duration::ZERO,
        ..report.clone()
    }
}

/// Compiles, unless the build is in the cache, and runs. The build stays in the slot where it was made until all runs are
/// over, or as long as the cache keeps it.
async fn compile_and_run(
    stages: &Stages<'_>,
    permit: &Permit,
    command: &StageCommand,
    mut wall_time: WallTimeBudget,
    cleanups: &mut Cleanups<'_>,
) -> Result<Reports, Failure> {
    let executor = stages.executor;
    let key = executor.build_cache.key(stages.job).filter(|_| stages.job.keep.is_none());
    if let Some(build) = key.as_ref().and_then(|key| executor.build_cache.find(key)) {
        let report = without_compilation(&build.report);
        stages.set_cached_compile(report.clone());
        let runs =
            run_and_judge(stages, permit, &BuildSource::Cache(Box::new(build)), wall_time, cleanups).await?;
        return Ok((Some(report), runs));
    }
    let StageResult { report, cleanup, was_silent, .. } =
        stages.compile(command, ProgramPermit::Single(permit)).await?;
    wall_time.use_up(report.usage.wall_time);
    if !report.status.is_success() {
        cleanups.push(cleanup);
        return Ok((Some(report), Vec::new()));
    }
    let slot = Mutex::new(executor.finish(cleanup).await?);
    let runs = run_and_judge(stages, permit, &BuildSource::Slot(&slot), wall_time, cleanups).await;
    let slot = slot.into_inner();
    // Warnings of the compiler are not in the cache, so a build with warnings is not either.
    match key.filter(|_| was_silent && runs.is_ok()) {
        _ if stages.job.keep.is_some() && runs.is_ok() => keep(stages, Some((report.clone(), slot))).await?,
        Some(key) => executor.cache_build(key, &report, slot).await?,
        None => executor.release_with_build(slot)?,
    }
    Ok((Some(report), runs?))
}

/// Prepares what judges the runs, and does the runs. If the checker or the interactor cannot be compiled, no run takes
/// place.
async fn run_and_judge(
    stages: &Stages<'_>,
    permit: &Permit,
    build: &BuildSource<'_>,
    mut wall_time: WallTimeBudget,
    cleanups: &mut Cleanups<'_>,
) -> Result<Vec<StageReport>, Failure> {
    let (judge, used) = match RunJudge::prepare(stages, permit).await? {
        Preparation::Ready(judge, used) => (judge, used),
        Preparation::Broken(judgement) => return Ok(skip_all(stages, &judgement).await),
        Preparation::Cancelled => return Ok(Vec::new()),
    };
    wall_time.use_up(used);
    let runs = run_all(stages, permit, build, &judge, wall_time, cleanups).await;
    judge.release(stages.executor)?;
    runs
}

async fn skip_all(stages: &Stages<'_>, judgement: &Judgement) -> Vec<StageReport> {
    let mut reports = Vec::with_capacity(stages.job.runs.len());
    for (number, _) in (0..).zip(&stages.job.runs) {
        reports.push(stages.report_skipped(number, Some(Box::new(judgement.clone()))).await);
    }
    reports
}

/// Keeps the program if the client asked for it, and tells it the id. The build of a compiled language is in its slot, which
/// is released if the program is not kept: it is too large, or the execution was cancelled.
async fn keep(stages: &Stages<'_>, build: Option<(StageReport, Slot)>) -> Result<(), Failure> {
    let (executor, job) = (stages.executor, stages.job);
    let Some((age, client)) = job.keep.zip(job.client.as_ref()) else { return Ok(()) };
    let mut bytes = job.sources.iter().map(|source| source.content.len()).sum();
    if let Some((_, slot)) = &build {
        bytes += slot.share_build().await?.1;
    }
    if stages.cancel().is_cancelled() || !executor.kept_programs.has_room_for(bytes) {
        return build.map_or(Ok(()), |(_, slot)| executor.release_with_build(slot));
    }
    let program = KeptProgram {
        toolchain: Arc::clone(&job.toolchain),
        run: job.custom.run.clone(),
        sources: job.sources.clone(),
        build: build.map(|(report, slot)| Arc::new(KeptBuild::new(report, slot))),
        bytes,
        expires: Instant::now() + executor.kept_programs.age(age),
    };
    let id = executor.kept_programs.put(client, program);
    stages.send(Event::BuildKept(id)).await;
    Ok(())
}
