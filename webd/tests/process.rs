//! The program as a process: privileges, configuration, notifications to systemd, and its end.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]
#![allow(clippy::disallowed_methods, reason = "a test starts the program under test")]

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
/// Command with which root starts a program without privileges.
const SETPRIV: [&str; 7] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
];

fn command(line: &[&str]) -> Command {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).stdin(Stdio::null()).env_remove("EXECUTOR_LOG");
    command
}

/// Returns a command that starts webd without privileges, through `launcher`.
fn unprivileged(launcher: &[&str]) -> Command {
    let setpriv: &[&str] = if geteuid().is_root() { &SETPRIV } else { &[] };
    command(&[launcher, setpriv, &[WEBD, "--listen", "127.0.0.1:0", "--socket", "/nonexistent"]].concat())
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_config_only_checks_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("webd.toml");
    let path = path.to_str().unwrap();
    let keys = directory.path().join("keys.toml");
    std::fs::write(&keys, "[keys.alice]\n").unwrap();
    for (text, code, expected) in [
        ("listen = '127.0.0.1:1'\n", 0, ""),
        ("web = '/nonexistent'\n", 1, "web: /nonexistent/index.html is not a file"),
        ("allowed_hosts = ['https://a.example']\n", 1, "must be a host without a scheme"),
        ("\nlisten_on = 1\n", 1, "line 2"),
        ("max_connections = 0", 1, "line 1"),
        ("[keys]\nfile = 'KEYS'", 1, "keys.toml: key `alice`: `hash` is required"),
        ("[keys]\nfile = '/nonexistent'", 1, "keys.file: /nonexistent does not exist"),
        ("log_format = 'xml'", 1, "line 1"),
    ] {
        std::fs::write(path, text.replace("KEYS", keys.to_str().unwrap())).unwrap();
        let output = command(&[WEBD, "--check-config", "--config", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", log(&output));
        assert_eq!(output.stdout == b"ok\n", code == 0);
        assert!(log(&output).contains(expected), "{}", log(&output));
    }
    let output = command(&[WEBD, "--check-config", "--config", "/nonexistent"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(log(&output).contains("read /nonexistent"));
}

#[test]
fn a_key_file_that_does_not_exist_ends_webd_with_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("webd.toml");
    std::fs::write(&path, "web = '/nonexistent'\n[keys]\nfile = '/nonexistent'\n").unwrap();
    let output = unprivileged(&[]).arg("--config").arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", log(&output));
    for expected in ["keys.file: /nonexistent does not exist", "web: /nonexistent/index.html is not a file"] {
        assert!(log(&output).contains(expected), "{}", log(&output));
    }
}

#[test]
fn a_store_that_cannot_be_opened_ends_webd_with_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("webd.toml");
    std::fs::write(&path, "state = '/nonexistent'\n[submissions]\nenabled = true\n").unwrap();
    let output = unprivileged(&[]).arg("--config").arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", log(&output));
    assert!(log(&output).contains("cannot use the store of submissions: "), "{}", log(&output));
}

/// A running webd and its log.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "webd ended");
        }
        let address = line.split("127.0.0.1:").nth(1).unwrap();
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
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    received
}

#[test]
fn it_serves_until_sigterm() {
    let running = Running::start(&mut unprivileged(&[]));
    assert!(running.get("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(running.get("/readyz").starts_with("HTTP/1.1 503 "));
    assert!(running.stop().contains("stopping"));
}

#[test]
fn a_client_cannot_forge_log_lines() {
    let running = Running::start(&mut unprivileged(&[]));
    running.get("/api/execute%0d%0aFAKE%20log%20line%1b[31m");
    running.get("/\u{9b}31mFAKE\u{85}x");
    let log = running.stop();
    assert!(log.contains("/api/execute%0d%0aFAKE"));
    assert!(!log.contains(['\r', '\u{1b}', '\u{9b}', '\u{85}']), "{log:?}");
    assert!(log.lines().all(|line| !line.contains("FAKE") || line.contains("request peer")), "{log}");
}

#[test]
fn clients_beyond_the_descriptor_limit_wait() {
    let running = Running::start(&mut unprivileged(&["prlimit", "--nofile=80:80"]));
    let mut clients: Vec<_> = (0..200).map(|_| TcpStream::connect(&running.address).unwrap()).collect();
    for stream in &mut clients {
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    }
    for mut stream in clients {
        let mut received = String::new();
        stream.read_to_string(&mut received).unwrap();
        assert!(received.starts_with("HTTP/1.1 200 OK"));
    }
    assert!(!running.stop().contains("cannot accept connections"));
}

#[test]
fn a_socket_passed_by_systemd_is_used() {
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
fn systemd_is_notified() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let wait_for = |state: &str| {
        let mut message = [0; 256];
        // Watchdog notifications may come in between.
        for _ in 0..1000 {
            let length = socket.recv(&mut message).unwrap();
            if std::str::from_utf8(&message[..length]).unwrap().contains(state) {
                return;
            }
        }
        panic!("systemd is not notified of {state}");
    };
    let mut command = unprivileged(&[]);
    let running = Running::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000"));
    for state in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        wait_for(state);
    }
    running.stop();
    // The stop timeout and 5 s.
    wait_for("STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000");
}

#[test]
fn no_log_has_a_key_and_json_lines_are_objects() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let key = keys::ApiKey::generate().unwrap();
    let (config, file) = (directory.path().join("webd.toml"), directory.path().join("keys.toml"));
    std::fs::write(&file, format!("[keys.alice]\nhash = \"{}\"\n", key.hash())).unwrap();
    let text = format!("log_format = \"json\"\nstate = {:?}\n[keys]\nfile = {file:?}\n", directory.path());
    std::fs::write(&config, text).unwrap();
    let mut command = unprivileged(&[]);
    command.args(["--config", config.to_str().unwrap()]).env("EXECUTOR_LOG", "trace");
    let webd = Running::start(&mut command);
    let body = r#"{"language":"python","code":"1"}"#;
    let mut token = String::new();
    for header in ["Authorization: Bearer KEY", "Authorization: KEY", "X-API-Key: KEY", "X-Auth-Token: KEY"] {
        for path in ["/api/execute", "/api/token"] {
            let header = header.replace("KEY", key.text());
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: id-7\r\n{header}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = TcpStream::connect(&webd.address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let expected = if path == "/api/token" { "200" } else { "503" };
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}");
            token = answer.split("\"token\":\"").nth(1).map_or(token, |rest| rest[..32].to_owned());
        }
    }
    assert_eq!(token.len(), 32);
    let log = webd.stop();
    assert!(!log.contains(key.text()) && !log.contains(&key.text()[4..]), "{log}");
    assert!(!log.contains(&token), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 8);
    for line in requests {
        assert_eq!((&line["key"], &line["request_id"]), (&"alice".into(), &"id-7".into()), "{line}");
    }
}
