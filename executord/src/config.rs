//! The configuration file, `executord.toml`. Defaults are part of the types; unknown keys are errors.

mod sections;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::quantity::Quantity;
use protocol::renamed_keys::{ConfigKeys, RenamedKey};
use protocol::{ByteCount, Limits};
use serde::Deserialize;

use crate::admission::limits::{LimitSettings, RequestBounds, TOTAL_OPEN_FILES};
pub(crate) use crate::config::sections::{
    CacheSettings, KeepSettings, LimitSections, LogFormat, PoolSettings, Socket, UidRange, UploadSettings,
    Userdb,
};

/// Path of the configuration file if `--config` does not name another.
const DEFAULT_PATH: &str = "/etc/executor/executord.toml";

/// Keys that were renamed: old and new path.
const RENAMED_KEYS: [(&str, &str); 1] = [("cache", "build_cache")];

/// Maximum number of pre-warmed sandboxes, and of cached builds. A process of root holds each of them.
const MAX_HELD: u32 = 256;

/// Default number of concurrent executions for each slot.
const EXECUTIONS_PER_SLOT: u32 = 16;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Directory of the socket and of the daemon's own files. It is created if it does not exist.
    pub(crate) runtime_directory: PathBuf,
    /// Directories of language files. A language in a later directory replaces one of the same name in an earlier one.
    pub(crate) languages: Vec<PathBuf>,
    /// The program that builds sandboxes.
    pub(crate) helper: PathBuf,
    /// Directories of the host, besides /usr, that every program can read and execute.
    pub(crate) toolchains: Vec<PathBuf>,
    /// Libraries of each language, by its name: JAR files, or directories of headers.
    pub(crate) libraries: BTreeMap<String, Vec<PathBuf>>,
    /// Directory of the package sets.
    pub(crate) packages: PathBuf,
    /// User that webd runs as. It may connect.
    pub(crate) webd_user: String,
    /// User that noded runs as, on a server of a cluster. It may name clients, as webd's may, if it may connect.
    pub(crate) noded_user: String,
    /// Executions that use the CPU concurrently, or 0 for the number of cores.
    pub(crate) slots: u32,
    /// Concurrent executions, including those that sleep or wait for input, or 0 for [`EXECUTIONS_PER_SLOT`], or fewer
    /// if there are not enough user ids.
    pub(crate) max_executions: u32,
    /// Concurrent executions of one client, or 0 for as many as of all.
    pub(crate) max_executions_per_client: u32,
    /// Concurrent interactive executions, or 0 for three quarters of all.
    pub(crate) max_interactive: u32,
    /// Memory of all executions, pre-warmed sandboxes and cached builds together. The default is three quarters of the
    /// memory that the daemon may use.
    pub(crate) memory: Option<Quantity<ByteCount>>,
    /// Executions that may wait for a slot.
    pub(crate) queue: u32,
    /// Cores that one execution may use, or 0 for all.
    pub(crate) cpus: u32,
    /// Pre-warmed sandboxes.
    pub(crate) pool: PoolSettings,
    /// Cached builds, for clients that send the same sources again.
    pub(crate) build_cache: CacheSettings,
    /// Uploaded stdin of runs.
    pub(crate) uploads: UploadSettings,
    /// Programs that clients ask to keep.
    pub(crate) kept_builds: KeepSettings,
    /// Name of our cgroups, where systemd does not delegate one.
    pub(crate) cgroup: String,
    /// Time between SIGTERM to a program's process group and SIGKILL to all of its processes.
    pub(crate) grace: Quantity<Duration>,
    /// Time that running executions may take when the daemon stops.
    pub(crate) drain: Quantity<Duration>,
    /// Format of the log.
    pub(crate) log_format: LogFormat,
    /// Whether `getent` and `id` know the users of executions by name. ps(1) has room for 32 letters, which is too few
    /// for these names, and shows the number.
    pub(crate) userdb: Userdb,
    pub(crate) socket: Socket,
    /// User ids of executions.
    pub(crate) uids: UidRange,
    pub(crate) limits: LimitSections,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runtime_directory: "/run/executor".into(),
            languages: vec!["/usr/lib/executor/languages".into(), "/etc/executor/languages".into()],
            helper: "/usr/lib/executor/executor-sandbox".into(),
            toolchains: Vec::new(),
            libraries: BTreeMap::new(),
            packages: protocol::packages::PACKAGES.into(),
            webd_user: "executor-webd".to_owned(),
            noded_user: "executor-node".to_owned(),
            slots: 0,
            max_executions: 0,
            max_executions_per_client: 0,
            max_interactive: 0,
            memory: None,
            queue: 64,
            cpus: 0,
            pool: PoolSettings::default(),
            build_cache: CacheSettings::default(),
            uploads: UploadSettings::default(),
            kept_builds: KeepSettings::default(),
            cgroup: "executor".to_owned(),
            grace: Quantity(Duration::from_millis(500)),
            drain: Quantity(Duration::from_secs(5)),
            log_format: LogFormat::Text,
            userdb: Userdb::Auto,
            socket: Socket::default(),
            uids: UidRange::default(),
            limits: LimitSections::default(),
        }
    }
}

/// A mistake in the configuration, worded for the administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {error}", path.display())]
    Parse { path: PathBuf, error: toml::de::Error },
    #[error("{}: {key}", path.display())]
    Renamed { path: PathBuf, key: RenamedKey },
    #[error("{}: {message}", path.display())]
    Invalid { path: PathBuf, message: String },
}

impl Config {
    /// Reads the file at `path`, or the file at the default path, which may be absent.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => String::new(),
            text => text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        };
        let parse_error = |error| ConfigError::Parse { path: path.to_owned(), error };
        let keys: ConfigKeys = toml::from_str(&text).map_err(parse_error)?;
        keys.reject_renamed(&RENAMED_KEYS)
            .map_err(|key| ConfigError::Renamed { path: path.to_owned(), key })?;
        let config: Self = toml::from_str(&text).map_err(parse_error)?;
        config.validate().map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })?;
        Ok(config)
    }

    /// Checks the properties that the types of the configuration do not ensure.
    fn validate(&self) -> Result<(), String> {
        let UidRange { first, last } = self.uids;
        if first > last || first < 1000 || last >= 4_294_967_294 {
            return Err(format!("uids: must be a range of ids above 1000, and {first} to {last} is not"));
        }
        if [self.pool.max, self.build_cache.max, self.kept_builds.max].iter().any(|&max| max > MAX_HELD) {
            return Err(format!("pool, build_cache, kept_builds: max must be at most {MAX_HELD}"));
        }
        if self.program_uids().count() < self.max_uids_in_use() {
            return Err(format!("uids: {first} to {last} are fewer than can be in use concurrently"));
        }
        if self.max_executions() < self.slots() {
            return Err("max_executions: must be at least the number of slots".to_owned());
        }
        let (request, maximum) = (self.request_bounds().wall_time, self.maxima().wall_time);
        if request < maximum {
            return Err("limits.request_wall_time: must be at least limits.maximum.wall_time".to_owned());
        }
        let (bounds, least) = (self.request_bounds(), Limits::MINIMA.open_files);
        if bounds.total_open_files < bounds.maxima.processes.saturating_mul(least) {
            return Err(format!(
                "limits.total_open_files: must be at least {least} for each of limits.maximum.processes"
            ));
        }
        let cgroup_is_a_name = !self.cgroup.is_empty()
            && self.cgroup.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
            && !self.cgroup.starts_with('.');
        if !cgroup_is_a_name {
            return Err("cgroup: must consist of letters, digits, '-', '_' and '.'".to_owned());
        }
        let is_relative = |path: &PathBuf| !path.is_absolute();
        if self.runtime_directory.parent().is_none() || is_relative(&self.runtime_directory) {
            return Err("runtime_directory: must be an absolute path other than /".to_owned());
        }
        let directories = self.languages.iter().chain(&self.toolchains);
        if directories.chain([&self.packages, &self.helper]).any(is_relative) {
            return Err("languages, toolchains, packages, helper: must be absolute paths".to_owned());
        }
        // They become arguments and parts of search paths.
        let is_invalid =
            |path: &PathBuf| is_relative(path) || path.to_str().is_none_or(|path| path.contains(':'));
        if let Some(path) = self.libraries.values().flatten().find(|path| is_invalid(path)) {
            return Err(format!(
                "libraries: must be absolute paths without ':', and {} is not",
                path.display()
            ));
        }
        Ok(())
    }

    /// Returns the number of executions that use the CPU concurrently.
    pub(crate) fn slots(&self) -> u32 {
        if self.slots == 0 { cores() } else { self.slots }
    }

    /// Returns the number of concurrent executions, including idle ones.
    pub(crate) fn max_executions(&self) -> u32 {
        match self.max_executions {
            0 => {
                // A range of few user ids was enough for the slots before, so it still is.
                let uids = if self.pool.zygotes == Some(true) { self.uids.split().0 } else { self.uids };
                let pairs = uids.count().saturating_sub(self.pool.capacity().into()) / 2;
                let by_uids = u32::try_from(pairs * 4 / 5).unwrap_or(u32::MAX);
                self.slots().saturating_mul(EXECUTIONS_PER_SLOT).min(by_uids).max(self.slots())
            }
            max => max,
        }
    }

    /// Returns the memory of everything in sandboxes together, in bytes, if `available` bytes are available to the
    /// daemon.
    pub(crate) fn memory(&self, available: u64) -> u64 {
        self.memory.map_or(available / 4 * 3, |memory| memory.0.bytes())
    }

    /// Returns the number of executions beyond [`Config::max_executions`] that are for clients without one, so that a
    /// client with many long executions does not lock out the others.
    pub(crate) fn reserved_executions(&self) -> u32 {
        self.max_executions() / 4
    }

    /// Returns the maximum number of concurrent executions, including those reserved for clients without one.
    pub(crate) fn most_executions(&self) -> u32 {
        self.max_executions().saturating_add(self.reserved_executions())
    }

    /// Returns the maximum number of users in use: two for each execution, because the user of one stage is still
    /// being cleaned up when the next begins, and one for each pre-warmed sandbox.
    fn max_uids_in_use(&self) -> u64 {
        2 * u64::from(self.most_executions()) + u64::from(self.pool.capacity())
    }

    /// Returns whether sandboxes are forked from zygotes, where the host and the language allow it.
    pub(crate) fn has_zygotes(&self) -> bool {
        // A range of few user ids was enough without zygotes, so it still is.
        let has_enough_uids = || self.uids.split().0.count() >= self.max_uids_in_use();
        self.pool.zygotes.unwrap_or_else(|| self.pool.enabled && has_enough_uids())
    }

    /// Returns the user ids of programs.
    pub(crate) fn program_uids(&self) -> UidRange {
        if self.has_zygotes() { self.uids.split().0 } else { self.uids }
    }

    /// Returns the user ids of zygotes, if there are zygotes.
    pub(crate) fn zygote_uids(&self) -> Option<UidRange> {
        self.has_zygotes().then(|| self.uids.split().1)
    }

    /// Returns the CPU that one execution may use, in thousandths of a core.
    pub(crate) fn cpu_millis(&self) -> u32 {
        let cpus = if self.cpus == 0 { cores() } else { self.cpus };
        cpus.saturating_mul(1000)
    }

    pub(crate) fn socket_path(&self) -> PathBuf {
        self.socket.path.clone().unwrap_or_else(|| self.runtime_directory.join("executord.sock"))
    }

    pub(crate) fn socket_group(&self) -> &str {
        self.socket.group.as_deref().unwrap_or("executor")
    }

    /// Returns the maximum of each limit.
    pub(crate) fn maxima(&self) -> Limits {
        self.limits.maximum.over(&Limits::MAXIMA)
    }

    /// Returns the options that a request may select.
    pub(crate) fn request_bounds(&self) -> RequestBounds {
        let maxima = self.maxima();
        let wall_time = self.limits.request_wall_time.map_or(2 * maxima.wall_time, |time| time.0);
        let least = maxima.processes.saturating_mul(Limits::MINIMA.open_files);
        let total_open_files = self.limits.total_open_files.unwrap_or(TOTAL_OPEN_FILES.max(least));
        RequestBounds { maxima, wall_time, total_open_files }
    }

    /// Returns the default limits for a run of a language with these settings.
    pub(crate) fn run_limits(&self, language: &LimitSettings) -> Limits {
        self.request_bounds().lower(&language.over(&self.limits.run.over(&Limits::RUN)))
    }

    /// Returns the limits for a compilation of a language with these settings.
    pub(crate) fn compile_limits(&self, language: &LimitSettings) -> Limits {
        self.request_bounds().lower(&language.over(&self.limits.compile.over(&Limits::COMPILE)))
    }
}

/// Returns the memory of this host in bytes, see proc_meminfo(5).
pub(crate) fn host_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    total.map_or(u64::MAX, |kib: u64| kib.saturating_mul(1024))
}

/// Returns the number of cores that this process can use.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::{
        Config, ConfigError, LimitSections, LimitSettings, PoolSettings, Socket, UidRange, UploadSettings,
    };

    fn load(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("executord.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(load("").unwrap(), Config::default());
    }

    #[test]
    fn the_shipped_file_lists_the_defaults() {
        // Comments have a space after the `#`, commented keys have none.
        let shipped = include_str!("../../systemd/etc/executord.toml");
        let text: Vec<_> = shipped
            .lines()
            .filter(|line| !line.starts_with("# "))
            .map(|line| line.trim_start_matches('#'))
            .collect();
        let (shipped, default) = (load(&text.join("\n")).unwrap(), Config::default());
        let nothing = LimitSettings::default();
        assert_eq!(shipped.maxima(), default.maxima());
        assert_eq!(shipped.run_limits(&nothing), default.run_limits(&nothing));
        assert_eq!(shipped.compile_limits(&nothing), default.compile_limits(&nothing));
        assert_eq!(shipped.pool.memory_bytes(u64::MAX), default.pool.memory_bytes(u64::MAX));
        let uploads = |config: &Config| {
            let total = config.uploads.memory_bytes(u64::MAX);
            (total, config.uploads.memory_per_client_bytes(total))
        };
        assert_eq!(uploads(&shipped), uploads(&default));
        assert_eq!(shipped.socket_path(), default.socket_path());
        assert_eq!(shipped.socket_group(), default.socket_group());
        let bounds = |config: &Config| {
            let bounds = config.request_bounds();
            (bounds.wall_time, bounds.total_open_files)
        };
        assert_eq!(bounds(&shipped), bounds(&default));
        assert_eq!(shipped.has_zygotes(), default.has_zygotes());
        let (pool, memory) = (PoolSettings { memory: None, zygotes: None, ..shipped.pool }, None);
        let (socket, limits) = (Socket::default(), LimitSections::default());
        let uploads = UploadSettings::default();
        assert_eq!(Config { pool, memory, socket, limits, uploads, ..shipped }, default);
    }

    #[test]
    fn a_quarter_of_the_user_ids_is_for_zygotes_if_the_others_are_enough() {
        let default = Config::default();
        assert_eq!(default.program_uids(), UidRange { first: 458_752, last: 507_903 });
        assert_eq!(default.zygote_uids(), Some(UidRange { first: 507_904, last: 524_287 }));
        // 2 × (4 + 1) for executions, and 8 for pre-warmed sandboxes.
        for (last, more, zygotes) in [
            (70_023, "", Some(70_018)),
            (70_022, "", None),
            (70_017, "", None),
            (70_017, "pool = { enabled = false }", None),
            (70_023, "pool = { zygotes = false }", None),
        ] {
            let text =
                format!("slots = 2\nmax_executions = 4\nuids = {{ first = 70000, last = {last} }}\n{more}");
            let config = load(&text).unwrap();
            assert_eq!(config.zygote_uids().map(|uids| uids.first), zygotes, "{text}");
            let last_of_programs = zygotes.map_or(last, |first| first - 1);
            assert_eq!(config.program_uids(), UidRange { first: 70_000, last: last_of_programs });
        }
    }

    #[test]
    fn errors_name_the_line_and_what_is_allowed() {
        for (text, expected) in [
            ("slots = 2\nslot = 3", &["line 2", "unknown field `slot`", "`queue`"][..]),
            ("[limits.run]\nmemory = 5", &["line 2", "a quantity with its unit"]),
            ("[limits.run]\nmemory = \"5 apples\"", &["line 2", "not a byte count such as"]),
            ("[limits.run]\nmem = \"5MiB\"", &["unknown field `mem`", "`open_files`"]),
            ("uids = { first = 5, last = 9 }", &["uids: must be a range of ids above 1000"]),
            ("uids = { first = 70000, last = 70000 }\nslots = 2", &["fewer than can be in use"]),
            (
                "uids = { first = 70000, last = 70022 }\nslots = 2\nmax_executions = 4\npool = { zygotes = true }",
                &["fewer than can be in use"],
            ),
            ("slots = 2\nmax_executions = 1", &["max_executions: must be at least the number of slots"]),
            ("[limits]\nrequest_wall_time = \"1s\"", &["request_wall_time: must be at least"]),
            ("[limits]\ntotal_open_files = 4095", &["total_open_files: must be at least 8 for each of"]),
            ("pool = { max = 1000 }", &["max must be at most 256"]),
            ("cgroup = \"a/b\"", &["cgroup:"]),
            ("helper = \"x\"", &["absolute"]),
            ("[cache]\nenabled = true", &["`cache` was renamed to `build_cache`"]),
        ] {
            let error = load(text).unwrap_err().to_string();
            for part in expected {
                assert!(error.contains(part), "{part:?} is not in {error:?}");
            }
        }
    }
}
