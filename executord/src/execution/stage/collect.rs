//! Sending the files that a program left behind.

use std::time::Duration;

use bytes::Bytes;
use protocol::{Event, OmittedFiles, StageName};
use sandbox::{ArchiveReader, Collection, Record};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tracing::warn;

use super::input::StageContext;
use crate::failure::Failure;
use crate::plan::collection::omitted;
use crate::pool::sandbox::Sandbox;

/// Time for the collector to find the next file, or to read the next part of one. It searches for a second of CPU time at
/// most, and its sandbox may have less than a core.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes that are read from the archive at once.
const READ_BYTES: usize = 64 * 1024;

/// The daemon's end of a collector.
pub(super) struct Archive {
    pipe: pipe::Receiver,
    reader: ArchiveReader,
}

impl Archive {
    pub(super) fn new(pipe: pipe::Receiver, collection: &Collection) -> Self {
        Self { pipe, reader: ArchiveReader::new(collection.patterns.clone(), collection.limits) }
    }
}

/// Why no more files are sent.
enum End {
    /// The archive is complete.
    Complete(OmittedFiles),
    /// The client is gone or has cancelled.
    Cancelled,
    /// The collector failed, or took too long.
    Failed(String),
}

/// Lets the collector search, and sends what it finds. The sandbox's init must be gone. The collector is gone when this
/// returns.
pub(super) async fn send_output_files(
    sandbox: &mut Sandbox,
    archive: Archive,
    stage: StageName,
    context: &StageContext<'_>,
) -> Result<(), Failure> {
    if !context.cancel.is_cancelled() {
        sandbox.collect()?;
        let end = tokio::select! {
            end = forward(archive, stage, context) => end,
            () = context.cancel.cancelled() => End::Cancelled,
        };
        let omitted = match end {
            End::Complete(omitted) => omitted,
            End::Cancelled => OmittedFiles { is_incomplete: true, ..OmittedFiles::default() },
            End::Failed(error) => {
                warn!(error, ?stage, "cannot collect all output files");
                OmittedFiles { is_incomplete: true, ..OmittedFiles::default() }
            }
        };
        // A client that is gone cancels the execution in another way.
        let _ = context.events.send(Event::OutputFilesEnd { stage, omitted }).await;
    }
    sandbox.end_collector().await
}

/// Tells the client that files may be missing, because processes that could change them are left.
pub(super) async fn send_no_output_files(stage: StageName, context: &StageContext<'_>) {
    let omitted = OmittedFiles { is_incomplete: true, ..OmittedFiles::default() };
    // A client that is gone cancels the execution in another way.
    let _ = context.events.send(Event::OutputFilesEnd { stage, omitted }).await;
}

/// Sends the records of an archive as they arrive. The collector waits while the client does not read.
async fn forward(mut archive: Archive, stage: StageName, context: &StageContext<'_>) -> End {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = match timeout(SEARCH_TIMEOUT, archive.pipe.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => count,
            Ok(Ok(0)) => return End::Failed("the collector ended early".to_owned()),
            Ok(Err(error)) => return End::Failed(error.to_string()),
            Err(_) => return End::Failed("the collector does not write".to_owned()),
        };
        archive.reader.push(&buffer[..count]);
        loop {
            let event = match archive.reader.next_record() {
                Ok(None) => break,
                Ok(Some(Record::File { name, size })) => Event::OutputFile { stage, name, size },
                Ok(Some(Record::Data(part))) => Event::OutputFileChunk { stage, bytes: Bytes::from(part) },
                Ok(Some(Record::End(end))) => return End::Complete(omitted(&end)),
                Err(error) => return End::Failed(error.to_string()),
            };
            if context.events.send(event).await.is_err() {
                return End::Cancelled;
            }
        }
    }
}
