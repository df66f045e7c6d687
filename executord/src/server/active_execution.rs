//! The active execution of a connection: its turn in the queue, then its events until the last one.
//!
//! A client that disconnects while it is queued leaves the queue; one that disconnects while its program runs cancels
//! the execution, which is then cleaned up like any other.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use protocol::{Event, ExecutionId, Outcome, Rejection};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

use crate::admission::job::Job;
use crate::daemon::state::Daemon;
use crate::execution::Connections;
use crate::metrics::TimedStep;
use crate::queue::{ClientKey, Full, Permit, QueueUpdate};
use crate::server::connection_end::ConnectionEnd;
use crate::server::event_encoder::EventEncoder;
use crate::server::execution_task::{FAILURE_MESSAGE, execute_and_clean_up};
use crate::server::peer::Peer;
use crate::streams::input::InputReceiver;

/// Events that may wait for the client. When there are more, the program blocks on its output.
const EVENT_BACKLOG: usize = 8;

/// An execution and the client that waits for it.
pub(super) struct ActiveExecution<'a> {
    pub(super) daemon: &'a Arc<Daemon>,
    pub(super) peer: Peer,
    pub(super) events: &'a mut EventEncoder,
    pub(super) cancel: &'a CancellationToken,
}

impl ActiveExecution<'_> {
    /// Waits for the job's turn and executes it. `client_messages` forwards the client's messages, and ends only when
    /// the connection does.
    pub(super) async fn run(
        mut self,
        job: Job,
        client: ClientKey,
        input: InputReceiver,
        client_messages: impl Future<Output = ConnectionEnd>,
    ) -> Result<(), ConnectionEnd> {
        let mut client_messages = pin!(client_messages);
        let requested = Instant::now();
        match self.wait_for_permit(&job, client, client_messages.as_mut()).await? {
            Some(permit) => {
                let queue_time = requested.elapsed();
                self.daemon.executor.metrics.time(TimedStep::Queue, queue_time);
                self.execute(job, permit, queue_time, input, client_messages).await
            }
            None => Ok(()),
        }
    }

    /// Waits in the queue, and sends the client its position. Returns `None` if the job does not run: it was rejected or
    /// cancelled, and the client has received its last event. A disconnect leaves the queue, by dropping the ticket.
    async fn wait_for_permit(
        &mut self,
        job: &Job,
        client: ClientKey,
        mut client_messages: Pin<&mut impl Future<Output = ConnectionEnd>>,
    ) -> Result<Option<Permit>, ConnectionEnd> {
        let entered = Instant::now();
        let mut ticket = match self.daemon.queue.enter(client, job.demand()) {
            Ok(ticket) => ticket,
            Err(full) => return self.reject_busy(job, full).await.map(|()| None),
        };
        let mut update = ticket.try_update();
        loop {
            match update {
                QueueUpdate::Granted(permit) => return Ok(Some(permit)),
                QueueUpdate::Lost(full) => return self.reject_busy(job, full).await.map(|()| None),
                QueueUpdate::Position(position) => self.events.send(Event::Queued { position }).await?,
            }
            update = tokio::select! {
                update = ticket.next_update() => update,
                () = self.cancel.cancelled() => {
                    return self.finish_cancelled_in_queue(job.id, entered.elapsed()).await.map(|()| None);
                }
                end = &mut client_messages => return Err(end),
            };
        }
    }

    async fn reject_busy(&mut self, job: &Job, full: Full) -> Result<(), ConnectionEnd> {
        let rejection = Rejection::Busy { retry_after: full.retry_after };
        reject(self.daemon, self.events, &job.toolchain.name, rejection).await
    }

    async fn finish_cancelled_in_queue(
        &mut self,
        id: ExecutionId,
        queue_time: Duration,
    ) -> Result<(), ConnectionEnd> {
        self.events.send(Event::Finished(Outcome { id, queue_time, ..Outcome::default() })).await
    }

    /// Executes a job and forwards its events to the client. The execution is a task of its own: a disconnect cancels
    /// it, and never drops it halfway.
    async fn execute(
        &mut self,
        job: Job,
        permit: Permit,
        queue_time: Duration,
        input: InputReceiver,
        client_messages: Pin<&mut impl Future<Output = ConnectionEnd>>,
    ) -> Result<(), ConnectionEnd> {
        let id = job.id;
        let (sender, mut events) = mpsc::channel(EVENT_BACKLOG);
        let connections = Connections { events: sender, input, cancel: self.cancel.clone() };
        let task = tokio::spawn(execute_and_clean_up(
            Arc::clone(self.daemon),
            self.peer,
            job,
            permit,
            queue_time,
            connections,
        ));
        let cancel_guard = self.cancel.clone().drop_guard();
        let result = tokio::select! {
            result = self.forward_events(&mut events) => result,
            end = client_messages => Err(end),
        };
        match result {
            Ok(()) => drop(cancel_guard.disarm()),
            Err(_) => cancel_on_disconnect(cancel_guard, events),
        }
        // Cleanup is awaited in either case: the connection's permit is free only when its sandbox is gone.
        if let Err(error) = task.await {
            error!(%id, %error, "execution panicked");
            result?;
            let message = FAILURE_MESSAGE.to_owned();
            return self.events.send(Event::Failed { id, message }).await;
        }
        result
    }

    /// Sends events to the client, up to the last one. Later messages of the client are its next request.
    async fn forward_events(&mut self, events: &mut mpsc::Receiver<Event>) -> Result<(), ConnectionEnd> {
        let is_last = |event: &Event| matches!(event, Event::Finished(_) | Event::Failed { .. });
        while let Some(event) = events.recv().await {
            let mut is_over = is_last(&event);
            // The report of the last stage and the outcome come at the same time, and one write wakes the client once.
            let next = || {
                let following = if is_over { None } else { events.try_recv().ok() };
                is_over |= following.as_ref().is_some_and(is_last);
                following
            };
            self.events.send_all(event, next).await?;
            if is_over {
                break;
            }
        }
        Ok(())
    }
}

/// Cancels the execution of a client that disconnected. Its remaining events are discarded, so that the program does not
/// block on output that nobody reads.
fn cancel_on_disconnect(cancel_guard: DropGuard, events: mpsc::Receiver<Event>) {
    drop(cancel_guard);
    drop(events);
}

/// Sends a rejection and counts it.
pub(super) async fn reject(
    daemon: &Daemon,
    events: &mut EventEncoder,
    language: &str,
    rejection: Rejection,
) -> Result<(), ConnectionEnd> {
    daemon.executor.metrics.count(language, "rejected");
    events.send(Event::Rejected(rejection)).await
}
