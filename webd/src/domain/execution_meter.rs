//! The CPU time of an execution, which counts for the key of its caller.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use protocol::codec::CodecError;
use protocol::{Event, Request};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::domain::keys::admission::Admission;

/// Time in which the daemon reports the end of an execution that was cancelled. It kills the program after its grace
/// period, half a second by default.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Events of an execution.
pub(crate) type EventStream = Pin<Box<dyn Stream<Item = Result<Event, CodecError>> + Send>>;
/// Messages to an execution.
pub(crate) type RequestSink = Pin<Box<dyn Sink<Request, Error = CodecError> + Send>>;

/// Counts the CPU time of one execution, and the execution as running, until it is dropped.
#[derive(Debug)]
pub(crate) struct ExecutionMeter {
    admission: Admission,
    charged: Duration,
}

/// The meter of an execution whose events and messages are in different hands. When both are dropped before the
/// execution has ended, they come back here.
pub(crate) struct SplitMeter(Mutex<Parts>);

struct Parts {
    meter: Option<ExecutionMeter>,
    events: Option<EventStream>,
    requests: Option<RequestSink>,
}

impl ExecutionMeter {
    /// Creates the meter of an execution that was admitted.
    pub(crate) const fn new(admission: Admission) -> Self {
        Self { admission, charged: Duration::ZERO }
    }

    /// Counts what an event reports. The last event ends the meter.
    pub(crate) fn observe(meter: &mut Option<Self>, event: &Event) {
        let Some(counting) = meter else { return };
        match event {
            Event::StageFinished(report) => counting.charge(report.usage.cpu_time),
            // Also stages whose end was not reported before.
            Event::Finished(outcome) => {
                let stages = outcome.compile.iter().chain(&outcome.runs);
                let total: Duration = stages.map(|stage| stage.usage.cpu_time).sum();
                counting.charge(total.saturating_sub(counting.charged));
            }
            _ => {}
        }
        if matches!(event, Event::Finished(_) | Event::Rejected(_) | Event::Failed { .. }) {
            *meter = None;
        }
    }

    /// Cancels the execution, and counts what it used until its end, if that must be known: a client must not get CPU
    /// time for nothing by disconnecting before the end.
    pub(crate) fn settle(self, mut events: EventStream, mut requests: RequestSink) {
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.admission.is_measured() {
            return;
        }
        let mut meter = Some(self);
        runtime.spawn(async move {
            let exchange = async {
                requests.send(Request::Cancel).await?;
                while meter.is_some()
                    && let Some(event) = events.next().await
                {
                    Self::observe(&mut meter, &event?);
                }
                Ok::<(), CodecError>(())
            };
            if !matches!(timeout(SETTLE_TIMEOUT, exchange).await, Ok(Ok(()))) {
                tracing::debug!("the CPU time of a cancelled execution is not known");
            }
        });
    }

    fn charge(&mut self, cpu_time: Duration) {
        self.charged += cpu_time;
        self.admission.charge(cpu_time);
    }
}

impl SplitMeter {
    /// Creates the shared meter.
    pub(crate) const fn new(meter: Option<ExecutionMeter>) -> Self {
        Self(Mutex::new(Parts { meter, events: None, requests: None }))
    }

    /// Counts what an event reports.
    pub(crate) fn observe(&self, event: &Event) {
        ExecutionMeter::observe(&mut self.lock().meter, event);
    }

    /// Takes back the events, which nobody reads.
    pub(crate) fn return_events(&self, events: Option<EventStream>) {
        self.lock().events = events;
    }

    /// Takes back the way to send messages.
    pub(crate) fn return_requests(&self, requests: Option<RequestSink>) {
        self.lock().requests = requests;
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SplitMeter {
    fn drop(&mut self) {
        let parts = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Some(meter), Some(events), Some(requests)) =
            (parts.meter.take(), parts.events.take(), parts.requests.take())
        {
            meter.settle(events, requests);
        }
    }
}
