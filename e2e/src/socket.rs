//! Executions over executord's own socket, as their events tell them.

use std::path::Path;

use protocol::{
    Client, ClientError, Event, ExecuteRequest, ExecutionId, Limits, LimitsRequest, Request, RunRequest,
    SourceFile, StageName, StageReport, Status, Stdin, StreamName,
};
use tokio::time::timeout;

use crate::daemons::DEADLINE;

/// A program in one file that reads nothing.
#[must_use]
pub fn program(language: &str, code: impl Into<String>) -> ExecuteRequest {
    ExecuteRequest {
        language: language.into(),
        files: vec![SourceFile { path: None, content: code.into().into() }],
        runs: vec![RunRequest::default()],
        limits: LimitsRequest::default(),
        client: None,
    }
}

/// A program in one file that reads what is sent to it while it runs.
#[must_use]
pub fn live_program(language: &str, code: impl Into<String>) -> ExecuteRequest {
    let runs = vec![RunRequest { stdin: Stdin::Live, ..RunRequest::default() }];
    ExecuteRequest { runs, ..program(language, code) }
}

/// What was told of an execution so far.
#[derive(Debug, Default)]
pub struct Received {
    /// Its places in the queue.
    pub positions: Vec<u32>,
    /// What it is called, once it has a slot.
    pub id: Option<ExecutionId>,
    /// What each run may use.
    pub limits: Option<Limits>,
    /// The stages that began.
    pub begun: Vec<StageName>,
    /// What was written to stdout, in all stages.
    pub stdout: Vec<u8>,
    /// What was written to stderr, in all stages.
    pub stderr: Vec<u8>,
    /// The stages that ended.
    pub stages: Vec<StageReport>,
    /// The last event of all.
    pub last: Option<Event>,
}

impl Received {
    /// How a stage ended.
    #[must_use]
    pub fn status(&self, stage: StageName) -> Option<&Status> {
        self.stages.iter().find(|report| report.stage == stage).map(|report| &report.status)
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Queued { position } => self.positions.push(position),
            Event::Started { id, limits } => (self.id, self.limits) = (Some(id), Some(*limits)),
            Event::StageStarted(stage) => self.begun.push(stage),
            Event::Output { stream: StreamName::Stdout, bytes } => self.stdout.extend(bytes),
            Event::Output { stream: StreamName::Stderr, bytes } => self.stderr.extend(bytes),
            Event::StageFinished(report) => self.stages.push(report),
            last => self.last = Some(last),
        }
    }
}

/// An execution that was asked for. Dropping it hangs up.
#[derive(Debug)]
pub struct Execution {
    client: Client,
    /// What was told so far.
    pub received: Received,
}

impl Execution {
    /// Connect and ask.
    ///
    /// # Errors
    /// [`ClientError`] if executord does not take the request.
    pub async fn begin(socket: &Path, request: ExecuteRequest) -> Result<Self, ClientError> {
        Self::begin_on(Client::connect(socket).await?, request).await
    }

    /// Ask on a connection that is there already.
    ///
    /// # Errors
    /// As [`Execution::begin`].
    pub async fn begin_on(mut client: Client, request: ExecuteRequest) -> Result<Self, ClientError> {
        client.execute(request).await?;
        Ok(Self { client, received: Received::default() })
    }

    /// Say something in between.
    ///
    /// # Errors
    /// [`ClientError`] if executord does not take it.
    pub async fn send(&mut self, request: Request) -> Result<(), ClientError> {
        timeout(DEADLINE, self.client.send(request)).await.map_err(|_| ClientError::Timeout(DEADLINE))?
    }

    /// Listen until what was told is `enough`.
    ///
    /// # Errors
    /// [`ClientError`] if the connection ends before, or the execution does: [`ClientError::Unexpected`].
    pub async fn until(&mut self, enough: impl Fn(&Received) -> bool) -> Result<&Received, ClientError> {
        while !enough(&self.received) {
            if self.received.last.is_some() {
                eprintln!("too late: {:?}", self.received);
                return Err(ClientError::Unexpected);
            }
            let event = timeout(DEADLINE, self.client.event()).await;
            self.received.note(event.map_err(|_| ClientError::Timeout(DEADLINE))??);
        }
        Ok(&self.received)
    }

    /// Listen until the program has written all of this to stdout.
    ///
    /// # Errors
    /// As [`Execution::until`].
    pub async fn until_written(&mut self, text: &str) -> Result<&Received, ClientError> {
        self.until(|received| received.stdout.ends_with(text.as_bytes())).await
    }

    /// Listen to the end.
    ///
    /// # Errors
    /// As [`Execution::until`].
    pub async fn end(self) -> Result<Received, ClientError> {
        Ok(self.end_and_keep().await?.0)
    }

    /// Listen to the end, and keep the connection for the next one.
    ///
    /// # Errors
    /// As [`Execution::until`].
    pub async fn end_and_keep(mut self) -> Result<(Received, Client), ClientError> {
        self.until(|received| received.last.is_some()).await?;
        Ok((self.received, self.client))
    }
}
