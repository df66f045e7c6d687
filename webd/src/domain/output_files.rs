//! Output files of an execution, assembled from the daemon's events and encoded as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{OmittedFiles, StageName};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::budget::{Budget, BudgetExceeded, Reservation};
use crate::domain::encoding::Encoding;
use crate::domain::output_collector::json_length;

/// Maximum number of bytes of files to collect from one execution for an answer in one piece, even if the limits of its
/// up to 64 runs add up to more. Files beyond it are left out and reported as such.
pub(crate) const MAX_COLLECTED_FILES: usize = 8 * 1024 * 1024;
/// Maximum length of a file as a JSON string, in proportion to its length. Control characters take six bytes each; a
/// file with many of them is not text.
const MAX_TEXT_GROWTH: usize = 2;
/// Number of copies of an encoded file in memory: itself, and in its stage and at the top of an answer; or itself, in
/// an event, and in the frame that is being written.
const COPIES: usize = 3;

/// An output file as clients read it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OutputFileJson {
    name: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    content: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_base64: Option<String>,
    truncated: bool,
}

/// Numbers of files that matched a pattern and are not in the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OmittedFilesJson {
    too_many: u32,
    too_large: u32,
    not_regular: u32,
    invalid_name: u32,
    unreadable: u32,
    incomplete: bool,
}

/// The output files of a stage; both fields are missing if the client asked for none.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StageFiles<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_files: Option<&'a [OutputFileJson]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_files_omitted: Option<OmittedFilesJson>,
}

/// A file whose content is arriving.
#[derive(Debug)]
struct OpenFile {
    name: String,
    size: u64,
    content: Vec<u8>,
}

/// The output files of an execution, each to be sent when it is complete.
#[derive(Debug)]
pub(crate) struct LiveFiles {
    encoding: Encoding,
    budget: Budget,
    stages: Vec<LiveStage>,
    /// The memory of the file that was returned last, which is being sent.
    sending: Option<Reservation>,
}

#[derive(Debug)]
struct LiveStage {
    stage: StageName,
    assembler: FileAssembler,
    /// The memory of the file whose content arrives.
    reservation: Reservation,
    omitted: Option<OmittedFilesJson>,
}

/// The files of one stage, one after the other.
#[derive(Debug, Default)]
struct FileAssembler {
    open: Option<OpenFile>,
}

/// The output files of all stages of an execution.
#[derive(Debug)]
pub(crate) struct CollectedFiles {
    encoding: Encoding,
    stages: Vec<StageEntry>,
    bytes: usize,
    reservation: Reservation,
}

#[derive(Debug)]
struct StageEntry {
    stage: StageName,
    assembler: FileAssembler,
    files: Vec<OutputFileJson>,
    /// Whether the content that arrives is of a file that is left out.
    is_skipping: bool,
    skipped: u32,
    omitted: Option<OmittedFilesJson>,
}

impl From<OmittedFiles> for OmittedFilesJson {
    fn from(omitted: OmittedFiles) -> Self {
        let OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete } =
            omitted;
        Self { too_many, too_large, not_regular, invalid_name, unreadable, incomplete: is_incomplete }
    }
}

impl OmittedFilesJson {
    /// Returns `None` if no file was left out.
    pub(crate) fn if_any(omitted: OmittedFiles) -> Option<Self> {
        (omitted != OmittedFiles::default()).then(|| omitted.into())
    }
}

impl OutputFileJson {
    /// Encodes a file: as text if it is text and the client did not request base64.
    fn new(file: OpenFile, encoding: Encoding) -> Self {
        let OpenFile { name, size, content } = file;
        let truncated = (content.len() as u64) < size;
        let text = match encoding {
            Encoding::Utf8 => text_of(&content, truncated),
            Encoding::Base64 => None,
        };
        // A string can always be serialized as JSON.
        let text = text.map(|text| to_raw_value(text).unwrap_or_default());
        let content_base64 = text.is_none().then(|| STANDARD.encode(&content));
        Self { name, size, content: text, content_base64, truncated }
    }

    fn length(&self) -> usize {
        let content = self.content.as_ref().map_or(0, |text| text.get().len());
        self.name.len() + content + self.content_base64.as_ref().map_or(0, String::len)
    }
}

/// Returns the content of a text file. The last character of a file that was cut may be incomplete, and is left out.
fn text_of(content: &[u8], truncated: bool) -> Option<&str> {
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        Err(error) if truncated && error.error_len().is_none() => {
            std::str::from_utf8(&content[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (json_length(text) <= text.len() * MAX_TEXT_GROWTH).then_some(text)
}

impl FileAssembler {
    /// Begins a file. Returns the one before it, which is complete.
    fn start(&mut self, name: String, size: u64, encoding: Encoding) -> Option<OutputFileJson> {
        let before = self.finish(encoding);
        self.open = Some(OpenFile { name, size, content: Vec::new() });
        before
    }

    /// Adds content of the current file.
    fn push(&mut self, bytes: &[u8]) {
        if let Some(open) = &mut self.open {
            open.content.extend_from_slice(bytes);
        }
    }

    /// Returns the last file.
    fn finish(&mut self, encoding: Encoding) -> Option<OutputFileJson> {
        self.open.take().map(|open| OutputFileJson::new(open, encoding))
    }
}

impl LiveFiles {
    /// Creates an empty collection whose memory comes from `budget`.
    pub(crate) fn new(encoding: Encoding, budget: &Budget) -> Self {
        Self { encoding, budget: budget.clone(), stages: Vec::new(), sending: None }
    }

    /// Begins a file of a stage. Returns the one before it.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for that.
    pub(crate) fn start(
        &mut self,
        stage: StageName,
        name: String,
        size: u64,
    ) -> Result<Option<OutputFileJson>, BudgetExceeded> {
        let (before, encoding) = (self.complete(stage)?, self.encoding);
        self.entry(stage).assembler.start(name, size, encoding);
        Ok(before)
    }

    /// Adds content of the current file of a stage.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for it.
    pub(crate) fn push(&mut self, stage: StageName, bytes: &[u8]) -> Result<(), BudgetExceeded> {
        let entry = self.entry(stage);
        entry.reservation.grow(bytes.len())?;
        entry.assembler.push(bytes);
        Ok(())
    }

    /// Ends the files of a stage. Returns the last one.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for it.
    pub(crate) fn end(
        &mut self,
        stage: StageName,
        omitted: OmittedFiles,
    ) -> Result<Option<OutputFileJson>, BudgetExceeded> {
        let last = self.complete(stage)?;
        self.entry(stage).omitted = OmittedFilesJson::if_any(omitted);
        Ok(last)
    }

    /// Returns the omitted files of a finished stage.
    pub(crate) fn take_omitted(&mut self, stage: StageName) -> Option<OmittedFilesJson> {
        let index = self.stages.iter().position(|entry| entry.stage == stage)?;
        self.stages.swap_remove(index).omitted
    }

    /// Returns the current file of a stage, and keeps its memory reserved until the next one is complete.
    fn complete(&mut self, stage: StageName) -> Result<Option<OutputFileJson>, BudgetExceeded> {
        self.sending = None;
        let (encoding, reservation) = (self.encoding, self.budget.reservation());
        let entry = self.entry(stage);
        let Some(file) = entry.assembler.finish(encoding) else { return Ok(None) };
        let mut sending = std::mem::replace(&mut entry.reservation, reservation);
        sending.grow(file.length() * COPIES)?;
        self.sending = Some(sending);
        Ok(Some(file))
    }

    fn entry(&mut self, stage: StageName) -> &mut LiveStage {
        let index = self.stages.iter().position(|entry| entry.stage == stage).unwrap_or_else(|| {
            self.stages.push(LiveStage {
                stage,
                assembler: FileAssembler::default(),
                reservation: self.budget.reservation(),
                omitted: None,
            });
            self.stages.len() - 1
        });
        &mut self.stages[index]
    }
}

impl CollectedFiles {
    /// Creates an empty collection whose memory comes from `budget`.
    pub(crate) fn new(encoding: Encoding, budget: &Budget) -> Self {
        Self { encoding, stages: Vec::new(), bytes: 0, reservation: budget.reservation() }
    }

    /// Begins a file of a stage.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for the file before it.
    pub(crate) fn start(&mut self, stage: StageName, name: String, size: u64) -> Result<(), BudgetExceeded> {
        self.reservation.grow(name.len())?;
        let encoding = self.encoding;
        let has_room = self.bytes < MAX_COLLECTED_FILES || size == 0;
        let entry = self.entry(stage);
        let before = if has_room {
            entry.assembler.start(name, size, encoding)
        } else {
            entry.skipped += 1;
            entry.assembler.finish(encoding)
        };
        entry.is_skipping = !has_room;
        self.add(stage, before)
    }

    /// Adds content of the current file of a stage.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for it.
    pub(crate) fn push(&mut self, stage: StageName, bytes: &[u8]) -> Result<(), BudgetExceeded> {
        let collected = &bytes[..bytes.len().min(MAX_COLLECTED_FILES - self.bytes)];
        self.reservation.grow(collected.len())?;
        let entry = self.entry(stage);
        if !entry.is_skipping {
            // A file that is cut here is shorter than its size, which shows as truncated.
            entry.assembler.push(collected);
            self.bytes += collected.len();
        }
        Ok(())
    }

    /// Ends the files of a stage.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if there is no memory for the last file.
    pub(crate) fn end(&mut self, stage: StageName, mut omitted: OmittedFiles) -> Result<(), BudgetExceeded> {
        let encoding = self.encoding;
        let entry = self.entry(stage);
        let last = entry.assembler.finish(encoding);
        omitted.too_large = omitted.too_large.saturating_add(entry.skipped);
        entry.omitted = OmittedFilesJson::if_any(omitted);
        self.add(stage, last)
    }

    /// Drops the files of a stage that does not count after all.
    pub(crate) fn discard(&mut self, stage: StageName) {
        self.stages.retain(|entry| entry.stage != stage);
    }

    /// Returns the files of a stage.
    pub(crate) fn of(&self, stage: StageName) -> StageFiles<'_> {
        match self.stages.iter().find(|entry| entry.stage == stage) {
            None => StageFiles::default(),
            Some(entry) => {
                StageFiles { output_files: Some(&entry.files), output_files_omitted: entry.omitted }
            }
        }
    }

    /// Returns the reserved memory, which an answer made from these files keeps.
    pub(crate) fn into_reservation(self) -> Reservation {
        self.reservation
    }

    fn add(&mut self, stage: StageName, file: Option<OutputFileJson>) -> Result<(), BudgetExceeded> {
        if let Some(file) = file {
            self.reservation.grow(file.length() * COPIES)?;
            self.entry(stage).files.push(file);
        }
        Ok(())
    }

    fn entry(&mut self, stage: StageName) -> &mut StageEntry {
        let index = self.stages.iter().position(|entry| entry.stage == stage).unwrap_or_else(|| {
            self.stages.push(StageEntry {
                stage,
                assembler: FileAssembler::default(),
                files: Vec::new(),
                is_skipping: false,
                skipped: 0,
                omitted: None,
            });
            self.stages.len() - 1
        });
        &mut self.stages[index]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RUN: StageName = StageName::Run(0);

    fn collected(encoding: Encoding) -> CollectedFiles {
        CollectedFiles::new(encoding, &Budget::new(1 << 30))
    }

    fn json_of(files: &CollectedFiles, stage: StageName) -> Value {
        serde_json::to_value(files.of(stage)).unwrap()
    }

    #[test]
    fn text_is_returned_as_text_and_everything_else_as_base64() {
        let mut files = collected(Encoding::Utf8);
        for (name, size, parts) in [
            ("a.csv", 6, [&b"1,\xc3"[..], b"\xa9\n2"]),
            ("plot.png", 4, [b"\x89PNG", b""]),
            ("control", 3, [b"\x01\x02\x03", b""]),
            ("empty", 0, [b"", b""]),
            ("cut", 9, [b"abc\xc3", b""]),
            ("cut.bin", 9, [b"abc\xff", b""]),
        ] {
            files.start(RUN, name.to_owned(), size).unwrap();
            for part in parts {
                files.push(RUN, part).unwrap();
            }
        }
        files.end(RUN, OmittedFiles::default()).unwrap();
        let expected = json!({"output_files": [
            {"name": "a.csv", "size": 6, "content": "1,é\n2", "truncated": false},
            {"name": "plot.png", "size": 4, "content_base64": "iVBORw==", "truncated": false},
            {"name": "control", "size": 3, "content_base64": "AQID", "truncated": false},
            {"name": "empty", "size": 0, "content": "", "truncated": false},
            {"name": "cut", "size": 9, "content": "abc", "truncated": true},
            {"name": "cut.bin", "size": 9, "content_base64": "YWJj/w==", "truncated": true},
        ]});
        assert_eq!(json_of(&files, RUN), expected);
        assert_eq!(json_of(&files, StageName::Compile), json!({}));

        let mut files = collected(Encoding::Base64);
        files.start(RUN, "a".to_owned(), 1).unwrap();
        files.push(RUN, b"x").unwrap();
        let omitted = OmittedFiles { too_many: 3, is_incomplete: true, ..OmittedFiles::default() };
        files.end(RUN, omitted).unwrap();
        let expected = json!({
            "output_files": [{"name": "a", "size": 1, "content_base64": "eA==", "truncated": false}],
            "output_files_omitted": {"too_many": 3, "too_large": 0, "not_regular": 0, "invalid_name": 0,
                "unreadable": 0, "incomplete": true},
        });
        assert_eq!(json_of(&files, RUN), expected);
    }

    #[test]
    fn the_files_of_stages_that_alternate_stay_apart() {
        let mut files = collected(Encoding::Utf8);
        let (first, second) = (StageName::Run(0), StageName::Run(1));
        for stage in [first, second] {
            files.start(stage, "same".to_owned(), 2).unwrap();
        }
        for bytes in [b"a", b"b"] {
            files.push(first, bytes).unwrap();
            files.push(second, &bytes.to_ascii_uppercase()).unwrap();
        }
        for (stage, content) in [(first, "ab"), (second, "AB")] {
            files.end(stage, OmittedFiles::default()).unwrap();
            assert_eq!(json_of(&files, stage)["output_files"][0]["content"], content);
        }
    }

    #[test]
    fn files_beyond_the_maximum_of_an_answer_are_left_out_and_counted() {
        let mut files = collected(Encoding::Base64);
        let part = vec![0; MAX_COLLECTED_FILES / 2 + 1];
        for name in ["first", "cut", "left out", "left out too"] {
            files.start(RUN, name.to_owned(), part.len() as u64).unwrap();
            files.push(RUN, &part).unwrap();
        }
        files.start(RUN, "empty".to_owned(), 0).unwrap();
        files.end(RUN, OmittedFiles::default()).unwrap();
        let json = json_of(&files, RUN);
        let truncated: Vec<_> = json["output_files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| (file["name"].as_str().unwrap(), file["truncated"].as_bool().unwrap()))
            .collect();
        assert_eq!(truncated, [("first", false), ("cut", true), ("empty", false)]);
        assert_eq!(json["output_files_omitted"]["too_large"], 2);
    }

    #[test]
    fn a_live_file_is_returned_when_it_is_complete() {
        let budget = Budget::new(100);
        let mut files = LiveFiles::new(Encoding::Utf8, &budget);
        assert!(files.start(RUN, "a".to_owned(), 2).unwrap().is_none());
        files.push(RUN, b"h").unwrap();
        files.push(RUN, b"i").unwrap();
        let first = files.start(RUN, "b".to_owned(), 200).unwrap().unwrap();
        let expected = json!({"name": "a", "size": 2, "content": "hi", "truncated": false});
        assert_eq!(serde_json::to_value(first).unwrap(), expected);
        assert_eq!(files.push(RUN, &[b'x'; 100]), Err(BudgetExceeded));
        files.push(RUN, &[b'x'; 20]).unwrap();
        let omitted = OmittedFiles { unreadable: 1, ..OmittedFiles::default() };
        assert!(files.end(RUN, omitted).unwrap().is_some());
        assert_eq!(files.take_omitted(RUN), Some(omitted.into()));
        assert_eq!(files.take_omitted(RUN), None);
        drop(files);
        assert!(budget.reservation().grow(100).is_ok());
    }

    #[test]
    fn files_count_in_the_budget() {
        let budget = Budget::new(1000);
        let mut files = CollectedFiles::new(Encoding::Utf8, &budget);
        files.start(RUN, "a".to_owned(), 2000).unwrap();
        assert_eq!(files.push(RUN, &[b'x'; 2000]), Err(BudgetExceeded));
        files.push(RUN, &[b'x'; 500]).unwrap();
        assert_eq!(files.end(RUN, OmittedFiles::default()), Err(BudgetExceeded));
        drop(files);
        assert!(budget.reservation().grow(1000).is_ok());
    }
}
