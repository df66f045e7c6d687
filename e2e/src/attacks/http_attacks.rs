//! Raw HTTP against webd: the `http` cases of `protocol.json`, and those of the same format in
//! `e2e/attacks/wire.json`.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::collection::{InvalidCase, parse_entries, read_json};
use super::expect::excerpt;
use super::raw_http::{self, ANSWER_TIMEOUT, Answer, Connection};
use super::target::Target;
use super::verdict::{Level, Verdict};
use crate::inventory;

/// Selection of cases, and the receiver of verdicts.
pub struct Sink<'a> {
    /// Receives each verdict.
    pub note: &'a mut (dyn FnMut(Verdict) + Send),
    /// Receives the names of skipped cases.
    pub excluded: &'a mut Vec<String>,
    /// Whether a case of this name and class is selected.
    pub wanted: &'a (dyn Fn(&str, &str) -> bool + Sync),
    /// Cases that take longer are skipped.
    pub max_duration: Duration,
}

impl Sink<'_> {
    /// Returns whether to run a case that may take this long.
    pub fn selects(&mut self, id: &str, class: &str, length: Duration) -> bool {
        if !(self.wanted)(id, class) {
            return false;
        }
        if length > self.max_duration {
            self.excluded.push(id.to_owned());
            return false;
        }
        true
    }

    /// Records that a selected case is not run.
    pub fn exclude(&mut self, id: &str, class: &str) {
        if (self.wanted)(id, class) {
            self.excluded.push(id.to_owned());
        }
    }

    /// Records a selected case that cannot be read.
    pub fn fail(&mut self, case: &InvalidCase) {
        if (self.wanted)(&case.id, &case.class) {
            (self.note)(case.verdict());
        }
    }

    /// Records the end of a case.
    pub fn end(&mut self, id: &str, began: Instant, failures: Vec<String>) {
        let (id, took) = (id.to_owned(), began.elapsed());
        (self.note)(Verdict { id, level: Level::Must, failures, took, reason: None });
    }
}

/// Factor for the deadlines of cases, because this host may have other load.
const DEADLINE_FACTOR: u32 = 2;
/// Duration of a case that waits for deadlines or opens thousands of connections.
const LONG_CASE: Duration = Duration::from_secs(30);
/// Allowed growth of a daemon's memory in a flood.
const GROWTH: u64 = 64 << 20;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    id: String,
    class: String,
    method: Option<String>,
    path: Option<String>,
    also_paths: Vec<String>,
    headers: serde_json::Map<String, Value>,
    body: Option<String>,
    body_b64: Option<String>,
    body_gen: Option<Generated>,
    body_gzip_of: Option<Generated>,
    headers_gen: Option<GeneratedHeaders>,
    chunked: bool,
    raw: Option<String>,
    slow: Option<Slow>,
    slow_read: Option<SlowRead>,
    half_close: Option<String>,
    pipeline: Vec<String>,
    parallel: Option<usize>,
    note: Option<String>,
    expect: Expect,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    http_status_in: Option<Vec<u16>>,
    closed_or_status: Option<Vec<u16>>,
    within_ms: Option<u64>,
    closed_within_ms: Option<u64>,
    max_daemon_rss_growth_bytes: Option<u64>,
    response_headers_absent: Vec<String>,
    body_not_contains: Vec<String>,
    after: Vec<String>,
    must: Option<String>,
    or_result: Option<String>,
    one_of: Vec<String>,
    responses: Option<String>,
    log: Option<String>,
    #[serde(rename = "while")]
    meanwhile: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Generated {
    prefix: String,
    repeat: String,
    count: usize,
    suffix: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GeneratedHeaders {
    count: usize,
    name: String,
    value: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    connections: usize,
    send: String,
    drip: String,
    every_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowRead {
    connections: usize,
    request: String,
    rcvbuf: u32,
    read_bytes_per_s: u32,
}

/// Runs the cases of a file.
///
/// # Errors
/// If the file cannot be read.
pub async fn run(file: &Path, target: &Target, sink: &mut Sink<'_>) -> io::Result<()> {
    for case in parse_entries::<Case>(read_json(file)?["http"].take(), &file.display().to_string()) {
        let case = match case {
            Ok(case) => case,
            Err(invalid) => {
                sink.fail(&invalid);
                continue;
            }
        };
        let slow = case.slow.is_some() || case.slow_read.is_some() || case.parallel.is_some();
        let length = if slow { LONG_CASE } else { Duration::ZERO };
        if !sink.selects(&case.id, &case.class, length) {
            continue;
        }
        let began = Instant::now();
        let failures = attack(&case, target).await;
        sink.end(&case.id, began, failures);
    }
    Ok(())
}

/// Result of one request: a response, or a connection that was closed without one.
type Reply = io::Result<Option<Answer>>;

async fn attack(case: &Case, target: &Target) -> Vec<String> {
    let growth = Growth::begin(target);
    let mut failures = match drive(case, target).await {
        Ok(failures) => failures,
        Err(error) => vec![format!("{error}")],
    };
    let most = case.expect.max_daemon_rss_growth_bytes.or_else(|| case.parallel.map(|_| GROWTH));
    failures.extend(most.and_then(|most| growth.end(most).err()));
    failures.extend(target.is_alive().err());
    if !case.expect.after.is_empty() || case.parallel.is_some() || case.slow.is_some() {
        failures.extend(target.greet("python").await.err());
    }
    failures
}

async fn drive(case: &Case, target: &Target) -> io::Result<Vec<String>> {
    if let Some(slow) = &case.slow {
        return Ok(drip(slow, &case.expect, target).await);
    }
    if let Some(slow) = &case.slow_read {
        return Ok(read_slowly(slow, &case.expect, target).await);
    }
    if let Some(count) = case.parallel {
        return Ok(flood(case, count, target).await);
    }
    if !case.pipeline.is_empty() {
        return pipeline(&case.pipeline, target).await;
    }
    if case.half_close.is_some() {
        return half_close(case, target).await;
    }
    let mut failures = Vec::new();
    let paths = case.path.iter().chain(&case.also_paths).map(|path| Some(&**path));
    let paths: Vec<_> = if case.path.is_some() { paths.collect() } else { vec![None] };
    for path in paths {
        let began = Instant::now();
        let reply = exchange(case, path, target).await;
        failures.extend(judge(case, path, &reply, began.elapsed(), target));
    }
    Ok(failures)
}

/// Sends the bytes of a case and reads the response, which may come before everything is sent.
async fn exchange(case: &Case, path: Option<&str>, target: &Target) -> Reply {
    let stream = TcpStream::connect(target.address).await?;
    let (reader, mut writer) = stream.into_split();
    let bytes = head_and_body(case, path)?;
    let body = case.body_gen.clone();
    let chunked = case.chunked;
    let sending = tokio::spawn(async move {
        // The server may close the connection during this; the response before that counts.
        if writer.write_all(&bytes).await.is_ok()
            && let Some(body) = body
        {
            let _ = stream_body(&mut writer, &body, chunked).await;
        }
        writer
    });
    let answer = Connection::over(reader).answer(Duration::from_secs(30)).await;
    sending.abort();
    answer
}

fn head_and_body(case: &Case, path: Option<&str>) -> io::Result<Vec<u8>> {
    if let Some(raw) = &case.raw {
        return Ok(raw.clone().into_bytes());
    }
    let mut headers: Vec<(String, String)> = case
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    if let Some(GeneratedHeaders { count, name, value }) = &case.headers_gen {
        headers.extend((0..*count).map(|number| (name.replace("%d", &number.to_string()), value.clone())));
    }
    let mut body = Vec::new();
    if let Some(text) = &case.body {
        body = text.clone().into_bytes();
    } else if let Some(text) = &case.body_b64 {
        body = BASE64_STANDARD.decode(text).map_err(io::Error::other)?;
    } else if let Some(bomb) = &case.body_gzip_of {
        body = gzip_of(bomb)?;
    } else if let Some(generated) = &case.body_gen {
        headers.push(if case.chunked {
            ("transfer-encoding".to_owned(), "chunked".to_owned())
        } else {
            ("content-length".to_owned(), generated.length().to_string())
        });
    }
    let method = case.method.as_deref().unwrap_or("POST");
    Ok(raw_http::request(method, path.unwrap_or("/api/execute"), &headers, &body))
}

impl Generated {
    const fn length(&self) -> usize {
        self.prefix.len() + self.repeat.len() * self.count + self.suffix.len()
    }
}

/// The body is generated in parts, and never held completely.
async fn stream_body(
    writer: &mut (impl AsyncWriteExt + Unpin),
    body: &Generated,
    chunked: bool,
) -> io::Result<()> {
    let at_once = (1 << 20) / body.repeat.len().max(1);
    let block = body.repeat.repeat(at_once.min(body.count));
    let mut send = async |bytes: &[u8]| -> io::Result<()> {
        if chunked && !bytes.is_empty() {
            writer.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
        }
        writer.write_all(bytes).await?;
        if chunked && !bytes.is_empty() { writer.write_all(b"\r\n").await } else { Ok(()) }
    };
    send(body.prefix.as_bytes()).await?;
    let mut left = body.count;
    while left > 0 {
        let now = left.min(at_once);
        send(&block.as_bytes()[..now * body.repeat.len()]).await?;
        left -= now;
    }
    send(body.suffix.as_bytes()).await?;
    if chunked { writer.write_all(b"0\r\n\r\n").await } else { Ok(()) }
}

/// Concatenated members are one file: gzip(1).
fn gzip_of(bomb: &Generated) -> io::Result<Vec<u8>> {
    const MEMBER: usize = 16 << 20;
    let mut gzip = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = gzip.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let text = bomb.repeat.repeat(MEMBER / bomb.repeat.len().max(1));
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let member = gzip.wait_with_output()?.stdout;
    writing.join().map_err(|_| io::ErrorKind::Other)??;
    Ok(member.repeat((bomb.count * bomb.repeat.len()).div_ceil(MEMBER)))
}

fn judge(case: &Case, path: Option<&str>, reply: &Reply, took: Duration, target: &Target) -> Vec<String> {
    let expect = &case.expect;
    let mut failures = Vec::new();
    let mut fail = |message: String| {
        failures.push(path.map_or_else(|| message.clone(), |path| format!("{path}: {message}")))
    };
    if expect.within_ms.is_some_and(|most| took > Duration::from_millis(most) * DEADLINE_FACTOR) {
        fail(format!("took {} ms", took.as_millis()));
    }
    let status = match reply {
        Ok(answer) => answer.as_ref().map(|answer| answer.status),
        // A connection that is cut while the body is sent counts as closed.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
        Err(error) => {
            fail(format!("no answer: {error}"));
            return failures;
        }
    };
    if let Some(allowed) = &expect.closed_or_status
        && status.is_some_and(|status| !allowed.contains(&status))
    {
        fail(format!("HTTP {status:?}"));
    }
    let empty = Vec::new();
    let answer = reply.as_ref().ok().and_then(Option::as_ref);
    let body = String::from_utf8_lossy(answer.map_or(&empty, |answer| &answer.body)).into_owned();
    if let Some(allowed) = &expect.http_status_in {
        let refused = expect.or_result.is_some() && refused_as_result(&body);
        if !status.is_some_and(|status| allowed.contains(&status)) && !refused {
            fail(format!("HTTP {status:?} {}", excerpt(&body)));
        }
    }
    for word in expect.body_not_contains.iter().filter(|word| body.contains(&***word)) {
        fail(format!("the body has {word:?}"));
    }
    for absent in &expect.response_headers_absent {
        let there = absent.split_once(": ").is_some_and(|(name, value)| {
            answer.and_then(|answer| answer.header(name)).is_some_and(|found| found == value)
        });
        if there {
            fail(format!("the answer has {absent}"));
        }
    }
    if let Some(must) = &expect.must
        && let Err(message) = check_must(must, case, status, &body)
    {
        fail(message);
    }
    if expect.log.is_some() {
        let logs = target.logs();
        let raw = logs.chars().any(|letter| letter.is_control() && letter != '\n');
        if raw || logs.lines().any(|line| line.starts_with("FAKE")) {
            fail("the log contains unescaped client data".to_owned());
        }
    }
    failures
}

fn refused_as_result(body: &str) -> bool {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let status = json["status"].as_str().unwrap_or_default();
    ["rejected", "nonzero", "compile_error"].contains(&status)
        && !json["stdout"].as_str().unwrap_or_default().contains("BEFORE")
}

/// Verifies the sentences of `must` that are about one response.
fn check_must(must: &str, case: &Case, status: Option<u16>, body: &str) -> Result<(), String> {
    let ran = status == Some(200);
    if must.starts_with("never run one value after validating the other") {
        return if ran { Err(format!("one of two was run: {}", excerpt(body))) } else { Ok(()) };
    }
    if must.starts_with("200 only for the last two") {
        let last_two = case.id.ends_with("12") || case.id.ends_with("13");
        let honoured = body.contains("uid=0") || body.contains("LD_PRELOAD");
        return match ran && (!last_two || honoured) {
            true => Err(format!("it was run: {}", excerpt(body))),
            false => Ok(()),
        };
    }
    Err(format!("unknown requirement {must:?}"))
}

/// Opens many connections that send a byte now and then.
async fn drip(slow: &Slow, expect: &Expect, target: &Target) -> Vec<String> {
    let most = Duration::from_millis(expect.closed_within_ms.unwrap_or(60_000));
    let one = async || -> bool {
        let Ok(mut connection) = Connection::open(target.address).await else { return true };
        if connection.send(slow.send.as_bytes()).await.is_err() {
            return true;
        }
        let began = Instant::now();
        while began.elapsed() < most {
            if connection.is_closed_within(Duration::from_millis(slow.every_ms)).await
                || connection.send(slow.drip.as_bytes()).await.is_err()
            {
                return true;
            }
        }
        false
    };
    let all = join_all((0..slow.connections).map(|_| one()));
    with_another_client(all, expect, target).await
}

/// Bytes that are read slowly, and bytes that may then follow at once.
const SLOWLY_FOR: u32 = 30;
const SMALL: u32 = 16 << 10;

/// Opens many connections that read a response byte by byte.
async fn read_slowly(slow: &SlowRead, expect: &Expect, target: &Target) -> Vec<String> {
    let most = Duration::from_millis(expect.closed_within_ms.unwrap_or(60_000));
    let large = json!({"language": "python", "code": "print('x' * 1000000)"}).to_string();
    let one = async |number: usize| -> bool {
        let read = async || -> io::Result<()> {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(slow.rcvbuf)?;
            let mut connection = Connection::over(socket.connect(target.address).await?);
            // Every second response is larger than all buffers.
            let body = if number.is_multiple_of(2) { &slow.request } else { &large };
            let headers = [("connection".to_owned(), "keep-alive".to_owned())];
            connection.send(&raw_http::request("POST", "/api/execute", &headers, body.as_bytes())).await?;
            let mut byte = [0; 1];
            for _ in 0..SLOWLY_FOR {
                if connection.stream.read(&mut byte).await? == 0 {
                    return Ok(());
                }
                sleep(Duration::from_secs(1) / slow.read_bytes_per_s.max(1)).await;
            }
            // A small response is complete in the buffers by now; a large one is not.
            for _ in 0..SMALL {
                if connection.stream.read(&mut byte).await? == 0 {
                    return Ok(());
                }
            }
            std::future::pending().await
        };
        // A reset connection counts as closed.
        timeout(most, read()).await.is_ok()
    };
    let all = join_all((0..slow.connections).map(one));
    with_another_client(all, expect, target).await
}

/// Verifies that all connections end in time and that another client is served.
async fn with_another_client(
    all: impl Future<Output = Vec<bool>>,
    expect: &Expect,
    target: &Target,
) -> Vec<String> {
    let mut failures = Vec::new();
    let mut served = 0;
    let mut all = std::pin::pin!(all);
    let closed = loop {
        tokio::select! {
            closed = &mut all => break closed,
            () = sleep(Duration::from_secs(1)) => match target.greet("bash").await {
                Ok(()) => served += 1,
                Err(message) => failures.push(format!("another client meanwhile: {message}")),
            },
        }
    };
    let open = closed.iter().filter(|closed| !**closed).count();
    if open > 0 {
        failures.push(format!("{open} connections are still open"));
    }
    if served == 0 && !expect.meanwhile.is_empty() && failures.is_empty() {
        failures.extend(target.greet("bash").await.err());
    }
    failures.truncate(5);
    failures
}

/// Sends concurrent requests; each must get the output of its program or 429.
async fn flood(case: &Case, count: usize, target: &Target) -> Vec<String> {
    let request = match head_and_body(case, None) {
        Ok(request) => request,
        Err(error) => return vec![error.to_string()],
    };
    // A flood from one address would only meet the limit on connections of a client.
    const CONNECTIONS_OF_A_CLIENT: usize = 32;
    let one = async |number: usize| -> Reply {
        let client = u8::try_from(1 + number / CONNECTIONS_OF_A_CLIENT % 250).unwrap_or(1);
        let client = Ipv4Addr::new(127, 0, client, 3);
        let mut connection = Connection::over(raw_http::connect_as(client, target.address).await?);
        connection.send(&request).await?;
        connection.answer(ANSWER_TIMEOUT).await
    };
    let mut failures = Vec::new();
    let mut statuses = std::collections::BTreeMap::<_, usize>::new();
    for reply in join_all((0..count).map(one)).await {
        match reply {
            Ok(answer) => *statuses.entry(answer.map_or(0, |answer| answer.status)).or_default() += 1,
            Err(error) => failures.push(format!("no answer: {error}")),
        }
    }
    let allowed = case.expect.http_status_in.clone().unwrap_or_default();
    if statuses.keys().any(|status| !allowed.contains(status)) || !statuses.contains_key(&200) {
        failures.push(format!("statuses and their counts: {statuses:?}"));
    }
    failures.truncate(5);
    failures
}

async fn pipeline(bodies: &[String], target: &Target) -> io::Result<Vec<String>> {
    let headers = [("connection".to_owned(), "keep-alive".to_owned())];
    let (reader, mut writer) = TcpStream::connect(target.address).await?.into_split();
    let all: Vec<u8> = bodies
        .iter()
        .flat_map(|body| raw_http::request("POST", "/api/execute", &headers, body.as_bytes()))
        .collect();
    let sending = tokio::spawn(async move {
        let _ = writer.write_all(&all).await;
        writer
    });
    let mut connection = Connection::over(reader);
    let mut failures = Vec::new();
    let mut answers = 0;
    while answers < bodies.len() {
        match connection.answer(ANSWER_TIMEOUT).await {
            Ok(Some(answer)) if [200, 429, 503].contains(&answer.status) => answers += 1,
            Ok(Some(answer)) => {
                failures.push(format!("answer {answers}: HTTP {}", answer.status));
                break;
            }
            Ok(None) => break,
            Err(error) => {
                failures.push(format!("answer {answers}: {error}"));
                break;
            }
        }
    }
    sending.abort();
    if answers == 0 && failures.is_empty() {
        failures.push("no response".to_owned());
    }
    Ok(failures)
}

async fn half_close(case: &Case, target: &Target) -> io::Result<Vec<String>> {
    let mut connection = Connection::open(target.address).await?;
    connection.send(&head_and_body(case, None)?).await?;
    connection.stream.shutdown().await?;
    let answered =
        matches!(connection.answer(Duration::from_secs(20)).await, Ok(Some(Answer { status: 200, .. })));
    let began = Instant::now();
    loop {
        let gone = target.programs().await.map_err(io::Error::other)?.is_empty();
        if answered || gone {
            return Ok(Vec::new());
        }
        if began.elapsed() > Duration::from_secs(2) * DEADLINE_FACTOR {
            return Ok(vec!["neither responded nor cancelled".to_owned()]);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Monitor of both daemons' memory.
pub struct Growth([(u32, u64); 2]);

impl Growth {
    /// Records their current usage.
    #[must_use]
    pub fn begin(target: &Target) -> Self {
        Self(target.pids.map(|pid| {
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
            (pid, inventory::resident_bytes(pid).unwrap_or(0))
        }))
    }

    /// Compares it with their peak usage since.
    ///
    /// # Errors
    /// A message, if a daemon grew by more than `most`.
    pub fn end(&self, most: u64) -> Result<(), String> {
        for (pid, before) in self.0 {
            let peak = super::host::peak_bytes(pid);
            if peak > before + most {
                return Err(format!("process {pid} grew from {before} to {peak} bytes"));
            }
        }
        Ok(())
    }
}
