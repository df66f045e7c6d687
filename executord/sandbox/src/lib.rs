//! Carries a [`Plan`] out and decides nothing.
//!
//! Three processes take part. The daemon has a [`Supervisor`] per slot: a small root process that executes one
//! program at a time. For each it forks the sandbox's *init*, pid 1 of new namespaces, in a copy of a *template*, a mount
//! namespace of what such programs see of the host. Init adds what is this program's and forks the *payload*, which gives
//! up every privilege and becomes the program. The two files to read for the security argument are `init.rs` and
//! `payload.rs`: the order in them is the argument.
//!
//! Where an administrator wants it, sandboxes of an interpreter begin as copies of one that was started for the slot, the
//! *zygote* (`zygote.rs`): it is that process then that forks init.
//!
//! It happens in two moments: *prepare*, all that needs no program, and *start*, when there is one. Between them a
//! sandbox may wait, with an interpreter in it that is already there or without. It serves one program all the same.

pub mod cgroup;
mod error;
mod init;
mod message;
mod network;
mod payload;
mod plan;
mod privilege;
mod report;
mod root;
pub mod seccomp;
mod supervise;
mod supervisor;
mod sys;
mod template;
mod terminal;
mod uncounted;
mod zygote;

pub use cgroup::{Emptied, NamespaceGone};
pub use error::{SetupError, Step};
pub use plan::{
    BindMount, BuildDir, DisabledLayers, DiskLimits, HOME, LAUNCHER_DESCRIPTOR, LAUNCHER_READY, Plan,
    Program, ResourceLimits, SourceEntry, Start, TerminalSize, User,
};
pub use report::{ExitReport, Report, read_report};
pub use supervise::supervise;
pub use supervisor::{Control, Descriptors, Init, Reply, Supervisor};
pub use terminal::resize_terminal;
pub use zygote::serve_zygote;
