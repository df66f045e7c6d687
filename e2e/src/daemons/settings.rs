//! Settings of a test, and the configuration of executord that they become.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::{WEBD_GROUP, WEBD_USER, binary, runtime_directory, socket};

/// Maximum number of uids per test, and the first uid. Far from those of a real installation.
const UIDS_PER_TEST: u32 = 256;
const FIRST_UID: u32 = 0x6000_0000;

/// Settings of a test.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Maximum number of executions that use the CPU concurrently.
    pub slots: u32,
    /// Maximum number of concurrent executions; 0 for executord's default. `None` for `slots`: an idle program then
    /// makes room for no other, so that a test can occupy a slot.
    pub max_executions: Option<u32>,
    /// Maximum number of queued executions.
    pub queue: u32,
    /// Number of uids.
    pub uids: u32,
    /// Whether users are announced to systemd: `on` or `off`.
    pub userdb: &'static str,
    /// Whether there are pre-warmed sandboxes.
    pub pool: bool,
    /// Whether zygotes are used; `None` for executord's default, which is wherever there are pre-warmed sandboxes.
    pub zygotes: Option<bool>,
    /// Maximum number of pre-warmed sandboxes; `None` for the default.
    pub pool_max: Option<u32>,
    /// Whether there are pre-warmed sandboxes of all languages from the start. By default executord has those of Java only after
    /// its first request.
    pub prewarms_all: bool,
    /// Additional lines of executord's configuration.
    pub more: String,
    /// Additional languages: name and text of each language file.
    pub languages: Vec<(&'static str, String)>,
    /// Shipped language files that the daemon has besides [`super::BASE_LANGUAGES`].
    pub more_languages: Vec<String>,
    /// Launcher directories of some of them.
    pub launchers: Vec<(&'static str, PathBuf)>,
    /// Content of `webd.toml`.
    pub webd: String,
    /// Files that webd's user can read, next to `webd.toml`, which is also webd's working directory: names and
    /// contents.
    pub files: Vec<(&'static str, String)>,
    /// Shell script that runs in a separate mount namespace before executord, to simulate another host. `$DIRECTORY` is
    /// [`super::Daemons::directory`].
    pub host: Option<String>,
    /// Command that starts each daemon in place of the shell, such as `nsenter` or `taskset` with its options.
    pub prefix: Vec<String>,
    /// Address of webd; `None` for a free port of loopback.
    pub address: Option<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slots: 4,
            max_executions: None,
            queue: 64,
            uids: UIDS_PER_TEST,
            userdb: "off",
            pool: false,
            zygotes: None,
            pool_max: None,
            prewarms_all: true,
            more: String::new(),
            languages: Vec::new(),
            more_languages: Vec::new(),
            launchers: Vec::new(),
            webd: String::new(),
            files: Vec::new(),
            host: None,
            prefix: Vec::new(),
            address: None,
        }
    }
}

impl Settings {
    /// Settings for tests that must pass with every kind of sandbox: the environment variable `EXECUTOR_POOL` is `on`
    /// for pre-warmed sandboxes none of which is forked, `zygotes` for executord's defaults, or anything else for cold
    /// ones.
    #[must_use]
    pub fn from_environment() -> Self {
        match std::env::var("EXECUTOR_POOL").as_deref() {
            Ok("on") => Self { pool: true, zygotes: Some(false), ..Self::default() },
            Ok("zygotes") => Self { pool: true, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// Returns whether there are zygotes.
    pub(super) fn has_zygotes(&self) -> bool {
        self.zygotes.unwrap_or(self.pool)
    }
}

/// Returns the ids of programs, and those of zygotes: the last quarter.
pub(super) fn split(
    uids: &RangeInclusive<u32>,
    has_zygotes: bool,
) -> (RangeInclusive<u32>, RangeInclusive<u32>) {
    let (&first, &last) = (uids.start(), uids.end());
    let zygotes = if has_zygotes { ((last - first) / 4).max(1) + 1 } else { 0 };
    (first..=last - zygotes, last + 1 - zygotes..=last)
}

pub(super) fn configuration(
    directory: &Path,
    settings: &Settings,
    uids: &RangeInclusive<u32>,
    cgroup: &str,
) -> io::Result<String> {
    let languages = directory.join("languages");
    let Settings { slots, max_executions, queue, userdb, pool, pool_max, more, .. } = settings;
    let zygotes = settings.has_zygotes();
    let max_executions = max_executions.unwrap_or(*slots);
    let pool_max = pool_max.map_or(String::new(), |max| format!(", max = {max}"));
    let at_rest = if settings.prewarms_all { ", memory_at_rest = \"300MiB\"" } else { "" };
    let packages = directory.join("packages");
    Ok(format!(
        "runtime_directory = {runtime:?}\n\
         languages = [{languages:?}]\n\
         packages = {packages:?}\n\
         helper = {helper:?}\n\
         webd_user = {WEBD_USER:?}\n\
         cgroup = {cgroup:?}\n\
         userdb = {userdb:?}\n\
         slots = {slots}\n\
         max_executions = {max_executions}\n\
         queue = {queue}\n\
         pool = {{ enabled = {pool}, zygotes = {zygotes}{pool_max}{at_rest} }}\n\
         uids = {{ first = {first}, last = {last} }}\n\
         socket = {{ path = {socket:?}, group = {WEBD_GROUP:?} }}\n\
         {more}\n",
        helper = binary("executor-sandbox")?,
        runtime = runtime_directory(directory),
        socket = socket(directory),
        first = uids.start(),
        last = uids.end(),
    ))
}

/// Returns a uid range that no concurrent test uses: it depends on the process id and on the number of the test.
pub(super) fn test_uids(count: u32) -> RangeInclusive<u32> {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let test = TESTS.fetch_add(1, Ordering::Relaxed) % 64;
    let first = FIRST_UID + (std::process::id() % 0x8000 * 64 + test) * UIDS_PER_TEST;
    first..=first + count.clamp(1, UIDS_PER_TEST) - 1
}
