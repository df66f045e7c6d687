//! The decision whether the next execution may start: a pure function from the load to an [`BlockReason`] or none.
//!
//! An execution needs a core only while it uses one. So the bound is on the executions that use the CPU, and those that
//! sleep or wait for input let others start, up to a second bound on all of them and on their memory.

use super::fair_queue::ClientLoad;

/// Memory that a new execution is assumed to need, in bytes, until it was measured. Its limit, if that is less.
const MEMORY_RESERVE: u64 = 64 << 20;

/// Bounds of concurrent executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Executions that use the CPU.
    pub(crate) slots: usize,
    /// All executions, including those that are idle.
    pub(crate) executions: usize,
    /// Executions beyond those for clients without one, and less for those that are only partly new.
    pub(crate) reserved: usize,
    /// Executions of one client.
    pub(crate) executions_per_client: usize,
    /// Executions with live input, which may be idle for long.
    pub(crate) interactive: usize,
    /// Memory of all executions together, in bytes.
    pub(crate) memory: u64,
}

/// The executions that run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Executions that use the CPU.
    pub(super) busy: usize,
    /// All executions, including those that are idle.
    pub(super) executions: usize,
    /// Executions with live input.
    pub(super) interactive: usize,
    /// Memory that they use or are assumed to need, in bytes.
    pub(super) memory: u64,
}

/// What a waiting execution will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Whether it has live input.
    pub(crate) is_interactive: bool,
    /// Memory limit in bytes.
    pub(crate) memory_limit: u64,
}

/// A waiting execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// It runs already, and yielded between two of its runs.
    Yielded,
    New(Demand, ClientLoad),
}

impl BlockReason {
    /// Returns whether the execution waits for something that any other one may take from it.
    pub(super) const fn is_shared(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory | Self::Executions)
    }
}

/// The reason for which an execution may not start yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockReason {
    Cpu,
    Memory,
    Executions,
    ExecutionsOfClient,
    Interactive,
}

impl Bounds {
    /// Returns the reason for which `candidate` may not start, if there is one.
    pub(super) fn block_reason(&self, load: &Load, candidate: Candidate) -> Option<BlockReason> {
        if load.busy >= self.slots {
            return Some(BlockReason::Cpu);
        }
        let Candidate::New(demand, client_load) = candidate else { return None };
        let ClientLoad { running, unused_levels, levels } = client_load;
        let reserved = self.reserved * unused_levels / levels.max(1);
        if load.executions >= self.executions + reserved {
            Some(BlockReason::Executions)
        } else if running >= self.executions_per_client {
            Some(BlockReason::ExecutionsOfClient)
        } else if demand.is_interactive && load.interactive >= self.interactive {
            Some(BlockReason::Interactive)
        } else if load.executions >= self.slots && load.memory + demand.memory(0) > self.memory {
            // The administrator has planned memory for as many executions as there are slots.
            Some(BlockReason::Memory)
        } else {
            None
        }
    }
}

impl Demand {
    /// Returns the memory of an execution that was measured to use `used` bytes.
    pub(super) fn memory(&self, used: u64) -> u64 {
        used.max(MEMORY_RESERVE.min(self.memory_limit))
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockReason, Bounds, Candidate, ClientLoad, Demand, Load};

    const MIB: u64 = 1 << 20;

    /// A case: its name, how it differs from a load of four idle executions and a program of a newcomer, and the result.
    type Case = (&'static str, fn(&mut Load, &mut Demand, &mut ClientLoad), Option<BlockReason>);

    #[test]
    fn an_execution_starts_when_cpu_memory_and_all_bounds_allow_it() {
        let bounds = Bounds {
            slots: 2,
            executions: 32,
            reserved: 8,
            executions_per_client: 16,
            interactive: 24,
            memory: 4096 * MIB,
        };
        let cases: &[Case] = &[
            ("all are idle", |_, _, _| {}, None),
            ("one core is free", |load, _, _| load.busy = 1, None),
            ("no core is free", |load, _, _| load.busy = 2, Some(BlockReason::Cpu)),
            ("more woke up than there are cores", |load, _, _| load.busy = 5, Some(BlockReason::Cpu)),
            ("the last of its client", |_, _, client_load| *client_load = with(15), None),
            (
                "too many of its client",
                |_, _, client_load| *client_load = with(16),
                Some(BlockReason::ExecutionsOfClient),
            ),
            (
                "too many",
                |load, _, client_load| (load.executions, *client_load) = (32, with(1)),
                Some(BlockReason::Executions),
            ),
            ("too many but for a newcomer", |load, _, _| load.executions = 39, None),
            ("too many even for it", |load, _, _| load.executions = 40, Some(BlockReason::Executions)),
            (
                "a newcomer in a network that is not new",
                |load, _, client_load| {
                    load.executions = 34;
                    client_load.unused_levels = 1;
                },
                Some(BlockReason::Executions),
            ),
            ("sessions that wait", |load, _, _| load.interactive = 24, None),
            (
                "another session",
                |load, demand, _| (load.interactive, demand.is_interactive) = (24, true),
                Some(BlockReason::Interactive),
            ),
            ("memory for one", |load, _, _| load.memory = (4096 - 64) * MIB, None),
            ("no memory", |load, _, _| load.memory = (4096 - 63) * MIB, Some(BlockReason::Memory)),
            (
                "a small one",
                |load, demand, _| {
                    load.memory = 4095 * MIB;
                    demand.memory_limit = MIB;
                },
                None,
            ),
            (
                "no memory, but fewer than slots",
                |load, _, _| (load.memory, load.executions) = (5000 * MIB, 1),
                None,
            ),
        ];
        for (case, change, expected) in cases {
            let mut load = Load { busy: 0, executions: 4, interactive: 0, memory: 256 * MIB };
            let mut demand = Demand { is_interactive: false, memory_limit: 256 * MIB };
            let mut client_load = ClientLoad { running: 0, unused_levels: 3, levels: 3 };
            change(&mut load, &mut demand, &mut client_load);
            assert_eq!(bounds.block_reason(&load, Candidate::New(demand, client_load)), *expected, "{case}");
        }
        let full = Load { busy: 1, executions: 40, interactive: 24, memory: 9000 * MIB };
        assert_eq!(bounds.block_reason(&full, Candidate::Yielded), None);
        assert_eq!(
            bounds.block_reason(&Load { busy: 2, ..full }, Candidate::Yielded),
            Some(BlockReason::Cpu)
        );
    }

    const fn with(running: usize) -> ClientLoad {
        ClientLoad { running, unused_levels: 0, levels: 3 }
    }
}
