//! The events of a session, from JSON to the events of the daemon.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::{Event, ExecutionId, OmittedFiles, StageName, StreamName};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::remote::answer::{FinishedJson, StageJson, limits};
use crate::remote::error::{ApiError, RemoteError};

/// An event of the server.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EventJson {
    Queued {
        position: u32,
    },
    Started {
        id: String,
        limits: Map<String, Value>,
        compile_limits: Option<Map<String, Value>>,
    },
    Stage(StageRefJson),
    Output {
        stream: StreamJson,
        /// In base64.
        data: String,
        #[serde(flatten)]
        stage: StageRefJson,
    },
    OutputFile {
        #[serde(flatten)]
        stage: StageRefJson,
        name: String,
        size: u64,
        content: Option<String>,
        content_base64: Option<String>,
    },
    StageFinished {
        #[serde(flatten)]
        stage: StageRefJson,
        output_files_omitted: Option<OmittedJson>,
        #[serde(flatten)]
        result: StageJson,
    },
    WaitingForInput(StageRefJson),
    Finished(FinishedJson),
    Error(ApiError),
    /// An event that a newer server sends.
    #[serde(other)]
    Unknown,
}

/// The stage that an event is about.
#[derive(Clone, Copy, Debug, Deserialize)]
struct StageRefJson {
    stage: StageKindJson,
    run: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StageKindJson {
    Compile,
    Run,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StreamJson {
    Stdout,
    Stderr,
}

/// Files that were not returned.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OmittedJson {
    too_many: u32,
    too_large: u32,
    not_regular: u32,
    invalid_name: u32,
    unreadable: u32,
    incomplete: bool,
}

impl From<StageRefJson> for StageName {
    fn from(stage: StageRefJson) -> Self {
        match stage.stage {
            StageKindJson::Compile => Self::Compile,
            StageKindJson::Run => Self::Run(stage.run.unwrap_or_default()),
        }
    }
}

impl From<OmittedJson> for OmittedFiles {
    fn from(omitted: OmittedJson) -> Self {
        let OmittedJson { too_many, too_large, not_regular, invalid_name, unreadable, incomplete } = omitted;
        Self { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete: incomplete }
    }
}

/// Decoder for the events of one execution.
#[derive(Debug)]
pub(crate) struct EventDecoder {
    /// Whether the client asked for the files of its runs, and for those of the compilation.
    pub(crate) wants_outputs: bool,
    pub(crate) wants_artifacts: bool,
}

impl EventDecoder {
    /// Decodes one message into any number of events.
    ///
    /// # Errors
    /// [`RemoteError::Api`] for the error that takes the place of the last event.
    pub(crate) fn decode(&self, message: &str) -> Result<Vec<Event>, RemoteError> {
        let event = serde_json::from_str(message).map_err(|error| RemoteError::Answer(error.to_string()))?;
        Ok(match event {
            EventJson::Queued { position } => vec![Event::Queued { position }],
            EventJson::Started { id, limits: run, compile_limits } => vec![Event::Started {
                id: execution_id(&id)?,
                limits: Box::new(limits(&run)?),
                compile_limits: compile_limits.as_ref().map(limits).transpose()?.map(Box::new),
            }],
            EventJson::Stage(stage) => vec![Event::StageStarted(stage.into())],
            EventJson::Output { stream, data, stage } => {
                let stream = match stream {
                    StreamJson::Stdout => StreamName::Stdout,
                    StreamJson::Stderr => StreamName::Stderr,
                };
                vec![Event::Output { stream, bytes: decode_base64(&data)?, stage: stage.into() }]
            }
            EventJson::OutputFile { stage, name, size, content, content_base64 } => {
                let stage = stage.into();
                let bytes = match content_base64 {
                    Some(content) => decode_base64(&content)?,
                    None => content.unwrap_or_default().into(),
                };
                vec![Event::OutputFile { stage, name, size }, Event::OutputFileChunk { stage, bytes }]
            }
            EventJson::StageFinished { stage, output_files_omitted, result } => {
                let stage = StageName::from(stage);
                let omitted = output_files_omitted.map(OmittedFiles::from).unwrap_or_default();
                let files_end = self.searches(stage).then_some(Event::OutputFilesEnd { stage, omitted });
                let finished = Event::StageFinished(result.into_report(stage)?);
                files_end.into_iter().chain([finished]).collect()
            }
            EventJson::WaitingForInput(stage) => vec![Event::WaitingForInput(stage.into())],
            EventJson::Finished(finished) => {
                let build = finished.build.as_deref().map(str::parse).transpose();
                let build = build.map_err(|error| RemoteError::Answer(format!("`build`: {error}")))?;
                let kept = build.map(Event::BuildKept);
                kept.into_iter().chain([Event::Finished(finished.into_outcome()?)]).collect()
            }
            EventJson::Error(error) => return Err(RemoteError::Api(error)),
            EventJson::Unknown => Vec::new(),
        })
    }

    /// Returns whether the server looks for files of a stage.
    const fn searches(&self, stage: StageName) -> bool {
        match stage {
            StageName::Compile => self.wants_artifacts,
            StageName::Run(_) => self.wants_outputs,
        }
    }
}

fn execution_id(text: &str) -> Result<ExecutionId, RemoteError> {
    text.parse().map(ExecutionId).map_err(|_| RemoteError::Answer(format!("`id` is {text:?}")))
}

fn decode_base64(text: &str) -> Result<Bytes, RemoteError> {
    STANDARD.decode(text).map(Bytes::from).map_err(|error| RemoteError::Answer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use protocol::{Outcome, StageReport, Status};

    use super::*;

    const STAGE: &str = r#""status":"ok","exit_code":0,"signal":null,"signal_name":null,"truncated":false,"cause":null,
        "usage":{"wall_ms":0,"cpu_ms":0,"memory_bytes":0,"peak_processes":null},"start":null,"start_ms":0"#;

    #[track_caller]
    fn check(message: &str, expected: &[Event]) {
        let decoder = EventDecoder { wants_outputs: true, wants_artifacts: false };
        assert_eq!(decoder.decode(message).unwrap(), expected);
    }

    #[test]
    fn events_are_those_of_the_daemon() {
        let (run, compile) = (StageName::Run(2), StageName::Compile);
        check(r#"{"type":"queued","position":3}"#, &[Event::Queued { position: 3 }]);
        check(r#"{"type":"stage","stage":"compile"}"#, &[Event::StageStarted(compile)]);
        check(r#"{"type":"stage","stage":"run","run":2}"#, &[Event::StageStarted(run)]);
        check(
            r#"{"type":"output","stage":"run","run":2,"stream":"stderr","data":"/wo="}"#,
            &[Event::Output { stream: StreamName::Stderr, bytes: Bytes::from_static(b"\xff\n"), stage: run }],
        );
        let file = |size| Event::OutputFile { stage: run, name: "a/b".to_owned(), size };
        let chunk = |bytes: &'static [u8]| Event::OutputFileChunk { stage: run, bytes: bytes.into() };
        check(
            r#"{"type":"output_file","stage":"run","run":2,"name":"a/b","size":9,"truncated":true,"content_base64":"/w=="}"#,
            &[file(9), chunk(b"\xff")],
        );
        check(
            r#"{"type":"output_file","stage":"run","run":2,"name":"a/b","size":1,"truncated":false,"content":"x"}"#,
            &[file(1), chunk(b"x")],
        );
        check(r#"{"type":"waiting_for_input","stage":"run","run":2}"#, &[Event::WaitingForInput(run)]);
        check(r#"{"type":"a_new_event","of":{"a":"newer server"}}"#, &[]);
    }

    #[test]
    fn the_end_of_the_files_precedes_the_end_of_a_stage_that_was_searched() {
        let report = |stage| StageReport::new(stage, Status::Exited(0));
        let run = StageName::Run(0);
        check(
            &format!(
                r#"{{"type":"stage_finished","stage":"run","run":0,"output_files_omitted":{{"too_many":2,"incomplete":true}},{STAGE}}}"#
            ),
            &[
                Event::OutputFilesEnd {
                    stage: run,
                    omitted: OmittedFiles { too_many: 2, is_incomplete: true, ..OmittedFiles::default() },
                },
                Event::StageFinished(report(run)),
            ],
        );
        check(
            &format!(r#"{{"type":"stage_finished","stage":"compile",{STAGE}}}"#),
            &[Event::StageFinished(report(StageName::Compile))],
        );
    }

    #[test]
    fn the_last_event_is_the_outcome_or_an_error() {
        let id = "00000000-0000-0000-0000-000000000007";
        let build = "07".repeat(32);
        let outcome = Outcome {
            id: execution_id(id).unwrap(),
            runs: vec![StageReport::new(StageName::Run(0), Status::Exited(0))],
            ..Outcome::default()
        };
        check(
            &format!(
                r#"{{"type":"finished","id":"{id}","queue_ms":0,"compile":null,"runs":[{{{STAGE}}}],"build":"{build}",{STAGE}}}"#
            ),
            &[Event::BuildKept(protocol::BuildId([7; 32])), Event::Finished(outcome)],
        );
        let decoder = EventDecoder { wants_outputs: false, wants_artifacts: false };
        let error = decoder.decode(r#"{"type":"error","error":"too busy","code":"busy","retry_after":2}"#);
        assert!(matches!(error, Err(RemoteError::Api(ApiError { retry_after: Some(2), .. }))), "{error:?}");
        for wrong in ["", "[]", "{}", r#"{"type":"output"}"#, r#"{"type":"finished"}"#] {
            assert!(matches!(decoder.decode(wrong), Err(RemoteError::Answer(_))), "{wrong}");
        }
    }
}
