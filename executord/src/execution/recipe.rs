//! The recipe of one execution: compile if the language needs it, run, clean up.
//!
//! There is one way out, and it leads through cleanup: of a stage before the next one begins, and of the last stage after
//! the client has the outcome. Cancelling is an event that a stage sees; this future is never dropped halfway.

use std::time::Instant;

use protocol::{Outcome, StageReport, Usage};

use crate::admission::job::Job;
use crate::execution::build_source::BuildSource;
use crate::execution::executor::{Connections, ExecutionResult, Executor};
use crate::execution::stage::StageResult;
use crate::execution::stages::Stages;
use crate::failure::Failure;
use crate::languages::toolchain::StageCommand;
use crate::metrics::TimedStep;
use crate::queue::Permit;

/// Executes a job.
pub(crate) async fn execute(
    executor: &Executor,
    job: &Job,
    permit: &Permit,
    connections: Connections,
) -> ExecutionResult {
    let begun = Instant::now();
    let mut stages = Stages::new(executor, job, permit, connections);
    let reports = match &job.toolchain.compile {
        None => run_all(&mut stages, &BuildSource::None).await.map(|runs| (None, runs)),
        Some(command) => compile_and_run(&mut stages, command).await,
    };
    executor.metrics.time(TimedStep::Total, begun.elapsed());
    let outcome = reports.map(|(compile, runs)| Outcome { id: job.id, compile, runs });
    ExecutionResult { uids: stages.uids, outcome, cleanup: stages.cleanup }
}

type Reports = (Option<StageReport>, Vec<StageReport>);

/// Compiles, unless the build is in the cache, and runs. The build stays in the slot where it was made until all runs are
/// over, or as long as the cache keeps it.
async fn compile_and_run(stages: &mut Stages<'_>, command: &StageCommand) -> Result<Reports, Failure> {
    let executor = stages.executor;
    let key = executor.build_cache.key(stages.job);
    if let Some(build) = key.as_ref().and_then(|key| executor.build_cache.find(key)) {
        let report = StageReport { usage: Usage::default(), ..build.report.clone() };
        stages.cached_compile = Some(report.clone());
        let runs = run_all(stages, &BuildSource::Cache(build)).await?;
        return Ok((Some(report), runs));
    }
    let StageResult { report, cleanup, was_silent, .. } = stages.compile(command).await?;
    if !report.status.is_success() {
        stages.cleanup = Some(cleanup);
        return Ok((Some(report), Vec::new()));
    }
    let slot = executor.finish(cleanup).await?;
    let runs = run_all(stages, &BuildSource::Slot(&slot)).await;
    // Warnings of the compiler are not in the cache, so a build with warnings is not either.
    match key.filter(|_| was_silent && runs.is_ok()) {
        Some(key) => executor.cache_build(key, &report, slot).await?,
        None => executor.release_with_build(slot)?,
    }
    Ok((Some(report), runs?))
}

async fn run_all(stages: &mut Stages<'_>, build: &BuildSource<'_>) -> Result<Vec<StageReport>, Failure> {
    let mut reports = Vec::with_capacity(stages.job.runs.len());
    for (number, run) in (0_u32..).zip(&stages.job.runs) {
        if number > 0 {
            stages.executor.clean_up(stages.cleanup.take()).await?;
            stages.yield_to_waiting().await;
            if stages.is_cancelled() {
                break;
            }
        }
        let Some(limits) = stages.limits_of_run() else {
            reports.push(stages.report_without_run(number).await);
            continue;
        };
        let StageResult { report, cleanup, .. } = stages.run(number, run, &limits, build).await?;
        stages.cleanup = Some(cleanup);
        reports.push(report);
        if stages.is_cancelled() {
            break;
        }
    }
    Ok(reports)
}
