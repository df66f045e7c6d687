//! What a client may say in a session: one JSON object a frame.

use std::num::NonZeroU16;

use bytes::Bytes;
use protocol::{ProgramSignal, TerminalSize};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::executor::request::{Asked, Encoding, Start, decoded};
use crate::api::executor::strict::Object;
use crate::http::error::ApiError;

/// A frame that was understood.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Execute a program. That it makes sense is another question than that it is a frame.
    Start(Box<Result<Asked, ApiError>>),
    /// More of what it reads.
    Input(Bytes),
    /// It reads no more.
    EndOfInput,
    /// Send it a signal.
    Signal(ProgramSignal),
    /// Its terminal has another size.
    Resize(TerminalSize),
    /// End it.
    Cancel,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Start,
    Stdin,
    EndOfInput,
    Signal,
    Resize,
    Cancel,
}

/// Read for its kind alone; the rest is looked at when it is known what there may be.
#[derive(Deserialize)]
struct Typed {
    r#type: Kind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stdin {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    data: String,
    #[serde(default)]
    encoding: Encoding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signal {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    signal: SignalName,
}

#[derive(Deserialize)]
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
#[serde(deny_unknown_fields)]
struct Resize {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    columns: NonZeroU16,
    rows: NonZeroU16,
}

impl Frame {
    /// Read a text frame.
    ///
    /// # Errors
    /// In words, why it is none.
    pub(crate) fn read(text: &str, client: &str) -> Result<Self, ApiError> {
        let Typed { r#type } = parsed(text)?;
        Ok(match r#type {
            Kind::Start => Self::Start(Box::new(parsed::<Start>(text)?.asked(client.to_owned()))),
            Kind::Stdin => {
                let Stdin { data, encoding, .. } = parsed(text)?;
                Self::Input(decoded(data, encoding, || "data".to_owned())?)
            }
            Kind::EndOfInput => {
                parsed::<Bare>(text)?;
                Self::EndOfInput
            }
            Kind::Signal => Self::Signal(parsed::<Signal>(text)?.signal.into()),
            Kind::Resize => {
                let Resize { columns, rows, .. } = parsed(text)?;
                Self::Resize(TerminalSize { columns, rows })
            }
            Kind::Cancel => {
                parsed::<Bare>(text)?;
                Self::Cancel
            }
        })
    }
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ApiError> {
    let malformed = |error| ApiError::invalid_request(format!("the frame does not fit: {error}"));
    let Object(frame) = serde_json::from_str(text).map_err(malformed)?;
    Ok(frame)
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
    fn check(text: &str, said: &str) {
        let came = match Frame::read(text, "::1") {
            Ok(frame) => format!("{frame:?}"),
            Err(error) => format!("{}: {}", error.body.code, error.body.error),
        };
        assert!(came.contains(said), "{text}\n{came}");
    }

    #[test]
    fn a_frame_is_understood_or_refused_in_words() {
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
            check(frame, "invalid_request: the frame does not fit");
        }
        check(r#"{"type":"run"}"#, "expected one of `start`, `stdin`");
        check(r#"{"type":"cancel","type":"cancel"}"#, "duplicate field `type`");
        check(r#"{"type":"cancel","now":true}"#, "unknown field `now`");
        check(r#"{"type":"stdin"}"#, "missing field `data`");
        check(r#"{"type":"stdin","data":"*","encoding":"base64"}"#, "`data` is not base64");
        check(r#"{"type":"stdin","data":"","encoding":"latin1"}"#, "expected `utf8` or `base64`");
        check(r#"{"type":"signal","signal":"STOP"}"#, "expected one of `INT`");
        check(r#"{"type":"signal","signal":9}"#, "invalid_request");
        check(r#"{"type":"resize","columns":0,"rows":1}"#, "invalid_request");
        check(r#"{"type":"resize","columns":65536,"rows":1}"#, "invalid_request");
        check(r#"{"type":"resize","columns":80}"#, "missing field `rows`");
        check(r#"{"type":"resize","columns":1,"rows":1,"pixels":1}"#, "invalid_request");
        check(r#"{"type":"start","language":"c","code":"","tty":"yes"}"#, "invalid_request");
        check(r#"{"type":"start","language":"c","code":"","timeout":1}"#, "unknown field `timeout`");
        check(&format!(r#"{{"type":"start","code":{}"#, "[".repeat(100_000)), "invalid_request");
    }
}
