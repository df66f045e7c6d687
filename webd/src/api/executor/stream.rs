//! An execution told live: each event of the daemon as a server-sent event or as a line of JSON.
//!
//! The body pulls: the next event is read from the daemon only when the connection took the last one, so that a slow
//! reader slows the program and nothing piles up here.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use protocol::{
    Client, ClientError, Event, ExecutionId, Limits, Outcome, StageName, StageReport, StreamName,
};
use serde::Serialize;
use tokio::time::timeout;

use crate::api::executor::answer::{Answer, LimitsJson, Verdict, with_answer};
use crate::api::executor::request::Encoding;
use crate::domain::utf8::Utf8;
use crate::http::error::{ApiError, ErrorBody};

/// After so much silence a comment is sent, so that proxies do not take the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `text/event-stream`.
    Sse,
    /// `application/x-ndjson`.
    Ndjson,
}

impl Form {
    /// Of the answer.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// The events of an execution, from the first one that was read already. Dropping the body ends the execution.
pub(crate) fn body(client: Client, first: Event, encoding: Encoding, form: Form) -> Body {
    let live = Live { client, first: Some(first), telling: Telling::new(encoding, form) };
    Body::from_stream(stream::unfold(Some(live), Live::next))
}

struct Live {
    client: Client,
    first: Option<Event>,
    telling: Telling,
}

impl Live {
    /// The next piece of the body, and what comes after it.
    async fn next(live: Option<Self>) -> Option<(Result<Bytes, Infallible>, Option<Self>)> {
        let mut live = live?;
        loop {
            let Some(event) = live.event().await else {
                match live.telling.form {
                    Form::Sse => return Some((Ok(Bytes::from_static(b": still here\n\n")), Some(live))),
                    Form::Ndjson => continue,
                }
            };
            let is_last = !is_followed(&event);
            let told = Bytes::from(live.telling.tell(event));
            if is_last {
                return Some((Ok(told), None));
            }
            if !told.is_empty() {
                return Some((Ok(told), Some(live)));
            }
        }
    }

    /// None if there was none for a while.
    async fn event(&mut self) -> Option<Result<Event, ClientError>> {
        match self.first.take() {
            Some(event) => Some(Ok(event)),
            None => timeout(KEEP_ALIVE, self.client.event()).await.ok(),
        }
    }
}

/// More events come after this one.
pub(crate) fn is_followed(event: &Result<Event, ClientError>) -> bool {
    use Event::{Output, Queued, StageFinished, StageStarted, Started};
    matches!(event, Ok(Queued { .. } | Started { .. } | StageStarted(_) | Output { .. } | StageFinished(_)))
}

/// What a client reads; the `type` is the name of the server-sent event as well.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    Queued {
        position: u32,
    },
    Started {
        id: ExecutionId,
        limits: LimitsJson,
    },
    Stage(Place),
    Output {
        stream: &'static str,
        data: String,
    },
    StageFinished {
        #[serde(flatten)]
        place: Place,
        #[serde(flatten)]
        verdict: Verdict,
    },
    Finished(&'a Answer<'a>),
    Error(ErrorBody),
}

#[derive(Debug, Serialize)]
struct Place {
    stage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u32>,
}

impl From<StageName> for Place {
    fn from(name: StageName) -> Self {
        match name {
            StageName::Compile => Self { stage: "compile", run: None },
            StageName::Run(number) => Self { stage: "run", run: Some(number) },
        }
    }
}

/// What is remembered between events.
pub(crate) struct Telling {
    encoding: Encoding,
    form: Form,
    limits: Option<Box<Limits>>,
    stdout: Utf8,
    stderr: Utf8,
}

impl Telling {
    /// Of an execution that begins.
    pub(crate) fn new(encoding: Encoding, form: Form) -> Self {
        Self { encoding, form, limits: None, stdout: Utf8::default(), stderr: Utf8::default() }
    }

    /// An event as a client reads it; several at once, or none, where characters were cut.
    pub(crate) fn tell(&mut self, event: Result<Event, ClientError>) -> Vec<u8> {
        let mut text = Vec::new();
        match event {
            Ok(Event::Queued { position }) => self.write(&mut text, &Told::Queued { position }),
            Ok(Event::Started { id, limits }) => {
                self.write(&mut text, &Told::Started { id, limits: LimitsJson::new(&limits) });
                self.limits = Some(limits);
            }
            Ok(Event::StageStarted(stage)) => self.write(&mut text, &Told::Stage(stage.into())),
            Ok(Event::Output { stream, bytes }) => self.output(&mut text, stream, &bytes),
            Ok(Event::StageFinished(report)) => self.stage_finished(&mut text, &report),
            Ok(Event::Finished(outcome)) => self.finished(&mut text, &outcome),
            Ok(Event::Rejected(rejection)) => self.error(&mut text, rejection.into()),
            Ok(Event::Failed { id, message }) => self.error(&mut text, ApiError::failed(id, message)),
            Ok(Event::Languages(_) | Event::Status(_) | Event::Checked(_) | Event::CheckDone) => {
                self.error(&mut text, ClientError::Unexpected.into());
            }
            Err(error) => self.error(&mut text, error.into()),
        }
        text
    }

    fn output(&mut self, text: &mut Vec<u8>, stream: StreamName, bytes: &[u8]) {
        let (name, utf8) = match stream {
            StreamName::Stdout => ("stdout", &mut self.stdout),
            StreamName::Stderr => ("stderr", &mut self.stderr),
        };
        let data = match self.encoding {
            Encoding::Utf8 => utf8.push(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
        };
        self.write_output(text, name, data);
    }

    fn stage_finished(&mut self, text: &mut Vec<u8>, report: &StageReport) {
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        self.write_output(text, "stdout", stdout);
        self.write_output(text, "stderr", stderr);
        let verdict = Verdict::new(report, false);
        self.write(text, &Told::StageFinished { place: report.stage.into(), verdict });
    }

    fn finished(&self, text: &mut Vec<u8>, outcome: &Outcome) {
        with_answer(outcome, self.limits.as_deref(), None, |answer| {
            self.write(text, &Told::Finished(answer))
        });
    }

    fn error(&self, text: &mut Vec<u8>, error: ApiError) {
        self.write(text, &Told::Error(error.body));
    }

    fn write_output(&self, text: &mut Vec<u8>, stream: &'static str, data: String) {
        if !data.is_empty() {
            self.write(text, &Told::Output { stream, data });
        }
    }

    fn write(&self, text: &mut Vec<u8>, told: &Told) {
        if self.form == Form::Sse {
            text.extend_from_slice(b"event: ");
            text.extend_from_slice(told.name().as_bytes());
            text.extend_from_slice(b"\ndata: ");
        }
        // Writing strings and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut *text, told);
        text.extend_from_slice(if self.form == Form::Sse { b"\n\n" } else { b"\n" });
    }
}

/// An error as an event, alone in its line.
pub(crate) fn error_line(error: ErrorBody) -> String {
    // Writing strings and numbers into memory cannot fail.
    serde_json::to_string(&Told::Error(error)).unwrap_or_default()
}

impl Told<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Started { .. } => "started",
            Self::Stage(_) => "stage",
            Self::Output { .. } => "output",
            Self::StageFinished { .. } => "stage_finished",
            Self::Finished(_) => "finished",
            Self::Error(_) => "error",
        }
    }
}
