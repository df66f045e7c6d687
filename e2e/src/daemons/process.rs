//! A daemon as a process, and the commands that start executord and webd.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Attempts before a wait fails, and the pause between them.
pub(super) const ATTEMPTS: u32 = 3000;
pub(super) const PAUSE: Duration = Duration::from_millis(10);
/// Number of lines of the end of a log.
const LAST_LINES: usize = 60;
/// Unit of webd, whose environment the tests use.
const WEBD_UNIT: &str = include_str!("../../../systemd/webd.service");
/// User and group of webd.
pub(super) const WEBD_USER: &str = "nobody";
pub(super) const WEBD_GROUP: &str = "nogroup";

/// A daemon process, ended when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Daemon {
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

    pub(super) fn check_running(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                Err(io::Error::other(format!("{} ended with {status}:\n{}", self.name, self.log())))
            }
        }
    }

    /// Sends SIGTERM, and SIGKILL if it does not end in time. Returns whether SIGTERM was sufficient.
    pub(super) fn end(&mut self) -> bool {
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

pub(super) async fn wait_for_end(daemon: &mut Daemon) -> io::Result<ExitStatus> {
    for _ in 0..ATTEMPTS {
        if let Some(status) = daemon.child.try_wait()? {
            return Ok(status);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(io::Error::other(format!("{} does not end\n{}", daemon.name, daemon.log())))
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

/// Starts executord. With `host`, a shell runs the script and then executes executord with the same pid.
pub(super) fn start_executord(directory: &Path, host: Option<&str>, prefix: &[String]) -> io::Result<Daemon> {
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

pub(super) fn webd_command(directory: &Path, address: SocketAddr) -> Command {
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

pub(super) fn socket(directory: &Path) -> PathBuf {
    runtime_directory(directory).join("executord.sock")
}

pub(super) fn runtime_directory(directory: &Path) -> PathBuf {
    directory.join("run")
}
