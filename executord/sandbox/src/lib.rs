//! Carries out a [`Plan`] and decides nothing.
//!
//! Three processes take part. The daemon has a [`Supervisor`] for each slot: a small process of root that runs one sandbox
//! at a time. The supervisor forks the sandbox's *init*, pid 1 of new namespaces, in a copy of a *template*, a mount
//! namespace with the paths of the host that such programs see. Init mounts what belongs to this sandbox and forks the
//! *payload*, which gives up every privilege and becomes the program.
//!
//! A sandbox has two moments: *prepare*, everything that needs no program, and *start*. In between it can wait, with a
//! pre-warmed interpreter or without one. Every sandbox serves one program.
//!
//! | question | file |
//! |---|---|
//! | Where are the namespaces created? | `supervisor/process.rs`, `init/build.rs` |
//! | Where is a mount made? | `rootfs/template.rs`, `rootfs/sandbox_root.rs`; the system calls are in `sys/mount.rs` |
//! | Where is a limit enforced? | `cgroup/v1.rs`, `cgroup/v2.rs`, `resource_limits.rs`, `rootfs/scratch.rs`, `kernel_memory.rs` |
//! | Where are privileges dropped? | `payload.rs`, in this order; init's own in `init/run.rs` |
//! | Which system calls are allowed? | `seccomp/policy/program_rules.rs` |
//! | Where is a sandbox killed, and how is it proven gone? | `init/finish.rs`, `supervisor/process.rs`, `cgroup/proof.rs` |
//! | Where is a sandbox forked from an interpreter? | `zygote/` |
//! | Where are output files read? | `collector/` |

pub mod cgroup;
mod collector;
mod error;
mod file_access;
mod init;
mod input_probe;
mod kernel_memory;
mod memory_file;
mod network_namespace;
mod packet;
mod payload;
mod plan;
mod privileges;
mod report;
mod resource_limits;
mod rootfs;
mod sealed_file;
pub mod seccomp;
mod start_message;
mod supervisor;
mod sys;
mod terminal;
mod user_namespace;
mod zygote;

pub use cgroup::{Emptied, NamespaceGone};
pub use collector::archive::{ArchiveLimits, ArchiveReader, MAX_PART, OmittedFiles, Record};
pub use collector::collection::{CollectedDir, Collection};
pub use collector::pattern::{MAX_NAME, OutputPattern};
pub use error::{SetupError, Step};
pub use input_probe::{InputFile, waits_for_input};
pub use memory_file::{MemoryFile, SealedMemoryFile};
pub use plan::{
    BindMount, BuildDir, DisabledLayers, DiskLimits, HOME, LAUNCHER_DESCRIPTOR, LAUNCHER_READY, Plan,
    Program, ResourceLimits, SourceEntry, Start, TerminalSize, User,
};
pub use report::{ExitReport, Report, read_report};
pub use supervisor::{Control, Descriptors, Init, Reply, Supervisor, supervise};
pub use sys::descriptor::unread_bytes;
pub use terminal::resize_terminal;
pub use user_namespace::ZygoteUsers;
pub use zygote::{ExpectedZygotes, Rehearsal, ZYGOTE_IDLE_TIME, copy_while_waiting, serve_zygote};
