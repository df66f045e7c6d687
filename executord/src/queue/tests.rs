use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::another::AnotherTicket;
use super::{Bounds, ClientKey, Counts, Demand, Full, Meter, Permit, Queue, QueueUpdate, Ticket, Usage};

fn key(name: &str) -> ClientKey {
    ClientKey::new(1, Vec::new(), Some(name.to_owned()))
}

const PROGRAM: Demand = Demand { is_interactive: false, memory_limit: 1 << 20 };

/// Creates a queue in which idle executions make room for no others.
fn queue_of(slots: usize, capacity: usize) -> Arc<Queue> {
    queue_with(slots, slots, capacity)
}

fn queue_with(slots: usize, executions: usize, capacity: usize) -> Arc<Queue> {
    let (executions_per_client, interactive, memory) = (usize::MAX, usize::MAX, u64::MAX);
    let bounds = Bounds { slots, executions, reserved: 0, executions_per_client, interactive, memory };
    Queue::new(bounds, capacity)
}

fn enter(queue: &Arc<Queue>, client: &str) -> Result<Ticket, Full> {
    queue.enter(key(client), PROGRAM)
}

const fn counts(running: usize, idle: usize, waiting: usize) -> Counts {
    Counts { running, idle, waiting }
}

fn position(ticket: &mut Ticket) -> Option<u32> {
    match ticket.try_update() {
        QueueUpdate::Position(position) => Some(position),
        QueueUpdate::Granted(_) | QueueUpdate::Lost(_) => None,
    }
}

fn granted(ticket: Result<Ticket, Full>) -> Permit {
    let QueueUpdate::Granted(permit) = ticket.unwrap().try_update() else { panic!("no permit") };
    permit
}

#[test]
fn clients_are_served_in_turn_and_each_in_order() {
    let queue = queue_of(1, 10);
    let first = granted(enter(&queue, "first"));
    let mut tickets: Vec<_> =
        ["a", "a", "a", "b", "c"].iter().map(|name| enter(&queue, name).unwrap()).collect();
    let positions: Vec<_> = tickets.iter_mut().map(position).collect();
    // Those with one request do not wait for all turns of one with several.
    assert_eq!(positions, [Some(1), Some(3), Some(4), Some(0), Some(2)]);
    drop(first);
    let mut order = Vec::new();
    for _ in 0..5 {
        let (index, permit) = tickets
            .iter_mut()
            .enumerate()
            .find_map(|(index, ticket)| match ticket.try_update() {
                QueueUpdate::Granted(permit) => Some((index, permit)),
                _ => None,
            })
            .unwrap();
        order.push(index);
        drop(permit);
    }
    assert_eq!(order, [3, 0, 4, 1, 2]);
    assert_eq!(queue.counts(), counts(0, 0, 0));
}

#[test]
fn a_full_queue_takes_the_place_of_the_client_with_the_most_requests() {
    let queue = queue_of(1, 3);
    let _running = granted(enter(&queue, "first"));
    let mut flood: Vec<_> = (0..3).map(|_| enter(&queue, "flood").unwrap()).collect();
    assert!(enter(&queue, "flood").is_err());
    let mut newcomer = enter(&queue, "newcomer").unwrap();
    assert_eq!(position(&mut newcomer), Some(0));
    assert!(matches!(flood[2].try_update(), QueueUpdate::Lost(_)));
    assert!(matches!(flood[1].try_update(), QueueUpdate::Position(2)));
    // One against two: another exchange would not make it fairer.
    assert!(enter(&queue, "newcomer").is_err());
}

#[test]
fn there_is_always_room_for_internal_jobs() {
    let queue = queue_of(1, 1);
    let _running = granted(enter(&queue, "first"));
    let flood = enter(&queue, "flood").unwrap();
    let mut own: Vec<_> = (0..3).map(|_| queue.enter_internal(PROGRAM).unwrap()).collect();
    // Clients and internal jobs take no places from each other.
    assert!(enter(&queue, "newcomer").is_err());
    drop(flood);
    let _newcomer = enter(&queue, "newcomer").unwrap();
    assert_eq!(own.iter_mut().map(position).collect::<Vec<_>>(), [Some(0), Some(2), Some(3)]);
    queue.close();
    assert!(queue.enter_internal(PROGRAM).is_err());
}

#[test]
fn a_request_that_left_the_queue_is_skipped() {
    let queue = queue_of(1, 3);
    let running = granted(enter(&queue, "first"));
    let first = enter(&queue, "a").unwrap();
    let mut second = enter(&queue, "a").unwrap();
    drop(first);
    assert_eq!(position(&mut second), Some(0));
    drop(second);
    drop(running);
    assert!(matches!(enter(&queue, "b").unwrap().try_update(), QueueUpdate::Granted(_)));
}

#[tokio::test]
async fn the_next_request_runs_when_a_permit_is_dropped() {
    let queue = queue_of(1, 3);
    let mut ticket = enter(&queue, "a").unwrap();
    let mut next = enter(&queue, "a").unwrap();
    let QueueUpdate::Granted(permit) = ticket.next_update().await else { panic!("no permit") };
    assert_eq!((queue.counts(), position(&mut next)), (counts(1, 0, 1), Some(0)));
    drop(permit);
    assert!(matches!(next.next_update().await, QueueUpdate::Granted(_)));
    drop(next);
    assert_eq!(queue.counts(), counts(0, 0, 0));
}

#[test]
fn as_many_executions_may_be_cleaned_up_as_may_run() {
    let queue = queue_of(1, 3);
    let first = granted(enter(&queue, "a"));
    first.start_cleanup();
    first.start_cleanup();
    let second = granted(enter(&queue, "a"));
    let mut third = enter(&queue, "a").unwrap();
    second.start_cleanup();
    assert_eq!((queue.counts(), position(&mut third)), (counts(2, 0, 1), Some(0)));
    drop(first);
    second.start_cleanup();
    let third = granted(Ok(third));
    drop((second, third));
    assert_eq!(queue.counts(), counts(0, 0, 0));
    let _fourth = granted(enter(&queue, "a"));
    assert_eq!(position(&mut enter(&queue, "a").unwrap()), Some(0));
}

#[tokio::test]
async fn closing_the_queue_drops_all_waiting_requests() {
    let queue = queue_of(1, 3);
    let _running = granted(enter(&queue, "first"));
    let mut ticket = enter(&queue, "a").unwrap();
    queue.close();
    assert!(matches!(ticket.next_update().await, QueueUpdate::Lost(_)));
    assert!(enter(&queue, "a").is_err());
}

/// A program that used another second whenever its usage is read, and the number of readings.
#[derive(Debug, Default)]
struct Busy(AtomicU64);

impl Meter for Busy {
    fn usage(&self) -> Option<Usage> {
        let readings = self.0.fetch_add(1, Ordering::Relaxed);
        Some(Usage { cpu_time: Duration::from_secs(readings), memory: 0 })
    }

    fn is_runnable(&self) -> bool {
        true
    }

    fn unreclaimable_memory(&self) -> u64 {
        0
    }
}

/// A program that uses no CPU.
#[derive(Debug)]
struct Idle;

impl Meter for Idle {
    fn usage(&self) -> Option<Usage> {
        Some(Usage { cpu_time: Duration::ZERO, memory: 0 })
    }

    fn is_runnable(&self) -> bool {
        false
    }

    fn unreclaimable_memory(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_request_starts_next_to_an_idle_program_but_not_next_to_a_busy_one() {
    let queue = queue_with(1, 3, 3);
    let session = granted(enter(&queue, "a"));
    let _reclaim = session.program_started(Arc::new(Idle));
    let QueueUpdate::Granted(busy) = enter(&queue, "b").unwrap().next_update_of_permit().await else {
        panic!("no permit")
    };
    assert_eq!(queue.counts(), counts(2, 1, 0));
    let program = Arc::new(Busy::default());
    let _reclaim = busy.program_started(Arc::clone(&program) as Arc<dyn Meter>);
    let mut waiting = enter(&queue, "c").unwrap();
    while program.0.load(Ordering::Relaxed) < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((position(&mut waiting), queue.counts()), (Some(0), counts(2, 1, 1)));
    busy.program_ended();
    busy.start_cleanup();
    assert!(matches!(waiting.try_update(), QueueUpdate::Granted(_)));
}

#[tokio::test]
async fn the_program_with_the_most_memory_ends_when_all_use_too_much() {
    #[derive(Debug)]
    struct Memory(u64);
    impl Meter for Memory {
        fn usage(&self) -> Option<Usage> {
            Some(Usage { cpu_time: Duration::ZERO, memory: 2 * self.0 })
        }

        fn is_runnable(&self) -> bool {
            false
        }

        fn unreclaimable_memory(&self) -> u64 {
            self.0
        }
    }
    let bounds = Bounds {
        slots: 3,
        executions: 3,
        reserved: 0,
        executions_per_client: 3,
        interactive: 3,
        memory: 1000,
    };
    let queue = Queue::new(bounds, 0);
    let permits = [400, 500, 200].map(|memory| {
        let permit = granted(enter(&queue, "a"));
        let reclaim = permit.program_started(Arc::new(Memory(memory)));
        (permit, reclaim)
    });
    let (_, reclaim) = &permits[1];
    tokio::time::timeout(Duration::from_secs(10), reclaim.notified()).await.unwrap();
    // The others fit.
    tokio::time::sleep(Duration::from_millis(100)).await;
    for (_, reclaim) in [&permits[0], &permits[2]] {
        assert!(tokio::time::timeout(Duration::ZERO, reclaim.notified()).await.is_err());
    }
}

#[tokio::test]
async fn an_execution_gives_way_between_its_runs_to_those_that_wait() {
    let queue = queue_of(1, 3);
    let cancel = CancellationToken::new();
    let first = granted(enter(&queue, "a"));
    first.yield_to_waiting(&cancel).await;
    let mut second = enter(&queue, "b").unwrap();
    let mut third = enter(&queue, "a").unwrap();
    let mut pausing = Box::pin(first.yield_to_waiting(&cancel));
    assert!(futures_poll(&mut pausing).is_none());
    let QueueUpdate::Granted(second) = second.try_update() else { panic!("no permit") };
    assert_eq!(queue.counts(), counts(1, 0, 2));
    drop(second);
    // The client's next request came before.
    let QueueUpdate::Granted(third) = third.try_update() else { panic!("no permit") };
    drop(third);
    pausing.await;
    assert_eq!(queue.counts(), counts(1, 0, 0));
    let waiting = enter(&queue, "b").unwrap();
    let pausing = first.yield_to_waiting(&cancel);
    cancel.cancel();
    pausing.await;
    drop((first, waiting));
    assert_eq!(queue.counts(), counts(0, 0, 0));
}

impl Ticket {
    /// Waits for anything but a position.
    async fn next_update_of_permit(&mut self) -> QueueUpdate {
        loop {
            match self.next_update().await {
                QueueUpdate::Position(_) => {}
                update => return update,
            }
        }
    }
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// Returns the permit of a ticket that was granted at once.
fn another(ticket: &mut AnotherTicket) -> Option<Permit> {
    ticket.granted().now_or_never().map(|permit| permit.expect("the queue is open"))
}

#[test]
fn another_permit_is_granted_while_a_slot_is_free() {
    let queue = queue_of(2, 10);
    let first = granted(enter(&queue, "a"));
    let mut second = first.request_another(PROGRAM);
    let mut third = first.request_another(PROGRAM);
    let permit = another(&mut second).expect("a slot is free");
    assert!(another(&mut third).is_none());
    assert_eq!(queue.counts(), counts(2, 0, 0), "nobody waits for its first permit");
    permit.start_cleanup();
    let permit = another(&mut third).expect("the cleanup needs no slot");
    drop((permit, first));
    assert_eq!(queue.counts(), counts(1, 0, 0), "the cleanup is not finished");
}

#[test]
fn requests_are_served_before_another_permit() {
    let queue = queue_of(1, 10);
    let first = granted(enter(&queue, "a"));
    let mut more = first.request_another(PROGRAM);
    let mut ticket = enter(&queue, "b").unwrap();
    assert_eq!(position(&mut ticket), Some(0));
    // Neither the other client nor the own next run is passed.
    let mut own = enter(&queue, "a").unwrap();
    first.start_cleanup();
    assert!(another(&mut more).is_none());
    let QueueUpdate::Granted(permit) = ticket.try_update() else { panic!("b is next") };
    drop(permit);
    assert!(another(&mut more).is_none());
    let QueueUpdate::Granted(permit) = own.try_update() else { panic!("a request is next") };
    drop(permit);
    assert!(another(&mut more).is_some());
}

#[test]
fn further_permits_are_shared_between_clients() {
    let queue = queue_of(4, 10);
    let (a, b) = (granted(enter(&queue, "a")), granted(enter(&queue, "b")));
    let mut of_a: Vec<_> = (0..4).map(|_| a.request_another(PROGRAM)).collect();
    let mut permits: Vec<_> = of_a.iter_mut().filter_map(another).collect();
    assert_eq!(permits.len(), 2);
    let mut of_b = b.request_another(PROGRAM);
    assert!(another(&mut of_b).is_none());
    // When a slot becomes free, the client with fewer has it.
    drop(permits.pop());
    assert!(another(&mut of_b).is_some());
}

#[test]
fn a_request_that_waits_for_its_own_client_keeps_no_slot_free() {
    let (interactive, memory) = (usize::MAX, u64::MAX);
    let bounds =
        Bounds { slots: 4, executions: 4, reserved: 0, executions_per_client: 2, interactive, memory };
    let queue = Queue::new(bounds, 10);
    let a = [granted(enter(&queue, "a")), granted(enter(&queue, "a"))];
    let mut waiting = enter(&queue, "a").unwrap();
    assert_eq!(position(&mut waiting), Some(0));
    let b = granted(enter(&queue, "b"));
    assert!(another(&mut a[0].request_another(PROGRAM)).is_none(), "the bound of a client is for runs too");
    assert!(another(&mut b.request_another(PROGRAM)).is_some());
}

#[test]
fn a_ticket_for_another_permit_leaves_the_queue() {
    let queue = queue_of(1, 10);
    let first = granted(enter(&queue, "a"));
    drop(first.request_another(PROGRAM));
    let mut left = first.request_another(PROGRAM);
    queue.close();
    assert!(left.granted().now_or_never().expect("the queue is closed").is_none());
    let mut late = first.request_another(PROGRAM);
    assert!(late.granted().now_or_never().expect("the queue is closed").is_none());
}
