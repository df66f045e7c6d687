//! The plan of a sandbox: everything that the caller decides and the sandbox carries out.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that a sandbox is built from before its program is known. The sandbox validates none of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The user that the program runs as.
    pub user: User,
    /// Paths of the host that the program sees, read-only.
    pub binds: Vec<BindMount>,
    /// The size of the file system that the program can write to.
    pub disk: DiskLimits,
    /// The build directory.
    pub build_dir: BuildDir,
    /// The interpreter to pre-warm: it is started before the program is known, and waits for it on
    /// [`LAUNCHER_DESCRIPTOR`].
    pub warm_command: Option<Program>,
    /// Forks the interpreter of `warm_command` from the slot's zygote instead of executing it in the sandbox. It sends
    /// [`LAUNCHER_READY`] in either case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zygote: bool,
    /// Connects the program to a pseudoterminal instead of its three pipes. Excludes `warm_command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<TerminalSize>,
    /// Security layers to disable, for tests of the other layers. Release builds ignore this.
    #[serde(default, skip_serializing_if = "DisabledLayers::is_none")]
    pub disabled_layers: DisabledLayers,
}

/// The initial size of a pseudoterminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Width in characters.
    pub columns: u16,
    /// Height in lines.
    pub rows: u16,
}

/// The message that starts the program of a prepared sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The size of the file system that the program can write to. The source files must fit in it.
    pub disk: DiskLimits,
    /// The files of `/box`. Their contents follow the message, in this order, except for that of an upload.
    pub sources: Vec<SourceEntry>,
    /// The program to execute. A pre-warmed interpreter receives the command only; its environment and resource limits
    /// are those of [`Plan::warm_command`], except for lower limits of the stack and of files.
    pub program: Program,
}

/// A program to execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The absolute path of the executable in the sandbox, and then its arguments.
    pub command: Vec<String>,
    /// The complete environment.
    pub environment: Vec<(String, String)>,
    /// Limits of each process. The cgroup limits all processes together.
    pub resources: ResourceLimits,
    /// Whether stderr is the same pipe as stdout. A pre-warmed interpreter keeps its two pipes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge_output: bool,
}

/// The size of a tmpfs: of the one behind `/box`, `/tmp` and `/dev/shm` together, or of the one at `/build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskLimits {
    /// Size in bytes.
    pub bytes: u64,
    /// Number of files and directories.
    pub files: u32,
}

/// The descriptor of a pre-warmed interpreter's launcher. The launcher writes [`LAUNCHER_READY`] to it and then reads the
/// words of the command from it, each followed by a NUL, until the end of the file.
pub const LAUNCHER_DESCRIPTOR: i32 = 3;
/// The byte that a launcher writes when it is ready.
pub const LAUNCHER_READY: u8 = b'R';

/// Security layers that a test disables to show that the others hold by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisabledLayers {
    /// The system call filter.
    pub seccomp: bool,
    /// Landlock.
    pub landlock: bool,
}

impl DisabledLayers {
    /// All layers are in force.
    pub const NONE: Self = Self { seccomp: false, landlock: false };

    fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Returns the layers that this build really disables: none in a release build.
    pub(crate) fn in_this_build(self) -> Self {
        if cfg!(debug_assertions) { self } else { Self::NONE }
    }
}

/// The home directory of the program's user in every sandbox: a link to `/box`.
pub const HOME: &str = "/home/exec";

/// A user and group that no other run has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user name in the sandbox.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The group id. The user is in no other group.
    pub gid: u32,
}

/// A file or directory of the host that is mounted into the sandbox: read-only, nosuid, nodev, and without the mounts
/// below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindMount {
    /// The path on the host. Only root may be able to write to it and to the directories above it.
    pub source: PathBuf,
    /// The absolute path in the sandbox.
    pub target: PathBuf,
    /// Whether files in it may be executed.
    pub executable: bool,
}

/// The `/build` directory of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildDir {
    /// The sandbox has none.
    None,
    /// An empty, writable tmpfs for a compiler. The slot's previous build directory is dropped.
    Writable(DiskLimits),
    /// The output of a compiler, mounted read-only; the start message carries its mount.
    ReadOnly,
}

/// One source file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// The path relative to `/box`, of normal components only.
    pub path: PathBuf,
    /// The length of its content in bytes.
    pub length: u64,
    /// Whether its content is the upload, a memory file that is passed with the message. At most one source is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_upload: bool,
}

/// Resource limits of each process; see setrlimit(2). The limits that are the same for all programs are in
/// `resource_limits.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// CPU time, rounded up to whole seconds: a backstop for the cgroup's accounting.
    pub cpu_time: Duration,
    /// Number of processes and threads of the user.
    pub processes: u32,
    /// Size of a file in bytes.
    pub file_size: u64,
    /// Number of open descriptors.
    pub open_files: u32,
    /// Stack size of the main thread in bytes.
    pub stack: u64,
    /// Address space in bytes; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_space: Option<u64>,
}
