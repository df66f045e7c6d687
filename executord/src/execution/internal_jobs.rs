//! Programs of our own, run through the same sandbox as everybody's: what a toolchain's version is, and
//! whether it works.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{Event, ExecuteRequest, ExecutionId, RunRequest, SourceFile, StageName, Stdin, StreamName};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::admission::job::Job;
use crate::execution::input;
use crate::execution::{Connections, Executor};
use crate::languages::format::SelfTest;
use crate::languages::toolchain::Toolchain;
use crate::queue::{Permit, QueueUpdate, Ticket};

/// What a program of ours printed, and how it ended.
#[derive(Debug)]
pub(crate) struct JobOutput {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) success: bool,
    /// How it ended, for people.
    pub(crate) ending: String,
}

/// Wait for its turn.
pub(crate) async fn wait_for_permit(mut ticket: Ticket) -> Option<Permit> {
    loop {
        match ticket.next_update().await {
            QueueUpdate::Granted(permit) => return Some(permit),
            QueueUpdate::Lost(_) => return None,
            QueueUpdate::Position(_) => {}
        }
    }
}

/// Run a job to its end.
pub(crate) async fn run(executor: &Executor, job: &Job, permit: Permit) -> Result<JobOutput, String> {
    // No more than this is kept of a program of ours; both outputs are bounded by the job's limits as well.
    let (events, mut receiver) = mpsc::channel(16);
    let (_input, input) = input::channel();
    let connections = Connections { events, input, cancel: CancellationToken::new() };
    let collect = async {
        let (mut stdout, mut stderr, mut building) = (Vec::new(), Vec::new(), false);
        while let Some(event) = receiver.recv().await {
            match event {
                Event::StageStarted(stage) => building = stage == StageName::Compile,
                Event::Output { stream: StreamName::Stdout, bytes } if !building => stdout.extend(bytes),
                Event::Output { bytes, .. } => stderr.extend(bytes),
                _ => {}
            }
        }
        (stdout, stderr)
    };
    let (ended, (stdout, stderr)) = tokio::join!(executor.execute(job, connections), collect);
    let cleared = executor.clear(ended.rest).await;
    drop(permit);
    cleared.map_err(|failure| failure.to_string())?;
    let outcome = ended.result.map_err(|failure| failure.to_string())?;
    let last = outcome.runs.last().or(outcome.compile.as_ref());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(JobOutput {
        stdout: text(stdout),
        stderr: text(stderr),
        success: outcome.runs.last().is_some_and(|run| run.status.is_success()),
        ending: last.map_or_else(|| "nothing ran".to_owned(), |stage| format!("{:?}", stage.status)),
    })
}

/// The job that asks a toolchain for its version.
pub(crate) fn version_job(toolchain: &Arc<Toolchain>) -> Job {
    let mut asking = Toolchain::clone(toolchain);
    asking.compile = None;
    asking.run.command = asking.version_command.clone();
    // What waits is none that tells its version.
    asking.run.warm = None;
    let limits = asking.run.limits.clone();
    Job {
        id: ExecutionId(Uuid::new_v4()),
        toolchain: Arc::new(asking),
        sources: Vec::new(),
        runs: vec![RunRequest::default()],
        limits,
        client: None,
    }
}

/// The request that a toolchain's self-test is.
pub(crate) fn self_test_request(test: &SelfTest) -> ExecuteRequest {
    let files = test.files.iter().map(|file| SourceFile {
        path: Some(file.name.clone()),
        content: Bytes::from(file.content.trim_start_matches('\n').to_owned()),
    });
    ExecuteRequest {
        language: String::new(),
        files: files.collect(),
        runs: vec![RunRequest {
            stdin: Stdin::Bytes(Bytes::from(test.stdin.clone())),
            args: test.args.clone(),
            terminal: None,
        }],
        limits: protocol::LimitsRequest::default(),
        client: None,
    }
}
