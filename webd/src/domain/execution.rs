//! The handle of one execution: its events come out, control messages go in.
//!
//! Every consumer reads the same events: the answer in one piece, the live answer and the session. The next event is
//! read from the daemon only when the consumer asks for it, so a slow consumer slows the program down and nothing
//! accumulates in webd.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use protocol::bounds::MAX_INPUT_CHUNK;
use protocol::{
    BuildId, Client, ClientError, Event, ExecutionId, Limits, OmittedFiles, Outcome, ProgramSignal,
    Rejection, Request, StageName, StageReport, Status, StreamName, TerminalSize,
};

use crate::domain::connection_pool::ConnectionPool;
use crate::domain::execution_meter::{EventStream, ExecutionMeter, RequestSink, SplitMeter};
use crate::domain::keys::refusal::Refusal;

/// An execution whose request was sent to the daemon. Dropping it cancels the execution.
#[derive(Debug)]
pub(crate) struct Execution {
    /// `None` after the last event, when the connection is back in the pool.
    client: Option<Client>,
    /// An event that was read while the request was sent.
    first: Option<Event>,
    pool: Arc<ConnectionPool>,
    /// `None` after the last event.
    meter: Option<ExecutionMeter>,
}

/// The limits of an execution, after defaults and maximums were applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AppliedLimits {
    /// Limits of each run.
    pub(crate) run: Box<Limits>,
    /// Limits of the compilation; `None` for a language that is not compiled.
    pub(crate) compile: Option<Box<Limits>>,
}

/// An event of an execution. `Finished`, or an error in place of an event, is the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExecutionEvent {
    /// The execution waits for a slot.
    Queued {
        /// Executions ahead of this one.
        position: u32,
    },
    /// The execution has a slot.
    Started {
        /// Its id, which the daemon's log uses as well.
        id: ExecutionId,
        /// The limits that apply to it.
        limits: AppliedLimits,
    },
    /// A stage begins.
    StageStarted(StageName),
    /// A program wrote output.
    Output {
        /// Its stage. Output of concurrent runs alternates.
        stage: StageName,
        /// The stream it wrote to.
        stream: StreamName,
        /// Output: not necessarily text, and split at any byte.
        bytes: Bytes,
    },
    /// A file that the program of a stage left behind. Its content follows.
    OutputFile {
        /// The stage.
        stage: StageName,
        /// Its path, relative to the directory that was searched.
        name: String,
        /// Its size; less content follows if it was cut.
        size: u64,
    },
    /// A part of the last output file of a stage.
    OutputFileChunk {
        /// The stage.
        stage: StageName,
        /// The next bytes.
        bytes: Bytes,
    },
    /// All output files of a stage have arrived.
    OutputFilesEnd {
        /// The stage.
        stage: StageName,
        /// Files that were left out.
        omitted: OmittedFiles,
    },
    /// The program is kept under this id.
    BuildKept(BuildId),
    /// The program of this stage begins to wait for live input.
    WaitingForInput(StageName),
    /// A stage ended.
    StageFinished(StageReport),
    /// The execution ended.
    Finished(Outcome),
}

/// Returns whether the output of a stage ends where the program was stopped, and not where it stopped writing.
pub(crate) const fn is_cut(report: &StageReport, stream: StreamName) -> bool {
    let is_truncated = match stream {
        StreamName::Stdout => report.stdout_truncated,
        StreamName::Stderr => report.stderr_truncated,
    };
    is_truncated || !matches!(report.status, Status::Exited(_) | Status::Signaled(_))
}

/// The reason why an execution has no outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecutionError {
    /// The caller's key does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The daemon refused it: a mistake in the request, or no capacity.
    #[error(transparent)]
    Rejected(Rejection),
    /// The daemon accepted it and failed.
    #[error("{message}")]
    Failed {
        /// The execution.
        id: ExecutionId,
        /// Text for the client.
        message: String,
    },
    /// The daemon cannot be reached, or broke the protocol.
    #[error(transparent)]
    Daemon(#[from] ClientError),
}

impl ExecutionError {
    /// Returns whether the same request may be executed a moment later: there is no room now, in the daemon or within what the
    /// caller's key may execute at one time.
    pub(crate) const fn is_busy(&self) -> bool {
        matches!(self, Self::Rejected(Rejection::Busy { .. }) | Self::Refused(Refusal::Concurrent(_)))
    }
}

/// Events of an execution, in their order.
pub(crate) trait EventSource {
    /// Returns the next event.
    ///
    /// # Errors
    /// [`ExecutionError`] in place of the last event.
    fn next_event(&mut self) -> impl Future<Output = Result<ExecutionEvent, ExecutionError>> + Send;
}

impl EventSource for Execution {
    fn next_event(&mut self) -> impl Future<Output = Result<ExecutionEvent, ExecutionError>> + Send {
        Self::next_event(self)
    }
}

/// A message to a running execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// More of the program's stdin, of any length.
    Input(Bytes),
    /// The end of the program's stdin.
    EndOfInput,
    /// A signal to the process group of the program.
    Signal(ProgramSignal),
    /// A new size of the program's terminal.
    Resize(TerminalSize),
    /// The end of the execution; it still has an outcome.
    Cancel,
}

/// The receiving half of an [`Execution`]. It has no stream after the last event.
pub(crate) struct EventReceiver {
    events: Option<EventStream>,
    meter: Arc<SplitMeter>,
}

/// The sending half of an [`Execution`]. It has no sink after the last event.
pub(crate) struct ControlSender {
    requests: Option<RequestSink>,
    meter: Arc<SplitMeter>,
}

impl Execution {
    /// Wraps a connection on which a request was sent. `first` is an event that was read already.
    pub(crate) const fn new(
        client: Client,
        first: Option<Event>,
        pool: Arc<ConnectionPool>,
        meter: ExecutionMeter,
    ) -> Self {
        Self { client: Some(client), first, pool, meter: Some(meter) }
    }

    /// Waits for the next event. No event is lost if the future is dropped before it is ready. After the last event
    /// the connection is available for other executions.
    ///
    /// # Errors
    /// [`ExecutionError`] in place of the last event.
    pub(crate) async fn next_event(&mut self) -> Result<ExecutionEvent, ExecutionError> {
        let client = self.client.as_mut().ok_or(ClientError::Closed)?;
        let event = match self.first.take() {
            Some(event) => event,
            None => client.event().await?,
        };
        ExecutionMeter::observe(&mut self.meter, &event);
        if matches!(event, Event::Finished(_) | Event::Rejected(_))
            && let Some(client) = self.client.take()
        {
            self.pool.put(client);
        }
        event.try_into()
    }

    /// Splits the handle into halves that can be used at the same time. Dropping both cancels the execution.
    pub(crate) fn split(mut self) -> (EventReceiver, ControlSender) {
        let first = stream::iter(self.first.take().map(Ok));
        let (requests, events) = self.client.take().map(Client::split).unzip();
        let events = events.map(|events| Box::pin(first.chain(events)) as EventStream);
        let requests = requests.map(|requests| Box::pin(requests) as RequestSink);
        let meter = Arc::new(SplitMeter::new(self.meter.take()));
        (EventReceiver { events, meter: Arc::clone(&meter) }, ControlSender { requests, meter })
    }
}

/// Cancels the execution if it has not ended: closing the connection does. If its CPU time must be known, the
/// connection is kept until the daemon has reported it.
impl Drop for Execution {
    fn drop(&mut self) {
        if let (Some(client), Some(meter)) = (self.client.take(), self.meter.take()) {
            let (requests, events) = client.split();
            meter.settle(Box::pin(events), Box::pin(requests));
        }
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.meter.return_events(self.events.take());
    }
}

impl Drop for ControlSender {
    fn drop(&mut self) {
        self.meter.return_requests(self.requests.take());
    }
}

impl EventReceiver {
    /// Waits for the next event; see [`Execution::next_event`]. The connection is not reused.
    ///
    /// # Errors
    /// [`ExecutionError`] in place of the last event.
    pub(crate) async fn next_event(&mut self) -> Result<ExecutionEvent, ExecutionError> {
        let events = self.events.as_mut().ok_or(ClientError::Closed)?;
        let event = events.next().await.ok_or(ClientError::Closed)?.map_err(ClientError::from)?;
        self.meter.observe(&event);
        event.try_into()
    }
}

impl ControlSender {
    /// Sends a message, and waits while the daemon buffers as much input as it accepts
    /// ([`protocol::bounds::MAX_UNREAD_INPUT`]). Failures show up as the last event.
    pub(crate) async fn send(&mut self, control: Control) {
        let request = match control {
            Control::Input(bytes) => return self.send_input(bytes).await,
            Control::EndOfInput => Request::EndOfInput,
            Control::Signal(signal) => Request::Signal(signal),
            Control::Resize(size) => Request::Resize(size),
            Control::Cancel => Request::Cancel,
        };
        let _ = self.send_request(request).await;
    }

    /// Sends input in chunks of at most [`MAX_INPUT_CHUNK`] bytes.
    async fn send_input(&mut self, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(MAX_INPUT_CHUNK));
            if self.send_request(Request::Input(chunk)).await.is_err() {
                return;
            }
        }
    }

    async fn send_request(&mut self, request: Request) -> Result<(), ClientError> {
        Ok(self.requests.as_mut().ok_or(ClientError::Closed)?.send(request).await?)
    }
}

impl TryFrom<Event> for ExecutionEvent {
    type Error = ExecutionError;

    fn try_from(event: Event) -> Result<Self, ExecutionError> {
        match event {
            Event::Queued { position } => Ok(Self::Queued { position }),
            Event::Started { id, limits, compile_limits } => {
                Ok(Self::Started { id, limits: AppliedLimits { run: limits, compile: compile_limits } })
            }
            Event::StageStarted(stage) => Ok(Self::StageStarted(stage)),
            Event::Output { stream, bytes, stage } => Ok(Self::Output { stage, stream, bytes }),
            Event::OutputFile { stage, name, size } => Ok(Self::OutputFile { stage, name, size }),
            Event::OutputFileChunk { stage, bytes } => Ok(Self::OutputFileChunk { stage, bytes }),
            Event::OutputFilesEnd { stage, omitted } => Ok(Self::OutputFilesEnd { stage, omitted }),
            Event::StageFinished(report) => Ok(Self::StageFinished(report)),
            Event::Finished(outcome) => Ok(Self::Finished(outcome)),
            Event::BuildKept(build) => Ok(Self::BuildKept(build)),
            Event::WaitingForInput(stage) => Ok(Self::WaitingForInput(stage)),
            Event::Rejected(rejection) => Err(ExecutionError::Rejected(rejection)),
            Event::Failed { id, message } => Err(ExecutionError::Failed { id, message }),
            Event::Languages(_)
            | Event::Status(_)
            | Event::Checked(_)
            | Event::CheckDone
            | Event::Reloaded { .. } => Err(ClientError::Unexpected.into()),
        }
    }
}
