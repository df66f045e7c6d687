//! What is attacked: two daemons of our own, or some that run already.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::raw_http;
use crate::daemons::{Daemons, Settings, ask_status};
use crate::inventory::{self, Process};

/// The variable in executord's environment that no program may ever see, and its value.
pub const SECRET: (&str, &str) = ("EXECUTORD_CANARY_SECRET", "CANARY-SECRET");

/// Both daemons, and what is known of them.
#[derive(Debug)]
pub struct Target {
    /// Where webd listens.
    pub address: SocketAddr,
    /// Where executord listens.
    pub socket: PathBuf,
    /// Users of executions.
    pub uids: RangeInclusive<u32>,
    /// What executord's control groups are called.
    pub cgroup: String,
    /// Process ids of executord and webd.
    pub pids: [u32; 2],
    /// Ours, if they are.
    pub daemons: Option<Daemons>,
}

impl Target {
    /// Start daemons with the usual settings.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn start() -> io::Result<Self> {
        let daemons = Daemons::start(&Settings::from_environment()).await?;
        let authority = daemons.url("/").authority().map(ToString::to_string).unwrap_or_default();
        Ok(Self {
            address: authority.parse().map_err(io::Error::other)?,
            socket: daemons.socket(),
            uids: daemons.uids.clone(),
            cgroup: daemons.cgroup.clone(),
            pids: [daemons.executord_pid(), daemons.webd_pid()],
            daemons: Some(daemons),
        })
    }

    /// Daemons that run already: where webd listens (`host:port`) and where executord does.
    ///
    /// # Errors
    /// If one of them is not to be found.
    pub fn running(
        authority: &str,
        socket: &Path,
        uids: RangeInclusive<u32>,
        cgroup: &str,
    ) -> io::Result<Self> {
        let address = authority.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let pids = [process_called("executord")?, process_called("webd")?];
        Ok(Self { address, socket: socket.to_owned(), uids, cgroup: cgroup.to_owned(), pids, daemons: None })
    }

    /// Whether both daemons live.
    ///
    /// # Errors
    /// In words, which one does not.
    pub fn is_alive(&self) -> Result<(), String> {
        for (pid, name) in self.pids.into_iter().zip(["executord", "webd"]) {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            if status.is_empty() || status.contains("State:\tZ") {
                return Err(format!("{name} is gone\n{}", self.logs()));
            }
        }
        Ok(())
    }

    /// How many sandboxes are prepared and wait.
    ///
    /// # Errors
    /// In words, if executord does not say.
    pub async fn waiting(&self) -> Result<usize, String> {
        let status = ask_status(&self.socket).await.map_err(|error| format!("ask executord: {error}"))?;
        Ok(status.warm.iter().map(|count| count.ready as usize).sum())
    }

    /// The processes of programs, if there are more than wait for one.
    ///
    /// # Errors
    /// In words, if nobody can tell.
    pub async fn programs(&self) -> Result<Vec<Process>, String> {
        let processes = inventory::processes(&self.uids).map_err(|error| format!("read /proc: {error}"))?;
        let users: BTreeSet<_> = processes.iter().map(|process| process.uid).collect();
        // Behind a daemon that has ended nothing waits.
        let waiting = self.waiting().await.unwrap_or(0);
        Ok(if users.len() <= waiting { Vec::new() } else { processes })
    }

    /// A small program in a language must work, and in time.
    ///
    /// # Errors
    /// In words, what came instead.
    pub async fn greet(&self, language: &str) -> Result<(), String> {
        const WITHIN: Duration = Duration::from_secs(10);
        let body = json!({"language": language, "code": greeting(language)});
        let answer = tokio::time::timeout(WITHIN, raw_http::execute(self.address, &body)).await;
        let answer = answer.map_err(|_| "the next run: no answer in 10 s")?;
        let answer = answer.map_err(|error| format!("the next run: {error}"))?;
        let output = answer.json().and_then(|json| Some(json.get("output")?.as_str()?.to_owned()));
        if answer.status == 200 && output.as_deref().map(str::trim) == Some("hello") {
            return Ok(());
        }
        Err(format!("the next run: HTTP {} {:.200}", answer.status, String::from_utf8_lossy(&answer.body)))
    }

    /// What both daemons logged, if they are ours.
    #[must_use]
    pub fn logs(&self) -> String {
        self.daemons.as_ref().map(Daemons::logs).unwrap_or_default()
    }
}

fn process_called(name: &str) -> io::Result<u32> {
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|pid| pid.parse().ok()) else { continue };
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if comm.trim() == name {
            return Ok(pid);
        }
    }
    Err(io::Error::other(format!("no process is called {name}")))
}

fn greeting(language: &str) -> &'static str {
    match language {
        "javascript" => "console.log('hello')",
        "java" => "class Main { public static void main(String[] a) { System.out.println(\"hello\"); } }",
        "c" | "cpp" => "#include <stdio.h>\nint main(void) { puts(\"hello\"); }",
        "bash" => "echo hello",
        _ => "print('hello')",
    }
}

/// Programs' statuses in the probes' words.
#[must_use]
pub fn status_of(http: u16, json: &Value) -> String {
    match http {
        200 => json.get("status").and_then(Value::as_str).unwrap_or("internal_error").to_owned(),
        400..=499 => "rejected".to_owned(),
        _ => "internal_error".to_owned(),
    }
}
