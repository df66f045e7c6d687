//! Proof types: values that exist only after the kernel confirmed that processes are gone.

use crate::zygote::MAX_ZYGOTES;

/// Proof that every process of a sandbox's pid namespace is gone: the supervisor has waited for its init.
#[derive(Debug)]
pub struct NamespaceGone {
    /// Pids of the supervisor's zygotes, which stay in the slot's cgroups; 0 for one that does not exist.
    pub(super) zygotes: [i32; MAX_ZYGOTES],
}

impl NamespaceGone {
    /// Creates the proof from the supervisor's message that it has reaped init.
    pub(crate) const fn init_reaped(zygotes: [i32; MAX_ZYGOTES]) -> Self {
        Self { zygotes }
    }
}

/// Proof that no process of a run is left, so that its uid may be used again.
///
/// Only this module's parent can create one: [`RunCgroup::close`](super::RunCgroup::close),
/// [`RunCgroup::close_unused`](super::RunCgroup::close_unused) and [`SlotCleanup::run`](super::SlotCleanup::run).
#[derive(Debug)]
pub struct Emptied {
    uid: u32,
}

impl Emptied {
    pub(super) const fn new(uid: u32) -> Self {
        Self { uid }
    }

    /// Returns the uid of the run whose processes are gone.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }
}
