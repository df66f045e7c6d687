//! Attack programs: the probes of a collection, sent as ordinary requests.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::collection::{InvalidCase, parse_entries, read_json};
use super::expect::{Expect, Observation};
use super::fixtures::Fixtures;
use super::host::Host;
use super::judging::Judging;
use super::raw_http;
use super::target::{Target, greeting, status_of};
use super::verdict::{Level, Verdict};
use crate::daemons::DEADLINE;
use crate::http;
use crate::session::{Session, SessionError};

/// An attack program. An unknown key fails the case, so that nothing is skipped.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in probes/README.md")]
pub struct Probe {
    pub id: String,
    pub language: String,
    pub class: String,
    pub level: Level,
    #[serde(default)]
    pub harmful_unsandboxed: bool,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub stdin: Option<String>,
    #[serde(default)]
    pub stdin_gen: Option<Repeated>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub runs: Option<usize>,
    #[serde(default)]
    pub parallel: Option<usize>,
    #[serde(default)]
    pub pre: Vec<String>,
    #[serde(default)]
    pub during: Vec<String>,
    #[serde(default)]
    pub limits_hint: Map<String, Value>,
    #[serde(default)]
    pub note: Option<String>,
    pub expect: Expect,
    /// Additional files, each as in a request: `name`, `content` and possibly `encoding`.
    #[serde(default)]
    pub files: Vec<Map<String, Value>>,
    /// Patterns of output files.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Name of the main file.
    #[serde(default)]
    pub filename: Option<String>,
    /// Whether it runs in a session with a terminal. Only probes of this repository do.
    #[serde(skip)]
    pub tty: bool,
    /// Options and environment variables of the request.
    #[serde(skip)]
    pub settings: Map<String, Value>,
    /// What judges it, or what it judges.
    #[serde(skip)]
    pub judging: Judging,
    /// Length of its stdin, if it is uploaded.
    #[serde(skip)]
    pub upload: Option<usize>,
    /// Whether a program in any language may start it.
    #[serde(skip)]
    pub any_language: bool,
    /// Command that executes its file.
    #[serde(skip)]
    pub interpreter: Option<&'static str>,
    /// Request that must print `hello` afterwards; `None` for a small program in the same language.
    #[serde(skip)]
    pub greeting: Option<Value>,
}

/// A text, repeated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are sufficient")]
pub struct Repeated {
    pub repeat: String,
    pub count: usize,
}

/// Returns the directory of the probes: `$EXECUTOR_PROBES`, or one next to the checkout.
#[must_use]
pub fn directory() -> PathBuf {
    std::env::var_os("EXECUTOR_PROBES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/probes"), PathBuf::from)
}

/// The file of a collection that holds requests instead of programs.
pub const PROTOCOL_FILE: &str = "protocol.json";

/// Returns the probes in all JSON files of a directory except [`PROTOCOL_FILE`].
///
/// # Errors
/// If there is no such file.
pub fn load(directory: &Path) -> io::Result<Vec<Result<Probe, InvalidCase>>> {
    let no_files = |message: &dyn std::fmt::Display| {
        io::Error::other(format!("no attack programs in {}: {message}", directory.display()))
    };
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .map_err(|error| no_files(&error))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json") && name != PROTOCOL_FILE)
        .collect();
    names.sort_unstable();
    let mut probes = Vec::new();
    for name in names {
        match read_json(&directory.join(&name)) {
            Ok(list) => probes.extend(parse_entries(list, &name)),
            Err(error) => probes.push(Err(InvalidCase {
                id: name,
                class: String::new(),
                level: Level::Must,
                message: error.to_string(),
            })),
        }
    }
    if probes.is_empty() { Err(no_files(&"no JSON file")) } else { Ok(probes) }
}

/// Attempts of a probe for which only numbers of the host differ.
const ATTEMPTS: u32 = 3;

/// Runs a probe with its repetitions and all its checks.
pub async fn run(probe: &Probe, target: &Target, fixtures: &Fixtures, disposable: bool) -> Verdict {
    let began = Instant::now();
    let mut failures = Vec::new();
    for _ in 0..ATTEMPTS {
        failures = attack(probe, target, fixtures, disposable).await.unwrap_or_else(|message| vec![message]);
        // Other processes of the host change these numbers as well, but rarely three times in a row.
        if failures.is_empty() || !failures.iter().all(|message| message.starts_with("host ")) {
            break;
        }
    }
    let Probe { id, level, .. } = probe;
    Verdict { id: id.clone(), level: *level, failures, took: began.elapsed(), reason: None }
}

async fn attack(
    probe: &Probe,
    target: &Target,
    fixtures: &Fixtures,
    disposable: bool,
) -> Result<Vec<String>, String> {
    probe.pre.iter().try_for_each(|asked| fixtures.has(asked))?;
    let watch_cores = disposable && probe.expect.after.iter().any(|asked| asked.contains("core"));
    let mut host =
        Host::observe(target, watch_cores).map_err(|error| format!("inspect the host: {error}"))?;
    let watchers = probe.during.iter().map(|asked| Watcher::start(asked)).collect::<Result<Vec<_>, _>>()?;
    let body = body(probe, target, fixtures)?;
    let mut failures = Vec::new();
    let mut all = Vec::new();
    if let Some(count) = probe.parallel {
        let runs = (0..count).map(|_| execute(probe, target, &body));
        for observation in futures_util::future::join_all(runs).await {
            all.push(observation?);
        }
    } else {
        for _ in 0..probe.runs.unwrap_or(1) {
            all.push(execute(probe, target, &body).await?);
        }
    }
    for observation in &all {
        failures.extend(probe.expect.check(observation));
    }
    failures.extend(probe.expect.check_together(&all, probe.parallel.is_some()));
    failures.extend(watchers.into_iter().filter_map(|watcher| watcher.finish().err()));
    let greeting = probe.greeting.clone().unwrap_or_else(|| greeting(&probe.language));
    failures.extend(host.check(&probe.expect.after, &greeting, target, fixtures).await);
    Ok(failures)
}

fn body(probe: &Probe, target: &Target, fixtures: &Fixtures) -> Result<Value, String> {
    let stdin = match (&probe.stdin, &probe.stdin_gen) {
        (Some(text), _) => text.clone(),
        (None, Some(Repeated { repeat, count })) => repeat.repeat(*count),
        (None, None) => String::new(),
    };
    let mut body = json!({"language": probe.language, "args": probe.args});
    if probe.upload.is_none() {
        body["stdin"] = json!(stdin);
    }
    for (field, value) in &probe.settings {
        body[field] = value.clone();
    }
    let mut files = Vec::new();
    for file in &probe.files {
        let mut file = file.clone();
        // Base64 has no placeholders.
        if let Some(Value::String(content)) = file.get_mut("content") {
            *content = fixtures.fill_in(content, target)?;
        }
        files.push(Value::Object(file));
    }
    let code = probe.code.as_ref().map(|code| fixtures.fill_in(code, target)).transpose()?;
    match (code, files.is_empty()) {
        (None, _) => body["files"] = files.into(),
        (Some(code), true) => {
            body["code"] = code.into();
            if let Some(name) = &probe.filename {
                body["filename"] = json!(name);
            }
        }
        (Some(code), false) => {
            let name = probe.filename.as_ref().ok_or("a program with several files needs a file name")?;
            files.insert(0, json!({"name": name, "content": code}));
            body["files"] = files.into();
        }
    }
    if !probe.outputs.is_empty() {
        body["outputs"] = json!(probe.outputs);
    }
    let limits: Map<_, _> = probe
        .limits_hint
        .iter()
        .map(|(name, value)| {
            (if name == "pids" { "processes".to_owned() } else { name.clone() }, value.clone())
        })
        .collect();
    if !limits.is_empty() {
        body["limits"] = Value::Object(limits);
    }
    let mut judging = probe.judging.clone();
    if let Some(other) = &mut judging.other {
        other.code = fixtures.fill_in(&other.code, target)?;
    }
    judging.complete(body)
}

/// Sends a request. Returns the HTTP status, the body, and its JSON.
async fn post(probe: &Probe, target: &Target, body: &Value) -> Result<(u16, Vec<u8>, Value), String> {
    let Some(length) = probe.upload else {
        let answer = raw_http::execute(target.address, body).await.map_err(|error| error.to_string())?;
        let json = answer.json().unwrap_or_default();
        return Ok((answer.status, answer.body, json));
    };
    let url: hyper::Uri =
        format!("http://{}/api/execute", target.address).parse().map_err(|_| "no address".to_owned())?;
    let parts = [("request", body.to_string().into_bytes()), ("stdin", vec![b'x'; length])];
    let answer = http::post_parts(&url, &parts, DEADLINE).await.map_err(|error| error.to_string())?;
    Ok((answer.status, answer.json.to_string().into_bytes(), answer.json))
}

async fn execute(probe: &Probe, target: &Target, body: &Value) -> Result<Observation, String> {
    let began = Instant::now();
    if probe.tty {
        return execute_in_terminal(probe, target, body, began).await;
    }
    let (status, body, json) =
        post(probe, target, body).await.map_err(|error| format!("no answer: {error}"))?;
    let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |group: &str, name: &str| {
        json.get(group).and_then(|group| group.get(name)?.as_f64()).unwrap_or_default()
    };
    Ok(Observation {
        status: status_of(status, &json),
        verdict: text("verdict"),
        message: text("verdict_message"),
        exit_code: json.get("exit_code").and_then(Value::as_i64),
        signal: json.get("signal").and_then(Value::as_i64),
        stdout: text("stdout"),
        stderr: if status == 200 { text("stderr") } else { text("error") },
        wall_ms: began.elapsed().as_secs_f64() * 1000.0,
        memory_bytes: number("usage", "memory_bytes"),
        output_limit: number("limits", "output_bytes"),
        memory_limit: number("limits", "memory_bytes"),
        args: probe.args.clone(),
        body,
    })
}

async fn execute_in_terminal(
    probe: &Probe,
    target: &Target,
    body: &Value,
    began: Instant,
) -> Result<Observation, String> {
    let mut start = body.clone();
    (start["type"], start["tty"]) = (json!("start"), json!(true));
    let exchange_with_server = async {
        let mut session = Session::open(target.address).await?;
        session.send(&start).await?;
        let last = session.end().await?;
        Ok::<_, SessionError>((session, last))
    };
    let (session, last) = exchange_with_server.await.map_err(|error| format!("no answer: {error}"))?;
    Ok(Observation {
        status: status_of(if last["type"] == "finished" { 200 } else { 500 }, &last),
        exit_code: last["exit_code"].as_i64(),
        signal: last["signal"].as_i64(),
        stdout: session.stdout,
        stderr: session.stderr,
        wall_ms: began.elapsed().as_secs_f64() * 1000.0,
        memory_bytes: last["usage"]["memory_bytes"].as_f64().unwrap_or_default(),
        output_limit: last["limits"]["output_bytes"].as_f64().unwrap_or_default(),
        memory_limit: last["limits"]["memory_bytes"].as_f64().unwrap_or_default(),
        args: probe.args.clone(),
        body: last.to_string().into_bytes(),
        ..Observation::default()
    })
}

/// A thread that checks something repeatedly while a program runs.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Option<String>>,
}

/// A repeated check; returns a violation.
type RepeatedCheck = Box<dyn FnMut() -> Option<String> + Send>;

impl Watcher {
    fn start(asked: &str) -> Result<Self, String> {
        let mut check = repeated_check(asked).ok_or_else(|| format!("unknown repeated check {asked:?}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some(wrong) = check() {
                    return Some(wrong);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            None
        });
        Ok(Self { stop, thread })
    }

    fn finish(self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(None) => Ok(()),
            Ok(Some(wrong)) => Err(wrong),
            Err(_) => Err("the watching thread panicked".to_owned()),
        }
    }
}

fn repeated_check(asked: &str) -> Option<RepeatedCheck> {
    if let Some(port) = asked.strip_prefix("host cannot connect to 127.0.0.1:") {
        let port: u16 = port.parse().ok()?;
        return Some(Box::new(move || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then(|| format!("port {port} is open"))
        }));
    }
    if asked == "host can watch files" {
        return Some(Box::new(why_root_cannot_watch_files));
    }
    let mib = asked.strip_prefix("kernel memory grows by less than ")?.strip_suffix(" MiB")?;
    let (most, before): (u64, u64) = (mib.parse::<u64>().ok()? << 20, kernel_memory());
    Some(Box::new(move || {
        let grown = kernel_memory().saturating_sub(before);
        (grown > most).then(|| format!("unaccounted kernel memory grew by {grown} bytes"))
    }))
}

/// Creates an inotify instance as root of the host, and returns an error message if there are too many.
fn why_root_cannot_watch_files() -> Option<String> {
    let script = "import ctypes; raise SystemExit(ctypes.CDLL(None).inotify_init() < 0)";
    let status = Command::new("python3").args(["-I", "-c", script]).status();
    let is_created = status.as_ref().is_ok_and(ExitStatus::success);
    (!is_created).then(|| format!("root cannot create an inotify instance: {status:?}"))
}

/// Returns unreclaimable slabs and the TCP queues, in bytes.
fn kernel_memory() -> u64 {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let slab = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .unwrap_or(0);
    let pages = read("/proc/net/sockstat")
        .lines()
        .find_map(|line| line.strip_prefix("TCP:")?.rsplit(' ').next()?.parse::<u64>().ok())
        .unwrap_or(0);
    slab * 1024 + pages * 4096
}

#[cfg(test)]
mod tests {
    use super::load;
    use std::fs;

    #[test]
    fn all_files_of_a_collection_are_read_and_an_invalid_case_fails_alone() {
        let directory = tempfile::tempdir().unwrap();
        assert!(load(directory.path()).is_err());
        let valid = |id: &str| {
            format!(
                r#"{{"id": "{id}", "language": "python", "class": "files", "level": "must", "code": "x",
                "filename": "main.py", "files": [{{"name": "a", "content": "eA==", "encoding": "base64"}}],
                "expect": {{}}}}"#
            )
        };
        let invalid = valid("b").replace("\"expect\": {", "\"expect\": {\"invented\": 1");
        fs::write(directory.path().join("probes.json"), format!("[{}, {invalid}]", valid("a"))).unwrap();
        fs::write(directory.path().join("more.json"), format!("[{}]", valid("c"))).unwrap();
        fs::write(directory.path().join("protocol.json"), "{}").unwrap();
        fs::write(directory.path().join("torn.json"), "[").unwrap();
        let probes = load(directory.path()).unwrap();
        let result: Vec<_> = probes
            .iter()
            .map(|probe| match probe {
                Ok(probe) => (&*probe.id, probe.files.len()),
                Err(invalid) => (&*invalid.id, 0),
            })
            .collect();
        assert_eq!(result, [("c", 1), ("a", 1), ("b", 0), ("torn.json", 0)]);
        assert!(probes[2].as_ref().unwrap_err().message.contains("invented"));
    }
}
