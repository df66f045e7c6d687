//! The executions of one call: those of the caller, within its limits and its memory.

use std::sync::{Arc, Mutex, PoisonError};

use mcp::{Backend, Refusal};
use protocol::{Event, ExecuteRequest, Language};
use tokio::sync::Notify;

use crate::api::executor::stopping_daemon::unavailable_if_stopping;
use crate::app_state::AppState;
use crate::domain::budget::Reservation;
use crate::domain::caller::Caller;
use crate::domain::execution::{AppliedLimits, Execution, ExecutionEvent};
use crate::http::error::ApiError;

/// Memory of a call: of its message and of its result, until the response was sent.
#[derive(Clone, Debug)]
pub(crate) struct CallMemory(Arc<Mutex<Reservation>>);

/// What carries out one call.
#[derive(Debug)]
pub(crate) struct CallBackend {
    pub(crate) state: Arc<AppState>,
    pub(crate) caller: Caller,
    pub(crate) memory: CallMemory,
    /// Notified when the client cancels the call.
    pub(crate) cancelled: Arc<Notify>,
}

/// An execution of a call.
pub(crate) struct CallExecution {
    execution: Execution,
    memory: CallMemory,
    cancelled: Arc<Notify>,
}

impl CallMemory {
    /// Creates the memory of a call whose message holds `reservation`.
    pub(crate) fn new(reservation: Reservation) -> Self {
        Self(Arc::new(Mutex::new(reservation)))
    }
}

impl Backend for CallBackend {
    type Execution = CallExecution;

    async fn languages(&self) -> Result<Vec<Language>, Refusal> {
        let allowed = self.state.keys.languages(&self.caller).map_err(|error| refusal(error.into()))?;
        let languages = self.state.daemon.recent_languages().await.map_err(|error| refusal(error.into()))?;
        let is_allowed =
            |language: &&Language| allowed.as_ref().is_none_or(|allowed| allowed.contains(&language.name));
        Ok(languages.iter().filter(is_allowed).cloned().collect())
    }

    async fn execute(&self, request: ExecuteRequest) -> Result<CallExecution, Refusal> {
        let started = tokio::select! {
            started = self.state.dispatcher.execute(&self.caller, request) => started,
            () = self.cancelled.notified() => return Err(Refusal::cancelled()),
        };
        match started {
            Ok(execution) => Ok(CallExecution {
                execution,
                memory: self.memory.clone(),
                cancelled: Arc::clone(&self.cancelled),
            }),
            Err(error) => Err(refusal(unavailable_if_stopping(error.into(), &self.state.daemon).await)),
        }
    }
}

impl mcp::Execution for CallExecution {
    async fn next_event(&mut self) -> Result<Event, Refusal> {
        tokio::select! {
            event = self.execution.next_event() => event.map(event_of).map_err(|error| refusal(error.into())),
            () = self.cancelled.notified() => Err(Refusal::cancelled()),
        }
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Refusal> {
        let mut reservation = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        reservation.grow(bytes).map_err(|error| refusal(error.into()))
    }
}

/// Returns an error of the HTTP API as the refusal of a call. They have the same codes.
fn refusal(error: ApiError) -> Refusal {
    let body = error.body;
    let code = serde_json::to_value(body.code);
    let code = code.as_ref().ok().and_then(serde_json::Value::as_str).unwrap_or_default();
    Refusal {
        retry_after: body.retry_after,
        id: body.id.map(|id| id.to_string()),
        available: body.available,
        ..Refusal::new(code, body.error)
    }
}

fn event_of(event: ExecutionEvent) -> Event {
    match event {
        ExecutionEvent::Queued { position } => Event::Queued { position },
        ExecutionEvent::Started { id, limits: AppliedLimits { run, compile } } => {
            Event::Started { id, limits: run, compile_limits: compile }
        }
        ExecutionEvent::StageStarted(stage) => Event::StageStarted(stage),
        ExecutionEvent::Output { stage, stream, bytes } => Event::Output { stream, bytes, stage },
        ExecutionEvent::OutputFile { stage, name, size } => Event::OutputFile { stage, name, size },
        ExecutionEvent::OutputFileChunk { stage, bytes } => Event::OutputFileChunk { stage, bytes },
        ExecutionEvent::OutputFilesEnd { stage, omitted } => Event::OutputFilesEnd { stage, omitted },
        ExecutionEvent::BuildKept(build) => Event::BuildKept(build),
        ExecutionEvent::WaitingForInput(stage) => Event::WaitingForInput(stage),
        ExecutionEvent::StageFinished(report) => Event::StageFinished(report),
        ExecutionEvent::Finished(outcome) => Event::Finished(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::ErrorCode;

    #[test]
    fn a_refusal_has_the_code_of_the_http_api() {
        let mut error = ApiError::new(ErrorCode::RateLimited, "too many");
        error.body.retry_after = Some(7);
        let refusal = refusal(error);
        assert_eq!((refusal.code.as_str(), refusal.error.as_str()), ("rate_limited", "too many"));
        assert_eq!(refusal.retry_after, Some(7));
        let unknown = super::refusal(ApiError::unsupported_language("x"));
        assert_eq!(unknown.code, Refusal::UNSUPPORTED_LANGUAGE);
    }
}
