//! Daemons with API keys and submissions, and requests with a key.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::daemons::{Daemons, Settings, binary, eventually};

/// Daemons with a key file and submissions.
#[derive(Debug)]
pub struct KeyServer {
    /// The daemons.
    pub daemons: Daemons,
    /// The key file.
    pub keys: PathBuf,
    /// The state directory of webd.
    pub state: PathBuf,
    _directory: tempfile::TempDir,
}

impl KeyServer {
    /// Starts the daemons without any keys.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn start() -> io::Result<Self> {
        Self::start_with(&Settings::default()).await
    }

    /// Starts the daemons with these settings, and without any keys.
    ///
    /// # Errors
    /// As [`Daemons::start`].
    pub async fn start_with(settings: &Settings) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let (keys, state) = (directory.path().join("keys.toml"), directory.path().join("state"));
        fs::create_dir(&state)?;
        // webd does not start if a key file that its configuration names is missing.
        fs::write(&keys, "")?;
        let nobody =
            nix::unistd::User::from_name("nobody")?.ok_or_else(|| io::Error::other("no user nobody"))?;
        chown(&state, Some(nobody.uid.as_raw()), None)?;
        let webd = format!(
            "state = {state:?}\n[keys]\nfile = {keys:?}\n[submissions]\nenabled = true\n{}",
            settings.webd
        );
        let daemons = Daemons::start(&Settings { webd, ..settings.clone() }).await?;
        Ok(Self { daemons, keys, state, _directory: directory })
    }

    /// Runs `executor key` and returns what it prints on stdout.
    ///
    /// # Panics
    /// If the command fails.
    #[must_use]
    pub fn key(&self, arguments: &[&str]) -> String {
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

    /// Sends a request with a key, and returns the status and the JSON of the response.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn request(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut stream = self.send(method, path, key, body).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, body.parse().unwrap_or_default())
    }

    /// Sends a request with a key, or without one if it is empty.
    ///
    /// # Panics
    /// If webd does not read it.
    pub async fn send(&self, method: &str, path: &str, key: &str, body: &Value) -> TcpStream {
        self.send_accepting("application/json", method, path, key, body).await
    }

    /// Executes a program with a key, and returns the connection after its output has this text.
    ///
    /// # Panics
    /// If the response ends before.
    pub async fn stream_until(&self, key: &str, language: &str, code: &str, text: &str) -> TcpStream {
        let body = json!({ "language": language, "code": code });
        let mut stream =
            self.send_accepting("application/x-ndjson", "POST", "/api/execute", key, &body).await;
        let mut received = Vec::new();
        while !String::from_utf8_lossy(&received).contains(text) {
            let count = stream.read_buf(&mut received).await.expect("an answer");
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&received));
        }
        stream
    }

    async fn send_accepting(
        &self,
        accepted: &str,
        method: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> TcpStream {
        let body = body.to_string();
        let authorization =
            if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: {accepted}\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.daemons.address()).await.expect("webd listens");
        stream.write_all(head.as_bytes()).await.expect("webd reads");
        stream
    }

    /// Executes a program with a key, and returns the status and the JSON of the response.
    pub async fn execute(&self, key: &str, language: &str, code: &str) -> (u16, Value) {
        self.request("POST", "/api/execute", key, &json!({ "language": language, "code": code })).await
    }

    /// Waits until a request with a key, or without one if it is empty, gets a status, because webd has read the key file
    /// again.
    ///
    /// # Panics
    /// If that does not happen.
    pub async fn until_status(&self, key: &str, expected: u16) {
        let is_so = eventually(async || self.execute(key, "python", "").await.0 == expected).await;
        assert!(is_so, "{expected}");
    }
}
