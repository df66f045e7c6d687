//! The two daemons as processes: started as in production, but in a separate directory, and ended by pid.

mod languages;
mod process;
mod settings;

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use hyper::Uri;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Client, Event, Request, ServerStatus};
use serde_json::Value;
use tempfile::TempDir;

pub use self::languages::{BASE_LANGUAGES, launcher, precompiled_headers};
pub use self::process::binary;
#[cfg(feature = "daemons")]
pub(crate) use self::process::unprivileged;
pub(crate) use self::process::{Daemon, last_lines, prefixed};
pub use self::settings::Settings;

use self::languages::install_languages;
use self::process::{
    ATTEMPTS, PAUSE, runtime_directory, socket, start_executord, wait_for_end, webd_command,
};
use self::settings::{configuration, split, test_uids};
use crate::http::{self, Answer, HttpError};
use crate::ports::free_address;

/// Time limit of an execution in these tests, including its time in the queue.
pub const DEADLINE: Duration = Duration::from_secs(120);

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
        self.executord.pid()
    }

    /// Returns webd's pid.
    #[must_use]
    pub fn webd_pid(&self) -> u32 {
        self.webd.pid()
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
