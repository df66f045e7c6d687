//! What the sandbox will do, decided beforehand.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that a sandbox is made of before there is a program for it. The sandbox checks none of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Who the program is.
    pub user: User,
    /// What of the host the program sees, read-only.
    pub binds: Vec<Bind>,
    /// What it may write.
    pub disk: Disk,
    /// Whether there is a `/build`.
    pub build: Build,
    /// What is executed ahead: an interpreter that waits for its program on [`LAUNCHER_DESCRIPTOR`].
    pub boot: Option<Program>,
    /// It is not executed in the sandbox, but is a copy of one that was executed before there was one, which says
    /// [`LAUNCHER_READY`] all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zygote: bool,
    /// What the program has in place of its three pipes, where that is so. Nothing is executed ahead then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<TerminalSize>,
    /// For tests of the other layers alone; a release build leaves nothing out, whatever this says.
    #[serde(default, skip_serializing_if = "LeftOut::is_nothing")]
    pub left_out: LeftOut,
}

/// A terminal is at first so large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters of a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// What a prepared sandbox is started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// What the program may write; the files must fit in.
    pub disk: Disk,
    /// What lies in `/box`; the contents follow, in this order.
    pub sources: Vec<SourceEntry>,
    /// What is executed. If something waits already, it is told the command and nothing else of this.
    pub program: Program,
}

/// A program to execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its absolute path in the sandbox and its arguments, that path first.
    pub command: Vec<String>,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
    /// What one process may use, beside what the cgroup allows all of them.
    pub resources: ResourceLimits,
}

/// The file system behind `/box`, `/tmp` and `/dev/shm` together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its size.
    pub bytes: u64,
    /// Files and directories in it.
    pub files: u32,
}

/// Where what was executed ahead says that it is ready, with [`LAUNCHER_READY`], and then reads the words of the
/// command that it is to be, each followed by a NUL, up to the end of file.
pub const LAUNCHER_DESCRIPTOR: i32 = 3;
/// What it says.
pub const LAUNCHER_READY: u8 = b'R';

/// Layers that a test leaves out, to see what the others hold without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The filter of system calls.
    pub seccomp: bool,
    /// Landlock.
    pub landlock: bool,
}

impl LeftOut {
    /// What every plan but a test's leaves out.
    pub const NOTHING: Self = Self { seccomp: false, landlock: false };

    fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// What is really left out in this build.
    pub(crate) fn in_this_build(self) -> Self {
        if cfg!(debug_assertions) { self } else { Self::NOTHING }
    }
}

/// What a program's user has as its home, in every sandbox: a link to `/box`.
pub const HOME: &str = "/home/exec";

/// A user and group that nobody else has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// What it is called in the sandbox.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its group id; it is in no other group.
    pub gid: u32,
}

/// A file or directory of the host shown in the sandbox, read-only, without setuid and devices, and without
/// what is mounted below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Where it is on the host. Nobody but root may be able to write there or above.
    pub source: PathBuf,
    /// Where it is in the sandbox, absolute.
    pub target: PathBuf,
    /// Programs may be executed from there.
    pub executable: bool,
}

/// What `/build` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Build {
    /// There is none.
    None,
    /// Empty and writable, to be kept for the runs. What an earlier stage left there is dropped.
    Writable(Disk),
    /// What a compiler wrote there, read-only; it is handed in at the start.
    ReadOnly,
}

/// One source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// Relative to `/box`, of normal components only.
    pub path: PathBuf,
    /// How many bytes of what follows are its content.
    pub length: u64,
}

/// Limits of each process by itself; see setrlimit(2). The others are fixed, see `payload.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// CPU time, rounded up to seconds; the second line behind the cgroup's count.
    pub cpu_time: Duration,
    /// Processes and threads of the user.
    pub processes: u32,
    /// Bytes of a file.
    pub file_size: u64,
    /// Open descriptors.
    pub open_files: u32,
    /// Bytes of stack of the main thread.
    pub stack: u64,
}
