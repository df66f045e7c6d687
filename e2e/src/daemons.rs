//! The two daemons as processes: started as in production, but in a separate directory, and ended by pid.

use std::fs::{self, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::Uri;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Client, Event, Request, ServerStatus};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Answer, HttpError};

/// Time limit of an execution in these tests, including its time in the queue.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// Attempts before a wait fails, and the pause between them.
const ATTEMPTS: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(10);
/// Number of lines of the end of a log.
const LAST_LINES: usize = 60;
/// Unit of webd, whose environment the tests use.
const WEBD_UNIT: &str = include_str!("../../systemd/webd.service");
/// User and group of webd.
const WEBD_USER: &str = "nobody";
const WEBD_GROUP: &str = "nogroup";
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
    /// Additional lines of executord's configuration.
    pub more: String,
    /// Additional languages: name and text of each language file.
    pub languages: Vec<(&'static str, String)>,
    /// Shipped language files that the daemon has besides [`BASE_LANGUAGES`].
    pub more_languages: Vec<String>,
    /// Launcher directories of some of them.
    pub launchers: Vec<(&'static str, PathBuf)>,
    /// Content of `webd.toml`.
    pub webd: String,
    /// Files that webd's user can read, next to `webd.toml`, which is also webd's working directory: names and
    /// contents.
    pub files: Vec<(&'static str, String)>,
    /// Shell script that runs in a separate mount namespace before executord, to simulate another host. `$DIRECTORY` is
    /// [`Daemons::directory`].
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
    fn has_zygotes(&self) -> bool {
        self.zygotes.unwrap_or(self.pool)
    }
}

/// executord and webd, until dropped.
#[derive(Debug)]
pub struct Daemons {
    webd: Daemon,
    executord: Daemon,
    /// Uid range of executions.
    pub uids: RangeInclusive<u32>,
    /// Ids of zygotes; empty if there are none.
    pub zygote_ids: RangeInclusive<u32>,
    /// Name of executord's cgroups.
    pub cgroup: String,
    address: SocketAddr,
    host: Option<String>,
    prefix: Vec<String>,
    /// Whether executord pre-warms sandboxes.
    pool: bool,
    directory: TempDir,
}

impl Daemons {
    /// Starts both and waits until both respond.
    ///
    /// # Errors
    /// A message with the logs, if a binary is missing or a daemon does not start.
    pub async fn start(settings: &Settings) -> io::Result<Self> {
        if !nix::unistd::getuid().is_root() {
            return Err(io::Error::other("executord needs root, and so do its tests"));
        }
        // webd runs as nobody and must reach the socket, but must not list the directory.
        let directory = tempfile::Builder::new()
            .prefix("executor-e2e-")
            .permissions(Permissions::from_mode(0o711))
            .tempdir()?;
        let uids = test_uids(settings.uids);
        let cgroup = format!("executor-e2e-{}", uids.start());
        let languages = directory.path().join("languages");
        install_languages(&languages, &settings.more_languages)?;
        for (name, text) in &settings.languages {
            fs::write(languages.join(name).with_extension("toml"), text)?;
        }
        for (name, directory) in &settings.launchers {
            symlink(directory, languages.join(name))?;
        }
        let configuration = configuration(directory.path(), settings, &uids, &cgroup)?;
        fs::write(directory.path().join("executord.toml"), configuration)?;
        fs::write(directory.path().join("webd.toml"), &settings.webd)?;
        for (name, content) in &settings.files {
            fs::write(directory.path().join(name), content)?;
        }
        // nobody may have no access to the build directory, but has access to this copy.
        fs::copy(binary("webd")?, directory.path().join("webd"))?;

        let (host, prefix) = (settings.host.clone(), settings.prefix.clone());
        let executord = start_executord(directory.path(), host.as_deref(), &prefix)?;
        let address = settings.address.map_or_else(free_address, Ok)?;
        let webd = prefixed(&prefix, webd_command(directory.path(), address));
        let webd = Daemon::start("webd", directory.path(), webd)?;
        let (uids, zygote_ids) = split(&uids, settings.has_zygotes());
        let pool = settings.pool;
        let mut daemons =
            Self { webd, executord, uids, zygote_ids, cgroup, address, host, prefix, pool, directory };
        daemons.wait_for_executord().await?;
        daemons.wait_for_webd().await?;
        Ok(daemons)
    }

    /// Returns the address of webd.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a URL of webd.
    ///
    /// # Panics
    /// If `path` is not a valid path.
    #[must_use]
    pub fn url(&self, path: &str) -> Uri {
        format!("http://{}{path}", self.address).parse().expect("a path")
    }

    /// Returns the ids of executions and of zygotes.
    #[must_use]
    pub fn ids(&self) -> RangeInclusive<u32> {
        *self.uids.start()..=*self.zygote_ids.end()
    }

    /// Returns the socket of executord.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(self.directory.path())
    }

    /// Returns executord's runtime directory.
    #[must_use]
    pub fn runtime_directory(&self) -> PathBuf {
        runtime_directory(self.directory.path())
    }

    /// Returns executord's configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.path().join("executord.toml")
    }

    /// Returns the directory of the language files.
    #[must_use]
    pub fn languages(&self) -> PathBuf {
        self.directory.path().join("languages")
    }

    /// Returns the test's directory, which every user can enter and only root can write to.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sends `POST /api/execute` once.
    ///
    /// # Errors
    /// [`HttpError`] if no JSON is received.
    pub async fn post(&self, body: &Value) -> Result<Answer, HttpError> {
        http::post(&self.url("/api/execute"), body, DEADLINE).await
    }

    /// Sends `POST /api/execute` and returns the body of the response.
    ///
    /// # Panics
    /// If the status is not 200.
    pub async fn execute(&self, body: &Value) -> Value {
        let answer = self.post(body).await.unwrap_or_else(|error| self.fail(&error.to_string()));
        assert_eq!(answer.status, 200, "{body} got {}\n{}", answer.json, self.logs());
        answer.json
    }

    /// Returns the status of executord.
    ///
    /// # Panics
    /// If executord does not respond.
    pub async fn status(&self) -> ServerStatus {
        match ask_status(&self.socket()).await {
            Ok(status) => status,
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Returns the status of executord, if it responds.
    ///
    /// # Errors
    /// If it does not respond, or does not end.
    pub async fn try_status(&self) -> Result<ServerStatus, protocol::ClientError> {
        ask_status(&self.socket()).await
    }

    /// Returns executord's pid.
    #[must_use]
    pub fn executord_pid(&self) -> u32 {
        self.executord.child.id()
    }

    /// Returns webd's pid.
    #[must_use]
    pub fn webd_pid(&self) -> u32 {
        self.webd.child.id()
    }

    /// Kills executord with SIGKILL, as in a crash, and reaps it.
    ///
    /// # Errors
    /// If it cannot be killed or reaped.
    pub fn kill_executord(&mut self) -> io::Result<ExitStatus> {
        self.executord.kill()
    }

    /// Kills webd with SIGKILL, as in a crash, and reaps it.
    ///
    /// # Errors
    /// If it cannot be killed or reaped.
    pub fn kill_webd(&mut self) -> io::Result<ExitStatus> {
        self.webd.kill()
    }

    /// Sends webd SIGTERM.
    ///
    /// # Panics
    /// If it has ended.
    pub fn stop_webd(&self) {
        kill(Pid::from_raw(self.webd_pid().cast_signed()), Signal::SIGTERM).expect("webd runs");
    }

    /// Waits until webd has ended, and returns its exit status.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn wait_for_end_of_webd(&mut self) -> io::Result<ExitStatus> {
        wait_for_end(&mut self.webd).await
    }

    /// Starts webd again at the same address, and waits until it responds.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn restart_webd(&mut self) -> io::Result<()> {
        let directory = self.directory.path();
        let command = prefixed(&self.prefix, webd_command(directory, self.address));
        self.webd = Daemon::start("webd", directory, command)?;
        self.wait_for_webd().await
    }

    /// Starts executord again in the same directory, without waiting for it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn_executord(&mut self) -> io::Result<()> {
        self.executord = start_executord(self.directory.path(), self.host.as_deref(), &self.prefix)?;
        Ok(())
    }

    /// Sends executord a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal_executord(&self, signal: Signal) {
        kill(Pid::from_raw(self.executord_pid().cast_signed()), signal).expect("executord runs");
    }

    /// Waits until executord has ended, and returns its exit status.
    ///
    /// # Errors
    /// If it does not respond, or does not end.
    pub async fn wait_for_end(&mut self) -> io::Result<ExitStatus> {
        wait_for_end(&mut self.executord).await
    }

    /// Starts executord again in the same directory, and waits until it responds.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn restart_executord(&mut self) -> io::Result<()> {
        self.executord = start_executord(self.directory.path(), self.host.as_deref(), &self.prefix)?;
        self.wait_for_executord().await
    }

    /// Returns everything that both have written to stderr.
    #[must_use]
    pub fn logs(&self) -> String {
        format!("--- executord:\n{}\n--- webd:\n{}", self.executord.log(), self.webd.log())
    }

    /// Returns the last lines that both have written to stderr.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let (executord, webd) = (self.executord.log(), self.webd.log());
        format!("--- executord:\n{}\n--- webd:\n{}", last_lines(&executord), last_lines(&webd))
    }

    async fn wait_for_executord(&mut self) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if self.is_ready().await.is_ok() {
                return Ok(());
            }
            self.executord.check_running()?;
            tokio::time::sleep(PAUSE).await;
        }
        Err(io::Error::other(format!("executord does not respond\n{}", self.logs())))
    }

    async fn is_ready(&self) -> Result<(), protocol::ClientError> {
        let mut client = Client::connect(&self.socket()).await?;
        // A daemon that pre-warms sandboxes asks all toolchains for their versions, which would take slots from the test.
        client.send(if self.pool { Request::Languages } else { Request::Status }).await?;
        client.event().await.map(drop)
    }

    async fn wait_for_webd(&mut self) -> io::Result<()> {
        let url = self.url("/readyz");
        for _ in 0..ATTEMPTS {
            if http::get_text(&url, DEADLINE).await.is_ok_and(|text| text == "ok") {
                return Ok(());
            }
            self.webd.check_running()?;
            tokio::time::sleep(PAUSE).await;
        }
        Err(io::Error::other(format!("webd does not respond\n{}", self.logs())))
    }

    #[expect(clippy::panic, reason = "fails a test with a message")]
    fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}", self.logs())
    }
}

impl Drop for Daemons {
    /// A killed executord leaves its top cgroups for its next start, and a test has none. Cgroups that are not empty
    /// remain, and [`crate::inventory::cgroups`] finds them.
    fn drop(&mut self) {
        self.webd.end();
        self.executord.end();
        for group in crate::inventory::cgroups(&self.cgroup) {
            let _ = fs::remove_dir(group);
        }
    }
}

/// Waits until `done` returns true. Returns `false` if it never does.
pub async fn eventually<F: Future<Output = bool>>(done: impl Fn() -> F) -> bool {
    for _ in 0..ATTEMPTS {
        if done().await {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    done().await
}

/// Returns the path of a binary: in `$EXECUTOR_BIN_DIR`, or in cargo's directory of this test.
///
/// # Errors
/// If it is missing.
pub fn binary(name: &str) -> io::Result<PathBuf> {
    let directory = match std::env::var_os("EXECUTOR_BIN_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => {
            let me = std::env::current_exe()?;
            let built = me.ancestors().find(|path| path.join(name).is_file());
            built
                .ok_or_else(|| io::Error::other(format!("{name} is not built: cargo build --workspace")))?
                .to_owned()
        }
    };
    let path = directory.join(name);
    path.metadata().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// Returns the end of a log.
pub(crate) fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

/// A daemon process, ended when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    #[cfg(feature = "daemons")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process, as in a crash.
    pub(crate) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Waits for the end of a process that was sent SIGTERM.
    #[cfg(feature = "daemons")]
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        for _ in 0..ATTEMPTS {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(PAUSE);
        }
        Err(io::Error::other(format!("{} does not end:\n{}", self.name, self.log())))
    }

    pub(crate) fn start(name: &'static str, directory: &Path, mut command: Command) -> io::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("start {name}: {error}")))?;
        Ok(Self { name, child, log })
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn check_running(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                Err(io::Error::other(format!("{} ended with {status}:\n{}", self.name, self.log())))
            }
        }
    }

    /// Sends SIGTERM, and SIGKILL if it does not end in time. Returns whether SIGTERM was sufficient.
    fn end(&mut self) -> bool {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return true;
        }
        let pid = Pid::from_raw(self.child.id().cast_signed());
        // If it has just ended, the wait below notices.
        let _ = kill(pid, Signal::SIGTERM);
        for _ in 0..ATTEMPTS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.end() {
            eprintln!("{} did not end on SIGTERM:\n{}", self.name, self.log());
        } else if std::thread::panicking() {
            eprintln!("--- log of {}:\n{}", self.name, self.log());
        }
    }
}

async fn wait_for_end(daemon: &mut Daemon) -> io::Result<ExitStatus> {
    for _ in 0..ATTEMPTS {
        if let Some(status) = daemon.child.try_wait()? {
            return Ok(status);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(io::Error::other(format!("{} does not end\n{}", daemon.name, daemon.log())))
}

/// Returns the ids of programs, and those of zygotes: the last quarter.
fn split(uids: &RangeInclusive<u32>, has_zygotes: bool) -> (RangeInclusive<u32>, RangeInclusive<u32>) {
    let (&first, &last) = (uids.start(), uids.end());
    let zygotes = if has_zygotes { ((last - first) / 4).max(1) + 1 } else { 0 };
    (first..=last - zygotes, last + 1 - zygotes..=last)
}

fn configuration(
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
         pool = {{ enabled = {pool}, zygotes = {zygotes}{pool_max} }}\n\
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

/// Languages whose launchers are built. Go's is only copied: the standard library that its build compiles takes
/// minutes, and Debian's Go has a compiled one.
const LAUNCHERS: [&str; 4] = ["java", "javascript", "python", "typescript"];

/// Languages of all daemons under test. A daemon asks every toolchain for its version before it is ready, so those of
/// all languages would take a test seconds.
pub const BASE_LANGUAGES: [&str; 16] = [
    "bash",
    "c",
    "c-clang",
    "cpp",
    "cpp-clang",
    "go",
    "java",
    "javascript",
    "lua",
    "multi_file",
    "perl",
    "php",
    "python",
    "ruby",
    "rust",
    "typescript",
];

/// Installs the language files and launchers as the package does.
fn install_languages(to: &Path, more: &[String]) -> io::Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages");
    fs::create_dir(to)?;
    for name in BASE_LANGUAGES.into_iter().chain(more.iter().map(String::as_str)) {
        let file = format!("{name}.toml");
        fs::copy(from.join(&file), to.join(&file))?;
    }
    fs::create_dir(to.join("go"))?;
    fs::copy(from.join("go/compile"), to.join("go/compile"))?;
    let built = built_launchers(&from)?;
    succeed(Command::new("cp").arg("-a").arg(built.join(".")).arg(to))?;
    symlink(precompiled_headers(None)?, to.join("cpp"))
}

/// Returns the launcher of C++. It has 0.6 GB and is built only if it is out of date. `option` is the option
/// of `cpp/record`; `None` for that of the environment.
///
/// # Errors
/// If it cannot be built.
pub fn precompiled_headers(option: Option<&str>) -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let from = root.join("executord/languages");
    let cached = root.join("target").join(format!("e2e-cpp{}", option.unwrap_or_default()));
    fs::create_dir_all(&cached)?;
    let cached = cached.canonicalize()?;
    // No other test builds it until this lock is dropped.
    let lock = File::create(cached.join("lock"))?;
    lock.lock()?;
    succeed(Command::new("install").arg("-Cm644").arg(from.join("cpp.toml")).arg(&cached))?;
    let mut build = Command::new("sh");
    build.arg(from.join("cpp/build.sh")).arg(&cached);
    if let Some(option) = option {
        build.env("EXECUTOR_CPP_RECORD", option);
    }
    succeed(&mut build)?;
    Ok(cached.join("cpp"))
}

/// Returns the directory of a language's launcher, as it is installed.
///
/// # Errors
/// If it cannot be built.
pub fn launcher(language: &str) -> io::Result<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages");
    built_launchers(&from)?.join(language).canonicalize()
}

/// Returns the launchers, built once from the current sources, which takes seconds.
fn built_launchers(from: &Path) -> io::Result<PathBuf> {
    let mut sources = Vec::new();
    for language in LAUNCHERS {
        for file in fs::read_dir(from.join(language))? {
            let file = file?;
            sources.push((file.path(), file.metadata()?.modified()?));
        }
    }
    let zygote = binary("libexecutor_zygote.so")?;
    sources.push((zygote.clone(), zygote.metadata()?.modified()?));
    sources.sort();
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/e2e-launchers");
    let built = all.join(format!("{:016x}", hasher.finish()));
    if !built.is_dir() {
        fs::create_dir_all(&all)?;
        // Built under a temporary name, because another test may build the same.
        let building =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in(&all)?;
        for language in LAUNCHERS {
            let mut build = Command::new("sh");
            build.arg(from.join(language).join("build.sh")).arg(building.path());
            succeed(build.env("EXECUTOR_ZYGOTE", &zygote))?;
        }
        match fs::rename(building.path(), &built) {
            Err(error) if !built.is_dir() => return Err(error),
            _ => {}
        }
    }
    Ok(built)
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {message}")))
}

/// Starts executord. With `host`, a shell runs the script and then executes executord with the same pid.
fn start_executord(directory: &Path, host: Option<&str>, prefix: &[String]) -> io::Result<Daemon> {
    let executord = binary("executord")?;
    let mut command = match host {
        None => Command::new(executord),
        Some(host) => {
            let mut command = Command::new("unshare");
            let script = format!("set -e\n{host}\nexec \"$0\" \"$@\"");
            command.args(["--mount", "sh", "-c", &script]).arg(executord).env("DIRECTORY", directory);
            command
        }
    };
    command.arg("--config").arg(directory.join("executord.toml"));
    Daemon::start("executord", directory, prefixed(prefix, command))
}

/// Returns a command that another command starts, in the same process.
pub(crate) fn prefixed(prefix: &[String], command: Command) -> Command {
    let [first, more @ ..] = prefix else { return command };
    let mut prefixed = Command::new(first);
    prefixed.args(more).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => prefixed.env(name, value),
            None => prefixed.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        prefixed.current_dir(directory);
    }
    prefixed
}

/// Returns the command for a program without root, capabilities, groups, or a way to gain them.
pub(crate) fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={WEBD_USER}"))
        .arg(format!("--regid={WEBD_GROUP}"))
        .args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"])
        .arg(program);
    command
}

fn webd_command(directory: &Path, address: SocketAddr) -> Command {
    let mut command = unprivileged(&directory.join("webd"));
    let environment = WEBD_UNIT.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    command
        .envs(environment)
        .current_dir(directory)
        .arg("--config")
        .arg(directory.join("webd.toml"))
        .arg("--listen")
        .arg(address.to_string())
        .arg("--socket")
        .arg(socket(directory));
    command
}

fn socket(directory: &Path) -> PathBuf {
    runtime_directory(directory).join("executord.sock")
}

fn runtime_directory(directory: &Path) -> PathBuf {
    directory.join("run")
}

/// Returns the status of the executord behind a socket.
///
/// # Errors
/// If executord does not respond.
pub async fn ask_status(socket: &Path) -> Result<ServerStatus, protocol::ClientError> {
    let mut client = Client::connect(socket).await?;
    client.send(Request::Status).await?;
    match client.event().await? {
        Event::Status(status) => Ok(*status),
        _ => Err(protocol::ClientError::Unexpected),
    }
}

/// Returns a uid range that no concurrent test uses: it depends on the process id and on the number of the test.
fn test_uids(count: u32) -> RangeInclusive<u32> {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let test = TESTS.fetch_add(1, Ordering::Relaxed) % 64;
    let first = FIRST_UID + (std::process::id() % 0x8000 * 64 + test) * UIDS_PER_TEST;
    first..=first + count.clamp(1, UIDS_PER_TEST) - 1
}

/// Returns a free address. If another process binds it before webd, webd reports an error.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
