//! Proof types: values that exist only after the kernel confirmed that processes are gone.

/// Proof that every process of a sandbox's pid namespace is gone: the supervisor has waited for its init.
#[derive(Debug)]
pub struct NamespaceGone {
    /// Pid of the supervisor's zygote, which stays in the slot's cgroups.
    pub(super) zygote: Option<i32>,
}

impl NamespaceGone {
    /// Creates the proof from the supervisor's message that it has reaped init.
    pub(crate) const fn init_reaped(zygote: Option<i32>) -> Self {
        Self { zygote }
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
