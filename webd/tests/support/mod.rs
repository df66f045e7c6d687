//! A fake daemon that follows a script, a webd in front of it, and a client that sends raw bytes.

#![allow(dead_code, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::codec::Frames;
use protocol::{
    ArgumentPatterns, Availability, ByteCount, Editor, Event, ExecuteRequest, ExecutionCount, ExecutionId,
    Hello, LIMITS, Language, LanguageOption, Limits, OptionChoice, OptionValue, Outcome, Request,
    ServerStatus, StageName, StageReport, StartKind, Status, StepTimes, StreamName, Usage, WarmCount,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::codec::Framed;
use webd::Config;

/// Time after which a test fails.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// What the daemon does after it has received a request.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a test has few steps")]
pub(crate) enum Step {
    Send(Event),
    Wait(Duration),
    /// Wait until the client disconnects.
    WaitForDisconnect,
    /// Wait until the client sends a message or disconnects.
    Receive,
    /// Send output until the client sends a message.
    FloodUntilReceived,
    /// Send output until the client disconnects.
    Flood,
    Disconnect,
}

/// What the daemon received.
#[derive(Debug, PartialEq)]
pub(crate) enum Observation {
    Request(Box<ExecuteRequest>),
    Control(Request),
    Disconnect,
}

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// The address of the metrics, if they have one of their own.
    pub(crate) metrics_address: Option<SocketAddr>,
    pub(crate) observations: mpsc::UnboundedReceiver<Observation>,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) server: JoinHandle<()>,
    /// Connections that the daemon has accepted.
    pub(crate) daemon_connections: Arc<AtomicUsize>,
}

/// Starts a webd in front of a daemon that follows `script` for every execution.
pub(crate) async fn start_server(
    script: impl Fn(&ExecuteRequest) -> Vec<Step> + Send + Sync + 'static,
) -> TestServer {
    server_with(|_| {}, script).await
}

pub(crate) async fn server_with(
    configure: impl FnOnce(&mut Config),
    script: impl Fn(&ExecuteRequest) -> Vec<Step> + Send + Sync + 'static,
) -> TestServer {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config { socket: directory.path().join("executord.sock"), ..Config::default() };
    config.web = directory.path().join("web");
    let daemon = UnixListener::bind(&config.socket).unwrap();
    let (observer, observations) = mpsc::unbounded_channel();
    let script: Arc<Script> = Arc::new(script);
    let daemon_connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&daemon_connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = daemon.accept().await {
            accepted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(follow_script(stream, Arc::clone(&script), observer.clone()));
        }
    });
    configure(&mut config);
    let metrics = match config.metrics_listen {
        Some(address) => Some(TcpListener::bind(address).await.unwrap()),
        None => None,
    };
    let metrics_address = metrics.as_ref().map(|listener| listener.local_addr().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        // Dropping `TestServer` does not stop webd; the runtime does when the test ends.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let server = tokio::spawn(async {
        webd::serve(listener, metrics, config, shutdown)
            .await
            .expect("the key file and the store can be used");
    });
    TestServer { address, metrics_address, observations, directory, stop, server, daemon_connections }
}

type Script = dyn Fn(&ExecuteRequest) -> Vec<Step> + Send + Sync;

async fn follow_script(
    stream: UnixStream,
    script: Arc<Script>,
    observer: mpsc::UnboundedSender<Observation>,
) -> Option<()> {
    let mut frames = Framed::new(stream, Frames::hello());
    frames.next().await?.ok()?;
    frames.send(Hello::CURRENT).await.ok()?;
    let mut frames = frames.map_codec(Frames::after_hello::<Request, Event>);
    let request = loop {
        match frames.next().await?.ok()? {
            Request::Execute(request) => break *request,
            Request::Languages => frames.send(Event::Languages(languages())).await.ok()?,
            Request::Status => frames.send(Event::Status(Box::new(status()))).await.ok()?,
            _ => return None,
        }
    };
    let steps = script(&request);
    let _ = observer.send(Observation::Request(Box::new(request)));
    for step in steps {
        match step {
            Step::Send(event) => frames.send(event).await.ok()?,
            Step::Wait(time) => sleep(time).await,
            Step::Disconnect => return None,
            Step::WaitForDisconnect => {
                if frames.next().await.is_none() {
                    let _ = observer.send(Observation::Disconnect);
                    return None;
                }
            }
            Step::Receive => match frames.next().await {
                Some(request) => drop(observer.send(Observation::Control(request.ok()?))),
                None => {
                    let _ = observer.send(Observation::Disconnect);
                    return None;
                }
            },
            Step::FloodUntilReceived => {
                let (mut sink, mut stream) = frames.split();
                let chunk = output(StreamName::Stdout, &[b'x'; 65536]);
                let flooding = async {
                    while sink.send(chunk.clone()).await.is_ok() {}
                    std::future::pending::<()>().await;
                };
                let request = tokio::select! {
                    () = flooding => return None,
                    request = stream.next() => request?.ok()?,
                };
                let _ = observer.send(Observation::Control(request));
                frames = sink.reunite(stream).ok()?;
            }
            Step::Flood => {
                let chunk = output(StreamName::Stdout, &[b'x'; 65536]);
                while frames.send(chunk.clone()).await.is_ok() {}
                let _ = observer.send(Observation::Disconnect);
                return None;
            }
        }
    }
    // webd may use the connection for another execution, so webd closes it.
    frames.next().await?.ok()?;
    None
}

pub(crate) fn send_all(events: Vec<Event>) -> Vec<Step> {
    events.into_iter().map(Step::Send).collect()
}

pub(crate) fn id() -> ExecutionId {
    ExecutionId(uuid::Uuid::from_u128(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd))
}

pub(crate) fn limits() -> Limits {
    Limits { file_size: ByteCount::mib(16), files: 1000, ..Limits::RUN }
}

/// Checks that all limits in `json` are those of [`limits`], and replaces them: a snapshot then does not change with a
/// new limit.
pub(crate) fn mask_limits(mut json: Value) -> Value {
    match &mut json {
        Value::Object(fields) => {
            for (name, field) in fields {
                if ["limits", "compile_limits"].contains(&name.as_str()) && field.is_object() {
                    let expected: Value =
                        LIMITS.iter().map(|limit| (limit.json_key, limit.number(&limits()))).collect();
                    assert_eq!(*field, expected);
                    *field = "(limits)".into();
                } else {
                    *field = mask_limits(field.take());
                }
            }
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| *element = mask_limits(element.take()));
        }
        _ => {}
    }
    json
}

pub(crate) fn started() -> Event {
    Event::Started { id: id(), limits: Box::new(limits()), compile_limits: None }
}

pub(crate) fn output(stream: StreamName, bytes: &[u8]) -> Event {
    output_of(StageName::Run(0), stream, bytes)
}

pub(crate) fn output_of(stage: StageName, stream: StreamName, bytes: &[u8]) -> Event {
    Event::Output { stream, bytes: Bytes::copy_from_slice(bytes), stage }
}

pub(crate) fn report(stage: StageName, status: Status) -> StageReport {
    let usage = Usage {
        wall_time: Duration::from_micros(12_345),
        cpu_time: Duration::from_micros(6_789),
        peak_memory: ByteCount::mib(5),
        user_time: Duration::from_micros(6_000),
        system_time: Duration::from_micros(789),
        peak_processes: Some(1),
        stdout: ByteCount(3),
        stderr: ByteCount(0),
    };
    let (start, start_time) = (Some(StartKind::Cold), Duration::from_micros(4_567));
    StageReport { usage, start, start_time, ..StageReport::new(stage, status) }
}

/// Returns the events of one run that writes `stdout` and ends with `status`.
pub(crate) fn one_run(stdout: &[u8], status: Status) -> Vec<Event> {
    let run = report(StageName::Run(0), status);
    vec![
        started(),
        Event::StageStarted(StageName::Run(0)),
        output(StreamName::Stdout, stdout),
        Event::StageFinished(run.clone()),
        Event::Finished(Outcome { id: id(), runs: vec![run], ..Outcome::default() }),
    ]
}

pub(crate) fn hello() -> Vec<Step> {
    send_all(one_run(b"hi\n", Status::Exited(0)))
}

fn option(
    name: &str,
    default: OptionValue,
    values: &[(&str, Option<&str>)],
    unavailable: Option<&str>,
) -> LanguageOption {
    let value = |&(name, unavailable): &(&str, Option<&str>)| OptionChoice {
        name: name.to_owned(),
        unavailable: unavailable.map(str::to_owned),
    };
    LanguageOption {
        name: name.to_owned(),
        title: name.to_uppercase(),
        help: "Changes something".to_owned(),
        default,
        values: values.iter().map(value).collect(),
        unavailable: unavailable.map(str::to_owned),
    }
}

pub(crate) fn languages() -> Vec<Language> {
    let python = Language {
        name: "python".to_owned(),
        title: "Python 3".to_owned(),
        aliases: vec!["py".to_owned()],
        extensions: vec!["py".to_owned()],
        file_name: "main.py".to_owned(),
        availability: Availability::Available { version: "Python 3.11.2".to_owned() },
        limits: limits(),
        compile_limits: None,
        editor: Editor { mode: "python".to_owned(), line_comment: "#".to_owned(), indent: 4 },
        example: "print(\"hello\")\n".to_owned(),
        options: vec![
            option(
                "optimize",
                OptionValue::Choice("0".to_owned()),
                &[("0", None), ("9", Some("too old"))],
                None,
            ),
            option("jit", OptionValue::Flag(false), &[], Some("it requires version 4, and 3 is installed")),
        ],
        arguments: ArgumentPatterns { compile: Vec::new(), run: vec!["-[BE]{1,2}".to_owned()] },
        formatter: Some("black".to_owned()),
        judge0_ids: Vec::new(),
        packages: Vec::new(),
        versions: Vec::new(),
    };
    let go = Language {
        name: "go".to_owned(),
        aliases: vec!["golang".to_owned()],
        availability: Availability::Unavailable { reason: "go is not installed".to_owned() },
        compile_limits: Some(limits()),
        options: Vec::new(),
        ..python.clone()
    };
    vec![go, python]
}

pub(crate) fn status() -> ServerStatus {
    ServerStatus {
        version: "0.1.0".to_owned(),
        uptime: Duration::from_millis(61_500),
        draining: false,
        slots: 2,
        running: 1,
        queued: 3,
        queue_capacity: 64,
        cgroups: "cgroup v2".to_owned(),
        degraded: vec!["no Landlock".to_owned()],
        free_uids: 65_000,
        quarantined_uids: 4,
        executions: vec![
            ExecutionCount { language: "python".to_owned(), result: "ok".to_owned(), count: 7 },
            ExecutionCount { language: "cpp".to_owned(), result: "compile_error".to_owned(), count: 2 },
        ],
        steps: vec![StepTimes {
            step: "run".to_owned(),
            buckets: (0..16).map(|bucket| u64::from(bucket == 3) * 5 + u64::from(bucket == 15)).collect(),
            total: Duration::from_millis(20_500),
        }],
        warm: vec![WarmCount {
            language: "python".to_owned(),
            stage: "run".to_owned(),
            ready: 2,
            hits: 5,
            misses: 1,
        }],
        idle: 1,
        max_executions: 32,
    }
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn code(&self) -> String {
        let json = self.json();
        assert!(json["error"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
        json["code"].as_str().unwrap().to_owned()
    }
}

impl TestServer {
    /// Sends bytes, and reads until the server closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            // The server may refuse the request while the client is still sending.
            let _ = stream.write_all(bytes).await;
            let mut received = Vec::new();
            let _ = stream.read_to_end(&mut received).await;
            received
        };
        timeout(TIMEOUT, exchange).await.expect("the server closes the connection")
    }

    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut bytes =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
        for header in headers {
            bytes.extend_from_slice(format!("{header}\r\n").as_bytes());
        }
        if !body.is_empty() {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        parse(&self.raw(&bytes).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").await
    }

    pub(crate) async fn execute(&self, body: impl AsRef<[u8]>) -> Answer {
        self.request("POST", "/api/execute", &["Content-Type: application/json"], body.as_ref()).await
    }

    pub(crate) async fn live(&self, accept: &str, body: &str) -> Answer {
        let accept = format!("Accept: {accept}");
        self.request("POST", "/api/execute", &["Content-Type: application/json", &accept], body.as_bytes())
            .await
    }

    pub(crate) async fn observe(&mut self) -> Observation {
        timeout(TIMEOUT, self.observations.recv()).await.expect("the daemon receives something").unwrap()
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = dechunked(&answer.body);
    }
    answer
}

fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
    whole
}
