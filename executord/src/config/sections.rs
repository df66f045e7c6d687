//! The tables of the configuration file, and the types of their keys.

use std::path::PathBuf;
use std::time::Duration;

use protocol::ByteCount;
use protocol::bounds::MAX_UPLOAD;
use protocol::quantity::Quantity;
use serde::Deserialize;

use crate::admission::limits::LimitSettings;

/// Settings of the pool of pre-warmed sandboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PoolSettings {
    pub(crate) enabled: bool,
    /// Sandboxes for each language with a warm command, even if there is no demand.
    pub(crate) min: u32,
    /// Sandboxes of all languages together.
    pub(crate) max: u32,
    /// Measured memory of all sandboxes together. The default is [`DEFAULT_POOL_MEMORY`].
    pub(crate) memory: Option<Quantity<ByteCount>>,
    /// Measured memory of all sandboxes at rest together: those of languages that nobody has requested lately.
    pub(crate) memory_at_rest: Quantity<ByteCount>,
    /// Whether sandboxes of languages that support it are forked from an interpreter that runs already. The default is
    /// `enabled`, if there are enough user ids; see [`Config::has_zygotes`](super::Config::has_zygotes).
    pub(crate) zygotes: Option<bool>,
}

/// Default memory of the pool: this number of bytes, but at most this fraction (1/n) of the host's memory.
const DEFAULT_POOL_MEMORY: (u64, u64) = (300 << 20, 8);
/// Default memory of the pool at rest: a Python, a Node and a C++ compiler, but no JVM.
const DEFAULT_POOL_MEMORY_AT_REST: ByteCount = ByteCount::mib(64);

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            min: 1,
            max: 8,
            memory: None,
            memory_at_rest: Quantity(DEFAULT_POOL_MEMORY_AT_REST),
            zygotes: None,
        }
    }
}

impl PoolSettings {
    /// Returns the maximum number of pre-warmed sandboxes.
    pub(crate) const fn capacity(&self) -> u32 {
        if self.enabled { self.max } else { 0 }
    }

    /// Returns the number of bytes that they may hold on a host with `host_memory` bytes.
    pub(crate) fn memory_bytes(&self, host_memory: u64) -> u64 {
        let (bytes, fraction) = DEFAULT_POOL_MEMORY;
        self.memory.map_or_else(|| bytes.min(host_memory / fraction), |memory| memory.0.bytes())
    }
}

/// Settings of the build cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CacheSettings {
    pub(crate) enabled: bool,
    /// Number of builds.
    pub(crate) max: u32,
    /// Memory of all builds together, including their sources.
    pub(crate) memory: Quantity<ByteCount>,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { enabled: false, max: 16, memory: Quantity(ByteCount::mib(128)) }
    }
}

/// Format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// An object of JSON on each line.
    Json,
}

/// Settings of uploads, which executord holds from their first byte to the end of their execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UploadSettings {
    /// Memory of all uploads together. The default is [`DEFAULT_UPLOAD_MEMORY`].
    pub(crate) memory: Option<Quantity<ByteCount>>,
    /// Memory of the uploads of one client. The default is a quarter of all, but at least one upload of maximum size.
    pub(crate) memory_per_client: Option<Quantity<ByteCount>>,
}

/// Default memory of uploads: this number of bytes, but at most this fraction (1/n) of the host's memory.
const DEFAULT_UPLOAD_MEMORY: (u64, u64) = (512 << 20, 8);

impl UploadSettings {
    /// Returns the number of bytes of all uploads on a host with `host_memory` bytes.
    pub(crate) fn memory_bytes(&self, host_memory: u64) -> u64 {
        let (bytes, fraction) = DEFAULT_UPLOAD_MEMORY;
        self.memory.map_or_else(|| bytes.min(host_memory / fraction), |memory| memory.0.bytes())
    }

    /// Returns the number of bytes of one client's uploads, if all have `total` bytes.
    pub(crate) fn memory_per_client_bytes(&self, total: u64) -> u64 {
        self.memory_per_client.map_or_else(|| (total / 4).max(MAX_UPLOAD as u64), |memory| memory.0.bytes())
    }
}

/// Settings of the programs that clients ask to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeepSettings {
    /// Number of programs, or 0 to keep none.
    pub(crate) max: u32,
    /// Number of programs of one client.
    pub(crate) max_per_client: u32,
    /// Memory of all programs together: builds and sources.
    pub(crate) memory: Quantity<ByteCount>,
    /// Memory of the programs of one client.
    pub(crate) memory_per_client: Quantity<ByteCount>,
    /// Longest time for which a program is kept.
    pub(crate) age: Quantity<Duration>,
}

impl Default for KeepSettings {
    fn default() -> Self {
        Self {
            max: 32,
            max_per_client: 8,
            memory: Quantity(ByteCount::mib(128)),
            memory_per_client: Quantity(ByteCount::mib(64)),
            age: Quantity(Duration::from_secs(600)),
        }
    }
}

impl KeepSettings {
    /// Returns the number of bytes that all programs together may hold.
    pub(crate) const fn memory_bytes(&self) -> u64 {
        if self.max == 0 { 0 } else { self.memory.0.bytes() }
    }
}

/// Whether the users of executions are announced to systemd-userdbd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Userdb {
    /// If the host runs systemd.
    Auto,
    On,
    Off,
}

/// The socket that clients connect to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Socket {
    /// By default `executord.sock` in the runtime directory.
    pub(crate) path: Option<PathBuf>,
    /// Group whose members may connect; by default `executor`.
    pub(crate) group: Option<String>,
}

/// Range of user ids, and of group ids with the same numbers. Both ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UidRange {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl UidRange {
    /// Returns the number of ids.
    pub(super) fn count(self) -> u64 {
        (u64::from(self.last) + 1).saturating_sub(self.first.into())
    }

    /// Returns the ids of programs and, at the end of the range, a quarter of all ids for zygotes. At least two are for zygotes:
    /// a user and a group.
    pub(super) fn split(self) -> (Self, Self) {
        let Self { first, last } = self;
        let first_of_zygotes = last - (last.saturating_sub(first) / 4).max(1);
        (Self { first, last: first_of_zygotes - 1 }, Self { first: first_of_zygotes, last })
    }
}

impl Default for UidRange {
    /// Below the range of systemd-nspawn (from 524288), above `DynamicUser=` (up to 65519) and the subordinate ids of
    /// the first users.
    fn default() -> Self {
        Self { first: 458_752, last: 524_287 }
    }
}

/// Limits of executions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitSections {
    /// Wall-clock time of all stages of one request together. The default is twice the maximum of one stage.
    pub(crate) request_wall_time: Option<Quantity<Duration>>,
    /// Open files of all processes of a stage together: the limits of processes and of open files, multiplied. The default
    /// is [`TOTAL_OPEN_FILES`](crate::admission::limits::TOTAL_OPEN_FILES), or more if the maximum of processes is so large that each could not have the minimum.
    pub(crate) total_open_files: Option<u32>,
    /// Defaults for a run. The language and the request may differ.
    pub(crate) run: LimitSettings,
    /// Defaults for a compilation. The language may differ.
    pub(crate) compile: LimitSettings,
    /// Maxima that neither a language nor a request exceeds.
    pub(crate) maximum: LimitSettings,
}
