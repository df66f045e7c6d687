//! What carries out the executions that tools ask for.

use protocol::{Event, ExecuteRequest, Language};

use crate::refusal::Refusal;

/// A way to executord.
pub trait Backend: Send + Sync + 'static {
    /// An execution that this backend starts.
    type Execution: Execution;

    /// Returns the languages that the client may use.
    ///
    /// # Errors
    /// [`Refusal`] if they cannot be determined.
    fn languages(&self) -> impl Future<Output = Result<Vec<Language>, Refusal>> + Send;

    /// Starts an execution.
    ///
    /// # Errors
    /// [`Refusal`] if it is not started.
    fn execute(
        &self,
        request: ExecuteRequest,
    ) -> impl Future<Output = Result<Self::Execution, Refusal>> + Send;
}

/// A running execution. Dropping it cancels it.
pub trait Execution: Send {
    /// Returns the next event. [`Event::Finished`] is the last one.
    ///
    /// # Errors
    /// [`Refusal`] in place of the last event.
    fn next_event(&mut self) -> impl Future<Output = Result<Event, Refusal>> + Send;

    /// Reserves memory for the result, which lasts until the result was sent.
    ///
    /// # Errors
    /// [`Refusal`] if there is not enough memory.
    fn reserve(&mut self, bytes: usize) -> Result<(), Refusal>;
}
