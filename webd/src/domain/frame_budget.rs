//! The rate at which a session may send messages.

use std::time::{Duration, Instant};

/// Messages per second that a session may send on average. A person who types sends less than 100. Each message costs a
/// parse and a message to the daemon, however short it is.
const FRAMES_PER_SECOND: u32 = 1000;
/// Messages that a session may send at once after a pause, such as a pasted text.
const BURST: u32 = 5000;
/// Time in which one message is earned.
const FRAME_TIME: Duration = Duration::from_nanos(1_000_000_000 / FRAMES_PER_SECOND as u64);
/// Time in which the burst is earned.
const BURST_TIME: Duration = Duration::from_secs((BURST / FRAMES_PER_SECOND) as u64);

/// Token bucket of one session (generic cell rate algorithm). A session without tokens is not an error: the next message
/// is read later, and the connection's flow control slows the client down.
#[derive(Debug)]
pub(crate) struct FrameBudget {
    /// When all messages so far are paid for.
    paid_at: Instant,
}

impl FrameBudget {
    /// Creates a budget from which a burst may be taken at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self { paid_at: now }
    }

    /// Returns when the next message may be read.
    pub(crate) fn next_at(&self) -> Instant {
        self.paid_at.checked_sub(BURST_TIME).unwrap_or(self.paid_at)
    }

    /// Takes one message.
    pub(crate) fn take(&mut self, now: Instant) {
        self.paid_at = self.paid_at.max(now) + FRAME_TIME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_messages_are_read_at_the_rate() {
        let start = Instant::now();
        let mut budget = FrameBudget::new(start);
        for _ in 0..BURST {
            assert!(budget.next_at() <= start);
            budget.take(start);
        }
        for number in 1..=10 {
            budget.take(start);
            assert_eq!(budget.next_at(), start + FRAME_TIME * number);
        }
        let later = start + BURST_TIME * 3;
        budget.take(later);
        assert!(budget.next_at() <= later, "unused time beyond the burst is not saved");
        assert_eq!(budget.paid_at, later + FRAME_TIME);
    }
}
