//! Target of the attacks: daemons started for them, or running ones.

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

/// A variable in executord's environment that no program may see, and its value.
pub const SECRET: (&str, &str) = ("EXECUTORD_CANARY_SECRET", "CANARY-SECRET");

/// Both daemons and their properties.
#[derive(Debug)]
pub struct Target {
    /// Address of webd.
    pub address: SocketAddr,
    /// Socket of executord.
    pub socket: PathBuf,
    /// Uid range of executions.
    pub uids: RangeInclusive<u32>,
    /// Name of executord's cgroups.
    pub cgroup: String,
    /// Process ids of executord and webd.
    pub pids: [u32; 2],
    /// The daemons, if they were started for the attacks.
    pub daemons: Option<Daemons>,
}

impl Target {
    /// Starts daemons with default settings.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn start() -> io::Result<Self> {
        Self::start_with(&Settings::from_environment()).await
    }

    /// Starts daemons.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn start_with(settings: &Settings) -> io::Result<Self> {
        let daemons = Daemons::start(settings).await?;
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

    /// Returns running daemons by the address of webd (`host:port`) and the socket of executord.
    ///
    /// # Errors
    /// If one of them is not found.
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

    /// Verifies that both daemons run.
    ///
    /// # Errors
    /// A message that names the one that does not.
    pub fn is_alive(&self) -> Result<(), String> {
        for (pid, name) in self.pids.into_iter().zip(["executord", "webd"]) {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            if status.is_empty() || status.contains("State:\tZ") {
                return Err(format!("{name} is gone\n{}", self.logs()));
            }
        }
        Ok(())
    }

    /// Returns the number of pre-warmed sandboxes.
    ///
    /// # Errors
    /// A message, if executord does not respond.
    pub async fn waiting(&self) -> Result<usize, String> {
        let status = ask_status(&self.socket).await.map_err(|error| format!("ask executord: {error}"))?;
        Ok(status.warm.iter().map(|count| count.ready as usize).sum())
    }

    /// Returns the processes of programs, if there are more than those of `waiting` pre-warmed sandboxes.
    ///
    /// # Errors
    /// A message, if they cannot be counted.
    pub async fn programs(&self) -> Result<Vec<Process>, String> {
        let processes = inventory::processes(&self.uids).map_err(|error| format!("read /proc: {error}"))?;
        let users: BTreeSet<_> = processes.iter().map(|process| process.uid).collect();
        // A daemon that has ended has no pre-warmed sandboxes.
        let waiting = self.waiting().await.unwrap_or(0);
        Ok(if users.len() <= waiting { Vec::new() } else { processes })
    }

    /// Verifies that a small program works, and in time.
    ///
    /// # Errors
    /// A message with the response.
    pub async fn greet(&self, language: &str) -> Result<(), String> {
        self.greet_by(&greeting(language)).await
    }

    /// Verifies that a request prints `hello`, and in time.
    ///
    /// # Errors
    /// A message with the response.
    pub async fn greet_by(&self, greeting: &Value) -> Result<(), String> {
        // The slowest compiler, Crystal's, takes 8 s of CPU for it.
        const WITHIN: Duration = Duration::from_secs(30);
        let answer = tokio::time::timeout(WITHIN, raw_http::execute(self.address, greeting)).await;
        let answer = answer.map_err(|_| format!("the next run: no answer in {} s", WITHIN.as_secs()))?;
        let answer = answer.map_err(|error| format!("the next run: {error}"))?;
        let output = answer.json().and_then(|json| Some(json.get("output")?.as_str()?.to_owned()));
        if answer.status == 200 && output.as_deref().map(str::trim) == Some("hello") {
            return Ok(());
        }
        Err(format!("the next run: HTTP {} {:.200}", answer.status, String::from_utf8_lossy(&answer.body)))
    }

    /// Returns the logs of both daemons, if they were started for the attacks.
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
    Err(io::Error::other(format!("no process has the name {name}")))
}

/// Returns a request that prints `hello`.
#[must_use]
pub fn greeting(language: &str) -> Value {
    let code = match language {
        "javascript" | "typescript" => "console.log('hello')",
        "java" => "class Main { public static void main(String[] a) { System.out.println(\"hello\"); } }",
        "c" | "cpp" => "#include <stdio.h>\nint main(void) { puts(\"hello\"); }",
        "bash" => "echo hello",
        "go" => "package main\nimport \"fmt\"\nfunc main() { fmt.Println(\"hello\") }",
        "rust" => "fn main() { println!(\"hello\") }",
        "perl" => "print 'hello'",
        "php" => "<?php print('hello');",
        _ => "print('hello')",
    };
    json!({"language": language, "code": code})
}

/// Returns a program's status in the terms of the probes.
#[must_use]
pub fn status_of(http: u16, json: &Value) -> String {
    match http {
        200 => json.get("status").and_then(Value::as_str).unwrap_or("internal_error").to_owned(),
        400..=499 => "rejected".to_owned(),
        _ => "internal_error".to_owned(),
    }
}
