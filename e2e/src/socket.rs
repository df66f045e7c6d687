//! Executions over executord's socket.

use std::path::Path;

use protocol::{
    BuildId, Client, ClientError, Event, ExecuteRequest, ExecutionId, Limits, Request, RunRequest,
    SourceFile, StageName, StageReport, Status, Stdin, StreamName,
};
use tokio::time::timeout;

use crate::daemons::DEADLINE;

/// Returns a request for a program in one file without input.
#[must_use]
pub fn program(language: &str, code: impl Into<String>) -> ExecuteRequest {
    ExecuteRequest {
        language: language.into(),
        files: vec![SourceFile { path: None, content: code.into().into() }],
        runs: vec![RunRequest::default()],
        ..ExecuteRequest::default()
    }
}

/// Returns a request for a program in one file with live input.
#[must_use]
pub fn live_program(language: &str, code: impl Into<String>) -> ExecuteRequest {
    let runs = vec![RunRequest { stdin: Stdin::Live, ..RunRequest::default() }];
    ExecuteRequest { runs, ..program(language, code) }
}

/// Events received of an execution so far.
#[derive(Debug, Default)]
pub struct Received {
    /// Positions in the queue.
    pub positions: Vec<u32>,
    /// Stages that began to wait for input.
    pub waiting: Vec<StageName>,
    /// Execution id.
    pub id: Option<ExecutionId>,
    /// Limits of each run.
    pub limits: Option<Limits>,
    /// Started stages.
    pub begun: Vec<StageName>,
    /// stdout of all stages.
    pub stdout: Vec<u8>,
    /// stdout of each stage that wrote some.
    pub stdout_of_stages: Vec<(StageName, Vec<u8>)>,
    /// stderr of all stages.
    pub stderr: Vec<u8>,
    /// Reports of finished stages.
    pub stages: Vec<StageReport>,
    /// Id of the program, if it is kept.
    pub kept: Option<BuildId>,
    /// Last event of the execution.
    pub last: Option<Event>,
}

impl Received {
    /// Returns the status of a finished stage.
    #[must_use]
    pub fn status(&self, stage: StageName) -> Option<&Status> {
        self.stages.iter().find(|report| report.stage == stage).map(|report| &report.status)
    }

    /// Returns the stdout of a stage.
    #[must_use]
    pub fn stdout_of(&self, stage: StageName) -> &[u8] {
        self.stdout_of_stages.iter().find(|(name, _)| *name == stage).map_or(&[], |(_, stdout)| stdout)
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Queued { position } => self.positions.push(position),
            Event::WaitingForInput(stage) => self.waiting.push(stage),
            Event::Started { id, limits, .. } => (self.id, self.limits) = (Some(id), Some(*limits)),
            Event::StageStarted(stage) => self.begun.push(stage),
            Event::Output { stream: StreamName::Stdout, bytes, stage } => {
                self.stdout.extend_from_slice(&bytes);
                match self.stdout_of_stages.iter_mut().find(|(name, _)| *name == stage) {
                    Some((_, stdout)) => stdout.extend(bytes),
                    None => self.stdout_of_stages.push((stage, bytes.into())),
                }
            }
            Event::Output { stream: StreamName::Stderr, bytes, .. } => self.stderr.extend(bytes),
            Event::StageFinished(report) => self.stages.push(report),
            Event::BuildKept(build) => self.kept = Some(build),
            last => self.last = Some(last),
        }
    }
}

/// A requested execution. Dropping it closes the connection.
#[derive(Debug)]
pub struct Execution {
    client: Client,
    /// Events received so far.
    pub received: Received,
}

impl Execution {
    /// Connects and sends a request.
    ///
    /// # Errors
    /// [`ClientError`] if the request cannot be sent.
    pub async fn begin(socket: &Path, request: ExecuteRequest) -> Result<Self, ClientError> {
        Self::begin_on(Client::connect(socket).await?, request).await
    }

    /// Sends a request on an open connection.
    ///
    /// # Errors
    /// As [`Execution::begin`].
    pub async fn begin_on(mut client: Client, request: ExecuteRequest) -> Result<Self, ClientError> {
        client.execute(request).await?;
        Ok(Self { client, received: Received::default() })
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// [`ClientError`] if it cannot be sent.
    pub async fn send(&mut self, request: Request) -> Result<(), ClientError> {
        timeout(DEADLINE, self.client.send(request)).await.map_err(|_| ClientError::Timeout(DEADLINE))?
    }

    /// Receives events until `enough` returns true.
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

    /// Receives events until stdout ends with this text.
    ///
    /// # Errors
    /// As [`Execution::until`].
    pub async fn until_written(&mut self, text: &str) -> Result<&Received, ClientError> {
        self.until(|received| received.stdout.ends_with(text.as_bytes())).await
    }

    /// Receives all events.
    ///
    /// # Errors
    /// As [`Execution::until`].
    pub async fn end(self) -> Result<Received, ClientError> {
        Ok(self.end_and_keep().await?.0)
    }

    /// Receives all events, and returns the connection for the next execution.
    ///
    /// # Errors
    /// As [`Execution::until`].
    pub async fn end_and_keep(mut self) -> Result<(Received, Client), ClientError> {
        self.until(|received| received.last.is_some()).await?;
        Ok((self.received, self.client))
    }
}
