//! What an execution may use.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A quantity of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// So many kibibytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// So many mebibytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// As a plain number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        for (size, unit) in UNITS {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(formatter, "{} {unit}", self.0 / size);
            }
        }
        write!(formatter, "{} bytes", self.0)
    }
}

/// What one stage (a compilation, or one run) may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time of all its processes together.
    pub cpu_time: Duration,
    /// Time on the clock, from the start of the program.
    pub wall_time: Duration,
    /// Memory of all its processes together, page cache and temporary files included.
    pub memory: ByteCount,
    /// Processes and threads at one time.
    pub processes: u32,
    /// Bytes kept of each of stdout and stderr; writing more ends the program.
    pub output: ByteCount,
    /// Size of one file.
    pub file_size: ByteCount,
    /// Bytes of all files it writes, in its work directory, `/tmp` and `/dev/shm` together.
    pub disk: ByteCount,
    /// Files and directories it may create.
    pub files: u32,
    /// Files open at one time in one process.
    pub open_files: u32,
}

/// What a client asks of [`Limits`]: what it leaves out is the language's default. More than the
/// administrator allows is lowered to that; zero is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsRequest {
    /// See [`Limits::cpu_time`].
    pub cpu_time: Option<Duration>,
    /// See [`Limits::wall_time`].
    pub wall_time: Option<Duration>,
    /// See [`Limits::memory`].
    pub memory: Option<ByteCount>,
    /// See [`Limits::processes`].
    pub processes: Option<u32>,
    /// See [`Limits::output`].
    pub output: Option<ByteCount>,
    /// See [`Limits::file_size`].
    pub file_size: Option<ByteCount>,
    /// See [`Limits::disk`].
    pub disk: Option<ByteCount>,
    /// See [`Limits::files`].
    pub files: Option<u32>,
    /// See [`Limits::open_files`].
    pub open_files: Option<u32>,
}
