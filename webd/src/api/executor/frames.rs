//! Frames that a client sends in a session: one JSON object each.

use std::num::NonZeroU16;

use bytes::Bytes;
use protocol::{ProgramSignal, TerminalSize};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::executor::request::{ParsedRequest, Start};
use crate::api::executor::sources::decode;
use crate::api::strict_json::{self, JsonError};
use crate::domain::encoding::Encoding;
use crate::domain::execution::Control;
use crate::http::error::ApiError;

/// A frame that was parsed.
#[derive(Debug)]
pub(crate) enum ClientFrame {
    /// Run a program. A well-formed frame may still hold an invalid request.
    Start(Box<Result<ParsedRequest, ApiError>>),
    /// A message to the running execution.
    Control(Control),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FrameType {
    Start,
    Stdin,
    EndOfInput,
    Signal,
    Resize,
    Cancel,
}

/// A frame parsed for its type alone, which decides what else it may hold.
#[derive(Deserialize)]
struct TypedFrame {
    r#type: FrameType,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeOnly {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(with = "String"))]
    _type: IgnoredAny,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Stdin {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(with = "String"))]
    _type: IgnoredAny,
    data: String,
    #[serde(default)]
    encoding: Encoding,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(with = "String"))]
    _type: IgnoredAny,
    signal: SignalName,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
enum SignalName {
    Int,
    Term,
    Quit,
    Hup,
    Kill,
    Usr1,
    Usr2,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Resize {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(with = "String"))]
    _type: IgnoredAny,
    columns: NonZeroU16,
    rows: NonZeroU16,
}

impl ClientFrame {
    /// Parses a text frame of a client.
    ///
    /// # Errors
    /// If it is not a valid frame.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let TypedFrame { r#type } = parse_as(text)?;
        let control = match r#type {
            FrameType::Start => {
                return Ok(Self::Start(Box::new(parse_as::<Start>(text)?.into_request())));
            }
            FrameType::Stdin => {
                let Stdin { data, encoding, .. } = parse_as(text)?;
                Control::Input(decode(data, encoding, || "data".to_owned())?)
            }
            FrameType::EndOfInput => {
                parse_as::<TypeOnly>(text)?;
                Control::EndOfInput
            }
            FrameType::Signal => Control::Signal(parse_as::<Signal>(text)?.signal.into()),
            FrameType::Resize => {
                let Resize { columns, rows, .. } = parse_as(text)?;
                Control::Resize(TerminalSize { columns, rows })
            }
            FrameType::Cancel => {
                parse_as::<TypeOnly>(text)?;
                Control::Cancel
            }
        };
        Ok(Self::Control(control))
    }

    /// Wraps a binary frame, which is input.
    pub(crate) const fn binary(bytes: Bytes) -> Self {
        Self::Control(Control::Input(bytes))
    }
}

fn parse_as<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ApiError> {
    strict_json::parse(text.as_bytes()).map_err(|error| {
        let (JsonError::Syntax(message) | JsonError::Data(message)) = error;
        ApiError::invalid_request(format!("invalid frame: {message}"))
    })
}

impl From<SignalName> for ProgramSignal {
    fn from(name: SignalName) -> Self {
        match name {
            SignalName::Int => Self::Interrupt,
            SignalName::Term => Self::Terminate,
            SignalName::Quit => Self::Quit,
            SignalName::Hup => Self::HangUp,
            SignalName::Kill => Self::Kill,
            SignalName::Usr1 => Self::User1,
            SignalName::Usr2 => Self::User2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let result = match ClientFrame::parse(text) {
            Ok(frame) => format!("{frame:?}"),
            Err(error) => format!("{:?}: {}", error.body.code, error.body.error),
        };
        assert!(result.contains(expected), "{text}\n{result}");
    }

    #[test]
    fn a_frame_is_parsed_or_refused_with_a_reason() {
        check(r#"{"type":"stdin","data":"a\u0000é"}"#, r#"Input(b"a\0\xc3\xa9")"#);
        check(r#"{"data":"/wA=","encoding":"base64","type":"stdin"}"#, r#"Input(b"\xff\0")"#);
        check(r#"{"type":"end_of_input"}"#, "EndOfInput");
        check(r#"{"type":"signal","signal":"INT"}"#, "Signal(Interrupt)");
        check(r#"{"type":"signal","signal":"USR2"}"#, "Signal(User2)");
        check(r#"{"type":"resize","columns":132,"rows":43}"#, "columns: 132, rows: 43");
        check(r#"{"type":"cancel"}"#, "Cancel");
        check(r#"{"type":"start","language":"c","code":""}"#, "stdin: Live, args: [], terminal: None");
        check(r#"{"type":"start","language":"c","code":"","stdin":""}"#, "stdin: Bytes");
        check(r#"{"type":"start","language":"c","code":"","runs":[{}]}"#, "stdin: Bytes");
        check(r#"{"type":"start","language":"c","code":"","tty":true}"#, "{ columns: 80, rows: 24 }");
        check(
            r#"{"type":"start","language":"c","code":"","tty":true,"columns":1,"rows":65535}"#,
            "{ columns: 1, rows: 65535 }",
        );
        check(
            r#"{"type":"start","language":"c","code":"","columns":1,"rows":2,"tty":false}"#,
            "terminal: None",
        );
        check(r#"{"type":"start","code":""}"#, "Start(Err(");

        for frame in ["", "{", "[]", "null", "1", "\"start\"", "{}", r#"["cancel"]"#, r#"{"type":1}"#] {
            check(frame, "InvalidRequest: invalid frame");
        }
        check(r#"{"type":"run"}"#, "expected one of `start`, `stdin`");
        check(r#"{"type":"cancel","type":"cancel"}"#, "duplicate field `type`");
        check(r#"{"type":"cancel","now":true}"#, "unknown field `now`");
        check(r#"{"type":"stdin"}"#, "missing field `data`");
        check(r#"{"type":"stdin","data":"*","encoding":"base64"}"#, "`data` must be base64");
        check(r#"{"type":"stdin","data":"","encoding":"latin1"}"#, "expected `utf8` or `base64`");
        check(r#"{"type":"signal","signal":"STOP"}"#, "expected one of `INT`");
        check(r#"{"type":"signal","signal":9}"#, "InvalidRequest");
        check(r#"{"type":"resize","columns":0,"rows":1}"#, "InvalidRequest");
        check(r#"{"type":"resize","columns":65536,"rows":1}"#, "InvalidRequest");
        check(r#"{"type":"resize","columns":80}"#, "missing field `rows`");
        check(r#"{"type":"resize","columns":1,"rows":1,"pixels":1}"#, "InvalidRequest");
        check(r#"{"type":"start","language":"c","code":"","tty":"yes"}"#, "InvalidRequest");
        check(r#"{"type":"start","language":"c","code":"","timeout":1}"#, "unknown field `timeout`");
        check(&format!(r#"{{"type":"start","code":{}"#, "[".repeat(100_000)), "InvalidRequest");
    }
}
