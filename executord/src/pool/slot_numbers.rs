//! The numbers of slots.

/// Slots that one execution can hold: that of its compilation, whose build the runs see, and that of a run.
const SLOTS_PER_EXECUTION: usize = 2;
/// Slots that an execution with a checker or an interactor can hold: those of two compilations, those of two runs, and that
/// of the sandbox for the next run.
const SLOTS_PER_JUDGED_EXECUTION: usize = 2 * SLOTS_PER_EXECUTION + 1;
/// Free slots that are kept, in addition to those that as many executions as use the CPU can hold.
const MORE_SPARE_SLOTS: usize = 4;
/// More slots are created when fewer than this are free, in addition to one for each execution that can use the CPU.
const MORE_FREE_SLOTS: usize = 2;

/// How many slots there are. Each occupies a process of root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotNumbers {
    /// Executions that can use the CPU at once.
    pub(crate) busy: usize,
    /// Slots that are created when the daemon starts, and kept while nothing runs.
    pub(crate) spare: usize,
    /// When fewer are free, more are created.
    pub(crate) least_free: usize,
    /// All slots.
    pub(crate) most: usize,
}

impl SlotNumbers {
    /// Returns the numbers for `busy` executions that use the CPU, `executions` altogether, `most` including those
    /// reserved for newcomers, and `pool` pre-warmed sandboxes.
    pub(crate) fn new(busy: usize, executions: usize, most: usize, pool: usize) -> Self {
        let for_all = SLOTS_PER_EXECUTION * executions;
        Self {
            busy,
            spare: (SLOTS_PER_EXECUTION * busy + MORE_SPARE_SLOTS).min(for_all),
            least_free: (busy + MORE_FREE_SLOTS).min(for_all.saturating_sub(SLOTS_PER_EXECUTION * busy)),
            // As many executions as use the CPU may have given way to others, each with a build in a slot; and as many may
            // clean up after a run while the next one runs.
            most: SLOTS_PER_JUDGED_EXECUTION * most + 2 * busy + pool,
        }
    }

    /// Returns how many of `slots` slots are missing, if `free` are free and `waiting` executions wait for one.
    pub(super) fn missing(&self, free: usize, waiting: usize, slots: usize) -> usize {
        (waiting + self.least_free).saturating_sub(free).min(self.most.saturating_sub(slots))
    }
}

#[cfg(test)]
mod tests {
    use super::SlotNumbers;

    #[test]
    fn slots_are_created_when_few_are_free_up_to_their_maximum() {
        let numbers = SlotNumbers::new(2, 32, 40, 8);
        assert_eq!(numbers, SlotNumbers { busy: 2, spare: 8, least_free: 4, most: 212 });
        for (free, waiting, slots, expected) in [
            (8, 0, 8, 0),
            (4, 0, 8, 0),
            (3, 0, 8, 1),
            (0, 3, 8, 7),
            (0, 0, 210, 2),
            (0, 9, 212, 0),
            (0, 9, 213, 0),
        ] {
            assert_eq!(numbers.missing(free, waiting, slots), expected, "{free} {waiting} {slots}");
        }
    }

    #[test]
    fn without_idle_executions_all_slots_are_there_from_the_start() {
        let numbers = SlotNumbers::new(2, 2, 2, 0);
        assert_eq!(numbers, SlotNumbers { busy: 2, spare: 4, least_free: 0, most: 14 });
        assert_eq!((numbers.missing(0, 0, 4), numbers.missing(0, 1, 4)), (0, 1));
    }
}
