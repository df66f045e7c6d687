//! `kill -9` of webd while it accepts, runs and finishes submissions, and delivers their callbacks.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]
#![allow(clippy::disallowed_methods, reason = "a test starts the program under test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keys::{CallbackSecret, KeyEntry, KeyFile};
use nix::unistd::geteuid;
use serde_json::Value;
use support::{Answer, Step, TIMEOUT, hello, parse, start_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Times that webd is killed, unless the variable has another number.
const ROUNDS: u32 = 12;
const ROUNDS_VARIABLE: &str = "EXECUTOR_KILL_ROUNDS";
/// User that webd runs as.
const NOBODY: u32 = 65534;

/// All runs, and the mistakes among them: runs of programs whose results a client has seen.
#[derive(Debug, Default)]
struct Record {
    runs: BTreeMap<String, u32>,
    seen: BTreeSet<String>,
    again: Vec<String>,
    /// Submissions whose callbacks were received.
    called_back: BTreeSet<String>,
}

struct Webd(Child, SocketAddr);

impl Webd {
    fn start(config: &Path) -> Self {
        let setpriv =
            format!("--reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all --bounding-set=-all");
        let line = format!("setpriv {setpriv} --no-new-privs {}", env!("CARGO_BIN_EXE_webd"));
        let words: Vec<&str> = line.split(' ').collect();
        let words = if geteuid().is_root() { &words[..] } else { &words[words.len() - 1..] };
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "webd ended");
        }
        let port = line.split("127.0.0.1:").nth(1).unwrap();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        // What it logs later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self(child, format!("127.0.0.1:{port}").parse().unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Sends a request. `None` if webd was killed before it answered completely.
async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<Answer> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        let is_complete = bytes.windows(4).any(|end| end == b"\r\n\r\n") && bytes.ends_with(b"}");
        is_complete.then(|| parse(&bytes))
    };
    timeout(TIMEOUT, exchange).await.expect("webd answers or is killed")
}

/// Receives callbacks, and notes their submissions. Returns the URL.
async fn receive_callbacks(record: Arc<Mutex<Record>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let record = Arc::clone(&record);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                // The body ends with the object that it is.
                while !bytes.ends_with(b"\"result_omitted\":false}") {
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let text = String::from_utf8(bytes).unwrap();
                let id = text.lines().find_map(|line| line.strip_prefix("webhook-id: ")).unwrap();
                record.lock().unwrap().called_back.insert(id.to_owned());
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            });
        }
    });
    url
}

fn body(id: Uuid, callback: &str) -> String {
    format!(r#"{{"language":"python","code":"{id}","callback_url":"{callback}"}}"#)
}

/// Submits programs until webd is killed, and returns the ids that it accepted.
async fn submit_until_killed(address: SocketAddr, callback: &str) -> Vec<Uuid> {
    let mut accepted = vec![];
    loop {
        let id = Uuid::new_v4();
        match request(address, "PUT", &format!("/api/submissions/{id}"), &body(id, callback)).await {
            Some(answer) if answer.status == 202 => accepted.push(id),
            Some(answer) => panic!("{}", answer.text()),
            None => return accepted,
        }
    }
}

/// Fetches results until webd is killed, and notes the programs whose results were seen.
async fn fetch_until_killed(address: SocketAddr, ids: &[Uuid], record: &Mutex<Record>) {
    for id in ids.iter().cycle().take(10_000) {
        let Some(answer) = request(address, "GET", &format!("/api/submissions/{id}"), "").await else {
            return;
        };
        let json: Value = answer.json();
        assert!(answer.status == 200, "an accepted submission is lost: {json}");
        if json["status"] == "finished" {
            assert_eq!(json["result"]["output"], "hi\n");
            record.lock().unwrap().seen.insert(id.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_accepted_submission_is_lost_and_none_with_a_result_runs_again() {
    let record = Arc::new(Mutex::new(Record::default()));
    let recorder = Arc::clone(&record);
    let daemon = start_server(move |request| {
        let code = String::from_utf8(request.files[0].content.to_vec()).unwrap();
        let mut record = recorder.lock().unwrap();
        if record.seen.contains(&code) {
            record.again.push(code.clone());
        }
        *record.runs.entry(code).or_default() += 1;
        [vec![Step::Wait(Duration::from_millis(20))], hello()].concat()
    })
    .await;
    let directory = daemon.directory.path();
    let (socket, state, config) =
        (directory.join("executord.sock"), directory.join("state"), directory.join("webd.toml"));
    std::fs::create_dir(&state).unwrap();
    for path in [directory, &socket, &state] {
        std::fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
    if geteuid().is_root() {
        std::os::unix::fs::chown(&state, Some(NOBODY), None).unwrap();
    }
    let mut keys = KeyFile::default();
    let secret = CallbackSecret::generate().unwrap();
    let anonymous = KeyEntry { callback_secret: Some(secret), ..KeyEntry::default() };
    keys.keys.insert("anonymous".parse().unwrap(), anonymous);
    let key_file = directory.join("keys.toml");
    std::fs::write(&key_file, keys.text().unwrap()).unwrap();
    let text = format!(
        "socket = {socket:?}\nstate = {state:?}\n[keys]\nfile = {key_file:?}\n[submissions]\nenabled = true\n\
         max_count = 1000000\ncallback_hosts = [\"127.0.0.1\"]\n"
    );
    std::fs::write(&config, text).unwrap();

    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |number| number.parse().unwrap());
    let callback = receive_callbacks(Arc::clone(&record)).await;
    let mut accepted: Vec<Uuid> = vec![];
    // A busy host may accept none in the time of a round.
    for round in 0..20 * rounds {
        let webd = Webd::start(&config);
        let address = webd.1;
        let known = accepted.clone();
        let callback = callback.clone();
        let submitting = tokio::spawn(async move { submit_until_killed(address, &callback).await });
        let record = Arc::clone(&record);
        let fetching = tokio::spawn(async move { fetch_until_killed(address, &known, &record).await });
        // Another phase of its work each time, from its first moments on.
        sleep(Duration::from_millis(u64::from(round * 37 % 251))).await;
        webd.kill();
        accepted.extend(submitting.await.unwrap());
        fetching.await.unwrap();
        if round + 1 >= rounds && accepted.len() > usize::try_from(rounds).unwrap() {
            break;
        }
    }
    assert!(accepted.len() > usize::try_from(rounds).unwrap(), "{}", accepted.len());
    let webd = Webd::start(&config);
    for id in &accepted {
        let answer = request(webd.1, "GET", &format!("/api/submissions/{id}?wait=30"), "").await.unwrap();
        assert_eq!((answer.status, &answer.json()["status"]), (200, &"finished".into()), "{}", answer.text());
    }
    let is_called_back = |id: &Uuid| record.lock().unwrap().called_back.contains(&id.to_string());
    let all_called_back = async {
        while !accepted.iter().all(is_called_back) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(2 * TIMEOUT, all_called_back).await.expect("no callback is lost");
    webd.kill();
    let record = record.lock().unwrap();
    assert_eq!(record.again, Vec::<String>::new(), "ran again after its result was seen");
    assert!(!record.seen.is_empty());
    for id in &accepted {
        assert!(record.runs.contains_key(&id.to_string()));
    }
}
