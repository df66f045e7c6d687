//! The wall clock of a program: it is paused while the program waits for input of its client. Pure.

use std::time::{Duration, Instant};

use protocol::Limits;

use crate::execution::verdict::KillReason;

/// The wall clock of one program.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    /// Time at which the limit is reached, if the program does not wait again.
    deadline: Instant,
    /// Time for which it may wait since the client sent input. Zero if the clock is never paused.
    idle_limit: Duration,
    /// When it began to wait, while it waits.
    waits_since: Option<Instant>,
    /// Time for which it has waited since the client sent input, until it waited last.
    idle: Duration,
    /// The same since its start.
    waited: Duration,
}

impl WallClock {
    /// Returns the clock of a program that starts now.
    pub(super) fn start(now: Instant, limits: &Limits) -> Self {
        Self {
            deadline: now + limits.wall_time,
            idle_limit: limits.input_idle,
            waits_since: None,
            idle: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }

    /// Returns whether the clock can be paused.
    pub(super) fn may_stand_still(&self) -> bool {
        !self.idle_limit.is_zero()
    }

    /// Notes whether the program waits. Returns whether it begins to.
    pub(super) fn set_waiting(&mut self, now: Instant, waits: bool) -> bool {
        match self.waits_since {
            None if waits => {
                self.waits_since = Some(now);
                return true;
            }
            Some(since) if !waits => {
                let time = now.saturating_duration_since(since);
                self.waits_since = None;
                self.deadline += time;
                self.idle += time;
                self.waited += time;
            }
            _ => {}
        }
        false
    }

    /// Notes that the client sent input: the program does not wait until it is seen to wait again.
    pub(super) fn input_arrived(&mut self, now: Instant) {
        self.set_waiting(now, false);
        self.idle = Duration::ZERO;
    }

    /// Returns when the program must end.
    pub(super) fn deadline(&self) -> Instant {
        match self.waits_since {
            Some(since) => since + self.idle_limit.saturating_sub(self.idle),
            None => self.deadline,
        }
    }

    /// Returns why the program must end at the deadline.
    pub(super) fn reason(&self, now: Instant) -> KillReason {
        match self.waits_since {
            Some(since) => KillReason::InputIdle(self.idle + now.saturating_duration_since(since)),
            None => KillReason::WallTime,
        }
    }

    /// Returns the time for which the program has waited.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        self.waited + self.waits_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, KillReason, Limits, WallClock};

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn clock(start: Instant) -> WallClock {
        let limits = Limits { wall_time: seconds(15), input_idle: seconds(300), ..Limits::RUN };
        WallClock::start(start, &limits)
    }

    #[test]
    fn the_clock_stands_still_while_the_program_waits() {
        let start = Instant::now();
        let at = |count| start + seconds(count);
        let mut clock = clock(start);
        assert_eq!((clock.deadline(), clock.reason(at(15))), (at(15), KillReason::WallTime));
        assert!(clock.set_waiting(at(5), true));
        assert!(!clock.set_waiting(at(6), true));
        assert_eq!(clock.deadline(), at(305));
        clock.input_arrived(at(105));
        assert_eq!((clock.deadline(), clock.waited(at(106))), (at(115), seconds(100)));
        assert!(clock.set_waiting(at(110), true));
        assert_eq!(clock.waited(at(112)), seconds(102));
        clock.input_arrived(at(112));
        assert_eq!(clock.deadline(), at(117));
    }

    #[test]
    fn only_input_of_the_client_ends_the_idle_time() {
        let start = Instant::now();
        let at = |count| start + seconds(count);
        let mut clock = clock(start);
        // It wakes up by itself now and then.
        clock.set_waiting(at(0), true);
        clock.set_waiting(at(200), false);
        clock.set_waiting(at(201), true);
        assert_eq!(clock.deadline(), at(301));
        assert_eq!(clock.reason(at(301)), KillReason::InputIdle(seconds(300)));
        clock.input_arrived(at(301));
        clock.set_waiting(at(302), true);
        assert_eq!(clock.deadline(), at(602));
        assert_eq!(clock.waited(at(302)), seconds(300));
    }

    #[test]
    fn without_an_idle_limit_the_clock_does_not_stand_still() {
        let limits = Limits { input_idle: Duration::ZERO, ..Limits::RUN };
        assert!(!WallClock::start(Instant::now(), &limits).may_stand_still());
        assert!(clock(Instant::now()).may_stand_still());
    }
}
