//! The wall-clock time that the stages of one request may take together.

use std::time::Duration;

use protocol::Limits;

/// The wall-clock time that is left for the stages of a request. A stage reserves its limit before it begins, so that
/// concurrent stages stay within the budget too.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallTimeBudget {
    /// The amount that is neither used nor reserved.
    left: Duration,
    /// Stages that have a reservation.
    reservations: usize,
}

/// The answer to a stage that asks for its wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WallTime {
    /// It may take this long.
    Reserved(Duration),
    /// Others have reserved so much that less than its limit is left: it waits until one of them ends.
    Wait,
    /// Nothing is left.
    Exhausted,
}

impl WallTimeBudget {
    pub(super) const fn new(total: Duration) -> Self {
        Self { left: total, reservations: 0 }
    }

    /// Returns whether all of a stage's `limit` can be reserved.
    pub(super) fn has_room_for(&self, limit: Duration) -> bool {
        limit <= self.left
    }

    /// Reserves the time of a stage: `limit`, or the remaining time if no other stage has a reservation.
    pub(super) fn reserve(&mut self, limit: Duration) -> WallTime {
        let time = limit.min(self.left);
        if time < limit && self.reservations > 0 {
            return WallTime::Wait;
        }
        if time < Limits::MINIMA.wall_time {
            return WallTime::Exhausted;
        }
        self.left -= time;
        self.reservations += 1;
        WallTime::Reserved(time)
    }

    /// Takes what a stage used that ran before all others, without a reservation.
    pub(super) const fn use_up(&mut self, used: Duration) {
        self.left = self.left.saturating_sub(used);
    }

    /// Ends a reservation. The stage took `used`, which may be more than it had `reserved`.
    pub(super) const fn settle(&mut self, reserved: Duration, used: Duration) {
        self.left = self.left.saturating_add(reserved).saturating_sub(used);
        self.reservations -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, WallTime, WallTimeBudget};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_stage_gets_its_limit_or_what_is_left() {
        let mut budget = WallTimeBudget::new(ms(25));
        for (reserved, used) in [(10, 4), (10, 10), (10, 3), (8, 9)] {
            assert_eq!(budget.reserve(ms(10)), WallTime::Reserved(ms(reserved)));
            budget.settle(ms(reserved), ms(used));
        }
        assert_eq!(budget.reserve(ms(10)), WallTime::Exhausted);
    }

    #[test]
    fn stages_at_one_time_do_not_exceed_the_budget() {
        let mut budget = WallTimeBudget::new(ms(25));
        assert_eq!(budget.reserve(ms(10)), WallTime::Reserved(ms(10)));
        assert_eq!(budget.reserve(ms(10)), WallTime::Reserved(ms(10)));
        assert_eq!(budget.reserve(ms(10)), WallTime::Wait);
        budget.settle(ms(10), ms(1));
        assert_eq!(budget.reserve(ms(10)), WallTime::Reserved(ms(10)));
        budget.settle(ms(10), ms(12));
        budget.settle(ms(10), ms(10));
        // 25 - 1 - 12 - 10
        assert_eq!(budget.reserve(ms(10)), WallTime::Reserved(ms(2)));
        assert_eq!(budget.reserve(ms(10)), WallTime::Wait);
    }
}
