//! Further permits of an execution, for runs at the same time.
//!
//! They are for slots that nobody else wants: every request that waits is served before, and a permit is only for one run,
//! so that a slot is free for others after each of them. Executions that want further permits get them in the same fair
//! order as requests.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Demand, Permit, Queue, Waiting, WaitingKind};

/// A place in the queue for another permit of an execution. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct AnotherTicket {
    queue: Arc<Queue>,
    number: u64,
    permit: oneshot::Receiver<Permit>,
}

impl Permit {
    /// Requests another permit for the same execution, for a run that will take `demand`.
    pub(crate) fn request_another(&self, demand: Demand) -> AnotherTicket {
        let queue = Arc::clone(&self.queue);
        let (sender, permit) = oneshot::channel();
        let mut state = queue.lock();
        let number = state.next_number;
        state.next_number += 1;
        // Without an entry there is no client to serve, and the ticket gets nothing.
        if let (Some(execution), false) = (state.executions.0.get(&self.number), state.is_closed) {
            let client = execution.client.clone();
            let kind = WaitingKind::Another { client: client.clone(), demand, permit: sender };
            state.waiting.push(&client, Waiting { number, kind }, false);
        }
        queue.grant_permits(state);
        queue.waits.notify_one();
        AnotherTicket { queue, number, permit }
    }
}

impl AnotherTicket {
    /// Waits for the permit. Returns `None` if there will be none, because the queue was closed. Cancel safe.
    pub(crate) async fn granted(&mut self) -> Option<Permit> {
        (&mut self.permit).await.ok()
    }
}

impl Drop for AnotherTicket {
    fn drop(&mut self) {
        // A permit that was granted and not taken is dropped with the receiver, without the lock.
        self.queue.lock().waiting.retain(&|waiting| waiting.number != self.number);
    }
}
