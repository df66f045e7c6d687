//! The decision whether this node takes more work.

use protocol::ServerStatus;

/// What runs on this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Executions that can use the CPU concurrently.
    pub(crate) slots: u32,
    /// Executions that use it: neither idle ones nor those in the queue.
    pub(crate) active: u32,
    /// Submissions that this process has taken.
    pub(crate) taken: u32,
    /// Those of them that executord does not count yet.
    pub(crate) starting: u32,
}

/// What this node can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// One more submission.
    Free,
    /// Nothing until executord has an idle slot.
    Busy,
    /// Nothing until one of the submissions ends.
    Full,
}

impl Load {
    /// Returns the load of an executord that runs submissions of this process.
    pub(crate) const fn new(status: &ServerStatus, taken: u32, starting: u32) -> Self {
        Self { slots: status.slots, active: status.running.saturating_sub(status.idle), taken, starting }
    }

    /// Returns the slots that nothing uses.
    pub(crate) const fn idle_slots(self) -> u32 {
        self.slots.saturating_sub(self.active).saturating_sub(self.starting)
    }

    /// Returns what the node can take if it runs at most `async_slots` submissions; 0 for all slots but one, which
    /// stays for requests that a client waits for.
    pub(crate) fn capacity(self, async_slots: u32) -> Capacity {
        if self.taken >= self.async_slots(async_slots) {
            return Capacity::Full;
        }
        if self.idle_slots() == 0 { Capacity::Busy } else { Capacity::Free }
    }

    /// Returns the number of concurrent submissions.
    pub(crate) fn async_slots(self, configured: u32) -> u32 {
        if configured == 0 { self.slots.saturating_sub(1).max(1) } else { configured }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slot_stays_for_requests_that_a_client_waits_for() {
        let load = |active, taken, starting| Load { slots: 4, active, taken, starting };
        assert_eq!(load(0, 0, 0).capacity(0), Capacity::Free);
        assert_eq!(load(2, 2, 0).capacity(0), Capacity::Free);
        assert_eq!(load(3, 3, 0).capacity(0), Capacity::Full);
        assert_eq!(load(3, 3, 0).capacity(4), Capacity::Free);
        assert_eq!(load(4, 2, 0).capacity(0), Capacity::Busy, "requests use the other slots");
        assert_eq!(load(2, 2, 2).capacity(0), Capacity::Busy, "two are about to start");
    }

    #[test]
    fn a_server_with_one_slot_runs_submissions_too() {
        let load = Load { slots: 1, ..Load::default() };
        assert_eq!(load.capacity(0), Capacity::Free);
        assert_eq!(load.async_slots(0), 1);
        assert_eq!(Load { active: 1, ..load }.capacity(0), Capacity::Busy);
    }
}
