//! The output of an execution, collected for an answer in one piece.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{StageName, StageReport, StreamName};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::budget::{Budget, BudgetExceeded, Reservation};
use crate::domain::encoding::Encoding;
use crate::domain::execution::is_cut;
use crate::domain::utf8_decoder::Utf8Decoder;

/// Maximum number of bytes of output to collect from one execution, even if the output limits of its up to 64 runs add up
/// to more. The rest is dropped and reported as truncated.
pub(crate) const MAX_COLLECTED_OUTPUT: usize = 8 * 1024 * 1024;

/// Memory for one byte of output in JSON: it is stored twice (its stream, and the merged output), first as text, and
/// each of them is twice in the answer. A byte that is returned as base64 costs as much again.
const MEMORY_PER_BYTE: usize = 6;

/// Memory for an entry of a transcript in JSON, without its text.
const TRANSCRIPT_ENTRY: usize = 32;

/// Returns the length of a text as a JSON string, without its quotes.
pub(crate) fn json_length(text: &str) -> usize {
    let escaped_length = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(escaped_length).sum()
}

/// The output of all stages so far.
#[derive(Debug)]
pub(crate) struct OutputCollector {
    encoding: Encoding,
    stages: Vec<(StageName, StageOutput)>,
    bytes: usize,
    reservation: Reservation,
}

#[derive(Debug, Default)]
struct StageOutput {
    stdout: StreamText,
    stderr: StreamText,
    /// stdout and stderr in the order in which they arrived.
    merged: String,
    raw: Option<RawOutput>,
    is_truncated: bool,
    /// Set when the stage has finished.
    texts: Option<StageTexts>,
}

#[derive(Debug, Default)]
struct StreamText {
    decoder: Utf8Decoder,
    text: String,
}

#[derive(Debug, Default)]
struct RawOutput {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    merged: Vec<u8>,
}

/// The output of one stage as text, and as base64 if the client requested it. The texts are already JSON: an answer
/// contains each of them twice, and escaping a long text takes longer than copying it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StageTexts {
    #[cfg_attr(test, schemars(with = "String"))]
    output: Box<RawValue>,
    #[cfg_attr(test, schemars(with = "String"))]
    stdout: Box<RawValue>,
    #[cfg_attr(test, schemars(with = "String"))]
    stderr: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<String>,
}

/// The output of one stage, each byte once: as base64 if the client requested it, otherwise as text.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CompactTexts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    stdout: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    stderr: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<&'a str>,
}

impl<'a> From<&'a StageTexts> for CompactTexts<'a> {
    fn from(texts: &'a StageTexts) -> Self {
        let is_text = texts.stdout_base64.is_none();
        Self {
            stdout: is_text.then_some(&*texts.stdout),
            stderr: is_text.then_some(&*texts.stderr),
            stdout_base64: texts.stdout_base64.as_deref(),
            stderr_base64: texts.stderr_base64.as_deref(),
        }
    }
}

impl OutputCollector {
    /// Creates an empty collector whose memory comes from `budget`.
    pub(crate) fn new(encoding: Encoding, budget: &Budget) -> Self {
        Self { encoding, stages: Vec::new(), bytes: 0, reservation: budget.reservation() }
    }

    /// Begins a stage.
    pub(crate) fn start_stage(&mut self, stage: StageName) {
        let raw = (self.encoding == Encoding::Base64).then(RawOutput::default);
        self.stages.push((stage, StageOutput { raw, ..StageOutput::default() }));
    }

    /// Adds output of a stage that has begun.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for it.
    pub(crate) fn write(
        &mut self,
        name: StageName,
        stream: StreamName,
        chunk: &[u8],
    ) -> Result<(), BudgetExceeded> {
        let Some(stage) = find_mut(&mut self.stages, name) else { return Ok(()) };
        let room = MAX_COLLECTED_OUTPUT - self.bytes;
        let collected = &chunk[..chunk.len().min(room)];
        stage.is_truncated |= collected.len() < chunk.len();
        self.bytes += collected.len();
        let text = stage.decode(stream, collected);
        let raw = if stage.raw.is_some() { collected.len() } else { 0 };
        self.reservation.grow((json_length(&text) + raw) * MEMORY_PER_BYTE)?;
        stage.write(stream, &text, collected);
        Ok(())
    }

    /// Finishes a stage.
    pub(crate) fn finish_stage(&mut self, report: &StageReport) {
        if let Some(stage) = find_mut(&mut self.stages, report.stage) {
            stage.finish(Some(report));
        }
    }

    /// Reserves memory for the judgement of a stage, which the answer has too.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for it.
    pub(crate) fn reserve_judgement(&mut self, report: &StageReport) -> Result<(), BudgetExceeded> {
        let Some(judgement) = &report.judgement else { return Ok(()) };
        let transcript = judgement.transcript.iter().flat_map(|transcript| &transcript.entries);
        let entries: usize = transcript.map(|entry| TRANSCRIPT_ENTRY + entry.bytes.len()).sum();
        self.reservation.grow((judgement.message.len() + entries) * MEMORY_PER_BYTE)
    }

    /// Finishes the stages that have no report: they did not end by themselves.
    pub(crate) fn finish(&mut self) {
        for (_, stage) in &mut self.stages {
            stage.finish(None);
        }
    }

    /// Drops the output of a stage that does not count after all.
    pub(crate) fn discard(&mut self, stage: StageName) {
        self.stages.retain(|(name, _)| *name != stage);
    }

    /// Returns the reserved memory, which the answer made from this output keeps.
    pub(crate) fn into_reservation(self) -> Reservation {
        self.reservation
    }

    /// Returns the output of a finished stage; empty output for a stage that did not run.
    pub(crate) fn texts(&self, name: StageName) -> &StageTexts {
        static EMPTY: LazyLock<StageTexts> = LazyLock::new(|| StageTexts::new("", "", ""));
        self.find(name).and_then(|stage| stage.texts.as_ref()).unwrap_or(&EMPTY)
    }

    /// Returns whether a stage wrote more than was collected.
    pub(crate) fn is_truncated(&self, name: StageName) -> bool {
        self.find(name).is_some_and(|stage| stage.is_truncated)
    }

    fn find(&self, name: StageName) -> Option<&StageOutput> {
        self.stages.iter().find(|(stage, _)| *stage == name).map(|(_, output)| output)
    }
}

/// Returns the output of a stage. The last stages are the active ones.
fn find_mut(stages: &mut [(StageName, StageOutput)], name: StageName) -> Option<&mut StageOutput> {
    stages.iter_mut().rev().find(|(stage, _)| *stage == name).map(|(_, output)| output)
}

impl StageOutput {
    const fn stream(&mut self, stream: StreamName) -> &mut StreamText {
        match stream {
            StreamName::Stdout => &mut self.stdout,
            StreamName::Stderr => &mut self.stderr,
        }
    }

    fn decode(&mut self, stream: StreamName, chunk: &[u8]) -> String {
        self.stream(stream).decoder.push(chunk)
    }

    fn write(&mut self, stream: StreamName, text: &str, chunk: &[u8]) {
        self.stream(stream).text.push_str(text);
        self.merged.push_str(text);
        if let Some(raw) = &mut self.raw {
            match stream {
                StreamName::Stdout => raw.stdout.extend_from_slice(chunk),
                StreamName::Stderr => raw.stderr.extend_from_slice(chunk),
            }
            raw.merged.extend_from_slice(chunk);
        }
    }

    /// Makes the texts of the stage; does nothing if it has finished before.
    fn finish(&mut self, report: Option<&StageReport>) {
        if self.texts.is_some() {
            return;
        }
        for (name, StreamText { decoder, text }) in
            [(StreamName::Stdout, &mut self.stdout), (StreamName::Stderr, &mut self.stderr)]
        {
            let rest = decoder.finish(self.is_truncated || report.is_none_or(|report| is_cut(report, name)));
            text.push_str(&rest);
            self.merged.push_str(&rest);
        }
        let (stdout, stderr) = (std::mem::take(&mut self.stdout.text), std::mem::take(&mut self.stderr.text));
        let merged = std::mem::take(&mut self.merged);
        let raw = self.raw.take();
        let base64 = |part: fn(&RawOutput) -> &[u8]| raw.as_ref().map(|raw| STANDARD.encode(part(raw)));
        self.texts = Some(StageTexts {
            output_base64: base64(|raw| &raw.merged),
            stdout_base64: base64(|raw| &raw.stdout),
            stderr_base64: base64(|raw| &raw.stderr),
            ..StageTexts::new(&merged, &stdout, &stderr)
        });
    }
}

impl StageTexts {
    fn new(output: &str, stdout: &str, stderr: &str) -> Self {
        // A string can always be serialized as JSON.
        let json = |text: &str| to_raw_value(text).unwrap_or_default();
        let stdout = json(stdout);
        Self {
            output: if stderr.is_empty() { stdout.clone() } else { json(output) },
            stdout,
            stderr: json(stderr),
            output_base64: None,
            stdout_base64: None,
            stderr_base64: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::{ByteCount, Status};

    use super::*;

    fn report(status: Status) -> StageReport {
        StageReport::new(StageName::Run(0), status)
    }

    fn collector(encoding: Encoding) -> OutputCollector {
        let mut collector = OutputCollector::new(encoding, &Budget::new(1 << 30));
        collector.start_stage(StageName::Run(0));
        collector
    }

    #[test]
    fn output_is_merged_in_order_and_characters_stay_whole() {
        let mut collector = collector(Encoding::Base64);
        collector.write(StageName::Run(0), StreamName::Stdout, b"a\xe2\x82").unwrap();
        collector.write(StageName::Run(0), StreamName::Stderr, b"b\xff").unwrap();
        collector.write(StageName::Run(0), StreamName::Stdout, b"\xacc\xe2").unwrap();
        collector.finish_stage(&report(Status::Exited(0)));
        let texts = collector.texts(StageName::Run(0));
        assert_eq!(texts.stdout.get(), "\"a€c\u{fffd}\"");
        assert_eq!(texts.stderr.get(), "\"b\u{fffd}\"");
        assert_eq!(texts.output.get(), "\"ab\u{fffd}€c\u{fffd}\"");
        assert_eq!(texts.stdout_base64.as_deref(), Some("YeKCrGPi"));
        assert_eq!(texts.stderr_base64.as_deref(), Some("Yv8="));
        assert_eq!(texts.output_base64.as_deref(), Some("YeKCYv+sY+I="));
    }

    #[test]
    fn stages_at_one_time_keep_their_output_apart() {
        let mut collector = collector(Encoding::Utf8);
        collector.start_stage(StageName::Run(1));
        for (run, chunk) in [(0, b"\xe2"), (1, b"\xc3"), (0, b"\x82"), (1, b"\xa9"), (0, b"\xac"), (1, b"!")]
        {
            collector.write(StageName::Run(run), StreamName::Stdout, chunk).unwrap();
        }
        collector.finish_stage(&report(Status::Exited(0)));
        collector.write(StageName::Run(1), StreamName::Stdout, b"\xe2").unwrap();
        collector.finish();
        let text = |run| collector.texts(StageName::Run(run)).stdout.get();
        assert_eq!((text(0), text(1)), ("\"€\"", "\"é!\""));
    }

    #[test]
    fn output_beyond_the_limit_is_dropped_and_reported_as_truncated() {
        let mut collector = collector(Encoding::Utf8);
        collector.write(StageName::Run(0), StreamName::Stdout, &vec![b'x'; MAX_COLLECTED_OUTPUT]).unwrap();
        assert!(!collector.is_truncated(StageName::Run(0)));
        collector.write(StageName::Run(0), StreamName::Stdout, b"y").unwrap();
        collector.finish_stage(&report(Status::Exited(0)));
        assert!(collector.is_truncated(StageName::Run(0)));
        assert_eq!(collector.texts(StageName::Run(0)).stdout.get().len(), MAX_COLLECTED_OUTPUT + 2);
    }

    #[test]
    fn output_that_was_cut_ends_with_a_whole_character() {
        let texts = |status: Status, written: &[u8]| {
            let mut collector = collector(Encoding::Utf8);
            collector.write(StageName::Run(0), StreamName::Stdout, written).unwrap();
            collector.write(StageName::Run(0), StreamName::Stderr, b"\xf0\x9f").unwrap();
            let mut report = report(status);
            report.stdout_truncated = true;
            collector.finish_stage(&report);
            let texts = collector.texts(StageName::Run(0)).clone();
            (texts.stdout.get().to_owned(), texts.stderr.get().to_owned())
        };
        let quoted = |text: &str| format!("\"{text}\"");
        let limit = ByteCount(2);
        let exceeded = Status::OutputExceeded { stream: StreamName::Stdout, limit };
        assert_eq!(texts(exceeded, b"x\xc3"), (quoted("x"), quoted("")));
        assert_eq!(texts(Status::Cancelled, b"x\xc3"), (quoted("x"), quoted("")));
        // The program closed stderr itself.
        assert_eq!(texts(Status::Exited(0), b"x\xc3"), (quoted("x"), quoted("\u{fffd}")));

        let mut collector = collector(Encoding::Utf8);
        let long = vec![b'x'; MAX_COLLECTED_OUTPUT - 1];
        collector.write(StageName::Run(0), StreamName::Stdout, &[&long[..], b"\xc3\xa9"].concat()).unwrap();
        collector.finish_stage(&report(Status::Exited(0)));
        assert_eq!(collector.texts(StageName::Run(0)).stdout.get().len(), MAX_COLLECTED_OUTPUT + 1);
    }

    #[test]
    fn json_escapes_count_as_memory() {
        for text in ["", "plain", "\"\\\n\r\t\u{8}\u{c}", "\0\u{1b}[1m\u{1f}\u{7f}", "€\u{fffd}"] {
            assert_eq!(json_length(text) + 2, serde_json::to_string(text).unwrap().len(), "{text:?}");
        }
        let mut collector = OutputCollector::new(Encoding::Utf8, &Budget::new(MEMORY_PER_BYTE * 10));
        collector.start_stage(StageName::Run(0));
        collector.write(StageName::Run(0), StreamName::Stdout, b"123\0").unwrap();
        assert_eq!(collector.write(StageName::Run(0), StreamName::Stdout, b"\0"), Err(BudgetExceeded));
    }

    #[test]
    fn all_requests_together_stay_within_the_budget() {
        let budget = Budget::new(MEMORY_PER_BYTE * 10);
        let mut collector = OutputCollector::new(Encoding::Utf8, &budget);
        collector.start_stage(StageName::Run(0));
        collector.write(StageName::Run(0), StreamName::Stdout, b"0123456789").unwrap();
        assert_eq!(collector.write(StageName::Run(0), StreamName::Stdout, b"0"), Err(BudgetExceeded));
        drop(collector);
        assert!(budget.reservation().grow(MEMORY_PER_BYTE * 10).is_ok());
    }
}
