//! The slots of this host, and the sandboxes in them that wait for programs.
//!
//! An execution takes a sandbox from [`SandboxPool`]: a pre-warmed one if there is one that fits, else one that is made for
//! it in a free slot. [`keep_slots`] creates slots as they are needed, and [`keep_warm`] pre-warms sandboxes in the background, as [`policy`] decides.

mod at_rest;
mod bucket;
mod bucket_key;
mod contents;
pub(crate) mod demand;
pub(crate) mod kept_build;
pub(crate) mod pipes;
pub(crate) mod policy;
mod prewarmer;
mod provisioner;
pub(crate) mod reap_job;
pub(crate) mod reaper;
pub(crate) mod sandbox;
pub(crate) mod sandbox_pool;
pub(crate) mod slot;
pub(crate) mod slot_factory;
mod slot_numbers;
mod wish;

pub(crate) use policy::Activity;
pub(crate) use prewarmer::keep_warm;
pub(crate) use provisioner::keep_slots;
pub(crate) use reaper::Reaper;
pub(crate) use sandbox_pool::SandboxPool;
pub(crate) use slot_factory::SlotFactory;
pub(crate) use slot_numbers::SlotNumbers;
