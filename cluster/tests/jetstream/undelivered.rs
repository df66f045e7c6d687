//! Submissions that nats-server 2.9.10 no longer finds under their subject. Newer servers find and deliver them.

use std::slice;

use cluster::record::State;
use cluster::submitter::{NewSubmission, Stored, Submitter};
use cluster::test_server::NatsServer;
use cluster::worker::{WorkItem, Worker};
use serde_json::json;

use super::repair::{is_faulty, observer, version};
use super::{TIMEOUT, cluster, finished, front, new, state, take, with_callback, worker};

/// Checks after which consumers must have been created again, and then submissions stored again.
const CHECKS: u32 = 8;

/// Three submissions of a tenant, of which the server finds the second one no longer.
struct Hidden {
    server: NatsServer,
    front: Submitter,
    worker: Worker,
    submission: NewSubmission,
    /// The delivery of a node that has ended since.
    work: WorkItem,
    /// The delivery after that.
    again: Option<WorkItem>,
}

impl Hidden {
    async fn create(submission: NewSubmission) -> Self {
        let server = cluster().await;
        let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
        let others = [new(1001, "a"), new(1002, "a")];
        let mut taken = Vec::new();
        for submission in [&others[0], &submission, &others[1]] {
            assert_eq!(front.store(slice::from_ref(submission)).await, Ok(Stored::New));
            let mut work = take(&mut worker).await;
            work.start().await.unwrap();
            taken.push(work);
        }
        // The order is what matters: the last one, then the first one.
        for index in [2, 0] {
            assert!(taken[index].finish(&finished("x"), TIMEOUT).await.unwrap());
            taken[index].done(&taken[index].acknowledgement()).await.unwrap();
        }
        let work = taken.remove(1);
        Self { server, front, worker, submission, work, again: None }
    }

    /// Lets the server forget what it has delivered, and repairs that. Returns whether the server did not find the submission.
    async fn repair(&mut self) -> bool {
        let administrator = observer(&self.server).await;
        let consumer = format!("CONSUMER.DELETE.WORK_main.b{}", self.submission.tenant.bucket());
        administrator.request(&consumer, &json!({})).await.unwrap();
        let mut repair = self.front.repair();
        let mut repaired = 0;
        for _ in 0..CHECKS {
            repaired += repair.check().await.unwrap();
            // Until a node asks for it, the server takes the submission for one that it can deliver. It does not answer the node then.
            let delivered = self.worker.take().await;
            self.again = self.again.take().or(delivered.unwrap_or_default());
        }
        let is_hidden = is_faulty(&self.server);
        // The consumer, and then the consumer again and the submission.
        assert_eq!(repaired, if is_hidden { 3 } else { 1 }, "{}", version(&self.server));
        is_hidden
    }

    async fn work_messages(&self) -> u64 {
        self.front.holdings().await.unwrap().work
    }
}

#[tokio::test]
async fn a_submission_that_its_server_does_not_find_is_stored_again() {
    let mut hidden = Hidden::create(new(1, "a")).await;
    hidden.repair().await;
    assert_eq!(hidden.work_messages().await, 1);
    let key = hidden.submission.key;
    let number = hidden.front.get(key).await.unwrap().unwrap().record.work;
    let mut work = hidden.again.take().unwrap();
    assert_eq!((work.key, work.delivered, work.record.work), (key, 1, number));
    assert_eq!(work.request(), hidden.work.request());
    work.start().await.unwrap();
    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    assert_eq!(state(&hidden.front, key).await, Some(State::Finished));
    assert_eq!(hidden.work_messages().await, 0);
    assert!(!hidden.work.finish(&finished("late"), TIMEOUT).await.unwrap(), "the first result stands");
}

#[tokio::test]
async fn a_submission_that_was_stored_again_can_be_cancelled() {
    let mut hidden = Hidden::create(new(1, "a")).await;
    hidden.repair().await;
    let key = hidden.submission.key;
    assert_eq!(hidden.front.cancel(key).await, Ok(Some(State::Running)));
    assert_eq!(hidden.work_messages().await, 0);
    assert_eq!(hidden.front.cancel(key).await, Ok(Some(State::Cancelled)));
    assert_eq!(state(&hidden.front, key).await, None);
}

#[tokio::test]
async fn a_submission_with_a_result_is_not_stored_again() {
    let mut hidden = Hidden::create(with_callback(1)).await;
    // Its node ended before it acknowledged the work.
    assert!(hidden.work.finish(&finished("x"), TIMEOUT).await.unwrap());
    let is_hidden = hidden.repair().await;
    assert_eq!(state(&hidden.front, hidden.submission.key).await, Some(State::Finished));
    assert_eq!(hidden.work_messages().await, u64::from(!is_hidden));
    assert_eq!(hidden.front.holdings().await.unwrap().callbacks, 1);
}
