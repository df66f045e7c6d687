//! The output of an execution, collected from its events.

use protocol::{Event, ExecutionId, OmittedFiles, Outcome, StageName, StreamName};

use crate::backend::Execution;
use crate::bounds::{MAX_FILES_TOTAL, MEMORY_PER_FILE_BYTE, MEMORY_PER_OUTPUT_BYTE};
use crate::progress::Progress;
use crate::refusal::Refusal;

/// What an execution did.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) outcome: Outcome,
    pub(crate) stages: Vec<(StageName, StageOutput)>,
    pub(crate) files: Vec<OutputFile>,
    /// Files that were left out, by the daemon or here.
    pub(crate) omitted: OmittedFiles,
}

/// The output of one stage, up to the bound of its tool.
#[derive(Debug, Default)]
pub(crate) struct StageOutput {
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
}

/// The beginning of what a program wrote to one stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    /// Whether the program wrote more.
    pub(crate) is_truncated: bool,
}

/// A file that the program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputFile {
    pub(crate) name: String,
    /// Size of the whole file; the content is shorter if it was cut.
    pub(crate) size: u64,
    pub(crate) content: Vec<u8>,
}

impl Collected {
    /// Reads events up to the last one. `max_stream` bounds the kept bytes of each stream of each stage.
    pub(crate) async fn read(
        mut execution: impl Execution,
        max_stream: usize,
        progress: &mut Progress,
    ) -> Result<Self, Refusal> {
        let mut collected = Self {
            outcome: Outcome::default(),
            stages: Vec::new(),
            files: Vec::new(),
            omitted: OmittedFiles::default(),
        };
        loop {
            let event = tokio::select! {
                event = execution.next_event() => event?,
                () = progress.due() => {
                    progress.send().await;
                    continue;
                }
            };
            match event {
                Event::Queued { position } => progress.queued(position).await,
                Event::StageStarted(stage) => collected.stages.push((stage, StageOutput::default())),
                Event::Output { stage, stream, bytes } => {
                    progress.push(&bytes);
                    collected.write(&mut execution, stage, stream, &bytes, max_stream)?;
                }
                Event::OutputFile { name, size, .. } => {
                    execution.reserve(name.len() * MEMORY_PER_FILE_BYTE)?;
                    collected.files.push(OutputFile { name, size, content: Vec::new() });
                }
                Event::OutputFileChunk { bytes, .. } => collected.write_file(&mut execution, &bytes)?,
                Event::OutputFilesEnd { omitted, .. } => collected.omitted = omitted,
                Event::Finished(outcome) => {
                    progress.send().await;
                    collected.outcome = outcome;
                    return Ok(collected);
                }
                Event::Rejected(rejection) => return Err(rejection.into()),
                Event::Failed { id, message } => return Err(Refusal::failed(id, message)),
                _ => {}
            }
        }
    }

    /// Returns the output of a stage; empty output for one that did not run.
    pub(crate) fn output(&self, name: StageName) -> &StageOutput {
        static EMPTY: StageOutput = StageOutput {
            stdout: Stream { bytes: Vec::new(), is_truncated: false },
            stderr: Stream { bytes: Vec::new(), is_truncated: false },
        };
        self.stages.iter().find(|(stage, _)| *stage == name).map_or(&EMPTY, |(_, output)| output)
    }

    /// Returns the id of the execution.
    pub(crate) const fn id(&self) -> ExecutionId {
        self.outcome.id
    }

    fn write(
        &mut self,
        execution: &mut impl Execution,
        name: StageName,
        stream: StreamName,
        bytes: &[u8],
        max: usize,
    ) -> Result<(), Refusal> {
        // The last stages are the active ones.
        let Some((_, stage)) = self.stages.iter_mut().rev().find(|(stage, _)| *stage == name) else {
            return Ok(());
        };
        let stream = match stream {
            StreamName::Stdout => &mut stage.stdout,
            StreamName::Stderr => &mut stage.stderr,
        };
        let kept = &bytes[..bytes.len().min(max - stream.bytes.len())];
        stream.is_truncated |= kept.len() < bytes.len();
        execution.reserve(kept.len() * MEMORY_PER_OUTPUT_BYTE)?;
        stream.bytes.extend_from_slice(kept);
        Ok(())
    }

    /// Adds content of the last file. A file that is cut here is shorter than its size.
    fn write_file(&mut self, execution: &mut impl Execution, bytes: &[u8]) -> Result<(), Refusal> {
        let total: usize = self.files.iter().map(|file| file.content.len()).sum();
        let kept = &bytes[..bytes.len().min(MAX_FILES_TOTAL - total)];
        execution.reserve(kept.len() * MEMORY_PER_FILE_BYTE)?;
        if let Some(file) = self.files.last_mut() {
            file.content.extend_from_slice(kept);
        }
        Ok(())
    }
}

impl Stream {
    /// Returns the text. Bytes that are not UTF-8 become replacement characters; half a character at a cut is dropped.
    pub(crate) fn text(&self) -> String {
        let whole = match std::str::from_utf8(&self.bytes) {
            Err(error) if self.is_truncated && error.error_len().is_none() => error.valid_up_to(),
            _ => self.bytes.len(),
        };
        String::from_utf8_lossy(&self.bytes[..whole]).into_owned()
    }
}
