//! Messages of the WebSocket, in both directions.

use protocol::{ProgramSignal, StageName, StreamName};
use serde::{Deserialize, Serialize};

use crate::api::lenient_json::{self, Scalar};
use crate::api::piston::answer::Ending;
use crate::api::piston::request::Execute;
use crate::domain::execution::Control;

/// The signals that can be sent.
const SIGNALS: [(&str, ProgramSignal); 7] = [
    ("SIGINT", ProgramSignal::Interrupt),
    ("SIGTERM", ProgramSignal::Terminate),
    ("SIGQUIT", ProgramSignal::Quit),
    ("SIGHUP", ProgramSignal::HangUp),
    ("SIGKILL", ProgramSignal::Kill),
    ("SIGUSR1", ProgramSignal::User1),
    ("SIGUSR2", ProgramSignal::User2),
];

/// A message of the client.
#[derive(Debug)]
pub(super) enum ClientMessage {
    Init(Box<Execute>),
    Control(Control),
    /// Data for another stream than stdin.
    OtherStream,
    /// A signal that does not exist, or that cannot be sent.
    UnknownSignal,
    /// A message of another type, which Piston ignores.
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parsed {
    r#type: Scalar,
    stream: Scalar,
    data: Scalar,
    signal: Scalar,
}

/// A message of the server.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerMessage<'a> {
    Runtime {
        language: &'a str,
        version: String,
    },
    Stage {
        stage: &'static str,
    },
    Data {
        #[cfg_attr(test, schemars(with = "String"))]
        stream: &'static str,
        data: String,
    },
    Exit {
        stage: &'static str,
        code: Option<i32>,
        signal: Option<String>,
        status: Option<&'static str>,
        message: Option<String>,
    },
    Error {
        message: String,
    },
}

impl ClientMessage {
    /// Parses a message.
    ///
    /// # Errors
    /// A text for the client, if it is not JSON.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let message: Parsed = lenient_json::parse(text)?;
        Ok(match message.r#type.as_text() {
            Some("init") => Self::Init(Box::new(lenient_json::parse(text)?)),
            Some("data") if message.stream.as_text() != Some("stdin") => Self::OtherStream,
            Some("data") => Self::Control(Control::Input(message.data.to_text().unwrap_or_default().into())),
            Some("eof") => Self::Control(Control::EndOfInput),
            Some("signal") => {
                let known = SIGNALS.iter().find(|(name, _)| message.signal.as_text() == Some(name));
                known.map_or(Self::UnknownSignal, |&(_, signal)| Self::Control(Control::Signal(signal)))
            }
            _ => Self::Unknown,
        })
    }
}

impl ServerMessage<'_> {
    /// Creates the message about the end of a stage.
    pub(super) fn exit(stage: StageName, ending: Ending) -> Self {
        let Ending { code, signal, status, message } = ending;
        Self::Exit { stage: stage_name(stage), code, signal, status, message }
    }

    /// Creates a message with output.
    pub(super) const fn data(stream: StreamName, data: String) -> Self {
        Self::Data { stream: stream.as_str(), data }
    }

    /// Returns the message as JSON.
    pub(super) fn to_json(&self) -> String {
        // Texts and numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns Piston's name of a stage.
pub(super) const fn stage_name(stage: StageName) -> &'static str {
    match stage {
        StageName::Compile => "compile",
        StageName::Run(_) => "run",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_type() {
        for (text, expected) in [
            (r#"{"type":"init","language":"python"}"#, "Init("),
            (r#"{"type":"data","stream":"stdin","data":"x\n"}"#, r#"Control(Input(b"x\n"))"#),
            (r#"{"type":"data","stream":"stdout","data":"x"}"#, "OtherStream"),
            (r#"{"type":"data","data":"x"}"#, "OtherStream"),
            (r#"{"type":"eof"}"#, "Control(EndOfInput)"),
            (r#"{"type":"signal","signal":"SIGINT"}"#, "Control(Signal(Interrupt))"),
            (r#"{"type":"signal","signal":"SIGUSR2"}"#, "Control(Signal(User2))"),
            (r#"{"type":"signal","signal":"INT"}"#, "UnknownSignal"),
            (r#"{"type":"signal","signal":2}"#, "UnknownSignal"),
            (r#"{"type":"ping"}"#, "Unknown"),
            ("[]", "Unknown"),
        ] {
            let message = format!("{:?}", ClientMessage::parse(text.as_bytes()));
            assert!(message.starts_with(&format!("Ok({expected}")), "{text}: {message}");
        }
        assert!(ClientMessage::parse(b"{").is_err());
        assert!(ClientMessage::parse(b"1").is_err());
    }
}
