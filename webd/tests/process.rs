//! The program itself: what it refuses to start with, and how it ends.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

#[allow(clippy::disallowed_methods, reason = "a test starts the program that it tests")]
fn webd(privileged: bool, args: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_webd");
    let mut command = if privileged || !nix::unistd::geteuid().is_root() {
        Command::new(program)
    } else {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
        setpriv.args(["--bounding-set=-all", "--no-new-privs", program]);
        setpriv
    };
    command.args(args).stdin(Stdio::null());
    command
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn root_is_refused_in_words() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let output = webd(true, &["--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("webd must not run as root"), "{}", words(&output));
}

#[test]
fn a_configuration_is_checked_without_being_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("webd.toml");
    for (text, code, said) in [
        ("listen = '127.0.0.1:1'\n", 0, ""),
        ("\nlisten_on = 1\n", 1, "line 2"),
        ("max_connections = 0", 1, "line 1"),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = webd(true, &["--check-config", "--config", path.to_str().unwrap()]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        assert!(words(&output).contains(said), "{}", words(&output));
    }
    let output = webd(true, &["--check-config", "--config", "/nonexistent"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("read /nonexistent"));
}

/// A running webd, and what it says.
struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Running {
    fn start() -> Self {
        let mut command = webd(false, &["--listen", "127.0.0.1:0", "--socket", "/nonexistent"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("listening") {
            said.clear();
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "it ended");
        }
        let address = said.split("127.0.0.1:").nth(1).unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        Self { child, log, address: format!("127.0.0.1:{port}") }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut came = String::new();
        stream.read_to_string(&mut came).unwrap();
        came
    }

    fn stop(mut self) -> String {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        log
    }
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let running = Running::start();
    assert!(running.get("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(running.get("/readyz").starts_with("HTTP/1.1 503 "));
    assert!(running.stop().contains("stopping"));
}

#[test]
fn no_line_of_a_client_gets_into_the_log() {
    let running = Running::start();
    running.get("/api/execute%0d%0aFAKE%20log%20line%1b[31m");
    running.get("/\u{9b}31mFAKE\u{85}x");
    let log = running.stop();
    assert!(log.contains("/api/execute%0d%0aFAKE"));
    assert!(log.lines().all(|line| !line.trim_start().starts_with("FAKE")));
    let plain: String = log.chars().filter(|&char| char != '\n').collect();
    assert!(!plain.contains('\r') && !plain.contains("\u{1b}[31mFAKE") && !plain.contains('\u{9b}'));
}
