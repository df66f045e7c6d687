//! `executord.toml`: what an administrator can say. Defaults live in the types; unknown keys are mistakes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::quantity::Quantity;
use protocol::{ByteCount, Limits};
use serde::Deserialize;

use crate::admission::limits::LimitSettings;

/// Read if nothing else is named.
const DEFAULT_PATH: &str = "/etc/executor/executord.toml";

/// The most sandboxes that can be kept prepared, and the most builds: each has a process of root's that holds it.
const MAX_KEPT: u32 = 256;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the socket and the daemon's own files are; made if it is not there.
    pub(crate) runtime_directory: PathBuf,
    /// Where language files are. A later directory overrides an earlier one, by the language's name.
    pub(crate) languages: Vec<PathBuf>,
    /// The program that builds sandboxes.
    pub(crate) helper: PathBuf,
    /// What of the host every program sees, beside /usr; read-only, and executable.
    pub(crate) toolchains: Vec<PathBuf>,
    /// The user that webd runs as; it may connect.
    pub(crate) webd_user: String,
    /// Executions at one time; 0 means as many as there are cores.
    pub(crate) slots: u32,
    /// Executions that may wait for a slot.
    pub(crate) queue: u32,
    /// Cores that one execution may use at a time; 0 means all.
    pub(crate) cpus: u32,
    /// Sandboxes that are prepared before they are needed.
    pub(crate) pool: PoolSettings,
    /// BuildCache that are kept for who sends the same again.
    pub(crate) cache: CacheSettings,
    /// What our groups are called in the cgroup file system.
    pub(crate) cgroup: String,
    /// Between SIGTERM to a program's process group and the kill of everything.
    pub(crate) grace: Quantity<Duration>,
    /// How long running executions may take when the daemon is told to stop.
    pub(crate) drain: Quantity<Duration>,
    /// Tell systemd of each user while it lives, so that `getent` and `id` know its name. `ps` has room for 32 letters,
    /// which is too few, and shows the number.
    pub(crate) userdb: Userdb,
    /// The socket.
    pub(crate) socket: Socket,
    /// The user ids that executions get.
    pub(crate) uids: UidRange,
    /// What programs may use.
    pub(crate) limits: LimitSections,
}

/// How many sandboxes are prepared ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PoolSettings {
    /// Whether there are any.
    pub(crate) enabled: bool,
    /// For each language that can wait: how many, though nobody asks for it.
    pub(crate) min: u32,
    /// All together.
    pub(crate) max: u32,
    /// What all of them may hold, by what each was seen to hold; by default as much as [`POOL_MEMORY`] says.
    pub(crate) memory: Option<Quantity<ByteCount>>,
    /// Whether languages that can begin as copies of an interpreter that root started do.
    pub(crate) zygotes: bool,
}

/// What prepared sandboxes may hold unless somebody says otherwise: so many bytes, and no more than this part of the
/// host's memory.
const POOL_MEMORY: (u64, u64) = (300 << 20, 8);

impl Default for PoolSettings {
    fn default() -> Self {
        Self { enabled: true, min: 1, max: 8, memory: None, zygotes: false }
    }
}

impl PoolSettings {
    /// Sandboxes that may be prepared at one time.
    pub(crate) const fn most(&self) -> u32 {
        if self.enabled { self.max } else { 0 }
    }

    /// Bytes that they may hold, on a host with so much memory.
    pub(crate) fn bytes(&self, host: u64) -> u64 {
        self.memory.map_or_else(|| POOL_MEMORY.0.min(host / POOL_MEMORY.1), |memory| memory.0.bytes())
    }
}

/// What is kept of what was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CacheSettings {
    /// Whether anything is.
    pub(crate) enabled: bool,
    /// BuildCache.
    pub(crate) max: u32,
    /// What all of them may hold, with their sources.
    pub(crate) memory: Quantity<ByteCount>,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { enabled: false, max: 16, memory: Quantity(ByteCount::mib(128)) }
    }
}

/// Whether users are made known to systemd-userdbd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Userdb {
    /// Where the host runs systemd.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// The socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Socket {
    /// Where it is; by default `executord.sock` in the runtime directory.
    pub(crate) path: Option<PathBuf>,
    /// Whose members may connect; by default `executor`.
    pub(crate) group: Option<String>,
}

/// User ids, and group ids of the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UidRange {
    /// The first.
    pub(crate) first: u32,
    /// The last.
    pub(crate) last: u32,
}

/// What programs may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitSections {
    /// A run, unless its language or the request says otherwise.
    pub(crate) run: LimitSettings,
    /// A compilation, unless its language says otherwise.
    pub(crate) compile: LimitSettings,
    /// The most that a language or a request can ask for.
    pub(crate) maximum: LimitSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runtime_directory: "/run/executor".into(),
            languages: vec!["/usr/lib/executor/languages".into(), "/etc/executor/languages".into()],
            helper: "/usr/lib/executor/executor-sandbox".into(),
            toolchains: Vec::new(),
            webd_user: "executor-webd".to_owned(),
            slots: 0,
            queue: 64,
            cpus: 0,
            pool: PoolSettings::default(),
            cache: CacheSettings::default(),
            cgroup: "executor".to_owned(),
            grace: Quantity(Duration::from_millis(500)),
            drain: Quantity(Duration::from_secs(5)),
            userdb: Userdb::Auto,
            socket: Socket::default(),
            uids: UidRange::default(),
            limits: LimitSections::default(),
        }
    }
}

impl Default for UidRange {
    /// Below what systemd-nspawn takes (from 524288), above DynamicUser= (to 65519) and the first users'
    /// subordinate ids.
    fn default() -> Self {
        Self { first: 458_752, last: 524_287 }
    }
}

/// What is wrong with the configuration, in words for the administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {error}", path.display())]
    Parse { path: PathBuf, error: toml::de::Error },
    #[error("{}: {words}", path.display())]
    Senseless { path: PathBuf, words: String },
}

impl Config {
    /// Read `path`, or the default place, where nothing is as good as an empty file.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => String::new(),
            text => text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        };
        let config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Parse { path: path.to_owned(), error })?;
        match config.nonsense() {
            Some(words) => Err(ConfigError::Senseless { path: path.to_owned(), words }),
            None => Ok(config),
        }
    }

    fn nonsense(&self) -> Option<String> {
        let UidRange { first, last } = self.uids;
        let cgroup_is_a_name = !self.cgroup.is_empty()
            && self.cgroup.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
            && !self.cgroup.starts_with('.');
        let relative = |path: &PathBuf| !path.is_absolute();
        if first > last || first < 1000 || last >= 4_294_967_294 {
            Some(format!("uids: {first} to {last} is no range of ids above 1000"))
        } else if self.pool.max > MAX_KEPT || self.cache.max > MAX_KEPT {
            Some(format!("pool, cache: max is {MAX_KEPT} at most"))
        } else if u64::from(last - first) + 1 < self.most_users() {
            Some(format!("uids: {first} to {last} are fewer than can be in use at one time"))
        } else if !cgroup_is_a_name {
            Some("cgroup: letters, digits, '-', '_' and '.' only".to_owned())
        } else if self.runtime_directory.parent().is_none() || relative(&self.runtime_directory) {
            Some("runtime_directory: must be an absolute path, and not /".to_owned())
        } else if self.languages.iter().chain(&self.toolchains).chain([&self.helper]).any(relative) {
            Some("languages, toolchains, helper: must be absolute paths".to_owned())
        } else {
            None
        }
    }

    /// Executions at one time.
    pub(crate) fn slots(&self) -> u32 {
        if self.slots == 0 { cores() } else { self.slots }
    }

    /// Users at one time: an execution has one for its stage, one that is being cleared away too, and each prepared
    /// sandbox.
    fn most_users(&self) -> u64 {
        2 * u64::from(self.slots()) + u64::from(self.pool.most())
    }

    /// Thousandths of a core that one execution may use.
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

    /// The most of each limit.
    pub(crate) fn maxima(&self) -> Limits {
        self.limits.maximum.over(&Limits::MAXIMA)
    }

    /// What a run of a language with these settings may use by default.
    pub(crate) fn run_limits(&self, language: &LimitSettings) -> Limits {
        language.over(&self.limits.run.over(&Limits::RUN)).at_most(&self.maxima())
    }

    /// What a compilation of a language with these settings may use.
    pub(crate) fn compile_limits(&self, language: &LimitSettings) -> Limits {
        language.over(&self.limits.compile.over(&Limits::COMPILE)).at_most(&self.maxima())
    }
}

/// Bytes of memory of this host; proc_meminfo(5).
pub(crate) fn host_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    total.map_or(u64::MAX, |kib: u64| kib.saturating_mul(1024))
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError};

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
    fn a_mistake_is_named_with_its_line_and_what_is_allowed() {
        for (text, expected) in [
            ("slots = 2\nslot = 3", &["line 2", "unknown field `slot`", "`queue`"][..]),
            ("[limits.run]\nmemory = 5", &["line 2", "a quantity with its unit"]),
            ("[limits.run]\nmemory = \"5 apples\"", &["line 2", "not a byte count such as"]),
            ("[limits.run]\nmem = \"5MiB\"", &["unknown field `mem`", "`open_files`"]),
            ("uids = { first = 5, last = 9 }", &["above 1000"]),
            ("uids = { first = 70000, last = 70000 }\nslots = 2", &["fewer than can be in use"]),
            ("pool = { max = 1000 }", &["max is 256 at most"]),
            ("cgroup = \"a/b\"", &["cgroup:"]),
            ("helper = \"x\"", &["absolute"]),
        ] {
            let error = load(text).unwrap_err().to_string();
            for words in expected {
                assert!(error.contains(words), "{words:?} is not in {error:?}");
            }
        }
    }
}
