//! The program itself: what it refuses to start with, what it tells systemd, and how it ends.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test starts the program that it tests")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

const WEBD: &str = env!("CARGO_BIN_EXE_webd");
/// How root starts a program without privilege.
const SETPRIV: [&str; 7] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
];

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).env_remove("EXECUTOR_LOG");
    command
}

/// webd as it should be started, by way of `launcher`.
fn unprivileged(launcher: &[&str]) -> Command {
    let setpriv: &[&str] = if geteuid().is_root() { &SETPRIV } else { &[] };
    command(&[launcher, setpriv, &[WEBD, "--listen", "127.0.0.1:0", "--socket", "/nonexistent"]].concat())
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn root_and_capabilities_are_refused_in_words() {
    if !geteuid().is_root() {
        return;
    }
    let ambient = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+kill", "--ambient-caps=+kill"];
    let inheritable = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+kill"];
    for (launcher, said) in [
        (&[][..], "webd must not run as root"),
        (&ambient, "webd must hold no capability, but its permitted set has CAP_KILL"),
        (&inheritable, "webd must hold no capability, but its inheritable set has CAP_KILL"),
    ] {
        let output = command(&[launcher, &[WEBD, "--listen", "127.0.0.1:0"]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(said), "{}", words(&output));
    }
}

#[test]
fn a_configuration_is_checked_without_being_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("webd.toml");
    let path = path.to_str().unwrap();
    for (text, code, said) in [
        ("listen = '127.0.0.1:1'\n", 0, ""),
        ("\nlisten_on = 1\n", 1, "line 2"),
        ("max_connections = 0", 1, "line 1"),
    ] {
        std::fs::write(path, text).unwrap();
        let output = command(&[WEBD, "--check-config", "--config", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        assert!(words(&output).contains(said), "{}", words(&output));
    }
    let output = command(&[WEBD, "--check-config", "--config", "/nonexistent"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("read /nonexistent"));
}

/// A running webd, and what it says.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
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
        ask(&mut stream, path)
    }

    fn stop(mut self) -> String {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        log
    }
}

fn ask(stream: &mut TcpStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut came = String::new();
    stream.read_to_string(&mut came).unwrap();
    came
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let running = Running::start(&mut unprivileged(&[]));
    assert!(running.get("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(running.get("/readyz").starts_with("HTTP/1.1 503 "));
    assert!(running.stop().contains("stopping"));
}

#[test]
fn no_line_of_a_client_gets_into_the_log() {
    let running = Running::start(&mut unprivileged(&[]));
    running.get("/api/execute%0d%0aFAKE%20log%20line%1b[31m");
    running.get("/\u{9b}31mFAKE\u{85}x");
    let log = running.stop();
    assert!(log.contains("/api/execute%0d%0aFAKE"));
    assert!(!log.contains(['\r', '\u{1b}', '\u{9b}', '\u{85}']), "{log:?}");
    assert!(log.lines().all(|line| !line.contains("FAKE") || line.contains("request peer")), "{log}");
}

#[test]
fn more_clients_than_descriptors_wait_for_their_turn() {
    let running = Running::start(&mut unprivileged(&["prlimit", "--nofile=80:80"]));
    let mut clients: Vec<_> = (0..200).map(|_| TcpStream::connect(&running.address).unwrap()).collect();
    for stream in &mut clients {
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    }
    for mut stream in clients {
        let mut came = String::new();
        stream.read_to_string(&mut came).unwrap();
        assert!(came.starts_with("HTTP/1.1 200 OK"));
    }
    assert!(!running.stop().contains("cannot accept connections"));
}

#[test]
fn a_socket_can_be_passed_to_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pass = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    let mut command = unprivileged(&["sh", "-c", pass]);
    let running = Running::start(command.stdin(OwnedFd::from(listener)));
    assert_eq!(running.address, address.to_string());
    assert!(running.get("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    running.stop();
}

#[test]
fn systemd_is_told_how_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("notify");
    let told = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let hears = |words: &str| {
        let mut message = [0; 256];
        // The watchdog is told something in between.
        for _ in 0..1000 {
            let length = told.recv(&mut message).unwrap();
            if std::str::from_utf8(&message[..length]).unwrap().contains(words) {
                return;
            }
        }
        panic!("systemd does not hear {words}");
    };
    let mut command = unprivileged(&[]);
    let running = Running::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000"));
    for words in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        hears(words);
    }
    running.stop();
    hears("STOPPING=1");
}
