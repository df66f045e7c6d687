//! A scripted executord, and `executor` as its client.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::codec::Frames;
use protocol::{
    ByteCount, Event, ExecuteRequest, ExecutionId, Hello, Outcome, Request, StageName, StageReport,
    StartKind, Status, StreamName, Usage,
};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::codec::Framed;
use uuid::Uuid;

pub struct Connection(Framed<UnixStream, Frames<Request, Event>>);

impl Connection {
    pub async fn receive(&mut self) -> Option<Request> {
        self.0.next().await.map(|request| request.expect("a frame"))
    }

    pub async fn receive_execute(&mut self) -> ExecuteRequest {
        let received = self.receive().await;
        let Some(Request::Execute(request)) = received else { unreachable!("received {received:?}") };
        *request
    }

    pub async fn send(&mut self, event: Event) {
        self.0.send(event).await.expect("the client reads");
    }

    pub async fn print(&mut self, stream: StreamName, text: impl Into<Bytes>) {
        self.print_in(StageName::Run(0), stream, text).await;
    }

    pub async fn print_in(&mut self, stage: StageName, stream: StreamName, text: impl Into<Bytes>) {
        self.send(Event::Output { stream, bytes: text.into(), stage }).await;
    }

    /// Sends the outcome of one run with `status`.
    pub async fn finish(&mut self, status: Status) {
        self.send(Event::Finished(Outcome {
            id: id(),
            runs: vec![report(StageName::Run(0), status)],
            queue_time: Duration::from_micros(40),
            ..Outcome::default()
        }))
        .await;
    }

    /// Returns the requested language, or `None` if the client disconnects instead.
    pub async fn receive_execute_or_end(&mut self) -> Option<String> {
        match self.receive().await {
            Some(Request::Execute(request)) => Some(request.language),
            _ => None,
        }
    }

    /// Sends output and returns whether the client is still connected.
    pub async fn try_print(&mut self, text: &'static str) -> bool {
        let bytes = Bytes::from_static(text.as_bytes());
        let stage = StageName::Run(0);
        self.0.send(Event::Output { stream: StreamName::Stdout, bytes, stage }).await.is_ok()
    }

    pub async fn start(&mut self) {
        self.send(Event::StageStarted(StageName::Run(0))).await;
    }
}

pub struct FakeDaemon {
    directory: TempDir,
}

impl FakeDaemon {
    /// Creates a daemon that runs `script` for each connection, after its hello.
    pub fn new<F>(script: impl Fn(Connection) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let socket = directory.path().join("executord.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).expect("an empty directory");
        listener.set_nonblocking(true).expect("a socket can do that");
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = UnixListener::from_std(listener).expect("a runtime");
                while let Ok((stream, _)) = listener.accept().await {
                    let mut frames = Framed::new(stream, Frames::hello());
                    frames.next().await.expect("a hello").expect("a hello");
                    frames.send(Hello::CURRENT).await.expect("the client reads");
                    script(Connection(frames.map_codec(Frames::after_hello))).await;
                }
            });
        });
        Self { directory }
    }

    /// Creates a daemon that answers each program with `status` and no output.
    pub fn that_ends_with(status: Status) -> Self {
        Self::new(move |mut connection| {
            let status = status.clone();
            async move {
                connection.receive_execute().await;
                connection.start().await;
                connection.finish(status).await;
            }
        })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file in the directory of the socket.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the directory")).expect("a writable directory");
        std::fs::write(&path, content).expect("a writable directory");
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = executor(&self.path().join("executord.sock"), arguments);
        command.current_dir(self.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with_stdin(arguments, b"")
    }

    pub fn run_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Finished {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("executor starts");
        // It may end before it has read everything.
        let _ = child.stdin.take().expect("a pipe").write_all(stdin);
        Finished::new(child.wait_with_output().expect("executor ends"))
    }
}

/// Exit status and output of one `executor`.
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("one JSON value on stdout")
    }
}

pub fn executor(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_executor"));
    command.args(arguments).env("EXECUTOR_SOCKET", socket).env_remove("NO_COLOR");
    command
}

pub fn id() -> ExecutionId {
    ExecutionId(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff))
}

pub fn report(stage: StageName, status: Status) -> StageReport {
    StageReport {
        usage: Usage {
            wall_time: Duration::from_millis(21),
            cpu_time: Duration::from_micros(15_250),
            peak_memory: ByteCount::mib(9),
            user_time: Duration::from_micros(12_000),
            system_time: Duration::from_micros(3_250),
            peak_processes: Some(2),
            stdout: ByteCount(3),
            stderr: ByteCount(4),
        },
        start: Some(StartKind::Warm),
        start_time: Duration::from_micros(1_500),
        ..StageReport::new(stage, status)
    }
}
