//! The input of a stage.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use protocol::{Event, Limits, StageName, Stdin};
use sandbox::{Collection, SealedMemoryFile, Start};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::link::Link;
use crate::execution::program_permit::ProgramPermit;
use crate::languages::toolchain::StageKind;
use crate::plan::planner::Planner;

/// Sends events to the client. While the buffer is full the program blocks. When the client is gone, events are
/// discarded.
pub(crate) type EventSender = mpsc::Sender<Event>;

/// The parts of the execution that all its stages share.
pub(crate) struct StageContext<'a> {
    pub(crate) planner: &'a Planner,
    /// Learns whether a program runs.
    pub(crate) permit: ProgramPermit<'a>,
    /// Time from SIGTERM until all processes are killed.
    pub(crate) grace: Duration,
    pub(crate) events: &'a EventSender,
    pub(crate) cancel: &'a CancellationToken,
}

/// The parts that differ from stage to stage.
pub(crate) struct StageInput<'a> {
    pub(crate) name: StageName,
    pub(crate) kind: StageKind,
    pub(crate) start: &'a Start,
    /// The contents of the source files, except for that of an upload.
    pub(crate) sources: &'a [&'a [u8]],
    /// The content of the source file that is an upload.
    pub(crate) uploaded_source: Option<&'a SealedMemoryFile>,
    /// A mount of the output of the compilation.
    pub(crate) build: Option<&'a OwnedFd>,
    pub(crate) limits: &'a Limits,
    pub(crate) stdin: &'a Stdin,
    /// What to return of the files that the program leaves behind.
    pub(crate) collection: Option<&'a Collection>,
    /// The stdin if it is [`Stdin::Upload`].
    pub(crate) upload: Option<&'a SealedMemoryFile>,
    /// The program's end of a dialogue, which replaces its stdin.
    pub(crate) link: Option<&'a Link>,
    /// Whether the result has the stdout of the program.
    pub(crate) keeps_stdout: bool,
    /// Whether the result has what the program wrote about its errors.
    pub(crate) keeps_errors: bool,
    /// When the execution asked for a sandbox.
    pub(crate) requested: Instant,
}
