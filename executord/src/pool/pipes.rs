//! The daemon's ends of the connections of a sandbox.

use std::io;

use sandbox::{Control, Descriptors, Report, read_report};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::failure::{Context, Failure};
use crate::streams::output::Output;
use crate::streams::pipe::{pipe_pair, stdin_pipe};

/// The daemon's ends of a sandbox's standard streams, control socket and report pipe.
#[derive(Debug)]
pub(crate) struct Pipes {
    /// Taken when the program starts.
    pub(crate) stdin: Option<pipe::Sender>,
    pub(crate) output: Output,
    pub(crate) control: Control,
    pub(crate) reports: Reports,
}

impl Pipes {
    /// Creates both ends of each: the daemon's, and those of the sandbox.
    pub(crate) fn new() -> Result<(Self, Descriptors), Failure> {
        let (stdin_end, stdin) = stdin_pipe().context("create a pipe for stdin")?;
        let (output, ends) = Output::new().context("create the pipes for stdout and stderr")?;
        let (report, report_end) = pipe_pair().context("create a pipe for reports")?;
        let (control, control_end) = Control::new().context("create the control socket")?;
        let reports = Reports {
            pipe: pipe::Receiver::from_owned_fd(report).context("watch the report pipe")?,
            buffer: Vec::new(),
            is_open: true,
        };
        let descriptors = Descriptors {
            stdin: stdin_end,
            stdout: ends.stdout,
            stderr: ends.stderr,
            report: report_end,
            control: control_end,
        };
        Ok((Self { stdin: Some(stdin), output, control, reports }, descriptors))
    }
}

/// The reports of a sandbox's init.
#[derive(Debug)]
pub(crate) struct Reports {
    pipe: pipe::Receiver,
    /// Bytes that were read and not parsed yet.
    buffer: Vec<u8>,
    pub(crate) is_open: bool,
}

impl Reports {
    /// Waits for more to parse, or for the end. Cancel safe.
    pub(crate) async fn read(&mut self) {
        self.is_open = self.pipe.read_buf(&mut self.buffer).await.is_ok_and(|count| count > 0);
    }

    /// Returns the next complete report, if there is one.
    pub(crate) fn take(&mut self) -> Result<Option<Report>, Failure> {
        read_report(&mut self.buffer).context("parse init's report")
    }

    /// Returns whether init reported nothing since the last [`Reports::take`], and still can.
    pub(crate) fn is_silent(&self) -> bool {
        let would_block =
            |read: io::Result<usize>| read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.buffer.is_empty() && would_block(self.pipe.try_read(&mut [0]))
    }
}
