//! An executord that says what it is told to, and `executor` against it.

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
    ByteCount, Event, ExecuteRequest, ExecutionId, Hello, Outcome, Request, StageName, StageReport, Status,
    StreamName, Usage,
};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::codec::Framed;
use uuid::Uuid;

pub struct Conversation(Framed<UnixStream, Frames<Request, Event>>);

impl Conversation {
    pub async fn hear(&mut self) -> Option<Request> {
        self.0.next().await.map(|request| request.expect("a frame"))
    }

    pub async fn hear_execute(&mut self) -> ExecuteRequest {
        let heard = self.hear().await;
        let Some(Request::Execute(request)) = heard else { unreachable!("heard {heard:?}") };
        *request
    }

    pub async fn say(&mut self, event: Event) {
        self.0.send(event).await.expect("the client listens");
    }

    pub async fn print(&mut self, stream: StreamName, text: impl Into<Bytes>) {
        self.say(Event::Output { stream, bytes: text.into() }).await;
    }

    /// The last words of a run that ended with `status`.
    pub async fn finish(&mut self, status: Status) {
        self.say(Event::Finished(Outcome {
            id: id(),
            compile: None,
            runs: vec![report(StageName::Run(0), status)],
        }))
        .await;
    }

    /// The language asked for, or none if the client left instead.
    pub async fn hear_execute_or_end(&mut self) -> Option<String> {
        match self.hear().await {
            Some(Request::Execute(request)) => Some(request.language),
            _ => None,
        }
    }

    /// Whether the client still listens.
    pub async fn try_print(&mut self, text: &'static str) -> bool {
        let bytes = Bytes::from_static(text.as_bytes());
        self.0.send(Event::Output { stream: StreamName::Stdout, bytes }).await.is_ok()
    }

    pub async fn start(&mut self) {
        self.say(Event::StageStarted(StageName::Run(0))).await;
    }
}

pub struct Fake {
    directory: TempDir,
}

impl Fake {
    /// Every connection, after its hello, goes by `script`.
    pub fn new<F>(script: impl Fn(Conversation) -> F + Send + 'static) -> Self
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
                    frames.send(Hello::CURRENT).await.expect("the client listens");
                    script(Conversation(frames.map_codec(Frames::after_hello))).await;
                }
            });
        });
        Self { directory }
    }

    /// One that runs any program: it prints nothing and ends with `status`.
    pub fn that_ends_with(status: Status) -> Self {
        Self::new(move |mut conversation| {
            let status = status.clone();
            async move {
                conversation.hear_execute().await;
                conversation.start().await;
                conversation.finish(status).await;
            }
        })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Write a file beside the socket.
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

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_stdin(arguments, b"")
    }

    pub fn run_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("executor starts");
        // It may end without having read all, which is its right.
        let _ = child.stdin.take().expect("a pipe").write_all(stdin);
        Ran::new(child.wait_with_output().expect("executor ends"))
    }
}

pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
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
        stage,
        status,
        usage: Usage {
            wall_time: Duration::from_millis(21),
            cpu_time: Duration::from_micros(15_250),
            peak_memory: ByteCount::mib(9),
        },
        stdout_truncated: false,
        stderr_truncated: false,
    }
}
