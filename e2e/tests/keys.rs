//! API keys and submissions with real daemons: the command-line tool, the limits of a key, CPU time as it was measured, and
//! `kill -9` of webd.

#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::daemons::{Daemons, Settings, binary, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Daemons with a key file and submissions.
struct Server {
    daemons: Daemons,
    keys: PathBuf,
    state: PathBuf,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("an own directory");
        let (keys, state) = (directory.path().join("keys.toml"), directory.path().join("state"));
        fs::create_dir(&state).expect("a writable directory");
        let nobody = nix::unistd::User::from_name("nobody").expect("a user database").expect("a user");
        chown(&state, Some(nobody.uid.as_raw()), None).expect("root");
        let webd = format!("state = {state:?}\n[keys]\nfile = {keys:?}\n[submissions]\nenabled = true\n");
        let daemons = Daemons::start(&Settings { webd, ..Settings::default() }).await;
        Self { daemons: daemons.expect("both daemons start"), keys, state, _directory: directory }
    }

    /// Runs `executor key` and returns what it prints.
    fn key(&self, arguments: &[&str]) -> String {
        let executor = binary("executor").expect("the binary is built");
        let output = Command::new(executor)
            .arg("--socket")
            .arg(self.daemons.socket())
            .args(["key", "--key-file"])
            .arg(&self.keys)
            .args(arguments)
            .output()
            .expect("the command starts");
        assert!(output.status.success(), "{output:?}");
        // webd of a test is not in the group that may read the file.
        fs::set_permissions(&self.keys, Permissions::from_mode(0o644)).expect("the file exists");
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// Returns the CPU seconds of a key today.
    fn cpu(&self, name: &str) -> f64 {
        let state = self.state.to_str().expect("text");
        let usage: Value = self.key(&["usage", "--state", state, "--json", name]).parse().expect("JSON");
        usage[0]["cpu_s"].as_f64().expect("a number")
    }

    async fn request(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut stream = self.send(method, path, key, body).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, body.parse().unwrap_or_default())
    }

    async fn send(&self, method: &str, path: &str, key: &str, body: &Value) -> TcpStream {
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.daemons.address()).await.expect("webd listens");
        stream.write_all(head.as_bytes()).await.expect("webd reads");
        stream
    }

    async fn execute(&self, key: &str, language: &str, code: &str) -> (u16, Value) {
        self.request("POST", "/api/execute", key, &json!({ "language": language, "code": code })).await
    }

    /// Waits until the status of a request with a key is another one, because webd has read the key file again.
    async fn until_status(&self, key: &str, expected: u16) {
        let is_so = eventually(async || self.execute(key, "python", "").await.0 == expected).await;
        assert!(is_so, "{expected}");
    }
}

/// Uses half a second of CPU time.
const BUSY: &str = "import time\nwhile time.process_time() < 0.5: pass\nprint('done')";

#[tokio::test]
async fn a_key_is_limited_by_what_its_programs_really_use() {
    let server = Server::start().await;
    let key = server.key(&["add", "alice", "--cpu-per-day", "3s", "--languages", "py"]);
    server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    let (status, answer) = server.execute(&key, "python3", BUSY).await;
    assert_eq!((status, &answer["output"]), (200, &json!("done\n")), "{answer}");
    let (status, refused) = server.execute(&key, "cpp", "int main() {}").await;
    assert_eq!((status, &refused["available"]), (403, &json!(["python"])));
    assert!(eventually(async || server.cpu("alice") >= 0.5).await, "{}", server.cpu("alice"));

    // A client that disconnects does not get its CPU time for nothing.
    let before = server.cpu("alice");
    let body = json!({ "language": "python", "code": "while True: pass" });
    let stream = server.send("POST", "/api/execute", &key, &body).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(stream);
    assert!(eventually(async || server.cpu("alice") > before + 0.5).await, "{}", server.cpu("alice"));

    // Until the quota is used up.
    let mut last = (0, Value::Null);
    for _ in 0..10 {
        last = server.execute(&key, "python", BUSY).await;
        if last.0 != 200 {
            break;
        }
    }
    assert_eq!((last.0, &last.1["code"]), (429, &json!("quota_exceeded")));
    let new = server.key(&["rotate", "alice"]);
    server.until_status(&key, 401).await;
    assert_eq!(server.execute(&new, "python", "").await.0, 429, "the same key has the same usage");
}

async fn submission(server: &Server, key: &str, path: &str) -> Value {
    server.request("GET", path, key, &Value::Null).await.1
}

#[tokio::test]
async fn a_submission_survives_the_end_of_webd() {
    let mut server = Server::start().await;
    let key = server.key(&["add", "alice"]);
    // Until webd reads the key, its requests are anonymous ones.
    server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    let mut paths = vec![];
    for code in ["print('first')", "import time; time.sleep(3); print('second')"] {
        let (status, accepted) = server
            .request("POST", "/api/submissions", &key, &json!({ "language": "python", "code": code }))
            .await;
        assert_eq!((status, &accepted["status"]), (202, &json!("queued")), "{accepted}");
        paths.push(format!("/api/submissions/{}", accepted["token"].as_str().expect("a token")));
    }
    let first = submission(&server, &key, &format!("{}?wait=30", paths[0])).await;
    assert_eq!(first["result"]["output"], "first\n", "{first}");
    let is_running = async || submission(&server, &key, &paths[1]).await["status"] == "running";
    assert!(eventually(is_running).await);
    server.daemons.kill_webd().expect("webd runs");
    server.daemons.restart_webd().await.expect("webd starts");
    let second = submission(&server, &key, &format!("{}?wait=30", paths[1])).await;
    assert_eq!(second["result"]["output"], "second\n", "{second}");
    assert_eq!(submission(&server, &key, &paths[0]).await, first, "it did not run again");
    assert_no_readable(&server.state);
}

/// Asserts that only webd's user can read what it stores.
fn assert_no_readable(state: &Path) {
    for entry in fs::read_dir(state).expect("a directory") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o007, 0, "{} is readable for others: {mode:o}", entry.path().display());
    }
}
