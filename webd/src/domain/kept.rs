//! The output of an execution, kept until it is answered in one piece.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{StageName, StreamName};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::api::executor::request::Encoding;
use crate::domain::budget::{Budget, Share};
use crate::domain::utf8::Utf8;
use crate::http::error::ApiError;

/// Bytes of output kept of one execution, whatever the daemon's limits for each of up to 64 runs add up to. What
/// comes after is counted as truncated.
pub(crate) const MAX_KEPT_OUTPUT: usize = 8 * 1024 * 1024;

/// What one byte of output in JSON costs while it is kept: twice (its stream, and in order), at first as text, and twice that
/// in the answer. A byte that was asked for as base64 costs as much again.
const COST: usize = 6;

/// How long a text is in JSON, without its quotes.
fn bytes_in_json(text: &str) -> usize {
    let one = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(one).sum()
}

/// The output of all stages so far.
#[derive(Debug)]
pub(crate) struct Kept {
    encoding: Encoding,
    stages: Vec<(StageName, StageOutput)>,
    bytes: usize,
    share: Share,
}

#[derive(Debug, Default)]
struct StageOutput {
    stdout: Text,
    stderr: Text,
    /// Both, in order.
    output: String,
    raw: Option<Raw>,
    cut: bool,
    /// When it is over.
    texts: Option<StageTexts>,
}

/// One stream.
#[derive(Debug, Default)]
struct Text {
    utf8: Utf8,
    text: String,
}

#[derive(Debug, Default)]
struct Raw {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    output: Vec<u8>,
}

/// One stage's output as text, and as base64 if that was asked for. The texts are JSON already: an answer has each of them
/// twice, and to escape much of it takes longer than to copy it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageTexts {
    output: Box<RawValue>,
    stdout: Box<RawValue>,
    stderr: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<String>,
}

impl Kept {
    /// Nothing yet.
    pub(crate) fn new(encoding: Encoding, budget: &Budget) -> Self {
        Self { encoding, stages: Vec::new(), bytes: 0, share: budget.share() }
    }

    /// What comes now is of this stage.
    pub(crate) fn begin(&mut self, stage: StageName) {
        let raw = (self.encoding == Encoding::Base64).then(Raw::default);
        self.stages.push((stage, StageOutput { raw, ..StageOutput::default() }));
    }

    /// The current stage wrote this.
    ///
    /// # Errors
    /// If all requests together hold as much as they may.
    pub(crate) fn write(&mut self, stream: StreamName, piece: &[u8]) -> Result<(), ApiError> {
        let Some((_, stage)) = self.stages.last_mut() else { return Ok(()) };
        let room = MAX_KEPT_OUTPUT - self.bytes;
        let taken = &piece[..piece.len().min(room)];
        stage.cut |= taken.len() < piece.len();
        self.bytes += taken.len();
        let text = stage.read(stream, taken);
        let raw = if stage.raw.is_some() { taken.len() } else { 0 };
        self.share.grow((bytes_in_json(&text) + raw) * COST)?;
        stage.write(stream, &text, taken);
        Ok(())
    }

    /// The current stage is over.
    pub(crate) fn end(&mut self) {
        if let Some((_, stage)) = self.stages.last_mut() {
            stage.finish();
        }
    }

    /// What it has of the memory of all requests, to go with the answer that was made of it.
    pub(crate) fn into_share(self) -> Share {
        self.share
    }

    /// What a stage wrote, when it is over.
    pub(crate) fn of(&self, name: StageName) -> Option<&StageTexts> {
        self.find(name)?.texts.as_ref()
    }

    /// A stage wrote more than is kept here.
    pub(crate) fn was_cut(&self, name: StageName) -> bool {
        self.find(name).is_some_and(|stage| stage.cut)
    }

    fn find(&self, name: StageName) -> Option<&StageOutput> {
        self.stages.iter().find(|(stage, _)| *stage == name).map(|(_, output)| output)
    }
}

impl StageOutput {
    const fn stream(&mut self, stream: StreamName) -> &mut Text {
        match stream {
            StreamName::Stdout => &mut self.stdout,
            StreamName::Stderr => &mut self.stderr,
        }
    }

    /// The text that a piece is, after what came before it.
    fn read(&mut self, stream: StreamName, piece: &[u8]) -> String {
        self.stream(stream).utf8.push(piece)
    }

    fn write(&mut self, stream: StreamName, text: &str, piece: &[u8]) {
        self.stream(stream).text.push_str(text);
        self.output.push_str(text);
        if let Some(raw) = &mut self.raw {
            match stream {
                StreamName::Stdout => raw.stdout.extend_from_slice(piece),
                StreamName::Stderr => raw.stderr.extend_from_slice(piece),
            }
            raw.output.extend_from_slice(piece);
        }
    }

    /// The first time; afterwards nothing is left to be done.
    fn finish(&mut self) {
        if self.texts.is_some() {
            return;
        }
        for Text { utf8, text } in [&mut self.stdout, &mut self.stderr] {
            let rest = utf8.finish();
            text.push_str(&rest);
            self.output.push_str(&rest);
        }
        let (stdout, stderr) = (std::mem::take(&mut self.stdout.text), std::mem::take(&mut self.stderr.text));
        let output = std::mem::take(&mut self.output);
        let told = StageTexts::new(&output, &stdout, &stderr);
        let raw = self.raw.take();
        let encoded = |part: fn(&Raw) -> &[u8]| raw.as_ref().map(|raw| STANDARD.encode(part(raw)));
        self.texts = Some(StageTexts {
            output_base64: encoded(|raw| &raw.output),
            stdout_base64: encoded(|raw| &raw.stdout),
            stderr_base64: encoded(|raw| &raw.stderr),
            ..told
        });
    }
}

impl StageTexts {
    fn new(output: &str, stdout: &str, stderr: &str) -> Self {
        // Text can always be written as JSON.
        let json = |text: &str| to_raw_value(text).unwrap_or_default();
        let written = json(stdout);
        Self {
            output: if stderr.is_empty() { written.clone() } else { json(output) },
            stdout: written,
            stderr: json(stderr),
            output_base64: None,
            stdout_base64: None,
            stderr_base64: None,
        }
    }
}

/// Of a stage that wrote nothing.
impl Default for StageTexts {
    fn default() -> Self {
        Self::new("", "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(encoding: Encoding) -> Kept {
        let mut kept = Kept::new(encoding, &Budget::new(1 << 30));
        kept.begin(StageName::Run(0));
        kept
    }

    #[test]
    fn output_is_in_order_and_characters_stay_whole_between_streams() {
        let mut kept = kept(Encoding::Base64);
        kept.write(StreamName::Stdout, b"a\xe2\x82").unwrap();
        kept.write(StreamName::Stderr, b"b\xff").unwrap();
        kept.write(StreamName::Stdout, b"\xacc\xe2").unwrap();
        kept.end();
        let texts = kept.of(StageName::Run(0)).unwrap();
        assert_eq!(texts.stdout.get(), "\"a€c\u{fffd}\"");
        assert_eq!(texts.stderr.get(), "\"b\u{fffd}\"");
        assert_eq!(texts.output.get(), "\"ab\u{fffd}€c\u{fffd}\"");
        assert_eq!(texts.stdout_base64.as_deref(), Some("YeKCrGPi"));
        assert_eq!(texts.stderr_base64.as_deref(), Some("Yv8="));
        assert_eq!(texts.output_base64.as_deref(), Some("YeKCYv+sY+I="));
    }

    #[test]
    fn what_is_beyond_the_bound_is_cut_and_said_to_be() {
        let mut kept = kept(Encoding::Utf8);
        kept.write(StreamName::Stdout, &vec![b'x'; MAX_KEPT_OUTPUT]).unwrap();
        assert!(!kept.was_cut(StageName::Run(0)));
        kept.write(StreamName::Stdout, b"y").unwrap();
        kept.end();
        assert!(kept.was_cut(StageName::Run(0)));
        assert_eq!(kept.of(StageName::Run(0)).unwrap().stdout.get().len(), MAX_KEPT_OUTPUT + 2);
    }

    #[test]
    fn what_escapes_add_costs_as_well() {
        for text in ["", "plain", "\"\\\n\r\t\u{8}\u{c}", "\0\u{1b}[1m\u{1f}\u{7f}", "€\u{fffd}"] {
            assert_eq!(bytes_in_json(text) + 2, serde_json::to_string(text).unwrap().len(), "{text:?}");
        }
        let mut kept = Kept::new(Encoding::Utf8, &Budget::new(COST * 10));
        kept.begin(StageName::Run(0));
        kept.write(StreamName::Stdout, b"123\0").unwrap();
        assert_eq!(kept.write(StreamName::Stdout, b"\0").unwrap_err().body.code, "overloaded");
    }

    #[test]
    fn all_requests_together_keep_no_more_than_their_budget() {
        let budget = Budget::new(COST * 10);
        let mut kept = Kept::new(Encoding::Utf8, &budget);
        kept.begin(StageName::Run(0));
        kept.write(StreamName::Stdout, b"0123456789").unwrap();
        assert_eq!(kept.write(StreamName::Stdout, b"0").unwrap_err().body.code, "overloaded");
        drop(kept);
        assert!(budget.share().grow(COST * 10).is_ok());
    }
}
