//! Jobs of the daemon itself, which run in the same sandbox as those of clients: asking a toolchain for its version, and
//! testing it.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{Event, ExecuteRequest, ExecutionId, RunRequest, SourceFile, StageName, Stdin, StreamName};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::admission::job::{CustomCommands, Job, Judge};
use crate::execution::executor::{Connections, Executor};
use crate::execution::recipe::execute;
use crate::languages::format::SelfTest;
use crate::languages::toolchain::{StageKind, Toolchain};
use crate::queue::{Permit, QueueUpdate, Ticket};
use crate::streams::input;
use crate::uploads::Uploads;

/// Events on their way to the daemon.
const EVENT_BACKLOG: usize = 16;

/// The output and the status of an internal job.
#[derive(Debug)]
pub(crate) struct JobOutput {
    /// The stdout of the run.
    pub(crate) stdout: String,
    /// The stderr of the run, and all output of the compilation.
    pub(crate) stderr: String,
    pub(crate) success: bool,
    /// The status of the last stage, for messages.
    pub(crate) status: String,
}

/// Waits for the permit to run. Returns `None` if the daemon stops before that.
pub(crate) async fn wait_for_permit(mut ticket: Ticket) -> Option<Permit> {
    loop {
        match ticket.next_update().await {
            QueueUpdate::Granted(permit) => return Some(permit),
            QueueUpdate::Lost(_) => return None,
            QueueUpdate::Position(_) => {}
        }
    }
}

/// Runs a job, and cleans up after it. The output that it collects is bounded by the job's limits.
pub(crate) async fn run(executor: &Executor, job: &Job, permit: Permit) -> Result<JobOutput, String> {
    let (events, mut receiver) = mpsc::channel(EVENT_BACKLOG);
    let (_input, input) = input::channel();
    let connections = Connections { events, input, cancel: CancellationToken::new() };
    let collect = async {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(event) = receiver.recv().await {
            match event {
                Event::Output { stream: StreamName::Stdout, bytes, stage: StageName::Run(_) } => {
                    stdout.extend(bytes);
                }
                Event::Output { bytes, .. } => stderr.extend(bytes),
                _ => {}
            }
        }
        (stdout, stderr)
    };
    let (mut result, (stdout, stderr)) = tokio::join!(execute(executor, job, &permit, connections), collect);
    while let Some(cleaned_up) = result.cleanups.next().await {
        cleaned_up.map_err(|failure| failure.to_string())?;
    }
    drop(permit);
    let outcome = result.outcome.map_err(|failure| failure.to_string())?;
    let last = outcome.runs.last().or(outcome.compile.as_ref());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(JobOutput {
        stdout: text(stdout),
        stderr: text(stderr),
        success: outcome.runs.last().is_some_and(|run| run.status.is_success()),
        status: last.map_or_else(|| "nothing ran".to_owned(), |stage| format!("{:?}", stage.status)),
    })
}

/// Returns the job that asks a toolchain for its version.
pub(crate) fn version_job(toolchain: &Arc<Toolchain>) -> Job {
    let mut toolchain = Toolchain::clone(toolchain);
    toolchain.compile = None;
    toolchain.run.command = toolchain.version_command.clone();
    // The interpreter of a pre-warmed sandbox cannot become the version command.
    toolchain.run.warm = None;
    let limits = toolchain.run.limits.clone();
    Job {
        id: ExecutionId(Uuid::new_v4()),
        toolchain: Arc::new(toolchain),
        custom: CustomCommands::default(),
        sources: Vec::new(),
        runs: vec![RunRequest::default()],
        parallel: 1,
        outputs: Vec::new(),
        artifacts: false,
        wall_time: limits.wall_time,
        limits,
        has_archive: false,
        is_checked: false,
        run_kind: StageKind::Run,
        compile_limits: None,
        uploads: Uploads::default(),
        client: None,
        judge: Judge::default(),
        stop_on_first_failure: false,
        keep: None,
        kept_build: None,
    }
}

/// Returns the request that runs a toolchain's self-test.
pub(crate) fn self_test_request(test: &SelfTest) -> ExecuteRequest {
    let files = test.files.iter().map(|file| SourceFile {
        path: Some(file.name.clone()),
        content: Bytes::from(file.content.trim_start_matches('\n').to_owned()),
    });
    ExecuteRequest {
        files: files.collect(),
        runs: vec![RunRequest {
            stdin: Stdin::Bytes(Bytes::from(test.stdin.clone())),
            args: test.args.clone(),
            ..RunRequest::default()
        }],
        ..ExecuteRequest::default()
    }
}
