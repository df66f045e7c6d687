//! Events of an execution as a client reads them, in a live answer and in a session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{BuildId, ExecutionId, Outcome, StageName, StageReport, StreamName};
use serde::Serialize;

use crate::api::executor::answer::{Answer, NoOutput, Verdict};
use crate::api::executor::limits::LimitsJson;
use crate::domain::budget::{Budget, BudgetExceeded};
use crate::domain::encoding::Encoding;
use crate::domain::execution::{AppliedLimits, ExecutionEvent, is_cut};
use crate::domain::output_files::{LiveFiles, OmittedFilesJson, OutputFileJson};
use crate::domain::utf8_decoder::Utf8Decoder;
use crate::http::error::{ApiError, ErrorBody};

/// Format of a stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventFormat {
    /// Server-sent events, `text/event-stream`.
    Sse,
    /// A line of JSON per event, `application/x-ndjson`.
    Ndjson,
}

impl EventFormat {
    /// Returns the content type of a live answer.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// An event for the client. Its `type` is also the name of the server-sent event.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum LiveEvent<'a> {
    Queued {
        position: u32,
    },
    Started {
        #[cfg_attr(test, schemars(with = "String"))]
        id: ExecutionId,
        limits: LimitsJson,
        compile_limits: Option<LimitsJson>,
    },
    Stage(StageRef),
    Output {
        stream: OutputStream,
        data: String,
        #[serde(flatten)]
        stage: StageRef,
    },
    OutputFile {
        #[serde(flatten)]
        stage: StageRef,
        #[serde(flatten)]
        file: &'a OutputFileJson,
    },
    StageFinished {
        #[serde(flatten)]
        stage: StageRef,
        #[serde(flatten)]
        verdict: Verdict,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_files_omitted: Option<OmittedFilesJson>,
    },
    WaitingForInput(StageRef),
    Finished(&'a Answer<NoOutput>),
    Error(ErrorBody),
}

/// The stage that an event is about.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StageRef {
    stage: StageKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u32>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum StageKind {
    Compile,
    Run,
}

/// One of a program's two outputs.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
}

impl From<StreamName> for OutputStream {
    fn from(name: StreamName) -> Self {
        match name {
            StreamName::Stdout => Self::Stdout,
            StreamName::Stderr => Self::Stderr,
        }
    }
}

impl From<StageName> for StageRef {
    fn from(name: StageName) -> Self {
        match name {
            StageName::Compile => Self { stage: StageKind::Compile, run: None },
            StageName::Run(number) => Self { stage: StageKind::Run, run: Some(number) },
        }
    }
}

/// An encoded event.
#[derive(Debug)]
pub(crate) struct EncodedEvent {
    /// Complete lines. There are none if the event is part of a character, and several if a stage ends within one.
    pub(crate) lines: Vec<u8>,
    /// Whether no other event follows.
    pub(crate) is_last: bool,
}

/// Encoder for the events of one execution.
#[derive(Debug)]
pub(crate) struct EventEncoder {
    encoding: Encoding,
    format: EventFormat,
    limits: Option<AppliedLimits>,
    build: Option<BuildId>,
    /// The decoders of the stages that are active.
    decoders: Vec<(StageName, Decoders)>,
    files: LiveFiles,
}

/// The decoders of a stage's stdout and stderr.
#[derive(Debug, Default)]
struct Decoders {
    stdout: Utf8Decoder,
    stderr: Utf8Decoder,
}

impl Decoders {
    const fn of(&mut self, stream: StreamName) -> &mut Utf8Decoder {
        match stream {
            StreamName::Stdout => &mut self.stdout,
            StreamName::Stderr => &mut self.stderr,
        }
    }
}

impl EventEncoder {
    /// Creates an encoder. `encoding` is the one of the program's output. Memory for output files comes from `budget`.
    pub(crate) fn new(encoding: Encoding, format: EventFormat, budget: &Budget) -> Self {
        let files = LiveFiles::new(encoding, budget);
        Self { encoding, format, limits: None, build: None, decoders: Vec::new(), files }
    }

    /// Returns the format of the events.
    pub(crate) const fn format(&self) -> EventFormat {
        self.format
    }

    /// Encodes the next event, or the error that takes the place of the last one.
    pub(crate) fn encode(&mut self, event: Result<ExecutionEvent, ApiError>) -> EncodedEvent {
        let is_last = matches!(event, Ok(ExecutionEvent::Finished(_)) | Err(_));
        let mut lines = Vec::new();
        match event {
            Ok(ExecutionEvent::Queued { position }) => {
                self.write(&mut lines, &LiveEvent::Queued { position })
            }
            Ok(ExecutionEvent::Started { id, limits }) => {
                let compile_limits = limits.compile.as_deref().map(LimitsJson::from);
                let started =
                    LiveEvent::Started { id, limits: LimitsJson::from(&*limits.run), compile_limits };
                self.write(&mut lines, &started);
                self.limits = Some(limits);
            }
            Ok(ExecutionEvent::StageStarted(stage)) => {
                self.write(&mut lines, &LiveEvent::Stage(stage.into()));
            }
            Ok(ExecutionEvent::Output { stage, stream, bytes }) => {
                self.output(&mut lines, stage, stream, &bytes)
            }
            Ok(ExecutionEvent::OutputFile { stage, name, size }) => {
                let file = self.files.start(stage, name, size);
                return self.output_file(stage, file);
            }
            Ok(ExecutionEvent::OutputFileChunk { stage, bytes }) => {
                let pushed = self.files.push(stage, &bytes);
                return self.output_file(stage, pushed.map(|()| None));
            }
            Ok(ExecutionEvent::OutputFilesEnd { stage, omitted }) => {
                let file = self.files.end(stage, omitted);
                return self.output_file(stage, file);
            }
            Ok(ExecutionEvent::StageFinished(report)) => self.stage_finished(&mut lines, &report),
            Ok(ExecutionEvent::BuildKept(build)) => self.build = Some(build),
            Ok(ExecutionEvent::WaitingForInput(stage)) => {
                self.write(&mut lines, &LiveEvent::WaitingForInput(stage.into()));
            }
            Ok(ExecutionEvent::Finished(outcome)) => self.finished(&mut lines, &outcome),
            Err(error) => self.write(&mut lines, &LiveEvent::Error(error.body)),
        }
        EncodedEvent { lines, is_last }
    }

    fn output(&mut self, lines: &mut Vec<u8>, stage: StageName, stream: StreamName, bytes: &[u8]) {
        let data = match self.encoding {
            Encoding::Utf8 => self.decoders_of(stage).of(stream).push(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
        };
        self.write_output(lines, stage, stream, data);
    }

    fn decoders_of(&mut self, stage: StageName) -> &mut Decoders {
        let index = self.decoders.iter().position(|(active, _)| *active == stage).unwrap_or_else(|| {
            self.decoders.push((stage, Decoders::default()));
            self.decoders.len() - 1
        });
        &mut self.decoders[index].1
    }

    fn stage_finished(&mut self, lines: &mut Vec<u8>, report: &StageReport) {
        if let Some(index) = self.decoders.iter().position(|(active, _)| *active == report.stage) {
            let (_, mut decoders) = self.decoders.remove(index);
            for stream in [StreamName::Stdout, StreamName::Stderr] {
                let rest = decoders.of(stream).finish(is_cut(report, stream));
                self.write_output(lines, report.stage, stream, rest);
            }
        }
        let verdict = Verdict::new(report, false);
        let output_files_omitted = self.files.take_omitted(report.stage);
        let stage = report.stage.into();
        self.write(lines, &LiveEvent::StageFinished { stage, verdict, output_files_omitted });
    }

    /// Encodes an output file, if one is complete. Without memory for it, the execution ends with an error.
    fn output_file(
        &mut self,
        stage: StageName,
        file: Result<Option<OutputFileJson>, BudgetExceeded>,
    ) -> EncodedEvent {
        let mut lines = Vec::new();
        match file {
            Ok(Some(file)) => {
                self.write(&mut lines, &LiveEvent::OutputFile { stage: stage.into(), file: &file });
            }
            Ok(None) => {}
            Err(error) => return self.encode(Err(error.into())),
        }
        EncodedEvent { lines, is_last: false }
    }

    fn finished(&self, lines: &mut Vec<u8>, outcome: &Outcome) {
        let answer = Answer::without_output(outcome, self.limits.as_ref()).with_build(self.build);
        self.write(lines, &LiveEvent::Finished(&answer));
    }

    fn write_output(&self, lines: &mut Vec<u8>, stage: StageName, stream: StreamName, data: String) {
        if !data.is_empty() {
            self.write(lines, &LiveEvent::Output { stream: stream.into(), data, stage: stage.into() });
        }
    }

    fn write(&self, lines: &mut Vec<u8>, event: &LiveEvent) {
        if self.format == EventFormat::Sse {
            lines.extend_from_slice(b"event: ");
            lines.extend_from_slice(event.name().as_bytes());
            lines.extend_from_slice(b"\ndata: ");
        }
        // Serializing strings and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut *lines, event);
        lines.extend_from_slice(if self.format == EventFormat::Sse { b"\n\n" } else { b"\n" });
    }
}

/// Returns an error event as JSON.
pub(crate) fn error_event(error: ErrorBody) -> String {
    // Serializing strings and numbers into memory cannot fail.
    serde_json::to_string(&LiveEvent::Error(error)).unwrap_or_default()
}

impl LiveEvent<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Started { .. } => "started",
            Self::Stage(_) => "stage",
            Self::Output { .. } => "output",
            Self::OutputFile { .. } => "output_file",
            Self::StageFinished { .. } => "stage_finished",
            Self::WaitingForInput(_) => "waiting_for_input",
            Self::Finished(_) => "finished",
            Self::Error(_) => "error",
        }
    }
}
