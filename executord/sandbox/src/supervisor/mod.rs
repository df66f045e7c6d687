//! Supervisors: [`handle`] is the daemon's handle of one and [`control`] that of its sandbox; [`process`] is the supervisor
//! process itself.

mod build_dir;
mod control;
mod handle;
mod process;

pub use control::Control;
pub use handle::{Descriptors, Init, Reply, Supervisor};
pub use process::supervise;
